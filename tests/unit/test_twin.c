#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "check.h"
#include "hub/device.h"
#include "hub/twin_times.h"

#define T0 1704067200000 /* 2024-01-01T00:00:00Z */
#define T1 (T0 + 1000)
#define T2 (T0 + 2000)

#define AT0 "{\"$lastUpdated\":\"2024-01-01T00:00:00.0000000Z\"}"
#define AT1 "{\"$lastUpdated\":\"2024-01-01T00:00:01.0000000Z\"}"
#define AT2 "{\"$lastUpdated\":\"2024-01-01T00:00:02.0000000Z\"}"
/* of an object: its own time, then what is inside */
#define IN0 "{\"$lastUpdated\":\"2024-01-01T00:00:00.0000000Z\","
#define IN1 "{\"$lastUpdated\":\"2024-01-01T00:00:01.0000000Z\","
#define IN2 "{\"$lastUpdated\":\"2024-01-01T00:00:02.0000000Z\","

static unsigned char storage[1 << 20];
static struct berth_arena arena;
static char text_storage[1 << 20];

static void fresh(struct berth_hub_device *d)
{
    berth_arena_init(&arena, storage, sizeof storage);
    berth_hub_device_init(d, BERTH_STR("hub.test"), BERTH_STR("dev"), 7, T0);
}

static bool is_text(berth_str got, const char *want)
{
    return berth_str_eq(got, berth_str_of(want));
}

/* The twin as clients see it. */
static berth_str document(const struct berth_hub_device *d)
{
    struct berth_buf b;
    berth_str out;

    berth_buf_init(&b, text_storage, sizeof text_storage);
    berth_twin_put(&b, d);
    CHECK("the document fits", berth_buf_done(&b, &out) == BERTH_OK);
    return out;
}

static berth_err update(struct berth_hub_device *d, const char *json, bool replace, int64_t now_ms)
{
    struct berth_refusal why;

    return berth_twin_update(d, berth_str_of(json), replace, now_ms, &arena, &why);
}

/* ---- merge ---- */

static const struct {
    const char *name, *before, *patch;
    bool replace;
    const char *after;
} merges[] = {
    { "add", "{}", "{\"a\":1}", false, "{\"a\":1}" },
    { "replace a value", "{\"a\":1,\"b\":2}", "{\"a\":3}", false, "{\"a\":3,\"b\":2}" },
    { "null removes", "{\"a\":1,\"b\":2}", "{\"a\":null}", false, "{\"b\":2}" },
    { "null for what is not there", "{\"a\":1}", "{\"b\":null}", false, "{\"a\":1}" },
    { "objects merge", "{\"o\":{\"a\":1,\"b\":2}}", "{\"o\":{\"b\":null,\"c\":3}}", false,
      "{\"o\":{\"a\":1,\"c\":3}}" },
    { "three levels", "{\"o\":{\"p\":{\"a\":1}}}", "{\"o\":{\"p\":{\"b\":2}}}", false,
      "{\"o\":{\"p\":{\"a\":1,\"b\":2}}}" },
    { "nulls vanish from new objects", "{}", "{\"o\":{\"a\":null,\"p\":{\"b\":null}}}", false,
      "{\"o\":{\"p\":{}}}" },
    { "object instead of a value", "{\"a\":1}", "{\"a\":{\"b\":2}}", false, "{\"a\":{\"b\":2}}" },
    { "value instead of an object", "{\"a\":{\"b\":{\"c\":1}},\"z\":1}", "{\"a\":2}", false,
      "{\"a\":2,\"z\":1}" },
    { "arrays replace", "{\"a\":[1,2,3]}", "{\"a\":[4]}", false, "{\"a\":[4]}" },
    { "nulls and objects in arrays stay", "{}", "{\"a\":[null,{\"b\":null}]}", false,
      "{\"a\":[null,{\"b\":null}]}" },
    { "empty patch", "{\"a\":1}", "{}", false, "{\"a\":1}" },
    { "empty object stays", "{\"o\":{\"a\":1}}", "{\"o\":{\"a\":null}}", false, "{\"o\":{}}" },
    { "numbers as written", "{\"z\":1e2}",
      "{\"a\":1.10,\"b\":1E+2,\"c\":-0,\"d\":12345678901234567890.0,\"e\":0.1e-7}", false,
      "{\"z\":1e2,\"a\":1.10,\"b\":1E+2,\"c\":-0,\"d\":12345678901234567890.0,\"e\":0.1e-7}" },
    { "blanks go, strings stay", "{}", " { \"a\" : [ 1 , \"x y\" ] , \"b\" : \"\\u00e9 \\n\" } ",
      false, "{\"a\":[1,\"x y\"],\"b\":\"\\u00e9 \\n\"}" },
    { "an escaped name is the same name", "{\"ab\":1}", "{\"\\u0061b\":2}", false, "{\"ab\":2}" },
    { "names are told in their plain form", "{}", "{\"\\u0061\\\"\":{\"\\u0062\":2}}", false,
      "{\"a\\\"\":{\"b\":2}}" },
    { "case counts", "{\"a\":1}", "{\"A\":2}", false, "{\"a\":1,\"A\":2}" },
    { "what documents add is ignored", "{\"a\":1}", "{\"$metadata\":{\"x\":[1]},\"$version\":99}",
      false, "{\"a\":1}" },
    { "null for the section empties it", "{\"a\":1}", "null", false, "{}" },
    { "put: what is not named goes", "{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}", true,
      "{\"b\":3,\"c\":4}" },
    { "put: at every level", "{\"o\":{\"a\":1,\"b\":2}}", "{\"o\":{\"b\":3}}", true,
      "{\"o\":{\"b\":3}}" },
    { "put: empty", "{\"a\":1}", "{}", true, "{}" },
    { "put: nulls are nothing", "{\"a\":1}", "{\"a\":null,\"o\":{\"b\":null}}", true,
      "{\"o\":{}}" },
};

