#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/forensics.h"
#include "berth/derive.h"
#include "berth/openssl.h"
#include "check.h"
#include "crypto/b64.h"
#include "failing_crypto.h"
#include "wire/percent.h"

#define GROUP_KEY                                                                                  \
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
#define OTHER_GROUP_KEY "b3RoZXItZ3JvdXAta2V5LW90aGVyLWdyb3VwLWtleSE="
#define ID              "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define DEVICE_KEY      "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
#define SCOPE           "0ne00112233"
#define SR              SCOPE "%2fregistrations%2f" ID
#define SR_UPPER        SCOPE "%2Fregistrations%2F" ID
#define SR_PLAIN        SCOPE "/registrations/" ID
#define NOW             1795445849
#define LATER           (NOW + 3600)

#define M(name) BERTH_MISTAKE_##name

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

/* ---- tokens ---- */

/* How a token comes about; what is NULL or 0 is as it should be. */
struct maker {
    const char *key;       /* base64 of the key that signs */
    const char *key_bytes; /* or these bytes */
    const char *sent, *signed_as, *separator;
    int64_t expiry;
    enum { SIG_ENCODED, SIG_BLANK, SIG_TWICE } sig;
    const char *tail;
};

struct token {
    char text[BERTH_SAS_MAX];
    size_t n;
};

static void put(struct berth_buf *b, const char *text)
{
    berth_buf_put(b, berth_str_of(text));
}

static void sign(const struct maker *m, const char *se, uint8_t mac[BERTH_SHA256_SIZE])
{
    const char *sent = m->sent != NULL ? m->sent : SR;
    const berth_str parts[] = {
        berth_str_of(m->signed_as != NULL ? m->signed_as : sent),
        berth_str_of(m->separator != NULL ? m->separator : "\n"),
        berth_str_of(se),
    };
    struct berth_hmac_key prepared;
    uint8_t key[128];
    size_t n = 0;

    if (m->key_bytes != NULL) {
        n = strlen(m->key_bytes);
        memcpy(key, m->key_bytes, n);
    } else {
        assert_int_equal(berth_b64_decode(berth_str_of(m->key), key, sizeof key, &n), BERTH_OK);
    }
    assert_int_equal(crypto.hmac_prepare(crypto.ctx, key, n, &prepared), BERTH_OK);
    assert_int_equal(crypto.hmac(crypto.ctx, &prepared, parts, 3, mac), BERTH_OK);
    crypto.hmac_release(crypto.ctx, &prepared);
}

static void put_signature(struct berth_buf *b, const struct maker *m,
                          const uint8_t mac[BERTH_SHA256_SIZE])
{
    char once_text[160], sig_text[64];
    struct berth_buf sig, once;

    berth_buf_init(&sig, sig_text, sizeof sig_text);
    berth_b64_put(&sig, mac, BERTH_SHA256_SIZE);
    if (m->sig == SIG_BLANK) {
        for (size_t i = 0; i < sig.n; i++)
            sig_text[i] = sig_text[i] == '+' ? ' ' : sig_text[i];
        berth_buf_put(b, berth_buf_str(&sig));
        return;
    }
    berth_buf_init(&once, once_text, sizeof once_text);
    berth_percent_put(&once, berth_buf_str(&sig));
    if (m->sig == SIG_TWICE)
        berth_percent_put(b, berth_buf_str(&once));
    else
        berth_buf_put(b, berth_buf_str(&once));
}

static bool has_plus(const uint8_t mac[BERTH_SHA256_SIZE])
{
    char text[64];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_b64_put(&b, mac, BERTH_SHA256_SIZE);
    return berth_str_find(berth_buf_str(&b), '+') < b.n;
}

