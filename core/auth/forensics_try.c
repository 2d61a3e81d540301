/* One key, every known mistake: which of them gives the signature that was received. */
#include <string.h>

#include "auth/forensics.h"
#include "crypto/b64.h"
#include "wire/percent.h"

#define HMAC_KEY_MAX 128  /* berth/crypto.h */
#define CODED_MAX    1024 /* bytes of an sr that is tried in other codings */
#define CODINGS_MAX  4
#define SEPARATORS   3
#define BYTES_MAX    (2 * BERTH_ID_MAX + 2) /* an ID in UTF-16; a key in hex is shorter */
#define MISTAKES_MAX 2                      /* at once, of key and message together */

struct bytes {
    char p[BYTES_MAX];
    size_t n;
};

/* An sr as it may have been signed. */
struct coding {
    berth_str text;
    enum berth_mistake mistake;
};

struct trial {
    const struct berth_crypto *c;
    const struct berth_exhibit *x;
    berth_str id;
    const struct berth_suspect *suspect;
    struct coding codings[CODINGS_MAX];
    size_t coding_count;
    char decoded[CODED_MAX], upper[3 * CODED_MAX], lower[3 * CODED_MAX];
    /* wiped in the end */
    struct berth_key device_key;
    struct bytes key_text;
};

static const struct {
    berth_str text;
    enum berth_mistake mistake;
} separators[SEPARATORS] = {
    { BERTH_STR_INIT("\n"), BERTH_MISTAKE_NONE },
    { BERTH_STR_INIT(""), BERTH_MISTAKE_LINE_FEED_MISSING },
    { BERTH_STR_INIT("\r\n"), BERTH_MISTAKE_LINE_FEED_IS_CR_LF },
};

/* How the device may have come by its key. */
static const enum berth_mistake group_ways[] = {
    BERTH_MISTAKE_NONE,
    BERTH_MISTAKE_GROUP_KEY_TEXT,
    BERTH_MISTAKE_GROUP_KEY_TEXT_UNPADDED,
    BERTH_MISTAKE_ID_UPPER_CASE,
    BERTH_MISTAKE_ID_LINE_FEED,
    BERTH_MISTAKE_ID_CR_LF,
    BERTH_MISTAKE_ID_QUOTED,
    BERTH_MISTAKE_ID_UTF16,
    BERTH_MISTAKE_HMAC_SWAPPED,
    BERTH_MISTAKE_SHA256_NO_HMAC,
    BERTH_MISTAKE_DERIVED_TWICE,
    BERTH_MISTAKE_GROUP_KEY_USED,
};
static const enum berth_mistake individual_ways[] = {
    BERTH_MISTAKE_NONE,
    BERTH_MISTAKE_ENROLLMENT_KEY_DERIVED,
};

/* In which form that key may have signed. */
enum form { FORM_BYTES, FORM_BASE64, FORM_HEX, FORM_HEX_UPPER, FORMS };

static const enum berth_mistake form_mistakes[FORMS] = {
    [FORM_BYTES] = BERTH_MISTAKE_NONE,
    [FORM_BASE64] = BERTH_MISTAKE_SIGNED_WITH_TEXT,
    [FORM_HEX] = BERTH_MISTAKE_SIGNED_WITH_HEX,
    [FORM_HEX_UPPER] = BERTH_MISTAKE_SIGNED_WITH_HEX,
};

/* ---- bytes ---- */

