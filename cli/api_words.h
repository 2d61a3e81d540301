/* cli/api_words.h - what a request's failure is called, what to do about it, and the exit code it
 * gives. */
#ifndef CLI_API_WORDS_H
#define CLI_API_WORDS_H

#include "cli/profile.h"

/* What an answer other than 2xx carries besides its body. */
struct api_refusal {
    long status;
    char tracking[80];
    char retry_after[16];
    char date[40];           /* by the service's clock; "" when it does not say */
    const char *path, *host; /* that were asked */
};

/* HOST was asked for, REACH connected to. RESULT is a CURLcode, VERIFIED the X.509 verify result.
 * Returns EXIT_CODE_UNREACHABLE. */
int api_tell_unreachable(const struct profile *place, const char *reach, const char *host,
                         int result, long verified);

/* BODY is the service's error document, POLICY the one that signed, WHAT was asked for (may be
 * NULL). */
int api_tell_refusal(const struct api_refusal *r, berth_str body, const char *policy,
                     const char *what);

#endif
