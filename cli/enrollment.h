/* cli/enrollment.h - what enrollments and enrollment groups have in common, and where they differ.
 */
#ifndef CLI_ENROLLMENT_H
#define CLI_ENROLLMENT_H

#include "berth/registration_id.h"
#include "cli/api.h"
#include "cli/enrollment_body.h"
#include "cli/table.h"

#define ENROLLMENT_WHAT_MAX (BERTH_ID_MAX + 32)

struct enrollment_kind {
    const char *noun;      /* "enrollment group" */
    const char *command;   /* "enrollment-group" */
    const char *id_member; /* "enrollmentGroupId" */
    const char *path;      /* "/enrollmentGroups/" */
    const char *settings;  /* "/berth/v1/enrollmentGroups/" */
    const char *id_option; /* "group-id", and its short form "gid" */
    const char *id_alias;
    const char *metavar; /* "GROUP-ID", of one that is there */
    bool is_group;
};
extern const struct enrollment_kind enrollment_single, enrollment_group;

/* Ends the process with EXIT_CODE_USAGE when ID is missing or breaks the rules. */
void enrollment_check_id(struct argp_state *state, const char *id);
/* "enrollment group \"a\"" */
const char *enrollment_what(const struct enrollment_kind *k, const char *id,
                            char out[ENROLLMENT_WHAT_MAX]);

/* Prints one as the service gave it: JSON or names and values, with keys only on request. */
void enrollment_print(const struct enrollment_kind *k, struct berth_json doc, bool json,
                      bool show_keys);

/* Reads one, changes what SET gives, and writes it back, when it still has ETAG (NULL: the etag it
 * was read with). EXIT_CODE_OK with the answer in A->json, or the user has been told. */
int enrollment_change(struct api *a, const struct enrollment_kind *k,
                      const struct enrollment_settings *set, const char *etag);

#endif
