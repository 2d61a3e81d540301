#include "hub/twin_parts.h"

/* VALUE of NAME in OBJECT. Both sides keep their order, so that *AT, where the last one was found,
 * is where the next one tends to be. Names have one spelling at rest (twin_merge.c). */
static struct berth_json find(struct berth_json object, struct berth_json_iter *at, berth_str name)
{
    struct berth_json_iter it = *at;
    struct berth_json value;
    berth_str each;

    for (int round = 0; round < 2; round++) {
        while (berth_json_next(object, &it, &each, &value))
            if (berth_str_eq(each, name)) {
                *at = it;
                return value;
            }
        it = (struct berth_json_iter){ 0 };
    }
    return (struct berth_json){ 0 };
}

static void put_name(struct berth_json_out *j, berth_str name)
{
    berth_json_put_raw(j, (berth_str){ name.p - 1, name.n + 2 });
    berth_buf_put_char(j->b, ':');
    j->comma = false;
}

static void put_changes(struct berth_json_out *j, struct berth_json before, struct berth_json after)
{
    struct berth_json_iter it = { 0 }, at = { 0 };
    struct berth_json value;
    berth_str name;

    while (berth_json_next(before, &it, &name, &value))
        if (find(after, &at, name).type == BERTH_JSON_ABSENT) {
            put_name(j, name);
            berth_json_put_null(j);
        }
    it = at = (struct berth_json_iter){ 0 };
    while (berth_json_next(after, &it, &name, &value)) {
        struct berth_json old = find(before, &at, name);

        if (old.type == value.type && berth_str_eq(old.text, value.text))
            continue;
        put_name(j, name);
        if (old.type != BERTH_JSON_OBJECT || value.type != BERTH_JSON_OBJECT) {
            berth_json_put_raw(j, value.text);
            continue;
        }
        berth_json_open(j, '{');
        put_changes(j, old, value);
        berth_json_close(j, '}');
    }
}

void berth_twin_patch_put(struct berth_buf *b, berth_str before,
                          const struct berth_twin_section *after)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    put_changes(&j, (struct berth_json){ BERTH_JSON_OBJECT, before },
                (struct berth_json){ BERTH_JSON_OBJECT, after->values });
    berth_json_member_i64(&j, "$version", after->version);
    berth_json_close(&j, '}');
}
