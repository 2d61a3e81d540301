/* bench/load/options.h - what a load is, as the command line has it. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include "bench/load/dialog.h"

#define OPTIONS_MIX_MAX         8
#define OPTIONS_WEIGHT_MAX      1000
#define OPTIONS_COUNT_MAX       100000000
#define OPTIONS_CONCURRENCY_MAX 100000
#define OPTIONS_HOLD_MAX        100000
#define OPTIONS_RATE_MAX        100000
#define OPTIONS_DURATION_MAX    (7 * 24 * 3600)
#define OPTIONS_PEERS_MAX       65000 /* addresses behind 127.1.0.0 */

struct mix_part {
    const struct transport *transport;
    int weight;
};

struct load_options {
    const char *host, *connect_to, *ca_file, *id_scope, *prefix, *key_file;
    struct mix_part mix[OPTIONS_MIX_MAX];
    size_t mix_count;
    uint64_t count; /* UINT64_MAX: no end */
    uint64_t first;
    unsigned duration_s; /* 0: until COUNT */
    unsigned rate;       /* starts a second; 0: a new one when one has ended */
    unsigned concurrency, peers;
    unsigned https_port, mqtts_port;
    int tls; /* 12, 13, or 0: what both sides have */
    bool verify, expect_refusal, hold, json;
    bool needs_key;
};

/* Ends the process when the line is wrong, or after --help. */
void options_read(struct load_options *o, int argc, char **argv);

#endif
