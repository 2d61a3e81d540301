/* What the keeper of certificates sees in the files, and tells of it: log, metrics, answers. */
#include <stdio.h>
#include <string.h>

#include "ops/log.h"
#include "ops/trust_impl.h"

#define DAY_S 86400

/* ---- what there is ---- */

static void look(struct trust *t)
{
    if (!t->operators) {
        t->item_count = pki_look(t->o.tls_dir, t->items);
        return;
    }
    t->item_count = 0;
    if (pki_look_at(t->files.chain_file, "server", &t->items[0]))
        t->item_count++;
    if (t->files.rsa_chain_file != NULL &&
        pki_look_at(t->files.rsa_chain_file, "server-rsa", &t->items[t->item_count]))
        t->item_count++;
}

bool trust_look_again(struct trust *t)
{
    struct pki_item before[PKI_ITEMS_MAX];
    size_t count = t->item_count;

    memcpy(before, t->items, sizeof before);
    look(t);
    if (count == 0)
        return false;
    for (size_t i = 0; i < count && i < t->item_count; i++)
        if (strcmp(before[i].fingerprint, t->items[i].fingerprint) != 0)
            return true;
    return count != t->item_count;
}

void trust_read_ca(struct trust *t, char pem[TRUST_PEM_MAX])
{
    char path[FILE_PATH_MAX];
    struct berth_buf b;

    if (t->operators) {
        pki_root_of(t->files.chain_file, pem, TRUST_PEM_MAX);
        return;
    }
    berth_buf_init(&b, pem, TRUST_PEM_MAX - 1);
    if (file_path(path, t->o.tls_dir, "ca.pem") != BERTH_OK || file_read(path, &b) != BERTH_OK)
        b.n = 0;
    pem[b.n] = '\0';
}

/* ---- what the operator should know ---- */

static void warn_of_expiry(const struct pki_item *item, int64_t now_s)
{
    bool is_ca = strncmp(item->name, "ca", 2) == 0;
    int64_t left = item->expiry_s - now_s;

    if (left >= (int64_t)(is_ca ? PKI_CA_WARN_DAYS : PKI_RENEW_DAYS) * DAY_S ||
        strcmp(item->name, "ca-previous") == 0)
        return;
    log_event(
        LOG_WARNING, left < 0 ? "a certificate has expired" : "a certificate expires soon",
        LOG_TEXT("certificate", berth_str_of(item->name)),
        LOG_NUM("days_left", left < 0 ? -1 : left / DAY_S),
        LOG_TEXT("remedy", is_ca ? BERTH_STR("berth ca rollover, and give devices the new ca.pem")
                                 : BERTH_STR("put a new one in its place and send SIGHUP")));
}

static void warn_of_begin(const struct pki_item *item, int64_t now_s)
{
    bool is_ca = strncmp(item->name, "ca", 2) == 0;

    if (item->from_s <= now_s)
        return;
    log_event(LOG_WARNING, "a certificate is not valid yet",
              LOG_TEXT("certificate", berth_str_of(item->name)),
              LOG_NUM("seconds_until", item->from_s - now_s),
              LOG_TEXT("remedy",
                       is_ca
                           ? BERTH_STR("set this machine's clock; if it is right, the CA was made "
                                       "while it was ahead: berth ca rollover, and give devices "
                                       "the new ca.pem")
                           : BERTH_STR("set this machine's clock; if it is right, put another "
                                       "certificate in its place and send SIGHUP")));
}

static void warn_of_name(const struct trust *t, const char *path)
{
    const char *lacks = path == NULL ? NULL : pki_file_lacks(path, t->name_list, t->name_count);

    if (lacks != NULL)
        log_event(LOG_WARNING, "the certificate lacks a name",
                  LOG_TEXT("name", berth_str_of(lacks)), LOG_TEXT("file", berth_str_of(path)),
                  LOG_TEXT("remedy",
                           BERTH_STR("clients that use this name refuse to connect: have it issued "
                                     "with all names of hostname and of the hubs")));
}

void trust_warn(const struct trust *t, int64_t now_s)
{
    for (size_t i = 0; i < t->item_count; i++) {
        warn_of_expiry(&t->items[i], now_s);
        warn_of_begin(&t->items[i], now_s);
    }
    warn_of_name(t, t->files.chain_file);
    warn_of_name(t, t->files.rsa_chain_file);
}

void trust_tell_new_ca(void)
{
    log_event(
        LOG_WARNING, "a new CA was made: the old one's files are gone",
        LOG_TEXT("remedy", BERTH_STR("every device and tool must trust the new tls/ca.pem; or "
                                     "stop, put the old ca.pem and ca.key back, and start")));
}

static const char *reason_of(const struct trust_job *j)
{
    if (j->reload)
        return "reload";
    return j->wish.verb == TRUST_COVER  ? "a hub's name"
           : j->wish.verb == TRUST_ROLL ? "roll-over of the CA"
                                        : "validity or names";
}

void trust_tell(const struct trust_job *j)
{
    const struct trust_answer *a = &j->answer;

    /* A step that does not fit is the asker's mistake, and it is told. */
    if (a->err != BERTH_OK && !(j->wish.verb == TRUST_ROLL && a->err == BERTH_E_MISMATCH))
        log_event(LOG_ERROR, "certificates are kept as they were",
                  LOG_TEXT("why", berth_str_of(reason_of(j))),
                  LOG_TEXT("problem", berth_str_of(a->problem)));
    else if (j->changed)
        log_event(LOG_NOTICE, "new certificates in use",
                  LOG_TEXT("why", berth_str_of(reason_of(j))));
}

void trust_put_metrics(const struct trust *t, struct berth_buf *b)
{
    char line[160];

    berth_buf_put(b,
                  BERTH_STR("# HELP berth_certificate_expiry_seconds when a certificate expires, "
                            "in seconds since 1970\n"
                            "# TYPE berth_certificate_expiry_seconds gauge\n"));
    for (size_t i = 0; i < t->item_count; i++) {
        (void)snprintf(line, sizeof line, "berth_certificate_expiry_seconds{name=\"%s\"} %lld\n",
                       t->items[i].name, (long long)t->items[i].expiry_s);
        berth_buf_put(b, berth_str_of(line));
    }
}
