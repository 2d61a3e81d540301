#include "front/front.h"

#include <assert.h>
#include <string.h>

#include "front/call.h"
#include "front/common.h"
#include "front/hub_session.h"
#include "front/monitor.h"
#include "front/presence.h"
#include "front/registrar.h"
#include "net/http.h"

void front_watch(void *front, const struct berth_record *rec, bool deleted)
{
    struct front *f = front;

    if (rec->kind == BERTH_KIND_DEVICE) {
        hub_sessions_watch(f, rec, deleted);
        return;
    }
    catalog_watch(f->catalog, rec, deleted);
    if (rec->kind == BERTH_KIND_HUB && deleted)
        hub_events_forget(f->common->events, rec->key);
}

void front_stop(struct front *f)
{
    f->stopping = true;
    hub_sessions_stop(f);
    monitors_stop(f);
    if (f->presence != NULL)
        presence_hurry(f->presence);
}

bool front_busy(const struct front *f)
{
    return registrar_open(f->registrar) > 0 || f->calls != NULL || !presence_is_idle(f->presence);
}

/* A draw costs a microsecond however short it is, and a registration needs three. */
berth_err front_random(struct front *f, uint8_t *out, size_t n)
{
    assert(n <= sizeof f->random);
    if (f->random_left < n) {
        berth_err e = f->crypto->random(f->crypto->ctx, f->random, sizeof f->random);
        if (e != BERTH_OK)
            return e;
        f->random_left = sizeof f->random;
    }
    memcpy(out, f->random + sizeof f->random - f->random_left, n);
    f->random_left -= n;
    return BERTH_OK;
}

void front_tracking_id(struct front *f, char out[FRONT_TRACKING_SIZE])
{
    static const char shape[FRONT_TRACKING_SIZE] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    uint8_t random[16] = { 0 };

    /* Without random bytes the ID is all zeros: a poor name is better than no answer. */
    if (front_random(f, random, sizeof random) != BERTH_OK)
        memset(random, 0, sizeof random);
    for (size_t i = 0, nibble = 0; i < FRONT_TRACKING_SIZE; i++) {
        unsigned v;
        out[i] = shape[i];
        if (shape[i] != 'x' && shape[i] != 'y')
            continue;
        v = (unsigned)random[nibble / 2] >> (nibble % 2 == 0 ? 4 : 0) & 15;
        nibble++;
        if (shape[i] == 'y') /* RFC 9562: the variant is 10xx */
            v = (v & 3) | 8;
        out[i] = "0123456789abcdef"[v];
    }
}

bool front_has_json(const struct http_exchange *x)
{
    berth_str type = http_field(x, BERTH_STR("content-type"));

    return berth_str_ieq(berth_str_trim(berth_str_cut(&type, ';')), BERTH_STR("application/json"));
}
