/* auth/id_template.h - a registration ID from what is known of a device, its serial number and its
 * MAC address, by a template such as sn-{serial}-mac-{mac}. Fields: {serial} as it is,
 * {serial-lower}, {serial-upper}; {mac} is a1-b2-c3-d4-e5-f6, {mac-colon} a1:b2:c3:d4:e5:f6,
 * {mac-dot} a1b2.c3d4.e5f6, {mac-bare} a1b2c3d4e5f6, each with -upper for capitals. */
#ifndef BERTH_AUTH_ID_TEMPLATE_H
#define BERTH_AUTH_ID_TEMPLATE_H

#include "auth/mac.h"
#include "berth/registration_id.h"

#define BERTH_ID_TEMPLATE_MAX       256 /* bytes of a template */
#define BERTH_ID_TEMPLATE_PARTS_MAX 16  /* fields and texts between them */

enum berth_id_template_fault {
    BERTH_ID_TEMPLATE_FINE = 0,
    BERTH_ID_TEMPLATE_EMPTY,
    BERTH_ID_TEMPLATE_TOO_LONG,      /* position: BERTH_ID_TEMPLATE_MAX */
    BERTH_ID_TEMPLATE_BAD_CHARACTER, /* outside braces, none that an ID may have; position: its own
                                      */
    BERTH_ID_TEMPLATE_UNCLOSED,      /* position: the '{' */
    BERTH_ID_TEMPLATE_UNKNOWN_FIELD, /* position: the '{' */
    BERTH_ID_TEMPLATE_TOO_MANY,      /* position: the part that is too much */
    BERTH_ID_TEMPLATE_NO_FIELD,      /* every device would get the same ID */
};

struct berth_id_template_check {
    enum berth_id_template_fault fault;
    size_t position; /* of the first offending byte, from 0 */
};

/* A text, or one of a device's values in one of its forms. */
struct berth_id_part {
    enum berth_id_part_kind { BERTH_ID_PART_TEXT, BERTH_ID_PART_SERIAL, BERTH_ID_PART_MAC } kind;
    berth_str text;
    char separator;      /* of a MAC's groups */
    unsigned char group; /* digits of a MAC's group */
    bool lower, upper;
};

/* Borrows from the text that it was parsed from. */
struct berth_id_template {
    struct berth_id_part parts[BERTH_ID_TEMPLATE_PARTS_MAX];
    size_t count;
    bool needs_serial, needs_mac;
};

/* *OUT is zeroed on a fault. */
struct berth_id_template_check berth_id_template_parse(berth_str text,
                                                       struct berth_id_template *out);
/* A phrase for the operator; static storage. */
const char *berth_id_template_fault_text(enum berth_id_template_fault fault);

/* Appends the ID of a device to OUT, which has room for BERTH_ID_MAX bytes more; SERIAL without the
 * blanks around it. The verdict of berth_registration_id_check on it, with BERTH_ID_EMPTY also for
 * a serial number that is needed and blank: every such device would get the same ID. What stands in
 * OUT must not be used unless it is fine. MAC may be NULL when no field needs it. */
struct berth_id_check berth_id_template_build(const struct berth_id_template *t, berth_str serial,
                                              const struct berth_mac *mac, struct berth_buf *out);

#endif
