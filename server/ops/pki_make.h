/* ops/pki_make.h - keys and certificates in memory, for pki.c. */
#ifndef OPS_PKI_MAKE_H
#define OPS_PKI_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#define PKI_CA_NAME "berth CA " /* what the common names of our CAs begin with */

/* All give NULL when OpenSSL refuses; its error queue knows more. NOW_S: seconds since 1970. */
X509 *pki_make_ca(EVP_PKEY *key, int64_t now_s);
/* CA once more, signed by another one: who trusts BY alone may trust what CA issued. */
X509 *pki_make_cross(X509 *ca, X509 *by, EVP_PKEY *by_key, int64_t now_s);
X509 *pki_make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, const char *const *names,
                    size_t count, int64_t now_s);

/* The first of NAMES that X is not valid for; NULL when it is valid for all. */
const char *pki_lacks(X509 *x, const char *const *names, size_t count);
int64_t pki_begin_s(const X509 *x);
int64_t pki_expiry_s(const X509 *x);
/* Whole days until X expires, negative when it has. */
int pki_days_left(const X509 *x, int64_t now_s);
/* Whether a CA made by pki_make_ca, this one or another, issued X. */
bool pki_is_ours(const X509 *x);

#endif
