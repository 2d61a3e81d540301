#include "front/host_name.h"

#include <strings.h>

#include "base/ascii.h"
#include "berth/str.h"
#include "ops/address.h"
#include "prov/enrollment.h"

#define LABEL_MAX 63 /* RFC 1035 */

static bool is_own(const char *name, const struct config *config)
{
    for (size_t i = 0; i < config->host_count; i++)
        if (strcasecmp(name, config->hosts[i]) == 0)
            return true;
    return false;
}

static bool is_label(berth_str label)
{
    if (label.n == 0 || label.n > LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    return label.p[0] != '-' && label.p[label.n - 1] != '-';
}

bool host_name_is_valid(const char *name, const struct config *config)
{
    berth_str rest = berth_str_of(name);
    size_t labels = 0;

    if (rest.n == 0 || rest.n > BERTH_HOST_NAME_MAX)
        return false;
    if (is_own(name, config) || address_is_literal(name))
        return true;
    if (berth_str_ends(rest, BERTH_STR(".")))
        return false;
    for (; rest.n > 0; labels++)
        if (!is_label(berth_str_cut(&rest, '.')))
            return false;
    return labels >= 2;
}
