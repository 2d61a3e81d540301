#include "ops/worker_impl.h"

#include "berth/openssl.h"
#include "check.h"
#include "front/common.h"
#include "ops/pki.h"
#include "scratch.h"
#include "store/fake_store.h"

static const char *const name = "localhost";

/* What a worker borrows. */
static struct {
    char directory[SCRATCH_PATH_MAX];
    char chain[SCRATCH_PATH_MAX + 64], key[SCRATCH_PATH_MAX + 64];
    struct tls_files files;
    struct config config;
    struct common common;
    struct connection_room room;
    struct fake_store *store;
    uv_sem_t ended;
} its;

static void on_wake(void *user)
{
    (void)user; /* it is asked */
}

static void on_put(void *user, const struct store_reply *reply)
{
    *(bool *)user = reply->result == STORE_OK;
}

/* What a loop does not serve without. */
static bool put_id_scope(void)
{
    struct berth_change change = { .type = BERTH_PUT,
                                   .expect = BERTH_ABSENT,
                                   .rec = { .kind = BERTH_KIND_SETTING,
                                            .key = BERTH_STR(SETTING_ID_SCOPE),
                                            .name = BERTH_STR("0ne00112233"),
                                            .body = BERTH_STR("{}") } };
    struct store_attach a = { .wake = on_wake };
    struct store_port *port;
    bool ok = false;

    if (fake_store_attach(its.store, &a, &port) != BERTH_OK)
        return false;
    store_commit(port, &change, 1, 1, on_put, &ok);
    (void)store_deliver(port);
    store_detach(port);
    return ok;
}

static int make(void **state)
{
    struct pki_report report;
    char problem[512];

    (void)state;
    if (scratch_make(its.directory) == NULL)
        return -1;
    if (pki_ensure(its.directory, &name, 1, time(NULL), &report, problem, sizeof problem) !=
            BERTH_OK ||
        common_init(&its.common, 1) != BERTH_OK)
        return -1;
    its.files =
        (struct tls_files){ .chain_file = scratch_path(its.chain, its.directory, "server.pem"),
                            .key_file = scratch_path(its.key, its.directory, "server.key") };
    config_defaults(&its.config);
    (void)snprintf(its.config.listen[0], sizeof its.config.listen[0], "127.0.0.1");
    its.config.listen_count = 1;
    its.config.loops = 1;
    its.room = (struct connection_room){ .max = 8 };
    its.store = fake_store_new(&(struct fake_options){ 0 });
    (void)uv_sem_init(&its.ended, 0);
    return its.store != NULL && put_id_scope() ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    uv_sem_destroy(&its.ended);
    fake_store_free(its.store);
    common_deinit(&its.common);
    scratch_remove(its.directory);
    return 0;
}

static berth_err attach(struct store *s, const struct store_attach *a, struct store_port **out)
{
    return fake_store_attach((struct fake_store *)(void *)s, a, out);
}

static void on_ended(void *user)
{
    (void)user;
    uv_sem_post(&its.ended);
}

static struct worker *start(void)
{
    struct worker_options o = {
        .config = &its.config,
        .store = (struct store *)(void *)its.store,
        .common = &its.common,
        .attach = attach,
        .files = &its.files,
        .room = &its.room,
        .ended = on_ended,
    };
    struct worker *w;
    char problem[512] = "";

    if (worker_start(&o, &w, problem, sizeof problem) != BERTH_OK)
        fail_msg("%s", problem);
    CHECK("it listens", worker_https_port(w) != 0 && worker_mqtts_port(w) != 0);
    return w;
}

static void test_stops(void **state)
{
    struct worker *w = start();

    (void)state;
    worker_stop(w);
    uv_sem_wait(&its.ended);
    worker_free(w);
}

static void end(void *arg)
{
    const struct worker *w = arg;

    loop_stop(w->loop);
}

/* As when its loop fails: who would stop all workers does not know yet that this one is gone. */
static void test_ended_by_itself(void **state)
{
    struct worker *w = start();

    (void)state;
    CHECK("it runs", worker_post(w, end, w));
    uv_sem_wait(&its.ended);
    CHECK("it runs no more", !worker_post(w, end, w));
    worker_stop(w);
    worker_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stops, make, unmake),
        cmocka_unit_test_setup_teardown(test_ended_by_itself, make, unmake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
