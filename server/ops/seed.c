#include "ops/seed.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "front/dev.h"
#include "front/host_name.h"
#include "front/record_copy.h"
#include "ops/file.h"
#include "ops/first_start.h"
#include "prov/enrollment.h"
#include "prov/hub.h"
#include "wire/json.h"

#define SCRATCH_SIZE (512 * 1024) /* one document, taken apart and put together as a record */
#define KEY_SIZE     64           /* bytes of a key made here: what the service API makes */

/* What holds for members that a file leaves out: the group of the how-to article with its key, and
 * an ID scope that no service makes for itself, for the letters are not hexadecimal. */
static const char defaults[] =
    "{\"idScope\":\"0ne00000DEV\",\"enrollmentGroups\":[{"
    "\"enrollmentGroupId\":\"mylegacydevices\",\"attestation\":{\"type\":\"symmetricKey\","
    "\"symmetricKey\":{\"primaryKey\":"
    "\"8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==\","
    "\"secondaryKey\":"
    "\"YmVydGggZGV2OiBzZWNvbmRhcnkga2V5IG9mIG15bGVnYWN5ZGV2aWNlcywgd2hpY2ggaXMgbm8g"
    "c2VjcmV0Lg==\"}}}]}";

struct reader {
    struct seed *s;
    const struct berth_crypto *crypto;
    const struct config *config;
    const char *file;
    struct berth_arena scratch; /* of one document; wiped after it */
    char at[64];                /* "enrollmentGroups[3]" */
    char *problem;
    size_t problem_size;
};

__attribute__((format(printf, 3, 4))) static berth_err fail(struct reader *r, berth_err e,
                                                            const char *format, ...)
{
    char words[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    (void)snprintf(r->problem, r->problem_size, "%s: %s%s%s", r->file, r->at,
                   r->at[0] != '\0' ? ": " : "", words);
    return e;
}

static berth_err no_room(struct reader *r, berth_err e)
{
    return fail(r, e, "%s", berth_err_text(e));
}

/* ---- records ---- */

static bool has_record(const struct seed *s, const struct berth_record *rec)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i]->kind == rec->kind && berth_str_eq(s->records[i]->scope, rec->scope) &&
            berth_str_eq(s->records[i]->key, rec->key))
            return true;
    return false;
}

static berth_err add_record(struct reader *r, const struct berth_record *rec)
{
    struct seed *s = r->s;

    if (has_record(s, rec))
        return fail(r, BERTH_E_MISMATCH, "%.*s stands there twice", BERTH_STR_ARG(rec->name));
    if (s->count == SEED_RECORDS_MAX)
        return fail(r, BERTH_E_FULL, "there can be %d records at most", SEED_RECORDS_MAX);
    s->records[s->count] = record_copy(rec);
    if (s->records[s->count] == NULL)
        return no_room(r, BERTH_E_MEMORY);
    s->count++;
    return BERTH_OK;
}

static void wipe_scratch(struct reader *r)
{
    r->crypto->wipe(r->crypto->ctx, r->scratch.p, r->scratch.n);
    berth_arena_reset(&r->scratch);
}

static berth_err make_key(const struct berth_crypto *c, struct berth_key *key, uint8_t size)
{
    key->n = size;
    return c->random(c->ctx, key->bytes, size);
}

/* ---- members ---- */

/* The parser of the service API has refused the document. */
static berth_err refused(struct reader *r, berth_err e, const struct berth_refusal *why)
{
    if (why->message.p != NULL)
        return fail(r, e, "%.*s", BERTH_STR_ARG(why->message));
    if (why->reason != BERTH_WHY_NONE)
        return fail(r, e, "%s", berth_reason_row(why->reason)->text);
    return no_room(r, e);
}

static void keep_group(struct seed *s, const struct berth_enrollment *e)
{
    if (s->group_id[0] != '\0')
        return;
    memcpy(s->group_id, e->id.p, e->id.n);
    s->group_keys = e->keys;
}

static berth_err add_enrollment(struct reader *r, struct berth_enrollment *e, bool is_group,
                                struct berth_json doc)
{
    const char *name = is_group ? "enrollmentGroupId" : "registrationId";
    struct berth_refusal why = { 0 };
    struct berth_record rec;
    berth_str id;
    berth_err err = berth_json_string(berth_json_get(doc, berth_str_of(name)), &r->scratch, &id);

    if (err != BERTH_OK)
        return fail(r, err, "%s is missing", name);
    err = berth_enrollment_parse(is_group, id, doc.text, &r->scratch, e, &why);
    if (err != BERTH_OK)
        return refused(r, err, &why);
    if (e->keys.primary.n == 0)
        err = make_key(r->crypto, &e->keys.primary, KEY_SIZE);
    if (err == BERTH_OK && e->keys.secondary.n == 0)
        err = make_key(r->crypto, &e->keys.secondary, KEY_SIZE);
    if (err == BERTH_OK)
        err = berth_enrollment_encode(e, &r->scratch, &rec);
    if (err != BERTH_OK)
        return no_room(r, err);
    if (is_group)
        keep_group(r->s, e);
    return add_record(r, &rec);
}

