#include "cli/ca_fetch.h"

#include <curl/curl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "cli/api_words.h"
#include "cli/command.h"
#include "cli/tell.h"
#include "ops/pki_pem.h"

#define CONNECT_MS 10000L
#define URL_MAX    (LOGIN_HOST_MAX + 32)
#define FIELD      "Cert:"

#define FINGERPRINT_DIGITS 64 /* SHA-256 */

static X509 *parse(berth_str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    return cert;
}

/* A certificate that signed itself is a CA that somebody may trust. */
static bool take(const char *pem, struct ca_found *out)
{
    X509 *cert = strlen(pem) < sizeof out->pem ? parse(berth_str_of(pem)) : NULL;
    bool is_root = cert != NULL && X509_self_signed(cert, 1) == 1 && X509_check_ca(cert) == 1;

    if (is_root) {
        (void)snprintf(out->pem, sizeof out->pem, "%s", pem);
        (void)X509_NAME_oneline(X509_get_subject_name(cert), out->subject, sizeof out->subject);
        pki_put_fingerprint(cert, out->fingerprint);
    }
    X509_free(cert);
    return is_root;
}

static bool find_root(CURL *curl, struct ca_found *out)
{
    struct curl_certinfo *chain = NULL;
    bool found = false;

    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL)
        return false;
    for (int i = 0; i < chain->num_of_certs; i++)
        for (const struct curl_slist *f = chain->certinfo[i]; f != NULL; f = f->next)
            if (strncmp(f->data, FIELD, sizeof FIELD - 1) == 0)
                found = take(f->data + sizeof FIELD - 1, out) || found;
    return found;
}

static CURLcode shake_hands(CURL *curl, const struct profile *place)
{
    char url[URL_MAX];

    (void)snprintf(url, sizeof url, "https://%s:%u", place->login.host, place->https_port);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* nothing is sent: what the fingerprint has to vouch for is only looked at */
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    return curl_easy_perform(curl);
}

int ca_fetch(const struct profile *place, struct ca_found *out)
{
    CURL *curl = curl_easy_init();
    int code = EXIT_CODE_OK;
    CURLcode sent;

    *out = (struct ca_found){ 0 };
    if (curl == NULL)
        return tell_failure(EXIT_CODE_FAILED, "libcurl could not be set up");
    sent = shake_hands(curl, place);
    if (sent != CURLE_OK)
        code = api_tell_unreachable(place, place->login.host, place->login.host, (int)sent, 0);
    else if (!find_root(curl, out))
        code = tell_failure(EXIT_CODE_UNREACHABLE,
                            "%s:%u: the chain of its certificate has no CA at its end\n  give the "
                            "CA with --ca FILE: what `berth ca export` prints on the service's "
                            "machine",
                            place->login.host, place->https_port);
    curl_easy_cleanup(curl);
    return code;
}

bool ca_fetch_is_pem(berth_str pem)
{
    X509 *cert = pem.n > 0 ? parse(pem) : NULL;
    bool is_one = cert != NULL;

    X509_free(cert);
    return is_one;
}

bool ca_fetch_is_fingerprint(const char *given)
{
    size_t digits = 0;

    for (; *given != '\0'; given++) {
        if (*given == ':' && digits > 0 && digits % 2 == 0 && ascii_hex_value(given[1]) >= 0)
            continue;
        if (ascii_hex_value(*given) < 0 || ++digits > FINGERPRINT_DIGITS)
            return false;
    }
    return digits == FINGERPRINT_DIGITS;
}

bool ca_fetch_is(const char *fingerprint, const char *given)
{
    for (;; fingerprint++, given++) {
        while (*fingerprint == ':')
            fingerprint++;
        while (*given == ':')
            given++;
        if (*fingerprint == '\0' || ascii_lower(*fingerprint) != ascii_lower(*given))
            return *fingerprint == *given;
    }
}
