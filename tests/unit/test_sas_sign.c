#include <stdlib.h>
#include <string.h>

#include "auth/sas_key.h"
#include "berth/openssl.h"
#include "berth/sas.h"
#include "check.h"
#include "crypto/b64.h"
#include "failing_crypto.h"

#define HEAD "SharedAccessSignature "

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

/* Tokens that the public clients made. */

#define DEVICE_KEY  "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define SERVICE_KEY "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
#define PROV        "0ne00000001/registrations/dev1"
#define HUB_DEVICE  "127.0.0.2/devices/dev1"
#define LOWER       HEAD "sr=0ne00000001%2fregistrations%2fdev1&sig="
#define UPPER       HEAD "sr=0ne00000001%2Fregistrations%2Fdev1&sig="
#define RAW         HEAD "sr=0ne00000001/registrations/dev1&sig="
#define HUB         HEAD "sr=127.0.0.2%2Fdevices%2Fdev1&sig="
#define SERVICE     HEAD "sr=localhost&sig="

static const struct {
    const char *client, *token, *key, *resource, *policy;
    int64_t expiry;
} captured[] = {
    { "c-hub-mqtt",
      HEAD "sr=127.0.0.2/devices/"
           "dev1&sig=HaZ4H%2bR4xOLvCARrDguQVed03nt9KnLq%2bcu9uiPMAEI%3d&se=1795447050",
      DEVICE_KEY, HUB_DEVICE, NULL, 1795447050 },
    { "c-prov-amqp",
      LOWER "o5ZXU2TqoxIhS6A2c9pj%2fcL1x3i6D8co6YA4y%2bfhdRo%3d&se=1795445853&skn=registration",
      DEVICE_KEY, PROV, "registration", 1795445853 },
    { "c-prov-amqp_ws",
      LOWER
      "EG%2bhsobHjaL5gs3S6D%2fNGsYv%2b%2fBumXuhH3mPjEC7l%2f4%3d&se=1795445854&skn=registration",
      DEVICE_KEY, PROV, "registration", 1795445854 },
    { "c-prov-http",
      LOWER "IoRyIfJQFWTT3E%2bGHE%2bAaZqGWkMU3FgyeL2Ubz%2bbIcA%3d&se=1795445852&skn=registration",
      DEVICE_KEY, PROV, "registration", 1795445852 },
    { "c-prov-mqtt",
      LOWER "s13Ufvm3iDTvlGObmfvqw%2f4u%2f60Q1IbpVJwLDHggHjc%3d&se=1795445849&skn=registration",
      DEVICE_KEY, PROV, "registration", 1795445849 },
    { "c-prov-mqtt_ws",
      LOWER "Mq02pnJcQJ6bNMi%2fcYLXT9zspDpimG5P%2fdS7qqJ1H3o%3d&se=1795445850&skn=registration",
      DEVICE_KEY, PROV, "registration", 1795445850 },
    { "embedded-c-prov-mqtt",
      LOWER "TUs%2Fux2xIM9FQsdE5o3LX2%2FShcVvRnZOnQnjqwv%2FeWc%3D&se=1795450655", DEVICE_KEY, PROV,
      NULL, 1795450655 },
    { "node-hub-http", HUB "HL6wkkk9C%2FL7MMTxpyZpG%2FOR3PPheyudZkZ4qav4Nso%3D&se=1795447066",
      DEVICE_KEY, HUB_DEVICE, NULL, 1795447066 },
    { "node-hub-mqtt", HUB "uwmF3kiLb5ZqlvtW43BmIdXb9s4T3jPTWumKAivri0o%3D&se=1795447063",
      DEVICE_KEY, HUB_DEVICE, NULL, 1795447063 },
    { "node-hub-mqtt_ws", HUB "Kjn2mjmYpqQrB5DWrcjPvaBYpboQxrBWrfDs%2FJc94XU%3D&se=1795447064",
      DEVICE_KEY, HUB_DEVICE, NULL, 1795447064 },
    { "node-prov-amqp",
      RAW "m7mo1U5oly5Lalo%2FEOBNyIRUmGZbvYDuVn9ZncRnKgI%3D&skn=registration&se=1795447067",
      DEVICE_KEY, PROV, "registration", 1795447067 },
    { "node-prov-amqp_ws",
      RAW "AsrRdPh2hjQsK%2BYDj1SnVBNOqPvJ3QQJsw8kTf7ElTY%3D&skn=registration&se=1795447069",
      DEVICE_KEY, PROV, "registration", 1795447069 },
    { "node-prov-http",
      RAW "pnCJv0Ff%2FG%2FNt8FKu7B9RqYkMNojYa%2B1NC%2BF4Gn%2BQ9A%3D&skn=registration&se=1795447066",
      DEVICE_KEY, PROV, "registration", 1795447066 },
    { "node-prov-mqtt",
      RAW "Kcp6qSaonPdM9FuR%2BAf5uaIIrU5ekXUFFaxFHupNME4%3D&skn=registration&se=1795447063",
      DEVICE_KEY, PROV, "registration", 1795447063 },
    { "node-prov-mqtt_ws",
      RAW "hhM5NM%2F%2BpfRD3uwMXSYdBTZ6fwuC9ooBdHZZ2Ta3Q%2Fc%3D&skn=registration&se=1795447064",
      DEVICE_KEY, PROV, "registration", 1795447064 },
    { "node-service-dps-http",
      SERVICE "b%2F1eHjPrIR2Fa7eRI58wwhwH%2FhuoWXGdN514oYuHMbQ%3D&skn=provisioningserviceowner&se="
              "1795447073",
      SERVICE_KEY, "localhost", "provisioningserviceowner", 1795447073 },
    { "node-service-dps-http, re-signed",
      SERVICE "TbZDrwq0t%2BJ4Tqh0cH6F6idB6F9PpMyasn%2FmYnQXKuQ%3D&skn=provisioningserviceowner&se="
              "1795447074",
      SERVICE_KEY, "localhost", "provisioningserviceowner", 1795447074 },
    { "node-service-hub-http",
      SERVICE "TbZDrwq0t%2BJ4Tqh0cH6F6idB6F9PpMyasn%2FmYnQXKuQ%3D&skn=iothubowner&se=1795447074",
      SERVICE_KEY, "localhost", "iothubowner", 1795447074 },
    { "python-hub-mqtt", HUB "0ewmsQLfHvmrYVJq98s3nnYX8h73ICPjAyZ9li6baqU%3D&se=1795447059",
      DEVICE_KEY, HUB_DEVICE, NULL, 1795447059 },
    { "python-hub-mqtt_ws", HUB "lM3Rrddi4HTxvgzVlfnOgcoMxAmKeFBYURNohcNMt0E%3D&se=1795447061",
      DEVICE_KEY, HUB_DEVICE, NULL, 1795447061 },
    { "python-prov-mqtt", UPPER "G4tzbZ7MRSy8eMk1WBgji%2Bosw%2Fdydsxt5yAAT6l9PKg%3D&se=1795447057",
      DEVICE_KEY, PROV, NULL, 1795447057 },
    { "python-prov-mqtt_ws", UPPER "zaE7Ixn8BWoyt8MsXxHUsenIyjImcWqNt6tiVeEmwY4%3D&se=1795447059",
      DEVICE_KEY, PROV, NULL, 1795447059 },
};

