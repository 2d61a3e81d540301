#include <assert.h>
#include <string.h>

#include "ops/config_table.h"

#define MEMBER(m) .at = offsetof(struct config, m), .size = sizeof(((struct config *)0)->m)
#define ENTRY(m)  .at = offsetof(struct config, m), .size = sizeof(((struct config *)0)->m[0])

#define SLIPS_MAX    2  /* more is another word, not a misspelt one */
#define KEY_NAME_MAX 32 /* bytes of a key */

static const struct config_row rows[] = {
    { .key = { "data-dir", "DIRECTORY", "/var/lib/berth for root, else ~/.local/share/berth",
               "where records, keys and certificates are kept" },
      .kind = CONFIG_TEXT,
      MEMBER(data_dir),
      .most = CONFIG_TEXT_MAX - 1 },
    { .key = { "hostname", "NAME,..", "the machine's name, localhost, 127.0.0.1",
               "names and IP addresses that clients use; the first names the service and its first "
               "hub" },
      .kind = CONFIG_NAMES,
      ENTRY(hosts),
      .most = CONFIG_HOSTS_MAX,
      .count_at = offsetof(struct config, host_count) },
    { .key = { "listen", "ADDRESS,..", ":: (both IP versions), 0.0.0.0 without IPv6",
               "addresses to accept connections on" },
      .kind = CONFIG_ADDRESSES,
      ENTRY(listen),
      .most = CONFIG_LISTEN_MAX,
      .count_at = offsetof(struct config, listen_count) },
    { .key = { "https-port", "PORT", "443", "HTTPS and MQTT over WebSocket" },
      .kind = CONFIG_U16,
      MEMBER(https_port),
      .most = UINT16_MAX },
    { .key = { "mqtts-port", "PORT", "8883", "MQTT over TLS" },
      .kind = CONFIG_U16,
      MEMBER(mqtts_port),
      .most = UINT16_MAX },
    { .key = { "ops-listen", "ADDRESS", "127.0.0.1",
               "address of /healthz and /metrics, plain HTTP" },
      .kind = CONFIG_ADDRESS,
      MEMBER(ops_listen) },
    { .key = { "ops-port", "PORT", "9464", "port of /healthz and /metrics; 0 turns them off" },
      .kind = CONFIG_U16,
      MEMBER(ops_port),
      .most = UINT16_MAX },
    { .key = { "loops", "NUMBER", "one per core, at most 8",
               "threads that serve connections; 0 for the default" },
      .kind = CONFIG_UNSIGNED,
      MEMBER(loops),
      .most = CONFIG_LOOPS_MAX },
    { .key = { "connections-max", "NUMBER", "what the file limit allows",
               "connections open at once; 0 for the default" },
      .kind = CONFIG_SIZE,
      MEMBER(connections_max),
      .most = CONFIG_CONNECTIONS_MAX },
    { .key = { "device-requests-per-min", "NUMBER", "120",
               "authenticated requests of one device, per loop; 0 for no limit" },
      .kind = CONFIG_U32,
      MEMBER(device_requests_per_min),
      .most = CONFIG_RATE_MAX },
    { .key = { "peer-failures-per-min", "NUMBER", "600",
               "failed authentications of one address (IPv6: /64), per loop; 0 for no limit" },
      .kind = CONFIG_U32,
      MEMBER(peer_failures_per_min),
      .most = CONFIG_RATE_MAX },
    { .key = { "key-file", "FILE",
               "the systemd credential store.key, else store.key in the data directory",
               "the key that seals secrets in the store" },
      .kind = CONFIG_TEXT,
      MEMBER(key_file),
      .most = CONFIG_TEXT_MAX - 1 },
    { .key = { "tls-certificate", "FILE", "the daemon makes its own",
               "your own server certificate with its issuers, PEM" },
      .kind = CONFIG_TEXT,
      MEMBER(tls_certificate),
      .most = CONFIG_TEXT_MAX - 1 },
    { .key = { "tls-key", "FILE", "none", "the private key of tls-certificate, PEM" },
      .kind = CONFIG_TEXT,
      MEMBER(tls_key),
      .most = CONFIG_TEXT_MAX - 1 },
    { .key = { "tls-rsa-certificate", "FILE", "none",
               "one with an RSA key beside tls-certificate, for devices without ECDSA" },
      .kind = CONFIG_TEXT,
      MEMBER(tls_rsa_certificate),
      .most = CONFIG_TEXT_MAX - 1 },
    { .key = { "tls-rsa-key", "FILE", "none", "the private key of tls-rsa-certificate, PEM" },
      .kind = CONFIG_TEXT,
      MEMBER(tls_rsa_key),
      .most = CONFIG_TEXT_MAX - 1 },
    { .key = { "log-level", "error|warning|notice|info|debug", "info", "least weight of lines" },
      .kind = CONFIG_WORD,
      MEMBER(log_level),
      .words = "error warning notice info debug" },
    { .key = { "log-format", "json|text|auto", "auto", "auto is text on a terminal, else json" },
      .kind = CONFIG_WORD,
      MEMBER(log_format),
      .words = "json text auto" },
};
#define ROWS (sizeof rows / sizeof rows[0])

const struct config_key *config_key_at(size_t index)
{
    return index < ROWS ? &rows[index].key : NULL;
}

const struct config_row *config_row(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].key.name, name) == 0)
            return &rows[i];
    return NULL;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to add, drop or change between A and the key B (Levenshtein), by rows. */
static size_t slips_between(const char *a, const char *b)
{
    size_t row[KEY_NAME_MAX + 1], n = strlen(b);

    assert(n <= KEY_NAME_MAX);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = least_of(changed, 1 + least_of(row[j], row[j - 1]));
        }
    }
    return row[n];
}

const char *config_nearest(const char *name)
{
    const char *nearest = NULL;
    size_t least = SLIPS_MAX + 1;

    for (size_t i = 0; i < ROWS; i++) {
        size_t slips = slips_between(name, rows[i].key.name);

        if (slips < least) {
            least = slips;
            nearest = rows[i].key.name;
        }
    }
    return nearest;
}
