/* Attestation: who is accepted, who is refused and for which cause. */
#include "prov/attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/sas.h"
#include "crypto/b64.h"
#include "unit/check.h"
#include "unit/failing_crypto.h"
#include "unit/rig_world.h"
#include "wire/percent.h"

#define NOW_S      (WORLD_NOW_MS / 1000)
#define DEVICE_KEY "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
#define SR_RAW     WORLD_SCOPE "/registrations/" WORLD_ID
#define SR         WORLD_SCOPE "%2Fregistrations%2F" WORLD_ID
#define THIRD_KEY  "dGhpcmQga2V5IG9mIDMyIGJ5dGVzLCBvZiBub2JvZHk="

#define GROUP(id, primary, secondary)                                                              \
    "{\"enrollmentGroupId\":\"" id "\",\"attestation\":{\"type\":\"symmetricKey\","                \
    "\"symmetricKey\":{\"primaryKey\":\"" primary "\",\"secondaryKey\":\"" secondary "\"}}}"

static int set_up(void **state)
{
    static struct world w;

    world_init(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    world_deinit(*state);
    return 0;
}

/* ---- tokens, right and wrong ---- */

struct signing {
    berth_str key;         /* bytes */
    const char *signed_sr; /* NULL: as it is sent */
    const char *joint;     /* between sr and se; NULL: LF */
    const char *sr;
    int64_t se;
    const char *more; /* after se */
    bool bare_sig;    /* not percent-encoded, '+' become a blank on the way */
};

static const char *sign(const struct berth_crypto *c, const struct signing *s)
{
    static char token[2048];
    char plain[64], encoded[256], se[24];
    const char *signed_sr = s->signed_sr != NULL ? s->signed_sr : s->sr;
    const char *joint = s->joint != NULL ? s->joint : "\n";
    berth_str parts[3] = { berth_str_of(signed_sr), berth_str_of(joint) };
    struct berth_hmac_key key;
    uint8_t mac[BERTH_SHA256_SIZE];
    struct berth_buf b, e;

    (void)snprintf(se, sizeof se, "%lld", (long long)s->se);
    parts[2] = berth_str_of(se);
    assert_int_equal(c->hmac_prepare(c->ctx, (const uint8_t *)s->key.p, s->key.n, &key), BERTH_OK);
    assert_int_equal(c->hmac(c->ctx, &key, parts, 3, mac), BERTH_OK);
    c->hmac_release(c->ctx, &key);
    berth_buf_init(&b, plain, sizeof plain);
    berth_b64_put(&b, mac, sizeof mac);
    berth_buf_init(&e, encoded, sizeof encoded);
    for (size_t i = 0; s->bare_sig && i < b.n; i++)
        berth_buf_put_char(&e, plain[i] == '+' ? ' ' : plain[i]);
    if (!s->bare_sig)
        berth_percent_put(&e, berth_buf_str(&b));
    (void)snprintf(token, sizeof token, "SharedAccessSignature sr=%s&sig=%.*s&se=%s%s", s->sr,
                   BERTH_STR_ARG(berth_buf_str(&e)), se, s->more != NULL ? s->more : "");
    return token;
}

static struct berth_key decoded(const char *base64)
{
    struct berth_key k;

    assert_int_equal(berth_key_decode(berth_str_of(base64), &k), BERTH_OK);
    return k;
}

static berth_str bytes_of(const struct berth_key *k)
{
    return (berth_str){ (const char *)k->bytes, k->n };
}

static struct berth_registration_request request(const char *id, const char *token)
{
    struct berth_registration_request req = { .id_scope = BERTH_STR(WORLD_SCOPE),
                                              .registration_id = berth_str_of(id) };

    if (token != NULL) {
        req.credential.type = BERTH_CREDENTIAL_SAS;
        req.credential.u.sas = berth_str_of(token);
    }
    return req;
}

static bool no_key_in(const struct berth_attestation *a)
{
    static const struct berth_key_pair none;

    return memcmp(&a->device_keys, &none, sizeof none) == 0;
}

/* BERTH_WHY_NONE when accepted. */
static enum berth_reason attest(struct world *w, const char *id, const char *token,
                                const struct berth_enrollment *individual,
                                struct berth_attestation *out)
{
    struct berth_registration_request req = request(id, token);

    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, individual, BERTH_STR(""), NULL, NOW_S, out),
        BERTH_OK);
    if (out->verdict == BERTH_ACCEPT) {
        assert_int_equal(out->reason, BERTH_WHY_NONE);
        assert_non_null(out->enrollment);
        return BERTH_WHY_NONE;
    }
    assert_int_equal(out->verdict, BERTH_REFUSE);
    assert_int_not_equal(out->reason, BERTH_WHY_NONE);
    assert_true(no_key_in(out));
    return out->reason;
}

