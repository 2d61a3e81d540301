#include "berth/registration_id.h"

#include <string.h>

#include "base/ascii.h"

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* Faults but the one of the last character, the leftmost first. Looks at BERTH_ID_MAX bytes and no
 * more, however long ID is. */
static struct berth_id_check check(berth_str id, const char *punctuation)
{
    if (id.n == 0)
        return (struct berth_id_check){ BERTH_ID_EMPTY, 0 };
    for (size_t i = 0; i < id.n && i < BERTH_ID_MAX; i++)
        if (!ascii_is_alnum(id.p[i]) && !is_one_of(id.p[i], punctuation))
            return (struct berth_id_check){ BERTH_ID_BAD_CHARACTER, i };
    if (id.n > BERTH_ID_MAX)
        return (struct berth_id_check){ BERTH_ID_TOO_LONG, BERTH_ID_MAX };
    return (struct berth_id_check){ BERTH_ID_FINE, 0 };
}

struct berth_id_check berth_registration_id_check(berth_str id)
{
    struct berth_id_check found = check(id, "-._:");

    if (found.fault != BERTH_ID_FINE)
        return found;
    if (!ascii_is_alnum(id.p[id.n - 1]) && id.p[id.n - 1] != '-')
        return (struct berth_id_check){ BERTH_ID_BAD_END, id.n - 1 };
    return found;
}

struct berth_id_check berth_device_id_check(berth_str id)
{
    return check(id, "-:.+%_#*?!(),=@;$'");
}

const char *berth_id_fault_text(enum berth_id_fault fault)
{
    switch (fault) {
    case BERTH_ID_FINE:
        return "is fine";
    case BERTH_ID_EMPTY:
        return "is empty";
    case BERTH_ID_TOO_LONG:
        return "is longer than 128 characters";
    case BERTH_ID_BAD_CHARACTER:
        return "has a character that is not allowed";
    case BERTH_ID_BAD_END:
        return "does not end in a letter, a digit or '-'";
    }
    return "is not valid";
}
