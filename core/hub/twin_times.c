#include "hub/twin_times.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void berth__twin_times_begin(struct berth__twin_times *t, berth_str times, int64_t updated_ms)
{
    *t = (struct berth__twin_times){ .rest = times, .updated_ms = updated_ms };
}

/* Zero for text that is not digits: times are worth less than the twin they are about. */
static uint64_t number_of(berth_str digits)
{
    uint64_t v = 0;

    for (size_t i = 0; i < digits.n; i++) {
        size_t d = berth_str_find((berth_str){ alphabet, 64 }, digits.p[i]);
        if (d == 64 || v > UINT64_MAX >> 6)
            return 0;
        v = v << 6 | d;
    }
    return v;
}

int64_t berth__twin_times_next(struct berth__twin_times *t)
{
    if (t->run == 0 && t->rest.n == 0)
        return t->updated_ms;
    if (t->run == 0) {
        berth_str count = berth_str_cut(&t->rest, ' ');
        bool later = berth_str_skip(&count, BERTH_STR("~"));
        uint64_t distance = number_of(berth_str_cut(&count, '*'));
        uint64_t own = (uint64_t)t->updated_ms;

        t->current = (int64_t)(later ? own + distance : own - distance);
        t->run = number_of(count);
        if (t->run == 0)
            t->run = 1;
    }
    t->run--;
    return t->current;
}

static void put_number(struct berth_buf *b, uint64_t v)
{
    unsigned shift = 60;

    while (shift > 0 && v >> shift == 0)
        shift -= 6;
    for (; shift > 0; shift -= 6)
        berth_buf_put_char(b, alphabet[v >> shift & 63]);
    berth_buf_put_char(b, alphabet[v & 63]);
}

static void put_run(struct berth_buf *b, int64_t updated_ms, int64_t time, size_t run)
{
    if (b->n > 0)
        berth_buf_put_char(b, ' ');
    if (time > updated_ms)
        berth_buf_put_char(b, '~');
    put_number(b, time > updated_ms ? (uint64_t)time - (uint64_t)updated_ms
                                    : (uint64_t)updated_ms - (uint64_t)time);
    if (run == 1)
        return;
    berth_buf_put_char(b, '*');
    put_number(b, run);
}

void berth__twin_times_put(struct berth_buf *b, int64_t updated_ms, const int64_t *times,
                           size_t count)
{
    size_t run;

    while (count > 0 && times[count - 1] == updated_ms)
        count--;
    for (size_t i = 0; i < count; i += run) {
        run = 1;
        while (i + run < count && times[i + run] == times[i])
            run++;
        put_run(b, updated_ms, times[i], run);
    }
}
