/* The command line's side of a profile and of connection strings. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cli/command.h"
#include "cli/profile.h"
#include "cli/profile_file.h"
#include "tests/unit/scratch.h"

#define KEY  "qmi/QuM4qOp6HYApLxQuKwhTF3rQZbdZHxO5CwTUA2U="
#define CS   "HostName=dps.plant.example;SharedAccessKeyName=owner;SharedAccessKey=" KEY
#define A63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64  A63 "a"
#define A253 A64 A64 A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *name, *in;
    berth_err want;
    const char *host;
    uint16_t port;
    const char *policy;
} logins[] = {
    { "usual order", CS, BERTH_OK, "dps.plant.example", 0, "owner" },
    { "any order", "SharedAccessKey=" KEY ";HostName=a;SharedAccessKeyName=b", BERTH_OK, "a", 0,
      "b" },
    { "names without regard to case", "hostname=a;SHAREDACCESSKEYNAME=b;sharedaccesskey=" KEY,
      BERTH_OK, "a", 0, "b" },
    { "a semicolon at the end", CS ";", BERTH_OK, "dps.plant.example", 0, "owner" },
    { "blanks around", " " CS " ", BERTH_OK, "dps.plant.example", 0, "owner" },
    { "a port", "HostName=a:18443;SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_OK, "a", 18443,
      "b" },
    { "an IPv6 address", "HostName=::1;SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_OK,
      "[::1]", 0, "b" },
    { "an IPv6 address and a port",
      "HostName=[::1]:8443;SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_OK, "[::1]", 8443,
      "b" },
    { "port 65535", "HostName=a:65535;SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_OK, "a",
      65535, "b" },
    { "port 65536", "HostName=a:65536;SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_E_SYNTAX,
      "", 0, "" },
    { "port 0", "HostName=a:0;SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_E_SYNTAX, "", 0,
      "" },
    { "a host of 253", "HostName=" A253 ";SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_OK,
      A253, 0, "b" },
    { "a host of 254", "HostName=a" A253 ";SharedAccessKeyName=b;SharedAccessKey=" KEY,
      BERTH_E_RANGE, "", 0, "" },
    { "a policy of 64", "HostName=a;SharedAccessKeyName=" A64 ";SharedAccessKey=" KEY, BERTH_OK,
      "a", 0, A64 },
    { "a policy of 65", "HostName=a;SharedAccessKeyName=a" A64 ";SharedAccessKey=" KEY,
      BERTH_E_RANGE, "", 0, "" },
    { "empty", "", BERTH_E_SYNTAX, "", 0, "" },
    { "no key", "HostName=a;SharedAccessKeyName=b", BERTH_E_SYNTAX, "", 0, "" },
    { "no policy", "HostName=a;SharedAccessKey=" KEY, BERTH_E_SYNTAX, "", 0, "" },
    { "no host", "SharedAccessKeyName=b;SharedAccessKey=" KEY, BERTH_E_SYNTAX, "", 0, "" },
    { "two hosts", CS ";HostName=a", BERTH_E_SYNTAX, "", 0, "" },
    { "two policies", CS ";SharedAccessKeyName=a", BERTH_E_SYNTAX, "", 0, "" },
    { "two keys", CS ";SharedAccessKey=" KEY, BERTH_E_SYNTAX, "", 0, "" },
    { "a device's", "HostName=a;DeviceId=d;SharedAccessKey=" KEY, BERTH_E_SYNTAX, "", 0, "" },
    { "an unknown field", CS ";Else=1", BERTH_E_SYNTAX, "", 0, "" },
    { "a key that is not base64", "HostName=a;SharedAccessKeyName=b;SharedAccessKey=???",
      BERTH_E_SYNTAX, "", 0, "" },
    { "a key too short", "HostName=a;SharedAccessKeyName=b;SharedAccessKey=AAAA", BERTH_E_RANGE, "",
      0, "" },
    { "a host that would be a path", "HostName=a/b;SharedAccessKeyName=b;SharedAccessKey=" KEY,
      BERTH_E_SYNTAX, "", 0, "" },
    { "a host that would be a user", "HostName=u@a;SharedAccessKeyName=b;SharedAccessKey=" KEY,
      BERTH_E_SYNTAX, "", 0, "" },
    { "a bracket left open", "HostName=[::1;SharedAccessKeyName=b;SharedAccessKey=" KEY,
      BERTH_E_SYNTAX, "", 0, "" },
    { "words after a bracket", "HostName=[::1]x;SharedAccessKeyName=b;SharedAccessKey=" KEY,
      BERTH_E_SYNTAX, "", 0, "" },
};

static void test_login(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        const char *problem = "untouched";
        struct login got;

        CHECK(logins[i].name,
              login_parse(berth_str_of(logins[i].in), &got, &problem) == logins[i].want);
        CHECK(logins[i].name, strcmp(got.host, logins[i].host) == 0);
        CHECK(logins[i].name, got.port == logins[i].port);
        CHECK(logins[i].name, strcmp(got.policy, logins[i].policy) == 0);
        CHECK(logins[i].name, got.key.n == (logins[i].want == BERTH_OK ? 32 : 0));
        CHECK(logins[i].name, (problem == NULL) == (logins[i].want == BERTH_OK));
        CHECK(logins[i].name, problem == NULL || strstr(problem, "qmi/") == NULL);
    }
}

/* A key may end after any four characters, so a prefix is a login only there. */
static void test_login_prefixes(void **state)
{
    const size_t key_at = sizeof CS - sizeof KEY;

    (void)state;
    for (size_t n = 0; n < sizeof CS - 1; n++) {
        bool whole = n >= key_at + 24 && (n - key_at) % 4 == 0;
        char *copy = malloc(n + (n == 0));
        const char *problem;
        struct login got;
        berth_err e;

        assert_non_null(copy);
        memcpy(copy, CS, n);
        e = login_parse((berth_str){ copy, n }, &got, &problem);
        free(copy);
        CHECK("a prefix", (e == BERTH_OK) == whole);
    }
}

