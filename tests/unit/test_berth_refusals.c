/* GET /berth/v1/refusals: what the memory of refusals says, as JSON. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "front/refusals.h"
#include "service_rig.h"

#define WHY(name) BERTH_WHY_##name
#define LIST      "GET /berth/v1/refusals"

static void remember(struct rig *r)
{
    struct front *f = rig_front(r);
    struct berth_finding found = { .mistakes = { BERTH_MISTAKE_ID_QUOTED,
                                                 BERTH_MISTAKE_LINE_FEED_MISSING },
                                   .count = 2,
                                   .proven = true };
    struct refusal_handle h =
        refusals_add(f->refusals,
                     &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                             .reason = WHY(SIGNATURE_UNKNOWN),
                                             .tracking = "aaaa",
                                             .peer = "192.0.2.1:9",
                                             .registration_id = BERTH_STR("sn-007"),
                                             .transport = "mqtts",
                                             .pending = true },
                     loop_now_ms(f->loop));

    refusals_examined(f->refusals, h, REFUSAL_EXAMINED, &found, BERTH_STR("group-1"));
    refusals_add(f->refusals,
                 &(struct refusal_note){ .kind = REFUSAL_WARNING,
                                         .warning = BERTH_MISTAKE_SE_LONG,
                                         .off_s = 40000000,
                                         .registration_id = BERTH_STR("sn-008") },
                 loop_now_ms(f->loop));
    refusals_add(f->refusals,
                 &(struct refusal_note){ .kind = REFUSAL_CONNECTION,
                                         .reason = WHY(TLS_CA_UNKNOWN),
                                         .peer = "[2001:db8::1]:9",
                                         .detail = BERTH_STR("tlsv1 alert unknown ca") },
                 loop_now_ms(f->loop));
}

static void test_list(void **state)
{
    static const struct rig_line lines[] = {
        { "all", LIST, NULL, NULL, 200, WHY(NONE),
          "[{\"kind\":\"connection\"~sn-008~sn-007~\"firstTimeUtc\":\"20", NULL },
        { "one", LIST "?tracking=aaaa", NULL, NULL, 200, WHY(NONE),
          "\"kind\":\"device\",\"trackingId\":\"aaaa\",\"timeUtc\":\"20~"
          "\"count\":1,\"peer\":\"192.0.2.1:9\",\"transport\":\"mqtts\","
          "\"registrationId\":\"sn-007\",\"enrollment\":\"group-1\","
          "\"reason\":\"SIGNATURE_UNKNOWN\",\"cause\":\"~\"remedy\":\"~\"status\":401,"
          "\"errorCode\":401002,\"examined\":\"yes\",\"proven\":true,\"mistakes\":[{\"name\":"
          "\"ID_QUOTED\",\"text\":\"~},{\"name\":\"LINE_FEED_MISSING\"",
          "sn-008" },
        { "the newest", LIST "?last=1", NULL, NULL, 200, WHY(NONE),
          "\"reason\":\"TLS_CA_UNKNOWN\"~\"detail\":\"tlsv1 alert unknown ca\"~\"examined\":\"no\"",
          "sn-007~status~trackingId" },
        { "by ID", LIST "?registration=SN-008", NULL, NULL, 200, WHY(NONE),
          "\"kind\":\"warning\"~SE_LONG~\"offSeconds\":40000000", "SN-007~\"reason\"" },
        { "by peer", LIST "?peer=192.0.2.1", NULL, NULL, 200, WHY(NONE), "sn-007", "sn-008" },
        { "escaped", LIST "?about=2001%3Adb8%3a%3A1", NULL, NULL, 200, WHY(NONE), "TLS_CA_UNKNOWN",
          "sn-007" },
        { "nothing", LIST "?about=nobody", NULL, NULL, 200, WHY(NONE), "[]", "kind" },
        { "more than there can be", LIST "?last=99999999999999999999999", NULL, NULL, 200,
          WHY(NONE), "sn-007", NULL },
        { "none asked for", LIST "?last=0", NULL, NULL, 400, WHY(REQUEST_INVALID), "last", NULL },
        { "what is no number", LIST "?last=all", NULL, NULL, 400, WHY(REQUEST_INVALID), "last",
          NULL },
        { "a broken escape", LIST "?peer=%2", NULL, NULL, 400, WHY(REQUEST_INVALID), "escape",
          NULL },
        { "a refusal of this very API", LIST "?last=1", NULL, NULL, 200, WHY(NONE),
          "\"kind\":\"service\"~\"reason\":\"REQUEST_INVALID\"~\"detail\":\"GET "
          "/berth/v1/refusals: A parameter has a broken escape.\"",
          NULL },
    };
    struct rig *r = rig_new();

    (void)state;
    remember(r);
    rig_play(r, lines, ARRAY_LEN(lines));
    rig_free(r);
}

/* As many as an answer may have, each as large as can be. */
static void test_largest(void **state)
{
    struct rig *r = rig_new();
    struct front *f = rig_front(r);
    char longest[256];
    const struct rig_answer *a;
    size_t n = 0;

    (void)state;
    memset(longest, '"', sizeof longest);
    for (int i = 0; i < REFUSALS_LIST_MAX + 1; i++)
        refusals_add(f->refusals,
                     &(struct refusal_note){ .kind = REFUSAL_DEVICE,
                                             .reason = WHY(SIGNATURE_UNKNOWN),
                                             .registration_id = { longest, sizeof longest },
                                             .enrollment = { longest, sizeof longest },
                                             .detail = { longest, sizeof longest } },
                     loop_now_ms(f->loop));
    a = rig_ask(r, &(struct rig_request){ .line = LIST "?last=1000" });
    CHECK("answered", a->status == 200);
    for (const char *p = a->body; (p = strstr(p, "{\"kind\"")) != NULL; p++)
        n++;
    CHECK("as many as may be", n == REFUSALS_LIST_MAX);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
