#include "hub/hub_event.h"

#include "base/utf8.h"
#include "crypto/b64.h"
#include "hub/hub_topic.h"
#include "wire/json.h"
#include "wire/json_time.h"

/* A property of the bag, decoded. */
struct shown {
    berth_str name; /* of a system property: its word */
    berth_str value;
    bool is_system;
};

struct shown_list {
    struct shown *at;
    size_t n;
};

static bool is_there(const struct shown_list *l, const struct shown *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->at[i].is_system == s->is_system && berth_str_eq(l->at[i].name, s->name))
            return true;
    return false;
}

static berth_err take(struct shown_list *l, const struct berth_hub_property *p,
                      struct berth_arena *a)
{
    struct shown s = { 0 };
    berth_str word;
    berth_err e = berth_hub_bag_decode(p->name, a, &s.name);

    if (e == BERTH_OK)
        e = berth_hub_bag_decode(p->value, a, &s.value);
    if (e != BERTH_OK)
        return e;
    word = berth_hub_system_name(s.name);
    s.is_system = word.p != NULL;
    if (s.is_system)
        s.name = word;
    if (!is_there(l, &s))
        l->at[l->n++] = s;
    return BERTH_OK;
}

static berth_err take_bag(struct shown_list *l, berth_str bag, struct berth_arena *a)
{
    struct berth_hub_property p;

    *l = (struct shown_list){ berth_arena_alloc(a, BERTH_HUB_EVENT_PROPERTIES_MAX * sizeof *l->at),
                              0 };
    if (l->at == NULL)
        return BERTH_E_FULL;
    while (l->n < BERTH_HUB_EVENT_PROPERTIES_MAX && berth_hub_bag_next(&bag, &p)) {
        berth_err e = take(l, &p, a);
        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static void put_properties(struct berth_json_out *j, const char *name, const struct shown_list *l,
                           bool system)
{
    berth_json_name(j, berth_str_of(name));
    berth_json_open(j, '{');
    for (size_t i = 0; i < l->n; i++) {
        const struct shown *s = &l->at[i];
        if (s->is_system != system)
            continue;
        berth_json_name(j, s->name);
        if (s->value.p == NULL)
            berth_json_put_null(j);
        else
            berth_json_put_string(j, s->value);
    }
    berth_json_close(j, '}');
}

static bool is_text(berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r')
            return false;
    return berth_utf8_is_valid(s);
}

static void put_payload(struct berth_json_out *j, berth_str payload)
{
    bool text = is_text(payload);

    berth_json_name(j, BERTH_STR("payload"));
    if (text) {
        berth_json_put_string(j, payload);
    } else {
        berth_json_put_raw(j, BERTH_STR("\""));
        berth_b64_put(j->b, (const uint8_t *)payload.p, payload.n);
        berth_buf_put_char(j->b, '"');
    }
    berth_json_member(j, "payloadEncoding", text ? BERTH_STR("utf-8") : BERTH_STR("base64"));
}

static berth_err put_message(struct berth_json_out *j, const struct berth_hub_event *event,
                             struct berth_arena *a)
{
    struct shown_list l;
    berth_err e = take_bag(&l, event->bag, a);

    if (e != BERTH_OK)
        return e;
    put_properties(j, "properties", &l, false);
    put_properties(j, "systemProperties", &l, true);
    put_payload(j, event->payload);
    return BERTH_OK;
}

berth_err berth_hub_event_put(struct berth_buf *b, const struct berth_hub_event *event,
                              struct berth_arena *a)
{
    struct berth_json_out j;
    berth_err e = BERTH_OK;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member_i64(&j, "sequence", (int64_t)event->sequence);
    berth_json_member_time(&j, "time", event->time_ms);
    berth_json_member(&j, "deviceId", event->device_id);
    if (event->audit.p != NULL)
        berth_json_member_raw(&j, "audit", event->audit);
    else
        e = put_message(&j, event, a);
    if (e != BERTH_OK)
        return e;
    berth_json_close(&j, '}');
    return b->over ? BERTH_E_FULL : BERTH_OK;
}
