#include "bench/load/tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/json.h"

#define SATURATED          0.85   /* of one core */
#define SATURATED_LEAST_US 200000 /* what is over sooner says nothing */
#define LATE_MAX_US        10000  /* of one in a hundred, after it was due */

const char *failure_name(enum failure f)
{
    static const char *const names[FAILURES] = { "connect", "handshake", "lost",
                                                 "slow",    "refused",   "wrong" };

    return names[f];
}

void tally_add(struct tally *t, const struct conn *c, bool expect_refusal)
{
    bool refused = c->failed && c->failure == FAILURE_REFUSED;
    struct tally_failure *f = &t->failures[c->failure];

    if (c->failed ? refused && expect_refusal : !expect_refusal) {
        latency_add(&t->all, c->answered_us - c->due_us);
        latency_add(&t->of_part[c->part], c->answered_us - c->due_us);
        t->done++;
        return;
    }
    t->failed++;
    if (!c->failed)
        f = &t->failures[FAILURE_WRONG];
    if (f->count++ > 0)
        return;
    if (c->error_code != 0)
        (void)snprintf(f->first, sizeof f->first, "device %" PRIu64 ": %d: %s", c->index,
                       c->error_code, c->why);
    else
        (void)snprintf(f->first, sizeof f->first, "device %" PRIu64 ": %s", c->index,
                       c->failed ? c->why : "served, and not refused");
}

double tally_share(const struct tally *t)
{
    return t->wall_us > 0 ? (double)t->cpu_us / (double)t->wall_us : 0;
}

bool tally_is_saturated(const struct tally *t)
{
    return t->wall_us > SATURATED_LEAST_US && tally_share(t) > SATURATED;
}

static double per_second(const struct tally *t)
{
    return t->wall_us > 0 ? (double)t->done * 1e6 / (double)t->wall_us : 0;
}

static double cpu_each(const struct tally *t)
{
    uint64_t n = t->done + t->failed;

    return n > 0 ? (double)t->cpu_us / (double)n : 0;
}

/* ---- for people ---- */

static void print_times(const char *name, const struct latency *l)
{
    (void)printf("  %-8s %9" PRIu64 "  %9.1f %9.1f %9.1f %9.1f\n", name, l->count,
                 (double)latency_quantile(l, 0.5) / 1e3, (double)latency_quantile(l, 0.9) / 1e3,
                 (double)latency_quantile(l, 0.99) / 1e3, (double)l->max_us / 1e3);
}

static void print_warnings(const struct tally *t, const struct load_options *o)
{
    if (tally_is_saturated(t))
        (void)printf("warning: this program used %.0f %% of its core: rate and latencies are its "
                     "own limit, not the service's; run several, on other machines\n",
                     tally_share(t) * 100);
    if (o->rate > 0 && latency_quantile(&t->late, 0.99) > LATE_MAX_US)
        (void)printf("warning: one start in a hundred was over %d ms late (counted in its "
                     "latency): the rate is more than this machine offers\n",
                     LATE_MAX_US / 1000);
    if (t->behind > 0)
        (void)printf("warning: up to %" PRIu64 " starts were due while all %u connections were in "
                     "use: the service does not keep up, or --concurrency is small\n",
                     t->behind, o->concurrency);
}

void tally_print(const struct tally *t, const struct load_options *o)
{
    (void)printf("%" PRIu64 " served, %" PRIu64 " failed in %.1f s: %.0f/s\n", t->done, t->failed,
                 (double)t->wall_us / 1e6, per_second(t));
    (void)printf("  ms           served        p50       p90       p99       max\n");
    if (o->mix_count > 1)
        for (size_t i = 0; i < o->mix_count; i++)
            print_times(o->mix[i].transport->name, &t->of_part[i]);
    print_times(o->mix_count > 1 ? "all" : o->mix[0].transport->name, &t->all);
    for (int i = 0; i < FAILURES; i++)
        if (t->failures[i].count > 0)
            (void)printf("failed, %s: %" PRIu64 "; the first: %s\n", failure_name((enum failure)i),
                         t->failures[i].count, t->failures[i].first);
    (void)printf("this program: %.0f us of CPU each, %.0f %% of one core\n", cpu_each(t),
                 tally_share(t) * 100);
    print_warnings(t, o);
}

/* ---- for programs ---- */

static void put_times(const struct latency *l)
{
    (void)printf(
        "\"p50Us\":%" PRId64 ",\"p90Us\":%" PRId64 ",\"p99Us\":%" PRId64 ",\"maxUs\":%" PRId64,
        latency_quantile(l, 0.5), latency_quantile(l, 0.9), latency_quantile(l, 0.99), l->max_us);
}

static void put_failures(const struct tally *t)
{
    char storage[6 * sizeof t->failures[0].first]; /* each character as \\u00xx */
    const char *between = "";

    (void)printf("\"failures\":{");
    for (int i = 0; i < FAILURES; i++) {
        struct berth_buf b;

        if (t->failures[i].count == 0)
            continue;
        berth_buf_init(&b, storage, sizeof storage);
        berth_json_escape(&b, berth_str_of(t->failures[i].first));
        (void)printf("%s\"%s\":{\"count\":%" PRIu64 ",\"first\":\"%.*s\"}", between,
                     failure_name((enum failure)i), t->failures[i].count, (int)b.n, b.p);
        between = ",";
    }
    (void)printf("}");
}

void tally_print_json(const struct tally *t, const struct load_options *o)
{
    (void)printf("{\"done\":%" PRIu64 ",\"failed\":%" PRIu64 ",", t->done, t->failed);
    put_failures(t);
    (void)printf(",\"wallUs\":%" PRId64 ",\"perSecond\":%.1f,", t->wall_us, per_second(t));
    put_times(&t->all);
    (void)printf(",\"transports\":{");
    for (size_t i = 0; i < o->mix_count; i++) {
        (void)printf("%s\"%s\":{\"done\":%" PRIu64 ",", i > 0 ? "," : "", o->mix[i].transport->name,
                     t->of_part[i].count);
        put_times(&t->of_part[i]);
        (void)printf("}");
    }
    (void)printf("},\"lateP99Us\":%" PRId64 ",\"behind\":%" PRIu64 ",\"cpuUs\":%" PRId64
                 ",\"processCpuUs\":%" PRId64
                 ",\"cpuEachUs\":%.1f,\"coreShare\":%.3f,\"saturated\":%s}\n",
                 latency_quantile(&t->late, 0.99), t->behind, t->cpu_us, t->process_cpu_us,
                 cpu_each(t), tally_share(t), tally_is_saturated(t) ? "true" : "false");
}
