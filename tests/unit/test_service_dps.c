/* The provisioning service's API: enrollments, groups, registrations. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crypto/b64.h"
#include "service_rig.h"

#define KEY_A "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_B "YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk="

#define GROUP(id, keys, more)                                                                      \
    "{\"enrollmentGroupId\":\"" id "\",\"attestation\":{\"type\":\"symmetricKey\"" keys "}" more "}"
#define DEVICE(id, keys, more)                                                                     \
    "{\"registrationId\":\"" id "\",\"attestation\":{\"type\":\"symmetricKey\"" keys "}" more "}"
#define KEYS(a, b) ",\"symmetricKey\":{\"primaryKey\":\"" a "\",\"secondaryKey\":\"" b "\"}"

#define WHY(name) BERTH_WHY_##name

static void test_groups(void **state)
{
    static const struct rig_line steps[] = {
        { "get before", "GET /enrollmentGroups/Line-1", NULL, NULL, 404, WHY(GROUP_NOT_FOUND),
          "\"errorCode\":404204~\"trackingId\":\"~\"message\":\"~\"timestampUtc\":\"", NULL },
        { "star on nothing", "PUT /enrollmentGroups/Line-1", "If-Match: *\r\n",
          GROUP("Line-1", "", ""), 404, WHY(GROUP_NOT_FOUND), NULL, NULL },
        { "etag on nothing", "PUT /enrollmentGroups/Line-1", "If-Match: \"0000000000000001\"\r\n",
          GROUP("Line-1", "", ""), 404, WHY(GROUP_NOT_FOUND), NULL, NULL },
        { "create", "PUT /enrollmentGroups/Line-1", NULL,
          GROUP("Line-1", KEYS(KEY_A, KEY_B), ",\"provisioningStatus\":\"disabled\""), 200,
          WHY(NONE),
          "\"enrollmentGroupId\":\"Line-1\"~" KEY_A "~" KEY_B
          "~\"etag\":\"\\\"~\"provisioningStatus\":\"disabled\"~0000Z\"",
          NULL },
        { "create again", "PUT /enrollmentGroups/line-1", NULL, GROUP("line-1", "", ""), 409,
          WHY(GROUP_EXISTS), "409202", KEY_A },
        { "get hides keys", "GET /enrollmentGroups/LINE-1", NULL, NULL, 200, WHY(NONE),
          "\"enrollmentGroupId\":\"Line-1\"~{\"type\":\"symmetricKey\"}",
          KEY_A "~" KEY_B "~primaryKey" },
        { "keys on demand", "POST /enrollmentgroups/line-1/attestationmechanism", NULL, NULL, 200,
          WHY(NONE), "{\"type\":\"symmetricKey\",\"symmetricKey\":{~" KEY_A "~" KEY_B,
          "enrollmentGroupId" },
        { "query hides keys", "POST /enrollmentGroups/query", NULL, "{\"query\":\"nonsense\"}", 200,
          WHY(NONE), "[{\"enrollmentGroupId\":\"Line-1\"", KEY_A "~" KEY_B },
        { "wrong etag", "PUT /enrollmentGroups/Line-1", "If-Match: \"00000000deadbeef\"\r\n",
          GROUP("Line-1", "", ""), 412, WHY(ETAG_STALE), "412001", NULL },
        { "an etag of no record's form", "PUT /enrollmentGroups/Line-1",
          "If-Match: \"ffffffffffffffff\"\r\n", GROUP("Line-1", "", ""), 412, WHY(ETAG_STALE), NULL,
          NULL },
        { "zero is no etag", "DELETE /enrollmentGroups/Line-1",
          "If-Match: \"0000000000000000\"\r\n", NULL, 412, WHY(ETAG_STALE), NULL, NULL },
        { "star keeps keys and spelling", "PUT /enrollmentGroups/line-1", "If-Match: \"*\"\r\n",
          GROUP("LINE-1", "", ""), 200, WHY(NONE),
          "\"enrollmentGroupId\":\"Line-1\"~" KEY_A "~" KEY_B "~\"provisioningStatus\":\"enabled\"",
          NULL },
        { "own etag", "PUT /enrollmentGroups/line-1", "If-Match: @\r\n",
          GROUP("line-1", ",\"symmetricKey\":{\"primaryKey\":\"" KEY_B "\"}", ""), 200, WHY(NONE),
          "\"primaryKey\":\"" KEY_B "\",\"secondaryKey\":\"" KEY_B "\"", KEY_A },
        { "delete with wrong etag", "DELETE /enrollmentGroups/line-1",
          "If-Match: \"00000000deadbeef\"\r\n", NULL, 412, WHY(ETAG_STALE), NULL, NULL },
        { "delete with own etag", "DELETE /enrollmentGroups/LINE-1", "If-Match: @\r\n", NULL, 204,
          WHY(NONE), NULL, NULL },
        { "delete again", "DELETE /enrollmentGroups/line-1", NULL, NULL, 404, WHY(GROUP_NOT_FOUND),
          NULL, NULL },
        { "delete again with star", "DELETE /enrollmentGroups/line-1", "If-Match: *\r\n", NULL, 404,
          WHY(GROUP_NOT_FOUND), NULL, NULL },
        { "delete again with etag", "DELETE /enrollmentGroups/line-1",
          "If-Match: \"0000000000000001\"\r\n", NULL, 404, WHY(GROUP_NOT_FOUND), NULL, NULL },
        { "no keys of nothing", "POST /enrollmentGroups/line-1/attestationmechanism", NULL, NULL,
          404, WHY(GROUP_NOT_FOUND), NULL, NULL },
        { "an empty list", "POST /enrollmentGroups/query", NULL, "{\"query\":\"*\"}", 200,
          WHY(NONE), "[]", NULL },
        { "a query needs no body", "POST /enrollmentGroups/query/", NULL, NULL, 200, WHY(NONE),
          "[]", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, steps, ARRAY_LEN(steps));
    rig_free(r);
}

static void test_enrollments(void **state)
{
    static const struct rig_line steps[] = {
        { "get before", "GET /enrollments/dev-1", NULL, NULL, 404, WHY(ENROLLMENT_NOT_FOUND),
          "\"errorCode\":404201", NULL },
        { "other ID in the body", "PUT /enrollments/dev-1", NULL, DEVICE("dev-2", "", ""), 400,
          WHY(REGISTRATION_ID_INVALID), "differs", NULL },
        { "bad JSON", "PUT /enrollments/dev-1", NULL, "{", 400, WHY(REQUEST_INVALID), "400004",
          NULL },
        { "no body", "PUT /enrollments/dev-1", NULL, NULL, 400, WHY(REQUEST_INVALID), NULL, NULL },
        { "x509 is not served", "PUT /enrollments/dev-1", NULL,
          "{\"registrationId\":\"dev-1\",\"attestation\":{\"type\":\"x509\"}}", 400,
          WHY(REQUEST_INVALID), "symmetricKey", NULL },
        { "tpm is not served", "PUT /enrollments/dev-1", NULL,
          "{\"registrationId\":\"dev-1\",\"attestation\":{\"type\":\"tpm\"}}", 400,
          WHY(REQUEST_INVALID), "symmetricKey", NULL },
        { "none of them was made", "GET /enrollments/dev-1", NULL, NULL, 404,
          WHY(ENROLLMENT_NOT_FOUND), NULL, NULL },
        { "create", "PUT /enrollments/dev-1", NULL,
          DEVICE("dev-1", KEYS(KEY_A, KEY_B), ",\"deviceId\":\"press-1\""), 200, WHY(NONE),
          KEY_A "~" KEY_B "~\"deviceId\":\"press-1\"", "registrationState" },
        { "create again", "PUT /enrollments/Dev-1", NULL, DEVICE("Dev-1", "", ""), 409,
          WHY(ENROLLMENT_EXISTS), "409201", NULL },
        { "get", "GET /enrollments/DEV-1", NULL, NULL, 200, WHY(NONE),
          "\"registrationId\":\"dev-1\"", "registrationState~" KEY_A },
        { "keys", "POST /enrollments/dev-1/attestationmechanism", NULL, NULL, 200, WHY(NONE), KEY_A,
          NULL },
        { "query", "POST /enrollments/query", NULL, "{}", 200, WHY(NONE),
          "[{\"registrationId\":\"dev-1\"", KEY_A },
        { "an enrollment named query", "PUT /enrollments/query", NULL, DEVICE("query", "", ""), 200,
          WHY(NONE), NULL, NULL },
        { "and read", "GET /enrollments/query", NULL, NULL, 200, WHY(NONE), "\"query\"", NULL },
        { "and its keys", "POST /enrollments/query/attestationmechanism", NULL, NULL, 200,
          WHY(NONE), "primaryKey", NULL },
        { "an encoded ID", "PUT /enrollments/a%3Ab", NULL, DEVICE("a:b", "", ""), 200, WHY(NONE),
          "\"registrationId\":\"a:b\"", NULL },
        { "delete", "DELETE /enrollments/DEV-1", NULL, NULL, 204, WHY(NONE), NULL, NULL },
        { "gone", "GET /enrollments/dev-1", NULL, NULL, 404, WHY(ENROLLMENT_NOT_FOUND), NULL,
          NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, steps, ARRAY_LEN(steps));
    rig_free(r);
}

static void test_made_keys(void **state)
{
    struct rig *r = rig_new();
    const struct rig_answer *a;
    char first[89];

    (void)state;
    a = rig_ask(r, &(struct rig_request){ .line = "PUT /enrollmentGroups/g",
                                          .body = GROUP("g", ",\"symmetricKey\":{}", "") });
    CHECK("made", a->status == 200);
    const char *p = strstr(a->body, "\"primaryKey\":\"");
    const char *s = strstr(a->body, "\"secondaryKey\":\"");
    assert_non_null(p);
    assert_non_null(s);
    p += strlen("\"primaryKey\":\"");
    s += strlen("\"secondaryKey\":\"");
    CHECK("64 bytes are 88 characters", strchr(p, '"') - p == 88 && strchr(s, '"') - s == 88);
    CHECK("two different keys", strncmp(p, s, 88) != 0);
    snprintf(first, sizeof first, "%.88s", p);

    a = rig_ask(r,
                &(struct rig_request){ .line = "POST /enrollmentGroups/g/attestationmechanism" });
    CHECK("the same keys again", strstr(a->body, first) != NULL);
    a = rig_ask(
        r, &(struct rig_request){
               .line = "PUT /enrollments/d",
               .body = DEVICE("d", ",\"symmetricKey\":{\"secondaryKey\":\"" KEY_B "\"}", "") });
    CHECK("the one missing is made", a->status == 200 && strstr(a->body, KEY_B) != NULL &&
                                         strstr(a->body, "\"primaryKey\":\"") != NULL &&
                                         strstr(a->body, first) == NULL);
    rig_free(r);
}

/* Copies the text of member NAME. */
static const char *member(const char *body, const char *name, char out[64])
{
    char want[64];
    const char *p;

    snprintf(want, sizeof want, "\"%s\":\"", name);
    p = strstr(body, want);
    CHECK(name, p != NULL);
    p += strlen(want);
    snprintf(out, 64, "%.*s", (int)strcspn(p, ","), p);
    return out;
}

