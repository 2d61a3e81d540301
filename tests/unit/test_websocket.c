/* WebSocket framing: heads in every form, prefixes, masks, close frames, handshake fields. */
#include <stdlib.h>
#include <string.h>

#include "unit/check.h"
#include "wire/websocket.h"

#define MAX  70000
#define MASK "\x01\x02\x03\x04"
#define LIT(bytes)                                                                                 \
    {                                                                                              \
        "" bytes, sizeof(bytes) - 1                                                                \
    }

enum side { CLIENT = 1, SERVER = 2, INSIDE = 4 }; /* who sends it; a message is under way */

static struct berth_ws_rules rules_of(int side)
{
    return (struct berth_ws_rules){ MAX, (side & CLIENT) != 0, (side & INSIDE) != 0 };
}

/* A copy of exact size, so that a sanitizer sees overreads. */
static berth_err read_exact(berth_str bytes, int side, struct berth_ws_head *h, size_t *used)
{
    struct berth_ws_rules rules = rules_of(side);
    char *block = malloc(bytes.n > 0 ? bytes.n : 1);

    assert_non_null(block);
    if (bytes.n > 0)
        memcpy(block, bytes.p, bytes.n);
    berth_err e = berth_ws_head_read((berth_str){ block, bytes.n }, &rules, h, used);
    free(block);
    return e;
}

static const struct {
    const char *name;
    berth_str bytes;
    int side;
    enum berth_ws_opcode opcode;
    bool fin;
    size_t payload_n;
} good[] = {
    /* as recorded: C, Node, Python */
    { "C SDK, CONNECT", LIT("\x82\xfe\x00\xf2\xd7\x38\xb9\xf0"), CLIENT, BERTH_WS_BINARY, true,
      242 },
    { "C SDK, SUBSCRIBE", LIT("\x82\x9f\xbe\xc7\x6f\x13"), CLIENT, BERTH_WS_BINARY, true, 31 },
    { "Node, one byte", LIT("\x82\x81\xd4\x8b\x0b\x13"), CLIENT, BERTH_WS_BINARY, true, 1 },
    { "Node, 105 bytes", LIT("\x82\xe9\x93\x03\xbb\xa7"), CLIENT, BERTH_WS_BINARY, true, 105 },
    { "Python, CONNECT", LIT("\x82\xfe\x01\x43\x39\xab\xa3\x96"), CLIENT, BERTH_WS_BINARY, true,
      323 },
    /* RFC 6455 section 5.7 */
    { "text, unmasked", LIT("\x81\x05"), SERVER, BERTH_WS_TEXT, true, 5 },
    { "text, masked", LIT("\x81\x85\x37\xfa\x21\x3d"), CLIENT, BERTH_WS_TEXT, true, 5 },
    { "first fragment", LIT("\x01\x03"), SERVER, BERTH_WS_TEXT, false, 3 },
    { "last fragment", LIT("\x80\x02"), SERVER | INSIDE, BERTH_WS_CONTINUATION, true, 2 },
    { "ping", LIT("\x89\x05"), SERVER, BERTH_WS_PING, true, 5 },
    { "pong, masked", LIT("\x8a\x85\x37\xfa\x21\x3d"), CLIENT, BERTH_WS_PONG, true, 5 },
    { "256 bytes", LIT("\x82\x7e\x01\x00"), SERVER, BERTH_WS_BINARY, true, 256 },
    { "64 KiB", LIT("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), SERVER, BERTH_WS_BINARY, true,
      65536 },
    /* bounds */
    { "empty", LIT("\x82\x00"), SERVER, BERTH_WS_BINARY, true, 0 },
    { "empty, masked", LIT("\x82\x80" MASK), CLIENT, BERTH_WS_BINARY, true, 0 },
    { "longest of one byte", LIT("\x82\x7d"), SERVER, BERTH_WS_BINARY, true, 125 },
    { "shortest of two", LIT("\x82\x7e\x00\x7e"), SERVER, BERTH_WS_BINARY, true, 126 },
    { "longest of two", LIT("\x82\x7e\xff\xff"), SERVER, BERTH_WS_BINARY, true, 65535 },
    { "at the bound", LIT("\x82\xff\x00\x00\x00\x00\x00\x01\x11\x70" MASK), CLIENT, BERTH_WS_BINARY,
      true, MAX },
    { "longest control frame", LIT("\x88\xfd" MASK), CLIENT, BERTH_WS_CLOSE, true, 125 },
    { "control frame between fragments", LIT("\x89\x80" MASK), CLIENT | INSIDE, BERTH_WS_PING, true,
      0 },
    { "middle fragment", LIT("\x00\x81" MASK), CLIENT | INSIDE, BERTH_WS_CONTINUATION, false, 1 },
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct berth_ws_head h;
        char text[BERTH_WS_HEAD_MAX];
        struct berth_buf b;
        size_t used;

        CHECK(good[i].name, read_exact(good[i].bytes, good[i].side, &h, &used) == BERTH_OK);
        CHECK(good[i].name, used == good[i].bytes.n);
        CHECK(good[i].name, h.opcode == good[i].opcode && h.fin == good[i].fin);
        CHECK(good[i].name, h.masked == ((good[i].side & CLIENT) != 0));
        CHECK(good[i].name, h.payload_n == good[i].payload_n);
        CHECK(good[i].name, !h.masked || memcmp(h.mask, good[i].bytes.p + used - 4, 4) == 0);
        berth_buf_init(&b, text, sizeof text);
        berth_ws_head_put(&b, &h);
        CHECK(good[i].name, !b.over && berth_str_eq(berth_buf_str(&b), good[i].bytes));
    }
}

