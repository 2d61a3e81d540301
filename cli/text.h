/* cli/text.h - text on the heap that grows up to a maximum, and text made safe for a terminal. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "berth/str.h"

struct text {
    char *p;
    size_t n, room, max;
    bool over; /* something did not fit, or the heap gave nothing; use nothing of it */
};

void text_init(struct text *t, size_t max);
/* Appends all of S, or nothing and sets T->over. */
void text_put(struct text *t, berth_str s);
berth_str text_str(const struct text *t);
/* Empties T and wipes what it held, which may be keys; keeps the room. */
void text_reset(struct text *t);
/* Wipes and gives back; safe twice. */
void text_deinit(struct text *t);

/* Each control character of TEXT but the line feed becomes '?': ASCII's and, in UTF-8, those of
 * ISO 8859 (0x80 to 0x9f), which some terminals take for commands. */
void text_tame(char *text);
/* Columns that S takes on a terminal. */
size_t text_width(berth_str s);

#endif
