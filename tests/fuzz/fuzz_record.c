/* Records as a damaged or foreign database holds them. The first byte says the kind, what follows
 * is owner, tag, secret and body, parted by NUL bytes. Whatever is decoded can be shown as JSON. */
#include <stdlib.h>

#include "auth/policy.h"
#include "hub/device.h"
#include "prov/enrollment.h"
#include "prov/hub.h"
#include "prov/registration.h"
#include "wire/json.h"

static unsigned char memory[4 << 20];
static char text[2 << 20];

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void show_device(const struct berth_record *rec, struct berth_arena *a, struct berth_buf *b)
{
    struct berth_hub_device d;

    if (berth_hub_device_decode(rec, a, &d) != BERTH_OK)
        return;
    berth_hub_device_put(b, &d);
    berth_buf_put_char(b, ',');
    berth_twin_put(b, &d);
    berth_buf_put_char(b, ',');
    berth_twin_device_put(b, &d);
}

static void show_enrollment(const struct berth_record *rec, struct berth_arena *a,
                            struct berth_buf *b)
{
    struct berth_enrollment e;

    if (berth_enrollment_decode(rec, a, &e) == BERTH_OK)
        berth_enrollment_put(b, &e, true, (berth_str){ 0 });
}

static void show_registration(const struct berth_record *rec, struct berth_arena *a,
                              struct berth_buf *b)
{
    struct berth_registration r;

    if (berth_registration_decode(rec, a, &r) == BERTH_OK)
        berth_registration_put(b, &r);
}

static void show_policy(const struct berth_record *rec, struct berth_arena *a, struct berth_buf *b)
{
    struct berth_policy p;

    if (berth_policy_decode(rec, a, &p) == BERTH_OK)
        berth_policy_put(b, &p, (berth_str){ 0 }, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum berth_kind kinds[] = { BERTH_KIND_DEVICE, BERTH_KIND_ENROLLMENT,
                                             BERTH_KIND_GROUP,  BERTH_KIND_REGISTRATION,
                                             BERTH_KIND_POLICY, BERTH_KIND_HUB };
    berth_str rest = { (const char *)data + (size > 0), size - (size > 0) };
    struct berth_record rec = { .scope = BERTH_STR("hub-a.example"),
                                .key = BERTH_STR("dev1"),
                                .name = BERTH_STR("dev1"),
                                .version = 1 };
    struct berth_json v;
    struct berth_arena a;
    struct berth_buf b;
    struct berth_hub h;

    rec.kind = kinds[size == 0 ? 0 : data[0] % (sizeof kinds / sizeof *kinds)];
    rec.owner = berth_str_cut(&rest, '\0');
    rec.tag = (int32_t)berth_str_cut(&rest, '\0').n;
    rec.secret = berth_str_cut(&rest, '\0');
    rec.body = rest;
    berth_arena_init(&a, memory, sizeof memory);
    berth_buf_init(&b, text, sizeof text);
    berth_buf_put_char(&b, '[');
    if (rec.kind == BERTH_KIND_DEVICE)
        show_device(&rec, &a, &b);
    else if (rec.kind == BERTH_KIND_ENROLLMENT || rec.kind == BERTH_KIND_GROUP)
        show_enrollment(&rec, &a, &b);
    else if (rec.kind == BERTH_KIND_REGISTRATION)
        show_registration(&rec, &a, &b);
    else if (rec.kind == BERTH_KIND_POLICY)
        show_policy(&rec, &a, &b);
    else
        berth_hub_decode(&rec, &h);
    berth_buf_put_char(&b, ']');
    require(!b.over && berth_json_check(berth_buf_str(&b), &v, NULL) == BERTH_OK);
    return 0;
}
