/* Each parser of the device API on the same bytes; what it takes can be written and taken again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "prov/dps_device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char storage[1 << 17];

static void fuzz_user(berth_str text)
{
    struct berth_dps_user user, again;
    struct berth_buf b;

    if (berth_dps_user_parse(text, &user) != BERTH_OK)
        return;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_user_put(&b, user.id_scope, user.registration_id, user.client_version);
    if (b.over)
        return;
    assert(berth_dps_user_parse(berth_buf_str(&b), &again) == BERTH_OK);
    assert(berth_str_eq(user.id_scope, again.id_scope));
    assert(berth_str_eq(user.registration_id, again.registration_id));
}

static void fuzz_topics(berth_str text)
{
    struct berth_dps_answer_topic answer, again;
    struct berth_dps_topic topic;
    struct berth_buf b;

    if (berth_dps_topic_parse(text, &topic) == BERTH_OK)
        assert(topic.rid.n <= BERTH_DPS_RID_MAX);
    if (berth_dps_answer_topic_parse(text, &answer) != BERTH_OK)
        return;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_answer_topic_put(&b, answer.status, answer.rid, answer.retry_after_s);
    assert(berth_dps_answer_topic_parse(berth_buf_str(&b), &again) == BERTH_OK);
    assert(again.status == answer.status && berth_str_eq(again.rid, answer.rid));
    assert(again.retry_after_s == answer.retry_after_s);
}

static void fuzz_path(berth_str text, struct berth_arena *a)
{
    struct berth_dps_path path;

    if (berth_dps_path_parse(text, a, &path) != BERTH_OK)
        return;
    assert(path.is_register + path.is_poll + path.is_lookup == 1);
    assert(path.id_scope.n > 0 && path.registration_id.n > 0);
    assert(path.is_poll == (path.operation_id.p != NULL));
}

static void fuzz_bodies(berth_str text, struct berth_arena *a)
{
    struct berth_dps_register reg, again;
    struct berth_dps_result result;
    struct berth_buf b;

    if (berth_dps_answer_parse(text, a, &result) == BERTH_OK && !result.has_status)
        assert(result.assigned_hub.p == NULL);
    if (berth_dps_register_parse(text, a, &reg) != BERTH_OK)
        return;
    berth_buf_init(&b, storage, sizeof storage);
    berth_dps_register_put(&b, reg.registration_id, reg.payload);
    if (b.over)
        return;
    assert(berth_dps_register_parse(berth_buf_str(&b), a, &again) != BERTH_E_SYNTAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static max_align_t memory[8192];
    char *block = malloc(size > 0 ? size : 1);
    berth_str text = { block, size };
    struct berth_arena a;

    if (size > 0)
        memcpy(block, data, size);
    berth_arena_init(&a, memory, sizeof memory);
    fuzz_user(text);
    fuzz_topics(text);
    fuzz_path(text, &a);
    fuzz_bodies(text, &a);
    free(block);
    return 0;
}
