/* The service APIs: what back-office clients need. One client's requests were recorded; the answers
 * are the same for all, and judged by what each of them needs. */
#include <string.h>

#include "replay/demand.h"
#include "unit/check.h"

static bool has_code(const struct exchange *x, int status)
{
    const struct heard *h = answer_of(x);

    return h != NULL && h->status == status;
}

static bool is_200(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return has_code(x, 200);
}

static bool is_204_empty(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return has_code(x, 204) && answer_of(x)->body_n == 0;
}

static bool is_404(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return has_code(x, 404);
}

static bool is_404_or_empty(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return has_code(x, 404) || (has_code(x, 200) && strcmp(answer_of(x)->body, "[]") == 0);
}

/* A number whose thousands are the status, in body and header. */
static bool has_error_code(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    json_int_t code = json_integer_value(json_object_get(j, "errorCode"));
    char field[32], tracking[64];
    bool yes = code / 1000 == (answer_of(x) == NULL ? 0 : answer_of(x)->status) &&
               answer_text(x, "trackingId", tracking, sizeof tracking) &&
               talk_field(answer_of(x)->head, "x-ms-error-code", field, sizeof field) &&
               strtoll(field, NULL, 10) == code;

    (void)t;
    json_decref(j);
    return yes;
}

static bool is_array(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = json_is_array(j) && json_array_size(j) > 0;

    (void)t;
    json_decref(j);
    return yes;
}

/* C# keeps names as they come and looks for small letters. */
static bool names_item_type(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);

    (void)t;
    return h != NULL && matches(h->head, strstr(x->said, "Groups/query") != NULL
                                             ? "\r\nx-ms-item-type: EnrollmentGroup\r\n"
                                             : "\r\nx-ms-item-type: Enrollment\r\n");
}

static bool is_last_page(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);
    char text[128];

    (void)t;
    return h != NULL && !talk_field(h->head, "x-ms-continuation", text, sizeof text);
}

static bool holds(const struct exchange *x, const char *text)
{
    const struct heard *h = answer_of(x);

    return h != NULL && strstr(h->body, text) != NULL;
}

static bool shows_no_key(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return holds(x, "\"type\":\"symmetricKey\"") && !holds(x, "primaryKey") &&
           !holds(x, "secondaryKey");
}

static bool has_keys(const struct exchange *x, const char *at)
{
    char path[128], primary[128], secondary[128];

    (void)snprintf(path, sizeof path, "%sprimaryKey", at);
    if (!answer_text(x, path, primary, sizeof primary))
        return false;
    (void)snprintf(path, sizeof path, "%ssecondaryKey", at);
    return answer_text(x, path, secondary, sizeof secondary) &&
           matches(primary, "^[A-Za-z0-9+/]{43,86}={1,2}$") &&
           matches(secondary, "^[A-Za-z0-9+/]{43,86}={1,2}$");
}

static bool tells_keys(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return has_keys(x, "attestation.symmetricKey.");
}

static bool tells_attestation(const struct exchange *x, const struct talk *t)
{
    char type[64];

    (void)t;
    return answer_text(x, "type", type, sizeof type) && strcmp(type, "symmetricKey") == 0 &&
           has_keys(x, "symmetricKey.");
}

/* The keys that the client gave come back as they were. */
static bool keeps_keys(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return holds(x, "\"primaryKey\":\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\"") &&
           holds(x, "\"secondaryKey\":\"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\"");
}

static bool has_quoted_etag(const struct exchange *x, const struct talk *t)
{
    char etag[128];

    (void)t;
    return answer_text(x, "etag", etag, sizeof etag) && matches(etag, "^\"[^\"]+\"$");
}

static bool has_dates(const struct exchange *x, const struct talk *t)
{
    char date[64];

    (void)t;
    return answer_text(x, "createdDateTimeUtc", date, sizeof date) && is_date(date) &&
           answer_text(x, "lastUpdatedDateTimeUtc", date, sizeof date) && is_date(date);
}

static bool has_status_word(const struct exchange *x, const struct talk *t)
{
    char word[64];

    (void)t;
    return answer_text(x, "provisioningStatus", word, sizeof word) && strcmp(word, "enabled") == 0;
}

static bool has_boolean_edge(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = json_is_boolean(json_object_get(json_object_get(j, "capabilities"), "iotEdge"));

    (void)t;
    json_decref(j);
    return yes;
}

static bool has_no_null(const struct exchange *x, const struct talk *t)
{
    json_t *j = answer_json(x);
    bool yes = j != NULL && !holds_null(j);

    (void)t;
    json_decref(j);
    return yes;
}

static bool lists_device(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return holds(x, "\"deviceId\":\"" STAGE_DEVICE "\"") && holds(x, "\"connectionState\":");
}

