#include "front/monitor.h"

#include "front/common.h"
#include "front/service.h"
#include "wire/percent.h"
#include "wire/query.h"

#define NAMES_MEMORY (128 * 1024) /* of one event's properties: a topic has 64 KiB */

/* In its call's arena. */
struct monitor {
    struct monitor *next, **prev; /* in the front's list; prev NULL: does not wait */
    struct call *c;
    struct hub_events_query q;
    struct hub_watch watch;
    struct deadline deadline;
    int64_t until_ms; /* monotonic */
    uint64_t missed;
    size_t mark;
    struct berth_arena names;
};

static void enlist(struct monitor *m)
{
    struct front *f = m->c->f;

    m->next = f->monitors;
    if (m->next != NULL)
        m->next->prev = &m->next;
    m->prev = &f->monitors;
    f->monitors = m;
    f->monitor_count++;
}

static void delist(struct monitor *m)
{
    deadline_clear(&m->deadline);
    if (m->prev == NULL)
        return;
    *m->prev = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    m->prev = NULL;
    m->c->f->monitor_count--;
}

static void put_number(struct berth_buf *b, char *storage, size_t size, uint64_t v)
{
    berth_buf_init(b, storage, size);
    berth_buf_put_u64(b, v);
}

static void answer(struct monitor *m, struct berth_buf *body)
{
    char cursor_text[20], missed_text[20];
    struct berth_buf cursor, missed;
    struct http_header headers[2];
    size_t n = 0;

    delist(m);
    put_number(&cursor, cursor_text, sizeof cursor_text, m->q.after);
    headers[n++] = (struct http_header){ BERTH_STR("x-ms-continuation"), berth_buf_str(&cursor) };
    if (m->missed > 0) {
        put_number(&missed, missed_text, sizeof missed_text, m->missed);
        headers[n++] = (struct http_header){ BERTH_STR("x-berth-missed"), berth_buf_str(&missed) };
    }
    berth_buf_put_char(body, ']');
    call_send(m->c, 200, body, headers, n);
}

/* Answers with events, or with none because the time is over or memory is out; else waits. */
static void go_on(struct monitor *m)
{
    struct front *f = m->c->f;
    bool last = f->stopping || loop_mono_ms(f->loop) >= m->until_ms;
    struct berth_buf body;
    uint64_t missed;
    size_t count;

    m->c->arena.n = m->mark;
    call_body(m->c, &body);
    berth_buf_put_char(&body, '[');
    count = hub_events_put(f->common->events, &m->q, &body, &m->names, last ? NULL : &m->watch,
                           &m->q.after, &missed);
    m->missed += missed;
    if (count > 0 || !hub_watch_stands(&m->watch))
        answer(m, &body);
}

static void on_woken(void *user)
{
    struct monitor *m = user;

    (void)hub_watch_end(&m->watch);
    go_on(m);
}

static void wait_no_longer(struct monitor *m)
{
    m->until_ms = 0;
    if (hub_watch_end(&m->watch)) /* else it is being woken, and looks at the time itself */
        go_on(m);
}

static void on_late(struct deadline *d)
{
    wait_no_longer((struct monitor *)(void *)((char *)d - offsetof(struct monitor, deadline)));
}

/* Who waits for nobody would keep the place from somebody. */
static void on_client_gone(struct call *c)
{
    wait_no_longer(c->state);
}

void monitors_stop(struct front *f)
{
    struct monitor *next;

    for (struct monitor *m = f->monitors; m != NULL; m = next) {
        next = m->next;
        if (hub_watch_end(&m->watch))
            go_on(m);
    }
}

/* ---- the request ---- */

static bool take_device(struct call *c, berth_str text, struct monitor *m)
{
    struct berth_buf b;

    if (text.p == NULL)
        return true;
    berth_arena_lend(&c->arena, &b);
    if (berth_percent_decode(text, &b) == BERTH_OK &&
        berth_arena_keep(&c->arena, &b, &m->q.device_id) == BERTH_OK)
        return true;
    call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("deviceId has a broken escape."));
    return false;
}