/* An answer to PUT shows what a later GET shows. */
static void test_dates_and_etags(void **state)
{
    static const char *const names[] = { "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "etag" };
    struct rig_request put = { .line = "PUT /enrollments/d", .body = DEVICE("d", "", "") };
    struct rig_request get = { .line = "GET /enrollments/d" };
    struct rig *r = rig_new();
    char made[3][64] = { { 0 } }, read[3][64];

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        const struct rig_answer *a = rig_ask(r, &put);
        for (size_t i = 0; i < 3; i++) {
            char before[64];
            memcpy(before, made[i], sizeof before);
            member(a->body, names[i], made[i]);
            if (turn == 1)
                CHECK(names[i], (strcmp(before, made[i]) == 0) == (i == 0));
        }
        a = rig_ask(r, &get);
        for (size_t i = 0; i < 3; i++)
            CHECK(names[i], strcmp(member(a->body, names[i], read[i]), made[i]) == 0);
        loop_skip(rig_front(r)->loop, 5000);
        put.headers = "If-Match: *\r\n";
    }
    rig_free(r);
}

static void test_registrations(void **state)
{
    static const struct rig_line before[] = {
        { "get before", "GET /registrations/sn-1", NULL, NULL, 404, WHY(REGISTRATION_NOT_FOUND),
          "404202", NULL },
        { "delete before", "DELETE /registrations/sn-1", NULL, NULL, 404,
          WHY(REGISTRATION_NOT_FOUND), NULL, NULL },
        { "a group that is not there has none", "POST /registrations/Line-1/query", NULL, NULL, 200,
          WHY(NONE), "[]", NULL },
    };
    static const struct rig_line after[] = {
        { "get", "GET /registrations/SN-1", NULL, NULL, 200, WHY(NONE),
          "\"registrationId\":\"sn-1\"~\"status\":\"assigned\"~\"assignedHub\":\"" RIG_HOST "\"",
          NULL },
        { "of the group alone", "POST /registrations/Line-1/query", NULL, "{\"query\":\"*\"}", 200,
          WHY(NONE), "sn-1~sn-2", "solo" },
        { "of an individual enrollment", "PUT /enrollments/solo", NULL, DEVICE("solo", "", ""), 200,
          WHY(NONE), NULL, "registrationState" },
        { "told with GET", "GET /enrollments/solo", NULL, NULL, 200, WHY(NONE),
          "\"registrationState\":{~\"status\":\"assigned\"", NULL },
        { "not told by query", "POST /enrollments/query", NULL, NULL, 200, WHY(NONE), "solo",
          "registrationState" },
        { "wrong etag", "DELETE /registrations/sn-1", "If-Match: \"00000000deadbeef\"\r\n", NULL,
          412, WHY(ETAG_STALE), NULL, NULL },
        { "its own etag", "GET /registrations/sn-1", NULL, NULL, 200, WHY(NONE), "\"etag\":\"Ij",
          NULL },
        { "delete with it", "DELETE /registrations/sn-1", "If-Match: @\r\n", NULL, 204, WHY(NONE),
          NULL, NULL },
        { "gone with etag", "DELETE /registrations/sn-1", "If-Match: @\r\n", NULL, 404,
          WHY(REGISTRATION_NOT_FOUND), NULL, NULL },
        { "read another's", "GET /registrations/sn-2", NULL, NULL, 200, WHY(NONE), NULL, NULL },
        { "delete with the etag quoted once more", "DELETE /registrations/sn-2",
          "If-Match: \"@\"\r\n", NULL, 204, WHY(NONE), NULL, NULL },
        { "delete without", "DELETE /registrations/solo", NULL, NULL, 204, WHY(NONE), NULL, NULL },
        { "the group's are gone", "POST /registrations/Line-1/query", NULL, NULL, 200, WHY(NONE),
          "[]", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, before, ARRAY_LEN(before));
    rig_put_registration(r, "sn-1", "line-1");
    rig_put_registration(r, "sn-2", "line-1");
    rig_put_registration(r, "solo", "");
    rig_play(r, after, ARRAY_LEN(after));
    rig_free(r);
}

static void test_deleted_registration_leaves_device(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    rig_ask(r, &(struct rig_request){ .line = "PUT /devices/sn-1",
                                      .policy = "iothubowner",
                                      .body = "{\"deviceId\":\"sn-1\"}" });
    rig_put_registration(r, "sn-1", "line-1");
    CHECK("deleted",
          rig_ask(r, &(struct rig_request){ .line = "DELETE /registrations/sn-1" })->status == 204);
    CHECK("device stays", rig_has(r, BERTH_KIND_DEVICE, RIG_HOST, "sn-1"));
    rig_free(r);
}

static void test_item_types(void **state)
{
    static const struct {
        const char *line, *type;
    } cases[] = {
        { "POST /enrollments/query", "Enrollment" },
        { "POST /enrollmentGroups/query", "EnrollmentGroup" },
        { "POST /registrations/g/query", "DeviceRegistration" },
        { "GET /berth/v1/registrations", "DeviceRegistration" },
    };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(cases[i].line,
              rig_ask(r, &(struct rig_request){ .line = cases[i].line })->status == 200);
        CHECK(cases[i].line, strcmp(rig_header(r, "x-ms-item-type"), cases[i].type) == 0);
        CHECK(cases[i].line, rig_header(r, "x-ms-continuation")[0] == '\0');
    }
    rig_free(r);
}

