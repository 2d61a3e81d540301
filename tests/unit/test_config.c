#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ops/config_table.h"
#include "scratch.h"

static char directory[SCRATCH_PATH_MAX];
static char problem[1024];

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

static berth_err read_text(struct config *c, const char *text)
{
    char path[SCRATCH_PATH_MAX + 64];

    scratch_write(scratch_path(path, directory, "berth.conf"), text);
    config_defaults(c);
    problem[0] = '\0';
    return config_read_file(c, path, problem, sizeof problem);
}

static const struct {
    const char *name, *key, *value;
    berth_err want;
    const char *words; /* in the problem */
} values[] = {
    { "lowest port", "https-port", "0", BERTH_OK, "" },
    { "highest port", "https-port", "65535", BERTH_OK, "" },
    { "port beyond", "https-port", "65536", BERTH_E_RANGE, "not in 0 to 65535" },
    { "a huge number", "https-port", "99999999999999999999", BERTH_E_RANGE, "not in 0 to 65535" },
    { "negative", "https-port", "-1", BERTH_E_SYNTAX, "not a whole number" },
    { "with a unit", "https-port", "443s", BERTH_E_SYNTAX, "https-port = 443s: not a whole" },
    { "empty number", "https-port", "", BERTH_E_SYNTAX, "not a whole number" },
    { "most loops", "loops", "64", BERTH_OK, "" },
    { "a loop more", "loops", "65", BERTH_E_RANGE, "0 to 64" },
    { "most connections", "connections-max", "10000000", BERTH_OK, "" },
    { "a connection more", "connections-max", "10000001", BERTH_E_RANGE, "0 to 10000000" },
    { "highest rate", "device-requests-per-min", "1000000", BERTH_OK, "" },
    { "beyond it", "device-requests-per-min", "1000001", BERTH_E_RANGE, "0 to 1000000" },
    { "no limit", "peer-failures-per-min", "0", BERTH_OK, "" },
    { "a level", "log-level", "debug", BERTH_OK, "" },
    { "no level", "log-level", "verbose", BERTH_E_SYNTAX, "not one of error warning" },
    { "a part of a word", "log-format", "jso", BERTH_E_SYNTAX, "not one of json text auto" },
    { "no word", "log-format", "", BERTH_E_SYNTAX, "not one of" },
    { "two words", "log-format", "json text", BERTH_E_SYNTAX, "not one of" },
    { "IPv6", "ops-listen", "::1", BERTH_OK, "" },
    { "no address", "ops-listen", "localhost", BERTH_E_SYNTAX, "not an IP address" },
    { "two addresses", "listen", "0.0.0.0, ::", BERTH_OK, "" },
    { "a name to listen on", "listen", "example.org", BERTH_E_SYNTAX, "not an IP address" },
    { "names and addresses", "hostname", "dps.example.org,192.0.2.1,::1,a_b", BERTH_OK, "" },
    { "empty list", "hostname", "", BERTH_E_SYNTAX, "empty" },
    { "empty entry", "hostname", "a,,b", BERTH_E_SYNTAX, "\"\" is not a host name" },
    { "trailing dot", "hostname", "a.", BERTH_E_SYNTAX, "not a host name" },
    { "leading hyphen", "hostname", "-a", BERTH_E_SYNTAX, "not a host name" },
    { "with a port", "hostname", "a:443", BERTH_E_SYNTAX, "not a host name" },
    { "with a scheme", "hostname", "https://a", BERTH_E_SYNTAX, "not a host name" },
    { "wildcard", "hostname", "*.a", BERTH_E_SYNTAX, "not a host name" },
    { "unknown, near one", "http-port", "1", BERTH_E_NOT_FOUND, "did you mean https-port?" },
    { "unknown, two slips", "mqtt-prt", "1", BERTH_E_NOT_FOUND, "unknown key \"mqtt-prt\"" },
    { "unknown, near none", "colour", "1", BERTH_E_NOT_FOUND, "unknown key \"colour\"" },
    { "underscores", "log_level", "info", BERTH_E_NOT_FOUND, "did you mean log-level?" },
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct config before, after;

        config_defaults(&before);
        after = before;
        problem[0] = '\0';
        CHECK(values[i].name, config_set(&after, values[i].key, values[i].value, problem,
                                         sizeof problem) == values[i].want);
        CHECK(values[i].name, strstr(problem, values[i].words) != NULL);
        CHECK(values[i].name, (values[i].want == BERTH_OK) == (problem[0] == '\0'));
        CHECK(values[i].name,
              values[i].want == BERTH_OK || memcmp(&before, &after, sizeof before) == 0);
    }
}

