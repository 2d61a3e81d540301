/* bench/load_script.h - what each connection of a load says, and what it must hear. All of it is
 * made before the load starts, so that making tokens is no part of what is measured. */
#ifndef BENCH_LOAD_SCRIPT_H
#define BENCH_LOAD_SCRIPT_H

#include "berth/buf.h"

enum load_mode {
    LOAD_CLOSE,   /* nothing: handshake and close */
    LOAD_ECHO,    /* 300 bytes, to be echoed */
    LOAD_MQTT,    /* CONNECT, SUBSCRIBE, register with QoS 1 each, DISCONNECT */
    LOAD_HTTP,    /* one register request */
    LOAD_REFUSED, /* the same, to be told 401 */
    LOAD_MODES
};

struct load_script {
    enum load_mode mode;
    size_t count;
    struct {
        berth_str first, publish;
    } * says; /* of each connection, in MEMORY */
    char *memory;
};

struct load_who {
    const char *id_scope;
    const char *prefix;    /* of the registration IDs, to which a number is added */
    const char *group_key; /* base64 */
};

/* WHO is for MQTT and HTTP alone: device I signs with the key derived from the group's. */
BERTH_MUST_USE berth_err load_script_init(struct load_script *s, enum load_mode mode, size_t count,
                                          const struct load_who *who);
void load_script_deinit(struct load_script *s);

/* What connection I says after the handshake; empty: nothing. */
berth_str load_script_first(const struct load_script *s, size_t i);

enum load_progress {
    LOAD_WAIT,  /* for more bytes */
    LOAD_SAY,   /* REPLY, then go on */
    LOAD_DONE,  /* REPLY, then close */
    LOAD_WRONG, /* what was heard is not what a served device hears */
};

/* Takes what connection I has heard and not used yet. STEP is the connection's own, 0 at first. */
enum load_progress load_script_hear(const struct load_script *s, size_t i, unsigned *step,
                                    berth_str heard, size_t *used, berth_str *reply);

#endif