static void test_login_bound(void **state)
{
    char text[LOGIN_TEXT_MAX + 1];
    const char *problem;
    struct login got;

    (void)state;
    memset(text, ';', sizeof text);
    memcpy(text, CS, sizeof CS - 1);
    /* Empty fields are none, so that only the length can decide. */
    CHECK("too long",
          login_parse((berth_str){ text, LOGIN_TEXT_MAX + 1 }, &got, &problem) == BERTH_E_RANGE);
    CHECK("at the bound, refused for its empty fields",
          login_parse((berth_str){ text, LOGIN_TEXT_MAX }, &got, &problem) == BERTH_E_SYNTAX);
}

#define HEAD "# Written by berth serve\n[berth]\n"
#define BODY                                                                                       \
    "host = dps.plant.example\nhttps-port = 18443\nmqtts-port = 18883\nca-file = /a b/ca.pem\n"    \
    "id-scope = 0ne8B850F73\nconnection-string = " CS "\n"

static const struct {
    const char *name, *in;
    berth_err want;
    const char *problem;
} profiles[] = {
    { "as the daemon writes it", HEAD BODY, BERTH_OK, "" },
    { "without section", BODY, BERTH_OK, "" },
    { "with carriage returns", HEAD "connection-string = " CS "\r\n", BERTH_OK, "" },
    { "a key of a newer daemon", HEAD "colour = blue\n" BODY, BERTH_OK, "" },
    { "comments and empty lines", "\n; a\n\n# b\n" BODY, BERTH_OK, "" },
    { "no line feed at the end", "connection-string=" CS, BERTH_OK, "" },
    { "empty", "", BERTH_E_SYNTAX, "it has no connection-string" },
    { "no connection string", HEAD "host = a\n", BERTH_E_SYNTAX, "it has no connection-string" },
    { "a bad port", HEAD "https-port = 65536\n", BERTH_E_RANGE, "line 3: not a valid value" },
    { "port 0", HEAD "mqtts-port = 0\n", BERTH_E_RANGE, "line 3: not a valid value" },
    { "an empty value", HEAD "ca-file =\n", BERTH_E_SYNTAX, "line 3: not a valid value" },
    { "a bad host", HEAD "host = a/b\n", BERTH_E_SYNTAX, "line 3: not a valid value" },
    { "a scope of 64", "id-scope = " A64 "\n" BODY, BERTH_OK, "" },
    { "a scope of 65", "id-scope = a" A64 "\n" BODY, BERTH_E_RANGE, "line 1: not a valid value" },
    { "a bad connection string", "connection-string = HostName=a\n", BERTH_E_SYNTAX,
      "line 1: HostName, SharedAccessKeyName or SharedAccessKey is missing" },
};