static void test_text_bounds(void **state)
{
    char text[CONFIG_TEXT_MAX + 1], name[260];
    struct config c;

    (void)state;
    config_defaults(&c);
    memset(text, 'd', sizeof text);
    text[CONFIG_TEXT_MAX - 1] = '\0';
    assert_int_equal(config_set(&c, "data-dir", text, problem, sizeof problem), BERTH_OK);
    assert_string_equal(c.data_dir, text);
    text[CONFIG_TEXT_MAX - 1] = 'd';
    text[CONFIG_TEXT_MAX] = '\0';
    assert_int_equal(config_set(&c, "data-dir", text, problem, sizeof problem), BERTH_E_RANGE);

    memset(name, 'n', sizeof name);
    name[63] = name[127] = name[191] = '.';
    name[253] = '\0';
    assert_int_equal(config_set(&c, "hostname", name, problem, sizeof problem), BERTH_OK);
    name[253] = 'n';
    name[254] = '\0';
    assert_int_equal(config_set(&c, "hostname", name, problem, sizeof problem), BERTH_E_SYNTAX);
    name[254] = 'n';
    name[256] = '\0';
    assert_int_equal(config_set(&c, "hostname", name, problem, sizeof problem), BERTH_E_SYNTAX);
    name[63] = 'n';
    name[64] = '\0';
    assert_int_equal(config_set(&c, "hostname", name, problem, sizeof problem), BERTH_E_SYNTAX);
}

static void test_list(void **state)
{
    struct config c;

    (void)state;
    config_defaults(&c);
    assert_int_equal(config_set(&c, "hostname", "A.Example , b,a.example", problem, sizeof problem),
                     BERTH_OK);
    assert_int_equal(c.host_count, 2);
    assert_string_equal(c.hosts[0], "a.example");
    assert_string_equal(c.hosts[1], "b");
    assert_int_equal(config_set(&c, "hostname", "c", problem, sizeof problem), BERTH_OK);
    assert_int_equal(c.host_count, 1);
    assert_string_equal(c.hosts[0], "c");
    assert_int_equal(
        config_set(&c, "hostname", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", problem, sizeof problem),
        BERTH_OK);
    assert_int_equal(c.host_count, CONFIG_HOSTS_MAX);
    assert_int_equal(
        config_set(&c, "hostname", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", problem, sizeof problem),
        BERTH_E_RANGE);
    assert_int_equal(
        config_set(&c, "listen", "::,::1,::2,::3,::4,::5,::6,::7", problem, sizeof problem),
        BERTH_OK);
    assert_int_equal(c.listen_count, CONFIG_LISTEN_MAX);
    assert_int_equal(
        config_set(&c, "listen", "::,::1,::2,::3,::4,::5,::6,::7,::8", problem, sizeof problem),
        BERTH_E_RANGE);
}

#define X10  "xxxxxxxxxx"
#define X190 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct {
    const char *name, *text;
    const char *words; /* after "PATH:"; NULL: good */
} files[] = {
    { "empty", "", NULL },
    { "without a section", "https-port = 8443\n", NULL },
    { "in the section", "# c\n[berth]\nhttps-port=8443 ; why\n", NULL },
    { "without a last line feed", "https-port=8443", NULL },
    { "a list over lines", "hostname = a,\n  b\nhostname = c\n", NULL },
    { "the longest line", "a=\nkey-file=" X190 "\n", "1: unknown key \"a\"" },
    { "a line of 198 bytes", "key-file=/" X190 "\n", "1: longer than 198" },
    { "unknown key", "\n\nhttp-port = 1\n", "3: unknown key \"http-port\"; did you mean https" },
    { "unknown section", "[server]\nhttps-port = 1\n", "2: unknown section" },
    { "bad value", "https-port = x\n", "1: https-port = x: not a whole number" },
    { "no value", "https-port\n", "1: neither" },
    { "open bracket", "loops = 1\n[berth\n", "2: neither" },
    { "given twice", "loops = 1\nloops = 2\n", "2: given twice" },
    { "the first problem wins", "nonsense\nloops = x\n", "1: neither" },
    { "also when it is ours", "loops = x\nnonsense\n", "1: loops = x" },
};

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct config c, untouched;
        berth_err e = read_text(&c, files[i].text);
        const char *words = strstr(problem, "berth.conf:");

        if (files[i].words == NULL) {
            CHECK(files[i].name, e == BERTH_OK);
            continue;
        }
        config_defaults(&untouched);
        CHECK(files[i].name, e == BERTH_E_SYNTAX && words != NULL);
        words += strlen("berth.conf:");
        CHECK(files[i].name, strncmp(words, files[i].words, strlen(files[i].words)) == 0);
        CHECK(files[i].name, memcmp(&c, &untouched, sizeof c) == 0);
    }
}

