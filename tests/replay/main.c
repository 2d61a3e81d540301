/* replay - the captured sessions of tests/captures/ against berth's own front, in one process, and
 * each client's demands judged on what it heard. With --demands every row is printed.
 *
 * Usage: replay [--demands] [DIRECTORY] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "berth/sas.h"
#include "replay/demand.h"
#include "replay/session.h"
#include "replay/spoil.h"
#include "unit/check.h"

#define QUIET_MS INT64_C(300000) /* without keep-alive a connection stands at least so long */
#define RETRY_MS INT64_C(3000)
#define ROWS_MAX 64 /* of one table */

static const struct demand_table *const tables[] = { &dps_demands, &mqtt_demands, &hub_demands,
                                                     &service_demands };

static const char *directory = "tests/captures";
static bool tell_all;
static unsigned passed, failed;
static bool seen_failing[ARRAY_LEN(tables)][ROWS_MAX]; /* under a spoilt answer */
static bool asked[ARRAY_LEN(tables)][ROWS_MAX];
static bool *spoil_noticed;

/* A recording, taken in one of the ways. */
struct session {
    const struct recording *r;
    const struct way *w;
};

/* ---- one session ---- */

static void load(const char *name, struct capture *out)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s.txt", directory, name);
    capture_read(path, out);
}

/* When the session's token ends. */
static int64_t end_s(const struct capture *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct rig_bytes *b = &c->messages[i].bytes;
        const char *at = b->n == 0 ? NULL : memmem(b->p, b->n, "&se=", 4);
        char digits[11] = "";
        if (at == NULL)
            continue;
        memcpy(digits, at + 4, sizeof digits - 1);
        return strtoll(digits, NULL, 10);
    }
    fail_msg("a session without a token");
    return 0;
}

/* When C begins: with the token's life to go, or with its end, and the clocks' tolerance, gone. */
static int64_t clock_ms(const struct session *s, const struct capture *c)
{
    int64_t left_s = s->w->refusal == REFUSED_EXPIRED ? -BERTH_SAS_SKEW_S - 1 : s->r->life_s;

    return (end_s(c) - left_s) * 1000;
}

/* The registration that comes first, if there is one; its own token is good. */
static void play_first(struct stage *stage, const struct session *s)
{
    static struct capture c;
    static struct talk t;
    struct talk_how how = { 0 };

    if (s->r->before == NULL)
        return;
    load(s->r->before, &c);
    loop_hold_wall(stage->front.front.loop, (end_s(&c) - s->r->life_s) * 1000);
    talk_play(stage, &c, &how, &t);
    talk_free(&t);
    capture_free(&c);
}

/* C and C# send keep-alive 0; the others come again when they were told to. */
static int64_t pause_ms(const struct session *s)
{
    bool keeps_quiet = s->r->transport != HTTP && (s->r->clients & (C | CSHARP)) != 0;

    return keeps_quiet && s->w->refusal == REFUSED_NOTHING ? QUIET_MS : RETRY_MS;
}

static void play(const struct session *s, const struct capture *c, bool byte_by_byte,
                 struct talk *out)
{
    static struct stage stage;
    bool throttled = s->w->refusal == REFUSED_RATE;
    struct limits_rates rates = { .device_requests_per_min = throttled ? 1 : 0 };
    struct talk_how how = { .byte_by_byte = byte_by_byte,
                            .assigning_first = s->w->assigning_first,
                            .refusal = s->w->refusal,
                            .polls = s->w->polls ||
                                     (s->r->always_polls && s->w->refusal == REFUSED_NOTHING),
                            .pause_ms = pause_ms(s) };

    stage_open(&stage, clock_ms(s, c), rates);
    if ((s->r->api & (DPS | HUB)) != 0)
        stage_enroll(&stage, s->w->assigning_first);
    else
        stage_put_device(&stage, STAGE_SERVICE);
    play_first(&stage, s);
    loop_hold_wall(stage.front.front.loop, clock_ms(s, c));
    talk_play(&stage, c, &how, out);
    stage_close(&stage);
}

/* ---- judging it ---- */

static bool concerns(const struct demand *d, const struct session *s)
{
    return (d->clients & s->r->clients) != 0 && (d->transports & s->r->transport) != 0 &&
           (d->apis & s->r->api) != 0;
}

static const char *transport_name(const struct session *s)
{
    return s->r->transport == HTTP ? "http" : s->r->transport == TCP ? "mqtt" : "mqtt_ws";
}

static const char *api_name(const struct session *s)
{
    switch (s->r->api) {
    case DPS:
        return "DPS";
    case HUB:
        return "hub";
    case DPS_SERVICE:
        return "DPS service";
    default:
        return "hub service";
    }
}

static void tell_row(const struct session *s, const char *text, const char *where, bool met)
{
    if (tell_all || !met)
        printf("    %s | %s | %s | %s | %s\n", s->r->client, transport_name(s), text, where,
               met ? "met" : "FAILED");
}

