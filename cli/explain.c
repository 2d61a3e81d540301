/* berth explain: why something was refused, in words: cause, then remedy. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ascii.h"
#include "base/reason.h"
#include "berth/registration_id.h"
#include "cli/api.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "cli/registration.h"
#include "cli/table.h"
#include "cli/tell.h"
#include "wire/percent.h"

#define ABOUT_MAX     256
#define LAST_MAX      200L /* what the service tells at once */
#define LAST_OF_ABOUT 5
#define WORDS_MAX     64
#define PENDING_TRIES 20 /* forensics works after the answer has left */
#define PENDING_MS    100
#define NEAREST_SHOWN 5

enum { KEY_LAST = 0x100, KEY_REASON, KEY_KIND, KEY_SINCE };
enum { BY_REASON, BY_KIND, BY_SINCE, FILTERS };

struct input {
    const char *about;
    bool lists;
    size_t last;
    const char *values[FILTERS]; /* NULL: not given */
    char since[LIST_TIME_MAX];
};

static const struct list_filter filters[FILTERS] = {
    [BY_REASON] = { .match = LIST_IS, .member = "reason" },
    [BY_KIND] = { .match = LIST_IS, .member = "kind" },
    [BY_SINCE] = { .match = LIST_SINCE, .member = "timeUtc" },
};

static bool is_filtered(const struct input *in)
{
    for (size_t i = 0; i < FILTERS; i++)
        if (in->values[i] != NULL)
            return true;
    return false;
}

static bool fits(const struct input *in, struct berth_json e)
{
    for (size_t i = 0; i < FILTERS; i++)
        if (in->values[i] != NULL && !list_fits(&filters[i], in->values[i], e))
            return false;
    return true;
}

static const char *take_kind(struct argp_state *state, const char *arg)
{
    static const char *const kinds[] = { "device", "service", "connection", "warning" };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i], arg) == 0)
            return arg;
    argp_error(state, "--kind %s: not one of device, service, connection, warning", arg);
    return arg;
}

static void put_upper(char out[NEAREST_MAX + 1], const char *word)
{
    size_t n = 0;

    for (; n < NEAREST_MAX && word[n] != '\0'; n++)
        out[n] = ascii_upper(word[n]);
    out[n] = '\0';
}

/* The reason that is nearest to WORD of those not in TAKEN. */
static int nearest_reason(const char *word, const bool taken[BERTH_REASON_COUNT])
{
    size_t least = SIZE_MAX;
    int nearest = BERTH_WHY_NONE;

    for (int why = BERTH_WHY_NONE + 1; why < BERTH_REASON_COUNT; why++) {
        size_t slips = nearest_slips(word, berth_reason_row((enum berth_reason)why)->name);

        if (taken[why] || slips >= least)
            continue;
        least = slips;
        nearest = why;
    }
    return nearest;
}

static const char *take_reason(struct argp_state *state, const char *arg)
{
    bool taken[BERTH_REASON_COUNT] = { false };
    char word[NEAREST_MAX + 1], text[NEAREST_SHOWN * (NEAREST_MAX + 2) + 1];
    size_t n = 0;

    put_upper(word, arg);
    for (int i = 0; i < NEAREST_SHOWN; i++) {
        int why = nearest_reason(word, taken);
        const char *name = berth_reason_row((enum berth_reason)why)->name;

        if (i == 0 && strcasecmp(name, arg) == 0)
            return arg;
        taken[why] = true;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i > 0 ? ", " : "", name);
    }
    argp_error(state,
               "--reason %.*s: no such reason. The nearest of %d: %s; docs/errors.md has them all",
               NEAREST_MAX, arg, BERTH_REASON_COUNT - 1, text);
    return arg;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (strlen(arg) > ABOUT_MAX)
            argp_error(state, "no tracking ID, registration ID or address is so long");
        options_take_one(state, &in->about, arg);
        return 0;
    case KEY_LAST:
        in->lists = true;
        if (arg != NULL)
            in->last = (size_t)options_number(state, "--last", arg, 1, LAST_MAX);
        return 0;
    case KEY_REASON:
        in->values[BY_REASON] = take_reason(state, arg);
        return 0;
    case KEY_KIND:
        in->values[BY_KIND] = take_kind(state, arg);
        return 0;
    case KEY_SINCE:
        list_take_since(state, arg, in->since);
        in->values[BY_SINCE] = in->since;
        return 0;
    case ARGP_KEY_END:
        if (in->lists && in->last == 0 && in->about != NULL &&
            strspn(in->about, "0123456789") == strlen(in->about)) { /* "--last 5" */
            in->last = (size_t)options_number(state, "--last", in->about, 1, LAST_MAX);
            in->about = NULL;
        }
        if (in->about != NULL && in->lists && in->last == 0)
            argp_error(state, "an ID or address, or --last: one of them");
        if (in->about == NULL && !in->lists)
            argp_error(state, "name a tracking ID, a registration ID or an address, or --last");
        if (in->last == 0)
            in->last = in->about != NULL ? LAST_OF_ABOUT : 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static struct berth_json get(struct berth_json v, const char *name)
{
    return berth_json_get(v, berth_str_of(name));
}

