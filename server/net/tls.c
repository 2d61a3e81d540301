#include "net/tls_impl.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/ascii.h"
#include "net/bytes.h"

#define RECORD_HEADER 5
#define RECORD_MAX    (SSL3_RT_MAX_PLAIN_LENGTH + 2048) /* RFC 5246 section 6.2.3 */
#define PLAIN_MAX     SSL3_RT_MAX_PLAIN_LENGTH
#define TLS_CLOSE_MS  TLS_HANDSHAKE_MS /* for records the layer below has no room for */

struct tls {
    struct layer l;
    struct tls_context *context;
    SSL *ssl;
    const struct tls_options *o;
    struct deadline limit; /* of the handshake, later of the closing */
    struct deadline again; /* a turn of the loop in which kept bytes are offered */
    const uint8_t *in;     /* whole records, within one event */
    size_t in_n;
    size_t tx_n;                    /* records in the loop's buffer, within one call into OpenSSL */
    struct bytes partial;           /* the beginning of a record */
    struct bytes kept;              /* plain text the layer above did not take */
    struct bytes unsent;            /* records the layer below did not take */
    uint8_t first[TLS_FIRST_BYTES]; /* that the peer sent */
    size_t first_n;
    bool full;     /* a write was taken in part: the layer above waits for WRITABLE */
    bool wanted;   /* the layer above asked for what is kept */
    bool offering; /* it is reading that: nothing within frees it */
    bool ended;    /* the peer sent close_notify, or what cannot be read */
    bool broken;   /* a fatal alert was sent or received: no close_notify any more */
    bool closing;
    struct tls_info info;
};

static struct tls *tls_of(struct layer *l)
{
    return (struct tls *)(void *)((char *)l - offsetof(struct tls, l));
}

