#include "net/tls_impl.h"

#include <stdlib.h>

#include <openssl/err.h>

#define RECORD_HEADER 5
#define RECORD_MAX    (SSL3_RT_MAX_PLAIN_LENGTH + 2048) /* RFC 5246 section 6.2.3 */
#define PLAIN_MAX     SSL3_RT_MAX_PLAIN_LENGTH
#define TLS_CLOSE_MS  TLS_HANDSHAKE_MS /* for records the layer below has no room for */

static const struct tls_info unknown = { .version = "", .cipher = "", .name_is_covered = true };

static struct tls *tls_of(struct layer *l)
{
    return (struct tls *)(void *)((char *)l - offsetof(struct tls, l));
}

/* Neither reads nor writes before what waits has gone on its way. */
static bool stalled(const struct tls *t)
{
    return t->kept.n > 0 || t->unsent.n > 0;
}

static void drop_kept(struct tls *t)
{
    if (!t->offering)
        bytes_free(&t->kept);
}

static void drop_all(struct tls *t)
{
    bytes_free(&t->partial);
    drop_kept(t);
    bytes_free(&t->unsent);
}

/* Closes without waiting for records that have no room below. */
static void close_below(struct tls *t)
{
    t->closing = true;
    deadline_clear(&t->limit);
    deadline_clear(&t->again);
    drop_all(t);
    layer_close(t->l.below);
}

void tls_flush(struct tls *t)
{
    const uint8_t *p = t->wire.out;
    size_t n = t->wire.out_n;
    size_t sent = 0;

    t->wire.out_n = 0;
    if (n == 0)
        return;
    if (t->unsent.n == 0)
        sent = layer_write(t->l.below, p, n);
    if (!bytes_append(&t->unsent, p + sent, n - sent))
        close_below(t);
}

/* OpenSSL's two blocks of 16 KiB go back after each event. Left to SSL_MODE_RELEASE_BUFFERS it
 * wipes all of a block several times per event, at 8 bytes a step; what it decrypted into it has
 * been wiped before, as it was read. */