/* Every prefix wants more; what stands behind a head is not touched. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct berth_ws_head h;
        char longer[BERTH_WS_HEAD_MAX + 1];
        size_t n = good[i].bytes.n, used;

        for (size_t cut = 0; cut < n; cut++) {
            berth_str part = berth_str_sub(good[i].bytes, 0, cut);
            CHECK(good[i].name, read_exact(part, good[i].side, &h, &used) == BERTH_OK && used == 0);
        }
        memcpy(longer, good[i].bytes.p, n);
        longer[n] = '\xff';
        CHECK(good[i].name,
              read_exact((berth_str){ longer, n + 1 }, good[i].side, &h, &used) == BERTH_OK &&
                  used == n);
    }
}

/* The last byte is the one that tells. */
static const struct {
    const char *name;
    berth_str bytes;
    int side;
    berth_err want;
} bad[] = {
    { "reserved bit 1, as of compression", LIT("\xc2"), CLIENT, BERTH_E_SYNTAX },
    { "reserved bit 2", LIT("\xa2"), CLIENT, BERTH_E_SYNTAX },
    { "reserved bit 3", LIT("\x92"), CLIENT, BERTH_E_SYNTAX },
    { "opcode 3", LIT("\x83"), CLIENT, BERTH_E_SYNTAX },
    { "opcode 7", LIT("\x87"), CLIENT, BERTH_E_SYNTAX },
    { "opcode 11", LIT("\x8b"), CLIENT, BERTH_E_SYNTAX },
    { "opcode 15", LIT("\x8f"), CLIENT, BERTH_E_SYNTAX },
    { "fragmented ping", LIT("\x09"), CLIENT, BERTH_E_SYNTAX },
    { "fragmented close", LIT("\x08"), CLIENT | INSIDE, BERTH_E_SYNTAX },
    { "continuation of nothing", LIT("\x80"), CLIENT, BERTH_E_SYNTAX },
    { "new message inside another", LIT("\x82"), CLIENT | INSIDE, BERTH_E_SYNTAX },
    { "new text inside another", LIT("\x01"), CLIENT | INSIDE, BERTH_E_SYNTAX },
    { "client without mask", LIT("\x82\x01"), CLIENT, BERTH_E_SYNTAX },
    { "server with mask", LIT("\x82\x81"), SERVER, BERTH_E_SYNTAX },
    { "control frame of 126 bytes", LIT("\x89\xfe"), CLIENT, BERTH_E_SYNTAX },
    { "control frame of eight bytes' length", LIT("\x88\xff"), CLIENT, BERTH_E_SYNTAX },
    { "125 in two bytes", LIT("\x82\xfe\x00\x7d"), CLIENT, BERTH_E_SYNTAX },
    { "65535 in eight bytes", LIT("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"), CLIENT,
      BERTH_E_SYNTAX },
    { "over the bound by one", LIT("\x82\xff\x00\x00\x00\x00\x00\x01\x11\x71"), CLIENT,
      BERTH_E_RANGE },
    { "a length beyond 32 bits", LIT("\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00"), CLIENT,
      BERTH_E_RANGE },
    { "the longest length", LIT("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), CLIENT,
      BERTH_E_RANGE },
    { "a length with the top bit", LIT("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"), CLIENT,
      BERTH_E_SYNTAX },
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct berth_ws_head h;
        berth_str before = berth_str_sub(bad[i].bytes, 0, bad[i].bytes.n - 1);
        size_t used = 1;

        CHECK(bad[i].name, read_exact(before, bad[i].side, &h, &used) == BERTH_OK && used == 0);
        CHECK(bad[i].name, read_exact(bad[i].bytes, bad[i].side, &h, &used) == bad[i].want);
        CHECK(bad[i].name, used == 0 && h.payload_n == 0);
    }
}

static void test_bound_of_two_bytes(void **state)
{
    struct berth_ws_rules rules = { 200, false, false };
    struct berth_ws_head h;
    size_t used;

    (void)state;
    assert_int_equal(berth_ws_head_read(BERTH_STR("\x82\x7e\x00\xc8"), &rules, &h, &used),
                     BERTH_OK);
    assert_int_equal(berth_ws_head_read(BERTH_STR("\x82\x7e\x00\xc9"), &rules, &h, &used),
                     BERTH_E_RANGE);
    rules.payload_max = 10; /* of data: a control frame has its own */
    assert_int_equal(berth_ws_head_read(BERTH_STR("\x82\x0b"), &rules, &h, &used), BERTH_E_RANGE);
    assert_int_equal(berth_ws_head_read(BERTH_STR("\x89\x0b"), &rules, &h, &used), BERTH_OK);
}