static int bio_read(BIO *b, char *out, int max)
{
    struct tls *t = BIO_get_data(b);
    size_t n = max > 0 ? (size_t)max : 0;

    BIO_clear_retry_flags(b);
    if (n > t->in_n)
        n = t->in_n;
    if (n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    memcpy(out, t->in, n);
    t->in += n;
    t->in_n -= n;
    return (int)n;
}

static int bio_write(BIO *b, const char *p, int count)
{
    struct tls *t = BIO_get_data(b);
    size_t n = count > 0 ? (size_t)count : 0;
    size_t room = LOOP_SCRATCH_SIZE - t->tx_n;

    BIO_clear_retry_flags(b);
    if (n > room)
        n = room;
    if (n == 0) {
        BIO_set_retry_write(b);
        return -1;
    }
    memcpy(loop_tx(t->l.loop) + t->tx_n, p, n);
    t->tx_n += n;
    return (int)n;
}

static long bio_ctrl(BIO *b, int cmd, long arg, void *ptr)
{
    (void)b;
    (void)arg;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH; /* what is flushed is the layer's business, after the call */
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "berth");

    if (m == NULL)
        return NULL;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
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

/* Hands the records of the last call into OpenSSL down; what has no room there is kept. Called
 * after every such call, so the loop's buffer never holds the records of two connections. */
static void flush(struct tls *t)
{
    uint8_t *p = loop_tx(t->l.loop);
    size_t n = t->tx_n;
    size_t sent = 0;

    t->tx_n = 0;
    if (n == 0)
        return;
    if (t->unsent.n == 0)
        sent = layer_write(t->l.below, p, n);
    if (!bytes_append(&t->unsent, p + sent, n - sent))
        close_below(t);
}

static void on_close_limit(struct deadline *d)
{
    close_below((struct tls *)(void *)((char *)d - offsetof(struct tls, limit)));
}

/* Says close_notify when there is a session to end, then closes below once all has been taken. */
static void finish(struct tls *t, bool notify)
{
    if (t->closing)
        return;
    t->closing = true;
    deadline_clear(&t->again);
    bytes_free(&t->partial);
    drop_kept(t);
    if (notify && !t->broken) {
        ERR_clear_error();
        SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    flush(t);
    if (t->unsent.n == 0)
        close_below(t);
    else
        deadline_set(t->l.loop, &t->limit, TLS_CLOSE_MS, on_close_limit);
}

static void fill_info(struct tls *t)
{
    const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    size_t n = name != NULL ? strlen(name) : 0;

    for (size_t i = 0; i < n && i < sizeof t->info.server_name - 1; i++)
        t->info.server_name[i] = ascii_lower(name[i]);
    t->info.version = SSL_get_version(t->ssl);
    t->info.cipher = SSL_get_cipher_name(t->ssl);
    t->info.name_is_covered =
        n == 0 || tls_name_is_covered(t->context, t->ssl, t->info.server_name);
}

static void report_failure(struct tls *t, enum tls_failure what, const char *reason)
{
    enum tls_failure seen = tls_failure_of_bytes(t->first, t->first_n);

    if (t->o->failed == NULL)
        return;
    fill_info(t);
    t->o->failed(t->o->user, &t->l, seen != TLS_FAILED_OTHERWISE ? seen : what, reason);
}

static void fail_handshake(struct tls *t, enum tls_failure what, const char *reason)
{
    report_failure(t, what, reason);
    finish(t, false);
}

/* The first of the queued errors names the cause. */
static const char *take_reason(void)
{
    unsigned long e = ERR_peek_error();
    const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

    return reason != NULL ? reason : "the handshake failed";
}

static void hand_up(struct tls *t)
{
    deadline_clear(&t->limit);
    fill_info(t);
    t->l.above = t->o->up(t->o->user, &t->l, &t->info);
    if (t->l.above == NULL)
        finish(t, true);
}

/* Takes the handshake as far as the input goes. */
static void shake(struct tls *t)
{
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);

    flush(t); /* also the alert that tells the peer why */
    if (t->closing)
        return;
    if (done == 1)
        hand_up(t);
    else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        fail_handshake(t, tls_failure_of_error(ERR_peek_error()), take_reason());
    else if (why == SSL_ERROR_WANT_WRITE && t->unsent.n == 0)
        deadline_set(t->l.loop, &t->again, 0, t->again.fn);
}

/* Whether OpenSSL could get on: most events end here, without a call that reads nothing. */
static bool readable(const struct tls *t)
{
    return t->in_n > 0 || SSL_has_pending(t->ssl) || SSL_want_write(t->ssl);
}

/* True when the call may be repeated; else notes how the reading ended. */
static bool may_read_on(struct tls *t)
{
    int why = SSL_get_error(t->ssl, 0);

    flush(t);
    if (why == SSL_ERROR_WANT_READ)
        return false;
    if (why == SSL_ERROR_WANT_WRITE)
        return !t->closing && t->unsent.n == 0;
    t->ended = true;
    t->broken = why != SSL_ERROR_ZERO_RETURN;
    return false;
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
    flush(t);
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

/* Goes on with whatever input OpenSSL can get at, until there is none or something stalls. */
static void advance(struct tls *t)
{
    if (t->l.above == NULL)
        shake(t);
    while (t->l.above != NULL && !t->closing && !stalled(t)) {
        size_t n = decrypt(t);

        if (n > 0 && !t->closing)
            deliver(t, loop_text(t->l.loop), n);
        if (t->ended && !stalled(t))
            finish(t, true);
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
    t->in = p;
    t->in_n = n;
    advance(t);
    size_t used = n - t->in_n;
    t->in = NULL;
    t->in_n = 0;
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
        flush(t);
    }
    if (t->closing)
        return n;
    t->full = taken < n;
    return taken;
}

static void tls_close(struct layer *l)
{
    finish(tls_of(l), true);
}

static void tls_closed(struct layer *l)
{
    struct tls *t = tls_of(l);

    if (l->above != NULL)
        l->above->ops->closed(l->above);
    else if (t->first_n > 0 && !t->closing)
        report_failure(t, TLS_FAILED_LEFT, "the peer left during the handshake");
    deadline_clear(&t->limit);
    deadline_clear(&t->again);
    drop_all(t);
    SSL_free(t->ssl);
    free(t);
}

static const struct layer_ops tls_ops = {
    .input = tls_input,
    .writable = tls_writable,
    .closed = tls_closed,
    .write = tls_write,
    .resume = tls_resume,
    .close = tls_close,
};

static void on_handshake_limit(struct deadline *d)
{
    struct tls *t = (struct tls *)(void *)((char *)d - offsetof(struct tls, limit));

    fail_handshake(t, TLS_FAILED_SLOW, "the handshake took too long");
}

struct layer *tls_layer_new(struct tls_context *c, struct layer *tcp, const struct tls_options *o)
{
    struct tls *t = calloc(1, sizeof *t);
    SSL *ssl = SSL_new(c->ctx);
    BIO *bio = BIO_new(c->bio);

    if (t == NULL || ssl == NULL || bio == NULL) {
        BIO_free(bio);
        SSL_free(ssl);
        free(t);
        return NULL;
    }
    t->l = (struct layer){ .ops = &tls_ops, .below = tcp, .loop = tcp->loop };
    t->o = o;
    t->context = c;
    t->ssl = ssl;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    t->again.fn = on_again;
    deadline_set(tcp->loop, &t->limit, TLS_HANDSHAKE_MS, on_handshake_limit);
    return &t->l;
}

const struct tls_info *layer_tls_info(const struct layer *any)
{
    static const struct tls_info none = { .version = "", .cipher = "", .name_is_covered = true };

    while (any != NULL && any->ops != &tls_ops)
        any = any->below;
    if (any == NULL)
        return &none;
    return &((const struct tls *)(const void *)((const char *)any - offsetof(struct tls, l)))->info;
}
