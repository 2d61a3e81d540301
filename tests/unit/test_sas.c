#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/sas.h"
#include "check.h"

#define HEAD "SharedAccessSignature "
/* Base64 of 32 bytes: 31 zeros and a one. */
#define SIG "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE%3D"

static const struct {
    const char *name, *in;
    berth_err want;
    int64_t expiry;
    const char *resource, *policy;
} cases[] = {
    { "usual order", HEAD "sr=r&sig=" SIG "&se=17&skn=registration", BERTH_OK, 17, "r",
      "registration" },
    { "Node's order", HEAD "sr=r&sig=" SIG "&skn=registration&se=17", BERTH_OK, 17, "r",
      "registration" },
    { "any order", HEAD "se=17&sig=" SIG "&sr=r", BERTH_OK, 17, "r", NULL },
    { "skn first", HEAD "skn=p&se=17&sig=" SIG "&sr=r", BERTH_OK, 17, "r", "p" },
    { "sr stays as it came", HEAD "sr=a%2fb%2Fc/d+e%20&sig=" SIG "&se=17", BERTH_OK, 17,
      "a%2fb%2Fc/d+e%20", NULL },
    { "skn stays as it came", HEAD "sr=r&sig=" SIG "&se=17&skn=a%27b", BERTH_OK, 17, "r", "a%27b" },
    { "se stays as it came", HEAD "sr=r&sig=" SIG "&se=0017", BERTH_OK, 17, "r", NULL },
    { "'=' inside a value", HEAD "sr=a=b&sig=" SIG "&se=17", BERTH_OK, 17, "a=b", NULL },
    { "empty skn of old C clients", HEAD "sr=r&sig=" SIG "&se=17&skn=", BERTH_OK, 17, "r", NULL },
    { "se in milliseconds", HEAD "sr=r&sig=" SIG "&se=1795447063000", BERTH_OK, 1795447063000, "r",
      NULL },
    { "se zero", HEAD "sr=r&sig=" SIG "&se=0", BERTH_OK, 0, "r", NULL },
    { "largest se", HEAD "sr=r&sig=" SIG "&se=9223372036854775807", BERTH_OK, INT64_MAX, "r",
      NULL },
    { "se one over", HEAD "sr=r&sig=" SIG "&se=9223372036854775808", BERTH_E_RANGE, 0, "", NULL },
    { "se far over", HEAD "sr=r&sig=" SIG "&se=99999999999999999999", BERTH_E_RANGE, 0, "", NULL },
    { "se negative", HEAD "sr=r&sig=" SIG "&se=-1", BERTH_E_SYNTAX, 0, "", NULL },
    { "se not a number", HEAD "sr=r&sig=" SIG "&se=17x", BERTH_E_SYNTAX, 0, "", NULL },
    { "se with fraction", HEAD "sr=r&sig=" SIG "&se=17.5", BERTH_E_SYNTAX, 0, "", NULL },
    { "se percent-encoded", HEAD "sr=r&sig=" SIG "&se=1%37", BERTH_E_SYNTAX, 0, "", NULL },

    { "nothing", "", BERTH_E_SYNTAX, 0, "", NULL },
    { "only the scheme", HEAD, BERTH_E_SYNTAX, 0, "", NULL },
    { "scheme without blank", "SharedAccessSignaturesr=r&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "",
      NULL },
    { "no scheme", "sr=r&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "another scheme", "Bearer abc", BERTH_E_SYNTAX, 0, "", NULL },
    { "a connection string", "HostName=h;SharedAccessKeyName=p;SharedAccessKey=k", BERTH_E_SYNTAX,
      0, "", NULL },
    { "sr missing", HEAD "sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "sig missing", HEAD "sr=r&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "se missing", HEAD "sr=r&sig=" SIG, BERTH_E_SYNTAX, 0, "", NULL },
    { "sr empty", HEAD "sr=&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "sig empty", HEAD "sr=r&sig=&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "se empty", HEAD "sr=r&sig=" SIG "&se=", BERTH_E_SYNTAX, 0, "", NULL },
    { "sr twice", HEAD "sr=r&sr=s&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "sig twice", HEAD "sr=r&sig=" SIG "&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "se twice", HEAD "sr=r&sig=" SIG "&se=17&se=18", BERTH_E_SYNTAX, 0, "", NULL },
    { "skn twice", HEAD "sr=r&sig=" SIG "&se=17&skn=a&skn=b", BERTH_E_SYNTAX, 0, "", NULL },
    { "skn twice, first empty", HEAD "sr=r&sig=" SIG "&se=17&skn=&skn=b", BERTH_E_SYNTAX, 0, "",
      NULL },
    { "unknown field", HEAD "sr=r&sig=" SIG "&se=17&x=y", BERTH_E_SYNTAX, 0, "", NULL },
    { "field name in upper case", HEAD "SR=r&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "field without '='", HEAD "sr=r&sig=" SIG "&se=17&skn", BERTH_E_SYNTAX, 0, "", NULL },
    { "'&' at the end", HEAD "sr=r&sig=" SIG "&se=17&", BERTH_E_SYNTAX, 0, "", NULL },
    { "'&' at the start", HEAD "&sr=r&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "'&' twice", HEAD "sr=r&&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "LF at the end", HEAD "sr=r&sig=" SIG "&se=17&skn=a\n", BERTH_E_SYNTAX, 0, "", NULL },
    { "blank in sr", HEAD "sr=r r&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "LF in sr", HEAD "sr=r\n1&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "", NULL },
    { "a byte over ASCII in sr", HEAD "sr=r\xc3\xa4&sig=" SIG "&se=17", BERTH_E_SYNTAX, 0, "",
      NULL },
    { "DEL in skn", HEAD "sr=r&sig=" SIG "&se=17&skn=\x7f", BERTH_E_SYNTAX, 0, "", NULL },
};

static bool is_zero(const struct berth_sas *t)
{
    static const struct berth_sas zero;

    return memcmp(t, &zero, sizeof zero) == 0;
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_sas got;

        memset(&got, 1, sizeof got);
        CHECK(cases[i].name, berth_sas_parse(berth_str_of(cases[i].in), &got) == cases[i].want);
        CHECK(cases[i].name, got.expiry == cases[i].expiry);
        CHECK(cases[i].name, berth_str_eq(got.resource, berth_str_of(cases[i].resource)));
        CHECK(cases[i].name, berth_str_eq(got.policy, berth_str_of(cases[i].policy)));
        CHECK(cases[i].name, (got.policy.p == NULL) == (cases[i].policy == NULL));
        CHECK(cases[i].name, (cases[i].want == BERTH_OK) != is_zero(&got));
        CHECK(cases[i].name, cases[i].want != BERTH_OK || got.signature[31] == 1);
    }
}

#define B63 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 42 of 43 characters */

static const struct {
    const char *name, *sig;
    berth_err want;
    unsigned last;
} signatures[] = {
    { "upper-case escape", B63 "E%3D", BERTH_OK, 1 },
    { "lower-case escape", B63 "E%3d", BERTH_OK, 1 },
    { "no escape", B63 "E=", BERTH_OK, 1 },
    { "everything escaped that can be",
      "%41%41"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "%45%3D",
      BERTH_OK, 1 },
    { "plus and slash raw",
      "+/"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "E=",
      BERTH_OK, 1 },
    { "plus and slash escaped",
      "%2b%2F"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "E%3D",
      BERTH_OK, 1 },
    { "plus turned into an escaped blank", "%20" B63 "%3D", BERTH_E_SYNTAX, 0 },
    { "31 bytes", B63 "%3D%3D", BERTH_E_SYNTAX, 0 },
    { "33 bytes", B63 "AB", BERTH_E_SYNTAX, 0 },
    { "one byte", "AA%3D%3D", BERTH_E_SYNTAX, 0 },
    { "no padding", B63 "E", BERTH_E_SYNTAX, 0 },
    { "stray bits under the padding", B63 "F%3D", BERTH_E_SYNTAX, 0 },
    { "escaped twice", B63 "E%253D", BERTH_E_SYNTAX, 0 },
    { "broken escape", B63 "E%3", BERTH_E_SYNTAX, 0 },
    { "hex instead of base64", "0000000000000000000000000000000000000000000000000000000000000001",
      BERTH_E_SYNTAX, 0 },
    { "URL-safe alphabet",
      "-_"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "E%3D",
      BERTH_E_SYNTAX, 0 },
    { "twice as long", B63 "E%3D" B63 "E%3D", BERTH_E_SYNTAX, 0 },
};

static void test_signature_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
        char text[256];
        struct berth_sas got;

        snprintf(text, sizeof text, HEAD "sr=r&sig=%s&se=17", signatures[i].sig);
        CHECK(signatures[i].name, berth_sas_parse(berth_str_of(text), &got) == signatures[i].want);
        CHECK(signatures[i].name, got.signature[31] == signatures[i].last);
    }
}

