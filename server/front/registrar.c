#include "front/registrar_impl.h"

#include <stdlib.h>
#include <string.h>

#include "front/dev.h"
#include "front/registration_log.h"
#include "prov/allocate.h"

#define FREE_MAX 64 /* operations kept for reuse: their memory is warm */

berth_err registrar_new(struct front *f, struct registrar **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return BERTH_E_MEMORY;
    (*out)->f = f;
    searches_init(&(*out)->searches, f->loop);
    return BERTH_OK;
}

size_t registrar_open(const struct registrar *r)
{
    return r->open_count;
}

static struct registration *take(struct registrar *r)
{
    struct registration *g = r->free;

    if (r->open_count >= REGISTRAR_OPEN_MAX)
        return NULL;
    if (g != NULL) {
        r->free = g->next;
        r->free_count--;
        metrics_add(r->f->metrics, registrations_spare, -1);
    } else {
        g = malloc(sizeof *g);
    }
    if (g == NULL)
        return NULL;
    memset(g, 0, offsetof(struct registration, memory));
    g->r = r;
    berth_arena_init(&g->arena, g->memory, sizeof g->memory);
    g->next = r->open;
    g->prev = &r->open;
    if (r->open != NULL)
        r->open->prev = &g->next;
    r->open = g;
    r->open_count++;
    metrics_add(r->f->metrics, registrations_open, 1);
    return g;
}

static void give_back(struct registration *g)
{
    struct registrar *r = g->r;

    deadline_clear(&g->deadline);
    search_leave(&r->searches, &g->search);
    registration_drop_records(g);
    if (g->op.crypto != NULL)
        berth_operation_deinit(&g->op);
    r->f->crypto->wipe(r->f->crypto->ctx, g->memory, g->arena.n); /* the token */
    *g->prev = g->next;
    if (g->next != NULL)
        g->next->prev = g->prev;
    r->open_count--;
    metrics_add(r->f->metrics, registrations_open, -1);
    if (r->free_count >= FREE_MAX) {
        free(g);
        return;
    }
    g->next = r->free;
    r->free = g;
    r->free_count++;
    metrics_add(r->f->metrics, registrations_spare, 1);
}

void registrar_free(struct registrar *r)
{
    if (r == NULL)
        return;
    for (struct registration *g = r->open, *next; g != NULL; g = next) {
        next = g->next;
        give_back(g);
    }
    searches_deinit(&r->searches);
    while (r->free != NULL) {
        struct registration *next = r->free->next;
        free(r->free);
        r->free = next;
    }
    free(r);
}

void registrar_forget(struct registration *g)
{
    g->answer = NULL;
}

/* What the enrollment names and the service has not; empty unless it was refused for that. */
static berth_str unlinked_hub(const struct registration *g, enum berth_reason why)
{
    const struct berth_enrollment *e = g->op.attested.enrollment;

    if (why != BERTH_WHY_HUB_NOT_LINKED || e == NULL)
        return BERTH_STR("");
    return berth_allocate_unlinked(e, catalog_view(g->r->f->catalog));
}

static void tell(struct registration *g, const struct berth_answer *a)
{
    struct front *f = g->r->f;
    registrar_answer *answer = g->answer;
    struct berth_answer named;
    struct registration_line line = {
        .tracking = g->tracking,
        .registration_id = g->op.req.registration_id,
        .peer = &g->peer,
        .transport = g->transport,
        .ms = loop_mono_ms(f->loop) - g->started_ms,
        .answer = a,
        .unlinked_hub = unlinked_hub(g, a->reason),
    };
    struct refusal_handle refusal = registration_log(f, &line);

    if (berth_reason_row(a->reason)->status == 401)
        limits_peer_failed(f->limits, (const struct sockaddr *)&g->peer.addr,
                           loop_mono_ms(f->loop));
    g->answer = NULL;
    if (f->dev != NULL && a->message.p == NULL) {
        named = *a;
        named.message = dev_message(f->dev, a->reason);
        a = &named;
    }
    if (answer != NULL)
        answer(g->user, a, g->tracking);
    /* The device has its answer; what else may be known of its token nobody waits for. */
    if (a->reason == BERTH_WHY_NONE)
        registration_warn(f, &g->op, &line);
    else if (forensics_can_help(a->reason))
        forensics_submit(f->forensics, refusal, &g->op.req, a->reason, loop_now_ms(f->loop));
}

