#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "front/dev.h"
#include "ops/log.h"

static const struct {
    const char *name;
    bool needs_value, takes_value;
    const char *form; /* of the value */
} kinds[] = {
    [DEV_DELAY] = { "delay", true, true, "a DURATION such as 500ms, 2s or 1m, up to 10m" },
    [DEV_REFUSE] = { "refuse", false, true,
                     "a REASON that docs/errors.md has for registrations, such as TOKEN_EXPIRED" },
    [DEV_THROTTLE] = { "throttle", false, true,
                       "TIMES[,SECONDS]: 1 to 1000000 requests, wait 1 to 600" },
    [DEV_DROP] = { "drop-after", true, true, "BYTES, 0 to 1000000" },
    [DEV_ASSIGNING] = { "assigning-forever", false, false, "" },
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- from text ---- */

static bool read_number(berth_str text, int64_t least, int64_t most, int64_t *out)
{
    return berth_str_to_i64(text, out) == BERTH_OK && *out >= least && *out <= most;
}

static bool read_duration(berth_str text, int64_t *ms)
{
    int64_t unit = 0, n;
    size_t letters = 1;

    if (berth_str_ends(text, BERTH_STR("ms")))
        unit = 1;
    else if (berth_str_ends(text, BERTH_STR("s")))
        unit = 1000;
    else if (berth_str_ends(text, BERTH_STR("m")))
        unit = 60000;
    if (unit == 1)
        letters = 2;
    if (unit == 0 ||
        !read_number(berth_str_sub(text, 0, text.n - letters), 1, DEV_DELAY_MAX_MS / unit, &n))
        return false;
    *ms = n * unit;
    return true;
}

/* Those that a registration can be refused for: the table's first. */
static bool read_reason(berth_str text, enum berth_reason *out)
{
    for (unsigned r = BERTH_WHY_NONE + 1; r <= BERTH_WHY_THROTTLED_PEER; r++) {
        if (!berth_str_ieq(text, berth_str_of(berth_reason_row((enum berth_reason)r)->name)))
            continue;
        *out = (enum berth_reason)r;
        return true;
    }
    return false;
}

static bool read_throttle(berth_str text, struct dev_fault *f)
{
    berth_str times = berth_str_cut(&text, ',');
    int64_t n, seconds = f->retry_after_s;

    if (!read_number(times, 1, DEV_THROTTLES_MAX, &n) ||
        (text.p != NULL && text.n > 0 && !read_number(text, 1, 600, &seconds)))
        return false;
    f->throttles = (int)n;
    f->retry_after_s = (int)seconds;
    return true;
}

static bool read_drop(berth_str text, struct dev_fault *f)
{
    int64_t n;

    if (!read_number(text, 0, DEV_DROP_MAX, &n))
        return false;
    f->drop_after = (size_t)n;
    return true;
}

static bool read_value(struct dev_fault *f, berth_str value)
{
    switch (f->kind) {
    case DEV_DELAY:
        return read_duration(value, &f->delay_ms);
    case DEV_REFUSE:
        return read_reason(value, &f->reason);
    case DEV_THROTTLE:
        return read_throttle(value, f);
    case DEV_DROP:
        return read_drop(value, f);
    case DEV_ASSIGNING:
        break;
    }
    return false;
}

static bool find_kind(berth_str name, enum dev_fault_kind *out)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (!berth_str_eq(name, berth_str_of(kinds[i].name)))
            continue;
        *out = (enum dev_fault_kind)i;
        return true;
    }
    return false;
}

/* "ID:KIND" at its last colon: registration IDs may have some. */
static bool split(berth_str text, berth_str *id, berth_str *kind)
{
    size_t at = text.n;

    while (at > 0 && text.p[at - 1] != ':')
        at--;
    if (at == 0)
        return false;
    *id = berth_str_sub(text, 0, at - 1);
    *kind = berth_str_sub(text, at, text.n);
    return true;
}

