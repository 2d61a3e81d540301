/* Who may call what: every route that the router knows, under every credential that somebody might
 * try. The rows come from the router's own list; what they should ask for is written out here.
 *
 * usage: test_rights            the test
 *        test_rights --list     method, path, what it addresses, rights: a line for each route */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/policy.h"
#include "check.h"
#include "crypto/b64.h"
#include "front/router.h"
#include "service_rig.h"

#define WHY(name)   BERTH_WHY_##name
#define RIGHT_COUNT 9
#define ALL_RIGHTS  ((1u << RIGHT_COUNT) - 1)
#define ID          "x1.y"
#define DEVICE_KEY  "ZGV2aWNlLWtleS1kZXZpY2Uta2V5LWRldmljZS1rZXk="
#define GROUP_KEY   "Z3JvdXAta2V5LWdyb3VwLWtleS1ncm91cC1rZXktZ3I="

/* Written out once more, by hand: a row that changes, comes or goes is seen here. */
static const struct {
    const char *method, *path, *rights;
} golden[] = {
    { "POST", "enrollments/query", "EnrollmentRead EnrollmentWrite" },
    { "GET", "enrollments/+", "EnrollmentRead EnrollmentWrite" },
    { "PUT", "enrollments/+", "EnrollmentWrite" },
    { "DELETE", "enrollments/+", "EnrollmentWrite" },
    { "POST", "enrollments/+/attestationmechanism", "EnrollmentWrite" },
    { "POST", "enrollmentGroups/query", "EnrollmentRead EnrollmentWrite" },
    { "GET", "enrollmentGroups/+", "EnrollmentRead EnrollmentWrite" },
    { "PUT", "enrollmentGroups/+", "EnrollmentWrite" },
    { "DELETE", "enrollmentGroups/+", "EnrollmentWrite" },
    { "POST", "enrollmentGroups/+/attestationmechanism", "EnrollmentWrite" },
    { "GET", "registrations/+", "RegistrationStatusRead" },
    { "DELETE", "registrations/+", "RegistrationStatusWrite" },
    { "POST", "registrations/+/query", "RegistrationStatusRead" },
    { "GET", "devices", "RegistryRead RegistryWrite" },
    { "GET", "devices/+", "RegistryRead RegistryWrite" },
    { "PUT", "devices/+", "RegistryWrite" },
    { "DELETE", "devices/+", "RegistryWrite" },
    { "POST", "devices/query", "ServiceConnect" },
    { "GET", "twins/+", "ServiceConnect" },
    { "PATCH", "twins/+", "ServiceConnect" },
    { "PUT", "twins/+", "ServiceConnect" },
    /* who may write a registry may read it */
    { "GET", "statistics/devices", "RegistryRead RegistryWrite" },
    { "GET", "statistics/service", "RegistryRead RegistryWrite" },
    { "GET", "berth/v1/service",
      "ServiceConfig EnrollmentRead EnrollmentWrite RegistrationStatusRead "
      "RegistrationStatusWrite RegistryRead RegistryWrite ServiceConnect DeviceConnect" },
    { "POST", "berth/v1/listkeys", "ServiceConfig" },
    { "GET", "berth/v1/hubs", "ServiceConfig EnrollmentRead" },
    { "GET", "berth/v1/hubs/+", "ServiceConfig EnrollmentRead" },
    { "PUT", "berth/v1/hubs/+", "ServiceConfig" },
    { "POST", "berth/v1/hubs/+/listkeys", "ServiceConfig" },
    { "DELETE", "berth/v1/hubs/+", "ServiceConfig" },
    { "GET", "berth/v1/policies", "ServiceConfig" },
    { "GET", "berth/v1/policies/+", "ServiceConfig" },
    { "PUT", "berth/v1/policies/+", "ServiceConfig" },
    { "DELETE", "berth/v1/policies/+", "ServiceConfig" },
    { "POST", "berth/v1/policies/+/listkeys", "ServiceConfig" },
    { "POST", "berth/v1/policies/+/regeneratekey", "ServiceConfig" },
    { "GET", "berth/v1/hubs/+/policies", "ServiceConfig" },
    { "GET", "berth/v1/hubs/+/policies/+", "ServiceConfig" },
    { "PUT", "berth/v1/hubs/+/policies/+", "ServiceConfig" },
    { "DELETE", "berth/v1/hubs/+/policies/+", "ServiceConfig" },
    { "POST", "berth/v1/hubs/+/policies/+/listkeys", "ServiceConfig" },
    { "POST", "berth/v1/hubs/+/policies/+/regeneratekey", "ServiceConfig" },
    { "GET", "berth/v1/ca", "ServiceConfig" },
    { "POST", "berth/v1/ca/rollover", "ServiceConfig" },
    { "GET", "berth/v1/hubs/+/events", "ServiceConfig" },
    { "GET", "berth/v1/hubs/+/devices/+/provisioning",
      "ServiceConfig EnrollmentRead RegistrationStatusRead" },
    { "GET", "berth/v1/audit", "ServiceConfig" },
    { "GET", "berth/v1/registrations", "RegistrationStatusRead" },
    { "GET", "berth/v1/refusals", "RegistrationStatusRead" },
    { "GET", "berth/v1/enrollments/+/settings", "EnrollmentRead EnrollmentWrite" },
    { "PATCH", "berth/v1/enrollments/+/settings", "EnrollmentWrite" },
    { "GET", "berth/v1/enrollmentGroups/+/settings", "EnrollmentRead EnrollmentWrite" },
    { "PATCH", "berth/v1/enrollmentGroups/+/settings", "EnrollmentWrite" },
};

