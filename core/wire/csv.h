/* wire/csv.h - rows of comma-separated values as they come (RFC 4180), and what spreadsheets make
 * of them: any separator, LF, CRLF or CR, a "sep=;" line, line ends and doubled quotes within
 * quotes. Bytes that are not ASCII pass through. */
#ifndef BERTH_WIRE_CSV_H
#define BERTH_WIRE_CSV_H

#include "berth/str.h"

#define BERTH_CSV_ROW_MAX    65536 /* bytes of a row with its quotes, without its end */
#define BERTH_CSV_FIELDS_MAX 1024

struct berth_csv {
    char separator;
    bool after_cr; /* a LF would belong to the row before */
    uint64_t line; /* that the next row begins on, from 1 */
};

struct berth_csv_row {
    uint64_t line; /* that it begins on; rows with line ends in quotes take several */
    size_t count;
    berth_str fields[BERTH_CSV_FIELDS_MAX];
};

/* Starts at the beginning of a file, of which TEXT is the first line or as much as a row may have.
 * SEPARATOR 0: the one of tab, ';', ',' and '|' that the line has most of; ',' when it has none.
 * Returns how many bytes to pass over: a line sep=X, which names the separator, with its end. */
size_t berth_csv_begin(struct berth_csv *c, berth_str text, char separator);

/* The row that P[0..N) begins with; LAST: nothing comes after them. *USED bytes are done with when
 * it returns. Fields borrow from P, within which doubled quotes have been made single.
 * BERTH_E_NOT_FOUND: no whole row is there; with LAST, the end. Come again with the bytes from
 * *USED on and more.
 * BERTH_E_SYNTAX: a closing quote with text after it; the next call takes the next line.
 * BERTH_E_RANGE: more than BERTH_CSV_FIELDS_MAX; likewise. ROW->line is set in both.
 * BERTH_E_FULL: longer than BERTH_CSV_ROW_MAX, or a quote that is never closed: where the next row
 * begins is not known, reading is over. */
BERTH_MUST_USE berth_err berth_csv_next(struct berth_csv *c, char *p, size_t n, bool last,
                                        size_t *used, struct berth_csv_row *row);

#endif