static berth_err read_enrollment(struct reader *r, bool is_group, struct berth_json doc)
{
    /* in the scratch, not on the stack: it holds keys */
    struct berth_enrollment *e = berth_arena_alloc(&r->scratch, sizeof *e);

    return e == NULL ? no_room(r, BERTH_E_FULL) : add_enrollment(r, e, is_group, doc);
}

static berth_err read_group(struct reader *r, struct berth_json doc)
{
    return read_enrollment(r, true, doc);
}

static berth_err read_individual(struct reader *r, struct berth_json doc)
{
    return read_enrollment(r, false, doc);
}

static berth_err read_hub_name(struct reader *r, struct berth_json doc, berth_str *out)
{
    char text[BERTH_HOST_NAME_MAX + 1];
    berth_str name;
    berth_err e = berth_json_string(berth_json_get(doc, BERTH_STR("hostName")), &r->scratch, &name);

    if (e == BERTH_OK)
        e = berth_arena_lower(&r->scratch, name, out);
    if (e != BERTH_OK)
        return fail(r, e, "hostName is missing");
    (void)snprintf(text, sizeof text, "%.*s", BERTH_STR_ARG(*out));
    if (strlen(text) != out->n || !host_name_is_valid(text, r->config)) /* longer, or a NUL */
        return fail(r, BERTH_E_SYNTAX, "hostName must be a DNS name with a dot or an IP address");
    return BERTH_OK;
}

/* The service's own hub is there in any case. */
static bool has_room_for_hub(const struct reader *r, berth_str name)
{
    berth_str own = r->config->host_count == 0 ? BERTH_STR("") : berth_str_of(r->config->hosts[0]);
    size_t others = 0;

    for (size_t i = 0; i < r->s->count; i++)
        others +=
            r->s->records[i]->kind == BERTH_KIND_HUB && !berth_str_ieq(r->s->records[i]->key, own);
    return others < BERTH_ENROLLMENT_HUBS_MAX - 1 || berth_str_ieq(name, own);
}

static berth_err read_hub(struct reader *r, struct berth_json doc)
{
    struct berth_change changes[FIRST_START_CHANGES_MAX];
    struct berth_refusal why = { 0 };
    struct berth_hub hub = { 0 };
    size_t count = 0;
    berth_err e = read_hub_name(r, doc, &hub.host_name);

    if (e != BERTH_OK)
        return e;
    if (!has_room_for_hub(r, hub.host_name))
        return fail(r, BERTH_E_FULL, "there can be %d hubs at most, the service's own among them",
                    BERTH_ENROLLMENT_HUBS_MAX);
    e = berth_hub_parse(doc.text, &hub, &why);
    if (e != BERTH_OK)
        return refused(r, e, &why);
    e = first_start_hub_changes(&hub, &r->s->hub_key, r->crypto, &r->scratch, changes, &count);
    if (e != BERTH_OK)
        return no_room(r, e);
    for (size_t i = 0; e == BERTH_OK && i < count; i++)
        e = add_record(r, &changes[i].rec);
    return e;
}

static berth_err read_fault(struct reader *r, struct berth_json v)
{
    char words[384];
    berth_str text;
    berth_err e = berth_json_string(v, &r->scratch, &text);

    if (e != BERTH_OK)
        return fail(r, e, "a fault is a string, \"REGISTRATION-ID:KIND[=VALUE]\"");
    e = seed_add_fault(r->s, text, words, sizeof words);
    return e == BERTH_OK ? e : fail(r, e, "%s", words);
}

static berth_err read_id_scope(struct reader *r, struct berth_json v)
{
    berth_str text;
    bool fits = berth_json_string(v, &r->scratch, &text) == BERTH_OK && text.n > 0 &&
                text.n <= SEED_SCOPE_MAX;

    for (size_t i = 0; fits && i < text.n; i++)
        fits = ascii_is_alnum(text.p[i]);
    if (!fits)
        return fail(r, BERTH_E_SYNTAX, "idScope must be 1 to %d letters and digits",
                    SEED_SCOPE_MAX);
    memcpy(r->s->id_scope, text.p, text.n);
    return BERTH_OK;
}

/* ---- the file ---- */

static const struct {
    const char *name;
    berth_err (*read)(struct reader *r, struct berth_json v); /* the member, or each of its items */
    bool is_list;
    bool has_default;
} members[] = {
    { "idScope", read_id_scope, false, true },      { "hubs", read_hub, true, false },
    { "enrollmentGroups", read_group, true, true }, { "enrollments", read_individual, true, false },
    { "faults", read_fault, true, false },
};
#define MEMBERS (sizeof members / sizeof members[0])

static berth_err read_list(struct reader *r, size_t member, struct berth_json list)
{
    struct berth_json_iter it = { 0 };
    struct berth_json item;
    berth_err e = BERTH_OK;

    if (list.type != BERTH_JSON_ARRAY)
        return fail(r, BERTH_E_SYNTAX, "%s must be an array", members[member].name);
    for (size_t n = 0; e == BERTH_OK && berth_json_next(list, &it, NULL, &item); n++) {
        (void)snprintf(r->at, sizeof r->at, "%s[%zu]", members[member].name, n);
        e = members[member].read(r, item);
        wipe_scratch(r);
    }
    if (e == BERTH_OK)
        r->at[0] = '\0';
    return e;
}

