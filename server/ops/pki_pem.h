/* ops/pki_pem.h - keys and certificates in PEM files, for pki.c. */
#ifndef OPS_PKI_PEM_H
#define OPS_PKI_PEM_H

#include <openssl/x509.h>

#include "berth/err.h"

/* BERTH_E_NOT_FOUND; BERTH_E_SYNTAX for another content; BERTH_E_IO with errno kept. */
BERTH_MUST_USE berth_err pki_load_key(const char *path, EVP_PKEY **out);
/* The first certificate, and in *SECOND (may be NULL) the one after it or NULL. */
BERTH_MUST_USE berth_err pki_load_chain(const char *path, X509 **first, X509 **second);

/* The first certificate that signed itself. */
BERTH_MUST_USE berth_err pki_load_root(const char *path, X509 **out);

BERTH_MUST_USE berth_err pki_save_key(const char *path, const EVP_PKEY *key);
/* SECOND may be NULL. */
BERTH_MUST_USE berth_err pki_save_chain(const char *path, X509 *first, X509 *second);

/* SHA-256, as openssl prints it: "E7:1D:..". */
#define PKI_FINGERPRINT_SIZE 96
void pki_put_fingerprint(const X509 *x, char out[PKI_FINGERPRINT_SIZE]);

#endif