static void prepare(const char *key_base64, struct berth_hmac_key *out)
{
    struct berth_key key;

    CHECK(key_base64, berth_key_decode(berth_str_of(key_base64), &key) == BERTH_OK);
    CHECK(key_base64, crypto.hmac_prepare(crypto.ctx, key.bytes, key.n, out) == BERTH_OK);
}

/* Under the key prepared, and used once. */
static bool is_verified(const struct berth_sas *t, const char *key_base64)
{
    struct berth_hmac_key prepared;
    struct berth_key key;
    bool ok = false, once = false;

    prepare(key_base64, &prepared);
    CHECK("verify", berth_sas_verify(&crypto, t, &prepared, &ok) == BERTH_OK);
    crypto.hmac_release(crypto.ctx, &prepared);
    CHECK("key", berth_key_decode(berth_str_of(key_base64), &key) == BERTH_OK);
    CHECK("once", berth__sas_verify_key(&crypto, t, &key, &once) == BERTH_OK);
    CHECK("both agree", once == ok);
    return ok;
}

static void test_keys_of_all_sizes(void **state)
{
    (void)state;
    for (uint8_t n = 0; n <= BERTH_KEY_MAX; n++) {
        struct berth_key key = { .n = n };
        struct berth_hmac_key prepared;
        struct berth_sas t;
        struct berth_buf b;
        char text[256];
        bool ok = true;

        memset(key.bytes, 0xa5, n);
        memset(key.bytes + n, 0x5a, sizeof key.bytes - n); /* no part of it */
        berth_buf_init(&b, text, sizeof text);
        CHECK("prepare",
              crypto.hmac_prepare(crypto.ctx, key.bytes, n > 0 ? n : 1, &prepared) == BERTH_OK);
        CHECK("build", berth_sas_build(&crypto, &prepared, BERTH_STR("r"), 17, (berth_str){ 0 },
                                       &b) == BERTH_OK);
        crypto.hmac_release(crypto.ctx, &prepared);
        CHECK("parse", berth_sas_parse(berth_buf_str(&b), &t) == BERTH_OK);
        CHECK("verify", berth__sas_verify_key(&crypto, &t, &key, &ok) == BERTH_OK);
        CHECK("no key made no token", ok == (n > 0));
        key.bytes[0] ^= 1;
        CHECK("verify", berth__sas_verify_key(&crypto, &t, &key, &ok) == BERTH_OK && !ok);
    }
}

