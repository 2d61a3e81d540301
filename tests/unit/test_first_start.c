#include <sys/stat.h>

#include "auth/policy.h"
#include "berth/openssl.h"
#include "check.h"
#include "failing_crypto.h"
#include "front/catalog.h"
#include "ops/first_start.h"
#include "scratch.h"

static char directory[SCRATCH_PATH_MAX];
static char problem[1024];
static struct berth_crypto crypto;

static int make_directory(void **state)
{
    (void)state;
    return scratch_make(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    scratch_remove(directory);
    return 0;
}

static int start_crypto(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int end_crypto(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

static bool is_mode(const char *path, mode_t mode)
{
    struct stat is;

    return stat(path, &is) == 0 && S_ISDIR(is.st_mode) && (is.st_mode & 0777) == mode;
}

static void test_directory_tree(void **state)
{
    char data[SCRATCH_PATH_MAX + 64], path[2 * SCRATCH_PATH_MAX];

    (void)state;
    scratch_path(data, directory, "a/b/data");
    for (int turn = 0; turn < 2; turn++)
        assert_int_equal(first_start_directory(data, problem, sizeof problem), BERTH_OK);
    assert_true(is_mode(data, 0700));
    (void)snprintf(path, sizeof path, "%s/tls", data);
    assert_true(is_mode(path, 0700));
}

/* Started once by root, it would write the keys wherever the data directory's user says. */
static void test_tls_is_no_link(void **state)
{
    char other[SCRATCH_PATH_MAX + 64], tls[SCRATCH_PATH_MAX + 64];

    (void)state;
    assert_int_equal(mkdir(scratch_path(other, directory, "other"), 0700), 0);
    assert_int_equal(symlink(other, scratch_path(tls, directory, "tls")), 0);
    assert_int_equal(first_start_directory(directory, problem, sizeof problem), BERTH_E_IO);
    assert_non_null(strstr(problem, "/tls is a link; put the directory itself there"));
}

static void test_directory_with_slash(void **state)
{
    char data[SCRATCH_PATH_MAX + 64];

    (void)state;
    scratch_path(data, directory, "a//data/");
    assert_int_equal(first_start_directory(data, problem, sizeof problem), BERTH_OK);
}

static void test_present_directory_keeps_its_mode(void **state)
{
    (void)state;
    assert_int_equal(chmod(directory, 0750), 0);
    assert_int_equal(first_start_directory(directory, problem, sizeof problem), BERTH_OK);
    assert_true(is_mode(directory, 0750));
}

static void test_directory_problems(void **state)
{
    char path[SCRATCH_PATH_MAX + 64], deep[SCRATCH_PATH_MAX + 64];
    char longest[FILE_PATH_MAX + 1];

    (void)state;
    scratch_write(scratch_path(path, directory, "file"), "");
    assert_int_equal(first_start_directory(path, problem, sizeof problem), BERTH_E_IO);
    assert_non_null(strstr(problem, "is not a directory; give another with data-dir"));
    scratch_path(deep, directory, "file/data");
    assert_int_equal(first_start_directory(deep, problem, sizeof problem), BERTH_E_IO);
    assert_non_null(strstr(problem, "file/data: Not a directory"));
    assert_int_equal(chmod(directory, 0777), 0);
    assert_int_equal(first_start_directory(directory, problem, sizeof problem), BERTH_E_IO);
    assert_non_null(strstr(problem, "can be written by every user"));
    memset(longest, 'x', sizeof longest);
    longest[FILE_PATH_MAX] = '\0';
    assert_int_equal(first_start_directory(longest, problem, sizeof problem), BERTH_E_IO);
    assert_non_null(strstr(problem, "File name too long"));
}

/* What first_start_changes came to. */
struct outcome {
    unsigned char storage[FIRST_START_ARENA_SIZE];
    struct berth_change changes[FIRST_START_CHANGES_MAX];
    size_t count;
};

static berth_err decide_with(struct outcome *o, size_t room, const struct berth_crypto *c)
{
    struct config config;
    struct berth_arena a;

    config_defaults(&config);
    (void)snprintf(config.hosts[0], sizeof config.hosts[0], "DPS.Example.org");
    config.host_count = 1;
    berth_arena_init(&a, o->storage, room);
    return first_start_changes(&config, c, NULL, &a, o->changes, &o->count);
}

static berth_err decide(struct outcome *o, size_t room)
{
    return decide_with(o, room, &crypto);
}

static const struct berth_record *find(const struct outcome *o, enum berth_kind kind,
                                       const char *scope, const char *key)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct berth_record *rec = &o->changes[i].rec;

        if (rec->kind == kind && berth_str_eq(rec->scope, berth_str_of(scope)) &&
            berth_str_eq(rec->key, berth_str_of(key)))
            return rec;
    }
    return NULL;
}

static bool is_id_scope(berth_str s)
{
    if (s.n != 11 || !berth_str_skip(&s, BERTH_STR("0ne")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (strchr("0123456789ABCDEF", s.p[i]) == NULL)
            return false;
    return true;
}

static void test_changes(void **state)
{
    static struct outcome o;
    const struct berth_record *rec;

    (void)state;
    assert_int_equal(decide(&o, sizeof o.storage), BERTH_OK);
    assert_int_equal(o.count, 8);
    for (size_t i = 0; i < o.count; i++)
        CHECK("only where nothing is",
              o.changes[i].type == BERTH_PUT && o.changes[i].expect == BERTH_ABSENT);
    rec = find(&o, BERTH_KIND_SETTING, "", SETTING_ID_SCOPE);
    CHECK("ID scope", rec != NULL && is_id_scope(rec->name));
    CHECK("ID scope", berth_str_eq(rec->body, BERTH_STR("{}")));
    rec = find(&o, BERTH_KIND_HUB, "", "dps.example.org");
    CHECK("hub", rec != NULL && berth_str_eq(rec->name, rec->key));
    CHECK("hub", berth_str_eq(rec->body, BERTH_STR("{\"weight\":1,\"allocation\":true}")));
}

static void check_policy(const struct outcome *o, const char *hub,
                         const struct berth_policy_default *d)
{
    static unsigned char storage[4096];
    const struct berth_record *rec = find(o, BERTH_KIND_POLICY, hub, d->name);
    struct berth_arena a;
    struct berth_policy p;

    CHECK(d->name, rec != NULL);
    berth_arena_init(&a, storage, sizeof storage);
    CHECK(d->name, berth_policy_decode(rec, &a, &p) == BERTH_OK);
    CHECK(d->name, p.rights == d->rights && berth_str_eq(p.hub, berth_str_of(hub)));
    CHECK(d->name, p.keys.primary.n == 32 && p.keys.secondary.n == 32);
    CHECK(d->name, memcmp(p.keys.primary.bytes, p.keys.secondary.bytes, 32) != 0);
}

static void test_policies(void **state)
{
    static struct outcome o, other;

    (void)state;
    assert_int_equal(decide(&o, sizeof o.storage), BERTH_OK);
    assert_int_equal(decide(&other, sizeof other.storage), BERTH_OK);
    for (const struct berth_policy_default *d = berth_service_policies; d->name != NULL; d++)
        check_policy(&o, "", d);
    for (const struct berth_policy_default *d = berth_hub_policies; d->name != NULL; d++)
        check_policy(&o, "dps.example.org", d);
    for (size_t i = 0; i < o.count; i++)
        for (size_t k = 0; k < other.count; k++)
            CHECK("no key is used twice",
                  o.changes[i].rec.secret.n == 0 ||
                      !berth_str_eq(o.changes[i].rec.secret, other.changes[k].rec.secret));
    CHECK("ID scopes differ",
          !berth_str_eq(find(&o, BERTH_KIND_SETTING, "", "id-scope")->name,
                        find(&other, BERTH_KIND_SETTING, "", "id-scope")->name));
}

/* From no room at all up to what is enough: E_FULL, never a part of the service. */
static void test_every_smaller_arena(void **state)
{
    static struct outcome o;
    size_t enough = 0;

    (void)state;
    for (size_t room = 0; room < sizeof o.storage && enough == 0; room += 8) {
        berth_err e = decide(&o, room);

        if (e == BERTH_OK)
            enough = room;
        else
            assert_true(e == BERTH_E_FULL && o.count == 0);
    }
    assert_true(enough > 0 && enough < FIRST_START_ARENA_SIZE);
}

/* No service is begun with a key that is not random, and none stays on the stack. */
static void test_every_failure_of_randomness(void **state)
{
    static struct outcome o;
    struct failing_crypto f;
    size_t calls;

    (void)state;
    failing_crypto_init(&f, &crypto, 0);
    assert_int_equal(decide_with(&o, sizeof o.storage, &f.seam), BERTH_OK);
    assert_int_equal(f.wiped, 6 * sizeof(struct berth_key_pair));
    calls = f.calls;
    assert_int_equal(calls, 1 + 6 * 2);
    for (size_t i = 1; i <= calls; i++) {
        failing_crypto_init(&f, &crypto, i);
        assert_int_equal(decide_with(&o, sizeof o.storage, &f.seam), BERTH_E_CRYPTO);
        assert_int_equal(o.count, 0);
        assert_int_equal(f.wiped, i / 2 * sizeof(struct berth_key_pair));
    }
}

static struct first_start_profile profile_of(const struct berth_key *key)
{
    return (struct first_start_profile){ .host = BERTH_STR("dps.example.org"),
                                         .https_port = 8443,
                                         .mqtts_port = 8883,
                                         .ca_file = "/d/tls/ca.pem",
                                         .id_scope = BERTH_STR("0ne0000000A"),
                                         .policy = BERTH_STR("provisioningserviceowner"),
                                         .key = key };
}

static berth_err write_profile(const struct first_start_profile *p)
{
    return first_start_write_profile(directory, p, problem, sizeof problem);
}

static void test_profile(void **state)
{
    const struct berth_key key = { .n = 32 };
    struct first_start_profile p = profile_of(&key);
    char path[SCRATCH_PATH_MAX + 64], text[4096];
    struct stat is;

    (void)state;
    assert_int_equal(write_profile(&p), BERTH_OK);
    scratch_path(path, directory, "profile.ini");
    assert_string_equal(
        scratch_read(text, sizeof text, path),
        "# Written by berth serve, for the command line. Holds the key of a service policy.\n"
        "[berth]\n"
        "host = dps.example.org\n"
        "https-port = 8443\n"
        "mqtts-port = 8883\n"
        "ca-file = /d/tls/ca.pem\n"
        "id-scope = 0ne0000000A\n"
        "connection-string = HostName=dps.example.org;SharedAccessKeyName="
        "provisioningserviceowner;SharedAccessKey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
}

static void test_profile_is_rewritten_when_it_differs(void **state)
{
    const struct berth_key key = { .n = 32 };
    struct first_start_profile p = profile_of(&key);
    char path[SCRATCH_PATH_MAX + 64], text[4096];
    struct stat first, second;

    (void)state;
    scratch_path(path, directory, "profile.ini");
    assert_int_equal(write_profile(&p), BERTH_OK);
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(write_profile(&p), BERTH_OK);
    assert_int_equal(stat(path, &second), 0);
    assert_true(first.st_ino == second.st_ino);
    assert_memory_equal(&first.st_mtim, &second.st_mtim, sizeof first.st_mtim);
    p.https_port = 443;
    assert_int_equal(write_profile(&p), BERTH_OK);
    assert_non_null(strstr(scratch_read(text, sizeof text, path), "https-port = 443\n"));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(write_profile(&p), BERTH_OK);
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(second.st_mode & 0777, 0600);
}

static void test_profile_problem_tells_no_key(void **state)
{
    const struct berth_key key = { .n = 32 };
    struct first_start_profile p = profile_of(&key);

    (void)state;
    assert_int_equal(first_start_write_profile("/nowhere", &p, problem, sizeof problem),
                     BERTH_E_IO);
    assert_non_null(strstr(problem, "/nowhere/profile.ini: No such file"));
    assert_null(strstr(problem, "AAAA"));
}

#define IN_DIRECTORY(t) cmocka_unit_test_setup_teardown(t, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_directory_tree),
        IN_DIRECTORY(test_directory_with_slash),
        IN_DIRECTORY(test_tls_is_no_link),
        IN_DIRECTORY(test_present_directory_keeps_its_mode),
        IN_DIRECTORY(test_directory_problems),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_every_smaller_arena),
        cmocka_unit_test(test_every_failure_of_randomness),
        IN_DIRECTORY(test_profile),
        IN_DIRECTORY(test_profile_is_rewritten_when_it_differs),
        IN_DIRECTORY(test_profile_problem_tells_no_key),
    };

    return cmocka_run_group_tests(tests, start_crypto, end_crypto);
}
