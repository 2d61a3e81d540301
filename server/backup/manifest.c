#include "backup/manifest.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "wire/json.h"

#define ARENA_SIZE (64u * 1024)
#define MODE_OPEN  0644u
#define MODE_OWN   0600u

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_plain_name(berth_str s)
{
    if (s.n == 0 || s.p[0] == '.' || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_plain(s.p[i]))
            return false;
    return true;
}

bool manifest_name_is_known(berth_str name)
{
    if (name.n > MANIFEST_NAME_MAX)
        return false;
    if (berth_str_eq(name, BERTH_STR(MANIFEST_DATABASE)) ||
        berth_str_eq(name, BERTH_STR(MANIFEST_KEY)) ||
        berth_str_eq(name, BERTH_STR(MANIFEST_PROFILE)))
        return true;
    return (berth_str_skip(&name, BERTH_STR(MANIFEST_TLS)) ||
            berth_str_skip(&name, BERTH_STR(MANIFEST_ELSEWHERE))) &&
           is_plain_name(name);
}

const struct manifest_file *manifest_find(const struct manifest *m, const char *name)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->files[i].name, name) == 0)
            return &m->files[i];
    return NULL;
}

uint64_t manifest_bytes(const struct manifest *m)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < m->count; i++)
        sum += m->files[i].size;
    return sum;
}

/* ---- writing ---- */

static void put_file(struct berth_json_out *j, const struct manifest_file *f)
{
    char digest[2 * BERTH_SHA256_SIZE], mode[8];
    struct berth_buf hex;

    berth_buf_init(&hex, digest, sizeof digest);
    for (size_t i = 0; i < BERTH_SHA256_SIZE; i++)
        berth_buf_put_hex(&hex, f->sha256[i], 2);
    (void)snprintf(mode, sizeof mode, "%04o", f->mode & 07777u);
    berth_json_open(j, '{');
    berth_json_member(j, "name", berth_str_of(f->name));
    berth_json_member_i64(j, "size", (int64_t)f->size);
    berth_json_member(j, "mode", berth_str_of(mode));
    berth_json_member(j, "sha256", berth_buf_str(&hex));
    berth_json_member(j, "from", berth_str_of(f->from));
    berth_json_close(j, '}');
}

void manifest_put(struct berth_buf *b, const struct manifest *m)
{
    struct berth_json_out j;

    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member_i64(&j, "format", MANIFEST_FORMAT);
    berth_json_member(&j, "berth", berth_str_of(m->berth));
    berth_json_member_i64(&j, "schema", m->schema);
    berth_json_member(&j, "time", berth_str_of(m->time));
    berth_json_member(&j, "dataDir", berth_str_of(m->data_dir));
    berth_json_name(&j, BERTH_STR("hubs"));
    berth_json_open(&j, '[');
    for (size_t i = 0; i < m->hub_count; i++)
        berth_json_put_string(&j, berth_str_of(m->hubs[i]));
    berth_json_close(&j, ']');
    berth_json_name(&j, BERTH_STR("files"));
    berth_json_open(&j, '[');
    for (size_t i = 0; i < m->count; i++)
        put_file(&j, &m->files[i]);
    berth_json_close(&j, ']');
    berth_json_close(&j, '}');
}

/* ---- reading ---- */

/* Text of at most SIZE - 1 bytes without a NUL inside. */
static berth_err take_text(struct berth_json v, char *out, size_t size)
{
    unsigned char memory[CONFIG_TEXT_MAX * 2];
    struct berth_arena a;
    berth_str text;
    berth_err e;

    berth_arena_init(&a, memory, sizeof memory);
    e = berth_json_string(v, &a, &text);
    if (e != BERTH_OK)
        return e;
    if (text.n >= size || memchr(text.p, '\0', text.n) != NULL)
        return BERTH_E_RANGE;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return BERTH_OK;
}

