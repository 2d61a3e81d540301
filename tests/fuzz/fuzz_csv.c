#include <stdlib.h>
#include <string.h>

#include "auth/id_template.h"
#include "base/utf16.h"
#include "wire/csv.h"

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* A row says how it came out, and where it lies. */
static void check_row(const struct berth_csv_row *row, const char *p, size_t n)
{
    const char *behind = p;

    require(row->count >= 1 && row->count <= BERTH_CSV_FIELDS_MAX);
    for (size_t i = 0; i < row->count; i++) {
        struct berth_mac mac;

        require(row->fields[i].p >= behind && row->fields[i].p + row->fields[i].n <= p + n);
        behind = row->fields[i].p + row->fields[i].n;
        require(berth_mac_parse(row->fields[i], &mac).position <= row->fields[i].n);
    }
}

/* All rows of TEXT, STEP bytes more each time; how many there are, and of which lines. */
static uint64_t read_rows(berth_str text, char separator, size_t step)
{
    static struct berth_csv_row row;
    struct berth_csv c;
    size_t done = berth_csv_begin(&c, text, separator), there = done;
    uint64_t sum = 0;

    for (;;) {
        size_t n = there - done, used;
        char *copy = malloc(n + (n == 0));
        uint64_t line = c.line;
        berth_err e;

        memcpy(copy, text.n == 0 ? "" : text.p + done, n);
        e = berth_csv_next(&c, copy, n, there == text.n, &used, &row);
        require(used <= n && row.line == line && c.line >= line);
        if (e == BERTH_OK)
            check_row(&row, copy, n);
        free(copy);
        done += used;
        if (e != BERTH_E_NOT_FOUND)
            sum = sum * 31 + row.line * 7 + (uint64_t)e * 5 + (e == BERTH_OK ? row.count : 0);
        if (e == BERTH_E_FULL || (e == BERTH_E_NOT_FOUND && there == text.n))
            return sum;
        require(e == BERTH_E_NOT_FOUND || used > 0);
        if (e == BERTH_E_NOT_FOUND)
            there = step < text.n - there ? there + step : text.n;
    }
}

static void decode(berth_str in, bool big)
{
    struct berth_utf16 u = { .big = big };
    char out[BERTH_UTF16_ROOM + 2];
    struct berth_buf b;

    while (in.n > 0) {
        berth_buf_init(&b, out, sizeof out);
        berth_utf16_take(&u, &in, &b);
        require(!b.over);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    berth_str text = { (const char *)data + 1, size - 1 };
    struct berth_id_template t;
    size_t mark;

    if (size == 0 || size > 4096)
        return 0;
    /* However it comes, it is the same rows. */
    require(read_rows(text, '\0', text.n + 1) == read_rows(text, '\0', 1 + data[0] % 64));
    (void)berth_encoding_of(text, &mark);
    require(mark <= text.n);
    decode(text, (data[0] & 1) != 0);
    require(berth_id_template_parse(text, &t).position <= text.n);
    require(t.count <= BERTH_ID_TEMPLATE_PARTS_MAX);
    return 0;
}
