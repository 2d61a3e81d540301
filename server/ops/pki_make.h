/* ops/pki_make.h - keys and certificates in memory, for pki.c. */
#ifndef OPS_PKI_MAKE_H
#define OPS_PKI_MAKE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

#define PKI_CA_NAME "berth CA " /* what the common names of our CAs begin with */

/* All give NULL when OpenSSL refuses; its error queue knows more. */
X509 *pki_make_ca(EVP_PKEY *key);
X509 *pki_make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *const *names,
                    size_t count);

/* Whether X is valid for every one of NAMES. */
bool pki_covers(X509 *x, const char *const *names, size_t count);
/* Whole days until X expires, negative when it has. */
int pki_days_left(const X509 *x);
/* Whether a CA made by pki_make_ca, this one or another, issued X. */
bool pki_is_ours(const X509 *x);

#endif
