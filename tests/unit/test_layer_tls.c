#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/listener.h"
#include "tests/unit/check.h"
#include "tests/unit/layer_rig.h"
#include "tests/unit/scratch.h"
#include "tests/unit/test_certs.h"

static char directory[SCRATCH_PATH_MAX];
static char paths[6][SCRATCH_PATH_MAX + 64]; /* EC, RSA, client: certificate and key */
static struct tls_context *context;
static const char *const names[6] = { "ec.pem",  "ec.key",     "rsa.pem",
                                      "rsa.key", "client.pem", "client.key" };

static int set_up(void **state)
{
    char problem[256];
    (void)state;

    assert_non_null(scratch_make(directory));
    for (size_t i = 0; i < 6; i++)
        scratch_path(paths[i], directory, names[i]);
    for (size_t i = 0; i < 6; i += 2)
        test_cert_write(i == 2, paths[i], paths[i + 1]);
    struct tls_files f = { paths[0], paths[1], paths[2], paths[3] };
    assert_int_equal(tls_context_new(&f, &context, problem, sizeof problem), BERTH_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_context_free(context);
    scratch_remove(directory);
    return 0;
}

/* A client in memory, the tls layer over the rig, and a recording layer on top. */
struct fixture {
    struct loop *loop;
    struct rig rig;
    struct rig_top top;
    struct tls_options o;
    SSL_CTX *client_ctx;
    SSL *client;
    BIO *to_client, *from_client; /* the client's rbio and wbio */
    size_t step;                  /* bytes offered to the layer at once */
    int ups, failures;
    bool decline; /* UP makes no layer */
    bool greet;   /* UP writes */
    char reason[128];
    char server_name[256];
    char version[16], cipher[64];
    enum tls_failure what;
};

static struct layer *on_up(void *user, struct layer *tls, const struct tls_info *info)
{
    struct fixture *f = user;

    f->ups++;
    snprintf(f->server_name, sizeof f->server_name, "%s", info->server_name);
    snprintf(f->version, sizeof f->version, "%s", info->version);
    snprintf(f->cipher, sizeof f->cipher, "%s", info->cipher);
    if (f->decline)
        return NULL;
    rig_top_init(&f->top, tls);
    if (f->greet)
        layer_write(tls, "hi", 2);
    return &f->top.l;
}

static void on_failed(void *user, struct layer *tls, enum tls_failure what, const char *reason)
{
    struct fixture *f = user;

    f->what = what;
    snprintf(f->server_name, sizeof f->server_name, "%s", layer_tls_info(tls)->server_name);
    f->failures++;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static void start(struct fixture *f)
{
    *f = (struct fixture){ .step = SIZE_MAX };
    assert_int_equal(loop_new(0, &f->loop), BERTH_OK);
    f->o = (struct tls_options){ .up = on_up, .failed = on_failed, .user = f };
    rig_init(&f->rig, f->loop);
    f->rig.l.above = tls_layer_new(context, &f->rig.l, &f->o);
    assert_non_null(f->rig.l.above);

    f->client_ctx = SSL_CTX_new(TLS_client_method());
    f->client = SSL_new(f->client_ctx);
    f->to_client = BIO_new(BIO_s_mem());
    f->from_client = BIO_new(BIO_s_mem());
    SSL_set_bio(f->client, f->to_client, f->from_client);
    SSL_set_connect_state(f->client);
    char host[] = "Berth.Example"; /* OpenSSL's macro casts const away */
    SSL_set_tlsext_host_name(f->client, host);
}

static void stop(struct fixture *f)
{
    rig_close(&f->rig);
    rig_deinit(&f->rig);
    rig_top_deinit(&f->top);
    SSL_free(f->client);
    SSL_CTX_free(f->client_ctx);
    ERR_clear_error();
    loop_free(f->loop);
}

/* Moves what either side has for the other; true when anything moved. */
static bool carry(struct fixture *f)
{
    static uint8_t buf[200000];
    int n = BIO_read(f->from_client, buf, sizeof buf);
    bool moved = f->rig.out.n > 0 || n > 0;

    for (size_t at = 0; n > 0 && at < (size_t)n; at += f->step)
        rig_offer(&f->rig, buf + at, (size_t)n - at < f->step ? (size_t)n - at : f->step);
    if (f->rig.out.n > 0)
        BIO_write(f->to_client, f->rig.out.p, (int)f->rig.out.n);
    rig_forget(&f->rig);
    rig_turn(&f->rig);
    return moved;
}

/* Runs the client's handshake to its end; what SSL_do_handshake said last. */
static int shake(struct fixture *f)
{
    int done = 0;

    for (int i = 0; i < 20; i++) {
        done = SSL_do_handshake(f->client);
        if (!carry(f) && done == 1)
            break;
    }
    return done;
}

static void client_sends(struct fixture *f, const void *p, size_t n)
{
    size_t sent = 0;

    assert_int_equal(SSL_write_ex(f->client, p, n, &sent), 1);
    assert_int_equal(sent, n);
}

/* Everything the client can read now. */
static size_t client_reads(struct fixture *f, uint8_t *out, size_t max)
{
    size_t n = 0;
    size_t got = 0;

    while (n < max && SSL_read_ex(f->client, out + n, max - n, &got) == 1)
        n += got;
    return n;
}

static const struct {
    const char *name;
    int min, max; /* versions the client allows */
    const char *ciphers;
    const char *sigalgs;
    const char *groups;
    const char *want_version, *want_cipher;
    int want_key; /* of the server's certificate */
    bool with_certificate;
} handshakes[] = {
    { "1.3", TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL, NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256",
      EVP_PKEY_EC, false },
    { "1.2", TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL, NULL, "TLSv1.2",
      "ECDHE-ECDSA-AES128-GCM-SHA256", EVP_PKEY_EC, false },
    { "1.2, RSA only", TLS1_2_VERSION, TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384", NULL, NULL,
      "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", EVP_PKEY_RSA, false },
    { "1.3, RSA only", TLS1_3_VERSION, TLS1_3_VERSION, NULL, "RSA-PSS+SHA256", NULL, "TLSv1.3",
      "TLS_AES_128_GCM_SHA256", EVP_PKEY_RSA, false },
    { "P-256 only", TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL, "P-256", "TLSv1.3",
      "TLS_AES_128_GCM_SHA256", EVP_PKEY_EC, false },
    { "1.3, client certificate of no known authority", TLS1_3_VERSION, TLS1_3_VERSION, NULL, NULL,
      NULL, "TLSv1.3", "TLS_AES_128_GCM_SHA256", EVP_PKEY_EC, true },
    { "1.2, client certificate of no known authority", TLS1_2_VERSION, TLS1_2_VERSION, NULL, NULL,
      NULL, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", EVP_PKEY_EC, true },
};

static int count_requests(SSL *s, X509 **cert, EVP_PKEY **key)
{
    (void)cert;
    (void)key;
    ++*(int *)SSL_get_app_data(s);
    return 0; /* go on without one */
}

/* OpenSSL's macros want lists that could be written to. */
static char *text_of(char list[64], const char *text)
{
    snprintf(list, 64, "%s", text);
    return list;
}

static void run_handshake(size_t i, size_t step)
{
    char list[64];
    const char *name = handshakes[i].name;
    struct fixture f;
    int asked = 0;
    uint8_t buf[16];

    start(&f);
    f.step = step;
    SSL_set_min_proto_version(f.client, handshakes[i].min);
    SSL_set_max_proto_version(f.client, handshakes[i].max);
    if (handshakes[i].ciphers != NULL)
        CHECK(name, SSL_set_cipher_list(f.client, handshakes[i].ciphers) == 1);
    if (handshakes[i].sigalgs != NULL)
        CHECK(name, SSL_set1_sigalgs_list(f.client, text_of(list, handshakes[i].sigalgs)) == 1);
    if (handshakes[i].groups != NULL)
        CHECK(name, SSL_set1_groups_list(f.client, text_of(list, handshakes[i].groups)) == 1);
    if (handshakes[i].with_certificate) {
        CHECK(name, SSL_use_certificate_chain_file(f.client, paths[4]) == 1);
        CHECK(name, SSL_use_PrivateKey_file(f.client, paths[5], SSL_FILETYPE_PEM) == 1);
    } else {
        SSL_set_app_data(f.client, &asked);
        SSL_CTX_set_client_cert_cb(f.client_ctx, count_requests);
    }
    CHECK(name, shake(&f) == 1);
    CHECK(name, f.ups == 1 && f.failures == 0);
    CHECK(name, handshakes[i].with_certificate || asked == 1);
    CHECK(name, strcmp(f.version, handshakes[i].want_version) == 0);
    CHECK(name, strcmp(f.cipher, handshakes[i].want_cipher) == 0);
    CHECK(name, strcmp(f.server_name, "berth.example") == 0);
    CHECK(name, layer_tls_info(&f.top.l)->cipher != NULL);
    CHECK(name, strcmp(layer_tls_info(&f.top.l)->server_name, "berth.example") == 0);
    CHECK(name, strcmp(layer_peer(&f.top.l)->text, "-") == 0);
    X509 *cert = SSL_get1_peer_certificate(f.client);
    CHECK(name, EVP_PKEY_get_base_id(X509_get0_pubkey(cert)) == handshakes[i].want_key);
    X509_free(cert);

    client_sends(&f, "ping", 4);
    carry(&f);
    CHECK(name, f.top.got.n == 4 && memcmp(f.top.got.p, "ping", 4) == 0);
    CHECK(name, layer_write(f.top.l.below, "pong", 4) == 4);
    carry(&f);
    CHECK(name, client_reads(&f, buf, sizeof buf) == 4 && memcmp(buf, "pong", 4) == 0);
    CHECK(name, SSL_SESSION_is_resumable(SSL_get0_session(f.client)) == 0);
    stop(&f);
    CHECK(name, f.top.closes == 1);
}

static void test_handshakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(handshakes); i++) {
        run_handshake(i, SIZE_MAX);
        run_handshake(i, 1);
    }
}

static void test_too_old_version(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    SSL_set_security_level(f.client, 0);
    SSL_set_min_proto_version(f.client, TLS1_1_VERSION);
    SSL_set_max_proto_version(f.client, TLS1_1_VERSION);
    assert_int_not_equal(shake(&f), 1);
    assert_int_equal(f.failures, 1);
    assert_string_equal(f.reason, "unsupported protocol");
    assert_int_equal(f.what, TLS_FAILED_VERSION);
    assert_true(f.rig.closed);
    assert_int_equal(f.ups, 0);
    /* the alert told the client */
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    stop(&f);
}

/* The client checks our certificate, and says why it leaves. */
static void test_untrusting_client(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct fixture f;

        start(&f);
        SSL_set_max_proto_version(f.client, versions[i]);
        SSL_set_verify(f.client, SSL_VERIFY_PEER, NULL);
        assert_int_not_equal(shake(&f), 1);
        assert_int_equal(f.failures, 1);
        assert_non_null(strstr(f.reason, "alert unknown ca"));
        assert_int_equal(f.what, TLS_FAILED_CA_UNKNOWN);
        assert_true(f.rig.closed);
        stop(&f);
        assert_int_equal(f.failures, 1);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *name, *asked;
        bool covered;
    } cases[] = {
        { "its name", "localhost", true },        { "in capitals", "LOCALHOST", true },
        { "the same again", "localhost", true },  { "another", "other.example", false },
        { "the first again", "localhost", true }, { "none", NULL, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        char name[64], *asked = NULL;

        start(&f);
        if (cases[i].asked != NULL)
            asked = text_of(name, cases[i].asked);
        SSL_set_tlsext_host_name(f.client, asked);
        CHECK(cases[i].name, shake(&f) == 1);
        CHECK(cases[i].name, layer_tls_info(&f.top.l)->name_is_covered == cases[i].covered);
        stop(&f);
    }
}

static void test_no_shared_cipher(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    SSL_set_max_proto_version(f.client, TLS1_2_VERSION);
    SSL_set_cipher_list(f.client, "AES128-SHA");
    assert_int_not_equal(shake(&f), 1);
    assert_int_equal(f.what, TLS_FAILED_NO_CIPHER);
    assert_string_equal(f.server_name, "berth.example");
    stop(&f);
}

static const struct {
    const char *name, *in;
    size_t n;
    const char *reason;
    enum tls_failure what;
} garbage[] = {
    { "plain HTTP", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27, "http request",
      TLS_FAILED_PLAIN_HTTP },
    { "another method", "DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n", 31, NULL, TLS_FAILED_PLAIN_HTTP },
    { "plain MQTT", "\x10\x0e\x00\x04MQ", 6, "wrong version number", TLS_FAILED_PLAIN_MQTT },
    { "plain text", "hello\n", 6, "wrong version number", TLS_FAILED_PLAIN },
    { "a record of another protocol", "\x16\x07\x01\x00\x01x", 6, "wrong version number",
      TLS_FAILED_PLAIN },
    { "a record too long", "\x16\x03\x01\xff\xff", 5, "packet length too long",
      TLS_FAILED_OTHERWISE },
    { "an empty handshake", "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, NULL, TLS_FAILED_OTHERWISE },
    { "an alert first", "\x15\x03\x01\x00\x02\x02\x28", 7, NULL, TLS_FAILED_OTHERWISE },
    { "data first", "\x17\x03\x03\x00\x01x", 6, NULL, TLS_FAILED_OTHERWISE },
};

static void test_garbage(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct fixture f;

            start(&f);
            for (size_t at = 0; at < garbage[i].n; at += bytewise ? 1 : garbage[i].n)
                rig_offer(&f.rig, garbage[i].in + at, bytewise ? 1 : garbage[i].n);
            rig_turn(&f.rig);
            CHECK(garbage[i].name, f.rig.closed);
            CHECK(garbage[i].name, f.failures == 1 && f.ups == 0);
            CHECK(garbage[i].name,
                  garbage[i].reason == NULL || strcmp(f.reason, garbage[i].reason) == 0);
            if (!bytewise) /* the first bytes are known as far as they had come */
                CHECK(garbage[i].name, f.what == garbage[i].what);
            stop(&f);
        }
    }
}

