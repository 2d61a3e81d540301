/* What a throw-away service begins with: seeds good and bad, their bounds, and what a first start
 * makes of them. */
#include "berth/openssl.h"
#include "check.h"
#include "crypto/b64.h"
#include "crypto/key_pair.h"
#include "front/dev.h"
#include "ops/first_start.h"
#include "ops/seed.h"
#include "scratch.h"

#define KEY_64                                                                                     \
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define SYMMETRIC  "\"attestation\":{\"type\":\"symmetricKey\"}"
#define GROUP(id)  "{\"enrollmentGroupId\":\"" id "\"," SYMMETRIC "}"
#define SINGLE(id) "{\"registrationId\":\"" id "\"," SYMMETRIC "}"
#define SCOPE_32   "0ne00000000000000000000000000001"

static struct berth_crypto crypto;
static struct config config;
static char directory[SCRATCH_PATH_MAX], path[SCRATCH_PATH_MAX + 64], problem[1024];

static int set_up(void **state)
{
    (void)state;
    config_defaults(&config);
    (void)snprintf(config.hosts[0], sizeof config.hosts[0], "127.77.1.1");
    config.host_count = 1;
    if (scratch_make(directory) == NULL || berth_openssl_init(&crypto) != BERTH_OK)
        return -1;
    (void)scratch_path(path, directory, "seed.json");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    scratch_remove(directory);
    return 0;
}

static berth_err open_text(struct seed *s, const char *text)
{
    scratch_write(path, text);
    problem[0] = '\0';
    return seed_open(s, path, &config, &crypto, problem, sizeof problem);
}

static const struct berth_record *find(const struct seed *s, enum berth_kind kind, const char *key)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->records[i]->kind == kind && berth_str_eq(s->records[i]->key, berth_str_of(key)))
            return s->records[i];
    return NULL;
}

static void test_defaults(void **state)
{
    static const char *const texts[] = { "", "{}", "{\"enrollments\":[],\"faults\":[]}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct seed s;
        struct berth_key key;
        berth_err e = i == 0 /* no file */
                          ? seed_open(&s, NULL, &config, &crypto, problem, sizeof problem)
                          : open_text(&s, texts[i]);

        assert_int_equal(e, BERTH_OK);
        assert_string_equal(s.id_scope, "0ne00000DEV");
        assert_string_equal(s.group_id, "mylegacydevices");
        assert_int_equal(berth_key_decode(BERTH_STR(KEY_64), &key), BERTH_OK);
        assert_int_equal(s.group_keys.primary.n, key.n);
        assert_memory_equal(s.group_keys.primary.bytes, key.bytes, key.n);
        assert_int_equal(s.group_keys.secondary.n, 64);
        assert_int_equal(s.count, 1);
        assert_int_equal(s.service_key.n, 32);
        assert_memory_not_equal(s.service_key.bytes, s.hub_key.bytes, 32);
        seed_close(&s, &crypto);
        seed_close(&s, &crypto);
    }
}

static void test_whole(void **state)
{
    struct seed s;

    (void)state;
    assert_int_equal(
        open_text(
            &s, "{\"idScope\":\"" SCOPE_32 "\",\"enrollmentGroups\":[" GROUP("Line-1") "," GROUP(
                    "line-2") "],\"enrollments\":[" SINGLE("Pump") "],\"hubs\":[{\"hostName\":"
                                                                   "\"Hub.Example\"}],"
                                                                   "\"faults\":[\"sn-1:refuse\"]}"),
        BERTH_OK);
    assert_string_equal(s.id_scope, SCOPE_32);
    assert_string_equal(s.group_id, "Line-1");
    assert_int_equal(s.group_keys.primary.n, 64); /* made */
    assert_memory_not_equal(s.group_keys.primary.bytes, s.group_keys.secondary.bytes, 64);
    assert_non_null(find(&s, BERTH_KIND_GROUP, "line-1"));
    assert_non_null(find(&s, BERTH_KIND_GROUP, "line-2"));
    assert_non_null(find(&s, BERTH_KIND_ENROLLMENT, "pump"));
    assert_non_null(find(&s, BERTH_KIND_HUB, "hub.example"));
    assert_int_equal(s.dev->count, 1);
    seed_close(&s, &crypto);
}

static const struct {
    const char *name, *text, *words;
} bad[] = {
    { "empty", "", "not JSON in line 1" },
    { "cut", "{\n\"idScope\":\n", "not JSON in line 3" },
    { "no object", "[]", "not a JSON object" },
    { "unknown member", "{\"groups\":[]}", "no member \"groups\"" },
    { "scope too long", "{\"idScope\":\"" SCOPE_32 "x\"}", "idScope must be 1 to 32" },
    { "scope empty", "{\"idScope\":\"\"}", "idScope must be 1 to 32" },
    { "scope of other letters", "{\"idScope\":\"0ne-1\"}", "idScope must be 1 to 32" },
    { "groups no array", "{\"enrollmentGroups\":{}}", "enrollmentGroups must be an array" },
    { "group without ID", "{\"enrollmentGroups\":[{}]}",
      "enrollmentGroups[0]: enrollmentGroupId is missing" },
    { "group no object", "{\"enrollmentGroups\":[1]}",
      "enrollmentGroups[0]: enrollmentGroupId is" },
    { "second group bad", "{\"enrollmentGroups\":[" GROUP("a") ",{\"enrollmentGroupId\":\"b\"}]}",
      "enrollmentGroups[1]: attestation is missing" },
    { "ID against the rules", "{\"enrollments\":[" SINGLE("a b") "]}",
      "enrollments[0]: registrationId has a character" },
    { "twice", "{\"enrollments\":[" SINGLE("a") "," SINGLE("A") "]}",
      "enrollments[1]: A stands there twice" },
    { "hub without name", "{\"hubs\":[{}]}", "hubs[0]: hostName is missing" },
    { "hub without a dot", "{\"hubs\":[{\"hostName\":\"hub\"}]}", "hubs[0]: hostName must be" },
    { "hub with a NUL", "{\"hubs\":[{\"hostName\":\"a.b\\u0000c\"}]}",
      "hubs[0]: hostName must be" },
    { "hub too heavy", "{\"hubs\":[{\"hostName\":\"a.b\",\"allocationWeight\":1001}]}",
      "hubs[0]: allocationWeight must be a number from 1 to 1000" },
    { "fault no text", "{\"faults\":[1]}", "faults[0]: a fault is a string" },
    { "fault unknown", "{\"faults\":[\"a:b\"]}", "faults[0]: \"a:b\": the kinds are" },
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct seed s;

        CHECK(bad[i].name, open_text(&s, bad[i].text) != BERTH_OK);
        if (strstr(problem, bad[i].words) == NULL || strstr(problem, path) != problem)
            fail_msg("%s: %s", bad[i].name, problem);
    }
}

