/* How a call ends: its answer in either dialect, its log line, its memory wiped. */
#include <assert.h>
#include <stdlib.h>

#include "base/time.h"
#include "front/call.h"
#include "front/refusals.h"
#include "hub/device.h"
#include "ops/log.h"
#include "ops/trust.h"
#include "prov/dps_device.h"
#include "wire/json.h"

#define ERROR_BODY_MAX 4096

/* The longest messages are a path in a twin with the words beside it, whose bytes escape to two,
 * and what is wrong with a certificate, whose bytes may escape to six. */
_Static_assert(ERROR_BODY_MAX >= 2 * BERTH_TWIN_PATH_MAX + 512 &&
                   ERROR_BODY_MAX >= 6 * sizeof((struct trust_answer *)0)->problem + 512,
               "with what stands around the message");

static void log_call(const struct call *c, int status, enum berth_reason why, bool abandoned)
{
    struct log_field fields[9];
    size_t n = 0;

    fields[n++] = LOG_TEXT("tracking_id", berth_str_of(c->tracking));
    fields[n++] = LOG_TEXT("method", c->method_text);
    fields[n++] = LOG_TEXT("path", c->path);
    fields[n++] = LOG_NUM("status", status);
    if (why != BERTH_WHY_NONE)
        fields[n++] = LOG_TEXT("reason", berth_str_of(berth_reason_row(why)->name));
    fields[n++] = LOG_TEXT("peer", berth_str_of(c->peer));
    if (c->policy.n > 0)
        fields[n++] = LOG_TEXT("policy", c->policy);
    if (c->hub.n > 0)
        fields[n++] = LOG_TEXT("hub", c->hub);
    if (abandoned)
        fields[n++] = LOG_NUM("abandoned", 1);
    log_write(why == BERTH_WHY_NONE ? LOG_INFO : LOG_NOTICE, "service request", fields, n);
}

static void keep_refusal(const struct call *c, enum berth_reason why, berth_str message)
{
    char text[REFUSAL_TEXT_SIZE];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, c->method_text);
    berth_buf_put_char(&b, ' ');
    berth_buf_put(&b, berth_str_sub(c->path, 0, sizeof text / 2));
    if (message.n > 0)
        berth_buf_put(&b, BERTH_STR(": "));
    berth_buf_put(&b, berth_str_sub(message, 0, sizeof text - b.n));
    (void)refusals_add(c->f->refusals,
                       &(struct refusal_note){ .kind = REFUSAL_SERVICE,
                                               .reason = why,
                                               .tracking = c->tracking,
                                               .peer = c->peer,
                                               .detail = berth_buf_str(&b),
                                               .transport = "https" },
                       loop_now_ms(c->f->loop));
}

static void call_free(struct call *c)
{
    const struct berth_crypto *crypto = c->f->crypto;
    size_t used = c->arena.n > c->high ? c->arena.n : c->high;

    *c->prev = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    crypto->wipe(crypto->ctx, c->memory, used);
    free(c);
}

void calls_drop(struct front *f)
{
    for (struct call *c = f->calls, *next; c != NULL; c = next) {
        next = c->next;
        if (c->x != NULL)
            c->x->abandoned = NULL;
        call_free(c);
    }
}

/* A body in the lent part of the arena counts as used. */
static void note_body(struct call *c, berth_str body)
{
    const char *memory = (const char *)c->memory;

    if (body.n > 0 && body.p >= memory && body.p < memory + CALL_ARENA_SIZE) {
        size_t end = (size_t)(body.p - memory) + body.n;
        c->high = end > c->high ? end : c->high;
    }
}

static void end_call(struct call *c, int status, enum berth_reason why,
                     const struct http_header *headers, size_t count, berth_str body)
{
    struct http_exchange *x = c->x;

    note_body(c, body);
    c->x = NULL;
    if (x != NULL) {
        x->user = NULL;
        x->abandoned = NULL;
        http_respond(x, status, headers, count, body);
    }
    log_call(c, status, why, x == NULL);
    call_free(c);
}

/* Lower-case names: the C# SDK looks them up with regard to case. */
static size_t put_common(const struct call *c, bool json, struct http_header *out)
{
    size_t n = 0;

    out[n++] = (struct http_header){ BERTH_STR("x-ms-request-id"), berth_str_of(c->tracking) };
    if (!json)
        return n;
    out[n++] = (struct http_header){ BERTH_STR("content-type"),
                                     BERTH_STR("application/json; charset=utf-8") };
    /* answers carry keys: no cache may keep them */
    out[n++] = (struct http_header){ BERTH_STR("cache-control"), BERTH_STR("no-store") };
    return n;
}

void call_json(struct call *c, int status, berth_str body, const struct http_header *headers,
               size_t count)
{
    struct http_header all[3 + CALL_HEADERS_MAX];
    size_t n = put_common(c, true, all);

    for (size_t i = 0; i < count && i < CALL_HEADERS_MAX; i++)
        all[n++] = headers[i];
    end_call(c, status, BERTH_WHY_NONE, all, n, body);
}

void call_send(struct call *c, int status, const struct berth_buf *b,
               const struct http_header *headers, size_t count)
{
    note_body(c, berth_buf_str(b));
    if (b->over)
        call_fail(c, BERTH_WHY_INTERNAL, "an answer does not fit its call");
    else
        call_json(c, status, berth_buf_str(b), headers, count);
}

