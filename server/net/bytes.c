#include "net/bytes.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct bytes *b, size_t need)
{
    /* The first block is exact: most waits end before more is added. */
    size_t cap = b->cap == 0 || need > 2 * b->cap ? need : 2 * b->cap;
    uint8_t *p = malloc(cap);

    if (p == NULL)
        return false;
    if (b->n > 0)
        memcpy(p, b->p, b->n);
    size_t n = b->n;
    bytes_free(b);
    *b = (struct bytes){ .p = p, .n = n, .cap = cap };
    return true;
}

bool bytes_append(struct bytes *b, const void *p, size_t n)
{
    if (n == 0)
        return true;
    if (n > b->cap - b->n && !grow(b, b->n + n))
        return false;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

void bytes_drop(struct bytes *b, size_t n)
{
    if (n >= b->n) {
        bytes_free(b);
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

void bytes_free(struct bytes *b)
{
    if (b->p != NULL) {
        explicit_bzero(b->p, b->cap);
        free(b->p);
    }
    *b = (struct bytes){ 0 };
}