static bool has(struct berth_json v, const char *name)
{
    return get(v, name).type == BERTH_JSON_STRING;
}

/* ---- in words ---- */

/* "2 h 30 min", "40 d 1 h": the two greatest parts. */
static void put_duration(struct berth_buf *b, int64_t s)
{
    static const struct {
        int64_t size;
        const char *unit;
    } parts[] = {
        { 31557600, " years" }, { 86400, " d" }, { 3600, " h" }, { 60, " min" }, { 1, " s" }
    };
    const size_t count = sizeof parts / sizeof *parts;
    size_t i = 0;

    while (i + 1 < count && s < parts[i].size)
        i++;
    berth_buf_put_i64(b, s / parts[i].size);
    berth_buf_put(b, berth_str_of(parts[i].unit));
    s %= parts[i].size;
    if (i + 1 == count || s < parts[i + 1].size)
        return;
    berth_buf_put_char(b, ' ');
    berth_buf_put_i64(b, s / parts[i + 1].size);
    berth_buf_put(b, berth_str_of(parts[i + 1].unit));
}

static void print_off(struct table *t, struct berth_json e)
{
    char words[WORDS_MAX];
    struct berth_buf b;
    int64_t off;

    if (berth_json_i64(get(e, "offSeconds"), &off) != BERTH_OK)
        return;
    berth_buf_init(&b, words, sizeof words);
    put_duration(&b, off);
    table_pair_text(
        t, berth_json_is(get(e, "kind"), BERTH_STR("warning")) ? "se is ahead by" : "se is past by",
        berth_buf_str(&b));
}

/* What a finding rests on. A distance in time is a fact, what it comes from is not. */
static const char *standing(struct berth_json mistake, bool proven)
{
    if (berth_json_is(get(mistake, "name"), BERTH_STR("EXPIRED_LOCAL_TIME")) ||
        berth_json_is(get(mistake, "name"), BERTH_STR("SE_AHEAD")))
        return "hint";
    return proven ? "proven" : "seen";
}

static void print_mistakes(struct table *t, struct berth_json e)
{
    bool proven = get(e, "proven").type == BERTH_JSON_TRUE;
    bool warning = berth_json_is(get(e, "kind"), BERTH_STR("warning"));
    struct berth_json_iter it = { 0 };
    struct berth_json list = get(e, "mistakes"), each;

    while (list.type == BERTH_JSON_ARRAY && berth_json_next(list, &it, NULL, &each)) {
        table_pair(t, warning ? "warning" : "mistake", get(each, "name"));
        table_pair(t, standing(each, proven), get(each, "text"));
        table_pair(t, "remedy", get(each, "remedy"));
    }
}

static void print_finding(struct table *t, struct berth_json e)
{
    struct berth_json examined = get(e, "examined");

    if (has(e, "enrollment"))
        table_pair(t, "enrollment", get(e, "enrollment"));
    if (get(e, "mistakes").type == BERTH_JSON_ARRAY) {
        print_mistakes(t, e);
        print_off(t, e);
        return;
    }
    table_pair(t, "remedy", get(e, "remedy"));
    if (berth_json_is(examined, BERTH_STR("yes")))
        table_pair_text(t, "the signature", BERTH_STR("no known mistake matches"));
    if (berth_json_is(examined, BERTH_STR("skipped")))
        table_pair_text(t, "the signature",
                        BERTH_STR("not looked into: too many refusals at once"));
    if (berth_json_is(examined, BERTH_STR("pending")))
        table_pair_text(t, "the signature", BERTH_STR("still being looked into"));
}

static void print_optional(struct table *t, const char *name, struct berth_json v)
{
    if (v.type == BERTH_JSON_STRING || v.type == BERTH_JSON_NUMBER)
        table_pair(t, name, v);
}

static void print_one(struct berth_json e)
{
    struct table t;
    int64_t count = 1;

    table_init(&t, stdout, NULL, 2);
    table_put(&t, BERTH_STR("time"));
    table_put_time(&t, get(e, "timeUtc"));
    if (berth_json_i64(get(e, "count"), &count) == BERTH_OK && count > 1) {
        table_pair(&t, "times", get(e, "count"));
        table_put(&t, BERTH_STR("since"));
        table_put_time(&t, get(e, "firstTimeUtc"));
    }
    print_optional(&t, "tracking ID", get(e, "trackingId"));
    print_optional(&t, "registration ID", get(e, "registrationId"));
    print_optional(&t, "peer", get(e, "peer"));
    print_optional(&t, "transport", get(e, "transport"));
    print_optional(&t, "reason", get(e, "reason"));
    print_optional(&t, "cause", get(e, "cause"));
    print_optional(&t, "detail", get(e, "detail"));
    print_finding(&t, e);
    (void)table_deinit(&t);
}

