/* front/registration_log.h - what is counted and written of each answer to a device: one line, with
 * cause and remedy when it was refused. */
#ifndef FRONT_REGISTRATION_LOG_H
#define FRONT_REGISTRATION_LOG_H

#include "front/forensics.h"
#include "front/front.h"
#include "net/listener.h"
#include "prov/operation.h"

struct registration_line {
    const char *tracking; /* as the device is told */
    berth_str registration_id;
    const struct peer *peer;
    const char *transport;
    int64_t ms; /* that it took */
    const struct berth_answer *answer;
    berth_str unlinked_hub; /* with HUB_NOT_LINKED: its name, or empty */
};

/* The handle of what is kept of a refusal. */
struct refusal_handle registration_log(struct front *f, const struct registration_line *l);

/* Keeps what smells in OP's request though A accepts it. Polls are passed over: their register has
 * been looked at. */
void registration_warn(struct front *f, const struct berth_operation *op,
                       const struct registration_line *l);

/* Two registrations stand for one device: kept as a warning of both, and an audit event when the
 * device has changed hands. */
void registration_shared(struct front *f, const struct berth_shared *s, const char *tracking,
                         const struct peer *peer, const char *transport);

#endif