static void wrap(char *out, size_t size, const char *head, const char *body, const char *tail)
{
    size_t n = strlen(head) + strlen(body) + strlen(tail);

    CHECK("wrapped document fits", n < size);
    strcpy(out, head);
    strcat(out, body);
    strcat(out, tail);
}

static void test_merge(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
        struct berth_hub_device d;
        char json[512];

        fresh(&d);
        wrap(json, sizeof json, "{\"properties\":{\"desired\":", merges[i].before, "}}");
        CHECK(merges[i].name, update(&d, json, false, T1) == BERTH_OK);
        CHECK(merges[i].name, is_text(d.desired.values, merges[i].before));
        wrap(json, sizeof json, "{\"properties\":{\"desired\":", merges[i].patch, "}}");
        CHECK(merges[i].name, update(&d, json, merges[i].replace, T2) == BERTH_OK);
        CHECK(merges[i].name, is_text(d.desired.values, merges[i].after));

        fresh(&d);
        wrap(json, sizeof json, "{\"tags\":", merges[i].before, "}");
        CHECK(merges[i].name, update(&d, json, false, T1) == BERTH_OK);
        wrap(json, sizeof json, "{\"tags\":", merges[i].patch, "}");
        CHECK(merges[i].name, update(&d, json, merges[i].replace, T2) == BERTH_OK);
        CHECK(merges[i].name, is_text(d.tags, merges[i].after));
    }
}

/* ---- refusals ---- */

/* A path as long as one may be told: names that are told whole, and longer ones. */
static void test_longest_path(void **state)
{
    (void)state;
    for (size_t n = BERTH_TWIN_STEP_MAX; n <= BERTH_TWIN_STEP_MAX + 1; n++) {
        char json[2048] = "", want[1024] = "properties.reported", name[80] = "", told[80] = "";
        struct berth_hub_device d;
        struct berth_refusal why;

        memset(name, 'n', n);
        memset(told, 'n', BERTH_TWIN_STEP_MAX);
        for (int i = 0; i <= BERTH_TWIN_DEPTH_MAX; i++) {
            strcat(strcat(strcat(json, "{\""), name), "\":");
            strcat(strcat(strcat(want, "."), told), n > BERTH_TWIN_STEP_MAX ? "..." : "");
        }
        strcat(json, "4503599627370496}}}}}}}}}}}");
        strcat(want, ": an integer must lie between -4503599627370496 and 4503599627370495");
        fresh(&d);
        CHECK(json, berth_twin_report(&d, berth_str_of(json), T1, &arena, &why) == BERTH_E_RANGE);
        CHECK(want, is_text(why.message, want));
    }
}

/* ---- versions, etag, times ---- */

static void test_versions(void **state)
{
    struct berth_hub_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("tags", update(&d, "{\"tags\":{\"a\":1}}", false, T1) == BERTH_OK);
    CHECK("tags: twin only", d.desired.version == 1 && d.twin_version == 2 && d.twin_revision == 2);
    CHECK("desired", update(&d, "{\"properties\":{\"desired\":{\"a\":1}}}", false, T1) == BERTH_OK);
    CHECK("desired: its own and the twin's",
          d.desired.version == 2 && d.twin_version == 3 && d.twin_revision == 3);
    CHECK("both", update(&d, "{\"tags\":{\"a\":2},\"properties\":{\"desired\":{\"a\":2}}}", false,
                         T1) == BERTH_OK);
    CHECK("both: once", d.desired.version == 3 && d.twin_version == 4 && d.twin_revision == 4);
    CHECK("nothing new", update(&d, "{\"tags\":{\"a\":2},\"properties\":{\"desired\":{\"a\":2}}}",
                                true, T2) == BERTH_OK);
    CHECK("nothing new: nothing grows",
          d.desired.version == 3 && d.twin_version == 4 && d.twin_revision == 4);
    CHECK("nothing new: same time", d.desired.updated_ms == T1);
    CHECK("report", berth_twin_report(&d, BERTH_STR("{\"r\":1}"), T2, &arena, &why) == BERTH_OK);
    CHECK("report: not the etag", d.reported.version == 2 && d.twin_version == 5 &&
                                      d.twin_revision == 4 && d.desired.version == 3);
    CHECK("reported from the service is ignored",
          update(&d, "{\"properties\":{\"reported\":{\"r\":2}},\"deviceId\":7}", true, T2) ==
              BERTH_OK);
    CHECK("reported is as it was", is_text(d.reported.values, "{\"r\":1}"));
    CHECK("put leaves sections that are not there",
          is_text(d.tags, "{\"a\":2}") && is_text(d.desired.values, "{\"a\":2}"));
    CHECK("identity's etag stays", d.identity_revision == 1);
}

