#include "bench/load/fleet.h"

#include <inttypes.h>
#include <stdio.h>

#include "berth/derive.h"
#include "berth/openssl.h"

berth_err fleet_init(struct fleet *f, const struct berth_key *group_key)
{
    berth_err e = berth_openssl_init(&f->crypto);

    f->group = (struct berth_hmac_key){ NULL };
    if (e == BERTH_OK && group_key->n > 0)
        e = f->crypto.hmac_prepare(f->crypto.ctx, group_key->bytes, group_key->n, &f->group);
    return e;
}

void fleet_deinit(struct fleet *f)
{
    if (f->crypto.ctx == NULL)
        return;
    f->crypto.hmac_release(f->crypto.ctx, &f->group);
    berth_openssl_deinit(&f->crypto);
}

berth_err fleet_device(struct fleet *f, uint64_t i, struct device *out)
{
    int n = snprintf(out->id, sizeof out->id, "%s-%06" PRIu64, f->prefix, f->first + i);

    out->key.n = 0;
    if (n < 0 || (size_t)n >= sizeof out->id)
        return BERTH_E_RANGE;
    if (f->group.impl == NULL)
        return BERTH_OK;
    return berth_derive_key_prepared(&f->crypto, &f->group, berth_str_of(out->id), &out->key);
}