static berth_str make(struct token *t, const struct maker *m)
{
    uint8_t mac[BERTH_SHA256_SIZE];
    int64_t expiry = m->expiry != 0 ? m->expiry : LATER;
    struct berth_buf b;
    char se[24];

    do { /* a '+' is not in every signature */
        snprintf(se, sizeof se, "%lld", (long long)expiry++);
        sign(m, se, mac);
    } while (m->sig == SIG_BLANK && !has_plus(mac));
    berth_buf_init(&b, t->text, sizeof t->text);
    put(&b, "SharedAccessSignature sr=");
    put(&b, m->sent != NULL ? m->sent : SR);
    put(&b, "&sig=");
    put_signature(&b, m, mac);
    put(&b, "&se=");
    put(&b, se);
    put(&b, "&skn=registration");
    put(&b, m->tail != NULL ? m->tail : "");
    assert_false(b.over);
    t->n = b.n;
    return berth_buf_str(&b);
}

/* ---- every known mistake ---- */

static const struct row {
    const char *name;
    struct maker m;
    enum berth_mistake want[2];
    enum berth_reason why; /* NONE: SIGNATURE_UNKNOWN */
    bool has_individual;
    enum berth_suspect_type type;
    const char *id; /* of the device; NULL: ID */
} rows[] = {
    /* the derivation; keys of mistakes.md, computed by another program */
    { .name = "the right key", .m = { .key = DEVICE_KEY } },
    { .name = "group key's base64 text",
      .m = { .key = "/eqtUSc3oy1gyllte8P+6Y0WjjLFOc3tWeUuSgRh8x8=" },
      .want = { M(GROUP_KEY_TEXT) } },
    { .name = "the same without padding",
      .m = { .key = "ksmlgC0BY04V6xWPTw+Pg2nBEOmw1IPYyv22CuBsb2I=" },
      .want = { M(GROUP_KEY_TEXT_UNPADDED) } },
    { .name = "ID in upper case",
      .m = { .key = "9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=" },
      .want = { M(ID_UPPER_CASE) } },
    { .name = "ID and LF",
      .m = { .key = "9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=" },
      .want = { M(ID_LINE_FEED) } },
    { .name = "ID and CR LF",
      .m = { .key = "lF0g/7HBHVAV1uddsfPLtThAptJCb1no5vfkga7Pr9s=" },
      .want = { M(ID_CR_LF) } },
    { .name = "ID in quotes",
      .m = { .key = "n+MaS7u5LSY8FbxD4mspRTm+r1tJDHcmamJFHBtOKZE=" },
      .want = { M(ID_QUOTED) } },
    { .name = "ID as UTF-16",
      .m = { .key = "DBzRsEgMO0MerNnWeyhKIe40H5Mn2TSmjmq6YQEZxUw=" },
      .want = { M(ID_UTF16) } },
    { .name = "HMAC swapped",
      .m = { .key = "EjXTFwePveB925INHSxzEPo4lZ+zXWNjQsplGzoDzE8=" },
      .want = { M(HMAC_SWAPPED) } },
    { .name = "SHA-256",
      .m = { .key = "E9BFoVzIqITEswjJHhSB8yPZO1lovB0tRlAEAH7MsXo=" },
      .want = { M(SHA256_NO_HMAC) } },
    { .name = "derived twice",
      .m = { .key = "53UZuPzGVF/eB/YrsU3NEAUj6Q48VQKM/fhyp9R3Oz4=" },
      .want = { M(DERIVED_TWICE) } },
    { .name = "the group key itself", .m = { .key = GROUP_KEY }, .want = { M(GROUP_KEY_USED) } },
    /* the token */
    { .name = "signed with base64 text",
      .m = { .key_bytes = DEVICE_KEY },
      .want = { M(SIGNED_WITH_TEXT) } },
    { .name = "signed with hex text",
      .m = { .key_bytes = "26c9b49721a98da55854fda0dc59e69e61bd748ffda94db8c0da329149"
                          "9eae67" },
      .want = { M(SIGNED_WITH_HEX) } },
    { .name = "signed with hex text in upper case",
      .m = { .key_bytes = "26C9B49721A98DA55854FDA0DC59E69E61BD748FFDA94DB8C0DA329149"
                          "9EAE67" },
      .want = { M(SIGNED_WITH_HEX) } },
    { .name = "signed decoded, sent encoded",
      .m = { .key = DEVICE_KEY, .signed_as = SR_PLAIN },
      .want = { M(SIGNED_DECODED) } },
    { .name = "signed encoded, sent decoded",
      .m = { .key = DEVICE_KEY, .sent = SR_PLAIN, .signed_as = SR },
      .want = { M(SIGNED_ENCODED) } },
    { .name = "signed encoded in upper-case hex, sent decoded",
      .m = { .key = DEVICE_KEY, .sent = SR_PLAIN, .signed_as = SR_UPPER },
      .want = { M(SIGNED_ENCODED) } },
    { .name = "sent %2f, signed %2F",
      .m = { .key = DEVICE_KEY, .signed_as = SR_UPPER },
      .want = { M(SIGNED_OTHER_HEX) } },
    { .name = "sent %2F, signed %2f",
      .m = { .key = DEVICE_KEY, .sent = SR_UPPER, .signed_as = SR },
      .want = { M(SIGNED_OTHER_HEX) } },
    { .name = "no LF",
      .m = { .key = DEVICE_KEY, .separator = "" },
      .want = { M(LINE_FEED_MISSING) } },
    { .name = "CR LF",
      .m = { .key = DEVICE_KEY, .separator = "\r\n" },
      .want = { M(LINE_FEED_IS_CR_LF) } },
    { .name = "'+' became a blank",
      .m = { .key = DEVICE_KEY, .sig = SIG_BLANK },
      .want = { M(PLUS_BECAME_BLANK) },
      .why = BERTH_WHY_TOKEN_MALFORMED },
    { .name = "sig encoded twice",
      .m = { .key = DEVICE_KEY, .sig = SIG_TWICE },
      .want = { M(SIG_ENCODED_TWICE) },
      .why = BERTH_WHY_TOKEN_MALFORMED },
    { .name = "a line end behind",
      .m = { .key = DEVICE_KEY, .tail = "\r\n" },
      .want = { M(BLANK_AT_END) },
      .why = BERTH_WHY_TOKEN_MALFORMED },
    { .name = "a tab behind",
      .m = { .key = DEVICE_KEY, .tail = "\t" },
      .want = { M(BLANK_AT_END) },
      .why = BERTH_WHY_TOKEN_MALFORMED },
    { .name = "expired",
      .m = { .key = DEVICE_KEY, .expiry = NOW - 1000 },
      .want = { M(EXPIRED_BY) },
      .why = BERTH_WHY_TOKEN_EXPIRED },
    { .name = "expired by five hours: local time",
      .m = { .key = DEVICE_KEY, .expiry = NOW - 5 * 3600 - 3 },
      .want = { M(EXPIRED_LOCAL_TIME) },
      .why = BERTH_WHY_TOKEN_EXPIRED },
    { .name = "expired by three hours and a half: local time",
      .m = { .key = DEVICE_KEY, .expiry = NOW - 7 * 1800 + 3 },
      .want = { M(EXPIRED_LOCAL_TIME) },
      .why = BERTH_WHY_TOKEN_EXPIRED },
    { .name = "expired by forty days",
      .m = { .key = DEVICE_KEY, .expiry = NOW - 40 * 86400 },
      .want = { M(EXPIRED_BY) },
      .why = BERTH_WHY_TOKEN_EXPIRED },
    { .name = "another scope",
      .m = { .key = DEVICE_KEY, .sent = "0ne99999999%2fregistrations%2f" ID },
      .want = { M(SR_OTHER_SCOPE) },
      .why = BERTH_WHY_TOKEN_FOR_OTHER },
    { .name = "another ID",
      .m = { .key = DEVICE_KEY, .sent = SCOPE "%2fregistrations%2fsn-008" },
      .want = { M(SR_OTHER_ID) },
      .why = BERTH_WHY_TOKEN_FOR_OTHER },
    { .name = "of a hub",
      .m = { .key = DEVICE_KEY, .sent = "hub.example%2fdevices%2f" ID },
      .want = { M(SR_OF_HUB) },
      .why = BERTH_WHY_TOKEN_FOR_OTHER },
    { .name = "of no known form",
      .m = { .key = DEVICE_KEY, .sent = SCOPE },
      .want = { M(SR_OTHER_FORM) },
      .why = BERTH_WHY_TOKEN_FOR_OTHER },
    { .name = "sr with a broken escape",
      .m = { .key = DEVICE_KEY, .sent = SCOPE "%2" },
      .want = { M(SR_OTHER_FORM) },
      .why = BERTH_WHY_TOKEN_FOR_OTHER },
    /* what the key is for */
    { .name = "an individual enrollment comes first",
      .m = { .key = DEVICE_KEY },
      .want = { M(INDIVIDUAL_FIRST) },
      .why = BERTH_WHY_SIGNATURE_WRONG,
      .has_individual = true },
    { .name = "a former key",
      .m = { .key = DEVICE_KEY },
      .want = { M(KEY_REPLACED) },
      .type = BERTH_SUSPECT_FORMER },
    /* two at once */
    { .name = "LF behind the ID, and no LF in the token",
      .m = { .key = "9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=", .separator = "" },
      .want = { M(ID_LINE_FEED), M(LINE_FEED_MISSING) } },
    { .name = "the group key's text signs",
      .m = { .key_bytes = GROUP_KEY },
      .want = { M(GROUP_KEY_USED), M(SIGNED_WITH_TEXT) } },
    { .name = "sent encoded and signed plain, with CR LF",
      .m = { .key = DEVICE_KEY, .signed_as = SR_PLAIN, .separator = "\r\n" },
      .want = { M(SIGNED_DECODED), M(LINE_FEED_IS_CR_LF) } },
    { .name = "ID in quotes, '+' a blank",
      .m = { .key = "n+MaS7u5LSY8FbxD4mspRTm+r1tJDHcmamJFHBtOKZE=", .sig = SIG_BLANK },
      .want = { M(ID_QUOTED), M(PLUS_BECAME_BLANK) },
      .why = BERTH_WHY_TOKEN_MALFORMED },
    { .name = "a former key, ID in upper case",
      .m = { .key = "9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=" },
      .want = { M(ID_UPPER_CASE), M(KEY_REPLACED) },
      .type = BERTH_SUSPECT_FORMER },
    /* what the device sends in upper case and derives from so is right */
    { .name = "upper case throughout",
      .m = { .key = "9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=" },
      .id = "SN-007-888-ABC-MAC-A1-B2-C3-D4-E5-F6" },
};

