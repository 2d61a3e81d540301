#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/policy.h"
#include "berth/openssl.h"
#include "check.h"
#include "crypto/b64.h"
#include "failing_crypto.h"
#include "wire/percent.h"

#define NOW 1795447000

static struct berth_crypto crypto;

static int setup(void **state)
{
    (void)state;
    return berth_openssl_init(&crypto) == BERTH_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    berth_openssl_deinit(&crypto);
    return 0;
}

/* A key is told by the byte it is filled with; 0: there is none. */
static struct berth_key key_of(char fill)
{
    struct berth_key k = { .n = fill == 0 ? 0 : BERTH_POLICY_KEY_SIZE };

    memset(k.bytes, fill, k.n);
    return k;
}

enum { OWNER, READER, WRITER, STRANGE, HALF, KEYLESS, NAMELESS, POLICIES };

static void fill_policies(struct berth_policy out[POLICIES])
{
    const struct {
        berth_str name;
        unsigned rights;
        char primary, secondary;
    } rows[POLICIES] = {
        [OWNER] = { BERTH_STR("provisioningserviceowner"),
                    BERTH_RIGHT_ENROLLMENT_READ | BERTH_RIGHT_ENROLLMENT_WRITE, 'k', 'K' },
        [READER] = { BERTH_STR("registryRead"), BERTH_RIGHT_REGISTRY_READ, 'r', 'R' },
        [WRITER] = { BERTH_STR("writer"), BERTH_RIGHT_REGISTRY_WRITE, 'w', 'W' },
        [STRANGE] = { BERTH_STR("it's (mine)!*"), BERTH_RIGHT_ENROLLMENT_READ, 's', 'S' },
        [HALF] = { BERTH_STR("half"), BERTH_RIGHT_ENROLLMENT_READ, 0, 'H' },
        [KEYLESS] = { BERTH_STR("keyless"), BERTH_RIGHT_ENROLLMENT_READ, 0, 0 },
        [NAMELESS] = { BERTH_STR(""), BERTH_RIGHT_ENROLLMENT_READ, 'n', 'N' },
    };

    for (size_t i = 0; i < POLICIES; i++)
        out[i] = (struct berth_policy){
            .name = rows[i].name,
            .rights = rows[i].rights,
            .keys = { key_of(rows[i].primary), key_of(rows[i].secondary) },
        };
}

/* SR and SKN are sent as they stand here, which is how the clients' tokens differ. */
static void make_token(char fill, const char *sr, int64_t se, const char *skn, char *out,
                       size_t size)
{
    struct berth_key bytes = key_of(fill);
    struct berth_hmac_key key;
    char message[1024], plain[64], encoded[3 * 64];
    struct berth_buf text;
    uint8_t mac[BERTH_SHA256_SIZE];
    berth_str m;

    snprintf(message, sizeof message, "%s\n%lld", sr, (long long)se);
    m = berth_str_of(message);
    CHECK("prepare", crypto.hmac_prepare(crypto.ctx, bytes.bytes, bytes.n, &key) == BERTH_OK);
    CHECK("hmac", crypto.hmac(crypto.ctx, &key, &m, 1, mac) == BERTH_OK);
    crypto.hmac_release(crypto.ctx, &key);

    berth_buf_init(&text, plain, sizeof plain);
    berth_b64_put(&text, mac, sizeof mac);
    m = berth_buf_str(&text);
    berth_buf_init(&text, encoded, sizeof encoded - 1);
    berth_percent_put(&text, m);
    encoded[text.n] = '\0';
    snprintf(out, size, "SharedAccessSignature sr=%s&sig=%s&se=%lld%s%s", sr, encoded,
             (long long)se, *skn == '\0' ? "" : "&skn=", skn);
}

#define READ       BERTH_RIGHT_ENROLLMENT_READ
#define WRITE      BERTH_RIGHT_ENROLLMENT_WRITE
#define ANY_SE     (NOW + 3600)
#define HOST       "dps.local"
#define OWNER_NAME "provisioningserviceowner"

