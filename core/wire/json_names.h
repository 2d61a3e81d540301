/* wire/json_names.h - no name twice in an object: the names of all objects open at one place of a
 * document. For json_check.c alone. */
#ifndef BERTH_WIRE_JSON_NAMES_H
#define BERTH_WIRE_JSON_NAMES_H

#include "wire/json.h"

/* 12 KiB, meant for the stack; only what is used gets touched. A name is its hash over the offset
 * of its opening quote in the document. */
struct berth__json_names {
    berth_str text;
    size_t n;
    uint64_t name[BERTH_JSON_NAMES_MAX];
};

/* The name whose opening quote is at AT joins the object whose first name is number FIRST.
 * BERTH_E_RANGE for one name too many, BERTH_E_SYNTAX for one that the object has; in a large
 * object that shows only in berth__json_names_end. */
berth_err berth__json_names_add(struct berth__json_names *names, size_t first, size_t at);

/* Forgets the names from number FIRST on. BERTH_E_SYNTAX, and *AT the place of the first
 * repetition, when one of them stands there twice. */
berth_err berth__json_names_end(struct berth__json_names *names, size_t first, size_t *at);

#endif