/* Follows continuations with pages of SIZE; counts how often each of "sn-000".. was seen. */
static size_t walk(struct rig *r, const char *line, const char *size, size_t *pages, int *seen,
                   size_t count)
{
    char headers[256];
    size_t total = 0;

    snprintf(headers, sizeof headers, "%s", size);
    for (*pages = 0; *pages < 2 * count + 2;) {
        const struct rig_answer *a =
            rig_ask(r, &(struct rig_request){ .line = line, .headers = headers });
        CHECK(line, a->status == 200);
        ++*pages;
        for (const char *p = a->body; (p = strstr(p, "\"registrationId\":\"sn-")) != NULL; p++) {
            size_t n = (size_t)atoi(p + strlen("\"registrationId\":\"sn-"));
            CHECK(line, n < count);
            seen[n]++;
            total++;
        }
        if (rig_header(r, "x-ms-continuation")[0] == '\0')
            return total;
        snprintf(headers, sizeof headers, "%sx-ms-continuation: %s\r\n", size,
                 rig_header(r, "x-ms-continuation"));
    }
    fail_msg("%s: pages without end", line);
    return 0;
}

static void test_pages(void **state)
{
    static const struct {
        const char *name, *line, *size;
        size_t pages;
    } cases[] = {
        { "one a page", "GET /berth/v1/registrations", "x-ms-max-item-count: 1\r\n", 12 },
        { "a page that ends with the last", "GET /berth/v1/registrations",
          "x-ms-max-item-count: 4\r\n", 3 },
        { "all in one", "GET /berth/v1/registrations", "x-ms-max-item-count: 12\r\n", 1 },
        { "more than there are", "GET /berth/v1/registrations", "x-ms-max-item-count: 99999\r\n",
          1 },
        { "a number no machine holds", "GET /berth/v1/registrations",
          "x-ms-max-item-count: 99999999999999999999999\r\n", 1 },
        { "no count", "GET /berth/v1/registrations", "", 1 },
        { "top", "GET /berth/v1/registrations?top=5", "", 3 },
        { "of a group", "POST /registrations/line-1/query", "x-ms-max-item-count: 5\r\n", 3 },
    };
    struct rig *r = rig_new();
    int seen[12];
    size_t pages;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        char id[8];
        snprintf(id, sizeof id, "sn-%03zu", i);
        rig_put_registration(r, id, "line-1");
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memset(seen, 0, sizeof seen);
        CHECK(cases[i].name, walk(r, cases[i].line, cases[i].size, &pages, seen, 12) == 12);
        CHECK(cases[i].name, pages == cases[i].pages);
        for (size_t n = 0; n < ARRAY_LEN(seen); n++)
            CHECK(cases[i].name, seen[n] == 1);
    }
    rig_free(r);
}

