/* bench_attest - what it costs to tell who a device is, by how many enrollment groups there are:
 * one that registered before (its group is tried first), and one whose key no group gives (all are
 * tried, a part at a time). Interleaved rounds, medians, CPU of this thread.
 *
 *   bench_attest [ROUNDS [TRIES]]     one line of JSON to standard output */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "berth/derive.h"
#include "berth/openssl.h"
#include "berth/sas.h"
#include "prov/attest.h"

#define ROUNDS     7
#define ROUNDS_MAX 99
#define GROUPS_MAX 10000
#define TRIES      200000 /* of a group, in one measurement */
#define KNOWN_PART 20     /* of the tries, for a device that is known */
#define SCOPE      "0ne00000001"
#define ID         "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
#define NOW_S      INT64_C(1700000000)

struct bench {
    struct berth_crypto crypto;
    struct berth_hmac_key keys[GROUPS_MAX];
    struct berth_enrollment enrollments[GROUPS_MAX];
    struct berth_group groups[GROUPS_MAX];
    char names[GROUPS_MAX][16];
    char right[512], wrong[512]; /* tokens */
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench_attest: %s\n", what);
    exit(1);
}

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_key(struct bench *b, struct berth_hmac_key *out)
{
    uint8_t bytes[BERTH_KEY_MAX];

    must(b->crypto.random(b->crypto.ctx, bytes, sizeof bytes) == BERTH_OK &&
             b->crypto.hmac_prepare(b->crypto.ctx, bytes, sizeof bytes, out) == BERTH_OK,
         "no key");
}

static void make_token(struct bench *b, struct berth_hmac_key *group, char *out, size_t size)
{
    struct berth_hmac_key prepared;
    struct berth_key device;
    struct berth_buf text;

    berth_buf_init(&text, out, size - 1);
    must(berth_derive_key_prepared(&b->crypto, group, BERTH_STR(ID), &device) == BERTH_OK &&
             b->crypto.hmac_prepare(b->crypto.ctx, device.bytes, device.n, &prepared) == BERTH_OK &&
             berth_sas_build(&b->crypto, &prepared, BERTH_STR(SCOPE "/registrations/" ID),
                             NOW_S + 3600, BERTH_STR("registration"), &text) == BERTH_OK,
         "no token");
    b->crypto.hmac_release(b->crypto.ctx, &prepared);
    out[text.n] = '\0';
}

static void set_up(struct bench *b)
{
    struct berth_hmac_key stranger;

    must(berth_openssl_init(&b->crypto) == BERTH_OK, "OpenSSL does not start");
    for (size_t i = 0; i < GROUPS_MAX; i++) {
        make_key(b, &b->keys[i]);
        (void)snprintf(b->names[i], sizeof b->names[i], "group-%05zu", i);
        b->enrollments[i] =
            (struct berth_enrollment){ .is_group = true, .id = berth_str_of(b->names[i]) };
        b->groups[i] = (struct berth_group){ &b->enrollments[i], b->enrollments[i].id, &b->keys[i],
                                             &b->keys[i] };
    }
    make_key(b, &stranger);
    make_token(b, &b->keys[0], b->right, sizeof b->right);
    make_token(b, &stranger, b->wrong, sizeof b->wrong);
    b->crypto.hmac_release(b->crypto.ctx, &stranger);
}

/* Microseconds of CPU for one attestation. */
static double round_of(struct bench *b, size_t groups, bool known, size_t tries)
{
    struct berth_catalog catalog = { .id_scope = BERTH_STR(SCOPE),
                                     .groups = b->groups,
                                     .group_count = groups };
    struct berth_registration_request req = {
        .id_scope = BERTH_STR(SCOPE),
        .registration_id = BERTH_STR(ID),
        .credential = { BERTH_CREDENTIAL_SAS, { berth_str_of(known ? b->right : b->wrong) } },
    };
    size_t count = known ? tries / KNOWN_PART : (tries + groups - 1) / groups;
    struct berth_attestation out;
    double began = cpu_us();

    for (size_t i = 0; i < count; i++) {
        must(berth_attest(&b->crypto, &req, &catalog, NULL,
                          known ? b->groups[0].key : BERTH_STR(""), NULL, NOW_S, &out) == BERTH_OK,
             "cannot attest");
        must((out.verdict == BERTH_ACCEPT) == known, "the wrong verdict");
    }
    return (cpu_us() - began) / (double)count;
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
    static const size_t sizes[] = { 1, 100, GROUPS_MAX };
    static double took[2][3][ROUNDS_MAX];
    static struct bench b;
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;

    size_t tries = argc > 2 ? strtoul(argv[2], NULL, 10) : TRIES;

    must(rounds >= 1 && rounds <= ROUNDS_MAX && tries >= KNOWN_PART,
         "1 to 99 rounds of at least 20 tries");
    set_up(&b);
    for (size_t i = 0; i < rounds; i++)
        for (size_t n = 0; n < 3; n++)
            for (int known = 0; known < 2; known++)
                took[known][n][i] = round_of(&b, sizes[n], known, tries);
    (void)printf("{\"rounds\":%zu", rounds);
    for (size_t n = 0; n < 3; n++)
        (void)printf(",\"known%zu\":%.2f,\"refused%zu\":%.2f", sizes[n], median(took[1][n], rounds),
                     sizes[n], median(took[0][n], rounds));
    (void)printf("}\n");
    for (size_t i = 0; i < GROUPS_MAX; i++)
        b.crypto.hmac_release(b.crypto.ctx, &b.keys[i]);
    berth_openssl_deinit(&b.crypto);
    return 0;
}