static void test_length_bound(void **state)
{
    const char *head = HEAD "sig=" SIG "&se=17&sr=";

    (void)state;
    for (size_t n = BERTH_SAS_MAX - 1; n <= BERTH_SAS_MAX + 1; n++) {
        char *text = malloc(n);
        struct berth_sas got;
        berth_err e;

        memset(text, 'r', n);
        memcpy(text, head, strlen(head));
        e = berth_sas_parse((berth_str){ text, n }, &got);
        CHECK("bound", e == (n <= BERTH_SAS_MAX ? BERTH_OK : BERTH_E_RANGE));
        CHECK("bound", got.resource.n == (n <= BERTH_SAS_MAX ? n - strlen(head) : 0));
        CHECK("covers looks at all of it",
              n > BERTH_SAS_MAX || berth_sas_covers(&got, got.resource));
        free(text);
    }
}

/* Whom and what a token is for. */

static const struct {
    const char *name, *sr, *resource;
    bool is_for, covers;
} scopes[] = {
    { "raw", "a/b", "a/b", true, true },
    { "lower-case escape", "a%2fb", "a/b", true, true },
    { "upper-case escape", "a%2Fb", "a/b", true, true },
    { "both, as Embedded C", "a%2Fb%2fc", "a/b/c", true, true },
    { "any case", "A%2fB", "a/b", true, true },
    { "any case, the other way", "a/b", "A/B", true, true },
    { "needless escapes", "%61/b", "a/b", true, true },
    { "plus stays plus", "a+b", "a+b", true, true },
    { "plus is no blank", "a+b", "a b", false, false },
    { "escaped twice", "a%252fb", "a/b", false, false },
    { "broken escape", "a%2", "a%2", false, false },
    { "escaped NUL", "a%00", "a", false, false },
    { "another scope", "0nf/registrations/dev1", "0ne/registrations/dev1", false, false },
    { "another ID", "0ne/registrations/dev2", "0ne/registrations/dev1", false, false },
    { "a longer ID", "0ne/registrations/dev10", "0ne/registrations/dev1", false, false },
    { "a hub's device", "hub/devices/dev1", "0ne/registrations/dev1", false, false },
    { "prefix of one segment", "host", "host/devices/d1", false, true },
    { "prefix of two segments", "host%2fdevices", "host/devices/d1", false, true },
    { "prefix with '/' at its end", "host/devices/", "host/devices/d1", false, true },
    { "host with '/' at its end", "host/", "host", false, true },
    { "inside a segment", "host/dev", "host/devices/d1", false, false },
    { "inside the host", "ho", "host/devices/d1", false, false },
    { "inside an ID", "host/devices/d", "host/devices/d1", false, false },
    { "longer than asked for", "host/devices/d1", "host/devices", false, false },
    { "another host", "other", "host/devices/d1", false, false },
    { "only '/'", "/", "/devices", false, false },
    { "two '/' at the end", "host//", "host/devices", false, false },
};