static void test_bad_pages(void **state)
{
    static const struct rig_line steps[] = {
        { "count 0", "POST /enrollments/query", "x-ms-max-item-count: 0\r\n", NULL, 400,
          WHY(REQUEST_INVALID), "x-ms-max-item-count", NULL },
        { "count -1", "POST /enrollments/query", "x-ms-max-item-count: -1\r\n", NULL, 400,
          WHY(REQUEST_INVALID), NULL, NULL },
        { "count of letters", "POST /enrollments/query", "x-ms-max-item-count: ten\r\n", NULL, 400,
          WHY(REQUEST_INVALID), NULL, NULL },
        { "count 1", "POST /enrollments/query", "x-ms-max-item-count: 1\r\n", NULL, 200, WHY(NONE),
          "[]", NULL },
        { "top 0", "GET /berth/v1/registrations?top=0", NULL, NULL, 400, WHY(REQUEST_INVALID),
          "top", NULL },
        { "a token with a strange character", "POST /enrollments/query",
          "x-ms-continuation: ab+/\r\n", NULL, 400, WHY(REQUEST_INVALID), "x-ms-continuation",
          NULL },
        { "a token that is no base64", "POST /enrollments/query", "x-ms-continuation: a\r\n", NULL,
          400, WHY(REQUEST_INVALID), NULL, NULL },
        { "a token without a check", "POST /enrollments/query", "x-ms-continuation: c24tMDA3\r\n",
          NULL, 400, WHY(REQUEST_INVALID), "not one that this service gave", NULL },
        { "a check without a key", "POST /enrollments/query", "x-ms-continuation: xZ0cgQ\r\n", NULL,
          400, WHY(REQUEST_INVALID), "not one that this service gave", NULL },
        { "a check with one bit off", "POST /enrollments/query",
          "x-ms-continuation: 3RgxKnNuLTAwNw\r\n", NULL, 400, WHY(REQUEST_INVALID),
          "not one that this service gave", NULL },
        { "a token cut short", "POST /enrollments/query", "x-ms-continuation: 3BgxKnNuLTAw\r\n",
          NULL, 400, WHY(REQUEST_INVALID), "not one that this service gave", NULL },
        { "a good token", "POST /enrollments/query", "x-ms-continuation: 3BgxKnNuLTAwNw\r\n", NULL,
          200, WHY(NONE), "[]", NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, steps, ARRAY_LEN(steps));
    rig_free(r);
}

/* A token as the service makes it, for a key of N times the letter a. */
static int status_of_token(struct rig *r, size_t n)
{
    char headers[700];
    uint8_t bytes[512];
    uint32_t sum = 2166136261u; /* FNV-1a */
    struct berth_buf b;

    memset(bytes, 'a', sizeof bytes);
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ 'a') * 16777619u;
    for (size_t i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(sum >> (8 * i));
    berth_buf_init(&b, headers, sizeof headers);
    berth_buf_put(&b, BERTH_STR("x-ms-continuation: "));
    size_t from = b.n;
    berth_b64_put(&b, bytes, 4 + n);
    while (b.p[b.n - 1] == '=')
        b.n--;
    for (size_t i = from; i < b.n; i++)
        b.p[i] = b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i];
    berth_buf_put(&b, BERTH_STR("\r\n"));
    headers[b.n] = '\0';
    return rig_ask(r,
                   &(struct rig_request){ .line = "POST /enrollments/query", .headers = headers })
        ->status;
}

