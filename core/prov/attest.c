#include "prov/attest.h"

#include <string.h>

#include "auth/sas_key.h"
#include "base/ascii.h"
#include "berth/derive.h"

#define ID_SCOPE_MAX 64
#define RESOURCE_MAX (ID_SCOPE_MAX + sizeof "/registrations/" + BERTH_ID_MAX)

/* What all attempts at one token share. */
struct attempt {
    const struct berth_crypto *c;
    struct berth_sas token;
    struct berth_attestation *out;
};

/* The ID as the device spells it, and in lower case. */
struct names {
    berth_str given, folded;
    bool same;
    char lower[BERTH_ID_MAX];
};

static void fold(struct names *n, berth_str id)
{
    n->given = id;
    n->folded = (berth_str){ n->lower, id.n };
    for (size_t i = 0; i < id.n; i++)
        n->lower[i] = ascii_lower(id.p[i]);
    n->same = berth_str_eq(n->given, n->folded);
}

static berth_err refuse(struct berth_attestation *out, enum berth_reason reason)
{
    out->verdict = BERTH_REFUSE;
    out->reason = reason;
    return BERTH_OK;
}

static bool is_for_this_device(const struct berth_sas *t,
                               const struct berth_registration_request *req)
{
    char text[RESOURCE_MAX];
    struct berth_buf b;
    berth_str resource;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, req->id_scope);
    berth_buf_put(&b, BERTH_STR("/registrations/"));
    berth_buf_put(&b, req->registration_id);
    return berth_buf_done(&b, &resource) == BERTH_OK && berth_sas_is_for(t, resource);
}

/* Tries both keys of OUT->device_keys. */
static berth_err verify_pair(struct attempt *t, bool *ok)
{
    berth_err e = berth__sas_verify_key(t->c, &t->token, &t->out->device_keys.primary, ok);

    t->out->slot = BERTH_SLOT_PRIMARY;
    if (e != BERTH_OK || *ok)
        return e;
    t->out->slot = BERTH_SLOT_SECONDARY;
    return berth__sas_verify_key(t->c, &t->token, &t->out->device_keys.secondary, ok);
}

static berth_err try_group(struct attempt *t, const struct berth_group *g, berth_str id, bool *ok)
{
    berth_err e;

    *ok = false;
    if (g->primary == NULL || g->secondary == NULL)
        return BERTH_OK;
    e = berth_derive_key_prepared(t->c, g->primary, id, &t->out->device_keys.primary);
    if (e == BERTH_OK)
        e = berth_derive_key_prepared(t->c, g->secondary, id, &t->out->device_keys.secondary);
    if (e == BERTH_OK)
        e = verify_pair(t, ok);
    if (e == BERTH_OK && *ok) {
        t->out->group = g;
        t->out->enrollment = g->enrollment;
    }
    return e;
}

/* The group of the last registration: nearly always the right one. */
static berth_err try_last(struct attempt *t, const struct berth_catalog *catalog,
                          berth_str last_group, const struct names *n, bool *ok)
{
    const struct berth_group *g =
        last_group.n == 0 ? NULL : berth_catalog_group(catalog, last_group);
    berth_err e = BERTH_OK;

    *ok = false;
    if (g != NULL)
        e = try_group(t, g, n->given, ok);
    if (g != NULL && e == BERTH_OK && !*ok && !n->same)
        e = try_group(t, g, n->folded, ok);
    return e;
}

/* Goes through the groups behind those that S has tried, under one name, until MOST are tried. */
static berth_err try_on(struct attempt *t, const struct berth_catalog *catalog,
                        struct berth_search *s, berth_str id, size_t *tried, bool *ok)
{
    berth_str after = { s->after, s->after_n };
    size_t i = berth_catalog_group_from(catalog, after);
    berth_err e = BERTH_OK;

    if (after.n > 0 && i < catalog->group_count && berth_str_eq(catalog->groups[i].key, after))
        i++;
    for (; e == BERTH_OK && !*ok && i < catalog->group_count; i++) {
        const struct berth_group *g = &catalog->groups[i];
        if (s->most > 0 && *tried >= s->most)
            return e;
        ++*tried;
        e = try_group(t, g, id, ok);
        memcpy(s->after, g->key.p, g->key.n);
        s->after_n = g->key.n;
    }
    s->done = true;
    return e;
}