static const char *good_token(struct world *w, const char *key, const char *sr)
{
    struct berth_key k = decoded(key);

    return sign(&w->crypto, &(struct signing){ .key = bytes_of(&k), .sr = sr, .se = NOW_S + 3600 });
}

/* ---- mistakes on the way from the group's key to the device's ---- */

static const struct {
    const char *name, *key;
    enum berth_reason want;
} derivations[] = {
    { "right", DEVICE_KEY, BERTH_WHY_NONE },
    { "group key's text as key",
      "/eqtUSc3oy1gyllte8P+6Y0WjjLFOc3tWeUuSgRh8x8=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "its text without padding",
      "ksmlgC0BY04V6xWPTw+Pg2nBEOmw1IPYyv22CuBsb2I=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "ID in upper case",
      "9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "ID and LF", "9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "ID and CR LF", "lF0g/7HBHVAV1uddsfPLtThAptJCb1no5vfkga7Pr9s=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "ID in quotes", "n+MaS7u5LSY8FbxD4mspRTm+r1tJDHcmamJFHBtOKZE=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "ID in UTF-16", "DBzRsEgMO0MerNnWeyhKIe40H5Mn2TSmjmq6YQEZxUw=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "HMAC's arguments swapped",
      "EjXTFwePveB925INHSxzEPo4lZ+zXWNjQsplGzoDzE8=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "a digest instead of an HMAC",
      "E9BFoVzIqITEswjJHhSB8yPZO1lovB0tRlAEAH7MsXo=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "derived twice",
      "53UZuPzGVF/eB/YrsU3NEAUj6Q48VQKM/fhyp9R3Oz4=", BERTH_WHY_SIGNATURE_UNKNOWN },
    { "the group key itself", WORLD_GROUP_KEY, BERTH_WHY_SIGNATURE_UNKNOWN },
};

static void test_derivation_mistakes(void **state)
{
    struct world *w = *state;
    struct berth_enrollment individual = { .id = BERTH_STR(WORLD_ID),
                                           .attestation = BERTH_ATTEST_SYMMETRIC_KEY,
                                           .keys = { decoded(DEVICE_KEY), decoded(THIRD_KEY) } };

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    for (size_t i = 0; i < ARRAY_LEN(derivations); i++) {
        const char *token = good_token(w, derivations[i].key, SR);
        struct berth_attestation a;
        CHECK(derivations[i].name, attest(w, WORLD_ID, token, NULL, &a) == derivations[i].want);
        CHECK(derivations[i].name,
              attest(w, WORLD_ID, token, &individual, &a) == (derivations[i].want == BERTH_WHY_NONE
                                                                  ? BERTH_WHY_NONE
                                                                  : BERTH_WHY_SIGNATURE_WRONG));
    }
}

/* ---- mistakes in the token ---- */

#define HEX_KEY "26c9b49721a98da55854fda0dc59e69e61bd748ffda94db8c0da3291499eae67"

