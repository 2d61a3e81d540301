/* cli/nearest.h - which word was meant. */
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 64 /* bytes of a word */

/* Letters to add, drop or change between A and B, of at most NEAREST_MAX bytes. */
size_t nearest_slips(const char *a, const char *b);

#endif