/* Those that fit, at most as many as were asked for; how many. */
static size_t print(struct berth_json list, const struct input *in, bool json)
{
    struct berth_json_iter it = { 0 };
    struct output_array array;
    struct berth_json each;
    size_t n = 0;

    while (n < in->last && list.type == BERTH_JSON_ARRAY &&
           berth_json_next(list, &it, NULL, &each)) {
        if (!fits(in, each))
            continue;
        if (json && n == 0)
            output_array_open(&array, stdout);
        else if (n > 0 && !json)
            (void)printf("\n");
        if (json)
            output_array_put(&array, each, (struct berth_json){ 0 });
        else
            print_one(each);
        n++;
    }
    if (json && n > 0)
        output_array_close(&array);
    return n;
}

/* ---- asking ---- */

static bool is_pending(struct berth_json list)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    while (list.type == BERTH_JSON_ARRAY && berth_json_next(list, &it, NULL, &each))
        if (berth_json_is(get(each, "examined"), BERTH_STR("pending")))
            return true;
    return false;
}

static int ask(struct api *a, const struct input *in)
{
    const struct timespec pause = { .tv_nsec = PENDING_MS * 1000000 };
    char path[API_PATH_MAX];
    struct berth_buf b;
    int code;

    berth_buf_init(&b, path, sizeof path - 1);
    berth_buf_put(&b, BERTH_STR("/berth/v1/refusals?last="));
    berth_buf_put_u64(&b, is_filtered(in) ? (uint64_t)LAST_MAX : in->last);
    if (in->about != NULL) {
        berth_buf_put(&b, BERTH_STR("&about="));
        berth_percent_put(&b, berth_str_of(in->about));
    }
    path[b.n] = '\0';
    for (int tries = 0;; tries++) {
        code =
            api_call(a, &(struct api_request){ .method = "GET", .path = path, .what = "refusals" });
        if (code != EXIT_CODE_OK || tries == PENDING_TRIES || !is_pending(a->json))
            return code;
        (void)nanosleep(&pause, NULL);
    }
}

/* A->json is absent when there is none. */
static int ask_registration(struct api *a, const char *id)
{
    char path[API_PATH_MAX];

    a->json = (struct berth_json){ 0 };
    if (berth_registration_id_check(berth_str_of(id)).fault != BERTH_ID_FINE)
        return EXIT_CODE_OK;
    api_path(path, "/registrations/", id, API_DPS);
    return api_call(a, &(struct api_request){ .method = "GET", .path = path, .pardoned = 404 });
}

static void print_unrefused(const char *id, struct berth_json registration, bool json)
{
    if (json) {
        (void)printf("[]\n");
        return;
    }
    (void)printf("\"%s\" was not refused since the daemon's start, in the last week at most; its "
                 "registration:\n\n",
                 id);
    registration_print(registration);
}

/* None of the refusals is about it: it may be well. */
static int tell_unrefused(struct api *a, const struct input *in, bool json)
{
    int code = ask_registration(a, in->about);

    if (code == EXIT_CODE_OK && a->json.type == BERTH_JSON_OBJECT) {
        print_unrefused(in->about, a->json, json);
        return EXIT_CODE_OK;
    }
    if (code != EXIT_CODE_OK)
        return code;
    return tell_failure(EXIT_CODE_NOT_FOUND,
                        "nothing is known of \"%s\": no refusal, no registration\n  the daemon "
                        "remembers what it refused since its start, for a week at most; its log "
                        "goes back further",
                        in->about);
}

static int tell_nothing(struct api *a, const struct input *in, bool json)
{
    if (in->about != NULL && !is_filtered(in))
        return tell_unrefused(a, in, json);
    return tell_failure(EXIT_CODE_NOT_FOUND, "nothing%s has been refused lately",
                        is_filtered(in) ? " that fits" : "");
}

int explain_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "last", KEY_LAST, "NUMBER", OPTION_ARG_OPTIONAL,
          "the latest refusals and warnings, of whomever: one unless told", 0 },
        { "reason", KEY_REASON, "REASON", 0, "those with this reason alone, as SIGNATURE_UNKNOWN",
          0 },
        { "kind", KEY_KIND, "device|service|connection|warning", 0, "those of this kind alone", 0 },
        { "since", KEY_SINCE, "TIME", 0, "those since then alone: a time, or 7d, 12h, 30m", 0 },
        { 0 }
    };
    const struct argp argp = {
        own,
        take,
        "[TRACKING-ID | REGISTRATION-ID | ADDRESS]",
        "Explain why a device, a client or a connection was refused: the "
        "cause, then the remedy. Of a device that was not, how its registration "
        "stands. An ADDRESS may have a port.",
        NULL,
        NULL,
        NULL
    };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = ask(&a, &in);
    if (code == EXIT_CODE_OK && print(a.json, &in, o.json) == 0)
        code = tell_nothing(&a, &in, o.json);
    api_close(&a);
    return code;
}
