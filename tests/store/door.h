/* tests/store/door.h - a port with a small loop of its own, so that a test can ask and wait. Checks
 * what holds for every callback: on the right thread, from deliver alone, after a wake. */
#ifndef TESTS_STORE_DOOR_H
#define TESTS_STORE_DOOR_H

#include <pthread.h>

#include "tests/store/conformance.h"

/* For helpers that run on any thread, where cmocka's jumps are not allowed. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            door_die(__FILE__, __LINE__, #condition);                                              \
    } while (0)
void door_die(const char *file, int line, const char *what) __attribute__((noreturn));

/* A reply, copied. */
struct answer {
    int ran; /* times the callback came */
    enum store_result result;
    struct berth_record *records; /* each with its text in memory of its own */
    size_t count;
    bool more;
    uint64_t version;
    size_t refused;
    uint64_t total;
    char problem[512];
    size_t told_before; /* changes that the watcher had been told when it came */
    struct door *door;
};
void answer_clear(struct answer *a);

/* A change as the watcher was told. */
struct told {
    struct berth_record rec;
    bool deleted;
};

struct door {
    const struct conformance *of;
    void *store;
    struct store_port *port;
    pthread_t thread;
    bool in_deliver;

    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken; /* under LOCK */

    struct told *told;
    size_t told_count;
};

/* The door belongs to the calling thread. WATCH_KINDS 0: no watcher. */
void door_open(struct door *d, const struct conformance *of, void *store, unsigned watch_kinds);
/* False: the store lets nobody in. */
bool door_try(struct door *d, const struct conformance *of, void *store, unsigned watch_kinds);
void door_close(struct door *d);

/* Waits for the wake (lets time pass until it comes), then delivers once. */
void door_turn(struct door *d);
void door_forget_told(struct door *d);

/* Hands the call over with arguments that are gone afterwards; the answer comes in a later turn. */
void door_ask_commit(struct door *d, const struct berth_change *changes, size_t count,
                     int64_t now_ms, struct answer *a);
void door_ask_get(struct door *d, enum berth_kind kind, const char *scope, const char *key,
                  struct answer *a);
void door_ask_list(struct door *d, const struct store_query *q, struct answer *a);
void door_ask_count(struct door *d, enum berth_kind kind, const char *scope, int32_t tag,
                    struct answer *a);
/* Turns until A has come. */
void door_await(struct door *d, struct answer *a);

/* The same in one go. */
enum store_result door_commit(struct door *d, const struct berth_change *changes, size_t count,
                              int64_t now_ms, struct answer *a);
void door_get(struct door *d, enum berth_kind kind, const char *scope, const char *key,
              struct answer *a);
void door_list(struct door *d, const struct store_query *q, struct answer *a);
uint64_t door_count(struct door *d, enum berth_kind kind, const char *scope, int32_t tag);
/* The version of a record, 0 when there is none. */
uint64_t door_version(struct door *d, enum berth_kind kind, const char *scope, const char *key);

struct berth_change change_put(enum berth_kind kind, const char *scope, const char *key,
                               uint64_t expect, const char *body);
struct berth_change change_delete(enum berth_kind kind, const char *scope, const char *key,
                                  uint64_t expect);
struct berth_change change_check(enum berth_kind kind, const char *scope, const char *key,
                                 uint64_t expect);

#endif
