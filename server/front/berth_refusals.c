/* GET /berth/v1/refusals: what was refused lately, and why. */
#include "front/page.h"
#include "front/refusals.h"
#include "front/service.h"
#include "wire/json_time.h"
#include "wire/percent.h"
#include "wire/query.h"

#define LAST_DEFAULT 20

static const char *const kinds[REFUSAL_KINDS] = {
    [REFUSAL_DEVICE] = "device",
    [REFUSAL_SERVICE] = "service",
    [REFUSAL_CONNECTION] = "connection",
    [REFUSAL_WARNING] = "warning",
};

static const char *const examined[] = {
    [REFUSAL_PLAIN] = "no",
    [REFUSAL_PENDING] = "pending",
    [REFUSAL_SKIPPED] = "skipped",
    [REFUSAL_EXAMINED] = "yes",
};

static void put_mistake(struct berth_json_out *j, enum berth_mistake m)
{
    const struct berth_mistake_row *row = berth_mistake_row(m);

    berth_json_open(j, '{');
    berth_json_member(j, "name", berth_str_of(row->name));
    berth_json_member(j, "text", berth_str_of(row->text));
    berth_json_member(j, "remedy", berth_str_of(row->remedy));
    berth_json_close(j, '}');
}

static void put_finding(struct berth_json_out *j, const struct refusal *e)
{
    berth_json_member(j, "examined", berth_str_of(examined[e->examined]));
    if (e->finding.count == 0)
        return;
    berth_json_member_bool(j, "proven", e->finding.proven);
    berth_json_name(j, BERTH_STR("mistakes"));
    berth_json_open(j, '[');
    for (size_t i = 0; i < e->finding.count; i++)
        put_mistake(j, e->finding.mistakes[i]);
    berth_json_close(j, ']');
    if (e->finding.off_s != 0)
        berth_json_member_i64(j, "offSeconds", e->finding.off_s);
}

static void put_text(struct berth_json_out *j, const char *name, const char *text)
{
    if (text[0] != '\0')
        berth_json_member(j, name, berth_str_of(text));
}

static void put_reason(struct berth_json_out *j, enum berth_reason why)
{
    const struct berth_reason_row *row = berth_reason_row(why);

    if (why == BERTH_WHY_NONE)
        return;
    berth_json_member(j, "reason", berth_str_of(row->name));
    berth_json_member(j, "cause", berth_str_of(row->text));
    berth_json_member(j, "remedy", berth_str_of(row->remedy));
    if (row->status != 0)
        berth_json_member_i64(j, "status", row->status);
    if (row->code != 0)
        berth_json_member_i64(j, "errorCode", row->code);
}

static void put_refusal(struct berth_json_out *j, const struct refusal *e)
{
    berth_json_open(j, '{');
    berth_json_member(j, "kind", berth_str_of(kinds[e->kind]));
    put_text(j, "trackingId", e->tracking);
    berth_json_member_time(j, "timeUtc", e->last_ms);
    berth_json_member_time(j, "firstTimeUtc", e->first_ms);
    berth_json_member_i64(j, "count", e->count);
    put_text(j, "peer", e->peer);
    put_text(j, "transport", e->transport);
    put_text(j, "registrationId", e->registration_id);
    put_text(j, "enrollment", e->enrollment);
    put_reason(j, e->reason);
    put_text(j, "detail", e->detail);
    put_finding(j, e);
    berth_json_close(j, '}');
}

/* The parameter NAME, percent-decoded, or absent. False after refusing. */
static bool take_parameter(struct call *c, const char *name, berth_str *out)
{
    berth_str raw = berth_query_get(c->x->query, berth_str_of(name));
    struct berth_buf b;

    *out = (berth_str){ 0 };
    if (raw.p == NULL)
        return true;
    berth_arena_lend(&c->arena, &b);
    if (berth_percent_decode(raw, &b) == BERTH_OK &&
        berth_arena_keep(&c->arena, &b, out) == BERTH_OK)
        return true;
    call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("A parameter has a broken escape."));
    return false;
}

static bool take_query(struct call *c, struct refusal_query *q, size_t *last)
{
    berth_str text = berth_query_get(c->x->query, BERTH_STR("last"));

    *last = LAST_DEFAULT;
    if (!take_parameter(c, "tracking", &q->tracking) ||
        !take_parameter(c, "registration", &q->registration) ||
        !take_parameter(c, "peer", &q->peer) || !take_parameter(c, "about", &q->about))
        return false;
    if (text.p == NULL || page_limit(text, last))
        return true;
    call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("last is a number from 1."));
    return false;
}

void api_refusal_list(struct call *c)
{
    struct refusal_query q = { 0 };
    struct refusal *list;
    struct berth_json_out j;
    struct berth_buf b;
    size_t last, count;

    if (!take_query(c, &q, &last))
        return;
    if (last > REFUSALS_LIST_MAX)
        last = REFUSALS_LIST_MAX;
    list = call_alloc(c, last * sizeof *list);
    if (list == NULL)
        return;
    count = refusals_find(c->f->refusals, &q, loop_now_ms(c->f->loop), list, last);
    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '[');
    for (size_t i = 0; i < count; i++)
        put_refusal(&j, &list[i]);
    berth_json_close(&j, ']');
    call_send(c, 200, &b, NULL, 0);
}