struct score {
    unsigned met, asked;
};

static void count_row(const struct session *s, const char *text, const char *where, bool met,
                      struct score *score)
{
    score->asked++;
    score->met += met;
    tell_row(s, text, where, met);
}

static void judge(const struct session *s, const struct talk *whole, const struct talk *bytes,
                  struct score *score)
{
    for (size_t k = 0; k < ARRAY_LEN(tables); k++) {
        for (size_t i = 0; i < tables[k]->count; i++) {
            const struct demand *d = &tables[k]->rows[i];
            enum verdict one = concerns(d, s) ? demand_judge(d, whole) : NOT_ASKED;
            if (one == NOT_ASKED)
                continue;
            asked[k][i] = true;
            count_row(s, d->text, d->where, one == MET && demand_judge(d, bytes) == MET, score);
        }
    }
}

/* Which rows fail when the answers are made wrong in each way. */
static void judge_spoilt(const struct session *s, const struct talk *t)
{
    static struct talk copy;

    for (size_t w = 0; w < spoil_count(); w++) {
        copy = *t;
        spoil(w, &copy);
        for (size_t k = 0; k < ARRAY_LEN(tables); k++) {
            for (size_t i = 0; i < tables[k]->count; i++) {
                const struct demand *d = &tables[k]->rows[i];
                if (!concerns(d, s) || demand_judge(d, t) != MET ||
                    demand_judge(d, &copy) != MISSED)
                    continue;
                seen_failing[k][i] = true;
                spoil_noticed[w] = true;
            }
        }
    }
}

static bool same_transcript(const struct talk *a, const struct talk *b)
{
    return a->transcript.n == b->transcript.n && a->transcript.n > 0 &&
           memcmp(a->transcript.p, b->transcript.p, a->transcript.n) == 0;
}

static void run_session(const struct session *s)
{
    static struct capture c;
    static struct talk whole, bytes;
    struct score score = { 0 };

    load(s->r->file, &c);
    play(s, &c, false, &whole);
    play(s, &c, true, &bytes);
    judge(s, &whole, &bytes, &score);
    count_row(s, "the same answers when its bytes come one by one", "-",
              same_transcript(&whole, &bytes), &score);
    judge_spoilt(s, &whole);
    printf("%-12s | %-7s | %-11s | %-21s | %-22s | %u of %u\n", s->r->client, transport_name(s),
           api_name(s), s->r->file, s->w->name, score.met, score.asked);
    passed += score.met;
    failed += score.asked - score.met;
    talk_free(&whole);
    talk_free(&bytes);
    capture_free(&c);
}

/* ---- the proof that rows can fail ---- */

static void prove(void)
{
    unsigned rows = 0, blind = 0;

    for (size_t k = 0; k < ARRAY_LEN(tables); k++) {
        for (size_t i = 0; i < tables[k]->count; i++) {
            if (asked[k][i] && seen_failing[k][i])
                rows++;
            else if (asked[k][i] && ++blind)
                printf("FAILED: no spoilt answer fails \"%s\"\n", tables[k]->rows[i].text);
        }
    }
    for (size_t w = 0; w < spoil_count(); w++)
        if (!spoil_noticed[w] && ++blind)
            printf("FAILED: no row notices \"%s\"\n", spoil_name(w));
    printf("\n%zu ways of answering wrong; each of the %u demands fails under one of them\n",
           spoil_count(), rows);
    passed += rows;
    failed += blind;
}

static void list_unserved(void)
{
    printf("\nNot served, in no count:\n");
    for (size_t i = 0; i < unserved_count; i++)
        printf("%-12s | %-7s | %-11s | %-39s | not served: %s\n", unserved[i].client,
               unserved[i].transport, unserved[i].api, unserved[i].file, unserved[i].why);
    printf("%zu not served\n", unserved_count);
}

static void run_recording(const struct recording *r)
{
    for (size_t i = 0; i < way_count; i++)
        if ((ways[i].apis & r->api) != 0)
            run_session(&(struct session){ r, &ways[i] });
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--demands") == 0)
            tell_all = true;
        else
            directory = argv[i];
    }
    for (size_t k = 0; k < ARRAY_LEN(tables); k++)
        CHECK("room for a table's rows", tables[k]->count <= ROWS_MAX);
    spoil_noticed = calloc(spoil_count(), sizeof *spoil_noticed);
    assert_non_null(spoil_noticed);
    printf(
        "client       | transp. | API         | session               | how                    | "
        "demands met\n");
    for (size_t i = 0; i < recording_count; i++)
        run_recording(&recordings[i]);
    printf("csharp-* and aziot-*: composed from the source, see tests/captures/README.md\n");
    if (failed == 0) /* else what fails by itself would hide what spoiling does */
        prove();
    list_unserved();
    free(spoil_noticed);
    printf("\n%u passed, %u failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
