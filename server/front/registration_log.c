#include "front/registration_log.h"

#include <assert.h>
#include <stdio.h>

#include "front/common.h"
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

static struct refusal_handle keep(struct front *f, const struct registration_line *l)
{
    const struct berth_answer *a = l->answer;
    char detail[REFUSAL_TEXT_SIZE] = "";

    if (l->unlinked_hub.n > 0)
        (void)snprintf(detail, sizeof detail, "there is no hub %.*s",
                       BERTH_STR_ARG(l->unlinked_hub));
    return refusals_add(
        f->refusals,
        &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                .reason = a->reason,
                                .tracking = l->tracking,
                                .peer = l->peer->text,
                                .registration_id = l->registration_id,
                                .detail = berth_str_of(detail),
                                .enrollment = a->enrollment_id,
                                .transport = l->transport,
                                .pending = f->forensics != NULL && forensics_can_help(a->reason) },
        loop_now_ms(f->loop));
}

/* A device that lives here and registers there may be two. */
static void audit(struct front *f, const struct registration_line *l)
{
    berth_str hub = l->answer->state.assigned_hub, device_id = l->answer->state.device_id;
    struct session_view v;

    if (sessions_find(f->common->sessions, hub, device_id, &v) &&
        !sessions_same_party(&v.peer, l->peer))
        audit_add(f->common->audit, &(struct audit_note){ .event = AUDIT_REGISTERED_ELSEWHERE,
                                                          .time_ms = loop_now_ms(f->loop),
                                                          .hub = hub,
                                                          .device_id = device_id,
                                                          .peer = l->peer->text,
                                                          .other_peer = v.peer.text });
}

struct refusal_handle registration_log(struct front *f, const struct registration_line *l)
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
    if (l->unlinked_hub.n > 0)
        fields[n++] = LOG_TEXT("unlinked_hub", l->unlinked_hub);
    fields[n++] = LOG_NUM("ms", l->ms);
    assert(n <= sizeof fields / sizeof fields[0]);
    log_write(refused ? LOG_WARNING : LOG_INFO, "registration", fields, n);
    if (!refused && a->state.status == BERTH_ASSIGNED)
        audit(f, l);
    return refused ? keep(f, l) : (struct refusal_handle){ 0 };
}

static void warn(struct front *f, const struct registration_line *l, enum berth_mistake m,
                 int64_t off_s)
{
    (void)refusals_add(f->refusals,
                       &(struct refusal_note){ .kind = REFUSAL_WARNING,
                                               .warning = m,
                                               .off_s = off_s,
                                               .tracking = l->tracking,
                                               .peer = l->peer->text,
                                               .registration_id = l->registration_id,
                                               .enrollment = l->answer->enrollment_id,
                                               .transport = l->transport },
                       loop_now_ms(f->loop));
}

void registration_warn(struct front *f, const struct berth_operation *op,
                       const struct registration_line *l)
{
    berth_str before = op->has_previous ? op->previous.group : BERTH_STR("");
    berth_str group = l->answer->state.group;
    enum berth_mistake m = BERTH_MISTAKE_NONE;
    struct berth_sas token;
    int64_t off_s = 0;

    if (op->req.is_poll || f->refusals == NULL)
        return;
    if (op->req.credential.type == BERTH_CREDENTIAL_SAS &&
        berth_sas_parse(op->req.credential.u.sas, &token) == BERTH_OK)
        m = berth_forensics_warn(&token, loop_now_ms(f->loop) / 1000, &off_s);
    if (m != BERTH_MISTAKE_NONE)
        warn(f, l, m, off_s);
    if (before.n > 0 && group.n > 0 && !berth_str_ieq(before, group))
        warn(f, l, BERTH_MISTAKE_GROUP_CHANGED, 0);
}

/* Under ID, of a device that OTHER has too. */
static void warn_shared(struct front *f, const struct refusal_note *like, berth_str id,
                        berth_str other)
{
    struct refusal_note n = *like;
    char text[REFUSAL_TEXT_SIZE];
    struct berth_buf b;

    berth_buf_init(&b, text, sizeof text);
    berth_buf_put(&b, BERTH_STR("the other registration is \""));
    berth_buf_put(&b, other);
    berth_buf_put_char(&b, '"');
    n.registration_id = id;
    n.detail = berth_buf_str(&b);
    (void)refusals_add(f->refusals, &n, loop_now_ms(f->loop));
}

void registration_shared(struct front *f, const struct berth_shared *s, const char *tracking,
                         const struct peer *peer, const char *transport)
{
    struct refusal_note n = { .kind = REFUSAL_WARNING, .warning = BERTH_MISTAKE_DEVICE_SHARED };

    warn_shared(f, &n, s->other, s->registration);
    n.tracking = tracking;
    n.peer = peer->text;
    n.transport = transport;
    warn_shared(f, &n, s->registration, s->other);
    if (s->changed_hands)
        audit_add(f->common->audit, &(struct audit_note){ .event = AUDIT_DEVICE_SHARED,
                                                          .time_ms = loop_now_ms(f->loop),
                                                          .hub = s->hub,
                                                          .device_id = s->device_id,
                                                          .registration = s->registration,
                                                          .other_registration = s->other,
                                                          .peer = peer->text });
}