/* After the handshake a broken record ends the connection; what came before it still counts. */
/* RFC 5246 section 6.2.3: a record may have 2^14 + 2048 bytes, and is waited for; for a longer one
 * nobody waits. */
static void test_longest_record(void **state)
{
    (void)state;
    for (int over = 0; over <= 1; over++) {
        struct fixture f;

        start(&f);
        rig_offer(&f.rig, over ? "\x16\x03\x01\x48\x01" : "\x16\x03\x01\x48\x00", 5);
        rig_turn(&f.rig);
        CHECK("is waited for", f.rig.closed == (over == 1));
        CHECK("is told", over == 0 || strcmp(f.reason, "packet length too long") == 0);
        stop(&f);
    }
}

static void test_garbage_later(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    client_sends(&f, "good", 4);
    BIO_write(f.from_client,
              "\x17\x03\x03\x00\x20"
              "01234567890123456789012345678901",
              37);
    carry(&f);
    carry(&f);
    assert_int_equal(f.top.got.n, 4);
    assert_true(f.rig.closed);
    assert_int_equal(f.failures, 0);
    stop(&f);
    assert_int_equal(f.top.closes, 1);
}

static void test_left_during_handshake(void **state)
{
    struct fixture f;
    (void)state;

    start(&f); /* without a word: a port check, not worth a report */
    stop(&f);
    assert_int_equal(f.failures, 0);

    for (int orderly = 0; orderly < 2; orderly++) {
        start(&f);
        rig_offer(&f.rig, "\x16\x03\x01", 3);
        if (orderly)
            rig_end(&f.rig);
        else
            rig_close(&f.rig);
        assert_int_equal(f.failures, 1);
        assert_string_equal(f.reason, "the peer left during the handshake");
        assert_int_equal(f.what, TLS_FAILED_LEFT);
        stop(&f);
        assert_int_equal(f.failures, 1);
    }

    start(&f); /* having read what the daemon is: what small clients do that do not know the CA */
    assert_int_equal(SSL_do_handshake(f.client), -1);
    carry(&f);
    rig_end(&f.rig);
    assert_int_equal(f.failures, 1);
    assert_int_equal(f.what, TLS_FAILED_LEFT);
    stop(&f);
}

