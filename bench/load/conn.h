/* bench/load/conn.h - one connection of a load: TCP, TLS, its dialog, and the end. Driven by
 * events; never waits. */
#ifndef BENCH_LOAD_CONN_H
#define BENCH_LOAD_CONN_H

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "bench/load/dialog.h"

#define CONN_HANDSHAKE_MS 15000 /* from connecting to the end of the TLS handshake */
#define CONN_LEAVING_MS   5000  /* for the server's end after ours */

enum conn_phase {
    CONN_FREE = 0,
    CONN_SHAKING,
    CONN_TALKING,
    CONN_WAITING, /* the dialog's own pause */
    CONN_HELD,
    CONN_LEAVING, /* close_notify is sent, the server's end is awaited */
    CONN_ENDED,
};

struct conn {
    enum conn_phase phase;
    int fd;
    SSL *ssl;
    struct dialog *dialog;
    uint64_t index;      /* which of all */
    size_t part;         /* of the mix */
    int64_t due_us;      /* when it should have begun */
    int64_t answered_us; /* when it had what it wanted; 0: not yet */
    int64_t deadline_us;
    bool failed;
    enum failure failure;
    int error_code;
    char why[DIALOG_WHY_MAX];
};

struct conn_target {
    struct sockaddr_storage addr;
    socklen_t addr_n;
    const char *host; /* for SNI and, when VERIFY, the certificate's name */
    bool verify;
    unsigned peers; /* addresses to come from; 0: any */
};

int64_t conn_now_us(void);

/* Starts C with DIALOG, which is taken; C is ENDED when that fails. */
void conn_begin(struct conn *c, SSL_CTX *ctx, const struct conn_target *to, struct dialog *dialog);
/* Something may have happened on its socket. */
void conn_event(struct conn *c);
/* Its deadline may have passed. */
void conn_check(struct conn *c, int64_t now_us);
/* HELD: say goodbye. */
void conn_leave(struct conn *c);
/* Frees what an ENDED one has. */
void conn_end(struct conn *c);

#endif
