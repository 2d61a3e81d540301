#include "hub/twin_parts.h"

static const struct berth__twin_part tags_part = { BERTH_STR_INIT("tags"), BERTH_TWIN_TAGS_MAX };
static const struct berth__twin_part desired_part = { BERTH_STR_INIT("properties.desired"),
                                                      BERTH_TWIN_SECTION_MAX };
static const struct berth__twin_part reported_part = { BERTH_STR_INIT("properties.reported"),
                                                       BERTH_TWIN_SECTION_MAX };
static const struct berth_json empty_object = { BERTH_JSON_OBJECT, BERTH_STR_INIT("{}") };

void berth__refuse(struct berth_arena *a, struct berth_refusal *why, enum berth_reason reason,
                   const berth_str *parts, size_t count)
{
    struct berth_buf b;

    why->reason = reason;
    berth_arena_lend(a, &b);
    for (size_t i = 0; i < count; i++)
        berth_buf_put(&b, parts[i]);
    if (berth_arena_keep(a, &b, &why->message) != BERTH_OK)
        why->message = berth_str_of(berth_reason_row(reason)->peer);
}

static berth_err refuse_document(size_t position, berth_err e, struct berth_arena *a,
                                 struct berth_refusal *why)
{
    char digits[20];
    struct berth_buf b;

    berth_buf_init(&b, digits, sizeof digits);
    berth_buf_put_u64(&b, position);
    berth__refuse(a, why, BERTH_WHY_REQUEST_INVALID,
                  (berth_str[]){ e == BERTH_E_RANGE
                                     ? BERTH_STR("the JSON nests too deep or has too many names")
                                     : BERTH_STR("the body is not valid JSON"),
                                 BERTH_STR(" at byte "), berth_buf_str(&b) },
                  3);
    return e;
}

berth_err berth__hub_document(berth_str json, struct berth_arena *a, struct berth_json *out,
                              struct berth_refusal *why)
{
    size_t position = 0;
    berth_err e = berth_json_check(json, out, &position);

    if (e != BERTH_OK)
        return refuse_document(position, e, a, why);
    if (out->type == BERTH_JSON_OBJECT)
        return BERTH_OK;
    berth__refuse(a, why, BERTH_WHY_REQUEST_INVALID,
                  (berth_str[]){ BERTH_STR("the body must be a JSON object") }, 1);
    return BERTH_E_SYNTAX;
}

/* What one document does to one part. */
struct step {
    const struct berth__twin_part *part;
    bool replace;
    int64_t now_ms;
};

/* VALUE as it stands in the document; null removes the whole part's values. */
static berth_err change_part(struct berth_twin_section *section, struct berth_json value,
                             const struct step *step, struct berth_arena *a, bool *changed,
                             struct berth_refusal *why)
{
    struct berth__twin_merge how = { step->part, value, step->replace, step->now_ms };
    berth_err e;

    *changed = false;
    if (value.type == BERTH_JSON_ABSENT)
        return BERTH_OK;
    if (value.type == BERTH_JSON_NULL) {
        how.patch = empty_object;
        how.replace = true;
    } else if (value.type != BERTH_JSON_OBJECT) {
        berth__refuse(a, why, BERTH_WHY_REQUEST_INVALID,
                      (berth_str[]){ step->part->path, BERTH_STR(" must be an object") }, 2);
        return BERTH_E_SYNTAX;
    }
    e = berth__twin_check(step->part, how.patch, a, why);
    return e != BERTH_OK ? e : berth__twin_merge(section, &how, a, changed, why);
}

static bool is_object_or_none(struct berth_json value)
{
    return value.type == BERTH_JSON_OBJECT || value.type == BERTH_JSON_ABSENT ||
           value.type == BERTH_JSON_NULL;
}

static berth_err refuse_properties(struct berth_arena *a, struct berth_refusal *why)
{
    berth__refuse(a, why, BERTH_WHY_REQUEST_INVALID,
                  (berth_str[]){ BERTH_STR("properties must be an object") }, 1);
    return BERTH_E_SYNTAX;
}

/* Tags have neither times nor a version of their own. */
static berth_err change_tags(berth_str *tags, struct berth_json value, bool replace,
                             struct berth_arena *a, bool *changed, struct berth_refusal *why)
{
    struct berth_twin_section section = { .values = *tags };
    struct step step = { .part = &tags_part, .replace = replace };
    berth_err e = change_part(&section, value, &step, a, changed, why);

    *tags = section.values;
    return e;
}

static berth_err change_service_parts(struct berth_hub_device *d, struct berth_json document,
                                      bool replace, int64_t now_ms, struct berth_arena *a,
                                      struct berth_refusal *why)
{
    struct step step = { .part = &desired_part, .replace = replace, .now_ms = now_ms };
    struct berth_json properties = berth_json_get(document, BERTH_STR("properties"));
    struct berth_twin_section desired = d->desired;
    berth_str tags = d->tags;
    bool tags_differ, desired_differ;
    berth_err e;

    if (!is_object_or_none(properties))
        return refuse_properties(a, why);
    e = change_tags(&tags, berth_json_get(document, BERTH_STR("tags")), replace, a, &tags_differ,
                    why);
    if (e == BERTH_OK)
        e = change_part(&desired, berth_json_get(properties, BERTH_STR("desired")), &step, a,
                        &desired_differ, why);
    if (e != BERTH_OK || (!tags_differ && !desired_differ))
        return e;
    d->tags = tags;
    d->desired = desired;
    if (desired_differ)
        d->desired.version++;
    d->twin_version++;
    d->twin_revision++;
    return BERTH_OK;
}

berth_err berth_twin_update(struct berth_hub_device *d, berth_str json, bool replace,
                            int64_t now_ms, struct berth_arena *a, struct berth_refusal *why)
{
    struct berth_json document;
    berth_err e;

    *why = (struct berth_refusal){ 0 };
    e = berth__hub_document(json, a, &document, why);
    return e != BERTH_OK ? e : change_service_parts(d, document, replace, now_ms, a, why);
}

berth_err berth_twin_report(struct berth_hub_device *d, berth_str json, int64_t now_ms,
                            struct berth_arena *a, struct berth_refusal *why)
{
    struct step step = { .part = &reported_part, .now_ms = now_ms };
    struct berth_json document;
    bool changed;
    berth_err e;

    *why = (struct berth_refusal){ 0 };
    e = berth__hub_document(json, a, &document, why);
    if (e == BERTH_OK)
        e = change_part(&d->reported, document, &step, a, &changed, why);
    if (e != BERTH_OK || !changed)
        return e;
    d->reported.version++;
    d->twin_version++;
    return BERTH_OK;
}

berth_err berth_twin_reset(struct berth_hub_device *d, berth_str initial_twin, int64_t now_ms,
                           struct berth_arena *a, struct berth_refusal *why)
{
    struct berth_hub_device fresh;
    berth_err e;

    berth_hub_device_init(&fresh, d->hub, d->device_id, 0, now_ms);
    *why = (struct berth_refusal){ 0 };
    if (initial_twin.n > 0) {
        e = berth_twin_update(&fresh, initial_twin, true, now_ms, a, why);
        if (e != BERTH_OK)
            return e;
    }
    d->tags = fresh.tags;
    d->desired = fresh.desired;
    d->reported = fresh.reported;
    d->desired.version = 1;
    d->twin_version = 1;
    d->twin_revision++;
    return BERTH_OK;
}