static void test_slow_handshake(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    rig_offer(&f.rig, "\x16\x03\x01", 3);
    loop_skip(f.loop, TLS_HANDSHAKE_MS - 1000);
    rig_turn(&f.rig);
    assert_false(f.rig.closed);
    loop_skip(f.loop, 1000 + LOOP_TICK_MS);
    rig_turn(&f.rig);
    assert_true(f.rig.closed);
    assert_int_equal(f.failures, 1);
    assert_string_equal(f.reason, "the handshake took too long");
    assert_int_equal(f.what, TLS_FAILED_SLOW);
    stop(&f);

    start(&f); /* once done it has no limit any more */
    assert_int_equal(shake(&f), 1);
    loop_skip(f.loop, 10 * TLS_HANDSHAKE_MS);
    rig_turn(&f.rig);
    assert_false(f.rig.closed);
    stop(&f);
}

static void test_declined(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    f.decline = true;
    assert_int_equal(shake(&f), 1);
    assert_true(f.rig.closed);
    assert_int_equal(f.failures, 0);
    uint8_t buf[1];
    assert_int_equal(SSL_read(f.client, buf, 1), 0);
    assert_int_equal(SSL_get_error(f.client, 0), SSL_ERROR_ZERO_RETURN);
    stop(&f);
}