static const struct {
    const char *name;
    char key;
    const char *sr;
    int64_t se;
    const char *skn, *path;
    unsigned rights;
    enum berth_reason want;
    int policy;
} tokens[] = {
    { "primary key", 'k', HOST, ANY_SE, OWNER_NAME, "/enrollments/d1", READ, BERTH_WHY_NONE,
      OWNER },
    { "secondary key", 'K', HOST, ANY_SE, OWNER_NAME, "/enrollments/d1", READ, BERTH_WHY_NONE,
      OWNER },
    { "only a secondary key", 'H', HOST, ANY_SE, "half", "/", READ, BERTH_WHY_NONE, HALF },
    { "one right of two is enough", 's', HOST, ANY_SE, "it's%20(mine)!*", "/", READ | WRITE,
      BERTH_WHY_NONE, STRANGE },
    { "skn strict-encoded, as Node", 's', HOST, ANY_SE, "it%27s%20%28mine%29%21%2a", "/", READ,
      BERTH_WHY_NONE, STRANGE },

    { "unknown policy", 'k', HOST, ANY_SE, "nobody", "/", READ, BERTH_WHY_POLICY_UNKNOWN, -1 },
    { "no policy named, and a policy without name", 'n', HOST, ANY_SE, "", "/", READ,
      BERTH_WHY_POLICY_UNKNOWN, -1 },
    { "a device's token", 'k', HOST, ANY_SE, "registration", "/", READ, BERTH_WHY_POLICY_UNKNOWN,
      -1 },
    { "policy in another case", 'k', HOST, ANY_SE, "ProvisioningServiceOwner", "/", READ,
      BERTH_WHY_POLICY_UNKNOWN, -1 },
    { "start of a policy's name", 'k', HOST, ANY_SE, "provisioningservice", "/", READ,
      BERTH_WHY_POLICY_UNKNOWN, -1 },
    { "skn with a broken escape", 'k', HOST, ANY_SE, "half%2", "/", READ, BERTH_WHY_POLICY_UNKNOWN,
      -1 },
    { "another policy's key", 'r', HOST, ANY_SE, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_SIGNATURE_WRONG, -1 },
    { "a policy without keys", 'k', HOST, ANY_SE, "keyless", "/", READ,
      BERTH_WHY_SERVICE_SIGNATURE_WRONG, -1 },
    { "wrong key and expired: nothing is known", 'r', HOST, 17, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_SIGNATURE_WRONG, -1 },

    { "last second of the skew", 'k', HOST, NOW - BERTH_SAS_SKEW_S + 1, OWNER_NAME, "/", READ,
      BERTH_WHY_NONE, OWNER },
    { "first second after it", 'k', HOST, NOW - BERTH_SAS_SKEW_S, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_TOKEN_EXPIRED, -1 },
    { "se in milliseconds", 'k', HOST, 1795447000000, OWNER_NAME, "/", READ, BERTH_WHY_NONE,
      OWNER },

    { "right missing", 'k', HOST, ANY_SE, OWNER_NAME, "/", BERTH_RIGHT_REGISTRATION_READ,
      BERTH_WHY_RIGHT_MISSING, -1 },
    { "no right would do", 'k', HOST, ANY_SE, OWNER_NAME, "/", 0, BERTH_WHY_RIGHT_MISSING, -1 },
    { "read does not write", 'r', HOST, ANY_SE, "registryRead", "/", BERTH_RIGHT_REGISTRY_WRITE,
      BERTH_WHY_RIGHT_MISSING, -1 },
    { "registry: write implies read", 'w', HOST, ANY_SE, "writer", "/", BERTH_RIGHT_REGISTRY_READ,
      BERTH_WHY_NONE, WRITER },
    { "and nothing else", 'w', HOST, ANY_SE, "writer", "/",
      ~(unsigned)(BERTH_RIGHT_REGISTRY_READ | BERTH_RIGHT_REGISTRY_WRITE), BERTH_WHY_RIGHT_MISSING,
      -1 },

    { "host in another case", 'k', "DPS.Local", ANY_SE, OWNER_NAME, "/", READ, BERTH_WHY_NONE,
      OWNER },
    { "host encoded", 'k', "dps%2elocal", ANY_SE, OWNER_NAME, "/", READ, BERTH_WHY_NONE, OWNER },
    { "another host", 'k', "hub.local", ANY_SE, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "start of the host", 'k', "dps", ANY_SE, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "a URL", 'k', "https://dps.local", ANY_SE, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "one segment", 'k', HOST "%2Fenrollments", ANY_SE, OWNER_NAME, "/enrollments/d1", READ,
      BERTH_WHY_NONE, OWNER },
    { "the whole path, any case", 'k', HOST "%2fEnrollments%2fD1", ANY_SE, OWNER_NAME,
      "/enrollments/d1", READ, BERTH_WHY_NONE, OWNER },
    { "not encoded", 'k', HOST "/enrollments/d1", ANY_SE, OWNER_NAME, "/enrollments/d1", READ,
      BERTH_WHY_NONE, OWNER },
    { "start of a segment", 'k', HOST "/enroll", ANY_SE, OWNER_NAME, "/enrollments/d1", READ,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "start of an ID", 'k', HOST "/enrollments/d", ANY_SE, OWNER_NAME, "/enrollments/d1", READ,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "another path", 'k', HOST "/enrollments", ANY_SE, OWNER_NAME, "/enrollmentGroups/g", READ,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "deeper than asked for", 'k', HOST "/enrollments/d1", ANY_SE, OWNER_NAME, "/enrollments",
      READ, BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "path encoded once, sr too", 'k', HOST "%2Fdevices%2Fa%40b", ANY_SE, OWNER_NAME,
      "/devices/a%40b", READ, BERTH_WHY_NONE, OWNER },
    { "an ID with a percent sign", 'k', HOST "/devices/a%2540b", ANY_SE, OWNER_NAME,
      "/devices/a%2540b", READ, BERTH_WHY_NONE, OWNER },
    { "that is another ID", 'k', HOST "/devices/a%2540b", ANY_SE, OWNER_NAME, "/devices/a%40b",
      READ, BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "an escaped '/' ends no segment", 'k', HOST "/devices/d1", ANY_SE, OWNER_NAME,
      "/devices/d1%2Fx", READ, BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "a broken escape ends none either", 'k', HOST "/devices/d1", ANY_SE, OWNER_NAME,
      "/devices/d1%2", READ, BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "plus is plus", 'k', HOST "/devices/a+b", ANY_SE, OWNER_NAME, "/devices/a+b", READ,
      BERTH_WHY_NONE, OWNER },
    { "wrong place before wrong right", 'k', "hub.local", ANY_SE, OWNER_NAME, "/", 0,
      BERTH_WHY_SERVICE_TOKEN_FOR_OTHER, -1 },
    { "expired before wrong place", 'k', "hub.local", 17, OWNER_NAME, "/", READ,
      BERTH_WHY_SERVICE_TOKEN_EXPIRED, -1 },
};