/* Keys are derived from the ID as the device spells it; the service keeps IDs in lower case, so a
 * key derived from that form counts as well. S says whether all has been tried. */
static berth_err by_group(struct attempt *t, const struct berth_catalog *catalog,
                          berth_str last_group, struct berth_search *s, const struct names *n,
                          bool *ok)
{
    size_t tried = 0;
    berth_err e = BERTH_OK;

    *ok = false;
    if (!s->started)
        e = try_last(t, catalog, last_group, n, ok);
    s->started = true;
    while (e == BERTH_OK && !*ok && !s->done) {
        e = try_on(t, catalog, s, s->folded ? n->folded : n->given, &tried, ok);
        if (!s->done)
            return e;
        if (*ok || s->folded || n->same)
            return e;
        s->folded = true;
        s->done = false;
        s->after_n = 0;
    }
    return e;
}

static berth_err by_individual(struct attempt *t, const struct berth_enrollment *individual,
                               bool *ok)
{
    t->out->device_keys = individual->keys;
    t->out->enrollment = individual;
    return verify_pair(t, ok);
}

static bool has_symmetric_group(const struct berth_catalog *catalog)
{
    for (size_t i = 0; i < catalog->group_count; i++)
        if (catalog->groups[i].primary != NULL)
            return true;
    return false;
}

/* Who is asked, and for what, before any key is touched. */
static enum berth_reason judge_form(const struct berth_registration_request *req,
                                    const struct berth_catalog *catalog, struct berth_sas *token)
{
    if (req->id_scope.n > ID_SCOPE_MAX || !berth_str_ieq(req->id_scope, catalog->id_scope))
        return BERTH_WHY_WRONG_ID_SCOPE;
    if (berth_registration_id_check(req->registration_id).fault != BERTH_ID_FINE)
        return BERTH_WHY_REGISTRATION_ID_INVALID;
    if (req->credential.type != BERTH_CREDENTIAL_SAS)
        return BERTH_WHY_CREDENTIAL_MISSING;
    if (berth_sas_parse(req->credential.u.sas, token) != BERTH_OK)
        return BERTH_WHY_TOKEN_MALFORMED;
    return is_for_this_device(token, req) ? BERTH_WHY_NONE : BERTH_WHY_TOKEN_FOR_OTHER;
}

berth_err berth_attest(const struct berth_crypto *c, const struct berth_registration_request *req,
                       const struct berth_catalog *catalog,
                       const struct berth_enrollment *individual, berth_str last_group,
                       struct berth_search *search, int64_t now_s, struct berth_attestation *out)
{
    struct attempt t = { .c = c, .out = out };
    struct berth_search whole = { 0 };
    struct names names;
    enum berth_reason why;
    bool ok = false;
    berth_err e;

    *out = (struct berth_attestation){ 0 };
    why = judge_form(req, catalog, &t.token);
    if (why != BERTH_WHY_NONE)
        return refuse(out, why);
    if (individual != NULL && individual->attestation != BERTH_ATTEST_SYMMETRIC_KEY)
        return refuse(out, BERTH_WHY_ATTESTATION_OTHER);

    if (search == NULL)
        search = &whole;
    fold(&names, req->registration_id);
    e = individual != NULL ? by_individual(&t, individual, &ok)
                           : by_group(&t, catalog, last_group, search, &names, &ok);
    if (e != BERTH_OK || !ok) {
        c->wipe(c->ctx, &out->device_keys, sizeof out->device_keys);
        out->enrollment = NULL;
    }
    if (e != BERTH_OK)
        return e;
    if (!ok && individual != NULL)
        return refuse(out, BERTH_WHY_SIGNATURE_WRONG);
    if (!ok && !search->done) {
        out->verdict = BERTH_UNDECIDED;
        return BERTH_OK;
    }
    if (!ok)
        return refuse(out, has_symmetric_group(catalog) ? BERTH_WHY_SIGNATURE_UNKNOWN
                                                        : BERTH_WHY_NOT_ENROLLED);
    if (berth_sas_is_expired(&t.token, now_s)) { /* only now: the right key proves the cause */
        c->wipe(c->ctx, &out->device_keys, sizeof out->device_keys);
        return refuse(out, BERTH_WHY_TOKEN_EXPIRED);
    }
    out->verdict = BERTH_ACCEPT;
    return BERTH_OK;
}
