#include "berth/sas.h"

#include "crypto/b64.h"
#include "wire/percent.h"

#define SCHEME        BERTH_STR("SharedAccessSignature ")
#define SIG_TEXT_SIZE BERTH_B64_SIZE(BERTH_SHA256_SIZE)
#define SE_DIGITS_MAX 20

static berth_err take_expiry(struct berth_sas *t, berth_str value)
{
    uint64_t seconds;
    berth_err e = berth_str_to_u64(value, &seconds);

    if (e != BERTH_OK)
        return e;
    if (seconds > INT64_MAX)
        return BERTH_E_RANGE;
    t->expiry_text = value;
    t->expiry = (int64_t)seconds;
    return BERTH_OK;
}

/* One field, kept as received. SIG has no place in the token's struct, where it stands decoded. */
static berth_err take_field(struct berth_sas *t, berth_str *sig, berth_str field)
{
    berth_str value = field;
    berth_str key = berth_str_cut(&value, '=');

    if (key.n == field.n)
        return BERTH_E_SYNTAX; /* no '=' */
    if (berth_str_eq(key, BERTH_STR("se")))
        return t->expiry_text.p == NULL ? take_expiry(t, value) : BERTH_E_SYNTAX;

    berth_str *slot = berth_str_eq(key, BERTH_STR("sr"))    ? &t->resource
                      : berth_str_eq(key, BERTH_STR("sig")) ? sig
                      : berth_str_eq(key, BERTH_STR("skn")) ? &t->policy
                                                            : NULL;
    if (slot == NULL || slot->p != NULL)
        return BERTH_E_SYNTAX; /* unknown field, or given twice */
    *slot = value;
    return BERTH_OK;
}

/* Base64 of exactly one HMAC: fewer bytes would make a forger's work easier. */
static berth_err take_signature(berth_str sig, uint8_t out[BERTH_SHA256_SIZE])
{
    char storage[SIG_TEXT_SIZE];
    struct berth_buf text;
    size_t n = 0;

    berth_buf_init(&text, storage, sizeof storage);
    if (berth_percent_decode(sig, &text) != BERTH_OK ||
        berth_b64_decode(berth_buf_str(&text), out, BERTH_SHA256_SIZE, &n) != BERTH_OK)
        return BERTH_E_SYNTAX;
    return n == BERTH_SHA256_SIZE ? BERTH_OK : BERTH_E_SYNTAX;
}

/* No blank or control character may hide in what is signed, compared and shown. */
static bool is_visible(berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '!' || s.p[i] > '~')
            return false;
    return true;
}

static berth_err take_fields(struct berth_sas *t, berth_str text)
{
    berth_str sig = { 0 };

    if (!is_visible(text) || berth_str_ends(text, BERTH_STR("&")))
        return BERTH_E_SYNTAX;
    while (text.n > 0) {
        berth_err e = take_field(t, &sig, berth_str_cut(&text, '&'));
        if (e != BERTH_OK)
            return e;
    }
    if (t->resource.n == 0 || t->expiry_text.n == 0)
        return BERTH_E_SYNTAX;
    return take_signature(sig, t->signature);
}

berth_err berth_sas_parse(berth_str text, struct berth_sas *out)
{
    struct berth_sas t = { 0 };
    berth_err e;

    *out = (struct berth_sas){ 0 };
    if (text.n > BERTH_SAS_MAX)
        return BERTH_E_RANGE;
    if (!berth_str_skip(&text, SCHEME))
        return BERTH_E_SYNTAX;
    e = take_fields(&t, text);
    if (e != BERTH_OK)
        return e;
    if (t.policy.n == 0)
        t.policy = (berth_str){ 0 };
    *out = t;
    return BERTH_OK;
}

/* The one rule that all clients share: sr exactly as it is sent, LF, se exactly as it is sent. */
static berth_err sign(const struct berth_crypto *c, struct berth_hmac_key *key, berth_str resource,
                      berth_str expiry, uint8_t out[BERTH_SHA256_SIZE])
{
    const berth_str parts[] = { resource, BERTH_STR("\n"), expiry };

    return c->hmac(c->ctx, key, parts, sizeof parts / sizeof parts[0], out);
}

