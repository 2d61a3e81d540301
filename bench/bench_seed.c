/* bench_seed - fills the data directory of a daemon that is not running with what registrations
 * leave behind, or with enrollment groups, by the daemon's own codecs and its store's writer.
 *
 *   bench_seed DIRECTORY devices HUB GROUP COUNT     a registration and a device each
 *   bench_seed DIRECTORY groups COUNT                with random keys */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "berth/openssl.h"
#include "hub/device.h"
#include "prov/enrollment.h"
#include "prov/registration.h"
#include "store/sqlite/sqlite_store.h"

#define IN_FLIGHT  256
#define IN_COMMIT  8 /* devices, or groups */
#define ARENA_SIZE (64 * 1024)
#define COUNT_MAX  10000000

struct seeder {
    struct berth_crypto crypto;
    struct store *store;
    struct store_port *port;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
    size_t in_flight;
    int64_t now_ms;
    const char *hub, *group; /* NULL: groups are made */
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench_seed: %s\n", what);
    exit(1);
}

static void wake(void *user)
{
    struct seeder *s = user;

    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->lock);
}

static void done(void *user, const struct store_reply *reply)
{
    struct seeder *s = user;

    must(reply->result == STORE_OK,
         reply->problem == NULL ? "it is there already" : reply->problem);
    s->in_flight--;
}

static void wait_and_deliver(struct seeder *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->woken)
        pthread_cond_wait(&s->cond, &s->lock);
    s->woken = false;
    pthread_mutex_unlock(&s->lock);
    (void)store_deliver(s->port);
}

static void make_key(struct seeder *s, struct berth_key *out, uint8_t n)
{
    out->n = n;
    must(s->crypto.random(s->crypto.ctx, out->bytes, n) == BERTH_OK, "no random bytes");
}

static struct berth_change *add(struct berth_change *changes, size_t *n)
{
    changes[*n] = (struct berth_change){ .type = BERTH_PUT, .expect = BERTH_ABSENT };
    return &changes[(*n)++];
}

static void add_device(struct seeder *s, size_t i, struct berth_arena *a,
                       struct berth_change *changes, size_t *n)
{
    char text[64];
    struct berth_hub_device d;
    struct berth_registration r = { .status = BERTH_ASSIGNED,
                                    .substatus = BERTH_SUB_INITIAL_ASSIGNMENT,
                                    .group = berth_str_of(s->group),
                                    .assigned_hub = berth_str_of(s->hub),
                                    .operation_id = BERTH_STR("5.0.0.0123456789abcdef") };

    (void)snprintf(text, sizeof text, "seed-%08" PRIx32 "-mac-a1-b2-c3-d4-e5-f6",
                   (uint32_t)i * 0x9e3779b1u); /* keys come in no order */
    must(berth_arena_dup(a, berth_str_of(text), &r.id) == BERTH_OK, "arena");
    r.device_id = r.id;
    berth_hub_device_init(&d, r.assigned_hub, r.id, i + 1, s->now_ms);
    d.registration = r.id;
    make_key(s, &d.keys.primary, BERTH_HUB_DEVICE_KEY_SIZE);
    make_key(s, &d.keys.secondary, BERTH_HUB_DEVICE_KEY_SIZE);
    must(berth_registration_encode(&r, a, &add(changes, n)->rec) == BERTH_OK, "registration");
    must(berth_hub_device_encode(&d, a, &add(changes, n)->rec) == BERTH_OK, "device");
}

static void add_group(struct seeder *s, size_t i, struct berth_arena *a,
                      struct berth_change *changes, size_t *n)
{
    char text[32];
    struct berth_enrollment g = { .is_group = true,
                                  .enabled = true,
                                  .attestation = BERTH_ATTEST_SYMMETRIC_KEY,
                                  .reprovision_update_hub = true,
                                  .reprovision_migrate_data = true };

    (void)snprintf(text, sizeof text, "a-seed-%06zu", i);
    must(berth_arena_dup(a, berth_str_of(text), &g.id) == BERTH_OK, "arena");
    make_key(s, &g.keys.primary, BERTH_KEY_MAX);
    make_key(s, &g.keys.secondary, BERTH_KEY_MAX);
    must(berth_enrollment_encode(&g, a, &add(changes, n)->rec) == BERTH_OK, "group");
}

static void seed(struct seeder *s, size_t count)
{
    static uint8_t memory[ARENA_SIZE];

    for (size_t i = 0; i < count;) {
        struct berth_change changes[STORE_CHANGES_MAX];
        struct berth_arena a;
        size_t n = 0;

        berth_arena_init(&a, memory, sizeof memory);
        for (size_t k = 0; k < IN_COMMIT && i < count; k++, i++) {
            if (s->group != NULL)
                add_device(s, i, &a, changes, &n);
            else
                add_group(s, i, &a, changes, &n);
        }
        while (s->in_flight == IN_FLIGHT)
            wait_and_deliver(s);
        s->in_flight++;
        store_commit(s->port, changes, n, s->now_ms, done, s);
    }
    while (s->in_flight > 0)
        wait_and_deliver(s);
}

static void open_store(struct seeder *s, const char *directory)
{
    struct sqlite_store_options o = { .directory = directory,
                                      .crypto = &s->crypto,
                                      .window_ms = -1 };
    struct store_attach attach = { .wake = wake, .wake_user = s };
    struct sqlite_store_problem problem = { "" };

    must(berth_openssl_init(&s->crypto) == BERTH_OK, "OpenSSL does not start");
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->cond, NULL);
    s->now_ms = (int64_t)time(NULL) * 1000;
    must(sqlite_store_open(&o, &s->store, &problem) == BERTH_OK, problem.text);
    must(sqlite_store_attach(s->store, &attach, &s->port) == BERTH_OK, "cannot attach");
}

int main(int argc, char **argv)
{
    static struct seeder s;
    bool devices = argc == 6 && strcmp(argv[2], "devices") == 0;
    size_t count = argc > 3 ? strtoul(argv[argc - 1], NULL, 10) : 0;

    must(devices || (argc == 4 && strcmp(argv[2], "groups") == 0),
         "usage: bench_seed DIRECTORY (devices HUB GROUP | groups) COUNT");
    must(count <= COUNT_MAX, "too many");
    s.hub = devices ? argv[3] : NULL;
    s.group = devices ? argv[4] : NULL;
    open_store(&s, argv[1]);
    seed(&s, count);
    store_detach(s.port);
    sqlite_store_close(s.store);
    berth_openssl_deinit(&s.crypto);
    return 0;
}
