/* cli/profile.h - where the daemon is and how it is asked: the profile.ini that it wrote, or a
 * connection string. */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "cli/login.h"
#include "cli/options.h"
#include "ops/file.h"

#define PROFILE_TEXT_MAX  8192
#define PROFILE_SCOPE_MAX 64

struct profile {
    char path[FILE_PATH_MAX]; /* "" when a connection string was given */
    bool remote;              /* by `berth login`: the daemon may run on any machine */
    char host[LOGIN_HOST_MAX + 1];
    uint16_t https_port;                  /* never 0 */
    uint16_t mqtts_port;                  /* likewise */
    char ca_file[FILE_PATH_MAX];          /* "": the system's CAs */
    char id_scope[PROFILE_SCOPE_MAX + 1]; /* "": to be asked for */
    struct login login;                   /* wipe when done */
};

/* Whether the daemon that wrote it runs on this machine. */
bool profile_is_local(const struct profile *p);
/* The data directory of that daemon, in which P stands; false when it was copied from there. */
bool profile_data_dir(const struct profile *p, char out[FILE_PATH_MAX]);

/* The text of a profile.ini. Keys it does not know are skipped: the daemon may be newer. On error
 * PROBLEM gets "line 3: .." or what is missing, never a key, and *OUT is wiped. */
BERTH_MUST_USE berth_err profile_parse(berth_str text, struct profile *out, char *problem,
                                       size_t problem_size);

/* The file of a profile. EXIT_CODE_OK, or the user has been told. */
int profile_read(const char *path, struct profile *out);

#define PROFILE_HTTPS_PORT 443
#define PROFILE_MQTTS_PORT 8883

/* By --login, --profile or --data-dir, else $BERTH_LOGIN, else $BERTH_PROFILE, else the one that
 * `berth login` made or chose, else where a daemon of this user or of the system keeps it.
 * EXIT_CODE_OK, or the user has been told. */
int profile_find(const struct options *o, struct profile *out);
/* The same when a service is not needed to go on: *FOUND false, and nothing is told, where no
 * profile was named and none is in the usual places. */
int profile_find_if_any(const struct options *o, struct profile *out, bool *found);

#endif
