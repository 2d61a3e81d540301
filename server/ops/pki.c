#include "ops/pki.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "ops/file.h"
#include "ops/pki_make.h"
#include "ops/pki_pem.h"

struct job {
    const char *directory;
    const char *const *names;
    size_t count;
    struct pki_report *report;
    char *problem;
    size_t problem_size;
    X509 *ca;
    EVP_PKEY *ca_key; /* NULL: kept elsewhere */
};

/* One server certificate: where it is and what it is found to be. */
struct leaf {
    const char *chain_name, *key_name;
    EVP_PKEY *(*make_key)(void);
    X509 *x, *issuer;
    EVP_PKEY *key;
};

static berth_err complain(struct job *j, berth_err e, const char *name, const char *words)
{
    (void)snprintf(j->problem, j->problem_size, "%s/%s: %s", j->directory, name, words);
    return e;
}

/* A file that could not be read or written. */
static berth_err complain_file(struct job *j, berth_err e, const char *name)
{
    return complain(j, e, name,
                    e == BERTH_E_IO       ? strerror(errno)
                    : e == BERTH_E_SYNTAX ? "not a PEM file of the kind expected"
                                          : berth_err_text(e));
}

static berth_err complain_crypto(struct job *j, const char *name)
{
    const char *words = ERR_reason_error_string(ERR_peek_last_error());

    return complain(j, BERTH_E_CRYPTO, name, words != NULL ? words : "OpenSSL refused");
}

static EVP_PKEY *make_ec_key(void)
{
    return EVP_EC_gen("P-256");
}

static EVP_PKEY *make_rsa_key(void)
{
    return EVP_RSA_gen(2048);
}

/* What is not there stays NULL; what is there and cannot be read is a problem. */
static berth_err load_key(struct job *j, const char *name, EVP_PKEY **out)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_load_key(path, out);
    return e == BERTH_OK || e == BERTH_E_NOT_FOUND ? BERTH_OK : complain_file(j, e, name);
}

static berth_err load_chain(struct job *j, const char *name, X509 **first, X509 **second)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_load_chain(path, first, second);
    return e == BERTH_OK || e == BERTH_E_NOT_FOUND ? BERTH_OK : complain_file(j, e, name);
}

static berth_err save_key(struct job *j, const char *name, const EVP_PKEY *key)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_save_key(path, key);
    return e == BERTH_OK ? BERTH_OK : complain_file(j, e, name);
}

static berth_err save_chain(struct job *j, const char *name, X509 *first, X509 *second)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, name);

    if (e == BERTH_OK)
        e = pki_save_chain(path, first, second);
    return e == BERTH_OK ? BERTH_OK : complain_file(j, e, name);
}

/* A lost ca.pem also stands behind each server certificate; a new one in its place would be
 * another CA to all who trust it. */
static X509 *ca_behind(struct job *j, const char *chain_name)
{
    X509 *leaf = NULL, *issuer = NULL;

    if (load_chain(j, chain_name, &leaf, &issuer) == BERTH_OK && issuer != NULL &&
        X509_check_private_key(issuer, j->ca_key) != 1) {
        X509_free(issuer);
        issuer = NULL;
    }
    X509_free(leaf);
    return issuer;
}

static berth_err make_ca(struct job *j)
{
    berth_err e;

    if (j->ca_key == NULL) {
        j->ca_key = make_ec_key();
        if (j->ca_key == NULL)
            return complain_crypto(j, "ca.key");
        e = save_key(j, "ca.key", j->ca_key);
        if (e != BERTH_OK)
            return e;
    }
    j->ca = ca_behind(j, "server.pem");
    if (j->ca == NULL) {
        j->ca = pki_make_ca(j->ca_key);
        j->report->made_ca = true;
    }
    if (j->ca == NULL)
        return complain_crypto(j, "ca.pem");
    return save_chain(j, "ca.pem", j->ca, NULL);
}

static berth_err ensure_ca(struct job *j)
{
    berth_err e = load_key(j, "ca.key", &j->ca_key);

    if (e == BERTH_OK)
        e = load_chain(j, "ca.pem", &j->ca, NULL);
    if (e != BERTH_OK)
        return e;
    if (j->ca == NULL)
        return make_ca(j);
    if (j->ca_key != NULL && X509_check_private_key(j->ca, j->ca_key) != 1)
        return complain(j, BERTH_E_MISMATCH, "ca.key", "is not the key of ca.pem");
    return BERTH_OK;
}

