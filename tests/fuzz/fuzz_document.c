/* The documents of the service APIs: the first byte says of which, the rest is the body. What is
 * taken is written as an answer that is JSON, and comes back from its record the same. */
#include <stdlib.h>
#include <string.h>

#include "hub/device.h"
#include "prov/dps_device.h"
#include "prov/enrollment.h"
#include "prov/hub.h"
#include "wire/json.h"

#define ID  "dev1"
#define HUB "hub-a.example"

static unsigned char memory[4 << 20];
static char first[2 << 20], second[2 << 20];

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void require_json(const struct berth_buf *b)
{
    struct berth_json v;

    require(!b->over && berth_json_check(berth_buf_str(b), &v, NULL) == BERTH_OK);
}

static void require_same(const struct berth_buf *a, const struct berth_buf *b)
{
    require_json(a);
    require(berth_str_eq(berth_buf_str(a), berth_buf_str(b)));
}

/* A refusal says why; only a full arena says nothing. */
static bool is_taken(berth_err e, const struct berth_refusal *why)
{
    require(e == BERTH_OK || e == BERTH_E_FULL || e == BERTH_E_SYNTAX || e == BERTH_E_RANGE);
    require((e == BERTH_OK || e == BERTH_E_FULL) == (why->reason == BERTH_WHY_NONE));
    return e == BERTH_OK;
}

static void fuzz_enrollment(bool is_group, berth_str text, struct berth_arena *a)
{
    struct berth_enrollment e, again;
    struct berth_refusal why = { 0 };
    struct berth_record rec;
    struct berth_buf x, y;

    if (!is_taken(berth_enrollment_parse(is_group, BERTH_STR(ID), text, a, &e, &why), &why))
        return;
    require(berth_enrollment_encode(&e, a, &rec) == BERTH_OK);
    require(rec.body.n <= BERTH_RECORD_BODY_MAX && rec.secret.n <= BERTH_RECORD_SECRET_MAX);
    berth_buf_init(&x, first, sizeof first);
    berth_buf_init(&y, second, sizeof second);
    require(berth_enrollment_decode(&rec, a, &again) == BERTH_OK);
    berth_enrollment_put(&x, &e, true, (berth_str){ 0 });
    berth_enrollment_put(&y, &again, true, (berth_str){ 0 });
    require_same(&x, &y);
}

static void fuzz_hub(berth_str text, struct berth_arena *a)
{
    struct berth_hub h = { .host_name = BERTH_STR(HUB) }, again;
    struct berth_refusal why = { 0 };
    struct berth_record rec;

    if (!is_taken(berth_hub_parse(text, &h, &why), &why))
        return;
    require(h.weight >= 1 && h.weight <= BERTH_HUB_WEIGHT_MAX);
    require(berth_hub_encode(&h, a, &rec) == BERTH_OK);
    berth_hub_decode(&rec, &again);
    require(again.weight == h.weight && again.takes_devices == h.takes_devices);
}

static void fuzz_device(berth_str text, struct berth_arena *a)
{
    struct berth_hub_device d, again;
    struct berth_refusal why = { 0 };
    struct berth_record rec;
    struct berth_buf x, y;

    berth_hub_device_init(&d, BERTH_STR(HUB), BERTH_STR(ID), 1, 1);
    if (!is_taken(berth_hub_device_apply(&d, BERTH_STR(ID), text, 2, a, &why), &why))
        return;
    require(berth_hub_device_encode(&d, a, &rec) == BERTH_OK);
    require(berth_hub_device_decode(&rec, a, &again) == BERTH_OK);
    berth_buf_init(&x, first, sizeof first);
    berth_buf_init(&y, second, sizeof second);
    berth_hub_device_put(&x, &d);
    berth_hub_device_put(&y, &again);
    require_same(&x, &y);
}

static void fuzz_register(berth_str text, struct berth_arena *a)
{
    struct berth_dps_register r, again;
    struct berth_buf x;

    if (berth_dps_register_parse(text, a, &r) != BERTH_OK)
        return;
    berth_buf_init(&x, first, sizeof first);
    berth_dps_register_put(&x, r.registration_id, r.payload);
    require_json(&x);
    require(berth_dps_register_parse(berth_buf_str(&x), a, &again) == BERTH_OK);
    require(berth_str_eq(r.registration_id, again.registration_id));
    require(berth_str_eq(r.payload, again.payload));
}

static void fuzz_answer(berth_str text, struct berth_arena *a)
{
    struct berth_dps_result r;

    (void)!berth_dps_answer_parse(text, a, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct berth_arena a;
    berth_str text;

    if (size == 0)
        return 0;
    text = (berth_str){ (const char *)data + 1, size - 1 };
    berth_arena_init(&a, memory, sizeof memory);
    switch (data[0] % 6) {
    case 0:
        fuzz_enrollment(false, text, &a);
        break;
    case 1:
        fuzz_enrollment(true, text, &a);
        break;
    case 2:
        fuzz_hub(text, &a);
        break;
    case 3:
        fuzz_device(text, &a);
        break;
    case 4:
        fuzz_register(text, &a);
        break;
    default:
        fuzz_answer(text, &a);
    }
    return 0;
}
