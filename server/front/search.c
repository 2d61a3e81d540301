#include "front/search.h"

#include <string.h>

#include "front/party.h"

static const struct berth_bucket_rule rate = { SEARCH_BURST, SEARCH_PER_MIN };

void searches_init(struct searches *q, struct loop *loop)
{
    *q = (struct searches){ .loop = loop };
    q->last = &q->first;
    berth_bucket_init(&q->bucket, &rate, loop_mono_ms(loop));
}

void searches_deinit(struct searches *q)
{
    deadline_clear(&q->due);
}

static bool same_party(const struct peer *a, const struct peer *b)
{
    uint8_t of_a[PARTY_MAX], of_b[PARTY_MAX];
    size_t n = party_of((const struct sockaddr *)&a->addr, of_a);

    return n == party_of((const struct sockaddr *)&b->addr, of_b) && memcmp(of_a, of_b, n) == 0;
}

static size_t waiting_of(const struct searches *q, const struct peer *peer)
{
    size_t n = 0;

    for (const struct search *s = q->first; s != NULL; s = s->next)
        n += same_party(s->peer, peer);
    return n;
}

static void on_due(struct deadline *d);

/* One step in each turn of the loop: between two of them everybody else has theirs. */
static void arm(struct searches *q)
{
    int64_t wait = berth_bucket_wait(&q->bucket, &rate, loop_mono_ms(q->loop));

    if (q->first != NULL && q->due.prev == NULL)
        deadline_set(q->loop, &q->due, wait, on_due);
}

static void on_due(struct deadline *d)
{
    struct searches *q = (struct searches *)(void *)((char *)d - offsetof(struct searches, due));
    struct search *s = q->first;

    if (s != NULL && berth_bucket_take(&q->bucket, &rate, loop_mono_ms(q->loop)) == 0) {
        search_leave(q, s);
        s->go_on(s);
    }
    arm(q);
}

static void put_first(struct searches *q, struct search *s)
{
    s->next = q->first;
    s->prev = &q->first;
    if (q->first != NULL)
        q->first->prev = &s->next;
    else
        q->last = &s->next;
    q->first = s;
}

static void put_last(struct searches *q, struct search *s)
{
    s->next = NULL;
    s->prev = q->last;
    *q->last = s;
    q->last = &s->next;
}

bool search_wait(struct searches *q, struct search *s, bool first)
{
    if (!first && (q->count >= SEARCHES_MAX || waiting_of(q, s->peer) >= SEARCHES_OF_PEER))
        return false;
    if (first)
        put_first(q, s);
    else
        put_last(q, s);
    q->count++;
    arm(q);
    return true;
}

void search_leave(struct searches *q, struct search *s)
{
    if (s->prev == NULL)
        return;
    *s->prev = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    else
        q->last = s->prev;
    s->prev = NULL;
    q->count--;
}
