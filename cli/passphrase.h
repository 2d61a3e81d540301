/* cli/passphrase.h - the passphrase of a backup: a file, standard input or a prompt; never the
 * command line or the environment, where others can see it. */
#ifndef CLI_PASSPHRASE_H
#define CLI_PASSPHRASE_H

#include "berth/buf.h"

#define PASSPHRASE_MIN 8 /* bytes, of a new one */
#define PASSPHRASE_MAX 1024

struct passphrase {
    char bytes[PASSPHRASE_MAX + 2]; /* room for the line's end */
    struct berth_buf text;          /* wipe when done: passphrase_wipe */
};

/* FILE is --passphrase-file ("-": a line of standard input), NULL: ask on the terminal, twice when
 * IS_NEW. EXIT_CODE_OK, or the user has been told. */
int passphrase_read(struct passphrase *p, const char *file, bool is_new);
void passphrase_wipe(struct passphrase *p);

#endif