#define SERVICES (NODE | C | CSHARP | CLI)
#define ON(text) ROLE(REQUEST), ALWAYS, text
#define GROUP    "^(PUT|GET) /enrollmentGroups/"
#define SINGLE   "^(PUT|GET) /enrollments/"
#define EITHER   "^(PUT|GET) /enrollment(s|Groups)/"
#define QUERY    "^POST /enrollment(s|Groups)/query"
#define GET_ONE  "^GET /enrollment(s|Groups)/"
#define GIVEN    "^PUT /enrollment(s/dev1|Groups/grp2)"
#define NOBODY   "^(GET|DELETE) /registrations/dev1"

static const struct demand rows[] = {
    { SERVICES, HTTP, DPS_SERVICE | HUB_SERVICE, ON("JSON's Content-Type on every body"),
      "dps-service 1, 20.1, rest_api_client.ts:235", is_typed_json, "^(PUT|GET|POST) " },
    { SERVICES, HTTP, DPS_SERVICE | HUB_SERVICE,
      ON("one answer, its Content-Length exact, no chunks"), "dps-service 20.2, uhttp.c",
      has_exact_length, "^(PUT|GET|POST) " },
    { NODE | CLI, HTTP, DPS_SERVICE, ON("200 to PUT and GET, also when it creates"),
      "dps-service 6", is_200, EITHER },
    { NODE | CLI, HTTP, DPS_SERVICE, ON("200 to a query"), "dps-service 6", is_200, QUERY },
    { NODE | CLI, HTTP, DPS_SERVICE, ON("204 to DELETE, empty"), "dps-service 6", is_204_empty,
      "^DELETE /enrollment" },
    { NODE | C | CSHARP, HTTP, DPS_SERVICE, ON("attestationmechanism without a body, lower-case g"),
      "dps-service 5, 20.1, provisioningserviceclient.ts:323", tells_attestation,
      "/attestationmechanism" },
    { SERVICES, HTTP, DPS_SERVICE, ON("the keys in the answer to PUT"), "dps-service 9", tells_keys,
      "^PUT " },
    { SERVICES, HTTP, DPS_SERVICE, ON("the keys that were given"), "dps-service 9", keeps_keys,
      GIVEN },
    { SERVICES, HTTP, DPS_SERVICE, ON("no key in GET"), "dps-service 9", shows_no_key, GET_ONE },
    { SERVICES, HTTP, DPS_SERVICE, ON("no key in a query"), "dps-service 9", shows_no_key, QUERY },
    { CSHARP | CLI, HTTP, DPS_SERVICE, ON("etag with its quotes inside"), "dps-service 7",
      has_quoted_etag, EITHER },
    { CSHARP | CLI, HTTP, DPS_SERVICE, ON("dates with seven digits, never null"),
      "dps-service 8.5, 20.3", has_dates, EITHER },
    { C | CSHARP, HTTP, DPS_SERVICE, ON("provisioningStatus in lower case"),
      "dps-service 8.1, 20.3", has_status_word, EITHER },
    { C, HTTP, DPS_SERVICE, ON("iotEdge is a boolean"), "dps-service 8.1, 20.2", has_boolean_edge,
      EITHER },
    { C | CSHARP, HTTP, DPS_SERVICE, ON("no null anywhere"), "dps-service 8.1, 20.3", has_no_null,
      EITHER },
    { SERVICES, HTTP, DPS_SERVICE, ON("a query's answer is a bare array"), "dps-service 12",
      is_array, QUERY },
    { C | CSHARP, HTTP, DPS_SERVICE, ON("x-ms-item-type, its name in lower case"),
      "dps-service 12, 20.3, provisioning_sc_query.c:244", names_item_type, QUERY },
    { SERVICES, HTTP, DPS_SERVICE, ON("no x-ms-continuation on the last page"),
      "dps-service 12, query.ts:75", is_last_page, QUERY },
    { NODE | CLI, HTTP, DPS_SERVICE, ON("404 for a registration that is not there"),
      "dps-service 6, 20.1", is_404, NOBODY },
    { CSHARP | CLI, HTTP, DPS_SERVICE, ON("errorCode of the status, in body and header"),
      "dps-service 13", has_error_code, NOBODY },
    { SERVICES, HTTP, DPS_SERVICE, ON("registrations of a group that is gone: 404 or none"),
      "dps-service 12", is_404_or_empty, "^POST /registrations/" },
    { NODE, HTTP, HUB_SERVICE, ON("200 and a bare array, slash at the path's end"),
      "hub-service 4, 7", is_200, NULL },
    { NODE, HTTP, HUB_SERVICE, ON("the devices in it"), "hub-service 4, 7", lists_device, NULL },
};

const struct demand_table service_demands = { rows, ARRAY_LEN(rows) };
