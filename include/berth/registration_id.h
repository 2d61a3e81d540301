/* berth/registration_id.h - which names a device may register under. Source: DPS service API
 * limits. */
#ifndef BERTH_REGISTRATION_ID_H
#define BERTH_REGISTRATION_ID_H

#include "berth/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_ID_MAX 128 /* characters of a registration ID, a group ID, a device ID */

enum berth_id_fault {
    BERTH_ID_FINE = 0,
    BERTH_ID_EMPTY,
    BERTH_ID_TOO_LONG,      /* position: BERTH_ID_MAX */
    BERTH_ID_BAD_CHARACTER, /* position: the character's */
    BERTH_ID_BAD_END,       /* last character is neither alphanumeric nor '-'; position: its own */
};

struct berth_id_check {
    enum berth_id_fault fault;
    size_t position; /* of the first offending byte, from 0 */
};

/* Letters, digits, '-' '.' '_' ':'; 1 to 128; last a letter, digit or '-'. Also for group IDs. */
struct berth_id_check berth_registration_id_check(berth_str id);

/* Hub device IDs: 1 to 128 of letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ ' */
struct berth_id_check berth_device_id_check(berth_str id);

/* A phrase for the operator such as "has a character that is not allowed"; static storage. */
const char *berth_id_fault_text(enum berth_id_fault fault);

#ifdef __cplusplus
}
#endif

#endif
