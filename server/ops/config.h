/* ops/config.h - what `berth serve` is told: defaults, then /etc/berth/berth.conf or --config FILE
 * (INI), then BERTH_* of the environment, then options. Every key is one row of the table in
 * config_table.c, documented in docs/operations.md. */
#ifndef OPS_CONFIG_H
#define OPS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "berth/err.h"

#define CONFIG_HOSTS_MAX  16
#define CONFIG_LISTEN_MAX 8
#define CONFIG_TEXT_MAX   1024
#define CONFIG_LINE_MAX   198 /* bytes of a line of the file: libinih's bound */

#define CONFIG_LOOPS_MAX       64
#define CONFIG_CONNECTIONS_MAX 10000000
#define CONFIG_RATE_MAX        1000000

struct config {
    char data_dir[CONFIG_TEXT_MAX];
    /* --hostname, names and IPs; the first is the service's and the first hub's name */
    char hosts[CONFIG_HOSTS_MAX][256];
    size_t host_count;
    /* addresses; default "::" (dual stack), or 0.0.0.0 where there is no IPv6 */
    char listen[CONFIG_LISTEN_MAX][64];
    size_t listen_count;
    uint16_t https_port;    /* 443 */
    uint16_t mqtts_port;    /* 8883 */
    char ops_listen[64];    /* 127.0.0.1 */
    uint16_t ops_port;      /* 9464; 0: off. /healthz and /metrics */
    unsigned loops;         /* 0: one per core, at most 8 */
    size_t connections_max; /* of the whole daemon; 0: by the file limit */
    /* limits, docs/operations.md; 0: none */
    uint32_t device_requests_per_min; /* authenticated requests of one device, 120 */
    uint32_t peer_failures_per_min;   /* failed authentications of one address, 600 */
    char key_file[CONFIG_TEXT_MAX];   /* "": store.key in the data directory */
    /* the operator's own certificates instead of those that the daemon makes; "": none */
    char tls_certificate[CONFIG_TEXT_MAX]; /* PEM: leaf, then issuers */
    char tls_key[CONFIG_TEXT_MAX];
    char tls_rsa_certificate[CONFIG_TEXT_MAX]; /* beside it, for devices without ECDSA */
    char tls_rsa_key[CONFIG_TEXT_MAX];
    char log_level[16]; /* error warning notice info debug */
    char log_format[8]; /* json, text, auto (text on a terminal) */
    /* tests and benchmarks alone, from variables that are no keys */
    bool unsafe_answer_before_commit; /* BERTH_TEST_ANSWER_BEFORE_COMMIT=1; warns loudly */
    bool bare_tls;                    /* BERTH_BENCH_BARE_TLS=1: echo after the handshake */
    bool dumpable;                    /* BERTH_TEST_DUMPABLE=1: leak checkers may attach */
};

/* One row of the table: a key of the file, BERTH_ and the name in capitals with '_' for '-' in the
 * environment, --name of `berth serve`. */
struct config_key {
    const char *name;
    const char *value;    /* "NUMBER", "NAME,..": what stands for the value in a usage line */
    const char *fallback; /* what holds without it, for people */
    const char *help;     /* one lower-case phrase */
};
/* The row INDEX of the table, NULL beyond the last. */
const struct config_key *config_key_at(size_t index);

void config_defaults(struct config *c);
/* Keys stand before any section or in [berth]; a list may be given in several lines.
 * BERTH_E_NOT_FOUND when PATH does not exist; BERTH_E_SYNTAX with "path:line: what is wrong" in
 * PROBLEM. */
BERTH_MUST_USE berth_err config_read_file(struct config *c, const char *path, char *problem,
                                          size_t problem_size);
/* Variables BERTH_* that name no key are left to others, unless they look like a key misspelt. */
BERTH_MUST_USE berth_err config_read_environment(struct config *c, char *problem,
                                                 size_t problem_size);
/* Of the environment the switches of tests and benchmarks alone. */
void config_read_switches(struct config *c);
/* One key as in the file ("https-port", "8443"): what options use too. A list, separated by commas,
 * replaces what was there. BERTH_E_NOT_FOUND for an unknown key; BERTH_E_SYNTAX or BERTH_E_RANGE
 * for a value, and C is as it was. */
BERTH_MUST_USE berth_err config_set(struct config *c, const char *key, const char *value,
                                    char *problem, size_t problem_size);
/* Where the data directory is when nobody says: $STATE_DIRECTORY of a systemd unit, /var/lib/berth
 * for root, else $XDG_DATA_HOME/berth or ~/.local/share/berth. */
BERTH_MUST_USE berth_err config_default_data_dir(char *out, size_t size);
/* Fills in what depends on the machine (data directory, host name, addresses, loops, key file) and
 * checks what belongs together. */
BERTH_MUST_USE berth_err config_finish(struct config *c, char *problem, size_t problem_size);

#endif
