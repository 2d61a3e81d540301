#include "front/forensics_impl.h"

#include "base/ascii.h"
#include "front/record_copy.h"
#include "prov/registration.h"

#define NO_VIEW ((berth_str){ 0 })

/* What is looked into, and what has come of it. */
struct inquiry {
    struct forensics *f;
    struct berth_exhibit exhibit;
    struct berth_circumstances w;
    berth_str ids[3]; /* as sent; in lower case; the one that sr names */
    size_t id_count;
    char lower[BERTH_ID_MAX], other[BERTH_ID_MAX];
    size_t tries;
    bool matched;
    enum berth_suspect_type type;
    struct berth_finding finding;
    berth_str whose; /* group or enrollment that the matching key belongs to */
};

static void add_id(struct inquiry *q, berth_str id)
{
    for (size_t i = 0; i < q->id_count; i++)
        if (berth_str_eq(q->ids[i], id))
            return;
    if (id.n > 0)
        q->ids[q->id_count++] = id;
}

static void collect_ids(struct inquiry *q)
{
    for (size_t i = 0; i < q->w.id.n; i++)
        q->lower[i] = ascii_lower(q->w.id.p[i]);
    add_id(q, q->w.id);
    add_id(q, (berth_str){ q->lower, q->w.id.n });
    add_id(q, berth_forensics_other_id(&q->exhibit, &q->w, q->other));
}

/* A failure of the crypto library leaves the key unmatched: there is nobody to tell. */
static void try_key(struct inquiry *q, enum berth_suspect_type type, const struct berth_key *key,
                    berth_str whose)
{
    struct berth_suspect s = { type, key };

    for (size_t i = 0; i < q->id_count && key->n > 0 && !q->matched; i++) {
        if (q->tries++ >= FORENSICS_TRIES_MAX)
            return;
        if (berth_forensics_try(&q->f->crypto, &q->exhibit, q->ids[i], &s, &q->matched,
                                &q->finding) != BERTH_OK)
            q->matched = false;
        if (!q->matched)
            continue;
        q->type = type;
        q->whose = whose;
    }
}

static void try_group(struct inquiry *q, const struct berth_group *g)
{
    try_key(q, BERTH_SUSPECT_GROUP, &g->enrollment->keys.primary, g->enrollment->id);
    try_key(q, BERTH_SUSPECT_GROUP, &g->enrollment->keys.secondary, g->enrollment->id);
}

/* The key of the group that the device last registered by; empty when none is known. */
static berth_str last_group(struct forensics *f, berth_str key, struct berth_arena *a)
{
    struct berth_record *rec = forensics_fetch(f, BERTH_KIND_REGISTRATION, key);
    struct berth_registration r = { 0 };
    struct berth_record mine;
    berth_str group = { 0 };

    if (rec != NULL && berth_record_dup(a, rec, &mine) == BERTH_OK &&
        berth_registration_decode(&mine, a, &r) == BERTH_OK &&
        berth_arena_lower(a, r.group, &group) != BERTH_OK)
        group = NO_VIEW;
    record_copy_free(&f->crypto, rec);
    return group;
}

static void try_groups(struct inquiry *q, berth_str last)
{
    const struct berth_catalog *c = catalog_view(q->f->catalog);
    const struct berth_group *first = last.n == 0 ? NULL : berth_catalog_group(c, last);

    if (first != NULL)
        try_group(q, first);
    for (size_t i = 0; i < c->group_count && !q->matched; i++)
        if (&c->groups[i] != first && c->groups[i].primary != NULL)
            try_group(q, &c->groups[i]);
}

static void try_former(struct inquiry *q)
{
    for (size_t i = 0; i < q->f->former_count && !q->matched; i++) {
        const struct forensics_former *k = &q->f->former[i];
        try_key(q, BERTH_SUSPECT_FORMER, &k->key, (berth_str){ k->group, k->group_n });
    }
}

/* The individual enrollment's keys, when it has one. */
static void try_individual(struct inquiry *q, berth_str key, struct berth_arena *a)
{
    struct forensics *f = q->f;
    struct berth_record *rec = forensics_fetch(f, BERTH_KIND_ENROLLMENT, key);
    struct berth_enrollment e;

    q->w.has_individual = rec != NULL;
    if (rec != NULL && berth_enrollment_decode(rec, a, &e) == BERTH_OK) {
        try_key(q, BERTH_SUSPECT_INDIVIDUAL, &e.keys.primary, q->w.id);
        try_key(q, BERTH_SUSPECT_INDIVIDUAL, &e.keys.secondary, q->w.id);
        f->crypto.wipe(f->crypto.ctx, &e.keys, sizeof e.keys);
    }
    record_copy_free(&f->crypto, rec);
}

static void find_key(struct inquiry *q)
{
    struct berth_arena a;
    berth_str key = { q->lower, q->w.id.n };
    berth_str last;

    berth_arena_init(&a, q->f->memory, sizeof q->f->memory);
    try_individual(q, key, &a);
    a.n = 0;
    last = last_group(q->f, key, &a);
    try_groups(q, last);
    try_former(q);
}

bool forensics_look_into(struct forensics *f, const struct forensics_job *j)
{
    struct inquiry q = { .f = f };
    bool found;

    q.w = (struct berth_circumstances){ .why = j->why,
                                        .id_scope = catalog_view(f->catalog)->id_scope,
                                        .id = { j->id, j->id_n },
                                        .now_s = j->now_ms / 1000 };
    if (berth_exhibit_read((berth_str){ j->token, j->token_n }, &q.exhibit) == BERTH_OK) {
        collect_ids(&q);
        find_key(&q);
        berth_forensics_conclude(&q.exhibit, &q.w, q.type, q.matched, &q.finding);
    }
    refusals_examined(f->o.refusals, j->refusal, REFUSAL_EXAMINED, &q.finding,
                      q.matched ? q.whose : NO_VIEW);
    found = q.finding.count > 0;
    /* The token may be good elsewhere, and the thread's stack rests until the next one. */
    f->crypto.wipe(f->crypto.ctx, &q, sizeof q);
    return found;
}