static berth_err take_digest(struct berth_json v, uint8_t out[BERTH_SHA256_SIZE])
{
    char hex[2 * BERTH_SHA256_SIZE + 1];
    berth_err e = take_text(v, hex, sizeof hex);

    if (e != BERTH_OK)
        return e;
    for (size_t i = 0; i < BERTH_SHA256_SIZE; i++) {
        int high = ascii_hex_value(hex[2 * i]);
        int low = high < 0 ? -1 : ascii_hex_value(hex[2 * i + 1]);

        if (low < 0)
            return BERTH_E_SYNTAX;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return BERTH_OK;
}

static berth_err take_mode(struct berth_json v, uint32_t *out)
{
    *out = berth_json_is(v, BERTH_STR("0644")) ? MODE_OPEN : MODE_OWN;
    return *out == MODE_OPEN || berth_json_is(v, BERTH_STR("0600")) ? BERTH_OK : BERTH_E_SYNTAX;
}

static berth_err take_file(struct berth_json v, struct manifest_file *f)
{
    int64_t size = 0;
    berth_err e = take_text(berth_json_get(v, BERTH_STR("name")), f->name, sizeof f->name);

    if (e == BERTH_OK)
        e = berth_json_i64(berth_json_get(v, BERTH_STR("size")), &size);
    if (e == BERTH_OK)
        e = take_mode(berth_json_get(v, BERTH_STR("mode")), &f->mode);
    if (e == BERTH_OK)
        e = take_digest(berth_json_get(v, BERTH_STR("sha256")), f->sha256);
    if (e == BERTH_OK)
        e = take_text(berth_json_get(v, BERTH_STR("from")), f->from, sizeof f->from);
    if (e != BERTH_OK)
        return e;
    if (!manifest_name_is_known(berth_str_of(f->name)))
        return BERTH_E_SYNTAX;
    if (size < 0 || size > INT64_C(1) << 50 ||
        (strcmp(f->name, MANIFEST_DATABASE) != 0 && size > MANIFEST_SMALL_MAX))
        return BERTH_E_RANGE;
    f->size = (uint64_t)size;
    return BERTH_OK;
}

static berth_err take_files(struct berth_json list, struct manifest *m)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    if (list.type != BERTH_JSON_ARRAY)
        return BERTH_E_SYNTAX;
    while (berth_json_next(list, &it, NULL, &each)) {
        struct manifest_file *f = &m->files[m->count];
        berth_err e = m->count == MANIFEST_FILES_MAX ? BERTH_E_RANGE : take_file(each, f);

        if (e != BERTH_OK)
            return e;
        if (manifest_find(m, f->name) != NULL)
            return BERTH_E_SYNTAX;
        m->count++;
    }
    return manifest_find(m, MANIFEST_DATABASE) != NULL && manifest_find(m, MANIFEST_KEY) != NULL
               ? BERTH_OK
               : BERTH_E_SYNTAX;
}

static berth_err take_hubs(struct berth_json list, struct manifest *m)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    if (list.type != BERTH_JSON_ARRAY)
        return BERTH_E_SYNTAX;
    while (berth_json_next(list, &it, NULL, &each)) {
        berth_err e = m->hub_count == MANIFEST_HUBS_MAX
                          ? BERTH_E_RANGE
                          : take_text(each, m->hubs[m->hub_count], sizeof m->hubs[0]);

        if (e != BERTH_OK)
            return e;
        m->hub_count++;
    }
    return BERTH_OK;
}

static berth_err take_all(struct berth_json v, struct manifest *m)
{
    int64_t format = 0;
    berth_err e = berth_json_i64(berth_json_get(v, BERTH_STR("format")), &format);

    if (e != BERTH_OK)
        return e;
    if (format != MANIFEST_FORMAT)
        return BERTH_E_UNSUPPORTED;
    e = take_text(berth_json_get(v, BERTH_STR("berth")), m->berth, sizeof m->berth);
    if (e == BERTH_OK)
        e = berth_json_i64(berth_json_get(v, BERTH_STR("schema")), &m->schema);
    if (e == BERTH_OK && (m->schema < 1 || m->schema > INT32_MAX))
        e = BERTH_E_RANGE;
    if (e == BERTH_OK)
        e = take_text(berth_json_get(v, BERTH_STR("time")), m->time, sizeof m->time);
    if (e == BERTH_OK)
        e = take_text(berth_json_get(v, BERTH_STR("dataDir")), m->data_dir, sizeof m->data_dir);
    if (e == BERTH_OK)
        e = take_hubs(berth_json_get(v, BERTH_STR("hubs")), m);
    return e == BERTH_OK ? take_files(berth_json_get(v, BERTH_STR("files")), m) : e;
}

berth_err manifest_parse(berth_str text, struct manifest *out)
{
    struct berth_json v;
    berth_err e;

    memset(out, 0, sizeof *out);
    e = text.n > MANIFEST_TEXT_MAX ? BERTH_E_RANGE : berth_json_check(text, &v, NULL);
    if (e == BERTH_OK)
        e = take_all(v, out);
    if (e != BERTH_OK)
        memset(out, 0, sizeof *out);
    return e;
}
