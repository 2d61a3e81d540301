/* cli/change.h - a document of the service read, changed, and written back under its etag, so that
 * nobody else's change is lost. */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/api.h"

#define CHANGE_ETAG_MAX 64 /* bytes; the service's own are 18 at most */

struct change {
    const char *path; /* with its query */
    const char *what;
    const struct login *hub; /* NULL: the provisioning service */
    const char *etag;        /* that the document must still have; NULL: the one it is read with */
    /* Writes what DOC becomes. EXIT_CODE_OK, or the user has been told. */
    int (*put)(struct berth_json_out *j, struct berth_json doc, const void *user);
    const void *user;
};

/* EXIT_CODE_OK with the changed document in A->json, or the user has been told. */
int change_run(struct api *a, const struct change *c);

/* For parsers: an etag that can stand in a header field, or the process ends. */
const char *change_take_etag(struct argp_state *state, const char *arg);

/* Members of DOC that are not in SKIPPED (ended by NULL), as they were written. */
void change_copy(struct berth_json_out *j, struct berth_json doc, const char *const *skipped);

#endif
