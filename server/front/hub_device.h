/* front/hub_device.h - shared by the handlers of a hub's devices and of their twins: one request
 * about one device. */
#ifndef FRONT_HUB_DEVICE_H
#define FRONT_HUB_DEVICE_H

#include "front/if_match.h"
#include "hub/device.h"

struct device_task {
    berth_str id;
    uint64_t expect;           /* of If-Match: a revision of the identity or of the twin */
    bool replace;              /* twins: PUT, not PATCH */
    struct berth_hub_device d; /* keys are wiped with the call's arena */
};

/* The task for the device in the path, as the call's state. NULL after refusing. */
struct device_task *device_task_new(struct call *c);
void device_task_read(struct call *c, store_done *done);
/* The reply's device as the task's; false after refusing. */
bool device_task_take(struct call *c, const struct store_reply *reply);
/* Commits the task's device, which was read as version EXPECT, or BERTH_ABSENT. */
void device_task_commit(struct call *c, uint64_t expect, store_done *done);
/* 200 with the document B and REVISION as the ETag header. */
void device_task_answer(struct call *c, const struct berth_buf *b, uint64_t revision);

#endif
