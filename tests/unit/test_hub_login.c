#include "check.h"

#include <string.h>

#include "berth/openssl.h"
#include "hub/hub_login.h"
#include "unit/failing_crypto.h"

#define HOST  "hub.example"
#define RAW   "raw " /* before a resource that is not percent-encoded */
#define NOW_S INT64_C(1700000000)

static struct berth_crypto crypto;

static struct berth_key key_of(char c)
{
    struct berth_key k = { .n = 32 };

    memset(k.bytes, c, k.n);
    return k;
}

static struct berth_hub_device device(const char *id)
{
    struct berth_hub_device d;

    berth_hub_device_init(&d, BERTH_STR(HOST), berth_str_of(id), 1, 0);
    d.keys.primary = key_of('p');
    d.keys.secondary = key_of('s');
    return d;
}

/* A token signed by C's key over RESOURCE, percent-encoded or RAW. */
static struct berth_sas token(char c, const char *resource, int64_t expiry)
{
    static char storage[2048];
    struct berth_key k = key_of(c);
    berth_str sr = berth_str_of(resource);
    bool raw = berth_str_skip(&sr, BERTH_STR(RAW));
    struct berth_hmac_key key;
    struct berth_sas t;
    struct berth_buf b;

    berth_buf_init(&b, storage, sizeof storage);
    assert_int_equal(crypto.hmac_prepare(crypto.ctx, k.bytes, k.n, &key), BERTH_OK);
    assert_int_equal(berth_sas_build(&crypto, &key, sr, expiry, (berth_str){ 0 }, &b), BERTH_OK);
    assert_int_equal(berth_sas_parse(berth_buf_str(&b), &t), BERTH_OK);
    if (raw) {
        const berth_str parts[] = { sr, BERTH_STR("\n"), t.expiry_text };

        t.resource = sr;
        assert_int_equal(crypto.hmac(crypto.ctx, &key, parts, 3, t.signature), BERTH_OK);
    }
    crypto.hmac_release(crypto.ctx, &key);
    return t;
}

static const struct {
    const char *name, *id;
    char key;
    const char *resource;
    int64_t expiry;
    bool disabled;
    enum berth_hub_device_auth auth;
    enum berth_reason want;
} cases[] = {
    { "primary key", "dev", 'p', HOST "/devices/dev", NOW_S + 1, false, 0, BERTH_WHY_NONE },
    { "secondary key", "dev", 's', HOST "/devices/dev", NOW_S + 1, false, 0, BERTH_WHY_NONE },
    { "host in another case", "dev", 'p', "Hub.Example/Devices/dev", NOW_S, false, 0,
      BERTH_WHY_NONE },
    { "within the skew", "dev", 'p', HOST "/devices/dev", NOW_S - BERTH_SAS_SKEW_S + 1, false, 0,
      BERTH_WHY_NONE },
    { "C# encodes odd IDs twice", "a%b", 'p', HOST "/devices/a%25b", NOW_S, false, 0,
      BERTH_WHY_NONE },
    { "an odd ID once", "a%b", 'p', HOST "/devices/a%b", NOW_S, false, 0, BERTH_WHY_NONE },
    { "C sends it raw: half an escape", "50%", 'p', RAW HOST "/devices/50%", NOW_S, false, 0,
      BERTH_WHY_NONE },
    { "C sends it raw: a whole escape", "x%41", 's', RAW "Hub.Example/devices/x%41", NOW_S, false,
      0, BERTH_WHY_NONE },
    { "raw, of another hub", "50%", 'p', RAW "hub2.example/devices/50%", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "raw, of another device", "50%", 'p', RAW HOST "/devices/51%", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "raw, in another case", "x%4a", 'p', RAW HOST "/devices/x%4A", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "raw, a module", "50%", 'p', RAW HOST "/devices/50%/modules/m", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "raw, another key", "50%", 'x', RAW HOST "/devices/50%", NOW_S, false, 0,
      BERTH_WHY_DEVICE_SIGNATURE_WRONG },
    { "ID in another case", "dev", 'p', HOST "/devices/Dev", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "another device", "dev", 'p', HOST "/devices/dev2", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "half an escape", "dev", 'p', HOST "/devices/de%7", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "a module", "dev", 'p', HOST "/devices/dev/modules/m", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "the whole hub", "dev", 'p', HOST, NOW_S, false, 0, BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "another hub", "dev", 'p', "hub2.example/devices/dev", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "DPS's token", "dev", 'p', "0ne1/registrations/dev", NOW_S, false, 0,
      BERTH_WHY_DEVICE_TOKEN_FOR_OTHER },
    { "another key", "dev", 'x', HOST "/devices/dev", NOW_S, false, 0,
      BERTH_WHY_DEVICE_SIGNATURE_WRONG },
    { "another key, expired", "dev", 'x', HOST "/devices/dev", 1, false, 0,
      BERTH_WHY_DEVICE_SIGNATURE_WRONG },
    { "expired", "dev", 'p', HOST "/devices/dev", NOW_S - BERTH_SAS_SKEW_S, false, 0,
      BERTH_WHY_TOKEN_EXPIRED },
    { "disabled", "dev", 'p', HOST "/devices/dev", NOW_S, true, 0, BERTH_WHY_DEVICE_DISABLED },
    { "another key, disabled", "dev", 'x', HOST "/devices/dev", NOW_S, true, 0,
      BERTH_WHY_DEVICE_SIGNATURE_WRONG },
    { "a certificate's identity", "dev", 'p', HOST "/devices/dev", NOW_S, false,
      BERTH_AUTH_SELF_SIGNED, BERTH_WHY_DEVICE_AUTH_OTHER },
};

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_hub_device d = device(cases[i].id);
        struct berth_sas t = token(cases[i].key, cases[i].resource, cases[i].expiry);
        enum berth_reason why;

        d.enabled = !cases[i].disabled;
        d.auth = cases[i].auth;
        CHECK(cases[i].name,
              berth_hub_judge(&crypto, &d, &t, BERTH_STR(HOST), NOW_S, &why) == BERTH_OK);
        if (why != cases[i].want)
            fail_msg("%s: %s", cases[i].name, berth_reason_row(why)->name);
    }
}