static void test_server_speaks_first(void **state)
{
    struct fixture f;
    uint8_t buf[8];
    (void)state;

    start(&f);
    f.greet = true;
    assert_int_equal(shake(&f), 1);
    assert_int_equal(client_reads(&f, buf, sizeof buf), 2);
    stop(&f);
}

/* Each side's close_notify is answered and ends the connection, once. */
static void test_close_from_above(void **state)
{
    struct fixture f;
    uint8_t buf[8];
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    layer_write(f.top.l.below, "bye", 3);
    layer_close(f.top.l.below);
    layer_close(f.top.l.below);
    assert_int_equal(layer_write(f.top.l.below, "more", 4), 4);
    assert_int_equal(f.top.closes, 0);
    carry(&f);
    assert_int_equal(f.top.closes, 1);
    assert_int_equal(f.rig.closes, 1);
    assert_int_equal(client_reads(&f, buf, sizeof buf), 3);
    assert_int_equal(SSL_get_shutdown(f.client), SSL_RECEIVED_SHUTDOWN);
    stop(&f);
}

static void test_close_from_peer(void **state)
{
    struct fixture f;
    uint8_t buf[8];
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    client_sends(&f, "last", 4);
    SSL_shutdown(f.client);
    carry(&f);
    assert_int_equal(f.top.got.n, 4);
    assert_int_equal(f.top.closes, 1);
    carry(&f);
    assert_int_equal(client_reads(&f, buf, sizeof buf), 0);
    assert_int_equal(SSL_get_shutdown(f.client), SSL_RECEIVED_SHUTDOWN | SSL_SENT_SHUTDOWN);
    stop(&f);
    assert_int_equal(f.top.closes, 1);
}

