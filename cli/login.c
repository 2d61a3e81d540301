#include "cli/login.h"

#include <string.h>

#include "base/ascii.h"
#include "crypto/b64.h"

static bool is_plain(berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && memchr("-._:", s.p[i], 4) == NULL)
            return false;
    return s.n > 0;
}

static berth_err take_port(berth_str text, uint16_t *port)
{
    uint64_t n = 0;
    berth_err e = berth_str_to_u64(text, &n);

    if (e != BERTH_OK)
        return e;
    if (n == 0 || n > UINT16_MAX)
        return BERTH_E_RANGE;
    *port = (uint16_t)n;
    return BERTH_OK;
}

static berth_err put_host(berth_str host, bool bracketed, char out[LOGIN_HOST_MAX + 1])
{
    size_t at = 0;

    if (!is_plain(host))
        return BERTH_E_SYNTAX;
    if (host.n + (bracketed ? 2 : 0) > LOGIN_HOST_MAX)
        return BERTH_E_RANGE;
    if (bracketed)
        out[at++] = '[';
    memcpy(out + at, host.p, host.n);
    at += host.n;
    if (bracketed)
        out[at++] = ']';
    out[at] = '\0';
    return BERTH_OK;
}

berth_err login_host(berth_str text, char host[LOGIN_HOST_MAX + 1], uint16_t *port)
{
    size_t colon = berth_str_find(text, ':');
    berth_str rest = berth_str_sub(text, colon + 1, text.n);

    *port = 0;
    if (berth_str_skip(&text, BERTH_STR("["))) {
        size_t end = berth_str_find(text, ']');

        rest = berth_str_sub(text, end + 1, text.n);
        if (end == text.n || (rest.n > 0 && !berth_str_skip(&rest, BERTH_STR(":"))))
            return BERTH_E_SYNTAX;
        if (rest.n > 0 && take_port(rest, port) != BERTH_OK)
            return BERTH_E_SYNTAX;
        return put_host(berth_str_sub(text, 0, end), true, host);
    }
    if (berth_str_find(rest, ':') < rest.n) /* two colons: an IPv6 address without brackets */
        return put_host(text, true, host);
    if (colon < text.n && take_port(rest, port) != BERTH_OK)
        return BERTH_E_SYNTAX;
    return put_host(berth_str_sub(text, 0, colon), false, host);
}

static berth_err take_policy(berth_str value, struct login *l, const char **problem)
{
    *problem = "SharedAccessKeyName is empty, too long or has odd characters";
    if (l->policy[0] != '\0' || !is_plain(value))
        return BERTH_E_SYNTAX;
    if (value.n > LOGIN_POLICY_MAX)
        return BERTH_E_RANGE;
    memcpy(l->policy, value.p, value.n);
    return BERTH_OK;
}

static berth_err take_field(berth_str name, berth_str value, struct login *l, const char **problem)
{
    if (berth_str_ieq(name, BERTH_STR("HostName"))) {
        *problem = "HostName is no host name, or there are two";
        return l->host[0] != '\0' ? BERTH_E_SYNTAX : login_host(value, l->host, &l->port);
    }
    if (berth_str_ieq(name, BERTH_STR("SharedAccessKeyName")))
        return take_policy(value, l, problem);
    if (berth_str_ieq(name, BERTH_STR("SharedAccessKey"))) {
        *problem = "SharedAccessKey is not base64 of 16 to 64 bytes, or there are two";
        return l->key.n > 0 ? BERTH_E_SYNTAX : berth_key_decode(value, &l->key);
    }
    *problem = berth_str_ieq(name, BERTH_STR("DeviceId"))
                   ? "this is a device's connection string; a service's is wanted"
                   : "there is a field other than HostName, SharedAccessKeyName, SharedAccessKey";
    return BERTH_E_SYNTAX;
}

static berth_err parse(berth_str text, struct login *l, const char **problem)
{
    *problem = "it is longer than 1024 bytes";
    if (text.n > LOGIN_TEXT_MAX)
        return BERTH_E_RANGE;
    while (text.n > 0) {
        berth_str value = berth_str_trim(berth_str_cut(&text, ';'));
        berth_str name = berth_str_cut(&value, '=');
        berth_err e = take_field(name, value, l, problem);

        if (e != BERTH_OK)
            return e;
    }
    *problem = "HostName, SharedAccessKeyName or SharedAccessKey is missing";
    if (l->host[0] == '\0' || l->policy[0] == '\0' || l->key.n == 0)
        return BERTH_E_SYNTAX;
    *problem = NULL;
    return BERTH_OK;
}

berth_err login_parse(berth_str text, struct login *out, const char **problem)
{
    berth_err e;

    *out = (struct login){ 0 };
    e = parse(berth_str_trim(text), out, problem);
    if (e != BERTH_OK)
        explicit_bzero(out, sizeof *out);
    return e;
}
