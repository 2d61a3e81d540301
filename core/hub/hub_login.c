#include "hub/hub_login.h"

#include "auth/sas_key.h"
#include "wire/percent.h"

static bool decodes_to(berth_str text, berth_str plain)
{
    char storage[BERTH_SAS_MAX];
    struct berth_buf b;

    berth_buf_init(&b, storage, sizeof storage);
    return berth_percent_decode(text, &b) == BERTH_OK && berth_str_eq(berth_buf_str(&b), plain);
}

/* {host}/devices/{id}: case counts in the ID alone. C# encodes odd IDs twice. */
static bool names(berth_str resource, berth_str host, berth_str device_id)
{
    if (!berth_str_ieq(berth_str_cut(&resource, '/'), host) ||
        !berth_str_ieq(berth_str_cut(&resource, '/'), BERTH_STR("devices")))
        return false;
    return berth_str_eq(resource, device_id) || decodes_to(resource, device_id);
}

/* The C SDK encodes nothing: a '%' of the ID is no escape then, whatever follows it. */
static bool is_for(const struct berth_sas *t, berth_str host, berth_str device_id)
{
    char storage[BERTH_SAS_MAX];
    struct berth_buf b;

    if (names(t->resource, host, device_id))
        return true;
    berth_buf_init(&b, storage, sizeof storage);
    return berth_percent_decode(t->resource, &b) == BERTH_OK &&
           names(berth_buf_str(&b), host, device_id);
}

berth_err berth_hub_judge(const struct berth_crypto *c, const struct berth_hub_device *d,
                          const struct berth_sas *token, berth_str host, int64_t now_s,
                          enum berth_reason *why)
{
    bool ok = false;
    berth_err e;

    *why = BERTH_WHY_DEVICE_AUTH_OTHER;
    if (d->auth != BERTH_AUTH_SAS)
        return BERTH_OK;
    *why = BERTH_WHY_DEVICE_TOKEN_FOR_OTHER;
    if (!is_for(token, host, d->device_id))
        return BERTH_OK;
    *why = BERTH_WHY_DEVICE_SIGNATURE_WRONG;
    e = berth__sas_verify_key(c, token, &d->keys.primary, &ok);
    if (e == BERTH_OK && !ok)
        e = berth__sas_verify_key(c, token, &d->keys.secondary, &ok);
    if (e != BERTH_OK || !ok)
        return e;
    *why = berth_sas_is_expired(token, now_s) ? BERTH_WHY_TOKEN_EXPIRED
           : !d->enabled                      ? BERTH_WHY_DEVICE_DISABLED
                                              : BERTH_WHY_NONE;
    return BERTH_OK;
}