static void test_file_content(void **state)
{
    struct config c;

    (void)state;
    assert_int_equal(read_text(&c, "hostname = A,\n  b\nhostname = c\nhttps-port=8443 ; why\n"),
                     BERTH_OK);
    assert_int_equal(c.https_port, 8443);
    assert_int_equal(c.mqtts_port, 8883);
    assert_int_equal(c.host_count, 3);
    assert_string_equal(c.hosts[2], "c");
    assert_int_equal(config_read_file(&c, "/nowhere/berth.conf", problem, sizeof problem),
                     BERTH_E_NOT_FOUND);
    assert_int_equal(config_read_file(&c, directory, problem, sizeof problem), BERTH_E_IO);
}

static void test_line_bound(void **state)
{
    char text[300];
    struct config c;

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text, "key-file=", 9);
    memcpy(text + CONFIG_LINE_MAX, "\nloops=3\n", 10);
    assert_int_equal(read_text(&c, text), BERTH_OK);
    assert_int_equal(strlen(c.key_file), CONFIG_LINE_MAX - 9);
    assert_int_equal(c.loops, 3);
    memset(text + CONFIG_LINE_MAX, 'x', 10);
    memcpy(text + CONFIG_LINE_MAX + 1, "\nloops=3\n", 10);
    assert_int_equal(read_text(&c, text), BERTH_E_SYNTAX);
    assert_non_null(strstr(problem, ":1: longer than 198 bytes"));
}

static const struct {
    const char *name, *variable, *value;
    berth_err want;
    const char *words;
} variables[] = {
    { "a key", "BERTH_HTTPS_PORT", "8443", BERTH_OK, "" },
    { "bad value", "BERTH_HTTPS_PORT", "x", BERTH_E_SYNTAX, "environment BERTH_HTTPS_PORT: https" },
    { "misspelt", "BERTH_HTTP_PORT", "1", BERTH_E_NOT_FOUND, "did you mean https-port?" },
    { "somebody else's", "BERTH_SERVICE_HOST", "10.0.0.1", BERTH_OK, "" },
    { "somebody else's", "BERTH_PORT_443_TCP_ADDR", "10.0.0.1", BERTH_OK, "" },
    { "another prefix", "BERTHS_HTTP_PORT", "x", BERTH_OK, "" },
    { "nothing but the prefix", "BERTH_", "x", BERTH_OK, "" },
};

static void test_environment(void **state)
{
    struct config c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        config_defaults(&c);
        problem[0] = '\0';
        (void)setenv(variables[i].variable, variables[i].value, 1);
        CHECK(variables[i].name,
              config_read_environment(&c, problem, sizeof problem) == variables[i].want);
        CHECK(variables[i].name, strstr(problem, variables[i].words) != NULL);
        CHECK(variables[i].name, c.https_port == (i == 0 ? 8443 : 443));
        (void)unsetenv(variables[i].variable);
    }
}

static void test_switches(void **state)
{
    struct config c;

    (void)state;
    config_defaults(&c);
    (void)setenv("BERTH_TEST_ANSWER_BEFORE_COMMIT", "1", 1);
    (void)setenv("BERTH_BENCH_BARE_TLS", "1", 1);
    (void)setenv("BERTH_TEST_DUMPABLE", "0", 1);
    assert_int_equal(config_read_environment(&c, problem, sizeof problem), BERTH_OK);
    assert_true(c.unsafe_answer_before_commit && c.bare_tls && !c.dumpable);
    assert_int_equal(config_set(&c, "test-answer-before-commit", "1", problem, sizeof problem),
                     BERTH_E_NOT_FOUND);
    (void)unsetenv("BERTH_TEST_ANSWER_BEFORE_COMMIT");
    (void)unsetenv("BERTH_BENCH_BARE_TLS");
    (void)unsetenv("BERTH_TEST_DUMPABLE");
}

static void test_finish(void **state)
{
    struct config c;

    (void)state;
    config_defaults(&c);
    (void)setenv("STATE_DIRECTORY", "/var/lib/elsewhere", 1);
    assert_int_equal(config_finish(&c, problem, sizeof problem), BERTH_OK);
    assert_string_equal(c.data_dir, "/var/lib/elsewhere");
    assert_string_equal(c.key_file, "/var/lib/elsewhere/store.key");
    assert_true(c.host_count >= 2 && c.listen_count == 1);
    assert_true(c.loops >= 1 && c.loops <= 8);
    for (unsigned cores = 1; cores <= 9; cores++)
        assert_int_equal(config_default_loops(cores), cores <= 8 ? cores : 8);
    (void)unsetenv("STATE_DIRECTORY");
}

