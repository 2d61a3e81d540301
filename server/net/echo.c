#include "net/echo.h"

#include <stdlib.h>

/* What cannot be written is not consumed: a peer that does not read is not read from. */
static size_t echo_input(struct layer *l, const uint8_t *p, size_t n)
{
    return layer_write(l->below, p, n);
}

static void echo_writable(struct layer *l)
{
    layer_resume(l->below);
}

static void echo_closed(struct layer *l)
{
    free(l);
}

static const struct layer_ops echo_ops = {
    .input = echo_input,
    .writable = echo_writable,
    .closed = echo_closed,
};

struct layer *echo_layer_new(struct layer *below)
{
    struct layer *l = calloc(1, sizeof *l);

    if (l != NULL)
        *l = (struct layer){ .ops = &echo_ops, .below = below, .loop = below->loop };
    return l;
}