/* A leaf that cannot be read is as good as none: unlike a CA, nobody holds on to it. */
static void load_leaf(struct job *j, struct leaf *l)
{
    char unused[256];
    struct job quiet = *j;

    quiet.problem = unused;
    quiet.problem_size = sizeof unused;
    if (load_chain(&quiet, l->chain_name, &l->x, &l->issuer) != BERTH_OK ||
        load_key(&quiet, l->key_name, &l->key) != BERTH_OK)
        ERR_clear_error();
}

static bool is_foreign(const struct leaf *l)
{
    return l->x != NULL && !pki_is_ours(l->x);
}

static bool leaf_will_do(const struct job *j, const struct leaf *l)
{
    EVP_PKEY *signer = X509_get0_pubkey(j->ca);

    if (l->x == NULL || l->key == NULL || l->issuer == NULL)
        return false;
    return X509_check_private_key(l->x, l->key) == 1 && X509_cmp(l->issuer, j->ca) == 0 &&
           X509_verify(l->x, signer) == 1 && pki_covers(l->x, j->names, j->count) &&
           pki_days_left(l->x) >= PKI_RENEW_DAYS;
}

static berth_err can_issue(struct job *j, const struct leaf *l)
{
    if (j->ca_key == NULL)
        return complain(j, BERTH_E_NOT_FOUND, l->chain_name,
                        "must be made anew (names or expiry), and ca.key is not there; put it "
                        "back for this start");
    if (pki_days_left(j->ca) < 0)
        return complain(j, BERTH_E_MISMATCH, "ca.pem",
                        "the CA has expired; move ca.pem and ca.key away for a new one, which "
                        "every device must then trust");
    return BERTH_OK;
}

/* The key first: a crash between the two leaves a pair that does not match, and that is made anew
 * next time. */
static berth_err make_leaf(struct job *j, const struct leaf *l)
{
    EVP_PKEY *key = l->make_key();
    X509 *x = key != NULL ? pki_make_leaf(key, j->ca, j->ca_key, j->names, j->count) : NULL;
    berth_err e = x != NULL ? BERTH_OK : complain_crypto(j, l->chain_name);

    if (e == BERTH_OK)
        e = save_key(j, l->key_name, key);
    if (e == BERTH_OK)
        e = save_chain(j, l->chain_name, x, j->ca);
    if (e == BERTH_OK)
        j->report->made_leaf = true;
    X509_free(x);
    EVP_PKEY_free(key);
    return e;
}

static berth_err judge_leaf(struct job *j, const struct leaf *l)
{
    berth_err e;

    if (is_foreign(l)) {
        if (l->key != NULL && X509_check_private_key(l->x, l->key) == 1)
            return BERTH_OK;
        return complain(j, BERTH_E_MISMATCH, l->key_name,
                        "is not the key of the certificate beside it");
    }
    if (leaf_will_do(j, l))
        return BERTH_OK;
    e = can_issue(j, l);
    return e == BERTH_OK ? make_leaf(j, l) : e;
}

static berth_err ensure_leaf(struct job *j, struct leaf l)
{
    berth_err e;

    load_leaf(j, &l);
    e = judge_leaf(j, &l);
    X509_free(l.x);
    X509_free(l.issuer);
    EVP_PKEY_free(l.key);
    return e;
}

berth_err pki_ensure(const char *directory, const char *const *names, size_t count,
                     struct pki_report *report, char *problem, size_t problem_size)
{
    struct job j = { .directory = directory,
                     .names = names,
                     .count = count,
                     .report = report,
                     .problem = problem,
                     .problem_size = problem_size };
    berth_err e;

    *report = (struct pki_report){ 0 };
    e = ensure_ca(&j);
    if (e == BERTH_OK)
        e = ensure_leaf(&j, (struct leaf){ .chain_name = "server.pem",
                                           .key_name = "server.key",
                                           .make_key = make_ec_key });
    if (e == BERTH_OK)
        e = ensure_leaf(&j, (struct leaf){ .chain_name = "server-rsa.pem",
                                           .key_name = "server-rsa.key",
                                           .make_key = make_rsa_key });
    X509_free(j.ca);
    EVP_PKEY_free(j.ca_key);
    ERR_clear_error();
    return e;
}