static void test_finish_keeps_what_was_given(void **state)
{
    struct config c;

    (void)state;
    config_defaults(&c);
    (void)setenv("STATE_DIRECTORY", "/var/lib/elsewhere", 1);
    assert_int_equal(config_set(&c, "data-dir", "d", problem, sizeof problem), BERTH_OK);
    assert_int_equal(config_set(&c, "hostname", "h", problem, sizeof problem), BERTH_OK);
    assert_int_equal(config_set(&c, "listen", "127.0.0.1", problem, sizeof problem), BERTH_OK);
    assert_int_equal(config_set(&c, "loops", "33", problem, sizeof problem), BERTH_OK);
    assert_int_equal(config_finish(&c, problem, sizeof problem), BERTH_OK);
    assert_string_equal(c.data_dir, "d");
    assert_string_equal(c.key_file, "d/store.key");
    assert_int_equal(c.host_count, 1);
    assert_string_equal(c.listen[0], "127.0.0.1");
    assert_int_equal(c.loops, 33);
    (void)unsetenv("STATE_DIRECTORY");
}

static void test_key_file_as_credential(void **state)
{
    char path[SCRATCH_PATH_MAX + 64];
    struct config c;

    (void)state;
    (void)setenv("CREDENTIALS_DIRECTORY", directory, 1);
    config_defaults(&c);
    (void)snprintf(c.data_dir, sizeof c.data_dir, "d");
    assert_int_equal(config_finish(&c, problem, sizeof problem), BERTH_OK);
    assert_string_equal(c.key_file, "d/store.key");
    scratch_write(scratch_path(path, directory, "store.key"), "k");
    c.key_file[0] = '\0';
    assert_int_equal(config_finish(&c, problem, sizeof problem), BERTH_OK);
    assert_string_equal(c.key_file, path);
    (void)unsetenv("CREDENTIALS_DIRECTORY");
}

static const struct {
    const char *name;
    uint16_t https, mqtts, ops;
    const char *words; /* NULL: good */
} ports[] = {
    { "all different", 1, 2, 3, NULL },
    { "any free ones", 0, 0, 0, NULL },
    { "https and mqtts", 1, 1, 3, "https-port and mqtts-port are the same" },
    { "ops and https", 1, 2, 1, "ops-port and https-port" },
    { "ops and mqtts", 1, 2, 2, "ops-port and mqtts-port" },
};

static void test_ports(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        struct config c;
        berth_err e;

        config_defaults(&c);
        (void)snprintf(c.data_dir, sizeof c.data_dir, "d");
        c.https_port = ports[i].https;
        c.mqtts_port = ports[i].mqtts;
        c.ops_port = ports[i].ops;
        e = config_finish(&c, problem, sizeof problem);
        CHECK(ports[i].name, e == (ports[i].words == NULL ? BERTH_OK : BERTH_E_MISMATCH));
        CHECK(ports[i].name, ports[i].words == NULL || strstr(problem, ports[i].words) != NULL);
    }
}

static const struct {
    const char *name, *certificate, *key, *rsa_certificate, *rsa_key;
    const char *words; /* NULL: good */
} certificates[] = {
    { "none", "", "", "", "", NULL },
    { "one pair", "c", "k", "", "", NULL },
    { "two pairs", "c", "k", "rc", "rk", NULL },
    { "no key", "c", "", "", "", "tls-certificate and tls-key go together" },
    { "no certificate", "", "k", "", "", "tls-certificate and tls-key go together" },
    { "no RSA key", "c", "k", "rc", "", "tls-rsa-certificate and tls-rsa-key" },
    { "an RSA pair alone", "", "", "rc", "rk", "tls-rsa-certificate and tls-certificate" },
};

static void test_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
        const char *const given[] = { certificates[i].certificate, certificates[i].key,
                                      certificates[i].rsa_certificate, certificates[i].rsa_key };
        static const char *const keys[] = { "tls-certificate", "tls-key", "tls-rsa-certificate",
                                            "tls-rsa-key" };
        const char *words = certificates[i].words;
        struct config c;
        berth_err e;

        config_defaults(&c);
        (void)snprintf(c.data_dir, sizeof c.data_dir, "d");
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (given[k][0] != '\0')
                assert_int_equal(config_set(&c, keys[k], given[k], problem, sizeof problem),
                                 BERTH_OK);
        e = config_finish(&c, problem, sizeof problem);
        CHECK(certificates[i].name, e == (words == NULL ? BERTH_OK : BERTH_E_MISMATCH));
        CHECK(certificates[i].name, words == NULL || strstr(problem, words) != NULL);
    }
}

/* Every row of the table is complete. */
static void test_table(void **state)
{
    size_t rows = 0;

    (void)state;
    for (const struct config_key *k; (k = config_key_at(rows)) != NULL; rows++) {
        CHECK("name", k->name != NULL);
        CHECK(k->name, k->value != NULL && k->fallback != NULL && k->help != NULL);
    }
    CHECK("all rows", rows == 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_text_bounds),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_file_content),
        cmocka_unit_test(test_line_bound),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_finish_keeps_what_was_given),
        cmocka_unit_test(test_key_file_as_credential),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
