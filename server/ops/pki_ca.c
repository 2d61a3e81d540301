/* The CA: made once, rolled over by steps. What ca.pem says is the state; which key is whose is
 * found by matching, so that each step is one file replaced, and what a crash leaves is a state. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ops/file.h"
#include "ops/pki_impl.h"
#include "ops/pki_make.h"

#define KEY      "ca.key"
#define NEXT_KEY "ca-next.key"
#define CA       "ca.pem"

/* A CA of this directory: it has the key that is here, or one that is kept elsewhere. Whoever moves
 * an expired one away, with its key, wants another. */
static bool is_the_lost_one(const struct pki_job *j, X509 *ca)
{
    if (X509_self_signed(ca, 0) != 1)
        return false;
    return j->ca_key != NULL ? X509_check_private_key(ca, j->ca_key) == 1
                             : pki_is_ours(ca) && pki_days_left(ca, j->now_s) >= 0;
}

/* A lost ca.pem also stands behind each server certificate; a new one in its place would be
 * another CA to all who trust it. */
static X509 *ca_behind(struct pki_job *j, const char *chain_name)
{
    X509 *leaf = NULL, *issuer = NULL;

    if (pki_job_load_chain(j, chain_name, &leaf, &issuer) == BERTH_OK && issuer != NULL &&
        !is_the_lost_one(j, issuer)) {
        X509_free(issuer);
        issuer = NULL;
    }
    X509_free(leaf);
    return issuer;
}

static berth_err make_ca_key(struct pki_job *j)
{
    j->ca_key = pki_make_ec_key();
    return j->ca_key != NULL ? pki_job_save_key(j, KEY, j->ca_key) : pki_complain_crypto(j, KEY);
}

static berth_err make_ca(struct pki_job *j)
{
    berth_err e = j->ca_key == NULL ? make_ca_key(j) : BERTH_OK;

    if (e != BERTH_OK)
        return e;
    j->ca = pki_make_ca(j->ca_key, j->now_s);
    j->report->made_ca = true;
    return j->ca != NULL ? pki_job_save_chain(j, CA, j->ca, NULL) : pki_complain_crypto(j, CA);
}

static berth_err find_or_make_ca(struct pki_job *j)
{
    j->ca = ca_behind(j, "server.pem");
    return j->ca != NULL ? pki_job_save_chain(j, CA, j->ca, NULL) : make_ca(j);
}

static bool is_key_of(const X509 *ca, const EVP_PKEY *key)
{
    return ca != NULL && key != NULL && EVP_PKEY_eq(X509_get0_pubkey(ca), key) == 1;
}

/* Gives KEY to the certificate it belongs to; one that belongs to none is of an earlier state. */
static bool assign_key(struct pki_job *j, EVP_PKEY *key)
{
    EVP_PKEY **slot = is_key_of(j->ca, key)      ? &j->ca_key
                      : is_key_of(j->other, key) ? &j->other_key
                                                 : NULL;
    if (slot == NULL || *slot != NULL) {
        EVP_PKEY_free(key);
        return slot != NULL;
    }
    *slot = key;
    return true;
}

static berth_err forget_next_key(struct pki_job *j)
{
    char path[FILE_PATH_MAX];
    berth_err e = file_path(path, j->directory, NEXT_KEY);

    if (e != BERTH_OK || unlink(path) == 0 || errno == ENOENT)
        return e;
    return pki_complain(j, BERTH_E_IO, NEXT_KEY, strerror(errno));
}

/* The new CA's key gets the usual name; also after a crash in the middle of that. */
static berth_err finish_retirement(struct pki_job *j)
{
    berth_err e = pki_job_save_key(j, KEY, j->ca_key);

    return e == BERTH_OK ? forget_next_key(j) : e;
}

/* Takes both keys. */
static berth_err assign_keys(struct pki_job *j, EVP_PKEY *key, EVP_PKEY *next)
{
    bool known;

    j->activated = is_key_of(j->ca, next);
    if (next != NULL)
        (void)assign_key(j, next);
    known = key == NULL || assign_key(j, key);
    if (j->activated && j->other == NULL)
        return finish_retirement(j);
    return known ? BERTH_OK : pki_complain(j, BERTH_E_MISMATCH, KEY, "is not the key of ca.pem");
}

