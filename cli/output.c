#include "cli/output.h"

#include <assert.h>

#include "base/utf8.h"
#include "berth/registration_id.h"

#define STEP 2

/* JSON source, the same value by other means where a terminal would take it for a command: such
 * characters stand in strings alone. */
static void put(FILE *out, berth_str s)
{
    while (s.n > 0) {
        unsigned code;
        berth_str plain = berth_utf8_cut_control(&s, &code);

        (void)fwrite(plain.p, 1, plain.n, out);
        if (code != 0)
            (void)fprintf(out, "\\u%04x", code);
    }
}

static void new_line(FILE *out, int level)
{
    (void)fprintf(out, "\n%*s", level * STEP, "");
}

static void put_member(FILE *out, struct output_member m)
{
    char text[6 * BERTH_ID_MAX]; /* each byte as \\u00xx */
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_json_escape(&b, berth_str_of(m.text));
    assert(!b.over);
    new_line(out, 1);
    (void)fprintf(out, "\"%s\": ", m.name);
    if (m.text[0] == '\0') {
        put(out, BERTH_STR("null"));
        return;
    }
    (void)fputc('"', out);
    put(out, berth_buf_str(&b));
    (void)fputc('"', out);
}

static void put_value(FILE *out, struct berth_json v, struct berth_json hidden, int level);

/* True: there were some. */
static bool put_members(FILE *out, struct berth_json v, struct berth_json hidden, int level)
{
    bool object = v.type == BERTH_JSON_OBJECT, any = false;
    struct berth_json_iter it = { 0 };
    struct berth_json each;
    berth_str name;

    while (berth_json_next(v, &it, &name, &each)) {
        if (hidden.text.p != NULL && each.text.p == hidden.text.p)
            continue;
        if (any)
            (void)fputc(',', out);
        any = true;
        new_line(out, level + 1);
        if (object) {
            (void)fputc('"', out);
            put(out, name);
            (void)fputs("\": ", out);
        }
        put_value(out, each, hidden, level + 1);
    }
    return any;
}

/* Depth is bounded by BERTH_JSON_DEPTH_MAX: V has been checked. */
static void put_value(FILE *out, struct berth_json v, struct berth_json hidden, int level)
{
    bool object = v.type == BERTH_JSON_OBJECT;

    if (!object && v.type != BERTH_JSON_ARRAY) {
        put(out, v.text);
        return;
    }
    (void)fputc(object ? '{' : '[', out);
    if (put_members(out, v, hidden, level))
        new_line(out, level);
    (void)fputc(object ? '}' : ']', out);
}

void output_object(FILE *out, struct berth_json v, struct berth_json hidden,
                   const struct output_member *more, size_t count)
{
    (void)fputc('{', out);
    bool any = put_members(out, v, hidden, 0);
    for (size_t i = 0; i < count; i++) {
        if (any)
            (void)fputc(',', out);
        any = true;
        put_member(out, more[i]);
    }
    (void)fputs(any ? "\n}\n" : "}\n", out);
}

void output_json(FILE *out, struct berth_json v, struct berth_json hidden)
{
    put_value(out, v, hidden, 0);
    (void)fputc('\n', out);
}

void output_line(FILE *out, struct berth_json v)
{
    put(out, v.text);
    (void)fputc('\n', out);
}

void output_array_open(struct output_array *a, FILE *out)
{
    *a = (struct output_array){ .out = out };
    (void)fputc('[', out);
}

void output_array_put(struct output_array *a, struct berth_json v, struct berth_json hidden)
{
    if (a->any)
        (void)fputc(',', a->out);
    a->any = true;
    new_line(a->out, 1);
    put_value(a->out, v, hidden, 1);
}

void output_array_close(struct output_array *a)
{
    (void)fputs(a->any ? "\n]\n" : "]\n", a->out);
}