static berth_err check_names(struct reader *r, struct berth_json doc)
{
    struct berth_json_iter it = { 0 };
    struct berth_json v;
    berth_str name;

    while (berth_json_next(doc, &it, &name, &v)) {
        size_t i = 0;
        while (i < MEMBERS && !berth_str_eq(name, berth_str_of(members[i].name)))
            i++;
        if (i == MEMBERS)
            return fail(r, BERTH_E_SYNTAX,
                        "a seed has no member \"%.*s\"; it has idScope, hubs, enrollmentGroups, "
                        "enrollments and faults",
                        (int)(name.n < 64 ? name.n : 64), name.p);
    }
    return BERTH_OK;
}

static berth_err read_members(struct reader *r, struct berth_json doc, struct berth_json fallback)
{
    berth_err e = check_names(r, doc);

    for (size_t i = 0; e == BERTH_OK && i < MEMBERS; i++) {
        struct berth_json v = berth_json_get(doc, berth_str_of(members[i].name));

        if (v.type == BERTH_JSON_ABSENT && members[i].has_default)
            v = berth_json_get(fallback, berth_str_of(members[i].name));
        if (v.type == BERTH_JSON_ABSENT)
            continue;
        e = members[i].is_list ? read_list(r, i, v) : members[i].read(r, v);
        wipe_scratch(r);
    }
    return e;
}

static berth_err read_text(struct reader *r, berth_str text)
{
    struct berth_json doc, fallback;
    size_t at = 0, line = 1;
    berth_err e = berth_json_check(berth_str_of(defaults), &fallback, NULL);

    if (e == BERTH_OK)
        e = berth_json_check(text, &doc, &at);
    for (size_t i = 0; e != BERTH_OK && i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    if (e != BERTH_OK)
        return fail(r, e, "not JSON in line %zu (%s)", line, berth_err_text(e));
    if (doc.type != BERTH_JSON_OBJECT)
        return fail(r, BERTH_E_SYNTAX, "not a JSON object");
    return read_members(r, doc, fallback);
}

static berth_err read_file(struct reader *r)
{
    char *storage = malloc(SEED_FILE_MAX);
    struct berth_buf b;
    berth_err e;

    if (storage == NULL)
        return no_room(r, BERTH_E_MEMORY);
    berth_buf_init(&b, storage, SEED_FILE_MAX);
    e = file_read(r->file, &b);
    if (e == BERTH_E_FULL)
        e = fail(r, e, "longer than %d bytes", SEED_FILE_MAX);
    else if (e != BERTH_OK)
        e = fail(r, e, "%s", e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
    else
        e = read_text(r, berth_buf_str(&b));
    r->crypto->wipe(r->crypto->ctx, storage, b.n);
    free(storage);
    return e;
}

static berth_err allocate(struct reader *r)
{
    struct seed *s = r->s;
    void *scratch = malloc(SCRATCH_SIZE);
    berth_err e = BERTH_OK;

    berth_arena_init(&r->scratch, scratch, SCRATCH_SIZE);
    s->records = calloc(SEED_RECORDS_MAX, sizeof(struct berth_record *));
    s->dev = calloc(1, sizeof *s->dev);
    if (scratch == NULL || s->records == NULL || s->dev == NULL)
        e = no_room(r, BERTH_E_MEMORY);
    if (e == BERTH_OK)
        e = make_key(r->crypto, &s->service_key, BERTH_SHA256_SIZE);
    return e == BERTH_OK ? make_key(r->crypto, &s->hub_key, BERTH_SHA256_SIZE) : e;
}

berth_err seed_open(struct seed *s, const char *file, const struct config *config,
                    const struct berth_crypto *crypto, char *problem, size_t problem_size)
{
    struct reader r = { .s = s,
                        .crypto = crypto,
                        .config = config,
                        .file = file != NULL ? file : "seed",
                        .problem = problem,
                        .problem_size = problem_size };
    berth_err e;

    *s = (struct seed){ 0 };
    e = allocate(&r);
    if (e == BERTH_OK)
        e = file != NULL ? read_file(&r) : read_text(&r, BERTH_STR("{}"));
    if (r.scratch.p != NULL)
        wipe_scratch(&r);
    free(r.scratch.p);
    if (e != BERTH_OK)
        seed_close(s, crypto);
    return e;
}

berth_err seed_add_fault(struct seed *s, berth_str text, char *problem, size_t problem_size)
{
    return dev_add_fault(s->dev, text, problem, problem_size);
}

void seed_close(struct seed *s, const struct berth_crypto *crypto)
{
    for (size_t i = 0; i < s->count; i++)
        record_copy_free(crypto, s->records[i]);
    free(s->records);
    free(s->dev);
    crypto->wipe(crypto->ctx, s, sizeof *s);
}
