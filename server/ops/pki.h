/* ops/pki.h - the CA and server certificates that the first start makes. Files in {data}/tls:
 * ca.pem, ca.key, server.pem, server.key (ECDSA P-256), server-rsa.pem, server-rsa.key (RSA 2048,
 * same CA). Private keys 0600. A server certificate that another CA issued is the operator's and is
 * left alone. */
#ifndef OPS_PKI_H
#define OPS_PKI_H

#include <stdbool.h>
#include <stddef.h>

#include "berth/err.h"

#define PKI_CA_DAYS    7300
#define PKI_LEAF_DAYS  397 /* what clients accept at most */
#define PKI_RENEW_DAYS 30  /* a leaf with less left is made anew */

struct pki_report {
    bool made_ca;
    bool made_leaf; /* first start, names were added, or expiry is under 30 days away */
};

/* Makes what is missing in DIRECTORY (which exists) so that the leaves cover all NAMES (DNS names
 * and IP literals). Each file is written whole or not at all. A CA is never replaced: whoever
 * trusts it would be lost. PROBLEM gets words for the operator. */
BERTH_MUST_USE berth_err pki_ensure(const char *directory, const char *const *names, size_t count,
                                    struct pki_report *report, char *problem, size_t problem_size);

#endif
