#include "net/tls_impl.h"

#include <string.h>

static int read_wire(BIO *b, char *out, int max)
{
    struct tls_wire *w = BIO_get_data(b);
    size_t n = max > 0 ? (size_t)max : 0;

    BIO_clear_retry_flags(b);
    if (n > w->in_n)
        n = w->in_n;
    if (n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    memcpy(out, w->in, n);
    w->in += n;
    w->in_n -= n;
    return (int)n;
}

static int write_wire(BIO *b, const char *p, int count)
{
    struct tls_wire *w = BIO_get_data(b);
    size_t n = count > 0 ? (size_t)count : 0;
    size_t room = LOOP_SCRATCH_SIZE - w->out_n;

    BIO_clear_retry_flags(b);
    if (n > room)
        n = room;
    if (n == 0) {
        BIO_set_retry_write(b);
        return -1;
    }
    memcpy(w->out + w->out_n, p, n);
    w->out_n += n;
    return (int)n;
}

static long control_wire(BIO *b, int cmd, long arg, void *ptr)
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
    BIO_meth_set_read(m, read_wire);
    BIO_meth_set_write(m, write_wire);
    BIO_meth_set_ctrl(m, control_wire);
    return m;
}