static const char *golden_rights(const struct route *row)
{
    for (size_t i = 0; i < ARRAY_LEN(golden); i++)
        if (strcmp(golden[i].path, row->path) == 0 &&
            strcmp(golden[i].method, rig_methods[row->method]) == 0)
            return golden[i].rights;
    fail_msg("%s %s is not in the list", rig_methods[row->method], row->path);
    return NULL;
}

/* As bits. "ServiceConfig" is no part of "EnrollmentRead ServiceConfigX": names end at a blank. */
static unsigned rights_of(const char *names)
{
    berth_str rest = berth_str_of(names);
    unsigned rights = 0;

    while (rest.n > 0) {
        berth_str name = berth_str_cut(&rest, ' ');
        unsigned i = 0;
        while (i < RIGHT_COUNT && !berth_str_eq(name, berth_str_of(berth_right_name(1u << i))))
            i++;
        CHECK(names, i < RIGHT_COUNT);
        rights |= 1u << i;
    }
    return rights;
}

/* ---- the routes, from the router's own list ---- */

typedef void visit_table(const struct route_table *t, void *user);

/* Each table once, however many names lead to it. */
static void each_table(visit_table *visit, void *user)
{
    for (const struct router_api *a = router_apis; a->first != NULL; a++) {
        const struct router_api *before = router_apis;
        while (before->routes != a->routes)
            before++;
        if (before == a)
            visit(a->routes, user);
    }
}

/* ---- whose policies there are ---- */

enum place { SERVICE, HUB_A, HUB_B, PLACES };

static const struct {
    const char *scope, *host;
    const char *own; /* a policy with all rights that exists nowhere else */
} places[PLACES] = {
    [SERVICE] = { "", RIG_HOST, "of-service" },
    [HUB_A] = { RIG_HOST, RIG_HOST, "of-hub-a" }, /* under the service's own name */
    [HUB_B] = { RIG_HUB, RIG_HUB, "of-hub-b" },
};

/* No two policies share a key. */
static struct berth_key key_of(enum place p, const char *policy, bool secondary)
{
    struct berth_key key = { .n = 32 };

    (void)snprintf((char *)key.bytes, key.n, "%d/%s/%s", (int)p, policy, secondary ? "2nd" : "1st");
    return key;
}

static void put_policy(struct rig *r, enum place p, const char *name, unsigned rights)
{
    struct berth_policy policy = { .hub = berth_str_of(places[p].scope),
                                   .name = berth_str_of(name),
                                   .rights = rights,
                                   .keys = { key_of(p, name, false), key_of(p, name, true) } };

    rig_put_policy_keys(r, &policy);
}

static const char *single(unsigned i)
{
    static char name[16];

    (void)snprintf(name, sizeof name, "only-%u", i);
    return name;
}

/* Everywhere the same names, so that only the key tells whose they are. */
static void put_policies(struct rig *r)
{
    for (enum place p = 0; p < PLACES; p++) {
        for (unsigned i = 0; i < RIGHT_COUNT; i++)
            put_policy(r, p, single(i), 1u << i);
        put_policy(r, p, "all", ALL_RIGHTS);
        put_policy(r, p, "none", 0);
        put_policy(r, p, places[p].own, ALL_RIGHTS);
    }
}