static struct berth_circumstances about(const struct row *r)
{
    return (struct berth_circumstances){
        .why = r->why != BERTH_WHY_NONE ? r->why : BERTH_WHY_SIGNATURE_UNKNOWN,
        .id_scope = BERTH_STR(SCOPE),
        .id = berth_str_of(r->id != NULL ? r->id : ID),
        .has_individual = r->has_individual,
        .now_s = NOW,
    };
}

static struct berth_key decode(const char *text)
{
    struct berth_key k;

    assert_int_equal(berth_key_decode(berth_str_of(text), &k), BERTH_OK);
    return k;
}

/* What comes of the token under the key of SUSPECT. */
static berth_err examine(const struct berth_crypto *c, const struct row *r, const char *suspect,
                         bool *matched, struct berth_finding *f)
{
    struct berth_key key = decode(suspect);
    struct berth_suspect s = { r->type, &key };
    struct berth_circumstances w = about(r);
    struct berth_exhibit x;
    struct token t;
    berth_err e;

    CHECK(r->name, berth_exhibit_read(make(&t, &r->m), &x) == BERTH_OK);
    e = berth_forensics_try(c, &x, w.id, &s, matched, f);
    if (e == BERTH_OK)
        berth_forensics_conclude(&x, &w, r->type, *matched, f);
    return e;
}