static void put(struct bytes *b, const void *p, size_t n)
{
    if (n > sizeof b->p - b->n)
        n = sizeof b->p - b->n;
    if (n > 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

static berth_str view(const struct bytes *b)
{
    return (berth_str){ b->p, b->n };
}

static berth_str key_view(const struct berth_key *k)
{
    return (berth_str){ (const char *)k->bytes, k->n };
}

static void put_base64(struct bytes *out, const struct berth_key *k)
{
    struct berth_buf b;

    berth_buf_init(&b, out->p, sizeof out->p);
    berth_key_put(&b, k);
    out->n = b.n;
}

static void put_form(struct bytes *out, const struct berth_key *k, enum form form)
{
    const char *digits = form == FORM_HEX ? "0123456789abcdef" : "0123456789ABCDEF";

    out->n = 0;
    if (form == FORM_BYTES)
        put(out, k->bytes, k->n);
    if (form == FORM_BASE64)
        put_base64(out, k);
    for (size_t i = 0; form >= FORM_HEX && i < k->n; i++) {
        put(out, &digits[k->bytes[i] >> 4], 1);
        put(out, &digits[k->bytes[i] & 15], 1);
    }
}

static void put_id(struct bytes *out, berth_str id, enum berth_mistake way)
{
    out->n = 0;
    if (way == BERTH_MISTAKE_ID_QUOTED)
        put(out, "\"", 1);
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (way == BERTH_MISTAKE_ID_UPPER_CASE && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        put(out, &c, 1);
        if (way == BERTH_MISTAKE_ID_UTF16)
            put(out, "", 1);
    }
    if (way == BERTH_MISTAKE_ID_QUOTED)
        put(out, "\"", 1);
    if (way == BERTH_MISTAKE_ID_CR_LF)
        put(out, "\r", 1);
    if (way == BERTH_MISTAKE_ID_CR_LF || way == BERTH_MISTAKE_ID_LINE_FEED)
        put(out, "\n", 1);
}

/* ---- the device's key ---- */

static berth_err hmac_once(const struct berth_crypto *c, berth_str key, berth_str message,
                           struct berth_key *out)
{
    struct berth_hmac_key prepared = { 0 };
    berth_err e = c->hmac_prepare(c->ctx, (const uint8_t *)key.p, key.n, &prepared);

    if (e == BERTH_OK)
        e = c->hmac(c->ctx, &prepared, &message, 1, out->bytes);
    c->hmac_release(c->ctx, &prepared);
    out->n = BERTH_SHA256_SIZE;
    return e;
}

static berth_err from_key_text(struct trial *t, bool padded)
{
    put_base64(&t->key_text, t->suspect->key);
    while (!padded && t->key_text.n > 0 && t->key_text.p[t->key_text.n - 1] == '=')
        t->key_text.n--;
    return hmac_once(t->c, view(&t->key_text), t->id, &t->device_key);
}

static berth_err from_sha256(struct trial *t)
{
    const berth_str parts[] = { key_view(t->suspect->key), t->id };

    t->device_key.n = BERTH_SHA256_SIZE;
    return t->c->sha256(t->c->ctx, parts, 2, t->device_key.bytes);
}

static berth_err derived_twice(struct trial *t)
{
    struct berth_key once;
    berth_err e = hmac_once(t->c, key_view(t->suspect->key), t->id, &once);

    if (e == BERTH_OK)
        e = hmac_once(t->c, key_view(&once), t->id, &t->device_key);
    t->c->wipe(t->c->ctx, &once, sizeof once);
    return e;
}

/* The device's key as WAY gives it. */
static berth_err make_device_key(struct trial *t, enum berth_mistake way)
{
    const struct berth_key *key = t->suspect->key;
    bool individual = t->suspect->type == BERTH_SUSPECT_INDIVIDUAL;
    struct bytes id;

    switch (way) {
    case BERTH_MISTAKE_GROUP_KEY_USED:
        t->device_key = *key;
        return BERTH_OK;
    case BERTH_MISTAKE_GROUP_KEY_TEXT:
        return from_key_text(t, true);
    case BERTH_MISTAKE_GROUP_KEY_TEXT_UNPADDED:
        return from_key_text(t, false);
    case BERTH_MISTAKE_HMAC_SWAPPED:
        return hmac_once(t->c, t->id, key_view(key), &t->device_key);
    case BERTH_MISTAKE_SHA256_NO_HMAC:
        return from_sha256(t);
    case BERTH_MISTAKE_DERIVED_TWICE:
        return derived_twice(t);
    default:
        if (way == BERTH_MISTAKE_NONE && individual) {
            t->device_key = *key;
            return BERTH_OK;
        }
        put_id(&id, t->id, way);
        return hmac_once(t->c, key_view(key), view(&id), &t->device_key);
    }
}

/* Whether WAY gives anything else than the right key. */
static bool differs(const struct trial *t, enum berth_mistake way)
{
    struct bytes id;

    if (way == BERTH_MISTAKE_GROUP_KEY_TEXT_UNPADDED)
        return t->suspect->key->n % 3 != 0;
    if (way != BERTH_MISTAKE_ID_UPPER_CASE)
        return true;
    put_id(&id, t->id, way);
    return !berth_str_eq(view(&id), t->id);
}

/* ---- what was signed ---- */

static void add_coding(struct trial *t, berth_str text, enum berth_mistake mistake)
{
    for (size_t i = 0; i < t->coding_count; i++)
        if (berth_str_eq(t->codings[i].text, text))
            return;
    t->codings[t->coding_count++] = (struct coding){ text, mistake };
}

/* S with its escapes in lower-case hex, in place. */
static void lower_escapes(char *p, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++) {
        if (p[i] != '%')
            continue;
        for (size_t j = i + 1; j <= i + 2; j++)
            if (p[j] >= 'A' && p[j] <= 'F')
                p[j] = (char)(p[j] - 'A' + 'a');
        i += 2;
    }
}

static void find_codings(struct trial *t)
{
    enum berth_mistake encoded = BERTH_MISTAKE_SIGNED_ENCODED;
    struct berth_buf plain, coded;

    add_coding(t, t->x->resource, BERTH_MISTAKE_NONE);
    berth_buf_init(&plain, t->decoded, sizeof t->decoded);
    if (berth_percent_decode(t->x->resource, &plain) != BERTH_OK)
        return;
    if (!berth_str_eq(berth_buf_str(&plain), t->x->resource))
        encoded = BERTH_MISTAKE_SIGNED_OTHER_HEX;
    add_coding(t, berth_buf_str(&plain), BERTH_MISTAKE_SIGNED_DECODED);
    berth_buf_init(&coded, t->upper, sizeof t->upper);
    berth_percent_put(&coded, berth_buf_str(&plain));
    add_coding(t, berth_buf_str(&coded), encoded);
    memcpy(t->lower, t->upper, coded.n);
    lower_escapes(t->lower, coded.n);
    add_coding(t, (berth_str){ t->lower, coded.n }, encoded);
}

/* ---- putting it together ---- */

static void note(struct berth_finding *f, enum berth_mistake m)
{
    if (m != BERTH_MISTAKE_NONE)
        f->mistakes[f->count++] = m;
}

static berth_err is_signed_so(struct trial *t, struct berth_hmac_key *key, berth_str resource,
                              berth_str separator, bool *matched)
{
    const berth_str parts[] = { resource, separator, t->x->expiry_text };
    uint8_t mac[BERTH_SHA256_SIZE] = { 0 };
    berth_err e = t->c->hmac(t->c->ctx, key, parts, 3, mac);

    *matched = e == BERTH_OK && t->c->equal(t->c->ctx, mac, t->x->signature, sizeof mac);
    t->c->wipe(t->c->ctx, mac, sizeof mac);
    return e;
}

/* Tries every message under KEY that leaves SO_FAR at MISTAKES_MAX or fewer. */
static berth_err try_messages(struct trial *t, struct berth_hmac_key *key,
                              const struct berth_finding *so_far, bool *matched,
                              struct berth_finding *out)
{
    berth_err e = BERTH_OK;

    for (size_t i = 0; i < t->coding_count; i++) {
        for (size_t j = 0; j < SEPARATORS; j++) {
            struct berth_finding f = *so_far;

            note(&f, t->codings[i].mistake);
            note(&f, separators[j].mistake);
            if (f.count > MISTAKES_MAX)
                continue;
            e = is_signed_so(t, key, t->codings[i].text, separators[j].text, matched);
            if (*matched)
                *out = f;
            if (e != BERTH_OK || *matched)
                return e;
        }
    }
    return e;
}

static berth_err try_form(struct trial *t, enum berth_mistake way, enum form form, bool *matched,
                          struct berth_finding *out)
{
    struct berth_finding so_far = { 0 };
    struct berth_hmac_key prepared = { 0 };
    berth_err e;

    note(&so_far, way);
    note(&so_far, form_mistakes[form]);
    put_form(&t->key_text, &t->device_key, form);
    e = t->c->hmac_prepare(t->c->ctx, (const uint8_t *)t->key_text.p, t->key_text.n, &prepared);
    if (e == BERTH_OK)
        e = try_messages(t, &prepared, &so_far, matched, out);
    t->c->hmac_release(t->c->ctx, &prepared);
    return e;
}

static berth_err try_ways(struct trial *t, const enum berth_mistake *ways, size_t count,
                          bool *matched, struct berth_finding *out)
{
    for (size_t i = 0; i < count; i++) {
        berth_err e;

        if (!differs(t, ways[i]))
            continue;
        e = make_device_key(t, ways[i]);
        for (enum form f = FORM_BYTES; e == BERTH_OK && !*matched && f < FORMS; f++)
            e = try_form(t, ways[i], f, matched, out);
        if (e != BERTH_OK || *matched)
            return e;
    }
    return BERTH_OK;
}

berth_err berth_forensics_try(const struct berth_crypto *c, const struct berth_exhibit *x,
                              berth_str id, const struct berth_suspect *s, bool *matched,
                              struct berth_finding *out)
{
    struct trial t = { .c = c, .x = x, .id = id, .suspect = s };
    berth_err e;

    *matched = false;
    *out = (struct berth_finding){ 0 };
    if (id.n == 0 || id.n > BERTH_ID_MAX || s->key->n == 0)
        return BERTH_E_RANGE;
    find_codings(&t);
    if (s->type == BERTH_SUSPECT_INDIVIDUAL)
        e = try_ways(&t, individual_ways, sizeof individual_ways / sizeof *individual_ways, matched,
                     out);
    else
        e = try_ways(&t, group_ways, sizeof group_ways / sizeof *group_ways, matched, out);
    c->wipe(c->ctx, &t.device_key, sizeof t.device_key);
    c->wipe(c->ctx, &t.key_text, sizeof t.key_text);
    out->proven = *matched;
    return e;
}
