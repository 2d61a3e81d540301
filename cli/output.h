/* cli/output.h - JSON for scripts on standard output: the service's own values, indented. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdio.h>

#include "wire/json.h"

/* V with two blanks a level, values as they were written. A member whose value is HIDDEN (the very
 * value, inside V) is left out; absent: none. Ends with a line feed. */
void output_json(FILE *out, struct berth_json v, struct berth_json hidden);

/* An array that comes in parts: open, each element, close. */
struct output_array {
    FILE *out;
    bool any;
};
void output_array_open(struct output_array *a, FILE *out);
void output_array_put(struct output_array *a, struct berth_json v, struct berth_json hidden);
void output_array_close(struct output_array *a);

#endif
