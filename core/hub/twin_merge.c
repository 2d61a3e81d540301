#include <string.h>

#include "hub/twin_parts.h"
#include "hub/twin_times.h"

/* A property takes at least five bytes, as in "":1 and a comma. */
#define PROPERTIES_MAX (BERTH_TWIN_SECTION_MAX / 5 + 1)

struct member {
    berth_str name; /* plain */
    struct berth_json value;
    bool used;
};

struct members {
    struct member *at;
    size_t n;
    size_t next; /* where to look first: both sides tend to have the same order */
};

/* One walk through the old values in source order, and with them through their times. */
struct merge {
    const struct berth__twin_merge *how;
    struct berth_arena *a;
    struct berth_buf values;
    struct berth_json_out out;
    struct berth__twin_times old_times;
    int64_t *times;
    size_t count;   /* times so far */
    size_t changes; /* properties that came, went or differ, so far */
    size_t names;   /* in the objects that are open */
    bool crowded;   /* an object has more names than the reader takes */
    berth_err err;  /* the first; nothing more is done then */
};

static berth_err index_members(struct berth_json object, struct berth_arena *a, struct members *out)
{
    struct berth_json_iter it = { 0 };
    struct member *m;
    berth_str source;
    struct berth_json value;
    size_t n = berth_json_count(object);

    *out = (struct members){ .at = berth_arena_alloc(a, n * sizeof *m) };
    if (out->at == NULL)
        return BERTH_E_FULL;
    while (out->n < n && berth_json_next(object, &it, &source, &value)) {
        berth_err e;

        m = &out->at[out->n++];
        m->value = value;
        e = berth__json_plain_name(source, a, &m->name);
        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static struct member *find(struct members *ms, berth_str name)
{
    for (size_t i = 0; i < ms->n; i++) {
        if (ms->next == ms->n)
            ms->next = 0;
        if (berth_str_eq(ms->at[ms->next++].name, name))
            return &ms->at[ms->next - 1];
    }
    return NULL;
}

/* The place for a property's time. */
static size_t new_time(struct merge *m, int64_t time)
{
    if (m->count == PROPERTIES_MAX) {
        m->values.over = true;
        return 0;
    }
    m->times[m->count] = time;
    return m->count++;
}

static void count_name(struct merge *m, size_t above)
{
    m->names++;
    if (m->names - above > BERTH_TWIN_MEMBERS_MAX || m->names > BERTH_TWIN_NAMES_MAX)
        m->crowded = true;
}

static void put_name(struct merge *m, berth_str name, size_t above)
{
    count_name(m, above);
    berth_json_name(&m->out, name);
}

/* A value without blanks. Arrays replace each other as a whole: nulls in them are values. */
static void put_compact(struct merge *m, struct berth_json v)
{
    bool is_object = v.type == BERTH_JSON_OBJECT;
    struct berth_json_iter it = { 0 };
    size_t above = m->names;
    struct berth_json inner;
    berth_str name;

    if (!is_object && v.type != BERTH_JSON_ARRAY) {
        berth_json_put_raw(&m->out, v.text);
        return;
    }
    berth_json_open(&m->out, is_object ? '{' : '[');
    while (berth_json_next(v, &it, &name, &inner)) {
        if (is_object) {
            count_name(m, above);
            berth_json_put_raw(&m->out, (berth_str){ name.p - 1, name.n + 2 });
            berth_buf_put_char(&m->values, ':');
            m->out.comma = false;
        }
        put_compact(m, inner);
    }
    berth_json_close(&m->out, is_object ? '}' : ']');
    m->names = above;
}

/* Old times of VALUE's property and those inside; returns its own. */
static int64_t drop_times(struct merge *m, struct berth_json value)
{
    int64_t time = berth__twin_times_next(&m->old_times);
    struct berth_json_iter it = { 0 };
    struct berth_json inner;

    if (value.type == BERTH_JSON_OBJECT)
        while (berth_json_next(value, &it, NULL, &inner))
            (void)drop_times(m, inner);
    return time;
}

static void keep_times(struct merge *m, struct berth_json value)
{
    struct berth_json_iter it = { 0 };
    struct berth_json inner;

    (void)new_time(m, berth__twin_times_next(&m->old_times));
    if (value.type == BERTH_JSON_OBJECT)
        while (berth_json_next(value, &it, NULL, &inner))
            keep_times(m, inner);
}

static void put_new(struct merge *m, struct berth_json value);

static void put_new_object(struct merge *m, struct berth_json object)
{
    size_t above = m->names;
    struct berth_arena mark = *m->a;
    struct berth_json_iter it = { 0 };
    struct berth_json inner;
    berth_str source, name;

    berth_json_open(&m->out, '{');
    while (m->err == BERTH_OK && berth_json_next(object, &it, &source, &inner)) {
        if (inner.type == BERTH_JSON_NULL)
            continue;
        m->err = berth__json_plain_name(source, m->a, &name);
        if (m->err != BERTH_OK)
            break;
        put_name(m, name, above);
        put_new(m, inner);
        *m->a = mark;
    }
    berth_json_close(&m->out, '}');
    m->names = above;
}

/* The value of a property that was not there, its name being written. */
static void put_new(struct merge *m, struct berth_json value)
{
    m->changes++;
    (void)new_time(m, m->how->now_ms);
    if (value.type == BERTH_JSON_OBJECT)
        put_new_object(m, value);
    else
        put_compact(m, value);
}

static void merge_object(struct merge *m, struct berth_json old, struct berth_json patch,
                         bool root);

/* The value of a property that was OLD and is named by the patch, its name being written. */
static void put_changed(struct merge *m, struct berth_json old, struct berth_json value)
{
    size_t start = m->values.n, before = m->changes, slot;

    if (old.type == BERTH_JSON_OBJECT && value.type == BERTH_JSON_OBJECT) {
        slot = new_time(m, berth__twin_times_next(&m->old_times));
        merge_object(m, old, value, false);
    } else if (value.type == BERTH_JSON_OBJECT) {
        (void)drop_times(m, old);
        put_new(m, value);
        return;
    } else {
        slot = new_time(m, drop_times(m, old));
        put_compact(m, value);
        if (!berth_str_eq(berth_str_sub(berth_buf_str(&m->values), start, m->values.n), old.text))
            m->changes++;
    }
    if (m->changes != before)
        m->times[slot] = m->how->now_ms;
}

/* OLD's property NAME, which the patch names BY or, when that is NULL, does not name. */
static void merge_property(struct merge *m, berth_str name, struct berth_json old,
                           const struct member *by, size_t above)
{
    bool stays = by == NULL ? !m->how->replace : by->value.type != BERTH_JSON_NULL;

    if (!stays) {
        m->changes++;
        (void)drop_times(m, old);
        return;
    }
    put_name(m, name, above);
    if (by != NULL) {
        put_changed(m, old, by->value);
        return;
    }
    berth_json_put_raw(&m->out, old.text);
    keep_times(m, old);
}

static void merge_old(struct merge *m, struct berth_json old, struct members *patch, size_t above)
{
    struct berth_arena mark = *m->a;
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    berth_str source, name;

    while (m->err == BERTH_OK && berth_json_next(old, &it, &source, &value)) {
        struct member *by;

        m->err = berth__json_plain_name(source, m->a, &name);
        if (m->err != BERTH_OK)
            break;
        by = find(patch, name);
        if (by != NULL)
            by->used = true;
        merge_property(m, name, value, by, above);
        *m->a = mark;
    }
}

/* Writes OLD with PATCH merged in. */
static void merge_object(struct merge *m, struct berth_json old, struct berth_json patch, bool root)
{
    struct berth_arena mark = *m->a;
    size_t above = m->names;
    struct members members;

    if (m->err == BERTH_OK)
        m->err = index_members(patch, m->a, &members);
    if (m->err != BERTH_OK)
        return;
    berth_json_open(&m->out, '{');
    merge_old(m, old, &members, above);
    for (size_t i = 0; i < members.n && m->err == BERTH_OK; i++) {
        const struct member *member = &members.at[i];

        if (member->used || member->value.type == BERTH_JSON_NULL ||
            (root && berth__twin_is_added(member->name)))
            continue;
        put_name(m, member->name, above);
        put_new(m, member->value);
    }
    berth_json_close(&m->out, '}');
    m->names = above;
    *m->a = mark;
}

static berth_err refuse(const struct merge *m, struct berth_arena *a, struct berth_refusal *why)
{
    char digits[20];
    struct berth_buf b;

    berth_buf_init(&b, digits, sizeof digits);
    berth_buf_put_u64(&b, m->how->part->max);
    if (m->crowded)
        berth__refuse(a, why, BERTH_WHY_TWIN_TOO_LARGE,
                      (berth_str[]){ m->how->part->path,
                                     BERTH_STR(": at most 1000 names in one object, 1400 in it and "
                                               "those around it") },
                      2);
    else
        berth__refuse(a, why, BERTH_WHY_TWIN_TOO_LARGE,
                      (berth_str[]){ m->how->part->path, BERTH_STR(": at most "), berth_buf_str(&b),
                                     BERTH_STR(" bytes of JSON without blanks are allowed") },
                      4);
    return BERTH_E_RANGE;
}

/* What was written, values and TIMES, becomes the section's. */
static void take(struct merge *m, struct berth_twin_section *section, struct berth_buf *times)
{
    berth__twin_times_put(times, m->how->now_ms, m->times, m->count);
    if (times->over)
        times->n =
            0; /* thousands of changes years apart: the twin is worth more than its history */
    /* close the gap behind the values, so that the arena keeps no more than what was written */
    memmove(m->values.p + m->values.n, times->p, times->n);
    section->values = berth_buf_str(&m->values);
    section->times = (berth_str){ m->values.p + m->values.n, times->n };
    section->updated_ms = m->how->now_ms;
}

static berth_err merge_section(struct merge *m, struct berth_twin_section *section,
                               struct berth_buf *times, bool *changed)
{
    struct berth_json old = { BERTH_JSON_OBJECT, section->values };

    berth__twin_times_begin(&m->old_times, section->times, section->updated_ms);
    merge_object(m, old, m->how->patch, true);
    if (m->err != BERTH_OK)
        return m->err;
    if (m->crowded || m->values.over)
        return BERTH_E_RANGE;
    *changed = m->changes > 0;
    if (*changed)
        take(m, section, times);
    return BERTH_OK;
}

berth_err berth__twin_merge(struct berth_twin_section *section, const struct berth__twin_merge *how,
                            struct berth_arena *a, bool *changed, struct berth_refusal *why)
{
    struct berth_arena mark = *a;
    char *values = berth_arena_alloc(a, how->part->max);
    char *text = berth_arena_alloc(a, BERTH__TWIN_TIMES_MAX);
    struct merge m = { .how = how, .a = a };
    struct berth_buf times;
    berth_err e = BERTH_E_FULL;

    *changed = false;
    m.times = berth_arena_alloc(a, PROPERTIES_MAX * sizeof *m.times);
    if (values != NULL && text != NULL && m.times != NULL) {
        berth_buf_init(&m.values, values, how->part->max);
        berth_buf_init(&times, text, BERTH__TWIN_TIMES_MAX);
        berth_json_begin(&m.out, &m.values);
        e = merge_section(&m, section, &times, changed);
    }
    *a = mark;
    if (e == BERTH_E_RANGE)
        return refuse(&m, a, why);
    if (*changed) /* the two texts, one behind the other */
        a->n = (size_t)((unsigned char *)values - a->p) + section->values.n + section->times.n;
    return e;
}
