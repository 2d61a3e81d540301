/* The DPS device API over HTTPS: one registration asked, polled or answered. Rules: docs/wire.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "front/dev.h"
#include "front/registrar.h"
#include "front/registration_log.h"
#include "front/router.h"
#include "net/listener.h"
#include "prov/dps_device.h"

#define TRANSPORT    "https"
#define SCRATCH_SIZE 4096 /* decoded path and body strings */

/* Lives from the request to its answer, or until the client has gone. */
struct device_call {
    struct front *f;
    struct http_exchange *x;
    struct registration *registration;
    bool is_poll;
};

/* RFC 9110 15.5.6: each path of this API has one method. */
static berth_str method_of(berth_str path)
{
    static const berth_str tail = BERTH_STR_INIT("/register");
    bool ends =
        path.n >= tail.n && berth_str_ieq(berth_str_sub(path, path.n - tail.n, path.n), tail);

    return ends ? BERTH_STR("PUT") : BERTH_STR("GET");
}

static void respond(struct http_exchange *x, int status, int code, int retry_after_s,
                    berth_str tracking_id, berth_str body)
{
    char retry[12], number[12];
    struct http_header h[5] = {
        { BERTH_STR("Content-Type"), BERTH_STR("application/json; charset=utf-8") },
        { BERTH_STR("x-ms-request-id"), tracking_id },
    };
    size_t n = 2;

    if (retry_after_s > 0) {
        (void)snprintf(retry, sizeof retry, "%d", retry_after_s);
        h[n++] = (struct http_header){ BERTH_STR("Retry-After"), berth_str_of(retry) };
    }
    if (code != 0) {
        (void)snprintf(number, sizeof number, "%d", code);
        h[n++] = (struct http_header){ BERTH_STR("x-ms-error-code"), berth_str_of(number) };
    }
    if (status == 405)
        h[n++] = (struct http_header){ BERTH_STR("Allow"), method_of(x->path) };
    http_respond(x, status, h, n, body);
}

static void refuse(struct front *f, struct http_exchange *x, const struct berth_answer *answer,
                   berth_str tracking_id)
{
    enum berth_reason why = answer->reason;
    const struct berth_reason_row *row = berth_reason_row(why);
    char text[1024];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_dps_error_put(&b, why, answer->message, tracking_id, loop_now_ms(f->loop));
    respond(x, row->status, row->code, berth_answer_wait_s(answer), tracking_id, berth_buf_str(&b));
}

/* Before a registration exists. */
static void refuse_at_once(struct front *f, struct http_exchange *x, enum berth_reason why)
{
    const struct berth_answer answer = { .reason = why, .message = dev_message(f->dev, why) };
    char tracking[FRONT_TRACKING_SIZE];

    front_tracking_id(f, tracking);
    (void)registration_log(f, &(struct registration_line){
                                  .tracking = tracking,
                                  .peer = layer_peer(x->layer),
                                  .transport = TRANSPORT,
                                  .answer = &answer,
                              });
    refuse(f, x, &answer, berth_str_of(tracking));
}

static void answered(void *user, const struct berth_answer *answer, const char *tracking_id)
{
    struct device_call *d = user;
    struct front *f = d->f;
    struct http_exchange *x = d->x;
    bool is_poll = d->is_poll;
    char text[BERTH_DPS_ANSWER_MAX];
    struct berth_buf b;
    int status;

    free(d);
    x->abandoned = NULL;
    if (berth_answer_is_error(answer)) {
        refuse(f, x, answer, berth_str_of(tracking_id));
        return;
    }
    /* 202 to every register, also when done: C# and aziot take nothing else. */
    status = is_poll && answer->state.status != BERTH_ASSIGNING ? 200 : 202;
    berth_buf_init(&b, text, sizeof text);
    berth_dps_answer_put(&b, answer);
    if (b.over)
        refuse(f, x, &(struct berth_answer){ .reason = BERTH_WHY_INTERNAL },
               berth_str_of(tracking_id));
    else
        respond(x, status, 0, answer->retry_after_s, berth_str_of(tracking_id), berth_buf_str(&b));
}

static void abandoned(struct http_exchange *x)
{
    struct device_call *d = x->user;

    registrar_forget(d->registration);
    free(d);
}

/* The request in transport-free form, or why there is none. */
static enum berth_reason read_request(struct http_exchange *x, struct berth_arena *a,
                                      struct berth_registration_request *req)
{
    struct berth_dps_register body = { 0 };
    struct berth_dps_path path;

    if (berth_dps_path_parse(x->path, a, &path) != BERTH_OK || (!path.is_register && !path.is_poll))
        return BERTH_WHY_ROUTE_UNKNOWN;
    if (x->method != (path.is_register ? HTTP_PUT : HTTP_GET))
        return BERTH_WHY_METHOD_NOT_ALLOWED;
    if (path.is_register && x->body.n > 0) {
        if (!front_has_json(x))
            return BERTH_WHY_MEDIA_TYPE_WRONG;
        if (berth_dps_register_parse(x->body, a, &body) != BERTH_OK)
            return BERTH_WHY_PAYLOAD_MALFORMED;
        if (body.registration_id.p != NULL &&
            !berth_str_ieq(body.registration_id, path.registration_id))
            return BERTH_WHY_BODY_ID_DIFFERS;
    }
    *req = (struct berth_registration_request){
        .id_scope = path.id_scope,
        .registration_id = path.registration_id,
        .payload = body.payload,
        .is_poll = path.is_poll,
        .operation_id = path.operation_id,
    };
    req->credential.u.sas = http_field(x, BERTH_STR("authorization"));
    req->credential.type =
        req->credential.u.sas.n > 0 ? BERTH_CREDENTIAL_SAS : BERTH_CREDENTIAL_NONE;
    return BERTH_WHY_NONE;
}

void device_http(struct front *f, struct http_exchange *x)
{
    struct berth_registration_request req = { 0 };
    unsigned char scratch[SCRATCH_SIZE];
    struct berth_arena a;
    struct device_call *d;
    enum berth_reason why;

    berth_arena_init(&a, scratch, sizeof scratch);
    why = read_request(x, &a, &req);
    if (why != BERTH_WHY_NONE) {
        refuse_at_once(f, x, why);
        return;
    }
    d = malloc(sizeof *d);
    if (d == NULL) {
        refuse_at_once(f, x, BERTH_WHY_OVERLOADED);
        return;
    }
    *d = (struct device_call){ .f = f, .x = x, .is_poll = req.is_poll };
    d->registration =
        registrar_start(f->registrar, &req, layer_peer(x->layer), TRANSPORT, answered, d);
    if (d->registration == NULL) {
        free(d);
        refuse_at_once(f, x, BERTH_WHY_OVERLOADED);
        return;
    }
    x->user = d;
    x->abandoned = abandoned;
}
