#include <stdlib.h>
#include <string.h>

#include "auth/forensics.h"
#include "berth/openssl.h"
#include "berth/registration_id.h"

static void require(bool truth)
{
    if (!truth)
        abort();
}

static bool is_within(berth_str part, berth_str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void conclude(const struct berth_exhibit *x, const struct berth_circumstances *w,
                     enum berth_suspect_type type, bool matched, struct berth_finding f)
{
    char storage[BERTH_ID_MAX];
    berth_str other = berth_forensics_other_id(x, w, storage);

    berth_forensics_conclude(x, w, type, matched, &f);
    require(f.count <= BERTH_FINDING_MAX);
    for (size_t i = 0; i < f.count; i++)
        require(f.mistakes[i] > BERTH_MISTAKE_NONE && f.mistakes[i] < BERTH_MISTAKE_COUNT);
    require(other.n <= BERTH_ID_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says what the key is and how much of the rest is the ID; then comes the token. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct berth_crypto crypto;
    struct berth_key key = { .n = 32 };
    struct berth_suspect s = { .key = &key };
    struct berth_finding f = { 0 };
    struct berth_exhibit x;
    bool matched = false;

    if (crypto.ctx == NULL)
        require(berth_openssl_init(&crypto) == BERTH_OK);
    if (size < 2)
        return 0;
    s.type = data[0] % 3;
    size_t n = (size_t)(data[0] / 3) < size - 1 ? data[0] / 3 : size - 1;
    struct berth_circumstances w = {
        .why = data[1] % BERTH_REASON_COUNT,
        .id_scope = BERTH_STR("0ne"),
        .id = { (const char *)data + 1, n },
        .has_individual = data[0] % 2,
        .now_s = 1800000000,
    };
    berth_str token = { w.id.p + n, size - 1 - n };

    if (berth_exhibit_read(token, &x) != BERTH_OK)
        return 0;
    require(token.n <= BERTH_SAS_MAX);
    require(is_within(x.resource, token) && is_within(x.expiry_text, token));
    if (berth_forensics_try(&crypto, &x, w.id, &s, &matched, &f) == BERTH_OK)
        require(!matched || f.proven);
    conclude(&x, &w, s.type, matched, f);
    return 0;
}