berth_err berth_sas_verify(const struct berth_crypto *c, const struct berth_sas *t,
                           struct berth_hmac_key *key, bool *ok)
{
    uint8_t expected[BERTH_SHA256_SIZE] = { 0 };
    berth_err e;

    *ok = false;
    e = sign(c, key, t->resource, t->expiry_text, expected);
    if (e == BERTH_OK)
        *ok = c->equal(c->ctx, expected, t->signature, sizeof expected);
    c->wipe(c->ctx, expected, sizeof expected);
    return e;
}

bool berth_sas_is_expired(const struct berth_sas *t, int64_t now_s)
{
    return now_s >= BERTH_SAS_SKEW_S && now_s - BERTH_SAS_SKEW_S >= t->expiry;
}

bool berth_sas_is_for(const struct berth_sas *t, berth_str resource)
{
    return berth_percent_ieq(t->resource, resource);
}

bool berth_sas_covers(const struct berth_sas *t, berth_str resource)
{
    char storage[BERTH_SAS_MAX];
    struct berth_buf decoded;
    berth_str scope;

    berth_buf_init(&decoded, storage, sizeof storage);
    if (berth_percent_decode(t->resource, &decoded) != BERTH_OK)
        return false;
    scope = berth_buf_str(&decoded);
    if (berth_str_ends(scope, BERTH_STR("/")))
        scope.n--;
    if (scope.n == 0 || !berth_str_ieq(scope, berth_str_sub(resource, 0, scope.n)))
        return false;
    return resource.n == scope.n || resource.p[scope.n] == '/';
}

static void put_signature(const struct berth_crypto *c, const uint8_t mac[BERTH_SHA256_SIZE],
                          struct berth_buf *out)
{
    char storage[SIG_TEXT_SIZE];
    struct berth_buf text;

    berth_buf_init(&text, storage, sizeof storage);
    berth_b64_put(&text, mac, BERTH_SHA256_SIZE);
    berth_buf_put(out, BERTH_STR("&sig="));
    berth_percent_put(out, berth_buf_str(&text));
    c->wipe(c->ctx, storage, sizeof storage);
}

static berth_err put_token(const struct berth_crypto *c, struct berth_hmac_key *key,
                           berth_str resource, berth_str expiry, berth_str policy,
                           struct berth_buf *out)
{
    uint8_t mac[BERTH_SHA256_SIZE] = { 0 };
    size_t from;
    berth_err e;

    berth_buf_put(out, SCHEME);
    berth_buf_put(out, BERTH_STR("sr="));
    from = out->n;
    berth_percent_put(out, resource);
    if (out->over)
        return BERTH_E_FULL;
    e = sign(c, key, berth_str_sub(berth_buf_str(out), from, out->n - from), expiry, mac);
    if (e == BERTH_OK)
        put_signature(c, mac, out);
    c->wipe(c->ctx, mac, sizeof mac);
    if (e != BERTH_OK)
        return e;
    berth_buf_put(out, BERTH_STR("&se="));
    berth_buf_put(out, expiry);
    if (policy.n > 0) {
        berth_buf_put(out, BERTH_STR("&skn="));
        berth_percent_put(out, policy);
    }
    return out->over ? BERTH_E_FULL : BERTH_OK;
}

berth_err berth_sas_build(const struct berth_crypto *c, struct berth_hmac_key *key,
                          berth_str resource, int64_t expiry, berth_str policy,
                          struct berth_buf *out)
{
    char se_storage[SE_DIGITS_MAX];
    struct berth_buf se;
    size_t before = out->n;
    berth_err e;

    if (resource.n == 0 || expiry < 0)
        return BERTH_E_RANGE;
    berth_buf_init(&se, se_storage, sizeof se_storage);
    berth_buf_put_i64(&se, expiry);
    e = put_token(c, key, resource, berth_buf_str(&se), policy, out);
    if (e == BERTH_OK && out->n - before > BERTH_SAS_MAX)
        e = BERTH_E_RANGE; /* nobody would read it */
    if (e != BERTH_OK)
        out->n = before;
    return e;
}
