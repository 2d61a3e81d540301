#include "net/loop_impl.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

/* Runs what has been posted, in order; true when the loop was told to stop. */
static bool run_posts(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct post *p = l->first;
    bool stop = l->stop;
    l->first = NULL;
    l->last = &l->first;
    pthread_mutex_unlock(&l->lock);

    while (p != NULL) {
        struct post *next = p->next;

        p->fn(p->arg);
        free(p);
        p = next;
    }
    return stop;
}

static void on_wake(uv_async_t *wake)
{
    struct loop *l = wake->data;
    bool stop = run_posts(l);

    loop_event_done(l);
    if (stop)
        uv_stop(&l->uv);
}

static void on_turn_end(uv_prepare_t *turn_end)
{
    struct loop *l = turn_end->data;

    l->before_sleep();
}

static int init_handles(struct loop *l)
{
    int e = uv_async_init(&l->uv, &l->wake, on_wake);

    l->wake.data = l;
    if (e != 0)
        return e;
    (void)uv_prepare_init(&l->uv, &l->turn_end); /* never fails */
    l->turn_end.data = l;
    return wheel_init(l);
}

berth_err loop_new(unsigned index, struct loop **out)
{
    struct loop *l = calloc(1, sizeof *l);

    *out = NULL;
    if (l == NULL)
        return BERTH_E_MEMORY;
    if (uv_loop_init(&l->uv) != 0) {
        free(l);
        return BERTH_E_IO;
    }
    l->index = index;
    l->last = &l->first;
    l->wall_at_ms = -1;
    pthread_mutex_init(&l->lock, NULL);
    if (init_handles(l) != 0) {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        uv_loop_close(&l->uv);
        pthread_mutex_destroy(&l->lock);
        free(l);
        return BERTH_E_IO;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    *out = l;
    return BERTH_OK;
}

static void drop_members(struct loop *l)
{
    while (l->members != NULL) {
        struct loop_member *m = l->members;

        loop_leave(m);
        m->drop(m);
    }
}

void loop_drain(struct loop *l)
{
    run_posts(l);
    drop_members(l);
    uv_unref((uv_handle_t *)&l->wake);
    wheel_unref(l);
    uv_run(&l->uv, UV_RUN_DEFAULT); /* until all that others had is closed */
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    loop_drain(l);
    run_posts(l);

    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->turn_end, NULL);
    wheel_close(l);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    int e = uv_loop_close(&l->uv);
    assert(e == 0);
    (void)e;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

berth_err loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
    pthread_mutex_lock(&l->lock);
    bool stopped = l->stop;
    l->stop = false;
    pthread_mutex_unlock(&l->lock);
    return stopped ? BERTH_OK : BERTH_E_IO;
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

unsigned loop_index(const struct loop *l)
{
    return l->index;
}

int64_t loop_mono_ms(const struct loop *l)
{
    return (int64_t)uv_now(&l->uv) + l->skipped_ms;
}

int64_t loop_now_ms(const struct loop *l)
{
    struct loop *cache = (struct loop *)(uintptr_t)l; /* reading the clock changes nothing seen */
    int64_t mono = loop_mono_ms(l);

    if (l->wall_held)
        return l->held_ms + l->skipped_ms;
    if (l->wall_at_ms != mono) {
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        cache->wall_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + l->skipped_ms;
        cache->wall_at_ms = mono;
    }
    return l->wall_ms;
}

void loop_hold_wall(struct loop *l, int64_t now_ms)
{
    l->wall_held = true;
    l->held_ms = now_ms - l->skipped_ms;
}

void loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct post *p = malloc(sizeof *p);

    if (p == NULL)
        abort();
    *p = (struct post){ .fn = fn, .arg = arg };
    pthread_mutex_lock(&l->lock);
    *l->last = p;
    l->last = &p->next;
    pthread_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
}

void loop_after_event(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->after = fn;
    l->after_arg = arg;
}

void loop_event_done(struct loop *l)
{
    if (l->after != NULL)
        l->after(l->after_arg);
}

void loop_before_sleep(struct loop *l, void (*fn)(void))
{
    l->before_sleep = fn;
    (void)uv_prepare_start(&l->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)&l->turn_end);
}

bool loop_hold(struct loop *l, size_t n)
{
    return loop_hold_more(l, 0, n);
}

bool loop_hold_more(struct loop *l, size_t had, size_t n)
{
    bool large = had > LOOP_HELD_SMALL || n > LOOP_HELD_SMALL - had;
    size_t max = large ? LOOP_HELD_LARGE_MAX : LOOP_HELD_MAX;

    if (l->held > max || n > max - l->held)
        return false;
    l->held += n;
    return true;
}

void loop_let_go(struct loop *l, size_t n)
{
    assert(n <= l->held);
    l->held -= n;
}

void loop_join(struct loop *l, struct loop_member *m, void (*drop)(struct loop_member *m))
{
    m->drop = drop;
    m->next = l->members;
    if (m->next != NULL)
        m->next->prev = &m->next;
    m->prev = &l->members;
    l->members = m;
}

void loop_leave(struct loop_member *m)
{
    if (m->prev == NULL)
        return;
    *m->prev = m->next;
    if (m->next != NULL)
        m->next->prev = m->prev;
    m->next = NULL;
    m->prev = NULL;
}

uint8_t *loop_rx(struct loop *l)
{
    return l->rx;
}

uint8_t *loop_tx(struct loop *l)
{
    return l->tx;
}

uint8_t *loop_text(struct loop *l)
{
    return l->text;
}