/* What a request could read, change or delete. */
static void put_targets(struct rig *r)
{
    static const struct rig_request all[] = {
        { .line = "PUT /enrollmentGroups/" ID,
          .body = "{\"enrollmentGroupId\":\"" ID "\",\"attestation\":{\"type\":\"symmetricKey\","
                  "\"symmetricKey\":{\"primaryKey\":\"" GROUP_KEY "\"}}}" },
        { .line = "PUT /enrollments/" ID,
          .body = "{\"registrationId\":\"" ID "\",\"attestation\":{\"type\":\"symmetricKey\","
                  "\"symmetricKey\":{\"primaryKey\":\"" DEVICE_KEY "\"}}}" },
        { .line = "PUT /devices/" ID,
          .body = "{\"deviceId\":\"" ID "\",\"authentication\":{\"type\":\"sas\","
                  "\"symmetricKey\":{\"primaryKey\":\"" DEVICE_KEY "\"}}}" },
        { .line = "PUT /devices/" ID,
          .host = RIG_HUB,
          .body = "{\"deviceId\":\"" ID "\",\"authentication\":{\"type\":\"sas\","
                  "\"symmetricKey\":{\"primaryKey\":\"" DEVICE_KEY "\"}}}" },
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        (void)rig_ask(r, &all[i]); /* there already, but for what a route has deleted */
    rig_put_registration(r, ID, ID);
}

/* ---- one route ---- */

struct trial {
    struct rig *r;
    const struct route *row;
    enum place place; /* that the route addresses */
    char line[256];
    size_t cases, let_in, open;
};

/* TOKEN NULL: no Authorization. */
static const struct rig_answer *offer(struct trial *t, const char *token)
{
    t->cases++;
    return rig_ask(t->r, &(struct rig_request){ .line = t->line,
                                                .host = places[t->place].host,
                                                .policy = token == NULL ? "" : NULL,
                                                .token = token });
}

static void refused(struct trial *t, const char *who, const char *token, enum berth_reason want)
{
    size_t calls = rig_store_calls(t->r);
    const struct rig_answer *a = offer(t, token);

    if (a->status != 401) {
        t->open++;
        print_error("OPEN: %s with %s: %d %s\n", t->line, who, a->status, a->body);
    } else if (a->why != want) {
        fail_msg("%s with %s: %s", t->line, who, berth_reason_row(a->why)->name);
    }
    /* Not even looked up: so nothing can have been changed, nor told. */
    if (rig_store_calls(t->r) != calls)
        fail_msg("%s with %s reached the store", t->line, who);
    if (strstr(a->body, "Key\"") != NULL)
        fail_msg("%s with %s is told a key", t->line, who);
}

static void let_in(struct trial *t, const char *who, const char *token)
{
    const struct rig_answer *a;
    char kept[2048];

    (void)snprintf(kept, sizeof kept, "%s", token); /* static storage, and targets need tokens */
    put_targets(t->r);
    a = offer(t, kept);
    t->let_in++;
    if (a->status == 401 || a->status == 403)
        fail_msg("%s with %s: %d %s", t->line, who, a->status, a->body);
}

static int64_t now_s(const struct trial *t)
{
    return loop_now_ms(rig_front(t->r)->loop) / 1000;
}

/* Signed by a key of POLICY at PLACE, under the name SKN. */
static const char *sign(const struct trial *t, enum place place, const char *policy, bool secondary,
                        const char *resource, const char *skn)
{
    struct berth_key key = key_of(place, policy, secondary);

    return rig_token(resource, skn, &key, now_s(t) + 60);
}

static void try_single_rights(struct trial *t, unsigned wanted)
{
    const char *host = places[t->place].host;

    for (unsigned i = 0; i < 2 * RIGHT_COUNT; i++) {
        const char *name = single(i / 2);
        const char *token = sign(t, t->place, name, i % 2 == 1, host, name);
        if ((wanted & 1u << i / 2) != 0)
            let_in(t, berth_right_name(1u << i / 2), token);
        else
            refused(t, berth_right_name(1u << i / 2), token, WHY(RIGHT_MISSING));
    }
    put_policy(t->r, t->place, "all-others", ALL_RIGHTS & ~wanted);
    refused(t, "all other rights", sign(t, t->place, "all-others", false, host, "all-others"),
            WHY(RIGHT_MISSING));
    refused(t, "no right", sign(t, t->place, "none", false, host, "none"), WHY(RIGHT_MISSING));
}

static void try_no_token(struct trial *t)
{
    static const struct {
        const char *name, *value;
        enum berth_reason why;
    } cases[] = {
        { "nothing", NULL, WHY(SERVICE_TOKEN_MISSING) },
        { "a bearer", "Bearer eyJhbGciOiJub25lIn0.e30.", WHY(SERVICE_TOKEN_MISSING) },
        { "a password", "Basic YWxsOmFsbA==", WHY(SERVICE_TOKEN_MISSING) },
        { "an empty token", "SharedAccessSignature", WHY(SERVICE_TOKEN_MALFORMED) },
        { "half a token", "SharedAccessSignature sr=" RIG_HOST "&skn=all",
          WHY(SERVICE_TOKEN_MALFORMED) },
        { "a short signature",
          "SharedAccessSignature sr=" RIG_HOST "&sig=AAAA&se=99999999999&skn=all",
          WHY(SERVICE_TOKEN_MALFORMED) },
        { "a signature of zeros",
          "SharedAccessSignature sr=" RIG_HOST
          "&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=99999999999&skn=all",
          WHY(SERVICE_SIGNATURE_WRONG) },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refused(t, cases[i].name, cases[i].value, cases[i].why);
}

static void try_wrong_keys(struct trial *t)
{
    const char *host = places[t->place].host;
    struct berth_key key = key_of(t->place, "all", false), empty = { .n = 1 };
    char later[1024];

    refused(t, "an expired token", rig_token(host, "all", &key, now_s(t) - 400),
            WHY(SERVICE_TOKEN_EXPIRED));
    refused(t, "another policy's key", sign(t, t->place, "none", false, host, "all"),
            WHY(SERVICE_SIGNATURE_WRONG));
    refused(t, "a zero key", rig_token(host, "all", &empty, now_s(t) + 60),
            WHY(SERVICE_SIGNATURE_WRONG));
    refused(t, "no policy's name", sign(t, t->place, "all", false, host, ""), WHY(POLICY_UNKNOWN));
    refused(t, "a name in capitals", sign(t, t->place, "all", false, host, "ALL"),
            WHY(POLICY_UNKNOWN));

    /* signed for a minute, and then made to last */
    (void)snprintf(later, sizeof later, "%s", rig_token(host, "all", &key, now_s(t) - 400));
    strstr(later, "&se=")[4]++;
    refused(t, "another expiry than signed", later, WHY(SERVICE_SIGNATURE_WRONG));
}

static void try_other_places(struct trial *t)
{
    const char *host = places[t->place].host;

    for (enum place p = 0; p < PLACES; p++) {
        if (p == t->place)
            continue;
        refused(t, "another place's key", sign(t, p, "all", false, host, "all"),
                WHY(SERVICE_SIGNATURE_WRONG));
        refused(t, "another place's second key", sign(t, p, "all", true, host, "all"),
                WHY(SERVICE_SIGNATURE_WRONG));
        refused(t, "another place's policy", sign(t, p, places[p].own, false, host, places[p].own),
                WHY(POLICY_UNKNOWN));
        refused(t, "another place's token", sign(t, p, "all", false, places[p].host, "all"),
                WHY(SERVICE_SIGNATURE_WRONG));
    }
}

/* PATTERN with the host for '@' and the path for '*'. Static storage. */
static const char *resource_of(const struct trial *t, const char *pattern)
{
    static char text[1024];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text - 1);
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '@')
            berth_buf_put(&b, berth_str_of(places[t->place].host));
        else if (*p == '*')
            berth_buf_put(&b, berth_str_of(strchr(t->line, ' ') + 1));
        else
            berth_buf_put_char(&b, *p);
    }
    text[b.n] = '\0';
    return text;
}