static bool take_numbers(struct call *c, struct monitor *m)
{
    berth_str after = berth_query_get(c->x->query, BERTH_STR("after"));
    berth_str wait = berth_query_get(c->x->query, BERTH_STR("wait"));
    uint64_t seconds = 0;

    if (after.p == NULL) {
        m->q.after = hub_events_last(c->f->common->events, m->q.hub);
    } else if (berth_str_to_u64(after, &m->q.after) != BERTH_OK) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("after must be a number."));
        return false;
    }
    if (wait.p != NULL &&
        (berth_str_to_u64(wait, &seconds) != BERTH_OK || seconds > MONITOR_WAIT_MAX_S)) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("wait must be a number up to 30."));
        return false;
    }
    m->until_ms = loop_mono_ms(c->f->loop) + (int64_t)seconds * 1000;
    return true;
}

static bool take_audit(struct call *c, struct monitor *m)
{
    berth_str audit = berth_query_get(c->x->query, BERTH_STR("audit"));

    m->q.audit = berth_str_eq(audit, BERTH_STR("true"));
    if (audit.p == NULL || m->q.audit || berth_str_eq(audit, BERTH_STR("false")))
        return true;
    call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("audit must be true or false."));
    return false;
}

static bool take_hub(struct call *c, struct monitor *m)
{
    const struct berth_hub *hub;
    berth_str lower;

    if (berth_arena_lower(&c->arena, c->segments[3], &lower) != BERTH_OK) {
        call_fail(c, BERTH_WHY_INTERNAL, "a hub's name does not fit its call");
        return false;
    }
    hub = berth_catalog_hub(catalog_view(c->f->catalog), lower);
    if (hub == NULL) {
        call_refuse(c, BERTH_WHY_HUB_NOT_FOUND, (berth_str){ 0 });
        return false;
    }
    m->q.hub = lower;
    return true;
}

void api_hub_events(struct call *c)
{
    struct front *f = c->f;
    struct monitor *m;
    void *names;

    if (f->monitor_count >= MONITORS_MAX) {
        call_refuse(c, BERTH_WHY_OVERLOADED, (berth_str){ 0 });
        return;
    }
    m = call_alloc(c, sizeof *m);
    names = m == NULL ? NULL : call_alloc(c, NAMES_MEMORY);
    if (names == NULL)
        return;
    m->c = c;
    c->state = m;
    c->x->idle = true;
    berth_arena_init(&m->names, names, NAMES_MEMORY);
    if (!take_hub(c, m) || !take_numbers(c, m) || !take_audit(c, m) ||
        !take_device(c, berth_query_get(c->x->query, BERTH_STR("deviceId")), m))
        return;
    m->mark = c->arena.n;
    m->watch = (struct hub_watch){ .loop = f->loop, .woken = on_woken, .user = m };
    c->gone = on_client_gone;
    enlist(m);
    if (m->until_ms > loop_mono_ms(f->loop))
        deadline_set(f->loop, &m->deadline, m->until_ms - loop_mono_ms(f->loop), on_late);
    go_on(m);
}

/* ---- audit ---- */

void api_audit_list(struct call *c)
{
    berth_str after = berth_query_get(c->x->query, BERTH_STR("after"));
    uint64_t from = 0, last;
    char storage[20];
    struct berth_buf b, cursor;

    if (after.p != NULL && berth_str_to_u64(after, &from) != BERTH_OK) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID, BERTH_STR("after must be a number."));
        return;
    }
    call_body(c, &b);
    last = audit_put(c->f->common->audit, from, &b);
    put_number(&cursor, storage, sizeof storage, last);
    call_send(c, 200, &b,
              &(struct http_header){ BERTH_STR("x-ms-continuation"), berth_buf_str(&cursor) }, 1);
}
