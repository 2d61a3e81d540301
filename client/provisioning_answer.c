#include "base/utf8.h"
#include "berth/registration_id.h"
#include "client/provisioning_wire.h"
#include "prov/dps_device.h"
#include "wire/mqtt.h"

#define RETRY_AFTER_DEFAULT_S 2
#define RETRY_AFTER_MAX_S     300
#define ANSWER_ARENA          2048 /* for the answer's strings that hold escapes */

/* TEXT, cut to fit between two characters. It may end up on a terminal: control characters, also
 * those of two bytes (U+0080 to U+009F), show as '?'. */
static void copy(char *out, size_t size, berth_str text)
{
    size_t n = berth_utf8_cut(text, size - 1).n;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_c1 = i > 0 && c >= 0x80 && c < 0xa0 && text.p[i - 1] == '\xc2';
        if (is_c1)
            out[i - 1] = '?';
        out[i] = c < 0x20 || c == 0x7f || is_c1 ? '?' : text.p[i];
    }
    out[n] = '\0';
}

void berth__prov_fail(struct berth_prov *p, berth_err why, berth_str message)
{
    p->result.err = why;
    copy(p->result.message, sizeof p->result.message, message);
    p->phase = BERTH__LEAVING;
    p->need = BERTH_PROV_FAILED;
}

/* The result is set: over MQTT the service is told before the connection closes. */
static void leave(struct berth_prov *p)
{
    p->phase = BERTH__LEAVING;
    if (p->o.transport == BERTH_TRANSPORT_HTTPS) {
        berth__prov_settle(p);
        return;
    }
    berth_mqtt_put_empty(&p->tx, BERTH_MQTT_DISCONNECT);
    p->need = BERTH_PROV_SEND;
}

/* Sends what acknowledgement is due, then waits; the phase says what is asked after that. */
static void pause_for(struct berth_prov *p, int retry_after_s)
{
    bool in_range = retry_after_s >= 1 && retry_after_s <= RETRY_AFTER_MAX_S;

    p->wait_ms = 1000u * (uint32_t)(in_range ? retry_after_s : RETRY_AFTER_DEFAULT_S);
    p->need = p->tx.n > p->tx_sent ? BERTH_PROV_SEND : BERTH_PROV_WAIT;
    p->pausing = true;
}

/* ---- the service's answer ---- */

static void refuse(struct berth_prov *p, berth_err why, const struct berth_dps_result *r)
{
    struct berth_prov_result *result = &p->result;

    result->err = why;
    if (r->error_code > 0 && r->error_code <= INT32_MAX)
        result->error_code = (int)r->error_code;
    copy(result->message, sizeof result->message,
         r->error_message.n > 0 ? r->error_message
                                : BERTH_STR("the service refused without saying why"));
    copy(result->tracking_id, sizeof result->tracking_id, r->tracking_id);
    leave(p);
}

static void take_assigned(struct berth_prov *p, const struct berth_dps_result *r)
{
    struct berth_prov_result *result = &p->result;

    if (!berth__is_plain(r->assigned_hub, sizeof result->assigned_hub - 1, "/") ||
        berth_device_id_check(r->device_id).fault != BERTH_ID_FINE) {
        berth__prov_fail(p, BERTH_E_SYNTAX,
                         BERTH_STR("the service assigned no usable hub and device ID"));
        return;
    }
    copy(result->assigned_hub, sizeof result->assigned_hub, r->assigned_hub);
    copy(result->device_id, sizeof result->device_id, r->device_id);
    leave(p);
}

static void take_assigning(struct berth_prov *p, int retry_after_s)
{
    p->assigning = true;
    if (p->result.operation_id[0] == '\0')
        berth__prov_fail(p, BERTH_E_SYNTAX,
                         BERTH_STR("the service named no operation to ask about"));
    else if (p->polls >= BERTH_PROV_POLLS_MAX)
        berth__prov_fail(p, BERTH_E_TIMEOUT, BERTH_STR("the service never finished assigning"));
    else {
        p->phase = BERTH__POLLING;
        pause_for(p, retry_after_s);
    }
}

/* An operation ID is pasted into a topic and a path. False after failing P. */
static bool take_operation_id(struct berth_prov *p, berth_str id)
{
    if (id.n == 0)
        return true;
    if (!berth__is_plain(id, sizeof p->result.operation_id - 1, "/+#?&=$%")) {
        berth__prov_fail(p, BERTH_E_SYNTAX, BERTH_STR("the service's operation ID is not usable"));
        return false;
    }
    copy(p->result.operation_id, sizeof p->result.operation_id, id);
    return true;
}

static void take_success(struct berth_prov *p, const struct berth_dps_result *r, int retry_after_s)
{
    if (!r->has_status) {
        berth__prov_fail(p, BERTH_E_SYNTAX, BERTH_STR("the service's answer has no status"));
        return;
    }
    if (!take_operation_id(p, r->operation_id))
        return;
    copy(p->result.status, sizeof p->result.status,
         berth_str_of(berth_registration_status_text(r->status)));
    p->retries = 0;
    switch (r->status) {
    case BERTH_ASSIGNED:
        take_assigned(p, r);
        break;
    case BERTH_UNASSIGNED:
    case BERTH_ASSIGNING:
        take_assigning(p, retry_after_s);
        break;
    case BERTH_FAILED:
    case BERTH_DISABLED:
        refuse(p, BERTH_E_MISMATCH, r);
        break;
    }
}

/* Not the JSON of an answer: a proxy's page, or not the device API at all. */
static void take_foreign(struct berth_prov *p, int status, bool may_pass)
{
    char storage[96];
    struct berth_buf words;

    berth_buf_init(&words, storage, sizeof storage);
    berth_buf_put(&words, BERTH_STR("the service answered "));
    berth_buf_put_i64(&words, status);
    berth_buf_put(&words, BERTH_STR(" without a body that berth can read: "));
    berth_buf_put(&words,
                  may_pass ? BERTH_STR("try again later") : BERTH_STR("is it a DPS endpoint?"));
    berth__prov_fail(p, may_pass ? BERTH_E_IO : BERTH_E_SYNTAX, berth_buf_str(&words));
}

void berth__prov_judge(struct berth_prov *p, const struct berth__answer *answer)
{
    unsigned char memory[ANSWER_ARENA];
    struct berth_dps_result r;
    struct berth_arena a;
    bool may_pass = answer->status == 429 || answer->status >= 500;
    berth_err e;

    if (may_pass && p->retries < BERTH_PROV_RETRIES_MAX) {
        p->retries++;
        pause_for(p, answer->retry_after_s);
        return;
    }
    berth_arena_init(&a, memory, sizeof memory);
    e = berth_dps_answer_parse(answer->body, &a, &r);
    if (e != BERTH_OK || (answer->status >= 300 && answer->status < 400))
        take_foreign(p, answer->status, may_pass);
    else if (answer->status >= 400)
        refuse(p, may_pass ? BERTH_E_IO : BERTH_E_MISMATCH, &r);
    else
        take_success(p, &r, answer->retry_after_s);
}