static berth_err add(struct dev *d, berth_str text, char *problem, size_t size)
{
    berth_str value = text, id = { 0 }, kind = { 0 };
    berth_str head = berth_str_cut(&value, '=');
    bool has_value = head.n < text.n;
    struct dev_fault *f = &d->faults[d->count];

    if (d->count == SEED_FAULTS_MAX) {
        (void)snprintf(problem, size, "there can be %d faults at most", SEED_FAULTS_MAX);
        return BERTH_E_FULL;
    }
    *f = (struct dev_fault){ .reason = BERTH_WHY_SIGNATURE_UNKNOWN,
                             .throttles = -1,
                             .retry_after_s = 1 };
    if (!split(head, &id, &kind) || berth_registration_id_check(id).fault != BERTH_ID_FINE) {
        (void)snprintf(problem, size, "write REGISTRATION-ID:KIND[=VALUE]");
        return BERTH_E_SYNTAX;
    }
    if (!find_kind(kind, &f->kind)) {
        (void)snprintf(problem, size,
                       "the kinds are delay, refuse, throttle, drop-after and assigning-forever");
        return BERTH_E_SYNTAX;
    }
    if (has_value && !kinds[f->kind].takes_value) {
        (void)snprintf(problem, size, "%s takes no value", kinds[f->kind].name);
        return BERTH_E_SYNTAX;
    }
    if (has_value ? !read_value(f, value) : kinds[f->kind].needs_value) {
        (void)snprintf(problem, size, "the value of %s is %s", kinds[f->kind].name,
                       kinds[f->kind].form);
        return BERTH_E_RANGE;
    }
    memcpy(f->id, id.p, id.n);
    d->count++;
    return BERTH_OK;
}

berth_err dev_add_fault(struct dev *d, berth_str text, char *problem, size_t problem_size)
{
    char words[192];
    berth_err e = add(d, text, words, sizeof words);

    if (e != BERTH_OK)
        (void)snprintf(problem, problem_size, "\"%.*s\": %s", (int)(text.n < 160 ? text.n : 160),
                       text.p, words);
    return e;
}

/* ---- met ---- */

static bool still_throttles(struct dev_fault *f)
{
    int n = f->throttles;

    while (n > 0 && !atomic_compare_exchange_weak(&f->throttles, &n, n - 1))
        ;
    return n != 0;
}

static void answer(struct dev_verdict *out, const struct berth_registration_request *req,
                   enum berth_reason why, int retry_after_s, int64_t now_ms)
{
    if (out->answers)
        return;
    out->answers = true;
    out->answer = (struct berth_answer){
        .reason = why,
        .message = dev_injected(why),
        .operation_id = req->operation_id,
        .state = { .id = req->registration_id, .created_ms = now_ms, .updated_ms = now_ms },
        .has_state = why == BERTH_WHY_NONE || berth_reason_row(why)->word[0] != '\0',
        .retry_after_s = retry_after_s,
    };
    if (why == BERTH_WHY_NONE)
        out->answer.state.status = BERTH_ASSIGNING;
}

/* Whether it did anything. */
static bool apply(struct front *f, struct dev_fault *fault, const struct peer *peer,
                  const struct berth_registration_request *req, struct dev_verdict *out)
{
    int64_t now_ms = loop_now_ms(f->loop);

    switch (fault->kind) {
    case DEV_DELAY:
        out->delay_ms = fault->delay_ms;
        return true;
    case DEV_REFUSE:
        answer(out, req, fault->reason, 0, now_ms);
        return true;
    case DEV_THROTTLE:
        if (!still_throttles(fault))
            return false;
        answer(out, req, BERTH_WHY_THROTTLED_DEVICE, fault->retry_after_s, now_ms);
        return true;
    case DEV_DROP:
        dev_layer_arm(f, peer, fault->drop_after);
        return true;
    case DEV_ASSIGNING:
        answer(out, req, BERTH_WHY_NONE, BERTH_RETRY_AFTER_S, now_ms);
        return true;
    }
    return false;
}

void dev_meet(struct front *f, const struct peer *peer,
              const struct berth_registration_request *req, struct dev_verdict *out)
{
    *out = (struct dev_verdict){ 0 };
    for (size_t i = 0; i < f->dev->count; i++) {
        struct dev_fault *fault = &f->dev->faults[i];

        if (!berth_str_ieq(req->registration_id, berth_str_of(fault->id)) ||
            !apply(f, fault, peer, req, out))
            continue;
        log_event(LOG_WARNING, "fault", LOG_TEXT("registration_id", req->registration_id),
                  LOG_TEXT("kind", berth_str_of(kinds[fault->kind].name)));
    }
}
