#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

#include "berth/openssl.h"
#include "check.h"

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

static void put_hex(const uint8_t *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    out[2 * n] = '\0';
}

/* RFC 4231; case 5 truncates and cases 6 and 7 have keys of 131 bytes, over the seam's bound. */
#define AA20 "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
#define DD10 "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
#define CD10 "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"

static const struct {
    const char *name;
    berth_str key, data;
    const char *mac;
} rfc4231[] = {
    { "case 1",
      BERTH_STR_INIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                     "\x0b"),
      BERTH_STR_INIT("Hi There"),
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "case 2", BERTH_STR_INIT("Jefe"), BERTH_STR_INIT("what do ya want for nothing?"),
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "case 3", BERTH_STR_INIT(AA20), BERTH_STR_INIT(DD10 DD10 DD10 DD10 DD10),
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "case 4",
      BERTH_STR_INIT("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
                     "\x14\x15\x16\x17\x18\x19"),
      BERTH_STR_INIT(CD10 CD10 CD10 CD10 CD10),
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
};

static void test_rfc4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rfc4231); i++) {
        struct berth_hmac_key key;
        uint8_t mac[BERTH_SHA256_SIZE];
        char hex[2 * BERTH_SHA256_SIZE + 1];

        CHECK(rfc4231[i].name, crypto.hmac_prepare(crypto.ctx, (const uint8_t *)rfc4231[i].key.p,
                                                   rfc4231[i].key.n, &key) == BERTH_OK);
        CHECK(rfc4231[i].name, crypto.hmac(crypto.ctx, &key, &rfc4231[i].data, 1, mac) == BERTH_OK);
        put_hex(mac, sizeof mac, hex);
        CHECK(rfc4231[i].name, strcmp(hex, rfc4231[i].mac) == 0);
        crypto.hmac_release(crypto.ctx, &key);
    }
}

static berth_str piece(const uint8_t *p, size_t n)
{
    return (berth_str){ (const char *)p, n };
}

/* One prepared key, many messages in two parts, against the one-shot call. */
static void check_against_oneshot(const uint8_t *bytes, size_t key_n)
{
    struct berth_hmac_key key;

    CHECK("prepare", crypto.hmac_prepare(crypto.ctx, bytes, key_n, &key) == BERTH_OK);
    for (size_t n = 0; n <= 200; n += 7) {
        berth_str parts[] = { piece(bytes, n / 3), { 0 }, piece(bytes + n / 3, n - n / 3) };
        uint8_t got[BERTH_SHA256_SIZE], want[BERTH_SHA256_SIZE];

        CHECK("hmac", crypto.hmac(crypto.ctx, &key, parts, ARRAY_LEN(parts), got) == BERTH_OK);
        CHECK("oracle", HMAC(EVP_sha256(), bytes, (int)key_n, bytes, n, want, NULL) != NULL);
        CHECK("the same", memcmp(got, want, sizeof want) == 0);
    }
    crypto.hmac_release(crypto.ctx, &key);
}

static void test_hmac_oracle(void **state)
{
    static const size_t key_sizes[] = { 1, 2, 16, 31, 32, 33, 63, 64, 65, 127, 128 };
    uint8_t bytes[256];

    (void)state;
    CHECK("random", crypto.random(crypto.ctx, bytes, sizeof bytes) == BERTH_OK);
    for (size_t i = 0; i < ARRAY_LEN(key_sizes); i++)
        check_against_oneshot(bytes, key_sizes[i]);
}

static void test_key_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        berth_err want;
    } rows[] = {
        { "no key", 0, BERTH_E_CRYPTO },
        { "one byte", 1, BERTH_OK },
        { "most", 128, BERTH_OK },
        { "one over", 129, BERTH_E_CRYPTO },
    };
    uint8_t bytes[129] = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct berth_hmac_key key = { .impl = bytes };

        CHECK(rows[i].name,
              crypto.hmac_prepare(crypto.ctx, bytes, rows[i].n, &key) == rows[i].want);
        CHECK(rows[i].name, (key.impl != NULL) == (rows[i].want == BERTH_OK));
        crypto.hmac_release(crypto.ctx, &key);
        CHECK(rows[i].name, key.impl == NULL);
        crypto.hmac_release(crypto.ctx, &key);
    }
}

static void test_released_key(void **state)
{
    struct berth_hmac_key key = { 0 };
    berth_str part = BERTH_STR("x");
    uint8_t mac[BERTH_SHA256_SIZE];

    (void)state;
    CHECK("a released key makes nothing",
          crypto.hmac(crypto.ctx, &key, &part, 1, mac) == BERTH_E_CRYPTO);
}

static void test_two_keys_in_turn(void **state)
{
    struct berth_hmac_key a, b;
    berth_str part = BERTH_STR("message");
    uint8_t first[BERTH_SHA256_SIZE], other[BERTH_SHA256_SIZE], again[BERTH_SHA256_SIZE];

    (void)state;
    CHECK("prepare", crypto.hmac_prepare(crypto.ctx, (const uint8_t *)"a", 1, &a) == BERTH_OK);
    CHECK("prepare", crypto.hmac_prepare(crypto.ctx, (const uint8_t *)"b", 1, &b) == BERTH_OK);
    CHECK("hmac", crypto.hmac(crypto.ctx, &a, &part, 1, first) == BERTH_OK);
    CHECK("hmac", crypto.hmac(crypto.ctx, &b, &part, 1, other) == BERTH_OK);
    CHECK("hmac", crypto.hmac(crypto.ctx, &a, &part, 1, again) == BERTH_OK);
    CHECK("keys do not mix", memcmp(first, again, sizeof first) == 0);
    CHECK("keys differ", memcmp(first, other, sizeof first) != 0);
    crypto.hmac_release(crypto.ctx, &a);
    crypto.hmac_release(crypto.ctx, &b);
}

