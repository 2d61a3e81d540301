/* User names, topics, filters and property bags of a hub, and the events made of them: whatever a
 * device sends becomes valid JSON. */
#include <assert.h>

#include "base/utf8.h"
#include "hub/hub_event.h"
#include "hub/hub_topic.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char storage[1 << 21];
static max_align_t memory[1 << 14];

static void fuzz_names(berth_str text)
{
    struct berth_hub_topic topic;
    struct berth_hub_user user;

    if (berth_hub_user_parse(text, &user) == BERTH_OK) {
        assert(user.hub.n > 0 && user.device_id.n > 0);
        assert(user.module_id.p == NULL || user.module_id.n > 0);
    }
    if (berth_hub_topic_parse(text, &topic) == BERTH_OK) {
        assert(topic.rid.n <= BERTH_HUB_RID_MAX);
        assert((topic.type == BERTH_HUB_TELEMETRY) == (topic.bag.p != NULL));
    }
    assert(berth_hub_filter_of(text, BERTH_STR("d")) <= BERTH_HUB_FILTERS);
}

static void fuzz_event(berth_str bag, berth_str payload)
{
    struct berth_hub_event e = { .device_id = BERTH_STR("d"), .bag = bag, .payload = payload };
    struct berth_json doc, properties;
    struct berth_arena a;
    struct berth_buf b;

    if (!berth_utf8_is_valid(bag) || berth_str_find(bag, '\0') < bag.n)
        return; /* MQTT's reader takes no such topic */
    berth_buf_init(&b, storage, sizeof storage);
    berth_arena_init(&a, memory, sizeof memory);
    if (berth_hub_event_put(&b, &e, &a) != BERTH_OK)
        return;
    assert(berth_json_check(berth_buf_str(&b), &doc, NULL) == BERTH_OK);
    properties = berth_json_get(doc, BERTH_STR("properties"));
    assert(berth_json_count(properties) <= BERTH_HUB_EVENT_PROPERTIES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    berth_str payload = { (const char *)data, size };
    berth_str bag = berth_str_cut(&payload, '\n');

    fuzz_names((berth_str){ (const char *)data, size });
    fuzz_event(bag, payload);
    return 0;
}
