#include "prov/attest.h"

#include "base/ascii.h"
#include "berth/derive.h"
#include "berth/sas.h"

#define ID_SCOPE_MAX 64
#define RESOURCE_MAX (ID_SCOPE_MAX + sizeof "/registrations/" + BERTH_ID_MAX)

/* What all attempts at one token share. */
struct attempt {
    const struct berth_crypto *c;
    struct berth_sas token;
    struct berth_attestation *out;
};

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

/* Whether the device's own KEY made the token. */
static berth_err verify(const struct attempt *t, const struct berth_key *key, bool *ok)
{
    struct berth_hmac_key prepared;
    berth_err e;

    *ok = false;
    if (key->n == 0)
        return BERTH_OK;
    e = t->c->hmac_prepare(t->c->ctx, key->bytes, key->n, &prepared);
    if (e != BERTH_OK)
        return e;
    e = berth_sas_verify(t->c, &t->token, &prepared, ok);
    t->c->hmac_release(t->c->ctx, &prepared);
    return e;
}

/* Tries both keys of OUT->device_keys. */
static berth_err verify_pair(struct attempt *t, bool *ok)
{
    berth_err e = verify(t, &t->out->device_keys.primary, ok);

    t->out->slot = BERTH_SLOT_PRIMARY;
    if (e != BERTH_OK || *ok)
        return e;
    t->out->slot = BERTH_SLOT_SECONDARY;
    return verify(t, &t->out->device_keys.secondary, ok);
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

/* The group of the last registration first: nearly always the right one. */
static berth_err try_groups(struct attempt *t, const struct berth_catalog *catalog,
                            berth_str last_group, berth_str id, bool *ok)
{
    const struct berth_group *first =
        last_group.n == 0 ? NULL : berth_catalog_group(catalog, last_group);
    berth_err e = BERTH_OK;

    *ok = false;
    if (first != NULL)
        e = try_group(t, first, id, ok);
    for (size_t i = 0; e == BERTH_OK && !*ok && i < catalog->group_count; i++)
        if (&catalog->groups[i] != first)
            e = try_group(t, &catalog->groups[i], id, ok);
    return e;
}

/* Keys are derived from the ID as the device spells it; the service keeps IDs in lower case, so a
 * key derived from that form counts as well. */
static berth_err by_group(struct attempt *t, const struct berth_catalog *catalog,
                          berth_str last_group, berth_str id, bool *ok)
{
    char lower[BERTH_ID_MAX];
    berth_str folded = { lower, id.n };
    berth_err e = try_groups(t, catalog, last_group, id, ok);

    if (e != BERTH_OK || *ok)
        return e;
    for (size_t i = 0; i < id.n; i++)
        lower[i] = ascii_lower(id.p[i]);
    if (berth_str_eq(folded, id))
        return BERTH_OK;
    return try_groups(t, catalog, last_group, folded, ok);
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
                       int64_t now_s, struct berth_attestation *out)
{
    struct attempt t = { .c = c, .out = out };
    enum berth_reason why;
    bool ok = false;
    berth_err e;

    *out = (struct berth_attestation){ 0 };
    why = judge_form(req, catalog, &t.token);
    if (why != BERTH_WHY_NONE)
        return refuse(out, why);
    if (individual != NULL && individual->attestation != BERTH_ATTEST_SYMMETRIC_KEY)
        return refuse(out, BERTH_WHY_ATTESTATION_OTHER);

    e = individual != NULL ? by_individual(&t, individual, &ok)
                           : by_group(&t, catalog, last_group, req->registration_id, &ok);
    if (e != BERTH_OK || !ok) {
        c->wipe(c->ctx, &out->device_keys, sizeof out->device_keys);
        out->enrollment = NULL;
    }
    if (e != BERTH_OK)
        return e;
    if (!ok && individual != NULL)
        return refuse(out, BERTH_WHY_SIGNATURE_WRONG);
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