static void test_sha256(void **state)
{
    static const struct {
        const char *name;
        berth_str parts[2];
        size_t count;
        const char *digest;
    } rows[] = {
        { "no part",
          { { 0 } },
          0,
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc",
          { BERTH_STR_INIT("abc") },
          1,
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abc in two parts",
          { BERTH_STR_INIT("a"), BERTH_STR_INIT("bc") },
          2,
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t digest[BERTH_SHA256_SIZE];
        char hex[2 * BERTH_SHA256_SIZE + 1];

        CHECK(rows[i].name,
              crypto.sha256(crypto.ctx, rows[i].parts, rows[i].count, digest) == BERTH_OK);
        put_hex(digest, sizeof digest, hex);
        CHECK(rows[i].name, strcmp(hex, rows[i].digest) == 0);
    }
}

static void test_random(void **state)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 }, zero[32] = { 0 }, untouched[4] = { 1, 2, 3, 4 };

    (void)state;
    CHECK("random", crypto.random(crypto.ctx, a, sizeof a) == BERTH_OK);
    CHECK("random", crypto.random(crypto.ctx, b, sizeof b) == BERTH_OK);
    CHECK("not zero", memcmp(a, zero, sizeof a) != 0);
    CHECK("not twice the same", memcmp(a, b, sizeof a) != 0);
    CHECK("none", crypto.random(crypto.ctx, untouched, 0) == BERTH_OK);
    CHECK("none written", memcmp(untouched, "\1\2\3\4", 4) == 0);
}

static void test_equal(void **state)
{
    uint8_t a[BERTH_SHA256_SIZE] = { 0 }, b[BERTH_SHA256_SIZE] = { 0 };

    (void)state;
    CHECK("equal", crypto.equal(crypto.ctx, a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] = 0x80;
        CHECK("one byte differs", !crypto.equal(crypto.ctx, a, b, sizeof a));
        CHECK("before that byte", crypto.equal(crypto.ctx, a, b, i));
        b[i] = 0;
    }
}

static void test_wipe(void **state)
{
    uint8_t secret[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    (void)state;
    crypto.wipe(crypto.ctx, secret, 7);
    CHECK("wiped, and no further", memcmp(secret, "\0\0\0\0\0\0\0\10", 8) == 0);
}

/* A context that never got a key makes OpenSSL itself fail. */
static void test_error_queue(void **state)
{
    EVP_MAC *fetched = EVP_MAC_fetch(NULL, "HMAC", NULL);
    struct berth_hmac_key key = { .impl = EVP_MAC_CTX_new(fetched) };
    berth_str part = BERTH_STR("x");
    uint8_t mac[BERTH_SHA256_SIZE];

    (void)state;
    CHECK("a context", key.impl != NULL);
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    CHECK("refused", crypto.hmac(crypto.ctx, &key, &part, 1, mac) == BERTH_E_CRYPTO);
    CHECK("nothing is left for the next TLS call", ERR_peek_error() == 0);
    crypto.hmac_release(crypto.ctx, &key);
    EVP_MAC_free(fetched);
}

static void test_deinit(void **state)
{
    struct berth_crypto c;

    (void)state;
    CHECK("init", berth_openssl_init(&c) == BERTH_OK);
    CHECK("its own context", c.ctx != crypto.ctx);
    berth_openssl_deinit(&c);
    CHECK("gone", c.ctx == NULL && c.hmac == NULL);
    berth_openssl_deinit(&c);
}

static void *work(void *out)
{
    struct berth_crypto c;
    struct berth_hmac_key key;
    berth_str part = BERTH_STR("what do ya want for nothing?");
    uint8_t *mac = out;

    if (berth_openssl_init(&c) != BERTH_OK)
        return NULL;
    if (c.hmac_prepare(c.ctx, (const uint8_t *)"Jefe", 4, &key) == BERTH_OK)
        for (int i = 0; i < 2000; i++)
            if (c.hmac(c.ctx, &key, &part, 1, mac) != BERTH_OK)
                break;
    c.hmac_release(c.ctx, &key);
    berth_openssl_deinit(&c);
    return out;
}

static void test_threads(void **state)
{
    pthread_t threads[3];
    uint8_t macs[ARRAY_LEN(threads)][BERTH_SHA256_SIZE] = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, macs[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        char hex[2 * BERTH_SHA256_SIZE + 1];

        assert_int_equal(pthread_join(threads[i], NULL), 0);
        put_hex(macs[i], BERTH_SHA256_SIZE, hex);
        CHECK("each thread its own seam", strcmp(hex, rfc4231[1].mac) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc4231),
        cmocka_unit_test(test_hmac_oracle),
        cmocka_unit_test(test_key_bounds),
        cmocka_unit_test(test_released_key),
        cmocka_unit_test(test_two_keys_in_turn),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_error_queue),
        cmocka_unit_test(test_deinit),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
