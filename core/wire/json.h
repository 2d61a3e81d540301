/* wire/json.h - one strict JSON reader without allocation that keeps each value's source text, and
 * a writer. Why our own: numbers must come back as they were written (1.10, integers of 20 digits),
 * and a device may not allocate. RFC 8259, and stricter: UTF-8 only, no duplicate names, no lone
 * surrogates, no NUL in names. */
#ifndef BERTH_WIRE_JSON_H
#define BERTH_WIRE_JSON_H

#include "base/arena.h"
#include "berth/buf.h"

#define BERTH_JSON_TEXT_MAX    (16u << 20) /* bytes of a document */
#define BERTH_JSON_DEPTH_MAX   32          /* nested arrays and objects */
#define BERTH_JSON_MEMBERS_MAX 1024        /* names in one object */
#define BERTH_JSON_NAMES_MAX   1536        /* so far in an object and those around it, together */

enum berth_json_type {
    BERTH_JSON_ABSENT = 0,
    BERTH_JSON_NULL,
    BERTH_JSON_FALSE,
    BERTH_JSON_TRUE,
    BERTH_JSON_NUMBER,
    BERTH_JSON_STRING,
    BERTH_JSON_ARRAY,
    BERTH_JSON_OBJECT,
};

/* A value inside a checked document: its source text, from its first to its last byte. */
struct berth_json {
    enum berth_json_type type;
    berth_str text;
};

/* Judges the whole of TEXT: exactly one value with blanks around it. On success *OUT is that value.
 * On error *OUT is absent, and *POSITION (may be NULL) the offset of the first byte that is wrong;
 * a repeated name in an object of over 32 is found where the object ends, an error before that
 * wins. BERTH_E_SYNTAX; BERTH_E_RANGE for a bound of this file. Work grows with n log n at worst;
 * takes 13 KiB of stack. All other functions take only what passed here. */
BERTH_MUST_USE berth_err berth_json_check(berth_str text, struct berth_json *out, size_t *position);

/* Member NAME (plain text, compared with the decoded name; case counts) of OBJECT. Absent when
 * OBJECT is not an object or has no such member. */
struct berth_json berth_json_get(struct berth_json object, berth_str name);

/* Walks an array or object in source order: start with *IT zeroed; false at the end. In an object
 * NAME gets the name's source text without quotes (still escaped); in an array it is absent. NAME
 * may be NULL. */
struct berth_json_iter {
    size_t at;
};
bool berth_json_next(struct berth_json container, struct berth_json_iter *it, berth_str *name,
                     struct berth_json *value);
size_t berth_json_count(struct berth_json container);

/* The string's text, decoded into A; borrows from the source when nothing is escaped.
 * BERTH_E_SYNTAX for another type. *OUT is empty but not absent for "". */
BERTH_MUST_USE berth_err berth_json_string(struct berth_json v, struct berth_arena *a,
                                           berth_str *out);
/* Whether V is a string that decodes to PLAIN. */
bool berth_json_is(struct berth_json v, berth_str plain);
/* An integer written without fraction or exponent. BERTH_E_SYNTAX for another type, BERTH_E_RANGE.
 */
BERTH_MUST_USE berth_err berth_json_i64(struct berth_json v, int64_t *out);
/* true or false; BERTH_E_SYNTAX otherwise. */
BERTH_MUST_USE berth_err berth_json_bool(struct berth_json v, bool *out);

/* ---- writer: compact; commas are its own business ---- */

struct berth_json_out {
    struct berth_buf *b;
    bool comma; /* a comma is due before the next member or element */
};

void berth_json_begin(struct berth_json_out *j, struct berth_buf *b);
void berth_json_open(struct berth_json_out *j, char bracket); /* '{' or '[' */
void berth_json_close(struct berth_json_out *j, char bracket);
void berth_json_name(struct berth_json_out *j, berth_str name); /* plain text; escaped here */
void berth_json_put_string(struct berth_json_out *j, berth_str plain);
void berth_json_put_i64(struct berth_json_out *j, int64_t v);
void berth_json_put_bool(struct berth_json_out *j, bool v);
void berth_json_put_null(struct berth_json_out *j);
/* Source text of a checked value, verbatim. */
void berth_json_put_raw(struct berth_json_out *j, berth_str source);

/* Name and value in one call. */
void berth_json_member(struct berth_json_out *j, const char *name, berth_str plain);
void berth_json_member_i64(struct berth_json_out *j, const char *name, int64_t v);
void berth_json_member_bool(struct berth_json_out *j, const char *name, bool v);
void berth_json_member_raw(struct berth_json_out *j, const char *name, berth_str source);

/* S with " \ and control characters escaped, without quotes around it. Invalid UTF-8 becomes
 * U+FFFD. */
void berth_json_escape(struct berth_buf *b, berth_str s);

#endif