static void test_every_mistake(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct berth_finding f;
        bool matched;
        size_t want = r->want[0] == 0 ? 0 : r->want[1] == 0 ? 1 : 2;

        CHECK(r->name, examine(&crypto, r, GROUP_KEY, &matched, &f) == BERTH_OK);
        CHECK(r->name, matched && f.proven == (r->want[0] != M(EXPIRED_LOCAL_TIME)));
        CHECK(r->name, f.count == want);
        CHECK(r->name, f.mistakes[0] == r->want[0] && f.mistakes[1] == r->want[1]);
    }
}

/* Each row of the table of mistakes that a token can prove is in the table above. */
static void test_nothing_is_left_out(void **state)
{
    static const enum berth_mistake elsewhere[] = {
        M(ENROLLMENT_KEY_DERIVED), M(SE_MILLISECONDS), M(SE_AHEAD), M(SE_LONG),
        M(GROUP_CHANGED),          M(DEVICE_SHARED)
    };

    (void)state;
    for (unsigned m = BERTH_MISTAKE_NONE + 1; m < BERTH_MISTAKE_COUNT; m++) {
        bool found = false;

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            found = found || rows[i].want[0] == m;
        for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
            found = found || elsewhere[i] == m;
        CHECK(berth_mistake_row((enum berth_mistake)m)->name, found);
    }
}