static void test_token_bound(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    CHECK("of a key of one byte", status_of_token(r, 1) == 200);
    CHECK("512 characters", status_of_token(r, 380) == 200);
    CHECK("514 characters", status_of_token(r, 381) == 400);
    rig_free(r);
}

static char *repeat(char *out, char c, size_t n)
{
    memset(out, c, n);
    out[n] = '\0';
    return out;
}

static void test_id_bounds(void **state)
{
    static const char *const paths[] = { "GET /enrollments/", "GET /enrollmentGroups/",
                                         "GET /registrations/" };
    struct rig *r = rig_new();
    char id[140], line[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        snprintf(line, sizeof line, "%s%s", paths[i], repeat(id, 'a', 128));
        CHECK(paths[i], rig_ask(r, &(struct rig_request){ .line = line })->status == 404);
        snprintf(line, sizeof line, "%s%s", paths[i], repeat(id, 'a', 129));
        CHECK(paths[i], rig_ask(r, &(struct rig_request){ .line = line })->status == 400);
        snprintf(line, sizeof line, "%s%s", paths[i], "a%20b");
        CHECK(paths[i], rig_ask(r, &(struct rig_request){ .line = line })->status == 400);
    }
    rig_free(r);
}

/* A document of exactly N bytes, by the length of a tag. */
static void put_of_size(struct rig *r, size_t n, int status, enum berth_reason why)
{
    static const char head[] = "{\"enrollmentGroupId\":\"big\",\"attestation\":{\"type\":"
                               "\"symmetricKey\"},\"unknown\":\"";
    char *body = malloc(n + 1);
    const struct rig_answer *a;

    assert_non_null(body);
    memset(body, 'x', n);
    memcpy(body, head, sizeof head - 1);
    memcpy(body + n - 2, "\"}", 3);
    a = rig_ask(r, &(struct rig_request){ .line = "PUT /enrollmentGroups/big", .body = body });
    free(body);
    if (a->status != status || a->why != why)
        fail_msg("%zu bytes: status %d: %s", n, a->status, a->body);
}

