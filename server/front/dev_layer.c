/* Stands between tls and what speaks the protocol, on every connection under `berth dev`. */
#include <stdlib.h>

#include "front/dev.h"

struct dev_layer {
    struct layer l;
    struct dev_layer *next, **prev; /* of the front */
    bool armed;
    size_t left; /* bytes that may still leave */
};

static size_t on_input(struct layer *l, const uint8_t *p, size_t n)
{
    return layer_input(l->above, p, n);
}

static void on_writable(struct layer *l)
{
    l->above->ops->writable(l->above);
}

static void on_ended(struct layer *l)
{
    if (!layer_ended(l->above))
        layer_close(l->below);
}

static void unlink_layer(struct dev_layer *d)
{
    *d->prev = d->next;
    if (d->next != NULL)
        d->next->prev = d->prev;
}

static void on_closed(struct layer *l)
{
    struct dev_layer *d = (struct dev_layer *)l;

    l->above->ops->closed(l->above);
    unlink_layer(d);
    free(d);
}

static size_t on_write(struct layer *l, const uint8_t *p, size_t n)
{
    struct dev_layer *d = (struct dev_layer *)l;
    size_t part = d->armed && d->left < n ? d->left : n;
    size_t taken = part > 0 ? layer_write(l->below, p, part) : 0;

    if (!d->armed)
        return taken;
    d->left -= taken;
    if (d->left > 0)
        return taken;
    layer_close(l->below);
    return n;
}

static void on_resume(struct layer *l)
{
    layer_resume(l->below);
}

static void on_close(struct layer *l)
{
    layer_close(l->below);
}

static const struct layer_ops ops = { .input = on_input,
                                      .writable = on_writable,
                                      .ended = on_ended,
                                      .closed = on_closed,
                                      .write = on_write,
                                      .resume = on_resume,
                                      .close = on_close };

struct layer *dev_layer_new(struct front *f, struct layer *below,
                            struct layer *(*make)(void *user, struct layer *below), void *user)
{
    struct dev_layer *d = calloc(1, sizeof *d);

    if (d == NULL)
        return NULL;
    d->l = (struct layer){ .ops = &ops, .below = below, .loop = below->loop };
    d->l.above = make(user, &d->l);
    if (d->l.above == NULL) {
        free(d);
        return NULL;
    }
    d->next = f->dev_layers;
    d->prev = &f->dev_layers;
    if (d->next != NULL)
        d->next->prev = &d->next;
    f->dev_layers = d;
    return &d->l;
}

void dev_layer_arm(struct front *f, const struct peer *peer, size_t bytes)
{
    for (struct dev_layer *d = f->dev_layers; d != NULL; d = d->next) {
        if (layer_peer(&d->l) != peer)
            continue;
        d->armed = true;
        d->left = bytes;
    }
}
