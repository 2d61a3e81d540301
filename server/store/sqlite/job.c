#include "store/sqlite/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t text_bytes(const struct berth_change *c)
{
    const struct berth_record *r = &c->rec;
    size_t n = r->scope.n + r->key.n;

    if (c->type == BERTH_PUT)
        n += r->name.n + r->owner.n + r->body.n + r->secret.n;
    return n;
}

static berth_str copy(char **at, berth_str s)
{
    char *p = *at;

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return (berth_str){ p, s.n };
}

static void copy_change(struct berth_change *out, const struct berth_change *in, char **at)
{
    const struct berth_record *r = &in->rec;

    *out = (struct berth_change){ .type = in->type, .expect = in->expect };
    out->rec.kind = r->kind;
    out->rec.scope = copy(at, r->scope);
    out->rec.key = copy(at, r->key);
    if (in->type != BERTH_PUT)
        return;
    out->rec.name = copy(at, r->name);
    out->rec.owner = copy(at, r->owner);
    out->rec.body = copy(at, r->body);
    out->rec.secret = copy(at, r->secret);
    out->rec.tag = r->tag;
}

struct store_job *store_job_new(const struct berth_crypto *crypto,
                                const struct berth_change *changes, size_t count)
{
    struct store_job *j = calloc(1, sizeof *j);

    if (j == NULL)
        return NULL;
    j->crypto = crypto;
    atomic_init(&j->refs, 1);
    atomic_init(&j->readers, count > 0 ? 1 : 0);
    if (count == 0)
        return j;

    j->bytes = count * sizeof j->steps[0];
    for (size_t i = 0; i < count; i++)
        j->bytes += text_bytes(&changes[i]);
    j->steps = calloc(1, j->bytes);
    if (j->steps == NULL) {
        free(j);
        return NULL;
    }
    j->count = count;
    char *at = (char *)(j->steps + count);
    for (size_t i = 0; i < count; i++)
        copy_change(&j->steps[i].change, &changes[i], &at);
    assert(at == (char *)j->steps + j->bytes);
    return j;
}

static void drop_steps(struct store_job *j)
{
    if (j->steps == NULL)
        return;
    j->crypto->wipe(j->crypto->ctx, j->steps, j->bytes);
    free(j->steps);
    j->steps = NULL;
}

void store_job_ref(struct store_job *j)
{
    atomic_fetch_add_explicit(&j->refs, 1, memory_order_relaxed);
}

void store_job_unref(struct store_job *j)
{
    while (j != NULL && atomic_fetch_sub_explicit(&j->refs, 1, memory_order_acq_rel) == 1) {
        struct store_job *later = atomic_load_explicit(&j->later, memory_order_acquire);
        drop_steps(j);
        free(j);
        j = later;
    }
}

void store_job_read(struct store_job *j)
{
    if (atomic_fetch_sub_explicit(&j->readers, 1, memory_order_acq_rel) == 1)
        drop_steps(j);
}

const char *store_change_problem(const struct berth_change *changes, size_t count)
{
    if (count == 0 || count > STORE_CHANGES_MAX)
        return "a commit has 1 to 16 changes";
    for (size_t i = 0; i < count; i++) {
        const struct berth_record *r = &changes[i].rec;
        bool has_key = r->key.n > 0 || changes[i].type == BERTH_LIMIT;
        if (!has_key || r->key.n > STORE_TEXT_MAX || r->scope.n > STORE_TEXT_MAX)
            return "a record's key or scope is empty or too long";
        if (changes[i].type != BERTH_PUT)
            continue;
        if (r->name.n > STORE_TEXT_MAX || r->owner.n > STORE_TEXT_MAX)
            return "a record's name or owner is too long";
        if (r->body.n > BERTH_RECORD_BODY_MAX || r->secret.n > BERTH_RECORD_SECRET_MAX)
            return "a record's body or secret is too long";
    }
    return NULL;
}
