/* cli/man/roff.h - text as man(7) wants it. */
#ifndef CLI_MAN_ROFF_H
#define CLI_MAN_ROFF_H

#include <stdio.h>

#include "berth/str.h"

/* S in roman type: what roff would take for a request or an escape is made plain. A line feed ends
 * a line. */
void roff_text(FILE *out, berth_str s);
void roff_bold(FILE *out, berth_str s);
/* "[TRACKING-ID | FILE]", "primary|secondary": placeholders in italics, words in bold. */
void roff_values(FILE *out, berth_str spec);
/* The lines of FILE as they are. False when it is not there or the reading fails. */
bool roff_copy(FILE *out, const char *path);

#endif