static const struct {
    const char *name;
    const char *key; /* text used as bytes; NULL: the right key */
    const char *signed_sr, *joint, *sr, *more;
    int64_t after; /* expiry from now */
    bool bare_sig;
    enum berth_reason want;
} tokens[] = {
    { "encoded, upper hex", NULL, NULL, NULL, SR, NULL, 60, false, BERTH_WHY_NONE },
    { "encoded, lower hex", NULL, NULL, NULL, WORLD_SCOPE "%2fregistrations%2f" WORLD_ID, NULL, 60,
      false, BERTH_WHY_NONE },
    { "not encoded", NULL, NULL, NULL, SR_RAW, NULL, 60, false, BERTH_WHY_NONE },
    { "upper case", NULL, NULL, NULL,
      "0NE00000001%2FREGISTRATIONS%2FSN-007-888-ABC-MAC-A1-B2-C3-D4-E5-F6", NULL, 60, false,
      BERTH_WHY_NONE },
    { "skn registration", NULL, NULL, NULL, SR, "&skn=registration", 60, false, BERTH_WHY_NONE },
    { "expiry in milliseconds", NULL, NULL, NULL, SR, NULL, INT64_C(1700000000000), false,
      BERTH_WHY_NONE },
    { "signed with the key's base64", DEVICE_KEY, NULL, NULL, SR, NULL, 60, false,
      BERTH_WHY_SIGNATURE_UNKNOWN },
    { "signed with the key's hex", HEX_KEY, NULL, NULL, SR, NULL, 60, false,
      BERTH_WHY_SIGNATURE_UNKNOWN },
    { "signed the decoded sr", NULL, SR_RAW, NULL, SR, NULL, 60, false,
      BERTH_WHY_SIGNATURE_UNKNOWN },
    { "sent the decoded sr", NULL, SR, NULL, SR_RAW, NULL, 60, false, BERTH_WHY_SIGNATURE_UNKNOWN },
    { "no LF", NULL, NULL, "", SR, NULL, 60, false, BERTH_WHY_SIGNATURE_UNKNOWN },
    { "CR LF", NULL, NULL, "\r\n", SR, NULL, 60, false, BERTH_WHY_SIGNATURE_UNKNOWN },
    { "another scope", NULL, NULL, NULL, "0ne00000002%2Fregistrations%2F" WORLD_ID, NULL, 60, false,
      BERTH_WHY_TOKEN_FOR_OTHER },
    { "another ID", NULL, NULL, NULL, WORLD_SCOPE "%2Fregistrations%2Fsn-008", NULL, 60, false,
      BERTH_WHY_TOKEN_FOR_OTHER },
    { "a hub's device", NULL, NULL, NULL, "hub.example%2Fdevices%2F" WORLD_ID, NULL, 60, false,
      BERTH_WHY_TOKEN_FOR_OTHER },
    { "the scope alone", NULL, NULL, NULL, WORLD_SCOPE, NULL, 60, false,
      BERTH_WHY_TOKEN_FOR_OTHER },
    { "a path below", NULL, NULL, NULL, SR "%2Fregister", NULL, 60, false,
      BERTH_WHY_TOKEN_FOR_OTHER },
    { "encoded twice", NULL, NULL, NULL, WORLD_SCOPE "%252Fregistrations%252F" WORLD_ID, NULL, 60,
      false, BERTH_WHY_TOKEN_FOR_OTHER },
    { "an unknown field", NULL, NULL, NULL, SR, "&x=1", 60, false, BERTH_WHY_TOKEN_MALFORMED },
    { "expiry twice", NULL, NULL, NULL, SR, "&se=9999999999", 60, false,
      BERTH_WHY_TOKEN_MALFORMED },
    { "last second of the skew", NULL, NULL, NULL, SR, NULL, -BERTH_SAS_SKEW_S + 1, false,
      BERTH_WHY_NONE },
    { "expired", NULL, NULL, NULL, SR, NULL, -BERTH_SAS_SKEW_S, false, BERTH_WHY_TOKEN_EXPIRED },
    { "expired for long", NULL, NULL, NULL, SR, NULL, -NOW_S, false, BERTH_WHY_TOKEN_EXPIRED },
    { "expired, and another's key: the key is the cause", DEVICE_KEY, NULL, NULL, SR, NULL,
      -BERTH_SAS_SKEW_S, false, BERTH_WHY_SIGNATURE_UNKNOWN },
};

static void test_token_mistakes(void **state)
{
    struct world *w = *state;
    struct berth_key right = decoded(DEVICE_KEY);

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct signing s = { .key = tokens[i].key == NULL ? bytes_of(&right)
                                                          : berth_str_of(tokens[i].key),
                             .signed_sr = tokens[i].signed_sr,
                             .joint = tokens[i].joint,
                             .sr = tokens[i].sr,
                             .se = NOW_S + tokens[i].after,
                             .more = tokens[i].more };
        struct berth_attestation a;
        enum berth_reason got = attest(w, WORLD_ID, sign(&w->crypto, &s), NULL, &a);
        if (got != tokens[i].want)
            fail_msg("%s: %s", tokens[i].name, berth_reason_row(got)->name);
    }
}