static void test_report_removes(void **state)
{
    struct berth_hub_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("first", berth_twin_report(&d, BERTH_STR("{\"a\":{\"b\":1,\"c\":2},\"$version\":4}"), T1,
                                     &arena, &why) == BERTH_OK);
    CHECK("second", berth_twin_report(&d, BERTH_STR("{\"a\":{\"b\":null},\"n\":20.50}"), T2, &arena,
                                      &why) == BERTH_OK);
    CHECK("merged", is_text(d.reported.values, "{\"a\":{\"c\":2},\"n\":20.50}"));
    CHECK("version", d.reported.version == 3);
}

#define TWIN_HEAD(etag)                                                                            \
    "{\"deviceId\":\"dev\",\"etag\":\"" etag "\",\"deviceEtag\":\"AAAAAAAAAAE=\","                 \
    "\"status\":\"enabled\",\"statusUpdateTime\":\"0001-01-01T00:00:00Z\","                        \
    "\"connectionState\":\"Disconnected\",\"lastActivityTime\":\"0001-01-01T00:00:00Z\","          \
    "\"cloudToDeviceMessageCount\":0,\"authenticationType\":\"sas\","                              \
    "\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":null},"                \
    "\"modelId\":\"\","
#define TWIN_TAIL "},\"capabilities\":{\"iotEdge\":false}}"

static void test_documents(void **state)
{
    struct berth_hub_device d;
    struct berth_buf b;
    char text[256];

    (void)state;
    fresh(&d);
    CHECK("a new twin",
          is_text(document(&d),
                  TWIN_HEAD("AAAAAAAAAAE=") "\"version\":1,\"tags\":{},"
                                            "\"properties\":{\"desired\":{\"$metadata\":" AT0
                                            ",\"$version\":1},\"reported\":{\"$metadata\":" AT0
                                            ",\"$version\":1}" TWIN_TAIL));
    CHECK("first", update(&d,
                          "{\"tags\":{\"t\":[1]},\"properties\":{\"desired\":"
                          "{\"a\":1,\"o\":{\"p\":1,\"q\":{}},\"l\":[{\"x\":1}]}}}",
                          false, T1) == BERTH_OK);
    CHECK("second", update(&d, "{\"properties\":{\"desired\":{\"o\":{\"p\":2},\"n\":1.10}}}", false,
                           T2) == BERTH_OK);
    CHECK("unchanged properties keep their times",
          is_text(document(&d),
                  TWIN_HEAD("AAAAAAAAAAM=") "\"version\":3,\"tags\":{\"t\":[1]},"
                                            "\"properties\":{\"desired\":{\"$metadata\":" IN2
                                            "\"a\":" AT1 ",\"o\":" IN2 "\"p\":" AT2 ",\"q\":" AT1
                                            "},\"l\":" AT1 ",\"n\":" AT2 "},"
                                            "\"a\":1,\"o\":{\"p\":2,\"q\":{}},\"l\":[{\"x\":1}],"
                                            "\"n\":1.10,\"$version\":3},"
                                            "\"reported\":{\"$metadata\":" AT0
                                            ",\"$version\":1}" TWIN_TAIL));
    berth_buf_init(&b, text, sizeof text);
    berth_twin_device_put(&b, &d);
    CHECK("what the device reads",
          is_text(berth_buf_str(&b),
                  "{\"desired\":{\"a\":1,\"o\":{\"p\":2,\"q\":{}},\"l\":[{\"x\":1}],\"n\":1.10,"
                  "\"$version\":3},\"reported\":{\"$version\":1}}"));
}

/* As another program may have written it into the database. */
static void test_empty_with_blanks(void **state)
{
    struct berth_hub_device d;
    struct berth_buf b;
    char text[256];

    (void)state;
    fresh(&d);
    d.desired.values = BERTH_STR("{ \t}");
    berth_buf_init(&b, text, sizeof text);
    berth_twin_device_put(&b, &d);
    CHECK(
        "no property, no comma",
        is_text(berth_buf_str(&b), "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"));
}