static enum berth_reason judge(berth_str authorization, const char *host, berth_str path,
                               unsigned rights, int *used)
{
    struct berth_policy policies[POLICIES];
    const struct berth_policy *policy = &policies[0];
    struct berth_service_request req = { authorization, berth_str_of(host), path, rights };
    enum berth_reason why;

    fill_policies(policies);
    CHECK("judge",
          berth_policy_judge(&crypto, &req, policies, POLICIES, NOW, &why, &policy) == BERTH_OK);
    *used = policy == NULL ? -1 : (int)(policy - policies);
    return why;
}

static void test_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        char token[1024];
        int used;

        make_token(tokens[i].key, tokens[i].sr, tokens[i].se, tokens[i].skn, token, sizeof token);
        CHECK(tokens[i].name, judge(berth_str_of(token), HOST, berth_str_of(tokens[i].path),
                                    tokens[i].rights, &used) == tokens[i].want);
        CHECK(tokens[i].name, used == tokens[i].policy);
    }
}

#define NODE_TOKEN                                                                                 \
    "SharedAccessSignature sr=localhost&sig=b%2F1eHjPrIR2Fa7eRI58wwhwH%2FhuoWXGdN514oYuHMbQ%3D"    \
    "&skn=provisioningserviceowner&se=1795447073"

