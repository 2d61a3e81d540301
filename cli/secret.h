/* cli/secret.h - keys by ways that other users of the machine cannot see: a file, standard input,
 * the environment, a prompt. The command line too, with a warning. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "berth/crypto.h"

#define SECRET_FILE_MAX 1024 /* bytes of a file that holds a key */

struct secret_source {
    const char *what;     /* "device key": in prompts and problems */
    const char *file;     /* --key-file; "-" is standard input; NULL when not given */
    char *given;          /* --key; overwritten once read, so that it leaves the process list */
    const char *option;   /* "--key-file": what problems call it by */
    const char *variable; /* of the environment; NULL: none */
    bool ask;             /* prompt on a terminal when nothing else gives it */
    bool is_text;         /* no key in base64: for secret_read_text */
    bool from_terminal;   /* standard input is taken: prompt on the controlling terminal */
};

/* Base64 text into KEY, which the caller wipes; KEY->n is 0 when no way gave one and ASK is false.
 * EXIT_CODE_OK, or the user has been told. */
int secret_read(const struct secret_source *s, struct berth_key *key);
/* The same of what is no key: TEXT stands in STORAGE, which the caller wipes; *FROM names where it
 * came from, NULL when no way gave one and ASK is false. */
int secret_read_text(const struct secret_source *s, char storage[SECRET_FILE_MAX], berth_str *text,
                     const char **from);

#endif
