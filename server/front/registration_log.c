#include "front/registration_log.h"

#include <assert.h>

#include "ops/log.h"

static const char *outcome(const struct berth_answer *a)
{
    return berth_answer_is_error(a) ? "refused" : berth_registration_status_text(a->state.status);
}

static void count(struct metrics *m, const struct berth_answer *a)
{
    if (a->reason != BERTH_WHY_NONE) {
        metrics_add(m, registrations_refused, 1);
        metrics_add(m, reasons[a->reason], 1);
    } else if (a->state.status == BERTH_ASSIGNING) {
        metrics_add(m, registrations_assigning, 1);
    } else {
        metrics_add(m, registrations_assigned, 1);
    }
}

void registration_log(struct front *f, const struct registration_line *l)
{
    const struct berth_answer *a = l->answer;
    const struct berth_reason_row *row = berth_reason_row(a->reason);
    bool refused = a->reason != BERTH_WHY_NONE;
    struct log_field fields[12];
    size_t n = 0;

    count(f->metrics, a);
    fields[n++] = LOG_TEXT("outcome", berth_str_of(outcome(a)));
    fields[n++] = LOG_TEXT("tracking_id", berth_str_of(l->tracking));
    if (l->registration_id.n > 0)
        fields[n++] = LOG_TEXT("registration_id", l->registration_id);
    fields[n++] = LOG_TEXT("peer", berth_str_of(l->peer->text));
    fields[n++] = LOG_TEXT("transport", berth_str_of(l->transport));
    if (a->enrollment_id.n > 0)
        fields[n++] = LOG_TEXT("enrollment", a->enrollment_id);
    if (a->state.status == BERTH_ASSIGNED && !refused) {
        fields[n++] = LOG_TEXT("hub", a->state.assigned_hub);
        fields[n++] = LOG_TEXT("device_id", a->state.device_id);
    }
    if (refused) {
        fields[n++] = LOG_TEXT("reason", berth_str_of(row->name));
        fields[n++] = LOG_TEXT("cause", berth_str_of(row->text));
        fields[n++] = LOG_TEXT("remedy", berth_str_of(row->remedy));
    }
    fields[n++] = LOG_NUM("ms", l->ms);
    assert(n <= sizeof fields / sizeof fields[0]);
    log_write(refused ? LOG_WARNING : LOG_INFO, "registration", fields, n);
}