/* Another group's key explains nothing of it, but for what can be read off the token. */
static void test_other_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        struct berth_finding f;
        bool matched;

        CHECK(r->name, examine(&crypto, r, OTHER_GROUP_KEY, &matched, &f) == BERTH_OK);
        CHECK(r->name, !matched);
        if (r->why == BERTH_WHY_TOKEN_FOR_OTHER) {
            CHECK(r->name, !f.proven && f.count == 1 && f.mistakes[0] == r->want[0]);
        } else if (r->why == BERTH_WHY_TOKEN_EXPIRED) {
            CHECK(r->name, f.proven == (r->want[0] != M(EXPIRED_LOCAL_TIME)) && f.count == 1 &&
                               f.mistakes[0] == r->want[0]);
        } else {
            CHECK(r->name, !f.proven && f.count == 0);
        }
    }
}

/* Five things are wrong with one token: it is told of the first four. */
static void test_most_mistakes(void **state)
{
    struct row r = { .name = "two in deriving and signing, a line end, a former key",
                     .m = { .key = "9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=",
                            .separator = "",
                            .tail = "\n" },
                     .type = BERTH_SUSPECT_FORMER };
    static const enum berth_mistake want[BERTH_FINDING_MAX] = { M(ID_LINE_FEED),
                                                                M(LINE_FEED_MISSING),
                                                                M(BLANK_AT_END), M(KEY_REPLACED) };

    (void)state;
    for (int fifth = 0; fifth <= 1; fifth++) {
        struct berth_finding f;
        bool matched;

        r.has_individual = fifth == 1;
        CHECK(r.name, examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK && matched);
        CHECK(r.name, f.count == BERTH_FINDING_MAX);
        assert_memory_equal(f.mistakes, want, sizeof want);
    }
}