static void test_captured(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(captured); i++) {
        const char *other = strcmp(captured[i].key, DEVICE_KEY) == 0 ? SERVICE_KEY : DEVICE_KEY;
        const char *name = captured[i].client;
        struct berth_sas t;

        CHECK(name, berth_sas_parse(berth_str_of(captured[i].token), &t) == BERTH_OK);
        CHECK(name, t.expiry == captured[i].expiry);
        CHECK(name, berth_str_eq(t.policy, berth_str_of(captured[i].policy)));
        CHECK(name, berth_sas_is_for(&t, berth_str_of(captured[i].resource)));
        CHECK(name, is_verified(&t, captured[i].key));
        CHECK(name, !is_verified(&t, other));
        t.signature[i % sizeof t.signature] ^= 1;
        CHECK(name, !is_verified(&t, captured[i].key));
    }
}

/* Every single byte of a genuine token counts. */
static void test_tampered(void **state)
{
    char token[256];
    size_t n = strlen(captured[0].token);

    (void)state;
    memcpy(token, captured[0].token, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct berth_sas t;
        char was = token[i];

        token[i] = was == 'x' ? 'y' : 'x';
        CHECK(token, berth_sas_parse(berth_str_of(token), &t) != BERTH_OK ||
                         !is_verified(&t, captured[0].key) ||
                         !berth_str_eq(t.policy, berth_str_of(captured[0].policy)));
        token[i] = was == '1' ? '2' : '1';
        CHECK(token, berth_sas_parse(berth_str_of(token), &t) != BERTH_OK ||
                         !is_verified(&t, captured[0].key) ||
                         !berth_str_eq(t.policy, berth_str_of(captured[0].policy)));
        token[i] = was;
    }
}

/* The mistakes that are made in a token, with the right device key at hand. */

#define GROUP_KEY                                                                                  \
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define GROUP_ID   "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define DERIVED    "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
#define DERIVED_16 "26c9b49721a98da55854fda0dc59e69e61bd748ffda94db8c0da3291499eae67"
#define PLAIN_SR   "0ne/registrations/" GROUP_ID
#define CODED_SR   "0ne%2fregistrations%2f" GROUP_ID

