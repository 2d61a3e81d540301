/* ops/pki_impl.h - what pki.c and pki_ca.c share. */
#ifndef OPS_PKI_IMPL_H
#define OPS_PKI_IMPL_H

#include <openssl/x509.h>

#include "ops/pki.h"

struct pki_job {
    const char *directory;
    const char *const *names;
    size_t count;
    int64_t now_s;
    struct pki_report *report;
    char *problem;
    size_t problem_size;
    X509 *ca;            /* the one that issues */
    EVP_PKEY *ca_key;    /* NULL: kept elsewhere */
    X509 *other;         /* the one beside it while a roll-over lasts, or NULL */
    EVP_PKEY *other_key; /* NULL: kept elsewhere */
    bool activated;      /* of the two, the first is the new one */
};

/* Releases what the job loaded. */
void pki_job_deinit(struct pki_job *j);

/* Both set PROBLEM and return E. */
berth_err pki_complain(struct pki_job *j, berth_err e, const char *name, const char *words);
berth_err pki_complain_crypto(struct pki_job *j, const char *name);

/* What is not there stays NULL; what is there and cannot be read is a problem. */
BERTH_MUST_USE berth_err pki_job_load_key(struct pki_job *j, const char *name, EVP_PKEY **out);
BERTH_MUST_USE berth_err pki_job_load_chain(struct pki_job *j, const char *name, X509 **first,
                                            X509 **second);
BERTH_MUST_USE berth_err pki_job_save_key(struct pki_job *j, const char *name, const EVP_PKEY *key);
BERTH_MUST_USE berth_err pki_job_save_chain(struct pki_job *j, const char *name, X509 *first,
                                            X509 *second);

EVP_PKEY *pki_make_ec_key(void);

/* The CAs of ca.pem with the keys that are there; none is no error. */
BERTH_MUST_USE berth_err pki_load_ca(struct pki_job *j);
/* The same, and makes one when there is none. */
BERTH_MUST_USE berth_err pki_ensure_ca(struct pki_job *j);

#endif
