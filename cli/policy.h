/* cli/policy.h - what the verbs of berth policy have in common. */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include "auth/policy.h"
#include "cli/verb.h"

#define POLICY_WHAT_MAX (BERTH_POLICY_NAME_MAX + LOGIN_HOST_MAX + 32)

/* "/berth/v1/policies/NAME" TAIL, or the same below a hub. Both have been checked. */
void policy_path(char out[API_PATH_MAX], const char *hub, const char *name, const char *tail);
/* "policy \"a\"", "policy \"a\" of hub b" */
const char *policy_what(const char *hub, const char *name, char out[POLICY_WHAT_MAX]);
/* verb_take's check: ends the process when NAME is missing or cannot be one. */
void policy_check_name(struct argp_state *state, const char *name);
/* verb_take, and what has to be checked of --hub. */
error_t policy_take(int key, char *arg, struct argp_state *state);
/* Without keys. */
void policy_print(struct berth_json doc, const char *hub, bool json);

/* az iot dps has --policy-name and --pn, az iot hub --name and -n. */
#define POLICY_NAMES(metavar)                                                                      \
    { "policy-name", VERB_KEY_NAME, metavar, 0, "the same as the name alone, as az has it", 0 },   \
        { "pn", VERB_KEY_NAME, NULL, OPTION_ALIAS, NULL, 0 },                                      \
    {                                                                                              \
        "name", VERB_KEY_NAME, NULL, OPTION_ALIAS, NULL, 0                                         \
    }
#define POLICY_HUB                                                                                 \
    {                                                                                              \
        "hub", VERB_KEY_HUB, "NAME", 0, "of this hub instead of the provisioning service", 0       \
    }

#endif