enum key_form { KEY_BYTES, KEY_TEXT };

static const struct {
    const char *name, *key;
    enum key_form form;
    const char *message, *sr;
    bool want;
} signings[] = {
    { "as it should be", DERIVED, KEY_BYTES, CODED_SR "\n17", CODED_SR, true },
    { "not encoded, signed so and sent so", DERIVED, KEY_BYTES, PLAIN_SR "\n17", PLAIN_SR, true },
    { "the key's base64 text", DERIVED, KEY_TEXT, CODED_SR "\n17", CODED_SR, false },
    { "the key's hex text", DERIVED_16, KEY_TEXT, CODED_SR "\n17", CODED_SR, false },
    { "the group key itself", GROUP_KEY, KEY_BYTES, CODED_SR "\n17", CODED_SR, false },
    { "another group's key", SERVICE_KEY, KEY_BYTES, CODED_SR "\n17", CODED_SR, false },
    { "decoded signed, encoded sent", DERIVED, KEY_BYTES, PLAIN_SR "\n17", CODED_SR, false },
    { "encoded signed, decoded sent", DERIVED, KEY_BYTES, CODED_SR "\n17", PLAIN_SR, false },
    { "without LF", DERIVED, KEY_BYTES, CODED_SR "17", CODED_SR, false },
    { "with CR LF", DERIVED, KEY_BYTES, CODED_SR "\r\n17", CODED_SR, false },
    { "with LF at the end", DERIVED, KEY_BYTES, CODED_SR "\n17\n", CODED_SR, false },
    { "another se", DERIVED, KEY_BYTES, CODED_SR "\n18", CODED_SR, false },
    { "se with a zero in front", DERIVED, KEY_BYTES, CODED_SR "\n017", CODED_SR, false },
    { "nothing signed", DERIVED, KEY_BYTES, "", CODED_SR, false },
};

static void sign_raw(const char *text_key, enum key_form form, const char *message,
                     uint8_t out[BERTH_SHA256_SIZE])
{
    struct berth_hmac_key key;
    berth_str m = berth_str_of(message);

    if (form == KEY_BYTES) {
        prepare(text_key, &key);
    } else {
        CHECK("prepare", crypto.hmac_prepare(crypto.ctx, (const uint8_t *)text_key,
                                             strlen(text_key), &key) == BERTH_OK);
    }
    CHECK("hmac", crypto.hmac(crypto.ctx, &key, &m, 1, out) == BERTH_OK);
    crypto.hmac_release(crypto.ctx, &key);
}

static void test_signing_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct berth_sas t = { .resource = berth_str_of(signings[i].sr),
                               .expiry_text = BERTH_STR("17"),
                               .expiry = 17 };

        sign_raw(signings[i].key, signings[i].form, signings[i].message, t.signature);
        CHECK(signings[i].name, is_verified(&t, DERIVED) == signings[i].want);
    }
}

static const struct {
    const char *name, *resource, *policy, *sr, *skn;
    int64_t expiry;
} builds[] = {
    { "a device's", "0ne/registrations/dev1", "registration", "0ne%2Fregistrations%2Fdev1",
      "registration", 1795447063 },
    { "without skn", "0ne/registrations/dev1", NULL, "0ne%2Fregistrations%2Fdev1", "", 17 },
    { "a colon in the ID", "0ne/registrations/a1:b2", NULL, "0ne%2Fregistrations%2Fa1%3Ab2", "",
      17 },
    { "everything that needs an escape", "a b&c=d%e+f", "x&y=z", "a%20b%26c%3Dd%25e%2Bf",
      "x%26y%3Dz", 17 },
    { "largest se", "r", NULL, "r", "", INT64_MAX },
    { "se zero", "r", NULL, "r", "", 0 },
};