/* ---- the machine's side ---- */

static void search_on(struct search *s)
{
    struct registration *g =
        (struct registration *)(void *)((char *)s - offsetof(struct registration, search));

    registration_step(g, &(struct berth_event){ .type = BERTH_EV_CONTINUE });
}

/* One that has begun goes on before the others: half done, all of them would come too late. False:
 * it has been turned away. */
static bool pause_search(struct registration *g)
{
    bool begun = g->searching;

    g->searching = true;
    g->search.peer = &g->peer;
    g->search.go_on = search_on;
    return search_wait(&g->r->searches, &g->search, begun);
}

static void carry_out(struct registration *g, const struct berth_action *a)
{
    switch (a->type) {
    case BERTH_DO_LOAD:
        registration_load(g, a);
        return;
    case BERTH_DO_PAUSE:
        if (pause_search(g))
            return;
        metrics_add(g->r->f->metrics, throttled, 1);
        tell(g, &(struct berth_answer){ .reason = BERTH_WHY_OVERLOADED });
        g->over = true;
        return;
    case BERTH_DO_LOAD_DEVICES:
        registration_load_devices(g, a);
        return;
    case BERTH_DO_COMMIT:
        registration_commit(g, a);
        return;
    case BERTH_DO_SHARED:
        registration_shared(g->r->f, &a->shared, g->tracking, &g->peer, g->transport);
        return;
    case BERTH_DO_ANSWER:
        tell(g, &a->answer);
        return;
    case BERTH_DO_END:
        g->over = true;
        return;
    }
}

/* Authenticated requests alone count against a device, so that nobody can use up another's share.
 * Returns seconds to wait, or 0. */
static unsigned over_its_rate(struct registration *g, const struct berth_event *ev)
{
    struct front *f = g->r->f;

    if ((ev->type != BERTH_EV_LOADED && ev->type != BERTH_EV_CONTINUE) || g->op.tries > 0 ||
        g->op.attested.verdict != BERTH_ACCEPT)
        return 0;
    return limits_device(f->limits, g->op.key, loop_mono_ms(f->loop));
}

void registration_step(struct registration *g, const struct berth_event *ev)
{
    struct front *f = g->r->f;
    struct berth_actions actions;
    unsigned wait_s;

    store_deliver_changes(f->store);
    berth_operation_step(&g->op, ev, catalog_view(f->catalog), loop_now_ms(f->loop), &actions);
    wait_s = over_its_rate(g, ev);
    if (wait_s > 0) {
        metrics_add(f->metrics, throttled, 1);
        tell(g, &(struct berth_answer){ .reason = BERTH_WHY_THROTTLED_DEVICE,
                                        .retry_after_s = (int)wait_s });
        g->over = true;
    }
    for (size_t i = 0; i < actions.count && !(wait_s > 0); i++)
        carry_out(g, &actions.list[i]);
    if (g->over)
        give_back(g);
}

static struct registration *of_deadline(struct deadline *d)
{
    return (struct registration *)(void *)((char *)d - offsetof(struct registration, deadline));
}

static void too_slow(struct deadline *d)
{
    registration_step(of_deadline(d), &(struct berth_event){ .type = BERTH_EV_DEADLINE });
}

/* ---- the adapters' side ---- */

static void answer_early(struct deadline *d)
{
    struct registration *g = of_deadline(d);

    tell(g, &g->early);
    give_back(g);
}

/* Whether the request may not even start. */
static enum berth_reason judge_start(struct front *f, const struct peer *peer, unsigned *wait_s)
{
    if (f->stopping)
        return BERTH_WHY_STOPPING;
    *wait_s = limits_peer(f->limits, (const struct sockaddr *)&peer->addr, loop_mono_ms(f->loop));
    return *wait_s > 0 ? BERTH_WHY_THROTTLED_PEER : BERTH_WHY_NONE;
}

