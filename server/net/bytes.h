/* net/bytes.h - bytes on the heap that wait: for their other half, for a reader or for a writer.
 * Nothing is allocated while none wait. They may hold secrets, so they are wiped when let go. */
#ifndef NET_BYTES_H
#define NET_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *p; /* NULL while empty */
    size_t n;
    size_t cap;
};

/* False, with B unchanged, when memory is out. */
bool bytes_append(struct bytes *b, const void *p, size_t n);
/* Forgets the first N (at most B->n); releases the memory with the last one. */
void bytes_drop(struct bytes *b, size_t n);
/* Safe twice. */
void bytes_free(struct bytes *b);

#endif