void call_empty(struct call *c, int status)
{
    struct http_header all[1];

    end_call(c, status, BERTH_WHY_NONE, all, put_common(c, false, all), (berth_str){ 0 });
}

/* "01/31/2024 10:11:12" out of "2024-01-31T10:11:12.1230000Z" */
static void put_hub_time(struct berth_buf *b, int64_t now_ms)
{
    char storage[40];
    struct berth_buf text;
    berth_str t;

    berth_buf_init(&text, storage, sizeof storage);
    berth_time_put(&text, now_ms);
    t = berth_buf_str(&text);
    berth_buf_put(b, berth_str_sub(t, 5, 2));
    berth_buf_put_char(b, '/');
    berth_buf_put(b, berth_str_sub(t, 8, 2));
    berth_buf_put_char(b, '/');
    berth_buf_put(b, berth_str_sub(t, 0, 4));
    berth_buf_put_char(b, ' ');
    berth_buf_put(b, berth_str_sub(t, 11, 8));
}

static berth_str hub_name(enum berth_reason why)
{
    const struct berth_reason_row *row = berth_reason_row(why);

    return row->hub[0] != '\0' ? berth_str_of(row->hub) : BERTH_STR("InvalidOperation");
}

/* Node splits Message at ';' and takes the name behind the ':'; C# compares it with the header. */
static void put_hub_error(struct berth_buf *b, enum berth_reason why, berth_str message,
                          const char *tracking, int64_t now_ms)
{
    if (message.n == 0)
        message = berth_str_of(berth_reason_row(why)->peer);
    berth_buf_put(b, BERTH_STR("{\"Message\":\"ErrorCode:"));
    berth_buf_put(b, hub_name(why));
    berth_buf_put_char(b, ';');
    berth_json_escape(b, message);
    berth_buf_put(b, BERTH_STR("\",\"ExceptionMessage\":\"Tracking ID:"));
    berth_buf_put(b, berth_str_of(tracking));
    berth_buf_put(b, BERTH_STR("-G:0-TimeStamp:"));
    put_hub_time(b, now_ms);
    berth_buf_put(b, BERTH_STR("\"}"));
}

static void put_error(const struct call *c, struct berth_buf *b, enum berth_reason why,
                      berth_str message)
{
    int64_t now_ms = loop_now_ms(c->f->loop);

    berth_buf_reset(b);
    if (c->dialect == CALL_HUB)
        put_hub_error(b, why, message, c->tracking, now_ms);
    else
        berth_dps_error_put(b, why, message, berth_str_of(c->tracking), now_ms);
}

/* RFC 9110 15.5.6: a 405 says which methods there are. */
static void put_methods(struct berth_buf *b, unsigned allow)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",   [HTTP_HEAD] = "HEAD",   [HTTP_PUT] = "PUT",
        [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((allow & 1u << i) == 0)
            continue;
        if (b->n > 0)
            berth_buf_put(b, BERTH_STR(", "));
        berth_buf_put(b, berth_str_of(names[i]));
    }
}

void call_refuse(struct call *c, enum berth_reason why, berth_str message)
{
    const struct berth_reason_row *row = berth_reason_row(why);
    struct http_header all[3 + 3];
    size_t n = put_common(c, true, all);
    char body_text[ERROR_BODY_MAX], code_text[16], retry_text[24], allow_text[48];
    struct berth_buf body, code, retry, allow;

    berth_buf_init(&body, body_text, sizeof body_text);
    put_error(c, &body, why, message);
    assert(!body.over);
    berth_buf_init(&code, code_text, sizeof code_text);
    berth_buf_put_i64(&code, row->code);
    all[n++] = c->dialect == CALL_HUB
                   ? (struct http_header){ BERTH_STR("iothub-errorcode"), hub_name(why) }
                   : (struct http_header){ BERTH_STR("x-ms-error-code"), berth_buf_str(&code) };
    if (c->retry_after_s > 0) {
        berth_buf_init(&retry, retry_text, sizeof retry_text);
        berth_buf_put_u64(&retry, c->retry_after_s);
        all[n++] = (struct http_header){ BERTH_STR("retry-after"), berth_buf_str(&retry) };
    }
    if (c->allow != 0) {
        berth_buf_init(&allow, allow_text, sizeof allow_text);
        put_methods(&allow, c->allow);
        all[n++] = (struct http_header){ BERTH_STR("allow"), berth_buf_str(&allow) };
    }
    metrics_add(c->f->metrics, reasons[why], 1);
    keep_refusal(c, why, message);
    end_call(c, row->status, why, all, n, berth_buf_str(&body));
}

void call_refuse_as(struct call *c, berth_err e, const struct berth_refusal *why)
{
    if (e == BERTH_E_FULL) {
        call_fail(c, BERTH_WHY_INTERNAL, "a document does not fit its call");
        return;
    }
    call_refuse(c, why->reason != BERTH_WHY_NONE ? why->reason : BERTH_WHY_REQUEST_INVALID,
                why->message);
}

void call_fail(struct call *c, enum berth_reason why, const char *problem)
{
    log_event(LOG_ERROR, "service request failed",
              LOG_TEXT("tracking_id", berth_str_of(c->tracking)),
              LOG_TEXT("problem", berth_str_of(problem)));
    /* what did not fit may lie anywhere in the arena */
    c->high = CALL_ARENA_SIZE;
    call_refuse(c, why, (berth_str){ 0 });
}
