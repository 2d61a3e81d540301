/* front/enrollment_task.h - shared by the handlers of enrollments and of their settings: one
 * request about one enrollment or group. What differs between the two is a row of constants. */
#ifndef FRONT_ENROLLMENT_TASK_H
#define FRONT_ENROLLMENT_TASK_H

#include "front/if_match.h"
#include "prov/enrollment.h"

struct enrollment_sort {
    bool is_group;
    enum berth_kind kind;
    enum berth_reason invalid, missing, exists;
    const char *item_type;
};
extern const struct enrollment_sort sort_individual;
extern const struct enrollment_sort sort_group;

struct enrollment_task {
    const struct enrollment_sort *sort;
    berth_str id; /* as addressed */
    berth_str key;
    uint64_t expect; /* of If-Match */
    int64_t now_ms;  /* of the commit under way */
    berth_str registration_state;
    bool assigning_first; /* settings: as asked */
    /* what the request makes and what was read; keys are wiped with the call's arena */
    struct berth_enrollment e, stored;
};

/* The task for ID, as the call's state. NULL after refusing. */
struct enrollment_task *enrollment_task_new(struct call *c, const struct enrollment_sort *sort,
                                            berth_str id);
void enrollment_task_read(struct call *c, store_done *done);
/* The reply's record as the task's STORED, which borrows from it; false after refusing. */
bool enrollment_task_take(struct call *c, const struct store_reply *reply);

#endif
