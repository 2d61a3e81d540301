/* connection_script.h - what an input of fuzz_connection is: bytes that peers say, and between
 * them, each behind MARK, what else happens. MARK before anything else stands for itself. The first
 * byte of an input says how the registry stands, see START. */
#ifndef TESTS_FUZZ_CONNECTION_SCRIPT_H
#define TESTS_FUZZ_CONNECTION_SCRIPT_H

#define SCRIPT_MARK 0xfd
#define SCRIPT_NOW_S                                                                               \
    INT64_C(1795445800) /* when it begins: the tokens of tests/captures are good                   \
                         */

enum script_start {
    START_ASSIGNING_FIRST = 1, /* the enrollment says so */
    START_HUB_DEVICE = 2,      /* the device is in its hub already */
    START_UNSTEADY = 4,        /* the store delays and reorders */
};

enum script_door { DOOR_HTTPS, DOOR_MQTTS };

/* Those marked take one byte more, B. */
enum script_op {
    OP_CUT = 'c',   /* the bytes before and behind it come apart */
    OP_OPEN = 'o',  /* B: a door; another connection, if there is room */
    OP_SPEAK = 'k', /* B: on which connection the following is said */
    OP_FRAME =
        'w', /* B: first byte of a frame; the bytes up to the next operation are its payload */
    OP_SETTLE = 's', /* until nobody has anything to do */
    OP_TIME = 't',   /* B: 2^B ms pass, B modulo 24 */
    OP_NARROW = 'n', /* B: the peer takes no more than 16 B bytes; 255: all there is */
    OP_END = 'h',    /* the peer has said all, and listens */
    OP_GONE = 'x',   /* the peer is gone */
    OP_STORE =
        'f', /* B: per cent of calls that fail; from 128 on: of commits that are told wrongly */
    OP_REMOVE = 'r', /* B: the device, its enrollment or the hub is removed */
};

#endif