static void test_blank_for_plus(void **state)
{
    struct world *w = *state;
    struct berth_key right = decoded(DEVICE_KEY);
    struct signing s = { .key = bytes_of(&right), .sr = SR, .se = NOW_S, .bare_sig = true };
    struct berth_attestation a;

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    while (strchr(strchr(sign(&w->crypto, &s), ' ') + 1, ' ') == NULL)
        s.se++;
    assert_int_equal(attest(w, WORLD_ID, sign(&w->crypto, &s), NULL, &a),
                     BERTH_WHY_TOKEN_MALFORMED);
}

static void test_request_forms(void **state)
{
    struct world *w = *state;
    const char *token = good_token(w, DEVICE_KEY, SR);
    struct berth_registration_request req = request(WORLD_ID, token);
    struct berth_attestation a;

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    assert_int_equal(attest(w, WORLD_ID, NULL, NULL, &a), BERTH_WHY_CREDENTIAL_MISSING);
    assert_int_equal(attest(w, WORLD_ID, "", NULL, &a), BERTH_WHY_TOKEN_MALFORMED);
    assert_int_equal(attest(w, "a b", token, NULL, &a), BERTH_WHY_REGISTRATION_ID_INVALID);
    assert_int_equal(attest(w, "sn-008", token, NULL, &a), BERTH_WHY_TOKEN_FOR_OTHER);
    req.id_scope = BERTH_STR("0NE00000001"); /* the device may spell it so */
    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), NULL, NOW_S, &a),
        BERTH_OK);
    assert_int_equal(a.verdict, BERTH_ACCEPT);
    req.id_scope = BERTH_STR("0ne00000002");
    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), NULL, NOW_S, &a),
        BERTH_OK);
    assert_int_equal(a.reason, BERTH_WHY_WRONG_ID_SCOPE);
    req.id_scope = BERTH_STR("");
    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), NULL, NOW_S, &a),
        BERTH_OK);
    assert_int_equal(a.reason, BERTH_WHY_WRONG_ID_SCOPE);
}

/* The longest ID of the longest scope; a longer scope is no service's, even if it says so. */
static void test_scope_bound(void **state)
{
    struct world *w = *state;
    char scope[65], id[BERTH_ID_MAX + 1], sr[256];

    memset(scope, 's', sizeof scope);
    memset(id, 'd', sizeof id);
    id[BERTH_ID_MAX] = '\0';
    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    for (size_t n = 64; n <= sizeof scope; n++) {
        berth_str text = { scope, n };
        struct berth_registration_request req;
        struct berth_attestation a;

        (void)snprintf(sr, sizeof sr, "%.*s/registrations/%s", BERTH_STR_ARG(text), id);
        req = request(id, good_token(w, world_derive(w, WORLD_GROUP_KEY, id), sr));
        req.id_scope = w->catalog.id_scope = text;
        assert_int_equal(
            berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), NULL, NOW_S, &a),
            BERTH_OK);
        assert_int_equal(a.reason, n == 64 ? BERTH_WHY_NONE : BERTH_WHY_WRONG_ID_SCOPE);
    }
}

/* ---- who vouches ---- */

static void test_slots_and_device_keys(void **state)
{
    struct world *w = *state;
    struct berth_key primary = decoded(DEVICE_KEY);
    struct berth_key secondary = decoded(world_derive(w, WORLD_OTHER_KEY, WORLD_ID));
    const char *other = world_derive(w, WORLD_OTHER_KEY, WORLD_ID);
    struct berth_attestation a;

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    assert_int_equal(attest(w, WORLD_ID, good_token(w, DEVICE_KEY, SR), NULL, &a), BERTH_WHY_NONE);
    assert_int_equal(a.slot, BERTH_SLOT_PRIMARY);
    assert_int_equal(attest(w, WORLD_ID, good_token(w, other, SR), NULL, &a), BERTH_WHY_NONE);
    assert_int_equal(a.slot, BERTH_SLOT_SECONDARY);
    /* whichever was used, the hub's device gets both */
    assert_memory_equal(&a.device_keys.primary, &primary, sizeof primary);
    assert_memory_equal(&a.device_keys.secondary, &secondary, sizeof secondary);
    assert_ptr_equal(a.group, &w->group_views[0]);
    assert_ptr_equal(a.enrollment, &w->groups[0]);
}

