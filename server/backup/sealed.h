/* backup/sealed.h - a stream of bytes under a passphrase.
 *
 *   offset  bytes  header
 *        0      8  "berthbak"
 *        8      1  format, 1
 *        9      3  scrypt's cost: log2 of N, r, p
 *       12      4  zero
 *       16     32  salt, random
 *       48     32  HMAC-SHA256 of what stands before, under bytes 32 to 63 of scrypt's output
 *
 * Then chunks of 64 KiB, each followed by 16 bytes of tag: AES-256-GCM under bytes 0 to 31. The
 * nonce is the chunk's number (11 bytes, big endian) and a byte that is 1 for the last chunk; the
 * header is covered by each tag. So a wrong passphrase is told from damage, and chunks that are
 * missing, swapped or of another archive from what was written. The salt makes every archive's key
 * its own: no nonce comes twice. */
#ifndef BACKUP_SEALED_H
#define BACKUP_SEALED_H

#include <openssl/evp.h>

#include "backup/bytes.h"
#include "berth/crypto.h"

#define SEALED_HEADER_SIZE 80
#define SEALED_CHUNK       65536
#define SEALED_TAG         16

/* Memory is 128 * 2^LOG_N * R bytes, and time that of going over P times as many. A file's header
 * is believed before its passphrase is known, and nothing stops scrypt: twice what any berth wrote.
 */
struct sealed_cost {
    uint8_t log_n, r, p;
};
#define SEALED_COST      ((struct sealed_cost){ 17, 8, 1 }) /* 128 MiB, half a second */
#define SEALED_LOG_N_MIN 10
#define SEALED_LOG_N_MAX 20
#define SEALED_R_MAX     16
#define SEALED_P_MAX     4
#define SEALED_WORK_MAX  (256u * 1024 * 1024) /* bytes of memory, times P */

/* Judges the header without a passphrase. BERTH_E_SYNTAX: not a header; BERTH_E_UNSUPPORTED:
 * another format; BERTH_E_RANGE: a cost out of bounds. */
BERTH_MUST_USE berth_err sealed_judge(const uint8_t header[SEALED_HEADER_SIZE],
                                      struct sealed_cost *cost);

struct sealed_writer {
    struct byte_sink out;
    EVP_CIPHER_CTX *cipher;
    uint64_t number; /* of the chunk under way */
    size_t n;        /* bytes in it */
    uint8_t header[SEALED_HEADER_SIZE];
    uint8_t chunk[SEALED_CHUNK + SEALED_TAG];
};

/* Writes the header. Each call may fail with BERTH_E_CRYPTO, BERTH_E_MEMORY or what the sink
 * says. */
BERTH_MUST_USE berth_err sealed_begin(struct sealed_writer *w, berth_str passphrase,
                                      struct sealed_cost cost, const struct berth_crypto *crypto,
                                      const struct byte_sink *out);
BERTH_MUST_USE berth_err sealed_put(struct sealed_writer *w, const uint8_t *p, size_t n);
/* Writes the last chunk. */
BERTH_MUST_USE berth_err sealed_finish(struct sealed_writer *w);
/* Wipes. Safe on a zeroed one, and twice. */
void sealed_writer_deinit(struct sealed_writer *w);

struct sealed_reader {
    struct byte_source in;
    EVP_CIPHER_CTX *cipher;
    uint64_t number;
    bool last;       /* the chunk in PLAIN is */
    size_t at, n;    /* of PLAIN */
    size_t read;     /* bytes in SEALED */
    uint64_t passed; /* bytes of the file before SEALED: says where damage is */
    uint8_t header[SEALED_HEADER_SIZE];
    uint8_t plain[SEALED_CHUNK];
    uint8_t sealed[SEALED_CHUNK + SEALED_TAG + 1]; /* one more tells whether another follows */
};

/* Reads the header. As sealed_judge; BERTH_E_MISMATCH: wrong passphrase, or the header is damaged;
 * or what the source says. */
BERTH_MUST_USE berth_err sealed_open(struct sealed_reader *r, berth_str passphrase,
                                     const struct berth_crypto *crypto,
                                     const struct byte_source *in);
/* A byte_source's get. Nothing is given that was not verified. BERTH_E_SYNTAX: damaged or cut
 * short. */
BERTH_MUST_USE berth_err sealed_get(void *reader, uint8_t *p, size_t size, size_t *n);
void sealed_reader_deinit(struct sealed_reader *r);

#endif
