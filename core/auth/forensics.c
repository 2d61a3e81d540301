#include "auth/forensics.h"

#include "crypto/b64.h"
#include "wire/percent.h"

#define SIG_TEXT_MAX  (3 * BERTH_B64_SIZE(BERTH_SHA256_SIZE)) /* each character escaped */
#define HALF_HOUR_S   1800
#define HOUR_S        3600
#define YEAR_S        (366 * 24 * (int64_t)HOUR_S)
#define HOURS_OFF_MAX 26                     /* UTC-12 to UTC+14 */
#define EAST_MAX_S    (15 * (int64_t)HOUR_S) /* UTC+14, and a life of an hour */
#define NEAR_S        120 /* how old a token is when it is first sent, or how wrong a clock */
/* In seconds that is the year 5138; in milliseconds it was 1973. */
#define MILLISECONDS_FROM 100000000000

/* ---- reading ---- */

/* Blanks, and what else an editor or a shell leaves behind. */
static berth_str without_end(berth_str s)
{
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r' ||
                       s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\0'))
        s.n--;
    return s;
}

/* Base64 of one HMAC in TEXT; a blank stands for the '+' it was. */
static berth_err decode_signature(berth_str text, struct berth_exhibit *out)
{
    char storage[BERTH_B64_SIZE(BERTH_SHA256_SIZE)];
    size_t n = 0;
    bool blank = false;

    if (text.n != sizeof storage)
        return BERTH_E_SYNTAX;
    for (size_t i = 0; i < text.n; i++) {
        blank = blank || text.p[i] == ' ';
        storage[i] = text.p[i] == ' ' ? '+' : text.p[i];
    }
    if (berth_b64_decode((berth_str){ storage, sizeof storage }, out->signature,
                         sizeof out->signature, &n) != BERTH_OK ||
        n != sizeof out->signature)
        return BERTH_E_SYNTAX;
    if (blank)
        out->spoiled = BERTH_MISTAKE_PLUS_BECAME_BLANK;
    return BERTH_OK;
}

static berth_err read_signature(berth_str sig, struct berth_exhibit *out)
{
    char once_text[SIG_TEXT_MAX], twice_text[SIG_TEXT_MAX];
    struct berth_buf once, twice;

    berth_buf_init(&once, once_text, sizeof once_text);
    if (berth_percent_decode(sig, &once) != BERTH_OK)
        return BERTH_E_SYNTAX;
    if (decode_signature(berth_buf_str(&once), out) == BERTH_OK)
        return BERTH_OK;
    berth_buf_init(&twice, twice_text, sizeof twice_text);
    if (berth_percent_decode(berth_buf_str(&once), &twice) != BERTH_OK ||
        decode_signature(berth_buf_str(&twice), out) != BERTH_OK)
        return BERTH_E_SYNTAX;
    out->spoiled = BERTH_MISTAKE_SIG_ENCODED_TWICE;
    return BERTH_OK;
}

berth_err berth_exhibit_read(berth_str token, struct berth_exhibit *out)
{
    struct berth_exhibit x = { 0 };
    berth_str text = without_end(token), sig = { 0 };
    berth_err e;

    *out = (struct berth_exhibit){ 0 };
    if (token.n > BERTH_SAS_MAX)
        return BERTH_E_RANGE;
    if (text.n < token.n)
        x.spoiled = BERTH_MISTAKE_BLANK_AT_END;
    (void)berth_str_skip(&text, BERTH_STR("SharedAccessSignature "));
    while (text.n > 0) {
        berth_str value = berth_str_cut(&text, '&');
        berth_str key = berth_str_cut(&value, '=');

        if (berth_str_eq(key, BERTH_STR("sr")))
            x.resource = value;
        if (berth_str_eq(key, BERTH_STR("se")))
            x.expiry_text = value;
        if (berth_str_eq(key, BERTH_STR("sig")))
            sig = value;
    }
    if (x.resource.n == 0 || x.expiry_text.n == 0)
        return BERTH_E_SYNTAX;
    e = read_signature(sig, &x);
    if (e == BERTH_OK)
        *out = x;
    return e;
}

/* ---- what sr names ---- */

struct named {
    char storage[BERTH_SAS_MAX];
    berth_str first, kind, last; /* {first}/{kind}/{last} */
};

static bool take_resource_apart(const struct berth_exhibit *x, struct named *out)
{
    struct berth_buf b;
    berth_str rest;

    berth_buf_init(&b, out->storage, sizeof out->storage);
    if (berth_percent_decode(x->resource, &b) != BERTH_OK)
        return false;
    rest = berth_buf_str(&b);
    out->first = berth_str_cut(&rest, '/');
    out->kind = berth_str_cut(&rest, '/');
    out->last = rest;
    return true;
}

