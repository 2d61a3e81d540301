/* The small parsers, all on the same text: what one takes, its writer writes so that it is taken
 * again. The first byte parts the text in two where a parser needs a name or a pattern. */
#include <stdlib.h>
#include <string.h>

#include "auth/mac.h"
#include "auth/policy.h"
#include "base/utf16.h"
#include "base/utf8.h"
#include "berth/registration_id.h"
#include "crypto/b64.h"
#include "hub/device.h"
#include "ops/address.h"
#include "prov/enrollment.h"
#include "prov/operation.h"
#include "wire/percent.h"
#include "wire/query.h"

#define TEXT_MAX (1 << 16)

static char first[TEXT_MAX], second[4 * TEXT_MAX];
static uint8_t bytes[TEXT_MAX];

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void fuzz_percent(berth_str text)
{
    struct berth_buf plain, coded;
    berth_str decoded;

    berth_buf_init(&plain, first, sizeof first);
    if (berth_percent_decode(text, &plain) != BERTH_OK)
        return;
    decoded = berth_buf_str(&plain);
    require(decoded.n <= text.n && berth_percent_ieq(text, decoded));
    berth_buf_init(&coded, second, sizeof second);
    berth_percent_put(&coded, decoded);
    require(!coded.over && berth_percent_ieq(berth_buf_str(&coded), decoded));
}

static void fuzz_b64(berth_str text)
{
    struct berth_buf b;
    struct berth_key key;
    size_t n;

    if (berth_b64_decode(text, bytes, sizeof bytes, &n) != BERTH_OK) {
        require(berth_key_decode(text, &key) != BERTH_OK);
        return;
    }
    berth_buf_init(&b, second, sizeof second);
    berth_b64_put(&b, bytes, n);
    require(berth_str_eq(berth_buf_str(&b), text)); /* strict: one spelling alone */
    if (berth_key_decode(text, &key) == BERTH_OK)
        require(key.n == n && n >= BERTH_KEY_MIN && n <= BERTH_KEY_MAX);
}

static void fuzz_mac(berth_str text)
{
    static const unsigned groups[] = { 2, 4, 6, 12 };
    struct berth_mac mac, again;
    struct berth_mac_check check = berth_mac_parse(text, &mac);

    require(check.position <= text.n && berth_mac_fault_text(check.fault) != NULL);
    if (check.fault != BERTH_MAC_FINE)
        return;
    for (size_t i = 0; i < 4; i++) {
        struct berth_buf b;
        berth_buf_init(&b, first, sizeof first);
        berth_mac_put(&b, &mac, groups[i] == 4 ? '.' : '-', groups[i], i % 2 == 0);
        require(berth_mac_parse(berth_buf_str(&b), &again).fault == BERTH_MAC_FINE);
        require(memcmp(&mac, &again, sizeof mac) == 0);
    }
}

static void fuzz_etags(berth_str text)
{
    uint64_t v = berth_etag_parse(text), r = berth_hub_device_etag_parse(text);
    struct berth_buf b;

    berth_buf_init(&b, first, sizeof first);
    berth_etag_put(&b, v);
    require(berth_etag_parse(berth_buf_str(&b)) == v || v >= BERTH_PRESENT);
    berth_buf_reset(&b);
    berth_hub_device_etag_put(&b, r);
    require(berth_hub_device_etag_parse(berth_buf_str(&b)) == r || r >= BERTH_PRESENT);
}

static void fuzz_rights(berth_str text)
{
    const unsigned all = BERTH_RIGHTS_OF_SERVICE | BERTH_RIGHTS_OF_HUB;
    unsigned rights = 0;

    if (berth_rights_parse(text, &rights) == BERTH_OK)
        require((rights & ~all) == 0);
    (void)berth_policy_name_is_valid(text);
}

static void fuzz_query(berth_str name, berth_str text)
{
    berth_str value = berth_query_get(text, name);

    require(value.n == 0 || (value.p >= text.p && value.p + value.n <= text.p + text.n));
    if (berth_api_version_is_valid(text))
        require(text.n == 10 || text.n == 18);
}

static void fuzz_names(berth_str text)
{
    struct berth_id_check check = berth_registration_id_check(text);
    struct sockaddr_storage addr;
    char copy[128];
    int64_t ms;

    require(check.position <= text.n);
    if (berth_operation_id_time(text, &ms) == BERTH_OK)
        require(ms >= 0);
    if (text.n < sizeof copy) {
        if (text.n > 0)
            memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        require((address_parse(copy, 443, &addr) == BERTH_OK) == address_is_literal(copy));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size == 0 ? 0 : data[0] < size - 1 ? data[0] : size - 1;
    berth_str text = { (const char *)data + (size > 0), size - (size > 0) };

    if (text.n > TEXT_MAX / 4)
        return 0;
    fuzz_percent(text);
    fuzz_b64(text);
    fuzz_mac(text);
    fuzz_etags(text);
    fuzz_rights(text);
    fuzz_query(berth_str_sub(text, 0, n), berth_str_sub(text, n, text.n));
    fuzz_names(text);
    return 0;
}