/* With close_notify or without: whoever still owes an answer writes it, then ends. */
static void test_half_closed(void **state)
{
    (void)state;
    for (int notified = 0; notified < 2; notified++) {
        struct fixture f;
        uint8_t buf[8];

        start(&f);
        assert_int_equal(shake(&f), 1);
        f.top.owes = true;
        client_sends(&f, "ask", 3);
        if (notified)
            SSL_shutdown(f.client);
        carry(&f);
        rig_end(&f.rig);
        carry(&f);
        assert_int_equal(f.top.ends, 1);
        assert_false(f.rig.closed);
        assert_int_equal(layer_write(f.top.l.below, "told", 4), 4);
        layer_close(f.top.l.below);
        carry(&f);
        assert_int_equal(client_reads(&f, buf, sizeof buf), 4);
        assert_int_equal(client_reads(&f, buf, sizeof buf), 0);
        assert_true(SSL_get_shutdown(f.client) & SSL_RECEIVED_SHUTDOWN);
        assert_true(f.rig.closed);
        stop(&f);
    }
}

static void test_end_during_handshake(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    rig_offer(&f.rig, "\x16\x03\x01", 3);
    rig_end(&f.rig);
    assert_true(f.rig.close_wanted);
    rig_turn(&f.rig);
    stop(&f);
}

static void test_close_within_input(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    f.top.close_in_input = true;
    client_sends(&f, "one", 3);
    client_sends(&f, "two", 3);
    carry(&f);
    assert_int_equal(f.top.inputs, 1);
    client_sends(&f, "three", 5);
    carry(&f);
    assert_int_equal(f.top.inputs, 1);
    assert_int_equal(f.top.closes, 1);
    stop(&f);
}

