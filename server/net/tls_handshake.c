#include "net/tls_impl.h"

#include <string.h>

#include <openssl/err.h>

#include "base/ascii.h"

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
    if (t->ssl != NULL)
        fill_info(t);
    t->o->failed(t->o->user, &t->l, seen != TLS_FAILED_OTHERWISE ? seen : what, reason);
}

void tls_handshake_left(struct tls *t)
{
    if (t->first_n > 0 && !t->closing)
        report_failure(t, TLS_FAILED_LEFT, "the peer left during the handshake");
}

static void fail_handshake(struct tls *t, enum tls_failure what, const char *reason)
{
    report_failure(t, what, reason);
    tls_finish(t, false);
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
        tls_finish(t, true);
}

void tls_handshake_go_on(struct tls *t)
{
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);

    tls_flush(t); /* also the alert that tells the peer why */
    if (t->closing)
        return;
    if (done == 1)
        hand_up(t);
    else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        fail_handshake(t, tls_failure_of_error(ERR_peek_error()), take_reason());
    else if (why == SSL_ERROR_WANT_WRITE && t->unsent.n == 0)
        deadline_set(t->l.loop, &t->again, 0, t->again.fn);
}

static void on_limit(struct deadline *d)
{
    struct tls *t = (struct tls *)(void *)((char *)d - offsetof(struct tls, limit));

    if (tls_queue_has(t))
        fail_handshake(t, TLS_FAILED_CROWDED, "its turn did not come in time");
    else
        fail_handshake(t, TLS_FAILED_SLOW, "the handshake took too long");
}

void tls_handshake_limit(struct tls *t)
{
    deadline_set(t->l.loop, &t->limit, TLS_HANDSHAKE_MS, on_limit);
}

bool tls_handshake_begin(struct tls *t)
{
    SSL *ssl = SSL_new(t->context->ctx);
    BIO *bio = BIO_new(t->context->bio);

    if (ssl == NULL || bio == NULL) {
        BIO_free(bio);
        SSL_free(ssl);
        return false;
    }
    BIO_set_data(bio, &t->wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    t->ssl = ssl;
    return true;
}
