/* cli/table.h - tables for people: columns as wide as their widest cell, a page at a time. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "cli/text.h"
#include "wire/json.h"

#define TABLE_COLUMNS_MAX 8
#define TABLE_TEXT_MAX    (16u << 20) /* bytes of a page's cells */

/* A long list is printed page by page: widths only grow, so a later page may stand further right.
 */
struct table {
    FILE *out;
    const char *const *heads; /* NULL: none */
    size_t columns, column;
    size_t width[TABLE_COLUMNS_MAX];
    bool headed;       /* the heads have been printed */
    struct text cells; /* each ended by a line feed */
};

/* HEADS are COLUMNS in number, and static; NULL for a list of names and values. */
void table_init(struct table *t, FILE *out, const char *const *heads, size_t columns);
/* The next cell, left to right and row by row. Empty becomes "-"; control characters '?'. */
void table_put(struct table *t, berth_str cell);
/* A value of the service: a string decoded, absent and null as "-", others as written. */
void table_put_json(struct table *t, struct berth_json v);
/* A point in time without its fraction; the year 1 as "never". */
void table_put_time(struct table *t, struct berth_json v);
/* Prints the rows so far and forgets them. */
void table_flush(struct table *t);
/* Flushes and gives back; false when the heap ran out and rows are missing. */
bool table_deinit(struct table *t);

/* One row of a table of names and values. */
void table_pair(struct table *t, const char *name, struct berth_json v);
/* An array's strings in a row; NONE when it is empty or absent. */
void table_pair_list(struct table *t, const char *name, struct berth_json list, berth_str none);
void table_pair_text(struct table *t, const char *name, berth_str value);
/* The two keys of {"primaryKey":..,"secondaryKey":..}. */
void table_pair_keys(struct table *t, struct berth_json keys);

#endif
