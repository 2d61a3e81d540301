/* backup/bytes.h - where an archive's bytes come from and go to: a file, memory, or the seal around
 * it. */
#ifndef BACKUP_BYTES_H
#define BACKUP_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "berth/err.h"

struct byte_sink {
    berth_err (*put)(void *user, const uint8_t *p, size_t n);
    void *user;
};

/* Gives up to SIZE bytes and says how many in *N; 0 at the end alone. */
struct byte_source {
    berth_err (*get)(void *user, uint8_t *p, size_t size, size_t *n);
    void *user;
};

/* As many as there are, up to SIZE: fewer only at the end. */
BERTH_MUST_USE static inline berth_err bytes_fill(const struct byte_source *s, uint8_t *p,
                                                  size_t size, size_t *n)
{
    for (*n = 0; *n < size;) {
        size_t more;
        berth_err e = s->get(s->user, p + *n, size - *n, &more);

        if (e != BERTH_OK)
            return e;
        if (more == 0)
            return BERTH_OK;
        *n += more;
    }
    return BERTH_OK;
}

#endif
