/* cli/ca_fetch.h - the CA that a service's own certificate chain ends in: trust on first use, once
 * somebody has compared its fingerprint. */
#ifndef CLI_CA_FETCH_H
#define CLI_CA_FETCH_H

#include "cli/profile.h"

#define CA_FETCH_PEM_MAX 16384

struct ca_found {
    char pem[CA_FETCH_PEM_MAX];
    char subject[256];
    char fingerprint[32 * 3]; /* SHA-256, "E7:1D:.." as `berth ca list` prints it */
};

/* Shakes hands with PLACE, sends nothing, trusts nothing. EXIT_CODE_OK, or the user has been told.
 */
int ca_fetch(const struct profile *place, struct ca_found *out);
/* Whether PEM has a certificate in it. */
bool ca_fetch_is_pem(berth_str pem);
/* Whether GIVEN can be a fingerprint: 64 digits, with or without colons between bytes. */
bool ca_fetch_is_fingerprint(const char *given);
/* Whether GIVEN, with or without colons and in any case, is FINGERPRINT. */
bool ca_fetch_is(const char *fingerprint, const char *given);

#endif
