/* bench_derive - device keys per second and core, from one group key: derived with the key prepared
 * once, as base64, with their registration IDs, written to standard output. Against the same with
 * OpenSSL's one-shot HMAC(). Interleaved rounds, medians, CPU of this thread.
 *
 *   bench_derive [ROUNDS [KEYS]] >FILE          one line of JSON to standard error */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "crypto/b64.h"

#define ROUNDS     7
#define ROUNDS_MAX 99
#define KEYS       400000
#define KEYS_MAX   10000000
#define ID_SIZE    40
#define OUT_SIZE   65536
#define ROW_MAX    (ID_SIZE + 1 + BERTH_DERIVED_TEXT_SIZE + 1)

struct bench {
    struct berth_crypto crypto;
    struct berth_key group;
    struct berth_hmac_key prepared;
    char (*ids)[ID_SIZE];
    size_t keys, out_n;
    char out[OUT_SIZE];
};

typedef void derive(struct bench *b, berth_str id, struct berth_key *out);

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench_derive: %s\n", what);
    exit(1);
}

static double cpu_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void flush(struct bench *b)
{
    for (size_t at = 0; at < b->out_n;) {
        ssize_t n = write(STDOUT_FILENO, b->out + at, b->out_n - at);
        must(n > 0 || errno == EINTR, "cannot write");
        at += n > 0 ? (size_t)n : 0;
    }
    b->out_n = 0;
}

static void derive_prepared(struct bench *b, berth_str id, struct berth_key *out)
{
    must(berth_derive_key_prepared(&b->crypto, &b->prepared, id, out) == BERTH_OK, "cannot derive");
}

static void derive_at_once(struct bench *b, berth_str id, struct berth_key *out)
{
    unsigned n = 0;

    must(HMAC(EVP_sha256(), b->group.bytes, b->group.n, (const unsigned char *)id.p, id.n,
              out->bytes, &n) != NULL,
         "HMAC failed");
    out->n = (uint8_t)n;
}

static void put_line(struct bench *b, berth_str id, const struct berth_key *key)
{
    struct berth_buf line;

    if (b->out_n + ROW_MAX > OUT_SIZE)
        flush(b);
    berth_buf_init(&line, b->out + b->out_n, ROW_MAX);
    berth_buf_put(&line, id);
    berth_buf_put_char(&line, ',');
    berth_key_put(&line, key);
    berth_buf_put_char(&line, '\n');
    b->out_n += line.n;
}

/* Keys per second of CPU. */
static double round_of(struct bench *b, derive *fn)
{
    struct berth_key key;
    double began;

    must(ftruncate(STDOUT_FILENO, 0) != 0 || lseek(STDOUT_FILENO, 0, SEEK_SET) == 0, "cannot seek");
    began = cpu_s();
    for (size_t i = 0; i < b->keys; i++) {
        berth_str id = { b->ids[i], ID_SIZE };
        fn(b, id, &key);
        put_line(b, id, &key);
    }
    flush(b);
    return (double)b->keys / (cpu_s() - began);
}

static void check_same(struct bench *b)
{
    struct berth_key one, two;
    berth_str id = { b->ids[0], ID_SIZE };

    derive_prepared(b, id, &one);
    derive_at_once(b, id, &two);
    must(one.n == two.n && memcmp(one.bytes, two.bytes, one.n) == 0, "two ways, two keys");
}

static void make_ids(struct bench *b)
{
    char text[ID_SIZE + 1];

    b->ids = malloc(b->keys * sizeof *b->ids);
    must(b->ids != NULL, "out of memory");
    for (size_t i = 0; i < b->keys; i++) {
        must(snprintf(text, sizeof text, "sn-007-888-abc-mac-a1-b2-c3-d4-%09zu", i) == ID_SIZE,
             "IDs are not as long as they should be");
        memcpy(b->ids[i], text, ID_SIZE);
    }
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    static struct bench b;
    static double prepared[ROUNDS_MAX], at_once[ROUNDS_MAX];
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;

    b.keys = argc > 2 ? strtoul(argv[2], NULL, 10) : KEYS;
    must(rounds >= 1 && rounds <= ROUNDS_MAX && b.keys >= 1 && b.keys <= KEYS_MAX,
         "1 to 99 rounds of 1 to 10000000 keys");
    must(berth_openssl_init(&b.crypto) == BERTH_OK, "OpenSSL does not start");
    b.group.n = BERTH_KEY_MAX;
    must(b.crypto.random(b.crypto.ctx, b.group.bytes, b.group.n) == BERTH_OK, "no random bytes");
    must(b.crypto.hmac_prepare(b.crypto.ctx, b.group.bytes, b.group.n, &b.prepared) == BERTH_OK,
         "cannot prepare the key");
    make_ids(&b);
    check_same(&b);
    for (size_t i = 0; i < rounds; i++) {
        prepared[i] = round_of(&b, derive_prepared);
        at_once[i] = round_of(&b, derive_at_once);
    }
    (void)fprintf(stderr, "{\"prepared\":%.0f,\"atOnce\":%.0f,\"keys\":%zu,\"rounds\":%zu}\n",
                  median(prepared, rounds), median(at_once, rounds), b.keys, rounds);
    free(b.ids);
    b.crypto.hmac_release(b.crypto.ctx, &b.prepared);
    berth_openssl_deinit(&b.crypto);
    return 0;
}
