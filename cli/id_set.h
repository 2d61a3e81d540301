/* cli/id_set.h - the IDs of a run, each with the line that it came from: does a second one give the
 * same? Exact, and without regard to case, as the service takes them. Memory: the IDs themselves
 * and 20 to 30 bytes for each. */
#ifndef CLI_ID_SET_H
#define CLI_ID_SET_H

#include "base/siphash.h"

struct id_set {
    uint8_t seed[BERTH_SIPHASH_KEY_SIZE];
    uint64_t *slots; /* 24 bits of the hash over where in IDS; 0: free */
    size_t room, used;
    char *ids; /* line (8 bytes), size (1), the ID in lower case */
    size_t n, max;
};

void id_set_init(struct id_set *s);
/* *FIRST is the line that ID, at most BERTH_ID_MAX bytes, came from before, or 0: it is new and has
 * been added with LINE. BERTH_E_MEMORY. */
BERTH_MUST_USE berth_err id_set_add(struct id_set *s, berth_str id, uint64_t line, uint64_t *first);
void id_set_deinit(struct id_set *s);

#endif
