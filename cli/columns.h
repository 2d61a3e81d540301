/* cli/columns.h - which column of a CSV file holds what: by the names in its first row, or as the
 * user says. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include <stdbool.h>

#include "wire/csv.h"

struct column {
    const char *what;         /* "serial number": for people */
    const char *option;       /* "--serial-column" */
    const char *given;        /* a name in the first row, or a number from 1; NULL: look for it */
    const char *const *names; /* that it has elsewhere, see columns_simplify; ended by NULL */
    bool wanted;
    size_t at; /* found: index of its field */
};

enum columns_header { COLUMNS_LOOK, COLUMNS_HEADER, COLUMNS_NO_HEADER };

#define COLUMNS_NAME_MAX 64

/* NAME in lower case without blanks and punctuation: "Serial No." is serialno. Empty when it is
 * longer than COLUMNS_NAME_MAX. */
berth_str columns_simplify(berth_str name, char out[COLUMNS_NAME_MAX]);

/* Finds the wanted ones of COUNT columns by FIRST, the first row of FILE. *IS_HEADER: that row
 * holds names, no values. When it is not said, it does if one of the columns is found by its name
 * or a column given by number has one of its known names there. An exit code; the user has been
 * told. */
int columns_find(struct column *columns, size_t count, const struct berth_csv_row *first,
                 const char *file, enum columns_header header, bool *is_header);

/* The field of ROW without the blanks around it; empty when the row is too short. */
berth_str columns_field(const struct column *c, const struct berth_csv_row *row);

#endif