static void test_body_bound(void **state)
{
    struct rig *r = rig_new();

    (void)state;
    put_of_size(r, 104 * 1024 + 1, 413, WHY(BODY_TOO_LARGE));
    put_of_size(r, 104 * 1024, 200, WHY(NONE));
    rig_free(r);
}

/* A document of N bytes, nearly all of them kept. */
static char *large_enrollment(size_t n)
{
    static const char head[] = "{\"registrationId\":\"big\",\"attestation\":{\"type\":"
                               "\"symmetricKey\"},\"optionalDeviceInformation\":{\"a\":\"";
    char *body = malloc(n + 1);

    assert_non_null(body);
    memset(body, 'x', n);
    memcpy(body, head, sizeof head - 1);
    memcpy(body + n - 3, "\"}}", 4);
    return body;
}

/* The largest document that Azure takes: what GET and PUT answer, with all that berth adds, is
 * taken as it is. */
static void test_what_is_given_is_taken(void **state)
{
    struct rig *r = rig_new();
    char *body = large_enrollment(96 * 1024);
    const struct rig_answer *a;

    (void)state;
    rig_put_registration(r, "big", "");
    for (int i = 0; i < 3; i++) {
        a = rig_ask(r, &(struct rig_request){ .line = "PUT /enrollments/big",
                                              .headers = i > 0 ? "If-Match: *\r\n" : NULL,
                                              .body = body });
        if (a->status != 200)
            fail_msg("%d, %zu bytes: %d %.200s", i, strlen(body), a->status, a->body);
        if (i > 0)
            a = rig_ask(r, &(struct rig_request){ .line = "GET /enrollments/big" });
        assert_int_equal(a->status, 200);
        assert_true(strlen(a->body) > 96 * 1024);
        assert_true((strstr(a->body, "registrationState") != NULL) == (i > 0));
        free(body);
        body = strdup(a->body);
        assert_non_null(body);
    }
    free(body);
    rig_free(r);
}