static void test_individual_stands_before_the_group(void **state)
{
    struct world *w = *state;
    struct berth_enrollment mine = { .id = BERTH_STR(WORLD_ID),
                                     .attestation = BERTH_ATTEST_SYMMETRIC_KEY,
                                     .keys = { decoded(THIRD_KEY), decoded(WORLD_OTHER_KEY) } };
    struct berth_attestation a;

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    assert_int_equal(attest(w, WORLD_ID, good_token(w, DEVICE_KEY, SR), &mine, &a),
                     BERTH_WHY_SIGNATURE_WRONG);
    assert_null(a.enrollment);
    assert_int_equal(attest(w, WORLD_ID, good_token(w, THIRD_KEY, SR), &mine, &a), BERTH_WHY_NONE);
    assert_int_equal(a.slot, BERTH_SLOT_PRIMARY);
    assert_int_equal(attest(w, WORLD_ID, good_token(w, WORLD_OTHER_KEY, SR), &mine, &a),
                     BERTH_WHY_NONE);
    assert_int_equal(a.slot, BERTH_SLOT_SECONDARY);
    assert_ptr_equal(a.enrollment, &mine);
    assert_null(a.group);
    assert_memory_equal(&a.device_keys, &mine.keys, sizeof mine.keys);
    mine.enabled = false; /* attests all the same: what follows is for others to say */
    assert_int_equal(attest(w, WORLD_ID, good_token(w, THIRD_KEY, SR), &mine, &a), BERTH_WHY_NONE);
    mine.attestation = BERTH_ATTEST_NONE;
    assert_int_equal(attest(w, WORLD_ID, good_token(w, THIRD_KEY, SR), &mine, &a),
                     BERTH_WHY_ATTESTATION_OTHER);
}

static void test_absent_keys_vouch_for_nobody(void **state)
{
    struct world *w = *state;
    struct berth_enrollment keyless = { .id = BERTH_STR(WORLD_ID),
                                        .attestation = BERTH_ATTEST_SYMMETRIC_KEY };
    static const uint8_t zeros[64];
    struct signing s = { .key = { (const char *)zeros, 64 }, .sr = SR, .se = NOW_S + 60 };
    const char *token = sign(&w->crypto, &s); /* HMAC pads an empty key with zeros */
    struct berth_attestation a;

    assert_int_equal(attest(w, WORLD_ID, token, NULL, &a), BERTH_WHY_NOT_ENROLLED);
    assert_int_equal(attest(w, WORLD_ID, token, &keyless, &a), BERTH_WHY_SIGNATURE_WRONG);
    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    assert_int_equal(attest(w, WORLD_ID, token, NULL, &a), BERTH_WHY_SIGNATURE_UNKNOWN);
    w->group_views[0].primary = NULL; /* another attestation than symmetric keys */
    assert_int_equal(attest(w, WORLD_ID, good_token(w, DEVICE_KEY, SR), NULL, &a),
                     BERTH_WHY_NOT_ENROLLED);
}

#define UPPER "SN-007-ABC"
#define LOWER "sn-007-abc"

