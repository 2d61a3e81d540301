#include "front/connection_refused.h"

#include <stdio.h>
#include <string.h>

#include "front/refusals.h"
#include "net/http.h"

static const enum berth_reason reasons[] = {
    [TLS_FAILED_OTHERWISE] = BERTH_WHY_TLS_HANDSHAKE_FAILED,
    [TLS_FAILED_LEFT] = BERTH_WHY_TLS_HANDSHAKE_LEFT,
    [TLS_FAILED_SLOW] = BERTH_WHY_TLS_HANDSHAKE_SLOW,
    [TLS_FAILED_CROWDED] = BERTH_WHY_TLS_HANDSHAKE_CROWDED,
    [TLS_FAILED_CA_UNKNOWN] = BERTH_WHY_TLS_CA_UNKNOWN,
    [TLS_FAILED_EXPIRED] = BERTH_WHY_TLS_CERTIFICATE_EXPIRED,
    [TLS_FAILED_BAD_CERTIFICATE] = BERTH_WHY_TLS_CERTIFICATE_BAD,
    [TLS_FAILED_CERTIFICATE] = BERTH_WHY_TLS_CERTIFICATE_REFUSED,
    [TLS_FAILED_NO_CIPHER] = BERTH_WHY_TLS_NO_SHARED_CIPHER,
    [TLS_FAILED_VERSION] = BERTH_WHY_TLS_VERSION_OLD,
    [TLS_FAILED_PLAIN_HTTP] = BERTH_WHY_PLAIN_HTTP,
    [TLS_FAILED_PLAIN_MQTT] = BERTH_WHY_PLAIN_MQTT,
    [TLS_FAILED_PLAIN] = BERTH_WHY_PLAIN_BYTES,
};

void connection_refused(struct front *f, const struct layer *l, enum berth_reason why,
                        const char *transport, berth_str detail, berth_str registration_id)
{
    const struct peer *peer = layer_peer(l);

    metrics_add(f->metrics, reasons[why], 1);
    (void)refusals_add(f->refusals,
                       &(struct refusal_note){ .kind = REFUSAL_CONNECTION,
                                               .reason = why,
                                               .peer = peer == NULL ? NULL : peer->text,
                                               .detail = detail,
                                               .registration_id = registration_id,
                                               .transport = transport },
                       loop_now_ms(f->loop));
}

static void refused_with_name(struct front *f, const struct layer *tls, enum berth_reason why,
                              const char *transport, const char *words, const char *name)
{
    char detail[REFUSAL_TEXT_SIZE];

    (void)snprintf(detail, sizeof detail, "%s%sserver name \"%.128s\"", words,
                   words[0] == '\0' ? "" : "; ", name);
    connection_refused(f, tls, why, transport, berth_str_of(detail), (berth_str){ 0 });
}

/* A peer that finds the certificate bad, and asked for a name that is not in it, has told why. */
static enum berth_reason reason_of(enum tls_failure what, const struct tls_info *info)
{
    if ((what == TLS_FAILED_BAD_CERTIFICATE || what == TLS_FAILED_CERTIFICATE) &&
        !info->name_is_covered)
        return BERTH_WHY_TLS_NAME_NOT_COVERED;
    return reasons[what];
}

void connection_tls_failed(struct front *f, const struct layer *tls, enum tls_failure what,
                           const char *transport, const char *reason)
{
    const struct tls_info *info = layer_tls_info(tls);
    enum berth_reason why = reason_of(what, info);

    if (info->server_name[0] != '\0')
        refused_with_name(f, tls, why, transport, reason, info->server_name);
    else
        connection_refused(f, tls, why, transport, berth_str_of(reason), (berth_str){ 0 });
}

/* Many clients look at the name once the handshake is done, and then just hang up. */
void connection_tls_up(struct front *f, const struct layer *tls, const struct tls_info *info,
                       const char *transport)
{
    if (!info->name_is_covered)
        refused_with_name(f, tls, BERTH_WHY_TLS_NAME_NOT_COVERED, transport, "", info->server_name);
}

void connection_http_refused(struct front *f, const struct layer *l, int status, const char *why)
{
    bool mqtt = strcmp(why, HTTP_WHY_MQTT) == 0;
    enum berth_reason reason = mqtt            ? BERTH_WHY_MQTT_ON_HTTPS_PORT
                               : status == 503 ? BERTH_WHY_OVERLOADED
                                               : BERTH_WHY_HTTP_MALFORMED;
    char detail[REFUSAL_TEXT_SIZE];

    (void)snprintf(detail, sizeof detail, "%d: %s", status, why);
    connection_refused(f, l, reason, "https", berth_str_of(mqtt ? "" : detail), (berth_str){ 0 });
}

bool connection_is_http(berth_str bytes)
{
    static const char *const words[] = { "GET ",    "PUT ",   "POST ",   "HEAD ",
                                         "DELETE ", "PATCH ", "OPTIONS " };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (berth_str_starts(bytes, berth_str_of(words[i])))
            return true;
    return false;
}
