#include "ops/metrics.h"

#include <stddef.h>
#include <string.h>

struct row {
    const char *name, *type, *help;
    size_t at; /* of the counter in struct metrics */
};

static const struct row rows[] = {
#define X(field, name, type, help) { name, type, help, offsetof(struct metrics, field) },
    METRICS(X)
#undef X
};

static uint64_t load(const struct metrics *m, size_t at)
{
    const _Atomic uint64_t *counter = (const void *)((const char *)m + at);

    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint64_t sum(struct metrics *const *blocks, size_t count, size_t at)
{
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += load(blocks[i], at);
    return total;
}

static void put_head(struct berth_buf *b, const char *name, const char *type, const char *help)
{
    berth_buf_put(b, BERTH_STR("# HELP "));
    berth_buf_put(b, berth_str_of(name));
    berth_buf_put_char(b, ' ');
    berth_buf_put(b, berth_str_of(help));
    berth_buf_put(b, BERTH_STR("\n# TYPE "));
    berth_buf_put(b, berth_str_of(name));
    berth_buf_put_char(b, ' ');
    berth_buf_put(b, berth_str_of(type));
    berth_buf_put_char(b, '\n');
}

static void put_row(struct berth_buf *b, const struct row *r, uint64_t total)
{
    /* A gauge goes up in one block and down in another, or is read between the two. */
    bool below_zero = strcmp(r->type, "gauge") == 0 && (int64_t)total < 0;

    put_head(b, r->name, r->type, r->help);
    berth_buf_put(b, berth_str_of(r->name));
    berth_buf_put_char(b, ' ');
    berth_buf_put_u64(b, below_zero ? 0 : total);
    berth_buf_put_char(b, '\n');
}

static void put_reasons(struct berth_buf *b, struct metrics *const *blocks, size_t count)
{
    put_head(b, "berth_refusals_total", "counter", "refusals by reason, see docs/errors.md");
    for (size_t i = BERTH_WHY_NONE + 1; i < BERTH_REASON_COUNT; i++) {
        size_t at = offsetof(struct metrics, reasons) + i * sizeof blocks[0]->reasons[0];

        berth_buf_put(b, BERTH_STR("berth_refusals_total{reason=\""));
        berth_buf_put(b, berth_str_of(berth_reason_row((enum berth_reason)i)->name));
        berth_buf_put(b, BERTH_STR("\"} "));
        berth_buf_put_u64(b, sum(blocks, count, at));
        berth_buf_put_char(b, '\n');
    }
}

void metrics_put(struct berth_buf *b, struct metrics *const *blocks, size_t count)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        put_row(b, &rows[i], sum(blocks, count, rows[i].at));
    put_reasons(b, blocks, count);
}
