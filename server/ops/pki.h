/* ops/pki.h - the CA and the server certificates that the daemon makes for itself. Files in
 * {data}/tls: ca.pem, ca.key, server.pem, server.key (ECDSA P-256), server-rsa.pem, server-rsa.key
 * (RSA 2048, same CA). Private keys 0600. A server certificate that another CA issued is the
 * operator's and is left alone.
 *
 * ca.pem is what clients trust. Its first certificate issues; while a roll-over lasts a second one
 * stands behind it, with ca-next.key as the new CA's key, and the chains that are sent end in the
 * first one as the second signed it. So one who trusts either of the two is content, before and
 * after the new CA takes over. Times are seconds since 1970, and arguments. */
#ifndef OPS_PKI_H
#define OPS_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "berth/err.h"

#define PKI_CA_DAYS      7300
#define PKI_LEAF_DAYS    397 /* what clients accept at most */
#define PKI_RENEW_DAYS   30  /* a leaf with less left is made anew */
#define PKI_CA_WARN_DAYS 365 /* a CA with less left should be rolled over: devices take time */

struct pki_report {
    bool made_ca;
    bool made_leaf; /* first start, names were added, expiry is under 30 days away, it was made
                       while the clock was ahead, or a step of a roll-over */
};

/* Makes what is missing in DIRECTORY (which exists) so that the leaves cover all NAMES (DNS names
 * and IP literals). Each file is written whole or not at all. A CA is never replaced: whoever
 * trusts it would be lost. PROBLEM gets words for the operator. */
BERTH_MUST_USE berth_err pki_ensure(const char *directory, const char *const *names, size_t count,
                                    int64_t now_s, struct pki_report *report, char *problem,
                                    size_t problem_size);

/* A roll-over's steps. The leaves follow with the next pki_ensure. */
enum pki_step {
    PKI_BEGIN,    /* make the new CA; the old one goes on issuing */
    PKI_ACTIVATE, /* the new one issues */
    PKI_RETIRE,   /* the old one is dropped, with its key */
    PKI_CANCEL,   /* the new one is dropped, before it has issued anything */
};

/* BERTH_E_MISMATCH when the step cannot be taken now, NOT_FOUND when it needs a key that is not
 * there. After a crash the step was taken or it was not. */
BERTH_MUST_USE berth_err pki_roll(const char *directory, enum pki_step step, int64_t now_s,
                                  char *problem, size_t problem_size);

#define PKI_ITEMS_MAX 4

/* A certificate, for people and metrics. */
struct pki_item {
    char name[16]; /* ca, ca-next, ca-previous, server, server-rsa */
    char subject[160];
    char fingerprint[96]; /* SHA-256, as openssl prints it */
    int64_t from_s, expiry_s;
};

/* What there is in DIRECTORY, the CAs first; returns how many. What cannot be read is left out. */
size_t pki_look(const char *directory, struct pki_item out[PKI_ITEMS_MAX]);
/* The first certificate of the file PATH. False when there is none. */
bool pki_look_at(const char *path, const char *name, struct pki_item *out);
/* The first of NAMES that the first certificate of the file PATH is not valid for; NULL when it is
 * valid for all or cannot be read. */
const char *pki_file_lacks(const char *path, const char *const *names, size_t count);

/* The CA that stands in the chain of the file PATH, as PEM: into OUT, which gets a NUL. Empty when
 * the chain ends before it or OUT is too small. */
void pki_root_of(const char *path, char *out, size_t size);

#endif
