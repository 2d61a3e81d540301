/* berth/openssl.h - the crypto seam over OpenSSL 3: for programs on desktops and servers. */
#ifndef BERTH_OPENSSL_H
#define BERTH_OPENSSL_H

#include "berth/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For one thread: its own OSSL_LIB_CTX with the HMAC and digest fetched once. BERTH_E_CRYPTO. */
BERTH_MUST_USE berth_err berth_openssl_init(struct berth_crypto *out);
/* After the last prepared key was released. */
void berth_openssl_deinit(struct berth_crypto *c);

#ifdef __cplusplus
}
#endif

#endif