/* As many as the service API lets be made, with the service's own. */
static void test_hubs(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        char text[8192] = "{\"hubs\":[";
        struct seed s;

        for (int i = 0; i < BERTH_ENROLLMENT_HUBS_MAX - 1 + over; i++)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                           "%s{\"hostName\":\"h%d.example\"}", i > 0 ? "," : "", i);
        (void)strcat(text, "]}");
        CHECK("as many", (open_text(&s, text) == BERTH_OK) == (over == 0));
        if (over == 0)
            seed_close(&s, &crypto);
        else
            assert_non_null(strstr(problem, "hubs[49]: there can be 50 hubs"));
    }
}

/* TEXT with so many blanks behind it. */
static void write_padded(const char *text, size_t size)
{
    char *whole = malloc(size + 1);

    assert_non_null(whole);
    memset(whole, ' ', size);
    memcpy(whole, text, strlen(text));
    whole[size] = '\0';
    scratch_write(path, whole);
    free(whole);
}

static void test_file_size(void **state)
{
    struct seed s;

    (void)state;
    write_padded("{}", SEED_FILE_MAX);
    assert_int_equal(seed_open(&s, path, &config, &crypto, problem, sizeof problem), BERTH_OK);
    seed_close(&s, &crypto);
    write_padded("{}", SEED_FILE_MAX + 1);
    assert_int_equal(seed_open(&s, path, &config, &crypto, problem, sizeof problem), BERTH_E_FULL);
    assert_non_null(strstr(problem, "longer than"));
    (void)unlink(path);
    assert_int_equal(seed_open(&s, path, &config, &crypto, problem, sizeof problem),
                     BERTH_E_NOT_FOUND);
}

/* With COUNT enrollments and no group. */
static berth_err open_many(struct seed *s, size_t count)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    (void)fputs("{\"enrollmentGroups\":[],\"enrollments\":[", f);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(f, "%s{\"registrationId\":\"d%zu\"," SYMMETRIC "}", i > 0 ? "," : "", i);
    (void)fputs("]}", f);
    assert_int_equal(fclose(f), 0);
    return seed_open(s, path, &config, &crypto, problem, sizeof problem);
}

static void test_record_count(void **state)
{
    struct seed s;

    (void)state;
    assert_int_equal(open_many(&s, SEED_RECORDS_MAX), BERTH_OK);
    assert_int_equal(s.count, SEED_RECORDS_MAX);
    assert_string_equal(s.group_id, "");
    seed_close(&s, &crypto);
    assert_int_equal(open_many(&s, SEED_RECORDS_MAX + 1), BERTH_E_FULL);
    assert_non_null(strstr(problem, "enrollments[4096]: there can be 4096 records"));
}

/* The first records carry what the seed has fixed. */
static void test_first_start(void **state)
{
    static unsigned char storage[FIRST_START_ARENA_SIZE];
    struct berth_change changes[FIRST_START_CHANGES_MAX];
    struct berth_arena a;
    struct seed s;
    size_t count, scopes = 0, owners = 0;

    (void)state;
    assert_int_equal(open_text(&s, "{\"idScope\":\"" SCOPE_32 "\"}"), BERTH_OK);
    berth_arena_init(&a, storage, sizeof storage);
    assert_int_equal(first_start_changes(&config, &crypto, &s, &a, changes, &count), BERTH_OK);
    for (size_t i = 0; i < count; i++) {
        const struct berth_record *rec = &changes[i].rec;
        const struct berth_key *key =
            berth_str_eq(rec->key, BERTH_STR("iothubowner")) ? &s.hub_key : &s.service_key;
        struct berth_key_pair keys;

        scopes += rec->kind == BERTH_KIND_SETTING && berth_str_eq(rec->name, BERTH_STR(SCOPE_32));
        if (rec->kind != BERTH_KIND_POLICY || !berth_str_ends(rec->key, BERTH_STR("owner")))
            continue;
        assert_int_equal(berth_key_pair_decode(rec->secret, &keys), BERTH_OK);
        assert_memory_equal(keys.primary.bytes, key->bytes, key->n);
        owners++;
    }
    assert_int_equal(scopes, 1);
    assert_int_equal(owners, 2);
    seed_close(&s, &crypto);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_whole),
        cmocka_unit_test(test_bad),         cmocka_unit_test(test_hubs),
        cmocka_unit_test(test_file_size),   cmocka_unit_test(test_record_count),
        cmocka_unit_test(test_first_start),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