static void test_build(void **state)
{
    struct berth_hmac_key key;

    (void)state;
    prepare(DEVICE_KEY, &key);
    for (size_t i = 0; i < ARRAY_LEN(builds); i++) {
        berth_str resource = berth_str_of(builds[i].resource), text;
        char storage[512];
        struct berth_buf b;
        struct berth_sas t;

        berth_buf_init(&b, storage, sizeof storage);
        berth_buf_put(&b, BERTH_STR("before "));
        CHECK(builds[i].name, berth_sas_build(&crypto, &key, resource, builds[i].expiry,
                                              berth_str_of(builds[i].policy), &b) == BERTH_OK);
        text = berth_buf_str(&b);
        CHECK(builds[i].name, berth_str_skip(&text, BERTH_STR("before ")));
        CHECK(builds[i].name, berth_sas_parse(text, &t) == BERTH_OK);
        CHECK(builds[i].name, berth_str_eq(t.resource, berth_str_of(builds[i].sr)));
        CHECK(builds[i].name, berth_str_eq(t.policy, berth_str_of(builds[i].skn)));
        CHECK(builds[i].name, t.expiry == builds[i].expiry);
        CHECK(builds[i].name, berth_sas_is_for(&t, resource));
        CHECK(builds[i].name, is_verified(&t, DEVICE_KEY));
        CHECK(builds[i].name, !is_verified(&t, SERVICE_KEY));
    }
    crypto.hmac_release(crypto.ctx, &key);
}

/* Python encodes as we do, and orders the fields so: byte for byte its token. */
static void test_build_as_python(void **state)
{
    char storage[256];
    struct berth_hmac_key key;
    struct berth_buf b;

    (void)state;
    prepare(DEVICE_KEY, &key);
    berth_buf_init(&b, storage, sizeof storage);
    CHECK("build", berth_sas_build(&crypto, &key, BERTH_STR(PROV), 1795447057, (berth_str){ 0 },
                                   &b) == BERTH_OK);
    CHECK("Python's token",
          berth_str_eq(berth_buf_str(&b),
                       BERTH_STR(UPPER "G4tzbZ7MRSy8eMk1WBgji%2Bosw%2Fdydsxt5yAAT6l9PKg%3D"
                                       "&se=1795447057")));
    crypto.hmac_release(crypto.ctx, &key);
}

static void test_build_bounds(void **state)
{
    char storage[BERTH_SAS_MAX + 64];
    char letters[BERTH_SAS_MAX];
    struct berth_hmac_key key;
    struct berth_buf b;
    size_t whole;

    (void)state;
    memset(letters, 'p', sizeof letters);
    prepare(DEVICE_KEY, &key);
    berth_buf_init(&b, storage, sizeof storage);
    CHECK("no resource",
          berth_sas_build(&crypto, &key, BERTH_STR(""), 17, (berth_str){ 0 }, &b) == BERTH_E_RANGE);
    CHECK("negative se", berth_sas_build(&crypto, &key, BERTH_STR("r"), -1, (berth_str){ 0 }, &b) ==
                             BERTH_E_RANGE);
    CHECK("nothing written", b.n == 0);

    CHECK("usual",
          berth_sas_build(&crypto, &key, BERTH_STR("r"), 17, BERTH_STR("p"), &b) == BERTH_OK);
    whole = b.n;
    for (size_t room = 0; room <= whole; room++) {
        char *exact = malloc(room + 1);

        berth_buf_init(&b, exact, room);
        CHECK("room", berth_sas_build(&crypto, &key, BERTH_STR("r"), 17, BERTH_STR("p"), &b) ==
                          (room < whole ? BERTH_E_FULL : BERTH_OK));
        CHECK("all or nothing", b.n == (room < whole ? 0 : whole));
        free(exact);
    }

    /* skn is not signed: with it the length of the whole can be set to the byte. */
    for (size_t n = BERTH_SAS_MAX - 1; n <= BERTH_SAS_MAX + 1; n++) {
        berth_str policy = { letters, n - whole + 1 };

        berth_buf_init(&b, storage, sizeof storage);
        CHECK("bound", berth_sas_build(&crypto, &key, BERTH_STR("r"), 17, policy, &b) ==
                           (n <= BERTH_SAS_MAX ? BERTH_OK : BERTH_E_RANGE));
        CHECK("all or nothing", b.n == (n <= BERTH_SAS_MAX ? n : 0));
    }
    crypto.hmac_release(crypto.ctx, &key);
}

