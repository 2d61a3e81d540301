#include <stdlib.h>
#include <string.h>

#include "berth/sas.h"

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* A part of a token lies within it. */
static bool is_within(berth_str part, berth_str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct berth_sas zero;
    /* The first byte says how much of the rest is the resource asked for. */
    size_t n = size == 0 ? 0 : data[0] < size - 1 ? data[0] : size - 1;
    berth_str resource = { (const char *)data + (size > 0), n };
    berth_str text = { resource.p + n, size - n - (size > 0) };
    struct berth_sas t;
    berth_err e;

    memset(&t, 1, sizeof t);
    e = berth_sas_parse(text, &t);
    if (e != BERTH_OK) {
        require(e == BERTH_E_SYNTAX || e == BERTH_E_RANGE);
        require(memcmp(&t, &zero, sizeof t) == 0);
        return 0;
    }
    require(text.n <= BERTH_SAS_MAX);
    require(t.resource.n > 0 && t.expiry_text.n > 0 && t.expiry >= 0);
    require(is_within(t.resource, text) && is_within(t.policy, text));
    require(is_within(t.expiry_text, text));
    /* What is for a resource also covers it; a token expires once and stays so. */
    if (resource.n > 0 && resource.p[n - 1] != '/' && berth_sas_is_for(&t, resource))
        require(berth_sas_covers(&t, resource));
    (void)berth_sas_covers(&t, resource);
    require(berth_sas_is_expired(&t, INT64_MAX) || t.expiry > INT64_MAX - BERTH_SAS_SKEW_S);
    return 0;
}