/* Three at once, of key and message, are not looked for. */
static void test_mistakes_at_once(void **state)
{
    struct row r = { .name = "two", .m = { .key_bytes = GROUP_KEY } };
    struct berth_finding f;
    bool matched;

    (void)state;
    CHECK("two", examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
    CHECK("two", matched && f.count == 2);
    r.m.separator = "";
    CHECK("three", examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
    CHECK("three", !matched && f.count == 0);
}

/* Of an sr that is longer decoded only the form that was sent is tried. */
static void test_longest_coding(void **state)
{
    char plain[1100], sent[sizeof plain + 2];

    (void)state;
    for (size_t n = 1024; n <= 1025; n++) {
        struct row r = { .name = n == 1024 ? "longest" : "too long",
                         .m = { .key = DEVICE_KEY, .sent = sent, .signed_as = plain } };
        struct berth_finding f;
        bool matched;

        memset(plain, 'a', n);
        plain[0] = '/';
        plain[n] = '\0';
        snprintf(sent, sizeof sent, "%%2f%s", plain + 1);
        CHECK(r.name, examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
        CHECK(r.name, matched == (n == 1024));
        CHECK(r.name, !matched || f.mistakes[0] == M(SIGNED_DECODED));
        r.m.signed_as = NULL;
        CHECK(r.name, examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK && matched);
    }
}

static void test_how_long_expired(void **state)
{
    struct row r = { .name = "expired", .m = { .key = DEVICE_KEY, .expiry = NOW - 7200 } };
    struct berth_finding f;
    bool matched;

    (void)state;
    r.why = BERTH_WHY_TOKEN_EXPIRED;
    CHECK("two hours", examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
    CHECK("two hours", f.off_s == 7200);
    for (int late = 0; late <= 1; late++) { /* 26 hours, UTC-12 taken for UTC+14, and two minutes */
        r.m.expiry = NOW - (26 * 3600 + 120 + late);
        CHECK("26 hours", examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
        CHECK("26 hours", f.mistakes[0] == (late == 0 ? M(EXPIRED_LOCAL_TIME) : M(EXPIRED_BY)));
    }
    r.m.expiry = NOW - (26 * 3600 + 1800); /* half hours too, but of no zone */
    CHECK("26 hours and a half", examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
    CHECK("26 hours and a half", f.mistakes[0] == M(EXPIRED_BY));
    r.m.expiry = INT64_MAX;
    CHECK("ahead", examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
    CHECK("ahead", f.count == 0 && f.off_s == 0);
}

/* An individual enrollment's key is the device's own. */
static void test_individual(void **state)
{
    static const struct {
        const char *name;
        struct maker m;
        enum berth_mistake want;
    } cases[] = {
        { "its key", { .key = GROUP_KEY }, M(NONE) },
        { "derived from it", { .key = DEVICE_KEY }, M(ENROLLMENT_KEY_DERIVED) },
        { "its text", { .key_bytes = GROUP_KEY }, M(SIGNED_WITH_TEXT) },
        { "no LF", { .key = GROUP_KEY, .separator = "" }, M(LINE_FEED_MISSING) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct row r = { .name = cases[i].name,
                         .m = cases[i].m,
                         .why = BERTH_WHY_SIGNATURE_WRONG,
                         .has_individual = true,
                         .type = BERTH_SUSPECT_INDIVIDUAL };
        struct berth_finding f;
        bool matched;

        CHECK(r.name, examine(&crypto, &r, GROUP_KEY, &matched, &f) == BERTH_OK);
        CHECK(r.name, matched && f.count == (cases[i].want != M(NONE)));
        CHECK(r.name, f.mistakes[0] == cases[i].want);
    }
}

/* Wherever the crypto library fails: an error, no key left, no match by accident. */
static void test_crypto_failures(void **state)
{
    const struct row *r = &rows[ARRAY_LEN(rows) - 2]; /* two mistakes: nearly everything is tried */
    size_t calls;

    (void)state;
    for (size_t at = 1;; at++) {
        struct failing_crypto failing;
        struct berth_finding f;
        bool matched;
        berth_err e;

        failing_crypto_init(&failing, &crypto, at);
        e = examine(&failing.seam, r, GROUP_KEY, &matched, &f);
        CHECK(r->name, failing.prepared == 0);
        calls = failing.calls;
        if (e == BERTH_OK) {
            CHECK(r->name, matched && at > calls);
            break;
        }
        CHECK(r->name, e == BERTH_E_CRYPTO && !matched);
        CHECK(r->name, failing.wiped > 0);
    }
    CHECK(r->name, calls > 20);
}

/* The work for a signature that nothing explains has a bound. */
static void test_bound_of_work(void **state)
{
    struct failing_crypto counting;
    struct berth_finding f;
    bool matched;

    (void)state;
    failing_crypto_init(&counting, &crypto, 0);
    assert_int_equal(examine(&counting.seam, &rows[1], OTHER_GROUP_KEY, &matched, &f), BERTH_OK);
    assert_true(counting.calls < 300);
}

static void test_ids_at_their_bounds(void **state)
{
    static char longest[BERTH_ID_MAX + 1];
    struct berth_key key = decode(GROUP_KEY);
    struct berth_suspect s = { BERTH_SUSPECT_GROUP, &key };
    struct berth_exhibit x;
    struct berth_finding f;
    struct token t;
    bool matched;
    berth_str id = { longest, BERTH_ID_MAX };

    (void)state;
    memset(longest, 'a', sizeof longest);
    assert_int_equal(berth_exhibit_read(make(&t, &rows[1].m), &x), BERTH_OK);
    CHECK("longest", berth_forensics_try(&crypto, &x, id, &s, &matched, &f) == BERTH_OK);
    id.n++;
    CHECK("too long", berth_forensics_try(&crypto, &x, id, &s, &matched, &f) == BERTH_E_RANGE);
    id.n = 0;
    CHECK("none", berth_forensics_try(&crypto, &x, id, &s, &matched, &f) == BERTH_E_RANGE);
    id.n = 1;
    key.n = 0;
    CHECK("no key", berth_forensics_try(&crypto, &x, id, &s, &matched, &f) == BERTH_E_RANGE);
}

/* ---- reading ---- */

static void test_read(void **state)
{
    static const struct {
        const char *name, *text;
        berth_err want;
    } cases[] = {
        { "no token", "", BERTH_E_SYNTAX },
        { "a word", "Bearer", BERTH_E_SYNTAX },
        { "no sig", "SharedAccessSignature sr=a&se=1", BERTH_E_SYNTAX },
        { "short sig", "SharedAccessSignature sr=a&sig=AAAA&se=1", BERTH_E_SYNTAX },
        { "sig with a broken escape", "sr=a&sig=%2&se=1", BERTH_E_SYNTAX },
        { "no sr", "sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=&se=1", BERTH_E_SYNTAX },
        { "without its scheme", "sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=&se=1",
          BERTH_OK },
        { "sig of 31 bytes", "sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==&se=1",
          BERTH_E_SYNTAX },
        { "sig of 33 bytes", "sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&se=1",
          BERTH_E_SYNTAX },
        { "sig with an escape broken in the second reading", "sr=a&sig=%25zz&se=1",
          BERTH_E_SYNTAX },
        { "stray bits in sig", "sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=&se=1",
          BERTH_E_SYNTAX },
    };
    static char large[BERTH_SAS_MAX + 1];
    struct berth_exhibit x;
    struct token t;
    berth_str whole;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(cases[i].name, berth_exhibit_read(berth_str_of(cases[i].text), &x) == cases[i].want);
    CHECK("NUL behind",
          berth_exhibit_read(BERTH_STR("sr=a&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
                                       "&se=1\0"),
                             &x) == BERTH_OK);
    whole = make(&t, &rows[0].m);
    memset(large, ' ', sizeof large);
    memcpy(large, whole.p, whole.n);
    CHECK("largest", berth_exhibit_read((berth_str){ large, BERTH_SAS_MAX }, &x) == BERTH_OK);
    CHECK("too large",
          berth_exhibit_read((berth_str){ large, BERTH_SAS_MAX + 1 }, &x) == BERTH_E_RANGE);
    for (size_t n = 0; n <= whole.n; n++) { /* the sanitizer sees what is read beyond */
        char *prefix = malloc(n > 0 ? n : 1);

        memcpy(prefix, whole.p, n);
        (void)!berth_exhibit_read((berth_str){ prefix, n }, &x);
        free(prefix);
    }
}

/* A signature of which each character is escaped, twice; and one that is a character longer. */
static void test_longest_signature(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        char text[512] = "sr=a&se=1&sig=";
        struct berth_exhibit x;

        for (size_t i = 0; i < 43 + extra; i++)
            strcat(text, "%2541"); /* A */
        strcat(text, "%253D");
        CHECK("escaped twice", berth_exhibit_read(berth_str_of(text), &x) ==
                                   (extra == 0 ? BERTH_OK : BERTH_E_SYNTAX));
        CHECK("escaped twice", x.spoiled == (extra == 0 ? M(SIG_ENCODED_TWICE) : M(NONE)));
    }
}

static void test_other_id(void **state)
{
    static const struct {
        const char *name, *sr, *want;
    } cases[] = {
        { "its own", SR, "" },
        { "its own in upper case", SCOPE "/registrations/SN-007-888-ABC-MAC-A1-B2-C3-D4-E5-F6",
          "" },
        { "another", SCOPE "%2Fregistrations%2Fsn-008", "sn-008" },
        { "no ID", SCOPE "/registrations/", "" },
        { "what cannot be one", SCOPE "/registrations/a b", "" },
        { "of a hub", "hub/devices/dev-1", "dev-1" },
    };
    struct row r = { .name = "" };
    struct berth_circumstances w = about(&r);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_exhibit x = { .resource = berth_str_of(cases[i].sr) };
        char storage[BERTH_ID_MAX];

        CHECK(cases[i].name,
              berth_str_eq(berth_forensics_other_id(&x, &w, storage), berth_str_of(cases[i].want)));
    }
}

/* ---- warnings ---- */

static void test_warn(void **state)
{
    static const struct {
        const char *name;
        int64_t expiry;
        enum berth_mistake want;
    } cases[] = {
        { "an hour", NOW + 3600, M(NONE) },
        { "an hour, by a clock that is a minute fast", NOW + 3660, M(NONE) },
        { "just expired", NOW - 10, M(NONE) },
        { "a life of its own", NOW + 5 * 3600 + 800, M(NONE) },
        { "a day", NOW + 86400, M(NONE) },
        { "a year", NOW + (int64_t)366 * 86400, M(NONE) },
        { "over a year", NOW + (int64_t)366 * 86400 + 1, M(SE_LONG) },
        { "milliseconds", (int64_t)LATER * 1000, M(SE_MILLISECONDS) },
        { "the largest", INT64_MAX, M(SE_MILLISECONDS) },
        { "an hour east", NOW + 2 * 3600, M(SE_AHEAD) },
        { "an hour east, sent late", NOW + 2 * 3600 - 100, M(SE_AHEAD) },
        { "India", NOW + 3600 + 11 * 1800, M(SE_AHEAD) },
        { "Kiribati", NOW + 15 * 3600, M(SE_AHEAD) },
        { "Kiribati, by a clock that is fast", NOW + 15 * 3600 + 120, M(SE_AHEAD) },
        { "by one that is faster", NOW + 15 * 3600 + 121, M(NONE) },
        { "beyond Kiribati", NOW + 31 * 1800, M(NONE) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_sas t = { .expiry = cases[i].expiry };
        int64_t ahead;

        CHECK(cases[i].name, berth_forensics_warn(&t, NOW, &ahead) == cases[i].want);
        CHECK(cases[i].name, ahead == (t.expiry > NOW ? t.expiry - NOW : 0));
    }
}

/* A signature proves; a distance in time only suggests. */
static void test_inferred(void **state)
{
    (void)state;
    for (int m = 0; m < BERTH_MISTAKE_COUNT; m++)
        assert_int_equal(berth_mistake_is_inferred((enum berth_mistake)m),
                         m == BERTH_MISTAKE_EXPIRED_LOCAL_TIME || m == BERTH_MISTAKE_SE_AHEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mistake),  cmocka_unit_test(test_nothing_is_left_out),
        cmocka_unit_test(test_other_key),      cmocka_unit_test(test_how_long_expired),
        cmocka_unit_test(test_individual),     cmocka_unit_test(test_crypto_failures),
        cmocka_unit_test(test_bound_of_work),  cmocka_unit_test(test_ids_at_their_bounds),
        cmocka_unit_test(test_read),           cmocka_unit_test(test_other_id),
        cmocka_unit_test(test_warn),           cmocka_unit_test(test_inferred),
        cmocka_unit_test(test_most_mistakes),  cmocka_unit_test(test_mistakes_at_once),
        cmocka_unit_test(test_longest_coding), cmocka_unit_test(test_longest_signature),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
