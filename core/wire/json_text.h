/* wire/json_text.h - the inside of a JSON string: where it ends, and what its escapes stand for.
 * For the files of JSON alone. */
#ifndef BERTH_WIRE_JSON_TEXT_H
#define BERTH_WIRE_JSON_TEXT_H

#include "wire/json.h"

/* How many bytes from P on stand for themselves: ASCII without quote, backslash and controls. */
size_t berth__json_plain(const char *p, const char *end);

/* The type of a checked value by its first byte. */
enum berth_json_type berth__json_type(berth_str text);

/* Size of the checked string that S begins with, both quotes included. Never more than S.n. */
size_t berth__json_string_size(berth_str s);

/* Decodes a checked string byte by byte. P is behind the opening quote; the closing quote or END
 * ends it. */
struct berth__json_chars {
    const char *p, *end;
    unsigned char pending[4]; /* the rest of an escape that became several bytes */
    unsigned have;
};

/* The next byte of the decoded UTF-8, or -1 at the end. */
int berth__json_char(struct berth__json_chars *c);

/* The four hex digits at P, or -1. At least four bytes follow P. */
int berth__json_hex4(const char *p);

#endif
