#include "berth/derive.h"

#include "crypto/b64.h"

berth_err berth_derive_key_prepared(const struct berth_crypto *c, struct berth_hmac_key *group_key,
                                    berth_str registration_id, struct berth_key *out)
{
    berth_err e;

    *out = (struct berth_key){ 0 };
    e = c->hmac(c->ctx, group_key, &registration_id, 1, out->bytes);
    if (e != BERTH_OK) {
        c->wipe(c->ctx, out, sizeof *out);
        return e;
    }
    out->n = BERTH_SHA256_SIZE;
    return BERTH_OK;
}

berth_err berth_derive_key(const struct berth_crypto *c, const struct berth_key *group_key,
                           berth_str registration_id, struct berth_key *out)
{
    struct berth_hmac_key prepared = { 0 };
    berth_err e;

    *out = (struct berth_key){ 0 };
    if (group_key->n < BERTH_KEY_MIN || group_key->n > BERTH_KEY_MAX)
        return BERTH_E_RANGE;
    e = c->hmac_prepare(c->ctx, group_key->bytes, group_key->n, &prepared);
    if (e == BERTH_OK)
        e = berth_derive_key_prepared(c, &prepared, registration_id, out);
    c->hmac_release(c->ctx, &prepared);
    return e;
}

static void put_text(const struct berth_key *key, char out[BERTH_DERIVED_TEXT_SIZE])
{
    struct berth_buf text;

    berth_buf_init(&text, out, BERTH_DERIVED_TEXT_SIZE - 1);
    berth_key_put(&text, key);
    out[text.n] = '\0';
}

berth_err berth_derive_key_text(const struct berth_crypto *c, berth_str group_key_base64,
                                berth_str registration_id, char out[BERTH_DERIVED_TEXT_SIZE])
{
    struct berth_key group, device = { 0 };
    berth_err e;

    out[0] = '\0';
    e = berth_key_decode(group_key_base64, &group);
    if (e == BERTH_OK)
        e = berth_derive_key(c, &group, registration_id, &device);
    if (e == BERTH_OK)
        put_text(&device, out);
    c->wipe(c->ctx, &group, sizeof group);
    c->wipe(c->ctx, &device, sizeof device);
    return e;
}