/* What nobody builds, but somebody sends. */
static void test_broken_escapes(void **state)
{
    static const char *const resources[] = { HOST "%2fdevices%2fde%7", HOST "/devices/dev%2",
                                             "%zz" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        struct berth_sas t = token('p', HOST "/devices/dev", NOW_S);
        struct berth_hub_device d = device("dev");
        enum berth_reason why;

        t.resource = berth_str_of(resources[i]);
        CHECK(resources[i],
              berth_hub_judge(&crypto, &d, &t, BERTH_STR(HOST), NOW_S, &why) == BERTH_OK);
        CHECK(resources[i], why == BERTH_WHY_DEVICE_TOKEN_FOR_OTHER);
    }
}

static void test_device_without_keys(void **state)
{
    struct berth_sas t = token('p', HOST "/devices/dev", NOW_S);
    struct berth_hub_device d = device("dev");
    enum berth_reason why;

    (void)state;
    d.keys = (struct berth_key_pair){ 0 };
    assert_int_equal(berth_hub_judge(&crypto, &d, &t, BERTH_STR(HOST), NOW_S, &why), BERTH_OK);
    assert_int_equal(why, BERTH_WHY_DEVICE_SIGNATURE_WRONG);
}

/* No failure of the crypto library lets anyone in. */
static void test_failing_crypto(void **state)
{
    struct berth_sas t = token('s', HOST "/devices/dev", NOW_S);
    struct berth_hub_device d = device("dev");
    struct failing_crypto f;

    (void)state;
    for (size_t at = 1; at <= 4; at++) {
        enum berth_reason why;
        failing_crypto_init(&f, &crypto, at);
        assert_int_not_equal(berth_hub_judge(&f.seam, &d, &t, BERTH_STR(HOST), NOW_S, &why),
                             BERTH_OK);
        assert_int_not_equal(why, BERTH_WHY_NONE);
        assert_int_equal(f.prepared, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_broken_escapes),
        cmocka_unit_test(test_device_without_keys),
        cmocka_unit_test(test_failing_crypto),
    };
    int failed;

    if (berth_openssl_init(&crypto) != BERTH_OK)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    berth_openssl_deinit(&crypto);
    return failed;
}
