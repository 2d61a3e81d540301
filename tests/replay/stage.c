#include "replay/stage.h"

#include <string.h>

#include "auth/policy.h"
#include "front/call.h"
#include "front/router.h"
#include "hub/device.h"
#include "prov/enrollment.h"
#include "prov/operation.h"
#include "unit/check.h"

static const uint8_t uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33,
                                  0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 };
static uint8_t random_next;

/* What asks for sixteen bytes, or for the front's store of such, makes IDs of them; anything else,
 * keys above all, may not repeat. */
static berth_err injected_random(void *ctx, uint8_t *out, size_t n)
{
    bool names = n == sizeof uuid || n == FRONT_RANDOM_SIZE;

    (void)ctx;
    for (size_t i = 0; i < n; i++)
        out[i] = names ? uuid[i % sizeof uuid] : random_next++;
    return BERTH_OK;
}

static void put_policies(struct stage *s, const char *hub, const struct berth_policy_default *rows)
{
    struct berth_key key = { .n = 32 };

    memset(key.bytes, 'k', key.n);
    for (; rows->name != NULL; rows++) {
        struct berth_policy p = { .hub = berth_str_of(hub),
                                  .name = berth_str_of(rows->name),
                                  .rights = rows->rights,
                                  .keys = { key, key } };
        char storage[4096];
        struct berth_arena a;
        struct berth_record rec;

        berth_arena_init(&a, storage, sizeof storage);
        CHECK(rows->name, berth_policy_encode(&p, &a, &rec) == BERTH_OK);
        front_rig_put(&s->front, &rec);
    }
}

static void put_hub(struct stage *s, const char *name)
{
    front_rig_put(&s->front, &(struct berth_record){
                                 .kind = BERTH_KIND_HUB,
                                 .key = berth_str_of(name),
                                 .name = berth_str_of(name),
                                 .body = BERTH_STR("{\"weight\":1,\"allocation\":true}") });
    put_policies(s, name, berth_hub_policies);
}

void stage_open(struct stage *s, int64_t now_ms, struct limits_rates rates)
{
    static const struct fake_options unsteady = { .seed = 7, .delay_max = 3, .reorder = true };
    struct fake_options prompt = { 0 };

    front_rig_open(&s->front, &prompt, rates);
    random_next = 0;
    s->front.crypto.random = injected_random;
    s->front.front.random_left = 0;
    s->front.front.store = s->front.inner;
    strcpy(s->front.config.hosts[0], STAGE_SERVICE);
    s->front.config.host_count = 1;
    s->http = (struct http_options){ .handler = router_http, .user = &s->front.front };
    loop_hold_wall(s->front.front.loop, now_ms);
    front_rig_delete(&s->front, BERTH_KIND_GROUP, "", FRONT_RIG_GROUP); /* of another clock */
    put_hub(s, STAGE_HUB);
    put_hub(s, STAGE_SERVICE);
    put_policies(s, "", berth_service_policies);
    fake_store_set(s->front.store, &unsteady);
}

void stage_close(struct stage *s)
{
    calls_drop(&s->front.front);
    front_rig_close(&s->front);
}

void stage_enroll(struct stage *s, bool assigning_first)
{
    static unsigned char memory[256 * 1024];
    static const char document[] =
        "{\"registrationId\":\"" STAGE_DEVICE "\",\"attestation\":{\"type\":\"symmetricKey\","
        "\"symmetricKey\":{\"primaryKey\":\"" STAGE_KEY "\",\"secondaryKey\":\"" STAGE_KEY "\"}},"
        "\"allocationPolicy\":\"static\",\"iotHubs\":[\"" STAGE_HUB "\"],"
        "\"initialTwin\":{\"tags\":{},\"properties\":{\"desired\":{\"interval\":30}}}}";
    struct berth_enrollment e;
    struct berth_refusal why;
    struct berth_record rec;
    struct berth_arena a;

    berth_arena_init(&a, memory, sizeof memory);
    CHECK(STAGE_DEVICE, berth_enrollment_parse(false, BERTH_STR(STAGE_DEVICE),
                                               berth_str_of(document), &a, &e, &why) == BERTH_OK);
    e.assigning_first = assigning_first;
    CHECK(STAGE_DEVICE, berth_enrollment_encode(&e, &a, &rec) == BERTH_OK);
    front_rig_put(&s->front, &rec);
}

void stage_put_device(struct stage *s, const char *hub)
{
    static unsigned char memory[256 * 1024];
    struct berth_hub_device d;
    struct berth_record rec;
    struct berth_arena a;

    berth_arena_init(&a, memory, sizeof memory);
    berth_hub_device_init(&d, berth_str_of(hub), BERTH_STR(STAGE_DEVICE), 1,
                          loop_now_ms(s->front.front.loop));
    memset(d.keys.primary.bytes, 'a', d.keys.primary.n = 32);
    memset(d.keys.secondary.bytes, 'b', d.keys.secondary.n = 32);
    CHECK(STAGE_DEVICE, berth_hub_device_encode(&d, &a, &rec) == BERTH_OK);
    front_rig_put(&s->front, &rec);
}

const char *stage_events(struct stage *s)
{
    static char text[64 * 1024];
    static max_align_t names[1 << 12];
    struct hub_events_query q = { .hub = BERTH_STR(STAGE_HUB) };
    struct berth_arena a;
    struct berth_buf b;
    uint64_t next, missed;

    berth_buf_init(&b, text, sizeof text - 1);
    berth_arena_init(&a, names, sizeof names);
    berth_buf_put_char(&b, '[');
    (void)hub_events_put(s->front.common.events, &q, &b, &a, NULL, &next, &missed);
    berth_buf_put_char(&b, ']');
    text[b.n] = '\0';
    return text;
}

void stage_operation_id(struct stage *s, char out[BERTH_OPERATION_ID_SIZE])
{
    berth_operation_id_make(out, uuid, loop_now_ms(s->front.front.loop));
}
