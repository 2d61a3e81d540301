/* ops/trust_impl.h - what trust.c and trust_watch.c share. */
#ifndef OPS_TRUST_IMPL_H
#define OPS_TRUST_IMPL_H

#include "ops/file.h"
#include "ops/trust.h"
#include "prov/enrollment.h"

/* the daemon's own and its hubs' */
#define TRUST_NAMES_MAX (CONFIG_HOSTS_MAX + BERTH_ENROLLMENT_HUBS_MAX)
#define TRUST_NAME_SIZE 256

/* One thing to be done. Jobs follow each other: certificates are files. */
struct trust_job {
    struct trust *t;
    struct trust_job *next;
    struct trust_wish wish;
    bool reload;
    unsigned worker;
    trust_done *done; /* NULL: nobody waits */
    void *user;
    bool changed; /* workers get other certificates */
    struct trust_answer answer;
};

struct trust {
    struct trust_options o;
    struct store_port *port;
    struct worker *const *workers;
    size_t worker_count;
    uv_timer_t timer;
    bool has_timer, closed;
    bool operators;
    bool stale; /* what stands in the files is not in use yet */

    struct trust_job *job; /* under way */
    struct trust_job *first, **last;
    size_t waiting; /* workers that have yet to take what it made */

    char names[TRUST_NAMES_MAX][TRUST_NAME_SIZE];
    const char *name_list[TRUST_NAMES_MAX];
    size_t name_count;

    char paths[4][FILE_PATH_MAX];
    struct tls_files files;
    struct pki_item items[PKI_ITEMS_MAX]; /* as of the latest job */
    size_t item_count;
};

/* Describes what stands in the files. Whether it is other than at the latest look: also somebody
 * who tells nobody may renew them. */
bool trust_look_again(struct trust *t);
/* What clients are to trust; "" when it is not known. */
void trust_read_ca(struct trust *t, char pem[TRUST_PEM_MAX]);
/* What the operator should know of time and names. */
void trust_warn(const struct trust *t, int64_t now_s);
/* How a job ended. */
void trust_tell(const struct trust_job *j);

#endif
