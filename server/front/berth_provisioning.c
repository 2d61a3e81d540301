/* GET /berth/v1/hubs/{hub}/devices/{id}/provisioning: whom a device of a hub was provisioned for,
 * and who stands for it too. */
#include "front/service.h"
#include "prov/share.h"
#include "wire/json.h"

struct task {
    struct berth_hub_device d;
    berth_str other_key;
    struct berth_registration other;
};

static void put_or_null(struct berth_json_out *j, const char *name, berth_str value)
{
    if (value.n > 0)
        berth_json_member(j, name, value);
    else
        berth_json_member_raw(j, name, BERTH_STR("null"));
}

static void answer(struct call *c, berth_str other)
{
    const struct task *t = c->state;
    struct berth_json_out j;
    struct berth_buf b;

    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "hub", t->d.hub);
    berth_json_member(&j, "deviceId", t->d.device_id);
    put_or_null(&j, "registrationId", t->d.registration);
    put_or_null(&j, "otherRegistrationId", other);
    berth_json_close(&j, '}');
    call_send(c, 200, &b, NULL, 0);
}

/* What the device's record says of another registration was so when it last changed hands. */
static void on_enrollment(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    const struct task *t = c->state;
    bool stands;

    if (!call_stored(c, reply))
        return;
    stands = berth_share_stands(&t->other, reply->count == 0 ? NULL : &reply->records[0], t->d.hub,
                                t->d.device_id);
    answer(c, stands ? t->other.id : (berth_str){ 0 });
}

static void on_other(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct task *t = c->state;
    struct berth_record rec;

    if (!call_stored(c, reply))
        return;
    if (reply->count == 0) {
        answer(c, (berth_str){ 0 });
        return;
    }
    if (berth_record_dup(&c->arena, &reply->records[0], &rec) != BERTH_OK ||
        berth_registration_decode(&rec, &c->arena, &t->other) != BERTH_OK) {
        call_fail(c, BERTH_WHY_RECORD_DAMAGED, "a registration's record is damaged");
        return;
    }
    store_get(c->f->store, BERTH_KIND_ENROLLMENT, (berth_str){ 0 }, t->other_key, on_enrollment, c);
}

static void on_device(void *user, const struct store_reply *reply)
{
    struct call *c = user;
    struct task *t = c->state;
    struct berth_record rec;

    if (!call_stored(c, reply))
        return;
    if (reply->count == 0) { /* the one who asks may know the device from a registration */
        answer(c, (berth_str){ 0 });
        return;
    }
    if (berth_record_dup(&c->arena, &reply->records[0], &rec) != BERTH_OK ||
        berth_hub_device_decode(&rec, &c->arena, &t->d) != BERTH_OK ||
        berth_arena_lower(&c->arena, t->d.also_registered, &t->other_key) != BERTH_OK) {
        call_fail(c, BERTH_WHY_RECORD_DAMAGED, "a device's record is damaged");
        return;
    }
    if (t->other_key.n == 0)
        answer(c, (berth_str){ 0 });
    else
        store_get(c->f->store, BERTH_KIND_REGISTRATION, (berth_str){ 0 }, t->other_key, on_other,
                  c);
}

void api_device_provisioning(struct call *c)
{
    struct task *t = call_alloc(c, sizeof *t);
    struct berth_id_check check = berth_device_id_check(c->segments[5]);

    if (t == NULL)
        return;
    c->state = t;
    if (check.fault != BERTH_ID_FINE) {
        call_refuse(c, BERTH_WHY_DEVICE_ID_INVALID, berth_str_of(berth_id_fault_text(check.fault)));
        return;
    }
    t->d.device_id = c->segments[5];
    if (berth_arena_lower(&c->arena, c->segments[3], &t->d.hub) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "a hub's name does not fit its call");
    else if (berth_catalog_hub(catalog_view(c->f->catalog), t->d.hub) == NULL)
        call_refuse(c, BERTH_WHY_HUB_NOT_FOUND, (berth_str){ 0 });
    else
        store_get(c->f->store, BERTH_KIND_DEVICE, t->d.hub, t->d.device_id, on_device, c);
}
