/* Handshakes that begin at once: a few in each turn of the loop, in the order in which they came.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/tls_impl.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"
#include "tests/unit/scratch.h"
#include "tests/unit/test_certs.h"

#define CROWD     (3 * TLS_BEGIN_AT_ONCE)
#define TURNS_MAX 1000000 /* many of the loop's turns fall into one of its milliseconds */

static char directory[SCRATCH_PATH_MAX];
static struct tls_context *context;
static uint8_t hello[1024];
static size_t hello_n;

struct crowd {
    struct loop *loop;
    struct tls_options o;
    struct rig rigs[CROWD];
    int waiting, failures;
    enum tls_failure what;
    char version[16];
};

/* What every client says first. */
static void make_hello(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(ctx);
    BIO *out = BIO_new(BIO_s_mem());

    SSL_set_bio(client, BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(client);
    (void)SSL_do_handshake(client);
    hello_n = (size_t)BIO_read(out, hello, sizeof hello);
    assert_in_range(hello_n, 1, sizeof hello - 1);
    SSL_free(client);
    SSL_CTX_free(ctx);
    ERR_clear_error();
}

static int set_up(void **state)
{
    char certificate[SCRATCH_PATH_MAX + 64], key[SCRATCH_PATH_MAX + 64], problem[256];
    (void)state;

    assert_non_null(scratch_make(directory));
    scratch_path(certificate, directory, "ec.pem");
    scratch_path(key, directory, "ec.key");
    test_cert_write(false, certificate, key);
    struct tls_files f = { .chain_file = certificate, .key_file = key };
    assert_int_equal(tls_context_new(&f, &context, problem, sizeof problem), BERTH_OK);
    make_hello();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_context_free(context);
    scratch_remove(directory);
    return 0;
}

static struct layer *on_up(void *user, struct layer *tls, const struct tls_info *info)
{
    (void)user;
    (void)tls;
    (void)info;
    return NULL;
}

static void on_failed(void *user, struct layer *tls, enum tls_failure what, const char *reason)
{
    struct crowd *c = user;

    (void)reason;
    snprintf(c->version, sizeof c->version, "%s", layer_tls_info(tls)->version);
    c->failures++;
    c->what = what;
}

static void on_waiting(void *user, int by)
{
    ((struct crowd *)user)->waiting += by;
}

static void gather(struct crowd *c)
{
    memset(c, 0, sizeof *c);
    context->turn_ms = -1; /* of the loop before */
    assert_int_equal(loop_new(0, &c->loop), BERTH_OK);
    c->o =
        (struct tls_options){ .up = on_up, .failed = on_failed, .waiting = on_waiting, .user = c };
    for (size_t i = 0; i < CROWD; i++) {
        rig_init(&c->rigs[i], c->loop);
        c->rigs[i].l.above = tls_layer_new(context, &c->rigs[i].l, &c->o);
        assert_non_null(c->rigs[i].l.above);
    }
}

static void disperse(struct crowd *c)
{
    for (size_t i = 0; i < CROWD; i++) {
        rig_close(&c->rigs[i]);
        rig_deinit(&c->rigs[i]);
    }
    assert_int_equal(c->waiting, 0);
    loop_free(c->loop);
}

static void speak(struct crowd *c, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        rig_offer(&c->rigs[i], hello, hello_n);
}

static bool is_answered(const struct crowd *c, size_t i)
{
    return c->rigs[i].out.n > 0;
}

static size_t answered(const struct crowd *c)
{
    size_t n = 0;

    for (size_t i = 0; i < CROWD; i++)
        n += is_answered(c, i);
    return n;
}

static void turn(struct crowd *c)
{
    for (size_t i = 0; i < CROWD; i++)
        rig_event(&c->rigs[i]);
}

static void test_so_many_a_turn(void **state)
{
    struct crowd c;
    (void)state;

    gather(&c);
    speak(&c, 0, TLS_BEGIN_AT_ONCE);
    assert_int_equal(answered(&c), TLS_BEGIN_AT_ONCE);
    assert_int_equal(c.waiting, 0);
    speak(&c, TLS_BEGIN_AT_ONCE, TLS_BEGIN_AT_ONCE + 1);
    assert_int_equal(answered(&c), TLS_BEGIN_AT_ONCE);
    assert_int_equal(c.waiting, 1);
    assert_int_equal(c.rigs[TLS_BEGIN_AT_ONCE].in.n, hello_n); /* held back, not lost */
    for (int i = 0; i < TURNS_MAX && c.waiting > 0; i++)
        turn(&c);
    turn(&c);
    assert_int_equal(answered(&c), TLS_BEGIN_AT_ONCE + 1);
    disperse(&c);
}

/* Who comes while others wait does not come before them, though this turn had room. */
static void test_first_come_first_served(void **state)
{
    struct crowd c;
    int most = 0;
    (void)state;

    gather(&c);
    speak(&c, 0, CROWD - 1);
    assert_int_equal(answered(&c), TLS_BEGIN_AT_ONCE);
    loop_skip(c.loop, 1);
    speak(&c, CROWD - 1, CROWD);
    assert_false(is_answered(&c, CROWD - 1));
    for (int i = 0; i < TURNS_MAX && answered(&c) < CROWD; i++) {
        int before = c.waiting;

        uv_run(loop_uv(c.loop), UV_RUN_NOWAIT);
        if (before - c.waiting > most)
            most = before - c.waiting;
        turn(&c);
        for (size_t k = 0; k < answered(&c); k++)
            assert_true(is_answered(&c, k));
    }
    assert_int_equal(answered(&c), CROWD);
    assert_in_range(most, 1, TLS_BEGIN_AT_ONCE);
    disperse(&c);
}

static void test_who_goes_makes_way(void **state)
{
    static const size_t going[] = { TLS_BEGIN_AT_ONCE, TLS_BEGIN_AT_ONCE + 3, CROWD - 1 };
    struct crowd c;
    (void)state;

    gather(&c);
    speak(&c, 0, CROWD);
    for (size_t i = 0; i < ARRAY_LEN(going); i++)
        rig_close(&c.rigs[going[i]]);
    assert_int_equal(c.waiting, CROWD - TLS_BEGIN_AT_ONCE - 3);
    for (int i = 0; i < TURNS_MAX && answered(&c) < CROWD - 3; i++)
        turn(&c);
    assert_int_equal(answered(&c), CROWD - 3);
    assert_int_equal(c.failures, 0);
    disperse(&c);
}

/* It is not the peer's fault, and the operator reads so. */
static void test_turn_that_does_not_come(void **state)
{
    struct crowd c;
    (void)state;

    gather(&c);
    speak(&c, 0, TLS_BEGIN_AT_ONCE + 1);
    for (size_t i = 0; i < TLS_BEGIN_AT_ONCE; i++)
        rig_close(&c.rigs[i]);
    c.failures = 0;
    loop_skip(c.loop, TLS_HANDSHAKE_MS - LOOP_TICK_MS);
    assert_int_equal(c.failures, 0);
    for (size_t i = TLS_BEGIN_AT_ONCE + 1; i < CROWD; i++)
        rig_close(&c.rigs[i]);
    loop_skip(c.loop, 2 * LOOP_TICK_MS);
    assert_int_equal(c.failures, 1);
    assert_int_equal(c.what, TLS_FAILED_CROWDED);
    assert_string_equal(c.version, ""); /* what was never begun has none */
    assert_true(c.rigs[TLS_BEGIN_AT_ONCE].close_wanted);
    assert_int_equal(c.waiting, 0); /* before it is gone */
    disperse(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_so_many_a_turn),
        cmocka_unit_test(test_first_come_first_served),
        cmocka_unit_test(test_who_goes_makes_way),
        cmocka_unit_test(test_turn_that_does_not_come),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