/* What the layer above leaves is kept in order, and the layer below is read from no more. */
static void test_reading_waits_for_above(void **state)
{
    static uint8_t data[300000];
    static const size_t appetites[] = { 0, 1, 5, 16384, 20000, 65536, 100000 };
    (void)state;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    for (size_t i = 0; i < ARRAY_LEN(appetites); i++) {
        struct fixture f;
        int rounds = 0;

        start(&f);
        assert_int_equal(shake(&f), 1);
        f.top.appetite = appetites[i];
        f.step = 50000;
        for (size_t at = 0; at < sizeof data; at += 30000)
            client_sends(&f, data + at, 30000);
        while (carry(&f))
            ;
        assert_int_equal(f.top.got.n, appetites[i]);
        assert_true(f.rig.in.n > 0);
        int inputs = f.top.inputs;
        f.top.appetite = 40000;
        layer_resume(f.top.l.below);
        assert_int_equal(f.top.inputs, inputs); /* not from inside */
        while (f.top.got.n < sizeof data && rounds++ < 100) {
            rig_turn(&f.rig);
            f.top.appetite = 40000;
            layer_resume(f.top.l.below);
        }
        assert_int_equal(f.top.got.n, sizeof data);
        assert_memory_equal(f.top.got.p, data, sizeof data);
        assert_int_equal(f.rig.in.n, 0);
        stop(&f);
    }
}

/* Close notify behind data that waits: first the data. */
static void test_end_waits_for_above(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    f.top.appetite = 1;
    client_sends(&f, "data", 4);
    SSL_shutdown(f.client);
    carry(&f);
    assert_false(f.rig.closed);
    f.top.appetite = RIG_ALL;
    layer_resume(f.top.l.below);
    rig_turn(&f.rig);
    assert_int_equal(f.top.got.n, 4);
    assert_true(f.rig.closed);
    stop(&f);
}

/* What is kept outlives its reader's own writes and closing, also when they end the connection:
 * behind a record that cannot be read OpenSSL refuses to write. */
static void test_kept_text_outlives_its_reading(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct fixture f;

        start(&f);
        assert_int_equal(shake(&f), 1);
        f.top.appetite = 0;
        client_sends(&f, "0123456789", 10);
        BIO_write(f.from_client, "\x17\x03\x03\x00\x28 this is no record of this connection..", 45);
        carry(&f);
        assert_int_equal(f.top.got.n, 0);
        f.top.write_in_input = !closes;
        f.top.close_in_input = closes;
        f.top.appetite = RIG_ALL;
        layer_resume(f.top.l.below);
        rig_turn(&f.rig);
        assert_int_equal(f.top.got.n, 10);
        assert_memory_equal(f.top.got.p, "0123456789", 10);
        assert_true(f.rig.closed);
        stop(&f);
    }
}

/* A peer that does not read: writes are taken up to what one flush holds, and go on later. */
static void test_writing_waits_for_below(void **state)
{
    static uint8_t data[300000], got[300000];
    (void)state;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + i / 253);
    for (size_t room = 1; room < 100000; room = room * 7 + 1) {
        struct fixture f;
        size_t n = 0;
        int rounds = 0;

        start(&f);
        assert_int_equal(shake(&f), 1);
        f.rig.capacity = room;
        size_t taken = layer_write(f.top.l.below, data, sizeof data);
        assert_true(taken < sizeof data);
        assert_int_equal(layer_write(f.top.l.below, data + taken, 1), 0);
        while (n < sizeof data && rounds++ < 100000) {
            int before = f.top.writables;

            rig_drain(&f.rig, room + 1000);
            carry(&f);
            n += client_reads(&f, got + n, sizeof got - n);
            if (f.top.writables > before && taken < sizeof data)
                taken += layer_write(f.top.l.below, data + taken, sizeof data - taken);
        }
        assert_int_equal(n, sizeof data);
        assert_memory_equal(got, data, sizeof data);
        stop(&f);
    }
}

/* While records wait to leave, nothing is read that might make more of them. */
static void test_reading_waits_for_below(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    f.rig.capacity = 0;
    layer_write(f.top.l.below, "x", 1);
    client_sends(&f, "ping", 4);
    carry(&f);
    assert_int_equal(f.top.got.n, 0);
    assert_true(f.rig.in.n > 0);
    rig_drain(&f.rig, RIG_ALL);
    rig_turn(&f.rig);
    assert_int_equal(f.top.got.n, 4);
    stop(&f);
}

