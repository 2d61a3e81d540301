/* net/layer.h - a connection is a stack of layers: tcp, then tls, then http or mqtt. Each takes
 * bytes from the one below, says how many it consumed, and is told when it may write again. No
 * layer but the lowest knows a socket, so each is tested and fuzzed from buffers
 * (tests/unit/layer_rig.h). */
#ifndef NET_LAYER_H
#define NET_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct layer;

struct layer_ops {
    /* From below: N bytes at P, borrowed for the call. Returns how many were consumed. With fewer
     * than N the layer below keeps the rest, reads no more, and offers it again (with what came
     * since) after layer_resume. */
    size_t (*input)(struct layer *l, const uint8_t *p, size_t n);
    /* From below: a write that was not taken whole may be tried again. */
    void (*writable)(struct layer *l);
    /* From below, at most once: the peer has said its end, no INPUT follows. Whoever still owes it
     * an answer writes that and closes then, everybody else closes now. NULL: the layer below does.
     */
    void (*ended)(struct layer *l);
    /* From below, once: no more bytes will come or go. The layer passes it up, then frees itself.
     */
    void (*closed)(struct layer *l);

    /* From above: send. Returns how many bytes were taken: fewer than N means full, WRITABLE
     * follows. */
    size_t (*write)(struct layer *l, const uint8_t *p, size_t n);
    /* From above: offer the kept input again. Never calls input from inside: it comes with a later
     * event. */
    void (*resume)(struct layer *l);
    /* From above: send what was taken, then close; CLOSED follows in a later event. Until then no
     * INPUT and no WRITABLE come, and what is written is dropped. Harmless when repeated. */
    void (*close)(struct layer *l);
};

struct layer {
    const struct layer_ops *ops;
    struct layer *below; /* NULL: lowest */
    struct layer *above; /* NULL: topmost, or not yet known */
    struct loop *loop;
    bool answering; /* of the topmost: has all it needs of the peer, whom an answer will reach */
    bool leaving; /* what it writes is its last: CLOSE follows at once, and both may go together */
    bool parted;  /* the peer has said that no more will come: closing waits for nothing */
};

static inline size_t layer_input(struct layer *l, const uint8_t *p, size_t n)
{
    return l->ops->input(l, p, n);
}

/* False when L has no answer to write: whoever asks closes. */
static inline bool layer_ended(struct layer *l)
{
    if (l->ops->ended == NULL)
        return false;
    l->ops->ended(l);
    return true;
}

static inline size_t layer_write(struct layer *below, const void *p, size_t n)
{
    return below->ops->write(below, p, n);
}

static inline void layer_resume(struct layer *below)
{
    below->ops->resume(below);
}

static inline void layer_close(struct layer *below)
{
    below->ops->close(below);
}

#endif
