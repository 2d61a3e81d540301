/* The certificates: /berth/v1/ca and the roll-over of the CA. */
#include "base/time.h"
#include "front/service.h"
#include "ops/trust.h"
#include "wire/json.h"

static void put_time(struct berth_json_out *j, const char *name, int64_t seconds)
{
    char storage[40];
    struct berth_buf b;

    berth_buf_init(&b, storage, sizeof storage);
    berth_time_put(&b, seconds * 1000);
    berth_json_member(j, name, berth_buf_str(&b));
}

static void put_item(struct berth_json_out *j, const struct pki_item *item)
{
    berth_json_open(j, '{');
    berth_json_member(j, "name", berth_str_of(item->name));
    berth_json_member(j, "subject", berth_str_of(item->subject));
    berth_json_member(j, "fingerprint", berth_str_of(item->fingerprint));
    put_time(j, "notBefore", item->from_s);
    put_time(j, "notAfter", item->expiry_s);
    berth_json_close(j, '}');
}

static void answer(struct call *c, const struct trust_answer *a)
{
    struct berth_json_out j;
    struct berth_buf b;

    call_body(c, &b);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "source", a->operators ? BERTH_STR("operator") : BERTH_STR("berth"));
    berth_json_name(&j, BERTH_STR("certificates"));
    berth_json_open(&j, '[');
    for (size_t i = 0; i < a->item_count; i++)
        put_item(&j, &a->items[i]);
    berth_json_close(&j, ']');
    berth_json_name(&j, BERTH_STR("pem"));
    if (a->pem[0] != '\0')
        berth_json_put_string(&j, berth_str_of(a->pem));
    else
        berth_json_put_null(&j);
    berth_json_close(&j, '}');
    call_send(c, 200, &b, NULL, 0);
}

static void on_done(void *user, const struct trust_answer *a)
{
    struct call *c = user;

    if (a->err == BERTH_OK)
        answer(c, a);
    else if (a->err == BERTH_E_MISMATCH || a->err == BERTH_E_NOT_FOUND)
        call_refuse(c, BERTH_WHY_CA_STEP_REFUSED, berth_str_of(a->problem));
    else
        call_fail(c, BERTH_WHY_INTERNAL, a->problem);
}

static void ask(struct call *c, const struct trust_wish *wish)
{
    struct front *f = c->f;

    if (f->trust == NULL)
        call_fail(c, BERTH_WHY_INTERNAL, "nobody keeps certificates here");
    else
        trust_ask(f->trust, loop_index(f->loop), wish, on_done, c);
}

void api_ca_get(struct call *c)
{
    ask(c, &(struct trust_wish){ .verb = TRUST_LOOK });
}

void api_ca_rollover(struct call *c)
{
    static const struct {
        const char *name;
        enum pki_step step;
    } steps[] = {
        { "begin", PKI_BEGIN },
        { "activate", PKI_ACTIVATE },
        { "retire", PKI_RETIRE },
        { "cancel", PKI_CANCEL },
    };
    struct berth_json doc, step;

    if (berth_json_check(c->body, &doc, NULL) == BERTH_OK && doc.type == BERTH_JSON_OBJECT) {
        step = berth_json_get(doc, BERTH_STR("step"));
        for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
            if (!berth_json_is(step, berth_str_of(steps[i].name)))
                continue;
            ask(c, &(struct trust_wish){ .verb = TRUST_ROLL, .step = steps[i].step });
            return;
        }
    }
    call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                BERTH_STR("The body must be {\"step\": one of begin, activate, retire, cancel}."));
}
