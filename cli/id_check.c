#include "cli/id_check.h"

#include <stdio.h>

#include "berth/registration_id.h"

#define DEVICE_RULES                                                                               \
    "a device ID has letters (a-z, A-Z), digits and - : . + % _ # * ? ! ( ) , = @ ; $ '"

static void judge(struct argp_state *state, const char *option, const char *id,
                  struct berth_id_check c, const char *rules)
{
    char where[48] = "";

    if (c.fault == BERTH_ID_FINE)
        return;
    if (c.fault == BERTH_ID_BAD_CHARACTER)
        (void)snprintf(where, sizeof where, " (character %zu)", c.position + 1);
    if (option != NULL)
        argp_error(state, "%s %s: an ID that %s%s\n  %s", option, id, berth_id_fault_text(c.fault),
                   where, rules);
    else
        argp_error(state, "\"%s\": an ID that %s%s\n  %s", id, berth_id_fault_text(c.fault), where,
                   rules);
}

void id_check_registration(struct argp_state *state, const char *option, const char *id)
{
    judge(state, option, id, berth_registration_id_check(berth_str_of(id)), ID_CHECK_RULES);
}

void id_check_device(struct argp_state *state, const char *option, const char *id)
{
    judge(state, option, id, berth_device_id_check(berth_str_of(id)), DEVICE_RULES);
}