static void test_mask(void **state)
{
    static const uint8_t mask[] = { 0x37, 0xfa, 0x21, 0x3d };
    uint8_t text[] = { 0x7f, 0x9f, 0x4d, 0x51, 0x58 }, again[5]; /* RFC 6455 section 5.7 */

    (void)state;
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        berth_ws_mask(again, text, cut, mask, 0);
        berth_ws_mask(again + cut, text + cut, sizeof text - cut, mask, cut);
        assert_memory_equal(again, "Hello", sizeof again);
    }
    berth_ws_mask(text, text, sizeof text, mask, 0);
    assert_memory_equal(text, "Hello", sizeof text);
}

static const struct {
    const char *name;
    berth_str payload;
    berth_err want;
    uint16_t code;
} closes[] = {
    { "none", LIT(""), BERTH_OK, 0 },
    { "one byte", LIT("\x03"), BERTH_E_SYNTAX, 0 },
    { "normal", LIT("\x03\xe8"), BERTH_OK, 1000 },
    { "going away, with a reason", LIT("\x03\xe9gr\xc3\xbc\xc3\x9f"), BERTH_OK, 1001 },
    { "a reason that is not UTF-8", LIT("\x03\xe8\xc3"), BERTH_E_SYNTAX, 0 },
    { "999", LIT("\x03\xe7"), BERTH_E_SYNTAX, 0 },
    { "0", LIT("\x00\x00"), BERTH_E_SYNTAX, 0 },
    { "1003", LIT("\x03\xeb"), BERTH_OK, 1003 },
    { "1004, reserved", LIT("\x03\xec"), BERTH_E_SYNTAX, 0 },
    { "1005, never sent", LIT("\x03\xed"), BERTH_E_SYNTAX, 0 },
    { "1006, never sent", LIT("\x03\xee"), BERTH_E_SYNTAX, 0 },
    { "1007", LIT("\x03\xef"), BERTH_OK, 1007 },
    { "1014", LIT("\x03\xf6"), BERTH_OK, 1014 },
    { "1015, never sent", LIT("\x03\xf7"), BERTH_E_SYNTAX, 0 },
    { "2999", LIT("\x0b\xb7"), BERTH_E_SYNTAX, 0 },
    { "3000", LIT("\x0b\xb8"), BERTH_OK, 3000 },
    { "4999", LIT("\x13\x87"), BERTH_OK, 4999 },
    { "5000", LIT("\x13\x88"), BERTH_E_SYNTAX, 0 },
};

static void test_close(void **state)
{
    char text[8];
    struct berth_buf b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(closes); i++) {
        size_t n = closes[i].payload.n;
        char *block = malloc(n > 0 ? n : 1);
        uint16_t code = 1;

        assert_non_null(block);
        memcpy(block, closes[i].payload.p, n);
        CHECK(closes[i].name,
              berth_ws_close_read((berth_str){ block, n }, &code) == closes[i].want);
        free(block);
        CHECK(closes[i].name, code == closes[i].code);
    }
    berth_buf_init(&b, text, sizeof text);
    berth_ws_close_put(&b, BERTH_WS_TOO_BIG);
    berth_ws_close_put(&b, 0);
    assert_true(berth_str_eq(berth_buf_str(&b), BERTH_STR("\x88\x02\x03\xf1\x88\x00")));
}

static void test_fields(void **state)
{
    static const struct {
        const char *list, *token;
        bool want;
    } lists[] = {
        { "websocket", "websocket", true },
        { "WebSocket", "websocket", true },
        { "keep-alive, Upgrade", "upgrade", true },
        { "keep-alive ,\tUPGRADE ,x", "upgrade", true },
        { "upgraded", "upgrade", false },
        { "up grade", "upgrade", false },
        { "", "upgrade", false },
        { ",,", "upgrade", false },
    };
    static const struct {
        const char *key;
        bool want;
    } keys[] = {
        { "dGhlIHNhbXBsZSBub25jZQ==", true },
        { "dGhlIHNhbXBsZSBub25jZQ=", false },
        { "dGhlIHNhbXBsZSBub25j", false },
        { "dGhlIHNhbXBsZSBub25jZWE=", false },
        { "dGhlIHNhbXBsZSBub25jZR==", false },
        { "dGhlIHNhbXBsZSBub25j*Q==", false },
        { "", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        CHECK(lists[i].list, berth_ws_list_has(berth_str_of(lists[i].list),
                                               berth_str_of(lists[i].token)) == lists[i].want);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        CHECK(keys[i].key, berth_ws_key_is_valid(berth_str_of(keys[i].key)) == keys[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_bad),    cmocka_unit_test(test_bound_of_two_bytes),
        cmocka_unit_test(test_mask),   cmocka_unit_test(test_close),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
