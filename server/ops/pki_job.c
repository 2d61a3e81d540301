#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "ops/file.h"
#include "ops/pki_impl.h"
#include "ops/pki_pem.h"

void pki_job_deinit(struct pki_job *j)
{
    X509_free(j->ca);
    X509_free(j->other);
    EVP_PKEY_free(j->ca_key);
    EVP_PKEY_free(j->other_key);
    ERR_clear_error();
}

berth_err pki_complain(struct pki_job *j, berth_err e, const char *name, const char *words)
{
    (void)snprintf(j->problem, j->problem_size, "%s/%s: %s", j->directory, name, words);
    return e;
}

/* A file that could not be read or written. */
static berth_err complain_file(struct pki_job *j, berth_err e, const char *name)
{
    return pki_complain(j, e, name,
                        e == BERTH_E_IO       ? strerror(errno)
                        : e == BERTH_E_SYNTAX ? "not a PEM file of the kind expected"
                                              : berth_err_text(e));
}

berth_err pki_complain_crypto(struct pki_job *j, const char *name)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());

    return pki_complain(j, BERTH_E_CRYPTO, name, words != NULL ? words : "OpenSSL refused");
}

berth_err pki_job_load_key(struct pki_job *j, const char *name, EVP_PKEY **out)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_load_key(path, out);
    return e == BERTH_OK || e == BERTH_E_NOT_FOUND ? BERTH_OK : complain_file(j, e, name);
}

berth_err pki_job_load_chain(struct pki_job *j, const char *name, X509 **first, X509 **second)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_load_chain(path, first, second);
    return e == BERTH_OK || e == BERTH_E_NOT_FOUND ? BERTH_OK : complain_file(j, e, name);
}

berth_err pki_job_save_key(struct pki_job *j, const char *name, const EVP_PKEY *key)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_save_key(path, key);
    return e == BERTH_OK ? BERTH_OK : complain_file(j, e, name);
}

berth_err pki_job_save_chain(struct pki_job *j, const char *name, X509 *first, X509 *second)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_save_chain(path, first, second);
    return e == BERTH_OK ? BERTH_OK : complain_file(j, e, name);
}

EVP_PKEY *pki_make_ec_key(void)
{
    return EVP_EC_gen("P-256");
}
