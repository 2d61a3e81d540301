/* berth/err.h - why a call could not be carried out. A refused peer is not an error: see
 * core/base/reason.h. */
#ifndef BERTH_ERR_H
#define BERTH_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_MUST_USE __attribute__((warn_unused_result))

typedef enum berth_err {
    BERTH_OK = 0,
    BERTH_E_SYNTAX,      /* malformed bytes */
    BERTH_E_RANGE,       /* a number or length outside its bounds */
    BERTH_E_FULL,        /* a buffer, arena or table reached its maximum */
    BERTH_E_MEMORY,      /* the heap gave nothing; outside core only */
    BERTH_E_CRYPTO,      /* the crypto library refused */
    BERTH_E_IO,          /* a file, socket or database failed */
    BERTH_E_TIMEOUT,     /* a deadline passed */
    BERTH_E_CLOSED,      /* the other side went away */
    BERTH_E_NOT_FOUND,   /* no such file, record or member */
    BERTH_E_MISMATCH,    /* wrong key, wrong version, wrong owner */
    BERTH_E_UNSUPPORTED, /* well formed, and not served here */
} berth_err;

/* One lower-case phrase without a full stop, never NULL. Static storage. */
const char *berth_err_text(berth_err e);

#ifdef __cplusplus
}
#endif

#endif