static bool is_zero(const struct berth_sas *t)
{
    static const struct berth_sas zero;

    return memcmp(t, &zero, sizeof zero) == 0;
}

static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(captured); i++) {
        for (size_t n = 0; n < strlen(captured[i].token); n++) {
            char *copy = malloc(n + (n == 0));
            struct berth_sas t;

            memcpy(copy, captured[i].token, n);
            if (berth_sas_parse((berth_str){ copy, n }, &t) == BERTH_OK) {
                /* Cut inside skn, which is not signed, or inside se, which is. */
                CHECK(captured[i].client,
                      t.policy.n < strlen(captured[i].policy == NULL ? "" : captured[i].policy) ||
                          t.expiry < captured[i].expiry);
                CHECK(captured[i].client,
                      t.expiry == captured[i].expiry || !is_verified(&t, captured[i].key));
                (void)berth_sas_is_for(&t, BERTH_STR(PROV));
                (void)berth_sas_covers(&t, BERTH_STR(PROV));
            } else {
                CHECK(captured[i].client, is_zero(&t));
            }
            free(copy);
        }
    }
}

static void test_crypto_failures(void **state)
{
    struct berth_hmac_key key;
    struct berth_sas t;
    struct failing_crypto f;
    struct berth_buf b;
    char storage[256];
    bool ok = true;

    (void)state;
    prepare(DEVICE_KEY, &key);
    CHECK("parse", berth_sas_parse(berth_str_of(captured[0].token), &t) == BERTH_OK);

    failing_crypto_init(&f, &crypto, 1);
    CHECK("verify", berth_sas_verify(&f.seam, &t, &key, &ok) == BERTH_E_CRYPTO);
    CHECK("never verified", !ok);
    CHECK("expected signature wiped", f.wiped >= BERTH_SHA256_SIZE);

    failing_crypto_init(&f, &crypto, 0);
    CHECK("verify", berth_sas_verify(&f.seam, &t, &key, &ok) == BERTH_OK && ok);
    CHECK("compared by the seam", f.compared == BERTH_SHA256_SIZE);
    CHECK("expected signature wiped", f.wiped >= BERTH_SHA256_SIZE);

    for (unsigned at = 1; at <= 2; at++) { /* the inner hash, the outer one */
        struct berth_key once = { .n = 32 };

        ok = true;
        failing_crypto_init(&f, &crypto, at);
        CHECK("once", berth__sas_verify_key(&f.seam, &t, &once, &ok) == BERTH_E_CRYPTO && !ok);
        CHECK("pads and hashes wiped", f.wiped >= BERTH_KEY_MAX + 2 * BERTH_SHA256_SIZE);
    }

    berth_buf_init(&b, storage, sizeof storage);
    failing_crypto_init(&f, &crypto, 1);
    CHECK("build", berth_sas_build(&f.seam, &key, BERTH_STR("r"), 17, (berth_str){ 0 }, &b) ==
                       BERTH_E_CRYPTO);
    CHECK("nothing written", b.n == 0 && !b.over);
    crypto.hmac_release(crypto.ctx, &key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_captured),          cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_signing_mistakes),  cmocka_unit_test(test_build),
        cmocka_unit_test(test_build_as_python),   cmocka_unit_test(test_build_bounds),
        cmocka_unit_test(test_prefixes),          cmocka_unit_test(test_crypto_failures),
        cmocka_unit_test(test_keys_of_all_sizes),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
