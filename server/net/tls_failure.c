/* Why a handshake failed: from the peer's alert, from what OpenSSL found, from bytes that are no
 * TLS. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "net/tls_impl.h"

#define MQTT_CONNECT 0x10 /* first byte of the first packet of MQTT */

static bool is_http(const uint8_t *p, size_t n)
{
    static const char *const methods[] = { "GET ",    "PUT ",  "POST ",   "HEAD ",
                                           "DELETE ", "PATCH", "OPTIONS", "CONNECT" };

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        size_t size = strlen(methods[i]);
        if (n >= size && memcmp(p, methods[i], size) == 0)
            return true;
    }
    return false;
}

enum tls_failure tls_failure_of_bytes(const uint8_t *first, size_t n)
{
    bool record = n > 0 && first[0] >= SSL3_RT_CHANGE_CIPHER_SPEC &&
                  first[0] <= SSL3_RT_APPLICATION_DATA && (n < 2 || first[1] == SSL3_VERSION_MAJOR);

    if (n == 0 || record || first[0] >= 0x80) /* 0x80 and more began the hello of SSL 2 */
        return TLS_FAILED_OTHERWISE;
    if (is_http(first, n))
        return TLS_FAILED_PLAIN_HTTP;
    return first[0] == MQTT_CONNECT ? TLS_FAILED_PLAIN_MQTT : TLS_FAILED_PLAIN;
}

enum tls_failure tls_failure_of_error(unsigned long e)
{
    if (ERR_GET_LIB(e) != ERR_LIB_SSL)
        return TLS_FAILED_OTHERWISE;
    switch (ERR_GET_REASON(e)) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return TLS_FAILED_CA_UNKNOWN;
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return TLS_FAILED_EXPIRED;
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE: /* also not yet valid, and another name */
        return TLS_FAILED_BAD_CERTIFICATE;
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        return TLS_FAILED_CERTIFICATE;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_CIPHERS_SPECIFIED:
        return TLS_FAILED_NO_CIPHER;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return TLS_FAILED_VERSION;
    default:
        return TLS_FAILED_OTHERWISE;
    }
}

bool tls_name_is_covered(struct tls_context *c, SSL *ssl, const char *name)
{
    X509 *leaf = SSL_get_certificate(ssl);

    if (strcmp(c->covered, name) == 0)
        return true;
    if (leaf == NULL)
        return true; /* nothing was shown */
    if (X509_check_host(leaf, name, 0, 0, NULL) != 1 && X509_check_ip_asc(leaf, name, 0) != 1)
        return false;
    strncpy(c->covered, name, sizeof c->covered - 1);
    return true;
}
