/* ops/config_table.h - the table of keys, shared by the files of config. */
#ifndef OPS_CONFIG_TABLE_H
#define OPS_CONFIG_TABLE_H

#include "ops/config.h"

enum config_kind {
    CONFIG_TEXT, /* any text that fits */
    CONFIG_U16,  /* numbers from LEAST to MOST */
    CONFIG_U32,
    CONFIG_UNSIGNED,
    CONFIG_SIZE,
    CONFIG_WORD,    /* one of WORDS */
    CONFIG_ADDRESS, /* one IP address */
    CONFIG_NAMES,   /* host names and IP addresses */
    CONFIG_ADDRESSES,
};

struct config_row {
    struct config_key key;
    enum config_kind kind;
    size_t at;   /* of the member in struct config */
    size_t size; /* of the text, or of one entry of a list */
    uint64_t least, most;
    const char *words; /* " json text auto " */
    size_t count_at;   /* lists: of the number of entries */
};

/* NULL when there is no such key. */
const struct config_row *config_row(const char *name);
/* The key that NAME may have been meant for, at most two slips away; NULL when none is near. */
const char *config_nearest(const char *name);
/* How many loops there are by default on a machine of so many cores. */
unsigned config_default_loops(unsigned cores);
/* Sets the row's member. APPEND: a list grows instead of being replaced. */
BERTH_MUST_USE berth_err config_apply(struct config *c, const struct config_row *row,
                                      const char *value, bool append, char *problem,
                                      size_t problem_size);

#endif
