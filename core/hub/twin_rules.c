#include "base/utf8.h"
#include "hub/twin_parts.h"

/* The way to a value, from the value up. */
struct step {
    const struct step *above;
    berth_str name; /* source text; absent in an array */
    size_t index;   /* in an array */
};

struct rules {
    const struct berth__twin_part *part;
    struct berth_arena *a;
    struct berth_refusal *why;
};

bool berth__twin_is_added(berth_str name)
{
    return berth_str_eq(name, BERTH_STR("$metadata")) || berth_str_eq(name, BERTH_STR("$version"));
}

berth_err berth__json_plain_name(berth_str source, struct berth_arena *a, berth_str *out)
{
    /* berth_json_next cuts the quotes off; they are still there in the source */
    struct berth_json quoted = { BERTH_JSON_STRING, { source.p - 1, source.n + 2 } };

    return berth_json_string(quoted, a, out);
}

static void put_short(struct berth_buf *b, berth_str name)
{
    berth_buf_put(b, berth_utf8_cut(name, BERTH_TWIN_STEP_MAX));
    if (name.n > BERTH_TWIN_STEP_MAX)
        berth_buf_put(b, BERTH_STR("..."));
}

static void put_path(struct berth_buf *b, const struct step *at)
{
    if (at == NULL)
        return;
    put_path(b, at->above);
    if (at->name.p == NULL) {
        berth_buf_put_char(b, '[');
        berth_buf_put_u64(b, at->index);
        berth_buf_put_char(b, ']');
        return;
    }
    berth_buf_put_char(b, '.');
    put_short(b, at->name);
}

static berth_err refuse(struct rules *r, const struct step *at, const char *bound)
{
    char path[BERTH_TWIN_PATH_MAX];
    struct berth_buf b;

    berth_buf_init(&b, path, sizeof path);
    put_path(&b, at);
    berth__refuse(r->a, r->why, BERTH_WHY_REQUEST_INVALID,
                  (berth_str[]){ r->part->path, berth_buf_str(&b), berth_str_of(bound) }, 3);
    return BERTH_E_RANGE;
}

/* Documented as the control characters of C0 and C1, '.', '$' and space. */
static bool is_name_fine(berth_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c <= ' ' || c == '.' || c == '$' || c == 0x7f)
            return false;
        if (c == 0xc2 && i + 1 < name.n && (unsigned char)name.p[i + 1] < 0xa0)
            return false;
    }
    return true;
}

static berth_err check_name(struct rules *r, const struct step *at)
{
    struct berth_arena mark = *r->a;
    berth_str plain;
    berth_err e = berth__json_plain_name(at->name, r->a, &plain);

    if (e != BERTH_OK)
        return e;
    if (plain.n > BERTH_TWIN_NAME_MAX)
        return refuse(r, at, ": a name may have at most 1024 bytes");
    if (!is_name_fine(plain))
        return refuse(r, at, ": a name must not have '.', '$', spaces or control characters");
    *r->a = mark;
    return BERTH_OK;
}

static berth_err check_string(struct rules *r, const struct step *at, struct berth_json v)
{
    struct berth_arena mark = *r->a;
    berth_str plain;
    berth_err e = berth_json_string(v, r->a, &plain);

    if (e != BERTH_OK)
        return e;
    if (plain.n > BERTH_TWIN_STRING_MAX)
        return refuse(r, at, ": a string may have at most 4096 bytes");
    *r->a = mark;
    return BERTH_OK;
}

static berth_err check_number(struct rules *r, const struct step *at, struct berth_json v)
{
    int64_t n = 0;
    berth_err e = berth_json_i64(v, &n);

    if (e == BERTH_E_SYNTAX)
        return BERTH_OK; /* has a fraction or an exponent: stays as written */
    if (e != BERTH_OK || n < BERTH_TWIN_INTEGER_MIN || n > BERTH_TWIN_INTEGER_MAX)
        return refuse(r, at,
                      ": an integer must lie between -4503599627370496 and 4503599627370495");
    return BERTH_OK;
}

static berth_err check_value(struct rules *r, const struct step *at, struct berth_json v,
                             unsigned depth);

static berth_err check_inside(struct rules *r, const struct step *above,
                              struct berth_json container, unsigned depth)
{
    struct berth_json_iter it = { 0 };
    struct step at = { .above = above };
    struct berth_json v;

    for (; berth_json_next(container, &it, &at.name, &v); at.index++) {
        berth_err e = BERTH_OK;

        if (above == NULL && berth__twin_is_added(at.name))
            continue;
        if (at.name.p != NULL)
            e = check_name(r, &at);
        if (e == BERTH_OK)
            e = check_value(r, &at, v, depth);
        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}

static berth_err check_value(struct rules *r, const struct step *at, struct berth_json v,
                             unsigned depth)
{
    switch (v.type) {
    case BERTH_JSON_STRING:
        return check_string(r, at, v);
    case BERTH_JSON_NUMBER:
        return check_number(r, at, v);
    case BERTH_JSON_ARRAY:
    case BERTH_JSON_OBJECT:
        if (depth == BERTH_TWIN_DEPTH_MAX)
            return refuse(r, at, ": at most 10 levels may be nested");
        return check_inside(r, at, v, depth + 1);
    default:
        return BERTH_OK;
    }
}

berth_err berth__twin_check(const struct berth__twin_part *part, struct berth_json object,
                            struct berth_arena *a, struct berth_refusal *why)
{
    struct rules r = { part, a, why };

    return check_inside(&r, NULL, object, 0);
}
