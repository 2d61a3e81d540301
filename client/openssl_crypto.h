/* client/openssl_crypto.h - the crypto seam over OpenSSL 3. */
#ifndef CLIENT_OPENSSL_CRYPTO_H
#define CLIENT_OPENSSL_CRYPTO_H

#include "berth/crypto.h"

/* For one thread: its own OSSL_LIB_CTX with the HMAC and digest fetched once. BERTH_E_CRYPTO. */
BERTH_MUST_USE berth_err openssl_crypto_init(struct berth_crypto *out);
/* After the last prepared key was released. */
void openssl_crypto_deinit(struct berth_crypto *c);

#endif