static berth_err copy_request(struct registration *g, const struct berth_registration_request *req)
{
    struct berth_registration_request *mine = &g->op.req;
    berth_err e;

    *mine = *req;
    e = berth_arena_dup(&g->arena, req->id_scope, &mine->id_scope);
    if (e == BERTH_OK)
        e = berth_arena_dup(&g->arena, req->registration_id, &mine->registration_id);
    if (e == BERTH_OK && req->credential.type == BERTH_CREDENTIAL_SAS)
        e = berth_arena_dup(&g->arena, req->credential.u.sas, &mine->credential.u.sas);
    if (e == BERTH_OK)
        e = berth_arena_dup(&g->arena, req->payload, &mine->payload);
    if (e == BERTH_OK)
        e = berth_arena_dup(&g->arena, req->operation_id, &mine->operation_id);
    mine->peer = berth_str_of(g->peer.text);
    return e;
}

static berth_err name_operation(struct registration *g)
{
    struct front *f = g->r->f;
    uint8_t random[16] = { 0 };
    berth_err e;

    if (g->op.req.is_poll)
        return BERTH_OK;
    e = front_random(f, random, sizeof random);
    berth_operation_id_make(g->operation_id, random, loop_now_ms(f->loop));
    g->op.req.operation_id = berth_str_of(g->operation_id);
    return e;
}

/* The answer comes by a later event, also when there is nothing to do. A deadline, not a post: it
 * ends with the registration. */
static void tell_later(struct registration *g, const struct berth_answer *a)
{
    g->early = *a;
    deadline_set(g->r->f->loop, &g->deadline, 0, answer_early);
}

static void go(struct registration *g)
{
    struct front *f = g->r->f;
    struct berth_registration_request mine = g->op.req;
    struct berth_actions first;

    berth_operation_init(&g->op, f->crypto, &mine, &g->arena);
    metrics_add(f->metrics, registrations_started, 1);
    berth_operation_step(&g->op, &(struct berth_event){ .type = BERTH_EV_START },
                         catalog_view(f->catalog), loop_now_ms(f->loop), &first);
    if (first.list[0].type == BERTH_DO_ANSWER) {
        tell_later(g, &first.list[0].answer);
        return;
    }
    deadline_set(f->loop, &g->deadline, REGISTRAR_DEADLINE_MS, too_slow);
    carry_out(g, &first.list[0]);
}

static void go_late(struct deadline *d)
{
    go(of_deadline(d));
}

/* Under `berth dev` alone. Whether the faults of the device settle what comes next, and when. */
static bool meets_fault(struct registration *g, const struct peer *peer)
{
    struct front *f = g->r->f;
    struct dev_verdict v;

    dev_meet(f, peer, &g->op.req, &v);
    if (!v.answers && v.delay_ms == 0)
        return false;
    g->early = v.answer;
    deadline_set(f->loop, &g->deadline, v.delay_ms, v.answers ? answer_early : go_late);
    return true;
}

static void begin(struct registration *g, const struct berth_registration_request *req,
                  const struct peer *peer)
{
    struct front *f = g->r->f;
    unsigned wait_s = 0;
    enum berth_reason why = judge_start(f, &g->peer, &wait_s);
    berth_err e;

    e = copy_request(g, req);
    if (e == BERTH_OK)
        e = name_operation(g);
    if (e != BERTH_OK)
        why = berth_reason_of_err(e);
    if (why != BERTH_WHY_NONE) {
        metrics_add(f->metrics, throttled, wait_s > 0);
        tell_later(g, &(struct berth_answer){ .reason = why, .retry_after_s = (int)wait_s });
        return;
    }
    if (f->dev == NULL || !meets_fault(g, peer))
        go(g);
}

struct registration *registrar_start(struct registrar *r,
                                     const struct berth_registration_request *req,
                                     const struct peer *peer, const char *transport,
                                     registrar_answer *answer, void *user)
{
    struct registration *g = take(r);

    if (g == NULL)
        return NULL;
    g->peer = *peer;
    g->transport = transport;
    g->answer = answer;
    g->user = user;
    g->started_ms = loop_mono_ms(r->f->loop);
    front_tracking_id(r->f, g->tracking);
    begin(g, req, peer);
    return g;
}
