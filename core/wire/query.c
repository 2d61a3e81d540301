#include "wire/query.h"

#include "base/ascii.h"

berth_str berth_query_get(berth_str query, berth_str name)
{
    while (query.n > 0) {
        berth_str value = berth_str_cut(&query, '&');
        berth_str key = berth_str_cut(&value, '=');
        if (berth_str_ieq(key, name))
            return value;
    }
    return (berth_str){ 0 };
}

bool berth_api_version_is_valid(berth_str version)
{
    static const char shape[] = "dddd-dd-dd";

    if (version.n < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == 'd' ? !ascii_is_digit(version.p[i]) : version.p[i] != shape[i])
            return false;
    if (berth_str_cmp(berth_str_sub(version, 0, 4), BERTH_STR("2016")) < 0)
        return false;
    version = berth_str_sub(version, sizeof shape - 1, version.n);
    return version.n == 0 || berth_str_eq(version, BERTH_STR("-preview"));
}
