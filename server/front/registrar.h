/* front/registrar.h - drives registration operations on a loop: gives them to the step machine,
 * carries out its actions on the store, hands the answer to whichever adapter asked. From here down
 * nobody knows the transport. */
#ifndef FRONT_REGISTRAR_H
#define FRONT_REGISTRAR_H

#include "front/front.h"
#include "net/listener.h"
#include "prov/operation.h"

/* Without an answer by then the device is told "assigning", and the operation goes on. */
#define REGISTRAR_DEADLINE_MS 1000
#define REGISTRAR_OPEN_MAX    4096 /* operations of one loop */

struct registration;

BERTH_MUST_USE berth_err registrar_new(struct front *f, struct registrar **out);
/* Operations still open end without an answer. */
void registrar_free(struct registrar *r);
size_t registrar_open(const struct registrar *r);

/* Told once, on the loop, never from inside registrar_start. Views are valid for the call. */
typedef void registrar_answer(void *user, const struct berth_answer *answer,
                              const char *tracking_id);

/* REQ is copied; its operation_id is made here unless it is a poll. Checks rate limits, attests,
 * decides, commits, answers. The handle is valid until the answer was given. NULL when
 * REGISTRAR_OPEN_MAX operations are open: the adapter answers BERTH_WHY_OVERLOADED. */
struct registration *registrar_start(struct registrar *r,
                                     const struct berth_registration_request *req,
                                     const struct peer *peer, const char *transport,
                                     registrar_answer *answer, void *user);
/* The asker has gone: no answer will be given; the operation itself goes on. */
void registrar_forget(struct registration *g);

#endif
