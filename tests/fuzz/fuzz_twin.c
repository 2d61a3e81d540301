/* A twin changed by hostile documents, parted by NUL bytes: whatever they do, what is left keeps
 * its bounds, comes back from its record, and reads as JSON. */
#include <stdlib.h>
#include <string.h>

#include "hub/device.h"
#include "wire/json.h"

static unsigned char storage[4 << 20];
static char text[2 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void change(struct berth_hub_device *d, unsigned step, berth_str json, struct berth_arena *a)
{
    struct berth_hub_device before = *d;
    int64_t now_ms = (int64_t)step * 1000;
    struct berth_refusal why;
    berth_err e;

    switch (step % 5) {
    case 0:
        e = berth_twin_update(d, json, false, now_ms, a, &why);
        break;
    case 1:
        e = berth_twin_report(d, json, now_ms, a, &why);
        break;
    case 2:
        e = berth_twin_update(d, json, true, now_ms, a, &why);
        break;
    case 3:
        e = berth_hub_device_apply(d, BERTH_STR("d"), json, now_ms, a, &why);
        break;
    default:
        e = berth_twin_reset(d, json, now_ms, a, &why);
    }
    if (e == BERTH_OK)
        return;
    require(e == BERTH_E_FULL || why.message.n > 0);
    if (step % 5 == 3) /* spoilt, as its header says */
        *d = before;
    else
        require(memcmp(d, &before, sizeof before) == 0);
}

static void check_document(const struct berth_buf *b, const struct berth_hub_device *d,
                           struct berth_arena *a)
{
    struct berth_hub_device copy = *d;
    struct berth_refusal why;
    struct berth_json json;

    require(!b->over);
    require(berth_json_check(berth_buf_str(b), &json, NULL) == BERTH_OK);
    /* a client may send back what it fetched, and changes nothing by it */
    require(berth_twin_update(&copy, berth_buf_str(b), true, 1, a, &why) == BERTH_OK);
    require(copy.twin_revision == d->twin_revision);
}

static void check_device(const struct berth_hub_device *d, struct berth_arena *a)
{
    struct berth_hub_device again;
    struct berth_record rec;
    struct berth_buf b;
    berth_str first;

    require(d->tags.n <= BERTH_TWIN_TAGS_MAX);
    require(d->desired.values.n <= BERTH_TWIN_SECTION_MAX);
    require(d->reported.values.n <= BERTH_TWIN_SECTION_MAX);
    require(berth_hub_device_encode(d, a, &rec) == BERTH_OK);
    require(berth_hub_device_decode(&rec, a, &again) == BERTH_OK);
    berth_buf_init(&b, text, sizeof text / 2);
    berth_twin_put(&b, d);
    check_document(&b, d, a);
    first = berth_buf_str(&b);
    berth_buf_init(&b, text + sizeof text / 2, sizeof text / 2);
    berth_twin_put(&b, &again);
    require(berth_str_eq(first, berth_buf_str(&b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    berth_str rest = { (const char *)data, size };
    struct berth_arena a;
    struct berth_hub_device d;

    berth_arena_init(&a, storage, sizeof storage);
    berth_hub_device_init(&d, BERTH_STR("h"), BERTH_STR("d"), 1, 0);
    for (unsigned step = 0; rest.n > 0 && step < 20; step++)
        change(&d, step, berth_str_cut(&rest, '\0'), &a);
    check_device(&d, &a);
    return 0;
}
