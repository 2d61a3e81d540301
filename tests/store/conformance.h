/* tests/store/conformance.h - what any implementation of server/store/store.h must pass. */
#ifndef TESTS_STORE_CONFORMANCE_H
#define TESTS_STORE_CONFORMANCE_H

#include "store/store.h"

/* How to get at the implementation under test. */
struct conformance {
    const char *name;
    void *user;
    void *(*open)(void *user); /* a fresh, empty store; fails the test when it cannot */
    berth_err (*attach)(void *store, const struct store_attach *a, struct store_port **out);
    void (*step)(void *store); /* lets time pass, any thread; NULL: it passes by itself */
    void (*close)(void *store);
};

/* Runs every test against stores of SUBJECT; returns how many failed. */
int conformance_run(const struct conformance *subject);

#endif
