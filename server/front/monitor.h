/* front/monitor.h - calls that wait for what devices send: GET /berth/v1/hubs/{name}/events. */
#ifndef FRONT_MONITOR_H
#define FRONT_MONITOR_H

#include "front/front.h"

#define MONITORS_MAX       64 /* that wait on one loop; more are refused as OVERLOADED */
#define MONITOR_WAIT_MAX_S 30

/* Answers all that wait. */
void monitors_stop(struct front *f);

#endif
