/* front/hub_purge.h - what a hub that is gone has left in the store: its policies and devices. */
#ifndef FRONT_HUB_PURGE_H
#define FRONT_HUB_PURGE_H

#include "front/call.h"

/* Deletes it, as long as there is no hub of this key; sessions of the devices end. Then DONE(C), or
 * C has been refused. HUB lives as long as C. */
void hub_purge(struct call *c, berth_str hub, void (*done)(struct call *c));

#endif