static void try_resources(struct trial *t)
{
    static const struct {
        const char *name, *resource;
    } others[] = {
        { "for another host", "elsewhere.example" },
        { "for a host above", "test.example" },
        { "for a longer name", "@.example" },
        { "for another path", "@/elsewhere" },
        { "for more than the path", "@*/more" },
        { "for the path alone", "*" },
        { "for half a name", "@-" },
        { "for half a path", "@*-" },
    };
    static const char *const good[] = { "@", "@/", "@*", "@*/" };

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char text[1024];
        size_t n = (size_t)snprintf(text, sizeof text, "%s", resource_of(t, others[i].resource));
        if (text[n - 1] == '-')
            text[n - 2] = '\0';
        refused(t, others[i].name, sign(t, t->place, "all", false, text, "all"),
                WHY(SERVICE_TOKEN_FOR_OTHER));
    }
    for (size_t i = 0; i < 2 * ARRAY_LEN(good); i++)
        let_in(t, good[i / 2],
               sign(t, t->place, "all", i % 2 == 1, resource_of(t, good[i / 2]), "all"));
}

/* A device's own credentials, as it shows them to the provisioning service and to a hub. */
static void try_devices(struct trial *t)
{
    static const struct {
        const char *name, *key, *resource, *skn;
        enum berth_reason why;
    } cases[] = {
        { "a registration's token", DEVICE_KEY, RIG_SCOPE "/registrations/" ID, "registration",
          WHY(POLICY_UNKNOWN) },
        { "a group's key", GROUP_KEY, RIG_SCOPE "/registrations/" ID, "registration",
          WHY(POLICY_UNKNOWN) },
        { "a device's token", DEVICE_KEY, "@/devices/" ID, "", WHY(POLICY_UNKNOWN) },
        { "a device's key, a policy's name", DEVICE_KEY, "@", "all", WHY(SERVICE_SIGNATURE_WRONG) },
        { "a group's key, a policy's name", GROUP_KEY, "@", "all", WHY(SERVICE_SIGNATURE_WRONG) },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_key key;
        CHECK(cases[i].name, berth_key_decode(berth_str_of(cases[i].key), &key) == BERTH_OK);
        refused(t, cases[i].name,
                rig_token(resource_of(t, cases[i].resource), cases[i].skn, &key, now_s(t) + 60),
                cases[i].why);
    }
}

