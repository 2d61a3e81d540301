#include "check.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "berth/device.h"
#include "berth/provisioning.h"
#include "client/clock.h"
#include "client/tls_socket.h"

#define ASSIGNED                                                                                   \
    "{\"operationId\":\"5.0a\",\"status\":\"assigned\",\"registrationState\":{"                    \
    "\"assignedHub\":\"hub.example\",\"deviceId\":\"dev1\"}}"

/* ---- the device's clock: it goes while the service is silent, and nothing is there to read ----
 */

static _Atomic int64_t now_ms, silent_until_ms;

int64_t berth__now_ms(void)
{
    return now_ms;
}

int berth__poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int64_t left = silent_until_ms - now_ms;
    int ready = poll(fds, count, left > 0 ? 0 : 10);

    if (ready == 0 && left > 0)
        now_ms += timeout_ms < left ? timeout_ms : left;
    return ready;
}

/* ---- a service for one connection ---- */

enum behaviour {
    ANSWERS,
    SAYS_NOTHING,
    CLOSES,
    NO_TLS,
    CLOSES_AFTER_REQUEST,
    SHAKES_HANDS_LATE,
    ANSWERS_LATE,
};

struct service {
    enum behaviour behaviour;
    int64_t late_ms;
    SSL_CTX *ctx;
    int listener;
    uint16_t port;
    pthread_t thread;
};

static char ca_path[64];
static X509 *certificate;
static EVP_PKEY *key;

/* Self-signed, so it is its own CA: names localhost and 127.0.0.1. */
static void make_certificate(void)
{
    X509V3_CTX v3;
    X509_EXTENSION *names;
    X509_NAME *subject;

    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
                               0);
    X509_set_issuer_name(certificate, subject);
    X509V3_set_ctx(&v3, certificate, certificate, NULL, NULL, 0);
    names = X509V3_EXT_conf_nid(NULL, &v3, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
}