static void test_upper_case_ids(void **state)
{
    static const struct {
        const char *name, *id, *sr, *derived_from;
        enum berth_reason want;
    } cases[] = {
        { "as the device spells it", UPPER, WORLD_SCOPE "/registrations/" UPPER, UPPER,
          BERTH_WHY_NONE },
        { "as the service keeps it", UPPER, WORLD_SCOPE "/registrations/" UPPER, LOWER,
          BERTH_WHY_NONE },
        { "sr in another spelling", UPPER, WORLD_SCOPE "/registrations/" LOWER, LOWER,
          BERTH_WHY_NONE },
        { "a spelling that the device does not use", LOWER, WORLD_SCOPE "/registrations/" LOWER,
          UPPER, BERTH_WHY_SIGNATURE_UNKNOWN },
        { "a third spelling", UPPER, WORLD_SCOPE "/registrations/" UPPER, "Sn-007-abc",
          BERTH_WHY_SIGNATURE_UNKNOWN },
    };
    struct world *w = *state;

    world_add_group(w, "g", GROUP("g", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *key = world_derive(w, WORLD_GROUP_KEY, cases[i].derived_from);
        struct berth_key used = decoded(key);
        struct berth_attestation a;
        enum berth_reason got = attest(w, cases[i].id, good_token(w, key, cases[i].sr), NULL, &a);
        CHECK(cases[i].name, got == cases[i].want);
        CHECK(cases[i].name,
              got != BERTH_WHY_NONE || memcmp(&a.device_keys.primary, &used, sizeof used) == 0);
    }
}

/* ---- how much work it is ---- */

static void add_eight_groups(struct world *w)
{
    world_add_group(w, "G1", GROUP("G1", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G2", GROUP("G2", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G3", GROUP("G3", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G4", GROUP("G4", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G5", GROUP("G5", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G6", GROUP("G6", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G7", GROUP("G7", THIRD_KEY, THIRD_KEY));
    world_add_group(w, "G8", GROUP("G8", WORLD_GROUP_KEY, WORLD_OTHER_KEY));
}

static void test_last_group_first(void **state)
{
    /* two derivations, a key prepared, a signature; a group that is not the one does the last two
     * twice */
    const size_t right = 4, wrong = 6;
    static const struct {
        const char *name, *last;
        size_t wrong_before;
    } cases[] = {
        { "known", "g8", 0 },
        { "never registered", "", 7 },
        { "moved from another group", "g3", 8 }, /* g3 is met again */
        { "its group is gone", "g9", 7 },
    };
    struct world *w = *state;

    add_eight_groups(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct berth_registration_request req = request(WORLD_ID, good_token(w, DEVICE_KEY, SR));
        struct failing_crypto f;
        struct berth_attestation a;
        failing_crypto_init(&f, &w->crypto, 0);
        CHECK(cases[i].name,
              berth_attest(&f.seam, &req, &w->catalog, NULL, berth_str_of(cases[i].last), NULL,
                           NOW_S, &a) == BERTH_OK);
        CHECK(cases[i].name, a.verdict == BERTH_ACCEPT && a.group == &w->group_views[7]);
        CHECK(cases[i].name, f.calls == cases[i].wrong_before * wrong + right);
        CHECK(cases[i].name, f.prepared == 0);
    }
}

/* Three groups a call, whoever is asked for: what one call would have said, and no call does more.
 */
static void test_a_part_at_a_time(void **state)
{
    static const struct {
        const char *name, *id, *derived_from;
        int calls;
        enum berth_verdict verdict;
    } cases[] = {
        { "the last group", LOWER, LOWER, 3, BERTH_ACCEPT },
        { "nobody's", LOWER, "somebody-else", 3, BERTH_REFUSE },
        { "the last group, the ID in lower case", UPPER, LOWER, 6, BERTH_ACCEPT },
        { "nobody's, two spellings", UPPER, "somebody-else", 6, BERTH_REFUSE },
    };
    struct world *w = *state;

    add_eight_groups(w);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char sr[256];
        struct berth_search search = { .most = 3 };
        struct berth_registration_request req;
        struct failing_crypto f;
        struct berth_attestation a;
        int calls = 0;
        (void)snprintf(sr, sizeof sr, WORLD_SCOPE "/registrations/%s", cases[i].id);
        req = request(cases[i].id,
                      good_token(w, world_derive(w, WORLD_GROUP_KEY, cases[i].derived_from), sr));
        do {
            failing_crypto_init(&f, &w->crypto, 0);
            CHECK(cases[i].name, berth_attest(&f.seam, &req, &w->catalog, NULL, BERTH_STR(""),
                                              &search, NOW_S, &a) == BERTH_OK);
            CHECK(cases[i].name, f.calls <= 3 * 6);
            CHECK(cases[i].name, a.verdict != BERTH_UNDECIDED || no_key_in(&a));
        } while (++calls < 100 && a.verdict == BERTH_UNDECIDED);
        CHECK(cases[i].name, a.verdict == cases[i].verdict);
        CHECK(cases[i].name, calls == cases[i].calls);
    }
}

/* Groups that come and go in between: none that stays is passed over. */
static void test_groups_change_during_a_search(void **state)
{
    struct world *w = *state;
    struct berth_registration_request req = request(WORLD_ID, good_token(w, DEVICE_KEY, SR));
    struct berth_search search = { .most = 3 };
    struct berth_attestation a;

    add_eight_groups(w);
    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), &search, NOW_S, &a),
        BERTH_OK);
    assert_int_equal(a.verdict, BERTH_UNDECIDED);
    w->catalog.groups += 4; /* g1 to g4, the last one tried among them, are gone */
    w->catalog.group_count -= 4;
    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), &search, NOW_S, &a),
        BERTH_OK);
    assert_int_equal(a.verdict, BERTH_UNDECIDED);
    assert_int_equal(
        berth_attest(&w->crypto, &req, &w->catalog, NULL, BERTH_STR(""), &search, NOW_S, &a),
        BERTH_OK);
    assert_int_equal(a.verdict, BERTH_ACCEPT);
    assert_ptr_equal(a.group, &w->group_views[7]);
}