static void try_route(struct trial *t)
{
    rig_line(t->row, ID, t->line, sizeof t->line);
    put_targets(t->r);
    try_no_token(t);
    try_wrong_keys(t);
    try_other_places(t);
    try_devices(t);
    try_single_rights(t, rights_of(golden_rights(t->row)));
    try_resources(t);
}

/* ---- all of them ---- */

struct sum {
    size_t routes, places, cases, let_in, open;
};

static void try_table(const struct route_table *table, void *user)
{
    struct sum *s = user;
    enum place first = table->of_hub ? HUB_A : SERVICE, last = table->of_hub ? HUB_B : SERVICE;

    s->routes += table->count;
    for (enum place p = first; p <= last; p++) {
        struct rig *r = rig_new();
        put_policies(r);
        for (size_t i = 0; i < table->count; i++) {
            struct trial t = { .r = r, .row = &table->rows[i], .place = p };
            try_route(&t);
            s->places++;
            s->cases += t.cases;
            s->let_in += t.let_in;
            s->open += t.open;
        }
        rig_free(r);
    }
}

static void test_every_credential_on_every_route(void **state)
{
    struct sum s = { 0 };

    (void)state;
    each_table(try_table, &s);
    printf("rights: %zu routes, %zu with each hub's, x %zu credentials = %zu cases: %zu let in by "
           "right, %zu open to the wrong right\n",
           s.routes, s.places, s.cases / s.places, s.cases, s.let_in, s.open);
    assert_int_equal(s.open, 0);
    CHECK("none has gone", s.routes == ARRAY_LEN(golden));
}

/* Whatever begins otherwise is no service API: 404 for the owner of everything. */
static void test_no_other_names(void **state)
{
    static const char *const lines[] = { "GET /",          "GET /metrics",
                                         "GET /healthz",   "GET /admin",
                                         "GET /modules/x", "POST /messages/devicebound",
                                         "GET /jobs/v2",   "PUT /certificates/x" };
    struct rig *r = rig_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        CHECK(lines[i],
              rig_ask(r, &(struct rig_request){ .line = lines[i], .policy = RIG_OWNER })->why ==
                  WHY(ROUTE_UNKNOWN));
    rig_free(r);
}

static void list_table(const struct route_table *t, void *user)
{
    (void)user;
    for (size_t i = 0; i < t->count; i++)
        printf("%s %s %s %s\n", rig_methods[t->rows[i].method], t->rows[i].path,
               t->of_hub ? "hub" : "service", golden_rights(&t->rows[i]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_credential_on_every_route),
        cmocka_unit_test(test_no_other_names),
    };

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        each_table(list_table, NULL);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