static void test_handshake_through_a_needle(void **state)
{
    struct fixture f;
    int done = 0;
    (void)state;

    start(&f);
    f.rig.capacity = 1;
    for (int i = 0; i < 3000 && !(done == 1 && f.ups == 1); i++) {
        done = SSL_do_handshake(f.client);
        rig_drain(&f.rig, 1);
        carry(&f);
    }
    assert_int_equal(f.ups, 1);
    stop(&f);
}

/* A close waits for records that have no room, but not for ever. */
static void test_close_waits_for_below(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        struct fixture f;
        uint8_t buf[8];

        start(&f);
        assert_int_equal(shake(&f), 1);
        f.rig.capacity = 0;
        layer_write(f.top.l.below, "bye", 3);
        layer_close(f.top.l.below);
        rig_turn(&f.rig);
        assert_false(f.rig.closed);
        if (reads)
            rig_drain(&f.rig, RIG_ALL);
        else
            loop_skip(f.loop, TLS_HANDSHAKE_MS - 1000);
        rig_turn(&f.rig);
        assert_true(f.rig.closed == (reads == 1));
        loop_skip(f.loop, 1000 + LOOP_TICK_MS);
        carry(&f);
        assert_true(f.rig.closed);
        assert_int_equal(client_reads(&f, buf, sizeof buf), reads ? 3 : 0);
        assert_int_equal(SSL_get_shutdown(f.client), reads ? SSL_RECEIVED_SHUTDOWN : 0);
        stop(&f);
        assert_int_equal(f.top.closes, 1);
    }
}

static void test_key_update(void **state)
{
    struct fixture f;
    uint8_t buf[8];
    (void)state;

    start(&f);
    assert_int_equal(shake(&f), 1);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(SSL_key_update(f.client, SSL_KEY_UPDATE_REQUESTED), 1);
        client_sends(&f, "x", 1);
        carry(&f);
        assert_int_equal(layer_write(f.top.l.below, "y", 1), 1);
        carry(&f);
        assert_int_equal(client_reads(&f, buf, sizeof buf), 1);
    }
    assert_int_equal(f.top.got.n, 50);
    stop(&f);
}

static void test_renegotiation_refused(void **state)
{
    struct fixture f;
    (void)state;

    start(&f);
    SSL_set_max_proto_version(f.client, TLS1_2_VERSION);
    assert_int_equal(shake(&f), 1);
    assert_int_equal(SSL_renegotiate(f.client), 1);
    assert_int_not_equal(shake(&f), 1);
    assert_int_equal(f.ups, 1);
    stop(&f);
}

/* A client's certificates may be many, but not without end. */
/* RFC 8446 section 4.4.2: so many bytes stand before the certificates, and so many around each. */
#define LIST_HEAD 4
#define ENTRY     5

/* As many certificates as there is room for, and one more. */
static void test_client_chain_bound(void **state)
{
    (void)state;

    for (int i = 0; i <= 1; i++) {
        struct fixture f;
        int count;

        start(&f);
        assert_int_equal(SSL_use_certificate_chain_file(f.client, paths[4]), 1);
        assert_int_equal(SSL_use_PrivateKey_file(f.client, paths[5], SSL_FILETYPE_PEM), 1);
        count = (32768 - LIST_HEAD) / (ENTRY + i2d_X509(SSL_get_certificate(f.client), NULL)) + i;
        for (int n = 1; n < count; n++)
            SSL_add1_chain_cert(f.client, SSL_get_certificate(f.client));
        shake(&f);
        assert_int_equal(f.ups, i == 0);
        assert_int_equal(f.failures, i == 1);
        if (i == 1)
            assert_string_equal(f.reason, "excessive message size");
        stop(&f);
    }
}

static const struct {
    const char *name;
    int cert, key; /* of PATHS; -1: no such file */
    const char *says;
} files[] = {
    { "no certificate", -1, 1, "certificate " },
    { "no key", 0, -1, "private key " },
    { "a key for a certificate", 1, 1, "certificate " },
    { "the key of another", 0, 5, "private key " },
    { "a key of another kind", 0, 3, "private key " },
};

