#include "cli/group_key.h"

#include <string.h>

#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/tell.h"
#include "crypto/b64.h"

int group_key_ask(struct api *a, const char *group, bool secondary, struct berth_key *key)
{
    char path[API_PATH_MAX], what[ENROLLMENT_WHAT_MAX];
    unsigned char storage[2 * BERTH_KEY_TEXT_MAX]; /* a '/' may come escaped */
    struct berth_arena arena;
    struct berth_json keys;
    berth_str text;
    berth_err e;
    int code;

    *key = (struct berth_key){ 0 };
    api_path(path, enrollment_group.path, group, "/attestationmechanism" API_DPS);
    code = api_call(
        a, &(struct api_request){ .method = "POST",
                                  .path = path,
                                  .what = enrollment_what(&enrollment_group, group, what) });
    if (code != EXIT_CODE_OK)
        return code;
    keys = berth_json_get(a->json, BERTH_STR("symmetricKey"));
    berth_arena_init(&arena, storage, sizeof storage);
    e = berth_json_string(
        berth_json_get(keys, secondary ? BERTH_STR("secondaryKey") : BERTH_STR("primaryKey")),
        &arena, &text);
    if (e == BERTH_OK)
        e = berth_key_decode(text, key);
    explicit_bzero(storage, sizeof storage);
    return e == BERTH_OK ? code : tell_failure(EXIT_CODE_FAILED, "%s has no symmetric key", what);
}
