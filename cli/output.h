/* cli/output.h - JSON on standard output: the service's own values, indented. Devices have a say in
 * them: what a terminal would take for a command is written as \u00xx. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdio.h>

#include "wire/json.h"

/* V with two blanks a level, values as they were written. A member whose value is HIDDEN (the very
 * value, inside V) is left out; absent: none. Ends with a line feed. */
void output_json(FILE *out, struct berth_json v, struct berth_json hidden);

/* V in one line, as it was written. */
void output_line(FILE *out, struct berth_json v);

/* A text that is said with a document without being of it, BERTH_ID_MAX bytes at most; "" is null.
 */
struct output_member {
    const char *name, *text;
};
/* The same of an object, MORE behind its own members. */
void output_object(FILE *out, struct berth_json v, struct berth_json hidden,
                   const struct output_member *more, size_t count);

/* An array that comes in parts: open, each element, close. */
struct output_array {
    FILE *out;
    bool any;
};
void output_array_open(struct output_array *a, FILE *out);
void output_array_put(struct output_array *a, struct berth_json v, struct berth_json hidden);
void output_array_close(struct output_array *a);

#endif