static int set_up(void **state)
{
    FILE *f;
    int fd;

    (void)state;
    make_certificate();
    snprintf(ca_path, sizeof ca_path, "/tmp/berth-test-XXXXXX");
    fd = mkstemp(ca_path);
    f = fdopen(fd, "w");
    PEM_write_X509(f, certificate);
    fclose(f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(ca_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static void be_silent(int64_t ms)
{
    silent_until_ms = now_ms + ms;
    while (now_ms < silent_until_ms)
        sched_yield();
}

/* Half of the delay comes in the middle of the answer: it counts for the answer as a whole. */
static void answer(const struct service *s, SSL *ssl)
{
    char text[512];
    int n = snprintf(text, sizeof text, "HTTP/1.1 202 Accepted\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(ASSIGNED), ASSIGNED);
    bool late = s->behaviour == ANSWERS_LATE;

    be_silent(late ? s->late_ms / 2 : 0);
    SSL_write(ssl, text, n / 2);
    be_silent(late ? s->late_ms - s->late_ms / 2 : 0);
    SSL_write(ssl, text + n / 2, n - n / 2);
}

static void serve_tls(struct service *s, int fd)
{
    SSL *ssl = SSL_new(s->ctx);
    char request[4096];

    if (s->behaviour == SHAKES_HANDS_LATE)
        be_silent(s->late_ms);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && s->behaviour != CLOSES && SSL_read(ssl, request, 4096) > 0) {
        if (s->behaviour != SAYS_NOTHING && s->behaviour != CLOSES_AFTER_REQUEST)
            answer(s, ssl);
        while (s->behaviour != CLOSES_AFTER_REQUEST && SSL_read(ssl, request, 4096) > 0)
            continue;
    }
    SSL_free(ssl);
}

static void *serve(void *arg)
{
    struct service *s = arg;
    int fd = accept(s->listener, NULL, NULL);

    if (fd < 0)
        return NULL;
    if (s->behaviour == NO_TLS) {
        (void)!write(fd, "220 ready\r\n", 11);
        while (read(fd, &(char){ 0 }, 1) > 0)
            continue;
    } else {
        serve_tls(s, fd);
    }
    close(fd);
    return NULL;
}

static void start_late(struct service *s, enum behaviour behaviour, int64_t late_ms)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;

    *s = (struct service){ .behaviour = behaviour,
                           .late_ms = late_ms,
                           .ctx = SSL_CTX_new(TLS_server_method()) };
    SSL_CTX_use_certificate(s->ctx, certificate);
    SSL_CTX_use_PrivateKey(s->ctx, key);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK("listen", bind(s->listener, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK("listen", listen(s->listener, 4) == 0);
    getsockname(s->listener, (struct sockaddr *)&a, &size);
    s->port = ntohs(a.sin_port);
    pthread_create(&s->thread, NULL, serve, s);
}

static void start(struct service *s, enum behaviour behaviour)
{
    start_late(s, behaviour, 0);
}

static void stop(struct service *s)
{
    silent_until_ms = now_ms; /* who waits for its end goes on */
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    SSL_CTX_free(s->ctx);
}

/* ---- one device ---- */

static char told[128];

static void tell(void *user, const char *status)
{
    (void)user;
    strcat(told, status);
    strcat(told, " ");
}

static struct berth_device_options device(const struct service *s, const char *host)
{
    told[0] = '\0';
    return (struct berth_device_options){
        .prov = { .transport = BERTH_TRANSPORT_HTTPS,
                  .host = berth_str_of(host),
                  .id_scope = BERTH_STR("0ne00000001"),
                  .registration_id = BERTH_STR("dev1"),
                  .key = { .n = 32 } },
        .port = s->port,
        .ca_file = ca_path,
        .status = tell,
    };
}

static const struct {
    const char *name, *host, *connect_to;
    bool trusts;
    enum behaviour behaviour;
    berth_err want;
    const char *message, *told;
} rows[] = {
    { "by name", "localhost", "127.0.0.1", true, ANSWERS, BERTH_OK, "",
      "connected registering assigned " },
    { "by address", "127.0.0.1", NULL, true, ANSWERS, BERTH_OK, "",
      "connected registering assigned " },
    { "name not in the certificate", "other.example", "127.0.0.1", true, ANSWERS, BERTH_E_CRYPTO,
      "does not name other.example", "error " },
    { "address not in the certificate", "127.0.0.2", "127.0.0.1", true, ANSWERS, BERTH_E_CRYPTO,
      "does not name 127.0.0.2", "error " },
    { "issuer not trusted", "localhost", "127.0.0.1", false, ANSWERS, BERTH_E_CRYPTO,
      "is not trusted", "error " },
    { "no TLS on the port", "localhost", "127.0.0.1", true, NO_TLS, BERTH_E_SYNTAX,
      "does not speak TLS", "error " },
    { "closed after the handshake", "localhost", "127.0.0.1", true, CLOSES, BERTH_E_CLOSED,
      "closed the connection", "connected registering error " },
    { "closed after the request", "localhost", "127.0.0.1", true, CLOSES_AFTER_REQUEST,
      BERTH_E_CLOSED, "closed the connection", "connected registering error " },
};

static void test_provision(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct berth_prov_result result;
        struct berth_device_options o;
        struct service s;
        berth_err e;

        start(&s, rows[i].behaviour);
        o = device(&s, rows[i].host);
        o.connect_to = rows[i].connect_to;
        o.ca_file = rows[i].trusts ? ca_path : NULL;
        e = berth_device_provision(&o, &result);
        stop(&s);
        CHECK(rows[i].name, e == rows[i].want && result.err == e);
        CHECK(rows[i].name, strstr(result.message, rows[i].message) != NULL);
        CHECK(rows[i].name, strcmp(told, rows[i].told) == 0);
        CHECK(rows[i].name, e != BERTH_OK || strcmp(result.assigned_hub, "hub.example") == 0);
    }
}

static void test_nothing_listens(void **state)
{
    struct berth_prov_result result;
    struct berth_device_options o;
    struct service s;

    (void)state;
    start(&s, CLOSES);
    stop(&s);
    o = device(&s, "127.0.0.1");
    CHECK("refused", berth_device_provision(&o, &result) == BERTH_E_IO);
    CHECK("refused", strstr(result.message, "nothing listens on 127.0.0.1 port") != NULL);
}

static void test_unknown_name(void **state)
{
    struct berth_prov_result result;
    struct service s = { .port = 1 };
    struct berth_device_options o = device(&s, "no-such-name.invalid");

    (void)state;
    CHECK("name", berth_device_provision(&o, &result) == BERTH_E_NOT_FOUND);
    CHECK("name", strstr(result.message, "no-such-name.invalid is not known") != NULL);
}

static void test_ca_file_missing(void **state)
{
    struct berth_prov_result result;
    struct service s = { .port = 1 };
    struct berth_device_options o = device(&s, "127.0.0.1");

    (void)state;
    o.ca_file = "/nonexistent/ca.pem";
    CHECK("CA", berth_device_provision(&o, &result) == BERTH_E_NOT_FOUND);
    CHECK("CA", strstr(result.message, "/nonexistent/ca.pem") != NULL);
}

static volatile int cancelled;

static void cancel_when_registering(void *user, const char *status)
{
    (void)user;
    cancelled = cancelled || strcmp(status, "registering") == 0;
}

static void test_cancel(void **state)
{
    struct berth_prov_result result;
    struct berth_device_options o;
    struct service s;

    (void)state;
    start(&s, SAYS_NOTHING);
    o = device(&s, "127.0.0.1");
    o.cancel = &cancelled;
    o.status = cancel_when_registering;
    CHECK("cancel", berth_device_provision(&o, &result) == BERTH_E_CLOSED);
    CHECK("cancel", strstr(result.message, "stopped on request") != NULL);
    stop(&s);
}

/* Looking it up cannot be stopped; what it found does not matter any more. */
static void test_cancel_at_the_name(void **state)
{
    static const char *const names[] = { "no-such-name.invalid", "localhost" };
    static volatile int set = 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct berth_prov_result result;
        struct service s = { .port = 1 };
        struct berth_device_options o = device(&s, names[i]);

        o.cancel = &set;
        CHECK(names[i], berth_device_provision(&o, &result) == BERTH_E_CLOSED);
        CHECK(names[i], strstr(result.message, "stopped on request") != NULL);
    }
}

/* ---- a service that is late ---- */

static void test_late(void **state)
{
    static const struct {
        const char *name;
        enum behaviour behaviour;
        int64_t bound_ms;
        const char *message;
    } cases[] = {
        { "handshake", SHAKES_HANDS_LATE, BERTH__TLS_CONNECT_MS, "did not answer the TLS" },
        { "answer", ANSWERS_LATE, BERTH_PROV_ANSWER_MS, "did not answer in time" },
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const char *name = cases[i / 2].name;
        bool in_time = i % 2 == 0;
        int64_t late_ms = cases[i / 2].bound_ms - in_time, began_ms = now_ms;
        struct berth_prov_result result;
        struct berth_device_options o;
        struct service s;
        berth_err e;

        start_late(&s, cases[i / 2].behaviour, late_ms);
        o = device(&s, "127.0.0.1");
        e = berth_device_provision(&o, &result);
        CHECK(name, now_ms - began_ms == late_ms);
        CHECK(name, e == (in_time ? BERTH_OK : BERTH_E_TIMEOUT));
        CHECK(name, in_time || strstr(result.message, cases[i / 2].message) != NULL);
        stop(&s);
    }
}

/* Its queue is full and nobody takes from it: the kernel passes over who else comes. */
static void test_nobody_accepts(void **state)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), before[4];
    int64_t began_ms = now_ms;
    struct berth_prov_result result;
    struct berth_device_options o;
    socklen_t size = sizeof a;

    (void)state;
    CHECK("listen", bind(listener, (struct sockaddr *)&a, sizeof a) == 0);
    CHECK("listen", listen(listener, 0) == 0);
    getsockname(listener, (struct sockaddr *)&a, &size);
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        before[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(before[i], (struct sockaddr *)&a, sizeof a);
    }
    o = device(&(struct service){ .port = ntohs(a.sin_port) }, "127.0.0.1");
    silent_until_ms = now_ms + 2 * BERTH__TLS_CONNECT_MS;
    CHECK("accept", berth_device_provision(&o, &result) == BERTH_E_TIMEOUT);
    CHECK("accept", now_ms - began_ms == BERTH__TLS_CONNECT_MS);
    CHECK("accept", strstr(result.message, "cannot be reached") != NULL);
    silent_until_ms = now_ms;
    for (size_t i = 0; i < ARRAY_LEN(before); i++)
        close(before[i]);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provision),    cmocka_unit_test(test_nothing_listens),
        cmocka_unit_test(test_unknown_name), cmocka_unit_test(test_ca_file_missing),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_cancel_at_the_name),
        cmocka_unit_test(test_late),         cmocka_unit_test(test_nobody_accepts),
    };

    signal(SIGPIPE, SIG_IGN); /* the service's side here writes with OpenSSL's own sockets */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