/* A page of records too large for one answer ends early and goes on. */
static void test_large_page(void **state)
{
    struct rig *r = rig_new();
    char *twin = malloc(9000), *body = malloc(10000);
    int seen[150] = { 0 };
    size_t pages, count = ARRAY_LEN(seen), total;

    (void)state;
    assert_non_null(twin);
    assert_non_null(body);
    repeat(twin, 'x', 4000);
    for (size_t i = 0; i < count; i++) {
        char line[64];
        snprintf(line, sizeof line, "PUT /enrollments/sn-%03zu", i);
        snprintf(body, 10000,
                 "{\"registrationId\":\"sn-%03zu\",\"attestation\":{\"type\":\"symmetricKey\"},"
                 "\"initialTwin\":{\"tags\":{\"x\":\"%s\"},\"properties\":{\"desired\":{\"y\":"
                 "\"%s\"}}}}",
                 i, twin, twin);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line, .body = body })->status == 200);
    }
    total = walk(r, "POST /enrollments/query", "", &pages, seen, count);
    CHECK("each once", total == count);
    CHECK("more than one page", pages > 1);
    free(twin);
    free(body);
    rig_free(r);
}

static void put_large(struct rig *r, size_t i, size_t n)
{
    char *body = large_enrollment(n), line[32];

    snprintf(line, sizeof line, "PUT /enrollments/bi%zu", i);
    body[strlen("{\"registrationId\":\"bi")] = (char)('0' + i);
    CHECK(line,
          rig_ask(r,
                  &(struct rig_request){ .line = line, .headers = "If-Match: *\r\n", .body = body })
                  ->status == 200);
    free(body);
}

/* A page of exactly as many bytes as an answer may have, and one whose last record is a byte
 * longer. */
static void test_page_bound(void **state)
{
    enum { COUNT = 9, SIZE = 86500, BOUND = 768 * 1024 };
    const struct rig_request query = { .line = "POST /enrollments/query" };
    struct rig *r = rig_new();
    const struct rig_answer *a;
    size_t last;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        char line[32], body[128];
        snprintf(line, sizeof line, "PUT /enrollments/bi%zu", i);
        snprintf(body, sizeof body,
                 "{\"registrationId\":\"bi%zu\",\"attestation\":{\"type\":"
                 "\"symmetricKey\"}}",
                 i);
        CHECK(line, rig_ask(r, &(struct rig_request){ .line = line, .body = body })->status == 200);
        put_large(r, i, SIZE);
    }
    a = rig_ask(r, &query);
    CHECK("below", a->status == 200 && a->body_n < BOUND);
    last = SIZE + BOUND - a->body_n;
    put_large(r, COUNT - 1, last);
    a = rig_ask(r, &query);
    CHECK("at the bound", a->status == 200 && a->body_n == BOUND);
    CHECK("all of them", rig_header(r, "x-ms-continuation")[0] == '\0');
    put_large(r, COUNT - 1, last + 1);
    a = rig_ask(r, &query);
    CHECK("past it", a->status == 200 && a->body_n < BOUND && strstr(a->body, "bi8") == NULL);
    CHECK("goes on", rig_header(r, "x-ms-continuation")[0] != '\0');
    rig_free(r);
}