/* ---- a crypto library that fails ---- */

static void check_failures(struct world *w, const char *name,
                           const struct berth_registration_request *req,
                           const struct berth_enrollment *individual, enum berth_verdict at_last)
{
    struct failing_crypto f;
    struct berth_attestation a;
    size_t n = 0;
    berth_err e;

    do {
        memset(&a, 0x5a, sizeof a);
        failing_crypto_init(&f, &w->crypto, ++n);
        e = berth_attest(&f.seam, req, &w->catalog, individual, BERTH_STR(""), NULL, NOW_S, &a);
        CHECK(name, f.prepared == 0);
        if (f.calls < n)
            break;
        CHECK(name, e == BERTH_E_CRYPTO);
        CHECK(name, a.verdict == BERTH_REFUSE && a.enrollment == NULL && a.group == NULL);
        CHECK(name, no_key_in(&a));
    } while (n < 1000);
    CHECK(name, n > 2 && n < 1000);
    CHECK(name, e == BERTH_OK && a.verdict == at_last);
}

static void test_failing_crypto(void **state)
{
    struct world *w = *state;
    struct berth_enrollment mine = { .id = BERTH_STR(WORLD_ID),
                                     .attestation = BERTH_ATTEST_SYMMETRIC_KEY,
                                     .keys = { decoded(WORLD_OTHER_KEY), decoded(THIRD_KEY) } };
    struct berth_registration_request req = request(WORLD_ID, good_token(w, DEVICE_KEY, SR));

    add_eight_groups(w);
    check_failures(w, "the last group's primary key", &req, NULL, BERTH_ACCEPT);
    check_failures(w, "nobody's", &req, &mine, BERTH_REFUSE);
    req = request(WORLD_ID, good_token(w, world_derive(w, WORLD_OTHER_KEY, WORLD_ID), SR));
    check_failures(w, "its secondary key", &req, NULL, BERTH_ACCEPT);
    req = request(WORLD_ID, good_token(w, THIRD_KEY, SR));
    check_failures(w, "an individual's secondary key", &req, &mine, BERTH_ACCEPT);
    req = request(UPPER, good_token(w, world_derive(w, WORLD_GROUP_KEY, LOWER),
                                    WORLD_SCOPE "/registrations/" UPPER));
    check_failures(w, "the ID in lower case", &req, NULL, BERTH_ACCEPT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_derivation_mistakes),
        TEST(test_token_mistakes),
        TEST(test_blank_for_plus),
        TEST(test_request_forms),
        TEST(test_scope_bound),
        TEST(test_slots_and_device_keys),
        TEST(test_individual_stands_before_the_group),
        TEST(test_absent_keys_vouch_for_nobody),
        TEST(test_upper_case_ids),
        TEST(test_last_group_first),
        TEST(test_a_part_at_a_time),
        TEST(test_groups_change_during_a_search),
        TEST(test_failing_crypto),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
