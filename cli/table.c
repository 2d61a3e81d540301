#include "cli/table.h"

#include <assert.h>
#include <string.h>

#define CELL_MAX 1024
#define GAP      "  "

void table_init(struct table *t, FILE *out, const char *const *heads, size_t columns)
{
    assert(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    *t = (struct table){ .out = out, .heads = heads, .columns = columns };
    text_init(&t->cells, TABLE_TEXT_MAX);
    for (size_t i = 0; heads != NULL && i < columns; i++)
        t->width[i] = strlen(heads[i]);
}

void table_put(struct table *t, berth_str cell)
{
    char tame[CELL_MAX + 1];
    size_t n = cell.n < CELL_MAX ? cell.n : CELL_MAX, width;

    if (n == 0) {
        tame[0] = '-';
        n = 1;
    } else {
        memcpy(tame, cell.p, n);
    }
    for (size_t i = 0; i < n; i++) /* the one control character that taming keeps, and the one
                                      it ends at */
        if (tame[i] == '\n' || tame[i] == '\0')
            tame[i] = '?';
    tame[n] = '\0';
    text_tame(tame);
    width = text_width((berth_str){ tame, n });
    if (width > t->width[t->column])
        t->width[t->column] = width;
    tame[n] = '\n';
    text_put(&t->cells, (berth_str){ tame, n + 1 });
    t->column = (t->column + 1) % t->columns;
}

void table_put_json(struct table *t, struct berth_json v)
{
    unsigned char storage[CELL_MAX];
    struct berth_arena a;
    berth_str text = v.text;

    berth_arena_init(&a, storage, sizeof storage);
    if (v.type == BERTH_JSON_ABSENT || v.type == BERTH_JSON_NULL)
        text = BERTH_STR("");
    else if (v.type == BERTH_JSON_STRING && berth_json_string(v, &a, &text) != BERTH_OK)
        text = v.text; /* longer than a cell: as written */
    table_put(t, text);
}

void table_put_time(struct table *t, struct berth_json v)
{
    berth_str text = v.text;
    char short_form[24];

    /* "2026-01-02T03:04:05.1230000Z" in quotes */
    if (v.type != BERTH_JSON_STRING || text.n < 22 || text.p[11] != 'T') {
        table_put_json(t, v);
        return;
    }
    if (berth_str_starts(text, BERTH_STR("\"0001-01-01"))) {
        table_put(t, BERTH_STR("never"));
        return;
    }
    memcpy(short_form, text.p + 1, 19);
    short_form[10] = ' ';
    short_form[19] = 'Z';
    table_put(t, (berth_str){ short_form, 20 });
}

static void put_padded(struct table *t, berth_str cell, size_t column)
{
    size_t width = text_width(cell);
    int pad = column + 1 == t->columns ? 0 : (int)(t->width[column] - width);

    (void)fprintf(t->out, "%.*s%*s%s", BERTH_STR_ARG(cell), pad, "",
                  column + 1 == t->columns ? "\n" : GAP);
}

void table_flush(struct table *t)
{
    berth_str rest = text_str(&t->cells);

    for (size_t i = 0; t->heads != NULL && !t->headed && rest.n > 0 && i < t->columns; i++)
        put_padded(t, berth_str_of(t->heads[i]), i);
    t->headed = t->headed || rest.n > 0;
    while (rest.n > 0)
        for (size_t i = 0; i < t->columns; i++)
            put_padded(t, berth_str_cut(&rest, '\n'), i);
    if (!t->cells.over)
        text_reset(&t->cells);
}

bool table_deinit(struct table *t)
{
    bool whole = !t->cells.over;

    table_flush(t);
    text_deinit(&t->cells);
    return whole;
}

void table_pair(struct table *t, const char *name, struct berth_json v)
{
    table_put(t, berth_str_of(name));
    table_put_json(t, v);
}

void table_pair_list(struct table *t, const char *name, struct berth_json list, berth_str none)
{
    unsigned char storage[CELL_MAX];
    char joined[CELL_MAX];
    struct berth_json_iter it = { 0 };
    struct berth_json each;
    struct berth_arena a;
    struct berth_buf b;
    berth_str text;

    berth_buf_init(&b, joined, sizeof joined);
    while (list.type == BERTH_JSON_ARRAY && berth_json_next(list, &it, NULL, &each)) {
        berth_arena_init(&a, storage, sizeof storage);
        if (berth_json_string(each, &a, &text) != BERTH_OK)
            text = each.text;
        berth_buf_put(&b, b.n > 0 ? BERTH_STR(" ") : BERTH_STR(""));
        berth_buf_put(&b, text);
    }
    table_pair_text(t, name, b.over ? list.text : b.n > 0 ? berth_buf_str(&b) : none);
}

void table_pair_text(struct table *t, const char *name, berth_str value)
{
    table_put(t, berth_str_of(name));
    table_put(t, value);
}

void table_pair_keys(struct table *t, struct berth_json keys)
{
    table_pair(t, "primary key", berth_json_get(keys, BERTH_STR("primaryKey")));
    table_pair(t, "secondary key", berth_json_get(keys, BERTH_STR("secondaryKey")));
}
