/* cli/bulk.h - a verb over the rows of a file: its options, what is read, what is written, what was
 * wrong, how far it is. */
#ifndef CLI_BULK_H
#define CLI_BULK_H

#include <argp.h>
#include <inttypes.h>

#include "cli/columns.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/sink.h"

#define BULK_TOLD_MAX 20 /* bad lines that are told one by one */

struct bulk_options {
    const char *csv;    /* --csv */
    const char *list;   /* --list, of verbs that have it */
    const char *output; /* --output-file */
    char separator;     /* --separator, or 0 */
    enum columns_header header;
    bool skip_bad; /* --skip-bad-lines */
    bool any;      /* one was given that needs a file to read */
};

/* An argp child whose input is a struct bulk_options. */
extern const struct argp bulk_argp;
/* For the end of a verb's options: those given go together. */
void bulk_check(struct argp_state *state, const struct bulk_options *o);

struct bulk {
    const struct bulk_options *options;
    struct rows rows;
    struct sink sink;
    struct progress progress;
    uint64_t good, bad, fatal, told;
};

/* Opens what is read and what is written, the latter with MODE. An exit code; the user has been
 * told. End with bulk_end in any case. */
int bulk_begin(struct bulk *b, const struct bulk_options *o, mode_t mode);
/* Reads on until there is a row, in b->rows.row. False at the end, and after a failure, which is
 * counted. */
bool bulk_next(struct bulk *b);
/* The first row decides where the columns are; it is then read as any other unless it holds names.
 * *HAS_ROW false: there is none. */
int bulk_columns(struct bulk *b, struct column *columns, size_t count, bool *has_row);

/* The present line is bad: FORMAT says the cause, then the remedy on a line of its own. */
void bulk_bad(struct bulk *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As bulk_bad, for what --skip-bad-lines does not pass over. */
void bulk_fatal(struct bulk *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes what is left, or, when CODE or a line says no, takes a file away again. The exit code. */
int bulk_end(struct bulk *b, int code);

#endif
