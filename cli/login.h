/* cli/login.h - a connection string taken apart: which service, as whom. */
#ifndef CLI_LOGIN_H
#define CLI_LOGIN_H

#include "berth/crypto.h"

#define LOGIN_HOST_MAX   253
#define LOGIN_POLICY_MAX 64
#define LOGIN_TEXT_MAX   1024 /* bytes of a connection string */

struct login {
    char host[LOGIN_HOST_MAX + 1]; /* as in a URL: an IPv6 address stands in brackets */
    uint16_t port;                 /* 0: not said */
    char policy[LOGIN_POLICY_MAX + 1];
    struct berth_key key; /* wipe when done */
};

/* HostName=host[:port];SharedAccessKeyName=..;SharedAccessKey=.. in any order; names without regard
 * to case. BERTH_E_SYNTAX or BERTH_E_RANGE with *PROBLEM a phrase that never quotes the text; *OUT
 * is zeroed then. */
BERTH_MUST_USE berth_err login_parse(berth_str text, struct login *out, const char **problem);

/* "host[:port]" into HOST, of LOGIN_HOST_MAX + 1 bytes, and *PORT (0 when not said). A bare IPv6
 * address is put in brackets. BERTH_E_SYNTAX, BERTH_E_RANGE. */
BERTH_MUST_USE berth_err login_host(berth_str text, char host[LOGIN_HOST_MAX + 1], uint16_t *port);

#endif
