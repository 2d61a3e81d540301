#include "prov/hub.h"

#include "wire/json.h"

static berth_err invalid(struct berth_refusal *why, const char *message)
{
    *why = (struct berth_refusal){ BERTH_WHY_REQUEST_INVALID, berth_str_of(message) };
    return BERTH_E_SYNTAX;
}

berth_err berth_hub_parse(berth_str json, struct berth_hub *out, struct berth_refusal *why)
{
    struct berth_json doc, weight, allocation;
    int64_t n = 1;

    out->takes_devices = true;
    if (berth_json_check(json, &doc, NULL) != BERTH_OK || doc.type != BERTH_JSON_OBJECT)
        return invalid(why, "The body must be a JSON object.");
    weight = berth_json_get(doc, BERTH_STR("allocationWeight"));
    if (weight.type != BERTH_JSON_ABSENT &&
        (berth_json_i64(weight, &n) != BERTH_OK || n < 1 || n > BERTH_HUB_WEIGHT_MAX))
        return invalid(why, "allocationWeight must be a number from 1 to 1000.");
    allocation = berth_json_get(doc, BERTH_STR("allocation"));
    if (allocation.type != BERTH_JSON_ABSENT &&
        berth_json_bool(allocation, &out->takes_devices) != BERTH_OK)
        return invalid(why, "allocation must be true or false.");
    out->weight = (int32_t)n;
    return BERTH_OK;
}

void berth_hub_decode(const struct berth_record *rec, struct berth_hub *out)
{
    struct berth_json doc = { 0 };
    int64_t weight = 1;
    bool found = berth_json_check(rec->body, &doc, NULL) == BERTH_OK &&
                 berth_json_i64(berth_json_get(doc, BERTH_STR("weight")), &weight) == BERTH_OK;

    *out = (struct berth_hub){
        .host_name = rec->key,
        .weight = found && weight >= 1 && weight <= BERTH_HUB_WEIGHT_MAX ? (int32_t)weight : 1,
        .takes_devices = berth_json_get(doc, BERTH_STR("allocation")).type != BERTH_JSON_FALSE,
        .version = rec->version,
    };
}

berth_err berth_hub_encode(const struct berth_hub *h, struct berth_arena *a,
                           struct berth_record *out)
{
    struct berth_json_out j;
    struct berth_buf b;

    *out = (struct berth_record){
        .kind = BERTH_KIND_HUB,
        .scope = BERTH_STR(""),
        .key = h->host_name,
        .name = h->host_name,
        .owner = BERTH_STR(""),
    };
    berth_arena_lend(a, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member_i64(&j, "weight", h->weight);
    berth_json_member_bool(&j, "allocation", h->takes_devices);
    berth_json_close(&j, '}');
    return berth_arena_keep(a, &b, &out->body);
}