static void test_scopes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        struct berth_sas t = { .resource = berth_str_of(scopes[i].sr) };
        berth_str resource = berth_str_of(scopes[i].resource);

        CHECK(scopes[i].name, berth_sas_is_for(&t, resource) == scopes[i].is_for);
        CHECK(scopes[i].name, berth_sas_covers(&t, resource) == scopes[i].covers);
    }
}

static const struct {
    const char *name;
    int64_t expiry, now;
    bool want;
} clocks[] = {
    { "before", 1000, 999, false },
    { "at se", 1000, 1000, false },
    { "last second of the skew", 1000, 1000 + BERTH_SAS_SKEW_S - 1, false },
    { "first second after the skew", 1000, 1000 + BERTH_SAS_SKEW_S, true },
    { "long after", 1000, 2000000000, true },
    { "se zero", 0, BERTH_SAS_SKEW_S, true },
    { "se zero, within the skew", 0, BERTH_SAS_SKEW_S - 1, false },
    { "se in milliseconds", 1795447063000, 1795447063, false },
    { "largest se", INT64_MAX, INT64_MAX, false },
    { "largest now", INT64_MAX - BERTH_SAS_SKEW_S, INT64_MAX, true },
    { "a clock before 1970", 0, INT64_MIN, false },
};

static void test_expiry(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        struct berth_sas t = { .expiry = clocks[i].expiry };

        CHECK(clocks[i].name, berth_sas_is_expired(&t, clocks[i].now) == clocks[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),        cmocka_unit_test(test_signature_forms),
        cmocka_unit_test(test_length_bound), cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_expiry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
