#include "ops/trust_impl.h"

#include <string.h>

#include "check.h"
#include "log_pipe.h"
#include "net/loop.h"
#include "store/fake_store.h"

#define NOW_S 1000000

/* ---- what the operator is told ---- */

/* From one second to the next a certificate becomes valid, and 30 or 60 days before its end it is
 * told again. */
static const struct {
    const char *name;
    int64_t from_s, expiry_s;
    const char *told, *remedy; /* NULL: nothing is */
} items[] = {
    { "server", NOW_S, NOW_S + PKI_RENEW_DAYS * 86400, NULL, NULL },
    { "server", NOW_S + 1, NOW_S + PKI_RENEW_DAYS * 86400, "\"a certificate is not valid yet\"",
      "put another certificate in its place" },
    { "server", NOW_S, NOW_S + PKI_RENEW_DAYS * 86400 - 1, "\"a certificate expires soon\"",
      "put a new one in its place" },
    { "server", NOW_S, NOW_S - 1, "\"a certificate has expired\"", "put a new one in its place" },
    { "ca", NOW_S, NOW_S + PKI_CA_WARN_DAYS * 86400, NULL, NULL },
    { "ca", NOW_S + 1, NOW_S + PKI_CA_WARN_DAYS * 86400, "\"a certificate is not valid yet\"",
      "the CA was made while it was ahead: berth ca rollover" },
    { "ca", NOW_S, NOW_S + PKI_CA_WARN_DAYS * 86400 - 1, "\"a certificate expires soon\"",
      "berth ca rollover" },
    { "ca-previous", NOW_S, NOW_S + 1, NULL, NULL }, /* it is on its way out */
};

static void test_validity(void **state)
{
    (void)state;
    log_setup(LOG_INFO, false);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        struct trust t = { .item_count = 1 };
        const char *got;

        (void)snprintf(t.items[0].name, sizeof t.items[0].name, "%s", items[i].name);
        t.items[0].from_s = items[i].from_s;
        t.items[0].expiry_s = items[i].expiry_s;
        trust_warn(&t, NOW_S);
        got = log_pipe_read();
        if (items[i].told == NULL) {
            CHECK(items[i].name, got[0] == '\0');
            continue;
        }
        CHECK(items[i].told, strstr(got, items[i].told) != NULL);
        CHECK(items[i].remedy, strstr(got, items[i].remedy) != NULL);
    }
}

/* ---- jobs ---- */

static berth_err attach(struct store *s, const struct store_attach *a, struct store_port **out)
{
    return fake_store_attach((struct fake_store *)(void *)s, a, out);
}

static size_t waiting(const struct trust *t)
{
    size_t n = 0;

    for (const struct trust_job *j = t->first; j != NULL; j = j->next)
        n++;
    return n;
}

/* While one is under way any number of SIGHUPs make one more, not one each. */
static void test_reloads_wait_as_one(void **state)
{
    struct fake_store *store = fake_store_new(&(struct fake_options){ .delay_max = 1 });
    static struct config config;
    struct loop *loop;
    struct trust *t;

    (void)state;
    assert_non_null(store);
    config_defaults(&config);
    assert_int_equal(loop_new(0, &loop), BERTH_OK);
    assert_int_equal(trust_new(&(struct trust_options){ .config = &config,
                                                        .loop = loop,
                                                        .store = (struct store *)(void *)store,
                                                        .attach = attach,
                                                        .tls_dir = "/nowhere" },
                               &t),
                     BERTH_OK);
    trust_reload(t);
    CHECK("under way", t->job != NULL && t->job->reload && waiting(t) == 0);
    for (int i = 0; i < 100; i++)
        trust_reload(t);
    CHECK("one more", waiting(t) == 1 && t->first->reload);
    trust_stop(t);
    loop_free(loop);
    trust_free(t);
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_validity, log_pipe_open, log_pipe_close),
        cmocka_unit_test(test_reloads_wait_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
