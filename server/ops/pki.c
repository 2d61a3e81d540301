#include "ops/pki.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "ops/pki_impl.h"
#include "ops/pki_make.h"

/* One server certificate: where it is and what it is found to be. */
struct leaf {
    const char *chain_name, *key_name;
    EVP_PKEY *(*make_key)(void);
    X509 *x, *issuer;
    EVP_PKEY *key;
};

static EVP_PKEY *make_rsa_key(void)
{
    return EVP_RSA_gen(2048);
}

/* A leaf that cannot be read is as good as none: unlike a CA, nobody holds on to it. */
static void load_leaf(struct pki_job *j, struct leaf *l)
{
    char unused[256];
    struct pki_job quiet = *j;

    quiet.problem = unused;
    quiet.problem_size = sizeof unused;
    if (pki_job_load_chain(&quiet, l->chain_name, &l->x, &l->issuer) != BERTH_OK ||
        pki_job_load_key(&quiet, l->key_name, &l->key) != BERTH_OK)
        ERR_clear_error();
}

static bool is_foreign(const struct leaf *l)
{
    return l->x != NULL && !pki_is_ours(l->x);
}

/* What is sent behind a leaf: the CA itself, or during a roll-over the CA as the other one signed
 * it, which leads to either. Without the other one's key it cannot be made, and what is there
 * does. */
static bool issuer_will_do(const struct pki_job *j, X509 *issuer)
{
    if (j->other == NULL || j->other_key == NULL)
        return X509_cmp(issuer, j->ca) == 0 ||
               (j->other != NULL && X509_check_issued(j->other, issuer) == X509_V_OK);
    return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_subject_name(j->ca)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(issuer), X509_get0_pubkey(j->ca)) == 1 &&
           X509_verify(issuer, X509_get0_pubkey(j->other)) == 1;
}

/* Made while the clock was ahead. With a CA that is of the future too it is the clock that is
 * behind, as of a machine without a battery that has not asked for the time yet: what was made by
 * it would have expired as soon as it has. */
static bool is_of_the_future(const struct pki_job *j, const X509 *x)
{
    return pki_begin_s(x) > j->now_s && pki_begin_s(j->ca) <= j->now_s;
}

static bool leaf_will_do(const struct pki_job *j, const struct leaf *l)
{
    EVP_PKEY *signer = X509_get0_pubkey(j->ca);

    if (l->x == NULL || l->key == NULL || l->issuer == NULL)
        return false;
    return X509_check_private_key(l->x, l->key) == 1 && issuer_will_do(j, l->issuer) &&
           X509_verify(l->x, signer) == 1 && pki_lacks(l->x, j->names, j->count) == NULL &&
           pki_days_left(l->x, j->now_s) >= PKI_RENEW_DAYS && !is_of_the_future(j, l->x);
}

static berth_err can_issue(struct pki_job *j, const struct leaf *l)
{
    if (j->ca_key == NULL)
        return pki_complain(
            j, BERTH_E_NOT_FOUND, l->chain_name,
            "must be made anew (names or validity), and ca.key is not there; put it "
            "back for this start");
    if (pki_days_left(j->ca, j->now_s) < 0)
        return pki_complain(j, BERTH_E_MISMATCH, "ca.pem",
                            "the CA has expired; move ca.pem and ca.key away for a new one, which "
                            "every device must then trust");
    return BERTH_OK;
}

static X509 *make_issuer(struct pki_job *j)
{
    if (j->other != NULL && j->other_key != NULL)
        return pki_make_cross(j->ca, j->other, j->other_key, j->now_s);
    (void)X509_up_ref(j->ca);
    return j->ca;
}

/* The key first: a crash between the two leaves a pair that does not match, and that is made anew
 * next time. */
static berth_err make_leaf(struct pki_job *j, const struct leaf *l)
{
    EVP_PKEY *key = l->make_key();
    X509 *x =
        key != NULL ? pki_make_leaf(key, j->ca, j->ca_key, j->names, j->count, j->now_s) : NULL;
    X509 *issuer = x != NULL ? make_issuer(j) : NULL;
    berth_err e = issuer != NULL ? BERTH_OK : pki_complain_crypto(j, l->chain_name);

    if (e == BERTH_OK)
        e = pki_job_save_key(j, l->key_name, key);
    if (e == BERTH_OK)
        e = pki_job_save_chain(j, l->chain_name, x, issuer);
    if (e == BERTH_OK)
        j->report->made_leaf = true;
    X509_free(issuer);
    X509_free(x);
    EVP_PKEY_free(key);
    return e;
}

static berth_err judge_leaf(struct pki_job *j, const struct leaf *l)
{
    berth_err e;

    if (is_foreign(l)) {
        if (l->key != NULL && X509_check_private_key(l->x, l->key) == 1)
            return BERTH_OK;
        return pki_complain(j, BERTH_E_MISMATCH, l->key_name,
                            "is not the key of the certificate beside it");
    }
    if (leaf_will_do(j, l))
        return BERTH_OK;
    e = can_issue(j, l);
    return e == BERTH_OK ? make_leaf(j, l) : e;
}

static berth_err ensure_leaf(struct pki_job *j, struct leaf l)
{
    berth_err e;

    load_leaf(j, &l);
    e = judge_leaf(j, &l);
    X509_free(l.x);
    X509_free(l.issuer);
    EVP_PKEY_free(l.key);
    return e;
}

berth_err pki_ensure(const char *directory, const char *const *names, size_t count, int64_t now_s,
                     struct pki_report *report, char *problem, size_t problem_size)
{
    struct pki_job j = { .directory = directory,
                         .names = names,
                         .count = count,
                         .now_s = now_s,
                         .report = report,
                         .problem = problem,
                         .problem_size = problem_size };
    berth_err e;

    *report = (struct pki_report){ 0 };
    e = pki_ensure_ca(&j);
    if (e == BERTH_OK)
        e = ensure_leaf(&j, (struct leaf){ .chain_name = "server.pem",
                                           .key_name = "server.key",
                                           .make_key = pki_make_ec_key });
    if (e == BERTH_OK)
        e = ensure_leaf(&j, (struct leaf){ .chain_name = "server-rsa.pem",
                                           .key_name = "server-rsa.key",
                                           .make_key = make_rsa_key });
    pki_job_deinit(&j);
    return e;
}