static enum berth_mistake judge_resource(const struct berth_exhibit *x,
                                         const struct berth_circumstances *w)
{
    struct named n;

    if (!take_resource_apart(x, &n))
        return BERTH_MISTAKE_SR_OTHER_FORM;
    if (berth_str_ieq(n.kind, BERTH_STR("devices")))
        return BERTH_MISTAKE_SR_OF_HUB;
    if (!berth_str_ieq(n.kind, BERTH_STR("registrations")) || n.last.n == 0)
        return BERTH_MISTAKE_SR_OTHER_FORM;
    if (!berth_str_ieq(n.first, w->id_scope))
        return BERTH_MISTAKE_SR_OTHER_SCOPE;
    return berth_str_ieq(n.last, w->id) ? BERTH_MISTAKE_NONE : BERTH_MISTAKE_SR_OTHER_ID;
}

berth_str berth_forensics_other_id(const struct berth_exhibit *x,
                                   const struct berth_circumstances *w, char *storage)
{
    struct named n;

    if (!take_resource_apart(x, &n) || berth_str_ieq(n.last, w->id) ||
        berth_registration_id_check(n.last).fault != BERTH_ID_FINE)
        return (berth_str){ 0 };
    for (size_t i = 0; i < n.last.n; i++)
        storage[i] = n.last.p[i];
    return (berth_str){ storage, n.last.n };
}

/* ---- what it comes to ---- */

static void add(struct berth_finding *f, enum berth_mistake m)
{
    if (m == BERTH_MISTAKE_NONE || f->count == BERTH_FINDING_MAX)
        return;
    for (size_t i = 0; i < f->count; i++)
        if (f->mistakes[i] == m)
            return;
    f->mistakes[f->count++] = m;
}

static bool is_near_half_hours(int64_t s)
{
    return (s + NEAR_S) % HALF_HOUR_S <= 2 * NEAR_S;
}

static void judge_expiry(const struct berth_exhibit *x, const struct berth_circumstances *w,
                         struct berth_finding *io)
{
    int64_t se;

    if (berth_str_to_i64(x->expiry_text, &se) != BERTH_OK || se < 0 || se > w->now_s)
        return;
    io->off_s = w->now_s - se;
    if (io->off_s <= BERTH_SAS_SKEW_S)
        return;
    add(io, is_near_half_hours(io->off_s) && io->off_s <= HOURS_OFF_MAX * HOUR_S + NEAR_S
                ? BERTH_MISTAKE_EXPIRED_LOCAL_TIME
                : BERTH_MISTAKE_EXPIRED_BY);
}

void berth_forensics_conclude(const struct berth_exhibit *x, const struct berth_circumstances *w,
                              enum berth_suspect_type type, bool matched, struct berth_finding *io)
{
    if (matched) /* text that only looks spoiled proves nothing */
        add(io, x->spoiled);
    if (w->why == BERTH_WHY_TOKEN_FOR_OTHER)
        add(io, judge_resource(x, w));
    if (matched && type == BERTH_SUSPECT_FORMER)
        add(io, BERTH_MISTAKE_KEY_REPLACED);
    if (matched && type != BERTH_SUSPECT_INDIVIDUAL && w->has_individual)
        add(io, BERTH_MISTAKE_INDIVIDUAL_FIRST);
    if (matched || w->why == BERTH_WHY_TOKEN_EXPIRED)
        judge_expiry(x, w, io);
    if (w->why == BERTH_WHY_TOKEN_EXPIRED)
        io->proven = true; /* attestation knew the key */
    if (io->count > 0 && berth_mistake_is_inferred(io->mistakes[0]))
        io->proven = false;
}

enum berth_mistake berth_forensics_warn(const struct berth_sas *t, int64_t now_s, int64_t *ahead_s)
{
    int64_t ahead = t->expiry > now_s && now_s >= 0 ? t->expiry - now_s : 0;

    *ahead_s = ahead;
    if (t->expiry >= MILLISECONDS_FROM)
        return BERTH_MISTAKE_SE_MILLISECONDS;
    if (ahead > YEAR_S)
        return BERTH_MISTAKE_SE_LONG;
    /* An hour is the usual life, and nothing to mention. */
    if (ahead > HOUR_S + NEAR_S && ahead <= EAST_MAX_S + NEAR_S && is_near_half_hours(ahead))
        return BERTH_MISTAKE_SE_AHEAD;
    return BERTH_MISTAKE_NONE;
}