static const struct {
    const char *name, *patch;
    bool replace;
    const char *metadata;
} times[] = {
    { "a removal changes what was around it", "{\"o\":{\"p\":null}}", false,
      IN2 "\"a\":" AT1 ",\"o\":" IN2 "\"q\":" IN1 "\"r\":" AT1 "}},\"z\":" AT1 "}" },
    { "the same value keeps its time", "{\"a\":1,\"o\":{\"p\":1},\"n\":0}", false,
      IN2 "\"a\":" AT1 ",\"o\":" IN1 "\"p\":" AT0 ",\"q\":" IN1 "\"r\":" AT1 "}},\"z\":" AT1
          ",\"n\":" AT2 "}" },
    { "another spelling of a number is a change", "{\"a\":1.0}", false,
      IN2 "\"a\":" AT2 ",\"o\":" IN1 "\"p\":" AT0 ",\"q\":" IN1 "\"r\":" AT1 "}},\"z\":" AT1 "}" },
    { "a value in place of an object", "{\"o\":5}", false,
      IN2 "\"a\":" AT1 ",\"o\":" AT2 ",\"z\":" AT1 "}" },
    { "an object in place of a value", "{\"a\":{\"k\":{}}}", false,
      IN2 "\"a\":" IN2 "\"k\":" AT2 "},\"o\":" IN1 "\"p\":" AT0 ",\"q\":" IN1 "\"r\":" AT1
          "}},\"z\":" AT1 "}" },
    { "put keeps the times of what stays", "{\"z\":\"s\",\"o\":{\"q\":{\"r\":3},\"p\":1}}", true,
      IN2 "\"o\":" IN2 "\"p\":" AT0 ",\"q\":" IN2 "\"r\":" AT2 "}},\"z\":" AT1 "}" },
};

static void test_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct berth_hub_device d;
        char json[1024];
        berth_str got;

        fresh(&d);
        CHECK(times[i].name, update(&d,
                                    "{\"properties\":{\"desired\":{\"a\":0,\"o\":{\"p\":1,"
                                    "\"q\":{\"r\":0}},\"z\":\"r\"}}}",
                                    false, T0) == BERTH_OK);
        CHECK(times[i].name,
              update(&d,
                     "{\"properties\":{\"desired\":{\"a\":1,\"o\":{\"q\":{\"r\":2}},\"z\":\"s\"}}}",
                     false, T1) == BERTH_OK);
        wrap(json, sizeof json, "{\"properties\":{\"desired\":", times[i].patch, "}}");
        CHECK(times[i].name, update(&d, json, times[i].replace, T2) == BERTH_OK);
        got = document(&d);
        wrap(json, sizeof json, "\"desired\":{\"$metadata\":", times[i].metadata, "");
        CHECK(times[i].name, memmem(got.p, got.n, json, strlen(json)) != NULL);
    }
}

/* A clock that went back, a gap of years, a long run: the times come back as they went in. */
static void test_times_text(void **state)
{
    static const int64_t list[] = { T0, T0, T0, T1, T1 + 5, T1, 0, 0, -1, T0 + 999999999999, T1 };
    struct berth__twin_times t;
    struct berth_buf b;
    char text[128];

    (void)state;
    berth_buf_init(&b, text, sizeof text);
    berth__twin_times_put(&b, T1, list, ARRAY_LEN(list));
    CHECK("short text", !b.over && b.n < 60);
    berth__twin_times_begin(&t, berth_buf_str(&b), T1);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        CHECK("time", berth__twin_times_next(&t) == list[i]);
    CHECK("after the last, the section's", berth__twin_times_next(&t) == T1);

    berth_buf_reset(&b);
    berth__twin_times_put(&b, T1, (int64_t[]){ T1, T1 }, 2);
    CHECK("all the section's: nothing to tell", b.n == 0);
    berth__twin_times_begin(&t, BERTH_STR("?*~ __________________ A*!"), T1);
    for (size_t i = 0; i < 4; i++)
        CHECK("damaged text is the section's time", berth__twin_times_next(&t) == T1);
}

/* ---- rules and bounds ---- */

