#include "auth/policy.h"
#include "auth/sas_key.h"
#include "wire/percent.h"

/* SKN is percent-encoded or raw, as clients differ. Case counts, as it does in the store. */
static const struct berth_policy *find_policy(const struct berth_policy *policies, size_t count,
                                              berth_str skn)
{
    char storage[BERTH_SAS_MAX];
    struct berth_buf name;

    berth_buf_init(&name, storage, sizeof storage);
    if (skn.n == 0 || berth_percent_decode(skn, &name) != BERTH_OK)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (berth_str_eq(policies[i].name, berth_buf_str(&name)))
            return &policies[i];
    return NULL;
}

static berth_err is_signed_by(const struct berth_crypto *c, const struct berth_sas *t,
                              const struct berth_policy *p, bool *ok)
{
    berth_err e = berth__sas_verify_key(c, t, &p->keys.primary, ok);

    if (e != BERTH_OK || *ok)
        return e;
    return berth__sas_verify_key(c, t, &p->keys.secondary, ok);
}

/* PATH decoded, so that it meets sr in the same form. An escaped '/' stays as it is: it separates
 * nothing, and must not become the end of a segment that a token covers. */
static void put_path(struct berth_buf *b, berth_str path)
{
    while (path.n > 0) {
        berth_str unit = berth_str_sub(path, 0, path.p[0] == '%' ? 3 : 1);

        if (berth_str_ieq(unit, BERTH_STR("%2f")) || berth_percent_decode(unit, b) != BERTH_OK) {
            unit.n = 1;
            berth_buf_put(b, unit);
        }
        path = berth_str_sub(path, unit.n, path.n);
    }
}

static bool covers(const struct berth_sas *t, const struct berth_service_request *req)
{
    char storage[BERTH_SAS_MAX];
    struct berth_buf target;

    /* What does not fit is cut off, and changes nothing: sr is a part of a token and shorter. */
    berth_buf_init(&target, storage, sizeof storage);
    berth_buf_put(&target, req->host);
    put_path(&target, req->path);
    return berth_sas_covers(t, berth_buf_str(&target));
}

static unsigned effective_rights(const struct berth_policy *p)
{
    return p->rights | (p->rights & BERTH_RIGHT_REGISTRY_WRITE ? BERTH_RIGHT_REGISTRY_READ : 0u);
}

/* What is left to refuse once the signature is known to be P's. */
static enum berth_reason judge_signed(const struct berth_sas *t,
                                      const struct berth_service_request *req,
                                      const struct berth_policy *p, int64_t now_s)
{
    if (berth_sas_is_expired(t, now_s))
        return BERTH_WHY_SERVICE_TOKEN_EXPIRED;
    if (!covers(t, req))
        return BERTH_WHY_SERVICE_TOKEN_FOR_OTHER;
    if ((effective_rights(p) & req->rights) == 0)
        return BERTH_WHY_RIGHT_MISSING;
    return BERTH_WHY_NONE;
}

static enum berth_reason take_token(berth_str authorization, struct berth_sas *out)
{
    *out = (struct berth_sas){ 0 };
    authorization = berth_str_trim(authorization);
    if (!berth_str_starts(authorization, BERTH_STR("SharedAccessSignature")))
        return BERTH_WHY_SERVICE_TOKEN_MISSING; /* none, or a bearer token */
    if (berth_sas_parse(authorization, out) != BERTH_OK)
        return BERTH_WHY_SERVICE_TOKEN_MALFORMED;
    return BERTH_WHY_NONE;
}

berth_err berth_policy_judge(const struct berth_crypto *c, const struct berth_service_request *req,
                             const struct berth_policy *policies, size_t count, int64_t now_s,
                             enum berth_reason *why, const struct berth_policy **policy)
{
    const struct berth_policy *found;
    struct berth_sas t;
    bool ok;
    berth_err e;

    if (policy != NULL)
        *policy = NULL;
    *why = take_token(req->authorization, &t);
    if (*why != BERTH_WHY_NONE)
        return BERTH_OK;

    *why = BERTH_WHY_POLICY_UNKNOWN;
    found = find_policy(policies, count, t.policy);
    if (found == NULL)
        return BERTH_OK;

    *why = BERTH_WHY_SERVICE_SIGNATURE_WRONG;
    e = is_signed_by(c, &t, found, &ok);
    if (e != BERTH_OK || !ok)
        return e;

    *why = judge_signed(&t, req, found, now_s);
    if (*why == BERTH_WHY_NONE && policy != NULL)
        *policy = found;
    return BERTH_OK;
}
