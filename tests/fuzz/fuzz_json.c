/* Any bytes as JSON: what is accepted can be walked to its last value, and written out again. */
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static char memory[1 << 17], output[1 << 17];

static berth_str decoded(struct berth_json v, struct berth_arena *a)
{
    berth_str text;

    berth_arena_reset(a);
    if (v.type != BERTH_JSON_STRING) {
        EXPECT(berth_json_string(v, a, &text) == BERTH_E_SYNTAX);
        return text;
    }
    if (berth_json_string(v, a, &text) == BERTH_OK) {
        EXPECT(text.p != NULL && text.n <= v.text.n);
        EXPECT(berth_json_is(v, text));
    }
    return text;
}

/* Writes V and all it holds, value by value. Recursion ends at BERTH_JSON_DEPTH_MAX. */
static void copy(struct berth_json v, struct berth_json_out *j, struct berth_arena *a)
{
    bool is_object = v.type == BERTH_JSON_OBJECT;
    struct berth_json_iter it = { 0 };
    struct berth_json member;
    berth_str name;
    size_t n = 0;
    int64_t number;

    EXPECT(v.type != BERTH_JSON_ABSENT);
    if (v.type == BERTH_JSON_NUMBER && berth_json_i64(v, &number) == BERTH_OK) {
        berth_json_put_i64(j, number);
    } else if (v.type == BERTH_JSON_STRING) {
        berth_json_put_string(j, decoded(v, a));
    } else if (!is_object && v.type != BERTH_JSON_ARRAY) {
        berth_json_put_raw(j, v.text);
    } else {
        berth_json_open(j, v.text.p[0]);
        while (berth_json_next(v, &it, &name, &member)) {
            EXPECT(member.text.p >= v.text.p);
            EXPECT(member.text.p + member.text.n < v.text.p + v.text.n);
            if (is_object) {
                berth_str quoted = { name.p - 1, name.n + 2 };
                berth_str plain = decoded((struct berth_json){ BERTH_JSON_STRING, quoted }, a);
                EXPECT(plain.p == NULL || berth_json_get(v, plain).text.p == member.text.p);
                berth_json_name(j, plain);
            }
            copy(member, j, a);
            n++;
        }
        EXPECT(berth_json_count(v) == n);
        berth_json_close(j, is_object ? '}' : ']');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct berth_json v, again;
    struct berth_json_out j;
    struct berth_arena a;
    struct berth_buf b;
    berth_str raw, whole;
    size_t position = SIZE_MAX;
    size_t members;

    if (berth_json_check((berth_str){ (const char *)data, size }, &v, &position) != BERTH_OK) {
        EXPECT(v.type == BERTH_JSON_ABSENT && position <= size);
        return 0;
    }
    berth_arena_init(&a, memory, sizeof memory);
    members = berth_json_count(v);
    berth_buf_init(&b, output, sizeof output);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '[');
    berth_json_put_raw(&j, v.text);
    berth_json_close(&j, ']');
    if (berth_buf_done(&b, &raw) == BERTH_OK) {
        berth_err e = berth_json_check(raw, &again, NULL);
        EXPECT(e == BERTH_OK || e == BERTH_E_RANGE); /* the depth grew by one */
    }
    berth_buf_reset(&b);
    berth_json_begin(&j, &b);
    copy(v, &j, &a);
    if (berth_buf_done(&b, &whole) == BERTH_OK) {
        EXPECT(berth_json_check(whole, &again, NULL) == BERTH_OK);
        EXPECT(again.type == v.type && berth_json_count(again) == members);
    }
    return 0;
}