static void test_context_problems(void **state)
{
    static const char nowhere[] = "/nonexistent/berth.pem";
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct tls_files f = { .chain_file = files[i].cert < 0 ? nowhere : paths[files[i].cert],
                               .key_file = files[i].key < 0 ? nowhere : paths[files[i].key] };
        struct tls_context *c;
        char problem[512] = "";

        CHECK(files[i].name, tls_context_new(&f, &c, problem, sizeof problem) != BERTH_OK);
        CHECK(files[i].name, c == NULL);
        CHECK(files[i].name, strncmp(problem, files[i].says, strlen(files[i].says)) == 0);
        CHECK(files[i].name, ERR_peek_error() == 0);
    }
}

static bool shows(const struct fixture *f, const X509 *want)
{
    X509 *got = SSL_get1_peer_certificate(f->client);
    bool same = got != NULL && X509_cmp(got, want) == 0;

    X509_free(got);
    return same;
}

static X509 *read_certificate(const char *path)
{
    FILE *f = fopen(path, "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);

    fclose(f);
    assert_non_null(x);
    return x;
}

/* Connections that are up or in their handshake keep what they began with. */
static void test_other_certificates(void **state)
{
    struct tls_files other = { paths[4], paths[5], NULL, NULL };
    struct tls_files first = { paths[0], paths[1], paths[2], paths[3] };
    X509 *old = read_certificate(paths[0]), *new = read_certificate(paths[4]);
    struct tls_certificates *n = NULL;
    struct fixture up, half, mute, fresh;
    char problem[256] = "";
    uint8_t buf[16];

    (void)state;
    start(&up);
    start(&half);
    start(&mute);
    assert_int_equal(shake(&up), 1);
    assert_int_equal(SSL_do_handshake(half.client), -1);
    assert_true(carry(&half));
    assert_int_equal(tls_certificates_new(context, &other, &n, problem, sizeof problem), BERTH_OK);
    tls_context_use(context, n);
    start(&fresh);
    assert_int_equal(shake(&half), 1);
    assert_int_equal(shake(&mute), 1);
    assert_int_equal(shake(&fresh), 1);
    assert_true(shows(&up, old) && shows(&half, old));
    assert_true(shows(&mute, new) && shows(&fresh, new));
    client_sends(&up, "ping", 4);
    carry(&up);
    assert_true(up.top.got.n == 4);
    assert_int_equal(layer_write(up.top.l.below, "pong", 4), 4);
    carry(&up);
    assert_int_equal(client_reads(&up, buf, sizeof buf), 4);
    stop(&up);
    stop(&half);
    stop(&mute);
    stop(&fresh);

    other.key_file = paths[1];
    assert_int_not_equal(tls_certificates_new(context, &other, &n, problem, sizeof problem),
                         BERTH_OK);
    assert_true(n == NULL && strncmp(problem, "private key ", 12) == 0);
    assert_int_equal(tls_certificates_new(context, &first, &n, problem, sizeof problem), BERTH_OK);
    tls_context_use(context, n);
    tls_certificates_free(NULL);
    X509_free(old);
    X509_free(new);
}

static void test_no_tls_below(void **state)
{
    struct layer plain = { 0 };
    (void)state;

    assert_string_equal(layer_tls_info(&plain)->server_name, "");
    assert_string_equal(layer_tls_info(&plain)->version, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_too_old_version),
        cmocka_unit_test(test_untrusting_client),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_shared_cipher),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_longest_record),
        cmocka_unit_test(test_garbage_later),
        cmocka_unit_test(test_left_during_handshake),
        cmocka_unit_test(test_slow_handshake),
        cmocka_unit_test(test_declined),
        cmocka_unit_test(test_server_speaks_first),
        cmocka_unit_test(test_close_from_above),
        cmocka_unit_test(test_close_from_peer),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_end_during_handshake),
        cmocka_unit_test(test_close_within_input),
        cmocka_unit_test(test_reading_waits_for_above),
        cmocka_unit_test(test_end_waits_for_above),
        cmocka_unit_test(test_kept_text_outlives_its_reading),
        cmocka_unit_test(test_writing_waits_for_below),
        cmocka_unit_test(test_reading_waits_for_below),
        cmocka_unit_test(test_handshake_through_a_needle),
        cmocka_unit_test(test_close_waits_for_below),
        cmocka_unit_test(test_key_update),
        cmocka_unit_test(test_renegotiation_refused),
        cmocka_unit_test(test_client_chain_bound),
        cmocka_unit_test(test_context_problems),
        cmocka_unit_test(test_other_certificates),
        cmocka_unit_test(test_no_tls_below),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