static const struct {
    const char *name;
    berth_str authorization;
    enum berth_reason want;
} headers[] = {
    { "Node's own", BERTH_STR_INIT(NODE_TOKEN), BERTH_WHY_NONE },
    { "blanks around it", BERTH_STR_INIT(" " NODE_TOKEN "\t"), BERTH_WHY_NONE },
    { "no header", { NULL, 0 }, BERTH_WHY_SERVICE_TOKEN_MISSING },
    { "empty", BERTH_STR_INIT(""), BERTH_WHY_SERVICE_TOKEN_MISSING },
    { "C's blank", BERTH_STR_INIT(" "), BERTH_WHY_SERVICE_TOKEN_MISSING },
    { "bearer token", BERTH_STR_INIT("Bearer eyJ0eXAi"), BERTH_WHY_SERVICE_TOKEN_MISSING },
    { "basic", BERTH_STR_INIT("Basic YTpi"), BERTH_WHY_SERVICE_TOKEN_MISSING },
    { "only the scheme", BERTH_STR_INIT("SharedAccessSignature"),
      BERTH_WHY_SERVICE_TOKEN_MALFORMED },
    { "a field unknown", BERTH_STR_INIT(NODE_TOKEN "&x=y"), BERTH_WHY_SERVICE_TOKEN_MALFORMED },
    { "sig of 31 bytes",
      BERTH_STR_INIT("SharedAccessSignature sr=localhost&sig=b%2F1eHjPrIR2Fa7eRI58wwhwH%"
                     "2FhuoWXGdN514oYuHMQ%3D%3D&skn=provisioningserviceowner&se=1795447073"),
      BERTH_WHY_SERVICE_TOKEN_MALFORMED },
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        int used;

        CHECK(headers[i].name, judge(headers[i].authorization, "localhost", BERTH_STR("/"), READ,
                                     &used) == headers[i].want);
        CHECK(headers[i].name, used == (headers[i].want == BERTH_WHY_NONE ? OWNER : -1));
    }
}

static void test_header_prefixes(void **state)
{
    berth_str whole = BERTH_STR(NODE_TOKEN);

    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        char *copy = malloc(n + (n == 0));
        int used;

        memcpy(copy, whole.p, n);
        CHECK("a prefix is refused", judge((berth_str){ copy, n }, "localhost", BERTH_STR("/"),
                                           READ, &used) != BERTH_WHY_NONE);
        CHECK("by no policy", used == -1);
        free(copy);
    }
}

/* Only what sr can reach is compared; what is longer changes nothing. */
static void test_long_paths(void **state)
{
    static char path[3 * BERTH_SAS_MAX];

    (void)state;
    memset(path, 'p', sizeof path);
    path[0] = '/';
    for (size_t n = BERTH_SAS_MAX - 40; n <= sizeof path; n += n < BERTH_SAS_MAX + 40 ? 1 : 997) {
        char token[1024];
        int used;

        make_token('k', HOST, ANY_SE, OWNER_NAME, token, sizeof token);
        CHECK("the whole host", judge(berth_str_of(token), HOST, (berth_str){ path, n }, READ,
                                      &used) == BERTH_WHY_NONE);
        make_token('k', HOST "/p", ANY_SE, OWNER_NAME, token, sizeof token);
        CHECK("start of a long segment", judge(berth_str_of(token), HOST, (berth_str){ path, n },
                                               READ, &used) == BERTH_WHY_SERVICE_TOKEN_FOR_OTHER);
    }
}

static void test_no_policies(void **state)
{
    struct berth_service_request req = { BERTH_STR(NODE_TOKEN), BERTH_STR("localhost"),
                                         BERTH_STR("/"), READ };
    enum berth_reason why = BERTH_WHY_NONE;

    (void)state;
    CHECK("judge", berth_policy_judge(&crypto, &req, NULL, 0, NOW, &why, NULL) == BERTH_OK);
    CHECK("unknown", why == BERTH_WHY_POLICY_UNKNOWN);
}

/* Signed with the secondary key, all four calls are made: each of them fails once. */
static void test_crypto_failures(void **state)
{
    struct berth_policy policies[POLICIES];
    char token[1024];
    struct berth_service_request req = { { 0 }, BERTH_STR(HOST), BERTH_STR("/"), READ };

    (void)state;
    fill_policies(policies);
    make_token('K', HOST, ANY_SE, OWNER_NAME, token, sizeof token);
    req.authorization = berth_str_of(token);
    for (size_t at = 0; at <= 4; at++) {
        const struct berth_policy *used = &policies[OWNER];
        enum berth_reason why = BERTH_WHY_NONE;
        struct failing_crypto f;

        failing_crypto_init(&f, &crypto, at);
        CHECK("judge", berth_policy_judge(&f.seam, &req, policies, POLICIES, NOW, &why, &used) ==
                           (at == 0 ? BERTH_OK : BERTH_E_CRYPTO));
        CHECK("never allowed", (why == BERTH_WHY_NONE) == (at == 0));
        CHECK("no policy", used == (at == 0 ? &policies[OWNER] : NULL));
        CHECK("all were reached", f.calls == (at == 0 ? 4 : at));
        CHECK("released", f.prepared == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),          cmocka_unit_test(test_headers),
        cmocka_unit_test(test_header_prefixes), cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_no_policies),     cmocka_unit_test(test_crypto_failures),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