static void test_profile(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        char problem[128] = "";
        struct profile got;

        CHECK(profiles[i].name, profile_parse(berth_str_of(profiles[i].in), &got, problem,
                                              sizeof problem) == profiles[i].want);
        CHECK(profiles[i].name, strcmp(problem, profiles[i].problem) == 0);
        CHECK(profiles[i].name, got.login.key.n == (profiles[i].want == BERTH_OK ? 32 : 0));
    }
}

static void test_profile_values(void **state)
{
    char problem[128];
    struct profile got;

    (void)state;
    CHECK("whole",
          profile_parse(berth_str_of(HEAD BODY), &got, problem, sizeof problem) == BERTH_OK);
    CHECK("host", strcmp(got.host, "dps.plant.example") == 0);
    CHECK("https port", got.https_port == 18443);
    CHECK("mqtts port", got.mqtts_port == 18883);
    CHECK("ca file", strcmp(got.ca_file, "/a b/ca.pem") == 0);
    CHECK("scope", strcmp(got.id_scope, "0ne8B850F73") == 0);
    CHECK("login", strcmp(got.login.policy, "owner") == 0);

    CHECK("short", profile_parse(berth_str_of("connection-string = " CS), &got, problem,
                                 sizeof problem) == BERTH_OK);
    CHECK("the login's host", strcmp(got.host, "dps.plant.example") == 0);
    CHECK("default https port", got.https_port == 443);
    CHECK("default mqtts port", got.mqtts_port == 8883);
    CHECK("no ca file", got.ca_file[0] == '\0');
}

static const struct {
    const char *in, *want;
} words[] = {
    { "enrollment", "enrollment" },
    { "enrolment", "enrollment" },
    { "enrollmnt-grop", "enrollment-group" },
    { "hubs", "hub" },
    { "sevre", "serve" },
    { "registrations", "registration" },
    { "frobnicate", NULL },
    { "zz", NULL },
    { "", NULL },
    { A64, NULL },
};

static void test_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct command *got = command_nearest(&command_root, words[i].in);

        CHECK(words[i].in, (got == NULL) == (words[i].want == NULL));
        CHECK(words[i].in, got == NULL || strcmp(got->name, words[i].want) == 0);
    }
}

/* Root renews the daemon's own profile: the daemon and its user's backup go on reading it. */
static void test_renewed_for_its_owner(void **state)
{
    char dir[SCRATCH_PATH_MAX], text[1024];
    struct profile p = { .login = { .host = "a", .policy = "b", .key = { { 7 }, 32 } } };
    struct stat st;

    (void)state;
    if (geteuid() != 0)
        skip();
    CHECK("directory", scratch_make(dir) != NULL);
    (void)snprintf(p.path, sizeof p.path, "%s/profile.ini", dir);
    scratch_write(p.path, "[berth]\nconnection-string = old\n");
    if (chown(p.path, 65534, 65533) != 0) { /* root of a namespace with one user */
        scratch_remove(dir);
        skip();
    }
    profile_file_renew(&p);
    CHECK("renewed", strstr(scratch_read(text, sizeof text, p.path), "HostName=a;") != NULL);
    CHECK("there", stat(p.path, &st) == 0);
    CHECK("its owner", st.st_uid == 65534 && st.st_gid == 65533);
    CHECK("its mode", (st.st_mode & 07777) == 0600);
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_login_prefixes),
        cmocka_unit_test(test_login_bound),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_profile_values),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_renewed_for_its_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
