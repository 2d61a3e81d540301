/* cli/enrollment_body.h - the document that creates or changes an enrollment or a group. */
#ifndef CLI_ENROLLMENT_BODY_H
#define CLI_ENROLLMENT_BODY_H

#include "crypto/key_pair.h"
#include "wire/json.h"

/* As on the command line; NULL or no key when left out. */
struct enrollment_settings {
    const char *id, *device_id;
    const char *allocation, *reprovision, *status; /* words that the service knows */
    const char *hubs;                              /* "a b" */
    const char *tags, *properties, *information;   /* JSON, or @FILE */
    struct berth_key_pair keys;
    bool edge, edge_given;
};

/* ID_MEMBER: what the ID is called. EXIT_CODE_OK, or the user has been told which option is wrong;
 * whether it fitted shows in J's buffer. */
int enrollment_body_put(struct berth_json_out *j, const char *id_member,
                        const struct enrollment_settings *in);

/* Puts DOC, an enrollment as the service gave it, with what IN gives in place of its own. */
int enrollment_body_change(struct berth_json_out *j, struct berth_json doc,
                           const struct enrollment_settings *in);

#endif