berth_err pki_load_ca(struct pki_job *j)
{
    EVP_PKEY *key = NULL, *next = NULL;
    berth_err e = pki_job_load_key(j, KEY, &key);

    if (e == BERTH_OK)
        e = pki_job_load_chain(j, CA, &j->ca, &j->other);
    if (e == BERTH_OK)
        e = pki_job_load_key(j, NEXT_KEY, &next);
    if (e == BERTH_OK && j->ca == NULL && next != NULL)
        e = pki_complain(j, BERTH_E_MISMATCH, CA,
                         "is lost, and " NEXT_KEY " tells of a roll-over: restore ca.pem");
    if (e == BERTH_OK && j->ca != NULL)
        return assign_keys(j, key, next);
    j->ca_key = key;
    EVP_PKEY_free(next);
    return e;
}

berth_err pki_ensure_ca(struct pki_job *j)
{
    berth_err e = pki_load_ca(j);

    return e == BERTH_OK && j->ca == NULL ? find_or_make_ca(j) : e;
}

/* ---- steps ---- */

static berth_err refuse(struct pki_job *j, const char *words)
{
    (void)snprintf(j->problem, j->problem_size, "%s", words);
    return BERTH_E_MISMATCH;
}

/* The key first: what a crash leaves is a key that is nobody's, and the next beginning replaces
 * it. */
static berth_err begin(struct pki_job *j)
{
    berth_err e;

    if (j->other != NULL)
        return refuse(j, "a roll-over is under way");
    j->other_key = pki_make_ec_key();
    j->other = j->other_key != NULL ? pki_make_ca(j->other_key, j->now_s) : NULL;
    if (j->other == NULL)
        return pki_complain_crypto(j, CA);
    e = pki_job_save_key(j, NEXT_KEY, j->other_key);
    return e == BERTH_OK ? pki_job_save_chain(j, CA, j->ca, j->other) : e;
}

static berth_err activate(struct pki_job *j)
{
    if (j->other == NULL)
        return refuse(j, "there is no new CA to activate: begin a roll-over first");
    if (j->activated)
        return refuse(j, "the new CA is active already");
    if (j->other_key == NULL)
        return pki_complain(j, BERTH_E_NOT_FOUND, NEXT_KEY, "the new CA's key is not there");
    return pki_job_save_chain(j, CA, j->other, j->ca);
}

static berth_err retire(struct pki_job *j)
{
    berth_err e;

    if (j->other == NULL)
        return refuse(j, "there is one CA alone: nothing to retire");
    if (!j->activated)
        return refuse(j, "the old CA still issues: activate the new one first");
    e = pki_job_save_chain(j, CA, j->ca, NULL);
    return e == BERTH_OK ? finish_retirement(j) : e;
}

static berth_err cancel(struct pki_job *j)
{
    berth_err e;

    if (j->other == NULL)
        return refuse(j, "no roll-over is under way");
    if (j->activated)
        return refuse(j, "the new CA issues already: it can no longer be cancelled");
    e = pki_job_save_chain(j, CA, j->ca, NULL);
    return e == BERTH_OK ? forget_next_key(j) : e;
}

berth_err pki_roll(const char *directory, enum pki_step step, int64_t now_s, char *problem,
                   size_t problem_size)
{
    static berth_err (*const steps[])(struct pki_job * j) = {
        [PKI_BEGIN] = begin, [PKI_ACTIVATE] = activate, [PKI_RETIRE] = retire, [PKI_CANCEL] = cancel
    };
    struct pki_report unused = { 0 };
    struct pki_job j = { .directory = directory,
                         .now_s = now_s,
                         .report = &unused,
                         .problem = problem,
                         .problem_size = problem_size };
    berth_err e = pki_load_ca(&j);

    if (e == BERTH_OK && j.ca == NULL)
        e = pki_complain(&j, BERTH_E_NOT_FOUND, CA, "there is no CA yet");
    else if (e == BERTH_OK && j.ca_key == NULL)
        e = pki_complain(&j, BERTH_E_NOT_FOUND, KEY,
                         "is not there; a roll-over makes server certificates anew and needs it");
    if (e == BERTH_OK)
        e = steps[step](&j);
    pki_job_deinit(&j);
    return e;
}
