#include "tests/store/fake_table.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static berth_str copy(berth_str s)
{
    char *p = must(malloc(s.n == 0 ? 1 : s.n));

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return (berth_str){ p, s.n };
}

/* Wiped, so that whoever keeps a borrowed secret is found out. */
static void release(berth_str *s)
{
    char *p = (char *)(uintptr_t)s->p;

    if (p != NULL)
        memset(p, 0xdd, s->n);
    free(p);
    *s = (berth_str){ 0 };
}

struct berth_record fake_record_copy(const struct berth_record *r)
{
    struct berth_record c = *r;

    c.scope = copy(r->scope);
    c.key = copy(r->key);
    c.name = copy(r->name);
    c.owner = copy(r->owner);
    c.body = copy(r->body);
    c.secret = copy(r->secret);
    return c;
}

void fake_record_free(struct berth_record *r)
{
    release(&r->scope);
    release(&r->key);
    release(&r->name);
    release(&r->owner);
    release(&r->body);
    release(&r->secret);
}

void fake_table_clear(struct fake_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        fake_record_free(&t->records[i]);
    free(t->records);
    *t = (struct fake_table){ 0 };
}

static int order(const struct berth_record *a, const struct berth_record *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int by_scope = berth_str_cmp(a->scope, b->scope);
    return by_scope != 0 ? by_scope : berth_str_cmp(a->key, b->key);
}

/* Index of the first record that is not before LIKE. */
static size_t place_of(const struct fake_table *t, const struct berth_record *like, bool *there)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order(&t->records[middle], like) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < t->count && order(&t->records[low], like) == 0;
    return low;
}

const struct berth_record *fake_table_find(const struct fake_table *t,
                                           const struct berth_record *like)
{
    bool there;
    size_t at = place_of(t, like, &there);

    return there ? &t->records[at] : NULL;
}

static void insert(struct fake_table *t, size_t at, struct berth_record rec)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 16 : t->capacity * 2;
        t->records = must(realloc(t->records, t->capacity * sizeof t->records[0]));
    }
    memmove(&t->records[at + 1], &t->records[at], (t->count - at) * sizeof t->records[0]);
    t->records[at] = rec;
    t->count++;
}

static void take_out(struct fake_table *t, size_t at)
{
    fake_record_free(&t->records[at]);
    t->count--;
    memmove(&t->records[at], &t->records[at + 1], (t->count - at) * sizeof t->records[0]);
}

static bool fits(uint64_t expect, bool there, uint64_t version)
{
    switch (expect) {
    case BERTH_ANY:
        return true;
    case BERTH_PRESENT:
        return there;
    case BERTH_ABSENT:
        return !there;
    default:
        return there && version == expect;
    }
}

/* Undo of one change: what stood there before. */
struct undo {
    struct berth_record before;
    bool was_there;
};

static bool is_within(const struct fake_table *t, const struct berth_change *c)
{
    uint64_t n = 0;

    for (size_t i = 0; i < t->count; i++)
        n += t->records[i].kind == c->rec.kind && berth_str_eq(t->records[i].scope, c->rec.scope);
    return n <= c->expect;
}

static bool make_change(struct fake_table *t, struct berth_change *c, int64_t now_ms,
                        struct undo *undo, bool *changed)
{
    bool there;
    size_t at = place_of(t, &c->rec, &there);

    *changed = false;
    if (c->type == BERTH_LIMIT)
        return is_within(t, c);
    if (!fits(c->expect, there, there ? t->records[at].version : 0))
        return false;
    *changed = c->type == BERTH_PUT || (c->type == BERTH_DELETE && there);
    if (!*changed)
        return true;
    undo->was_there = there;
    undo->before = fake_record_copy(there ? &t->records[at] : &c->rec);
    c->rec.version = t->version;
    c->rec.created_ms = there ? t->records[at].created_ms : now_ms;
    c->rec.updated_ms = now_ms;
    if (there)
        take_out(t, at);
    if (c->type == BERTH_PUT)
        insert(t, at, fake_record_copy(&c->rec));
    return true;
}

static void take_back(struct fake_table *t, const struct undo *undo)
{
    bool there;
    size_t at = place_of(t, &undo->before, &there);

    if (there)
        take_out(t, at);
    if (undo->was_there)
        insert(t, at, fake_record_copy(&undo->before));
}

enum store_result fake_table_commit(struct fake_table *t, struct berth_change *changes,
                                    size_t count, int64_t now_ms, bool *changed, size_t *refused)
{
    struct undo undo[STORE_CHANGES_MAX] = { 0 };
    enum store_result result = STORE_OK;
    size_t n = 0;

    t->version++;
    for (; n < count; n++)
        if (!make_change(t, &changes[n], now_ms, &undo[n], &changed[n])) {
            *refused = n;
            result = STORE_STALE;
            break;
        }
    while (n-- > 0) {
        if (!changed[n])
            continue;
        if (result != STORE_OK)
            take_back(t, &undo[n]);
        fake_record_free(&undo[n].before);
    }
    return result;
}

static bool asked_for(const struct berth_record *r, const struct store_query *q)
{
    if (r->kind != q->kind || (q->owner.p != NULL && !berth_str_eq(r->owner, q->owner)))
        return false;
    if (q->all_scopes && berth_str_cmp(r->scope, q->scope) > 0)
        return true;
    return berth_str_eq(r->scope, q->scope) && berth_str_cmp(r->key, q->after) > 0;
}

size_t fake_table_list(const struct fake_table *t, const struct store_query *q,
                       struct berth_record *out, bool *more)
{
    size_t n = 0, bytes = 0;

    *more = false;
    for (size_t i = 0; i < t->count && !*more; i++) {
        const struct berth_record *r = &t->records[i];
        if (!asked_for(r, q))
            continue;
        *more = n == q->limit || bytes >= STORE_LIST_BYTES;
        if (*more)
            break;
        out[n++] = fake_record_copy(r);
        bytes += r->scope.n + r->key.n + r->name.n + r->owner.n + r->body.n + r->secret.n;
    }
    return n;
}

uint64_t fake_table_count(const struct fake_table *t, enum berth_kind kind, berth_str scope,
                          int32_t tag)
{
    uint64_t n = 0;

    for (size_t i = 0; i < t->count; i++) {
        const struct berth_record *r = &t->records[i];
        n += r->kind == kind && berth_str_eq(r->scope, scope) && (tag < 0 || r->tag == tag);
    }
    return n;
}