static void test_settings(void **state)
{
    static const struct rig_line steps[] = {
        { "of nothing", "GET /berth/v1/enrollmentGroups/g/settings", NULL, NULL, 404,
          WHY(GROUP_NOT_FOUND), NULL, NULL },
        { "of nothing, changed", "PATCH /berth/v1/enrollments/d/settings", NULL,
          "{\"assigningFirst\":true}", 404, WHY(ENROLLMENT_NOT_FOUND), NULL, NULL },
        { "a group", "PUT /enrollmentGroups/g", NULL, GROUP("g", KEYS(KEY_A, KEY_B), ""), 200,
          WHY(NONE), NULL, NULL },
        { "off at first", "GET /berth/v1/enrollmentGroups/G/settings", NULL, NULL, 200, WHY(NONE),
          "{\"assigningFirst\":false}", NULL },
        { "no boolean", "PATCH /berth/v1/enrollmentGroups/g/settings", NULL,
          "{\"assigningFirst\":1}", 400, WHY(REQUEST_INVALID), "assigningFirst", NULL },
        { "on", "PATCH /berth/v1/enrollmentGroups/g/settings", NULL, "{\"assigningFirst\":true}",
          200, WHY(NONE), "{\"assigningFirst\":true}", NULL },
        { "still on", "GET /berth/v1/enrollmentGroups/g/settings", NULL, NULL, 200, WHY(NONE),
          "{\"assigningFirst\":true}", NULL },
        { "a PUT leaves it", "PUT /enrollmentGroups/g", "If-Match: *\r\n", GROUP("g", "", ""), 200,
          WHY(NONE), KEY_A, "assigningFirst" },
        { "on after it", "GET /berth/v1/enrollmentGroups/g/settings", NULL, NULL, 200, WHY(NONE),
          "{\"assigningFirst\":true}", NULL },
        { "the keys are still there", "POST /enrollmentGroups/g/attestationmechanism", NULL, NULL,
          200, WHY(NONE), KEY_A "~" KEY_B, NULL },
        { "wrong etag", "PATCH /berth/v1/enrollmentGroups/g/settings",
          "If-Match: \"00000000deadbeef\"\r\n", "{\"assigningFirst\":false}", 412, WHY(ETAG_STALE),
          NULL, NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    rig_play(r, steps, ARRAY_LEN(steps));
    rig_free(r);
}

/* Decisions on a record that changes under them. */
static void test_races(void **state)
{
    static const struct {
        const char *name, *line, *headers, *body;
        int stale, status;
        enum berth_reason why;
    } cases[] = {
        { "star, once", "PUT /enrollmentGroups/g", "If-Match: *\r\n", GROUP("g", "", ""), 1, 200,
          WHY(NONE) },
        { "star, as often as is borne", "PUT /enrollmentGroups/g", "If-Match: *\r\n",
          GROUP("g", "", ""), 7, 200, WHY(NONE) },
        { "star, too often", "PUT /enrollmentGroups/g", "If-Match: *\r\n", GROUP("g", "", ""), 8,
          503, WHY(CONTENDED) },
        { "etag", "PUT /enrollmentGroups/g", "If-Match: @\r\n", GROUP("g", "", ""), 1, 412,
          WHY(ETAG_STALE) },
        { "settings, once", "PATCH /berth/v1/enrollmentGroups/g/settings", NULL,
          "{\"assigningFirst\":true}", 1, 200, WHY(NONE) },
        { "settings, too often", "PATCH /berth/v1/enrollmentGroups/g/settings", NULL,
          "{\"assigningFirst\":true}", 8, 503, WHY(CONTENDED) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *r = rig_new();
        const struct rig_answer *a;
        rig_ask(r, &(struct rig_request){ .line = "PUT /enrollmentGroups/g",
                                          .body = GROUP("g", "", "") });
        rig_make_stale(r, cases[i].stale);
        a = rig_ask(r, &(struct rig_request){ .line = cases[i].line,
                                              .headers = cases[i].headers,
                                              .body = cases[i].body });
        CHECK(cases[i].name, a->status == cases[i].status);
        CHECK(cases[i].name, a->why == cases[i].why);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_enrollments),
        cmocka_unit_test(test_made_keys),
        cmocka_unit_test(test_dates_and_etags),
        cmocka_unit_test(test_registrations),
        cmocka_unit_test(test_deleted_registration_leaves_device),
        cmocka_unit_test(test_item_types),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_bad_pages),
        cmocka_unit_test(test_token_bound),
        cmocka_unit_test(test_id_bounds),
        cmocka_unit_test(test_body_bound),
        cmocka_unit_test(test_what_is_given_is_taken),
        cmocka_unit_test(test_large_page),
        cmocka_unit_test(test_page_bound),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_races),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