static void release_blocks(struct tls *t)
{
    if (t->ssl == NULL || t->wire.in != NULL || SSL_has_pending(t->ssl))
        return; /* more is to come from them */
    SSL_clear_options(t->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_free_buffers(t->ssl);
    SSL_set_options(t->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

static void on_close_limit(struct deadline *d)
{
    close_below((struct tls *)(void *)((char *)d - offsetof(struct tls, limit)));
}

/* True when the call may be repeated; else notes how the reading ended. */
static bool may_read_on(struct tls *t)
{
    int why = SSL_get_error(t->ssl, 0);

    tls_flush(t);
    if (why == SSL_ERROR_WANT_READ)
        return false;
    if (why == SSL_ERROR_WANT_WRITE)
        return !t->closing && t->unsent.n == 0;
    t->ended = true;
    t->broken = why != SSL_ERROR_ZERO_RETURN;
    return false;
}

/* The peer's close_notify often came with its last words. Seen now, its end need not be awaited. */
static void look_for_end(struct tls *t)
{
    uint8_t text[64];
    size_t n;

    if (t->wire.in_n > 0 && t->wire.in_n <= sizeof text && !t->ended &&
        SSL_is_init_finished(t->ssl)) {
        ERR_clear_error();
        if (SSL_read_ex(t->ssl, text, sizeof text, &n) != 1)
            (void)may_read_on(t);
        explicit_bzero(text, sizeof text);
    }
    t->l.parted = t->ended && !t->broken;
}

void tls_finish(struct tls *t, bool notify)
{
    if (t->closing)
        return;
    t->closing = true;
    tls_queue_leave(t);
    look_for_end(t);
    t->l.leaving = true;
    deadline_clear(&t->again);
    bytes_free(&t->partial);
    drop_kept(t);
    if (notify && !t->broken && t->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    tls_flush(t);
    release_blocks(t);
    if (t->unsent.n == 0)
        close_below(t);
    else
        deadline_set(t->l.loop, &t->limit, TLS_CLOSE_MS, on_close_limit);
}

/* Whether OpenSSL could get on: most events end here, without a call that reads nothing. */
static bool readable(const struct tls *t)
{
    return t->wire.in_n > 0 || SSL_has_pending(t->ssl) || SSL_want_write(t->ssl);
}

/* Decrypts into the loop's buffer while whole records fit. Returns how many bytes. */
static size_t decrypt(struct tls *t)
{
    uint8_t *text = loop_text(t->l.loop);
    size_t have = 0;

    while (!t->ended && LOOP_SCRATCH_SIZE - have >= PLAIN_MAX && readable(t)) {
        size_t n = 0;

        ERR_clear_error();
        if (SSL_read_ex(t->ssl, text + have, LOOP_SCRATCH_SIZE - have, &n) == 1)
            have += n;
        else if (!may_read_on(t))
            break;
    }
    tls_flush(t);
    return have;
}

/* Gives the layer above N bytes at P and keeps what it leaves. */
static void deliver(struct tls *t, uint8_t *p, size_t n)
{
    size_t used = layer_input(t->l.above, p, n);

    if (!t->closing && used < n && !bytes_append(&t->kept, p + used, n - used))
        close_below(t);
    explicit_bzero(p, n);
}

/* Whoever breaks the protocol is owed nothing; whoever has only ended, perhaps an answer. */
static void end_input(struct tls *t)
{
    if (t->told)
        return;
    t->told = true;
    if (t->broken || !layer_ended(t->l.above))
        tls_finish(t, true);
}

/* Goes on with whatever input OpenSSL can get at, until there is none or something stalls. */
static void advance(struct tls *t)
{
    if (t->l.above == NULL)
        tls_handshake_go_on(t);
    while (t->l.above != NULL && !t->closing && !stalled(t)) {
        size_t n = decrypt(t);

        if (n > 0 && !t->closing)
            deliver(t, loop_text(t->l.loop), n);
        if (t->ended && !t->closing && !stalled(t))
            end_input(t);
        if (n == 0)
            break;
    }
}

/* The size of the record that P[0..N) begins, 0 when the header is not whole yet, or N when this
 * is no record at all: then OpenSSL is to say so, rather than wait for a length that is garbage. */
static size_t record_size(const uint8_t *p, size_t n)
{
    if (n < RECORD_HEADER)
        return 0;
    size_t body = (size_t)p[3] << 8 | p[4];
    bool known = p[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && p[0] <= SSL3_RT_APPLICATION_DATA;
    return known && p[1] == SSL3_VERSION_MAJOR && body <= RECORD_MAX ? RECORD_HEADER + body : n;
}

/* Lets OpenSSL have P[0..N); returns how many bytes it took before something stalled. */
static size_t feed(struct tls *t, const uint8_t *p, size_t n)
{
    t->wire.in = p;
    t->wire.in_n = n;
    advance(t);
    size_t used = n - t->wire.in_n;
    t->wire.in = NULL;
    t->wire.in_n = 0;
    release_blocks(t);
    return used;
}

/* Completes the record begun earlier; returns how many of the N bytes belong to it. OpenSSL gets
 * whole records only: for half a one it would hold a buffer of 16 KiB. */
static size_t complete(struct tls *t, const uint8_t *p, size_t n)
{
    size_t need = record_size(t->partial.p, t->partial.n);
    size_t want = need > 0 ? need - t->partial.n : RECORD_HEADER - t->partial.n;
    size_t taken = n < want ? n : want;

    if (!bytes_append(&t->partial, p, taken)) {
        close_below(t);
        return n;
    }
    need = record_size(t->partial.p, t->partial.n);
    if (need == 0 || need > t->partial.n)
        return taken;
    struct bytes record = t->partial; /* closing drops what the layer holds */
    t->partial = (struct bytes){ 0 };
    size_t used = feed(t, record.p, record.n);
    if (used < record.n && !t->closing)
        close_below(t); /* OpenSSL wants no more of it: there is no way to go on */
    bytes_free(&record);
    return taken;
}

/* Takes as many whole records as P starts with, or the beginning of one. */
static size_t take(struct tls *t, const uint8_t *p, size_t n)
{
    size_t whole = 0;

    if (t->partial.n > 0)
        return complete(t, p, n);
    while (whole < n) {
        size_t size = record_size(p + whole, n - whole);

        if (size == 0 || size > n - whole)
            break;
        whole += size;
    }
    if (whole > 0)
        return feed(t, p, whole);
    if (!bytes_append(&t->partial, p, n))
        close_below(t);
    return n;
}

static size_t tls_input(struct layer *l, const uint8_t *p, size_t n)
{
    struct tls *t = tls_of(l);
    size_t used = 0;

    if (t->ssl == NULL && !t->closing) {
        if (!tls_queue_admits(t))
            return 0;
        if (!tls_handshake_begin(t))
            close_below(t);
    }
    for (size_t i = 0; i < n && t->first_n < sizeof t->first; i++)
        t->first[t->first_n++] = p[i];
    while (used < n && !t->closing && !stalled(t)) {
        size_t taken = take(t, p + used, n - used);

        used += taken;
        if (taken == 0)
            break;
    }
    return t->closing ? n : used;
}

/* False when the layer above, or what it wrote, has closed the connection meanwhile. */
static bool offer_kept(struct tls *t)
{
    t->wanted = false;
    t->offering = true;
    size_t used = layer_input(t->l.above, t->kept.p, t->kept.n);
    t->offering = false;
    bytes_drop(&t->kept, t->closing ? t->kept.n : used);
    return !t->closing;
}

/* A later turn: gives what is kept to whoever asked for it, then goes on reading. */
static void on_again(struct deadline *d)
{
    struct tls *t = (struct tls *)(void *)((char *)d - offsetof(struct tls, again));

    if (t->unsent.n > 0)
        return; /* WRITABLE comes first */
    if (t->kept.n > 0 && t->wanted && !offer_kept(t))
        return;
    if (stalled(t))
        return;
    advance(t);
    release_blocks(t);
    if (!t->closing && !stalled(t))
        layer_resume(t->l.below);
}

static void tls_resume(struct layer *l)
{
    struct tls *t = tls_of(l);

    if (t->closing || t->kept.n == 0)
        return;
    t->wanted = true;
    deadline_set(l->loop, &t->again, 0, on_again);
}

static void tls_ended(struct layer *l)
{
    struct tls *t = tls_of(l);

    if (t->closing)
        return;
    t->ended = true;
    if (l->above == NULL) {
        tls_handshake_left(t);
        tls_finish(t, true);
        return;
    }
    advance(t); /* what is kept is read first */
}

static void tls_writable(struct layer *l)
{
    struct tls *t = tls_of(l);

    if (t->unsent.n > 0)
        bytes_drop(&t->unsent, layer_write(l->below, t->unsent.p, t->unsent.n));
    if (t->unsent.n > 0)
        return;
    if (t->closing) {
        close_below(t);
        return;
    }
    deadline_set(l->loop, &t->again, 0, on_again);
    if (t->full) {
        t->full = false;
        l->above->ops->writable(l->above);
    }
}

static size_t tls_write(struct layer *l, const uint8_t *p, size_t n)
{
    struct tls *t = tls_of(l);
    size_t taken = 0;

    while (taken < n && !t->closing && t->unsent.n == 0) {
        size_t piece = n - taken < PLAIN_MAX ? n - taken : PLAIN_MAX;
        size_t wrote = 0;

        ERR_clear_error();
        if (SSL_write_ex(t->ssl, p + taken, piece, &wrote) != 1) {
            /* The buffer is empty before each call and takes any record: nothing can be waited for.
             */
            close_below(t);
            break;
        }
        taken += wrote;
        tls_flush(t);
    }
    release_blocks(t);
    if (t->closing)
        return n;
    t->full = taken < n;
    return taken;
}

static void tls_close(struct layer *l)
{
    tls_finish(tls_of(l), true);
}

static void tls_closed(struct layer *l)
{
    struct tls *t = tls_of(l);

    if (l->above != NULL)
        l->above->ops->closed(l->above);
    else
        tls_handshake_left(t);
    tls_queue_leave(t);
    deadline_clear(&t->limit);
    deadline_clear(&t->again);
    drop_all(t);
    SSL_free(t->ssl);
    free(t);
}

static const struct layer_ops tls_ops = {
    .input = tls_input,
    .writable = tls_writable,
    .ended = tls_ended,
    .closed = tls_closed,
    .write = tls_write,
    .resume = tls_resume,
    .close = tls_close,
};

struct layer *tls_layer_new(struct tls_context *c, struct layer *tcp, const struct tls_options *o)
{
    struct tls *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->l = (struct layer){ .ops = &tls_ops, .below = tcp, .loop = tcp->loop };
    t->o = o;
    t->context = c;
    t->wire.out = loop_tx(tcp->loop);
    t->info = unknown;
    t->again.fn = on_again;
    tls_handshake_limit(t);
    return &t->l;
}

const struct tls_info *layer_tls_info(const struct layer *any)
{
    while (any != NULL && any->ops != &tls_ops)
        any = any->below;
    if (any == NULL)
        return &unknown;
    return &((const struct tls *)(const void *)((const char *)any - offsetof(struct tls, l)))->info;
}