/* JSON is HEAD, then FILL COUNT times, then TAIL. */
static const struct {
    const char *name, *head, *fill;
    size_t count;
    const char *tail;
    enum berth_reason want;
    const char *message;
} rules[] = {
#define TAGS(x)    "{\"tags\":" x
#define DESIRED(x) "{\"properties\":{\"desired\":" x
#define OK         BERTH_WHY_NONE, ""
    { "longest name", TAGS("{\""), "n", 1024, "\":1}}", OK },
    { "name too long", TAGS("{\""), "n", 1025, "\":1}}", BERTH_WHY_REQUEST_INVALID,
      "tags.nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...: a name may have "
      "at "
      "most 1024 bytes" },
    { "longest name of two-byte characters", TAGS("{\""), "\xc3\xa9", 512, "\":1}}", OK },
    { "the same, escaped", TAGS("{\""), "\\u00e9", 512, "\":1}}", OK },
    { "one character more", TAGS("{\""), "\\u00e9", 513, "\":1}}", BERTH_WHY_REQUEST_INVALID,
      NULL },
    { "dot in a name", TAGS("{\"a.b\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "tags.a.b: a name must not have '.', '$', spaces or control characters" },
    { "DEL in a name", TAGS("{\"a\x7f\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "U+0080 in a name", TAGS("{\"\xc2\x80\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "U+00A0 in a name", TAGS("{\"\xc2\xa0\":1}}"), "", 0, "", OK },
    { "dollar in a name", DESIRED("{\"o\":{\"$a\":1}}}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "properties.desired.o.$a: a name must not have '.', '$', spaces or control characters" },
    { "$version below the root", TAGS("{\"o\":{\"$version\":1}}}"), "", 0, "",
      BERTH_WHY_REQUEST_INVALID, NULL },
    { "space in a name", TAGS("{\"a b\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "escaped dot", TAGS("{\"a\\u002eb\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "control character", TAGS("{\"a\\u0001\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "control character of C1", TAGS("{\"a\\u0085\":1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID,
      NULL },
    { "just past C1", TAGS("{\"a\\u00a1\":1}}"), "", 0, "", OK },
    { "bad name of a null", TAGS("{\"a b\":null}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "bad name in an array", TAGS("{\"a\":[0,{\"b c\":1}]}}"), "", 0, "",
      BERTH_WHY_REQUEST_INVALID,
      "tags.a[1].b c: a name must not have '.', '$', spaces or control characters" },
    { "longest string", TAGS("{\"a\":\""), "s", 4096, "\"}}", OK },
    { "string too long", TAGS("{\"a\":\""), "s", 4097, "\"}}", BERTH_WHY_REQUEST_INVALID,
      "tags.a: a string may have at most 4096 bytes" },
    { "escapes count decoded", DESIRED("{\"a\":\""), "\\u0041", 4096, "\"}}}", OK },
    { "escapes count decoded, too long", DESIRED("{\"a\":\""), "\\u0041", 4097, "\"}}}",
      BERTH_WHY_REQUEST_INVALID, NULL },
    { "string in an array", TAGS("{\"a\":[\""), "s", 4097, "\"]}}", BERTH_WHY_REQUEST_INVALID,
      "tags.a[0]: a string may have at most 4096 bytes" },
    { "deepest", TAGS(""), "{\"o\":", 10, "{}}}}}}}}}}}}", OK },
    { "too deep", TAGS(""), "{\"o\":", 11, "{}}}}}}}}}}}}}", BERTH_WHY_REQUEST_INVALID,
      "tags.o.o.o.o.o.o.o.o.o.o.o: at most 10 levels may be nested" },
    { "deepest array", TAGS("{\"a\":"), "[", 10, "]]]]]]]]]]}}", OK },
    { "array too deep", TAGS("{\"a\":"), "[", 11, "]]]]]]]]]]]}}", BERTH_WHY_REQUEST_INVALID,
      NULL },
    { "smallest integer", TAGS("{\"a\":-4503599627370496}}"), "", 0, "", OK },
    { "one below", TAGS("{\"a\":-4503599627370497}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "tags.a: an integer must lie between -4503599627370496 and 4503599627370495" },
    { "greatest integer", TAGS("{\"a\":4503599627370495}}"), "", 0, "", OK },
    { "one above", TAGS("{\"a\":4503599627370496}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID, NULL },
    { "twenty digits", TAGS("{\"a\":[12345678901234567890]}}"), "", 0, "",
      BERTH_WHY_REQUEST_INVALID, NULL },
    { "tags at their bound", TAGS("{\"a\":["), "12,", 2727, "123]}}", OK },
    { "tags one byte over", TAGS("{\"a\":["), "12,", 2727, "1234]}}", BERTH_WHY_TWIN_TOO_LARGE,
      "tags: at most 8192 bytes of JSON without blanks are allowed" },
    { "blanks do not count", TAGS("{\"a\":["), "12 , ", 2727, "123]}}", OK },
    { "desired at its bound", DESIRED("{\"a\":["), "12,", 10919, "123]}}}", OK },
    { "desired one byte over", DESIRED("{\"a\":["), "12,", 10919, "1234]}}}",
      BERTH_WHY_TWIN_TOO_LARGE,
      "properties.desired: at most 32768 bytes of JSON without blanks are allowed" },
    { "tags are an array", TAGS("[]}"), "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "tags must be an object" },
    { "desired is a number", DESIRED("1}}"), "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "properties.desired must be an object" },
    { "properties is a number", "{\"properties\":1}", "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "properties must be an object" },
    { "properties is null", "{\"properties\":null}", "", 0, "", OK },
    { "an array", "[]", "", 0, "", BERTH_WHY_REQUEST_INVALID, "the body must be a JSON object" },
    { "not JSON", "{\"tags\":{},}", "", 0, "", BERTH_WHY_REQUEST_INVALID,
      "the body is not valid JSON at byte 11" },
    { "nothing", "", "", 0, "", BERTH_WHY_REQUEST_INVALID, "the body is not valid JSON at byte 0" },
};

static char *filled(const char *head, const char *fill, size_t count, const char *tail)
{
    size_t h = strlen(head), f = strlen(fill), t = strlen(tail);
    char *out = malloc(h + f * count + t + 1);

    memcpy(out, head, h);
    for (size_t i = 0; i < count; i++)
        memcpy(out + h + i * f, fill, f);
    memcpy(out + h + f * count, tail, t + 1);
    return out;
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        char *json = filled(rules[i].head, rules[i].fill, rules[i].count, rules[i].tail);
        struct berth_hub_device d, before;
        struct berth_refusal why;
        berth_err e;

        fresh(&d);
        before = d;
        e = berth_twin_update(&d, berth_str_of(json), false, T1, &arena, &why);
        CHECK(rules[i].name, (e == BERTH_OK) == (rules[i].want == BERTH_WHY_NONE));
        CHECK(rules[i].name, why.reason == rules[i].want);
        if (rules[i].message != NULL)
            CHECK(rules[i].name, is_text(why.message, rules[i].message));
        if (e != BERTH_OK)
            CHECK(rules[i].name, memcmp(&d, &before, sizeof d) == 0);
        free(json);
    }
}

static void test_reported_bound(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        char *json = filled("{\"a\":[", "12,", 10919, over ? "1234]}" : "123]}");
        struct berth_hub_device d;
        struct berth_refusal why;
        berth_err e;

        fresh(&d);
        e = berth_twin_report(&d, berth_str_of(json), T1, &arena, &why);
        CHECK("reported", e == (over ? BERTH_E_RANGE : BERTH_OK));
        CHECK("reported", why.reason == (over ? BERTH_WHY_TWIN_TOO_LARGE : BERTH_WHY_NONE));
        CHECK("reported", is_text(d.reported.values, over ? "{}" : json));
        free(json);
    }
}

/* HEAD, COUNT names of three characters that begin with PREFIX, TAIL. */
static char *many_names(const char *head, char prefix, size_t count, const char *tail)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char *out = filled(head, "\"pxx\":1,", count, tail);
    char *at = out + strlen(head);

    for (size_t i = 0; i < count; i++, at += strlen("\"pxx\":1,")) {
        at[1] = prefix;
        at[2] = digits[i / 52];
        at[3] = digits[i % 52];
    }
    at[-1] = ' '; /* the last comma */
    return out;
}

/* What one patch may hold, two together may not: the reader could not read the record again. */
static void test_names_bound(void **state)
{
    static const struct {
        const char *name, *head;
        size_t first, second;
        const char *tail;
        berth_err want;
    } rows[] = {
        { "as many as may be", "{", 600, 400, "}", BERTH_OK },
        { "one more", "{", 600, 401, "}", BERTH_E_RANGE },
        { "as many as may be on one way", "{\"o\":{", 800, 599, "}}", BERTH_OK },
        { "one more on the way", "{\"o\":{", 800, 600, "}}", BERTH_E_RANGE },
        { "as many as may be in an array", "{\"o\":[0,{", 800, 599, "}]}", BERTH_OK },
        { "one more in an array", "{\"o\":[0,{", 800, 600, "}]}", BERTH_E_RANGE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *first = many_names("{", 'p', rows[i].first, "}");
        char *second = many_names(rows[i].head, 'q', rows[i].second, rows[i].tail);
        struct berth_hub_device d;
        struct berth_refusal why;

        fresh(&d);
        CHECK(rows[i].name,
              berth_twin_report(&d, berth_str_of(first), T1, &arena, &why) == BERTH_OK);
        CHECK(rows[i].name,
              berth_twin_report(&d, berth_str_of(second), T2, &arena, &why) == rows[i].want);
        if (rows[i].want != BERTH_OK)
            CHECK(rows[i].name,
                  is_text(why.message, "properties.reported: at most 1000 names in one "
                                       "object, 1400 in it and those around it"));
        free(first);
        free(second);
    }
}

/* Names in objects that are closed do not count. */
static void test_names_beside(void **state)
{
    char *second = many_names("},\"p\":{", 'q', 800, "}}");
    char *json = many_names("{\"o\":{", 'p', 800, second);
    struct berth_hub_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("new", berth_twin_report(&d, berth_str_of(json), T1, &arena, &why) == BERTH_OK);
    CHECK("merged", berth_twin_report(&d, berth_str_of(json), T2, &arena, &why) == BERTH_OK);
    CHECK("once", d.reported.version == 2);
    free(json);
    free(second);
}

/* ---- whole documents put back ---- */

static void test_put_back(void **state)
{
    struct berth_hub_device d;
    struct berth_refusal why;
    berth_str fetched;

    (void)state;
    fresh(&d);
    CHECK("desired",
          update(&d, "{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"a\":{\"b\":1}}}}", false,
                 T1) == BERTH_OK);
    CHECK("reported", berth_twin_report(&d, BERTH_STR("{\"r\":1}"), T1, &arena, &why) == BERTH_OK);
    fetched = document(&d);
    CHECK("put back", berth_twin_update(&d, fetched, true, T2, &arena, &why) == BERTH_OK);
    CHECK("nothing changed", d.twin_revision == 2 && d.desired.version == 2);
    CHECK("patched back", berth_twin_update(&d, fetched, false, T2, &arena, &why) == BERTH_OK);
    CHECK("still nothing", d.twin_revision == 2 && is_text(d.desired.values, "{\"a\":{\"b\":1}}"));
}

/* A full twin of many names must come back through our own reader. */
static void test_put_back_full(void **state)
{
    char *names = many_names("{", 'p', 1000, "}");
    struct berth_hub_device d;
    struct berth_refusal why;
    berth_str fetched;

    (void)state;
    fresh(&d);
    CHECK("reported", berth_twin_report(&d, berth_str_of(names), T1, &arena, &why) == BERTH_OK);
    fetched = document(&d);
    CHECK("put back", berth_twin_update(&d, fetched, true, T2, &arena, &why) == BERTH_OK);
    free(names);
}

/* ---- reset ---- */

static void test_reset(void **state)
{
    struct berth_hub_device d;
    struct berth_refusal why;

    (void)state;
    fresh(&d);
    CHECK("desired", update(&d, "{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"a\":1}}}",
                            false, T0) == BERTH_OK);
    CHECK("reported", berth_twin_report(&d, BERTH_STR("{\"r\":1}"), T0, &arena, &why) == BERTH_OK);
    CHECK("reset", berth_twin_reset(&d,
                                    BERTH_STR("{\"tags\":{\"k\":1.10},\"properties\":{\"desired\":"
                                              "{\"a\":{\"x\":null,\"y\":2}}}}"),
                                    T1, &arena, &why) == BERTH_OK);
    CHECK("tags", is_text(d.tags, "{\"k\":1.10}"));
    CHECK("desired", is_text(d.desired.values, "{\"a\":{\"y\":2}}") && d.desired.version == 1);
    CHECK("reported", is_text(d.reported.values, "{}") && d.reported.version == 1);
    CHECK("times",
          d.desired.updated_ms == T1 && d.desired.times.n == 0 && d.reported.updated_ms == T1);
    CHECK("twin", d.twin_version == 1 && d.twin_revision == 3);
    CHECK("to nothing", berth_twin_reset(&d, (berth_str){ 0 }, T2, &arena, &why) == BERTH_OK);
    CHECK("empty", is_text(d.tags, "{}") && is_text(d.desired.values, "{}"));
    CHECK("null sections", berth_twin_reset(&d, BERTH_STR("{\"tags\":null,\"properties\":null}"),
                                            T2, &arena, &why) == BERTH_OK);
    CHECK("a rule broken", berth_twin_reset(&d, BERTH_STR("{\"tags\":{\"a b\":1}}"), T2, &arena,
                                            &why) == BERTH_E_RANGE);
    CHECK("reason", why.reason == BERTH_WHY_REQUEST_INVALID && d.twin_revision == 5);
}

/* ---- memory ---- */

#define SMALL_TWIN                                                                                 \
    "{\"tags\":{\"\\u0061\":\"\\u0062\"},\"properties\":{\"desired\":{\"o\":{\"\\u0070\":[1]},"    \
    "\"n\":null}}}"

/* Every size of arena either serves or says that it was too small, and leaves the device alone. */
static void test_small_arenas(void **state)
{
    size_t enough = 0;

    (void)state;
    for (size_t size = 0; size < 400000 && enough < 3; size += size < 500 ? 1 : 997) {
        void *exact = malloc(size + (size == 0));
        struct berth_hub_device d, before;
        struct berth_refusal why;
        struct berth_arena a;
        berth_err e;

        fresh(&d);
        before = d;
        berth_arena_init(&a, exact, size);
        e = berth_twin_update(&d, BERTH_STR(SMALL_TWIN), false, T1, &a, &why);
        CHECK("too small or served", e == BERTH_OK || e == BERTH_E_FULL);
        CHECK("once served, always served", e == BERTH_OK || enough == 0);
        CHECK("no reason", why.reason == BERTH_WHY_NONE);
        if (e == BERTH_OK)
            CHECK("served", is_text(d.desired.values, "{\"o\":{\"p\":[1]}}") && ++enough > 0);
        else
            CHECK("as before", memcmp(&d, &before, sizeof d) == 0);
        free(exact);
    }
    CHECK("some size is enough", enough == 3);
}

/* A change keeps no more of the arena than its texts, a refusal no more than its words. */
static void test_arena_use(void **state)
{
    struct berth_hub_device d;
    struct berth_refusal why;
    size_t before;

    (void)state;
    fresh(&d);
    before = arena.n;
    CHECK("update", update(&d, SMALL_TWIN, false, T1) == BERTH_OK);
    CHECK("little", arena.n - before < 200);
    before = arena.n;
    CHECK("refused", berth_twin_update(&d, BERTH_STR("{\"tags\":{\"a b\":1}}"), false, T1, &arena,
                                       &why) == BERTH_E_RANGE);
    CHECK("little", arena.n - before < 200);
}

/* A document that a refusal has no room to explain is still refused. */
static void test_refusal_without_room(void **state)
{
    struct berth_hub_device d;
    struct berth_refusal why;
    struct berth_arena a;

    (void)state;
    fresh(&d);
    berth_arena_init(&a, storage, 0);
    CHECK("refused", berth_twin_update(&d, BERTH_STR("[]"), false, T1, &a, &why) == BERTH_E_SYNTAX);
    CHECK("in the reason's words", is_text(why.message, "The request is not valid."));
}

static void test_prefixes(void **state)
{
    const char *good = SMALL_TWIN;
    size_t n = strlen(good);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char *copy = malloc(i + (i == 0));
        struct berth_hub_device d;
        struct berth_refusal why;

        memcpy(copy, good, i);
        fresh(&d);
        CHECK("prefix", berth_twin_update(&d, (berth_str){ copy, i }, false, T1, &arena, &why) ==
                            BERTH_E_SYNTAX);
        CHECK("prefix", why.reason == BERTH_WHY_REQUEST_INVALID && why.message.n > 0);
        free(copy);
    }
}

/* ---- against jansson ---- */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void put_random(struct berth_buf *b, unsigned depth);

static void put_random_object(struct berth_buf *b, unsigned depth)
{
    static const char *const names[] = { "a", "b", "c", "d", "\\u0065" };
    bool comma = false;

    berth_buf_put_char(b, '{');
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (draw(2) == 0)
            continue;
        if (comma)
            berth_buf_put(b, BERTH_STR(" ,"));
        comma = true;
        berth_buf_put_char(b, '"');
        berth_buf_put(b, berth_str_of(names[i]));
        berth_buf_put(b, BERTH_STR("\": "));
        put_random(b, depth);
    }
    berth_buf_put_char(b, '}');
}

static void put_random(struct berth_buf *b, unsigned depth)
{
    static const char *const leaves[] = { "null", "null", "true",  "1",   "-7",
                                          "1.5",  "\"\"", "\"x\"", "[1]", "[null, {\"z\": null}]" };

    if (depth > 0 && draw(2) == 0)
        put_random_object(b, depth - 1);
    else
        berth_buf_put(b, berth_str_of(leaves[draw(ARRAY_LEN(leaves))]));
}

/* RFC 7396 section 2, word for word. Owns TARGET (may be NULL), borrows PATCH. */
static json_t *merge_patch(json_t *target, json_t *patch)
{
    const char *name;
    json_t *value;

    if (!json_is_object(patch)) {
        json_decref(target);
        return json_deep_copy(patch);
    }
    if (!json_is_object(target)) {
        json_decref(target);
        target = json_object();
    }
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value))
            json_object_del(target, name);
        else
            json_object_set_new(target, name,
                                merge_patch(json_incref(json_object_get(target, name)), value));
    }
    return target;
}

static void test_against_jansson(void **state)
{
    static char patch_storage[65536];
    struct berth_hub_device d;
    struct berth_refusal why;
    struct berth_buf patch;
    json_t *oracle = json_object();

    (void)state;
    fresh(&d);
    seed = 1;
    for (unsigned round = 0; round < 4000; round++) {
        json_t *parsed, *got;
        berth_str values;

        if (round % 20 == 0) { /* the merged values live in the arena: start over */
            fresh(&d);
            json_decref(oracle);
            oracle = json_object();
        }
        berth_buf_init(&patch, patch_storage, sizeof patch_storage);
        put_random_object(&patch, 4);
        CHECK("report", berth_twin_report(&d, berth_buf_str(&patch), T1 + round % 1000, &arena,
                                          &why) == BERTH_OK);
        parsed = json_loadb(patch.p, patch.n, 0, NULL);
        CHECK("jansson reads it too", parsed != NULL);
        oracle = merge_patch(oracle, parsed);
        values = d.reported.values;
        got = json_loadb(values.p, values.n, 0, NULL);
        CHECK("merged as the RFC says", got != NULL && json_equal(got, oracle));
        json_decref(parsed);
        json_decref(got);
    }
    json_decref(oracle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),       cmocka_unit_test(test_longest_path),
        cmocka_unit_test(test_versions),    cmocka_unit_test(test_report_removes),
        cmocka_unit_test(test_documents),   cmocka_unit_test(test_empty_with_blanks),
        cmocka_unit_test(test_times),       cmocka_unit_test(test_times_text),
        cmocka_unit_test(test_rules),       cmocka_unit_test(test_reported_bound),
        cmocka_unit_test(test_names_bound), cmocka_unit_test(test_names_beside),
        cmocka_unit_test(test_put_back),    cmocka_unit_test(test_put_back_full),
        cmocka_unit_test(test_reset),       cmocka_unit_test(test_small_arenas),
        cmocka_unit_test(test_arena_use),   cmocka_unit_test(test_refusal_without_room),
        cmocka_unit_test(test_prefixes),    cmocka_unit_test(test_against_jansson),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
