/* What a list leaves out: the values of its filters against an item. */
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "cli/list.h"

const char *const list_words_status[] = { "enabled", "disabled", NULL };

static bool is_in_array(struct berth_json list, berth_str value)
{
    unsigned char storage[1024];
    struct berth_json_iter it = { 0 };
    struct berth_json each;
    struct berth_arena a;
    berth_str text;

    while (berth_json_next(list, &it, NULL, &each)) {
        berth_arena_init(&a, storage, sizeof storage);
        if (berth_json_string(each, &a, &text) == BERTH_OK && berth_str_ieq(text, value))
            return true;
    }
    return false;
}

static bool is_in_text(berth_str list, berth_str value)
{
    while (list.n > 0)
        if (berth_str_ieq(berth_str_trim(berth_str_cut(&list, ',')), value))
            return true;
    return false;
}

static bool fits_text(enum list_match match, berth_str text, berth_str value)
{
    switch (match) {
    case LIST_IS:
        return berth_str_ieq(text, value);
    case LIST_STARTS:
        return berth_str_ieq(berth_str_sub(text, 0, value.n), value);
    case LIST_HAS:
        return is_in_text(text, value);
    case LIST_SINCE: /* both as the service writes times: their order is that of their texts */
        return berth_str_cmp(text, value) >= 0;
    default:
        return true;
    }
}

bool list_fits(const struct list_filter *f, const char *value, struct berth_json item)
{
    unsigned char storage[1024];
    struct berth_json member;
    struct berth_arena a;
    berth_str text;

    if (f->match == LIST_ASKS || f->match == LIST_ALIAS)
        return true;
    member = berth_json_get(item, berth_str_of(f->member));
    if (member.type == BERTH_JSON_ARRAY)
        return is_in_array(member, berth_str_of(value));
    berth_arena_init(&a, storage, sizeof storage);
    text = member.text; /* a number, true or false */
    if (member.type == BERTH_JSON_STRING && berth_json_string(member, &a, &text) != BERTH_OK)
        return false;
    return fits_text(f->match, text, berth_str_of(value));
}

static bool read_age(berth_str text, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
    uint64_t n = 0;

    if (text.n < 2 || text.n > 8 || berth_str_to_u64(berth_str_sub(text, 0, text.n - 1), &n) != 0)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].unit == text.p[text.n - 1]) {
            *seconds = (int64_t)n * units[i].seconds;
            return true;
        }
    return false;
}

static bool read_time(const char *text, int64_t *seconds)
{
    static const char *const forms[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%SZ",
                                         "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d" };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm t = { 0 };
        const char *end = strptime(text, forms[i], &t);

        if (end == NULL || *end != '\0' || t.tm_year < -1899 || t.tm_year > 8099)
            continue;
        *seconds = timegm(&t);
        return true;
    }
    return false;
}

void list_take_since(struct argp_state *state, const char *arg, char out[LIST_TIME_MAX])
{
    struct berth_buf b;
    int64_t seconds = 0;

    if (read_age(berth_str_of(arg), &seconds))
        seconds = time(NULL) - seconds;
    else if (!read_time(arg, &seconds))
        argp_error(state,
                   "--since %s: not a time as 2026-01-02, 2026-01-02T03:04:05Z (UTC) or an age as "
                   "30m, 12h, 7d",
                   arg);
    berth_buf_init(&b, out, LIST_TIME_MAX - 1);
    berth_time_put(&b, seconds * 1000);
    out[b.n] = '\0';
}
