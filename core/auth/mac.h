/* auth/mac.h - a MAC address (EUI-48) in the forms found on labels and in exports:
 * A1:B2:C3:D4:E5:F6, a1-b2-.., a1b2.c3d4.e5f6, a1b2c3-d4e5f6, A1 B2 .., a1b2c3d4e5f6, and 0:1b:2:..
 * of programs that drop zeros; "MAC:" or "MAC address" may stand before it. */
#ifndef BERTH_AUTH_MAC_H
#define BERTH_AUTH_MAC_H

#include "berth/buf.h"

#define BERTH_MAC_SIZE 6

struct berth_mac {
    uint8_t bytes[BERTH_MAC_SIZE];
};

enum berth_mac_fault {
    BERTH_MAC_FINE = 0,
    BERTH_MAC_EMPTY,
    BERTH_MAC_BAD_CHARACTER, /* neither a hex digit nor a separator; position: its own */
    BERTH_MAC_MIXED,         /* a second kind of separator; position: its own */
    BERTH_MAC_GROUPS,        /* not 12 digits, 2 sixes, 3 fours or 6 pairs; position: where seen */
    BERTH_MAC_LENGTH,        /* more or fewer than 12 digits; position: the 13th or the end */
    BERTH_MAC_PLACEHOLDER,   /* all zeros or all ones: no device's */
};

struct berth_mac_check {
    enum berth_mac_fault fault;
    size_t position; /* of the first offending byte, from 0 */
};

/* Blanks around it do not count. *OUT is zeroed on a fault. */
struct berth_mac_check berth_mac_parse(berth_str text, struct berth_mac *out);

/* A phrase for the operator such as "mixes separators"; static storage. */
const char *berth_mac_fault_text(enum berth_mac_fault fault);

/* In groups of GROUP digits (2, 4, 6 or 12) with SEPARATOR between them. */
void berth_mac_put(struct berth_buf *b, const struct berth_mac *mac, char separator, unsigned group,
                   bool upper);

#endif
