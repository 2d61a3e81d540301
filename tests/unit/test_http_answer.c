#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/provisioning_wire.h"

#define OK     "HTTP/1.1 200 OK\r\n"
#define CHUNKS OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
    const char *name, *in;
    berth_err want;
    int status;
    const char *body;
    int retry_after_s;
} rows[] = {
    { "with length", OK "Content-Length: 2\r\n\r\nhi", BERTH_OK, 200, "hi", 0 },
    { "length 0", OK "Content-Length: 0\r\n\r\n", BERTH_OK, 200, "", 0 },
    { "names in any case, blanks around values",
      "HTTP/1.1 202 Accepted\r\ncontent-LENGTH:\t2 \r\nRETRY-after:3\r\n\r\nhi", BERTH_OK, 202,
      "hi", 3 },
    { "HTTP/1.0", "HTTP/1.0 401 No\r\nContent-Length: 1\r\n\r\nx", BERTH_OK, 401, "x", 0 },
    { "no words behind the code", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", BERTH_OK, 200, "",
      0 },
    { "204 needs no length", "HTTP/1.1 204 None\r\n\r\n", BERTH_OK, 204, "", 0 },
    { "retry-after of words", OK "Retry-After: soon\r\nContent-Length: 0\r\n\r\n", BERTH_OK, 200,
      "", 0 },
    { "interim answers",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK
      "Content-Length: 1\r\n\r\nx",
      BERTH_OK, 200, "x", 0 },
    { "chunks", CHUNKS "1\r\na\r\n0a\r\nbcdefghijk\r\n0\r\n\r\n", BERTH_OK, 200, "abcdefghijk", 0 },
    { "no chunk", CHUNKS "0\r\n\r\n", BERTH_OK, 200, "", 0 },
    { "chunks with extension and trailer", CHUNKS "1;a=b\r\nx\r\n00;c\r\nX: y\r\n\r\n", BERTH_OK,
      200, "x", 0 },
    { "not HTTP", "HELO there\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "HTTP/2", "HTTP/2 200 OK\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "two digits", "HTTP/1.1 20 OK\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "four digits", "HTTP/1.1 2000\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "status 99", "HTTP/1.1 099 x\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "status 600", "HTTP/1.1 600 x\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "lone CR in a header", OK "X: a\rb\r\nContent-Length: 0\r\n\r\n", BERTH_E_SYNTAX, 0, NULL,
      0 },
    { "blank before the colon", OK "Content-Length : 0\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "folded header", OK "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "header without colon", OK "Content-Length\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "no length", OK "\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "two lengths", OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", BERTH_E_SYNTAX, 0, NULL,
      0 },
    { "negative length", OK "Content-Length: -1\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "length and chunks", OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      BERTH_E_SYNTAX, 0, NULL, 0 },
    { "chunked twice",
      OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      BERTH_E_SYNTAX, 0, NULL, 0 },
    { "other encoding", OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", BERTH_E_SYNTAX, 0,
      NULL, 0 },
    { "bytes behind", OK "Content-Length: 1\r\n\r\nxy", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "bytes behind chunks", CHUNKS "0\r\n\r\nx", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "chunk without size", CHUNKS "\r\nx\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "chunk size is not hex", CHUNKS "g\r\nx\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "chunk size with sign", CHUNKS "-1\r\nx\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "chunk size of nine digits", CHUNKS "000000001\r\nx\r\n0\r\n\r\n", BERTH_E_SYNTAX, 0, NULL,
      0 },
    { "chunk longer than told", CHUNKS "1\r\nxy\r\n0\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "broken trailer", CHUNKS "0\r\nx\r\n\r\n", BERTH_E_SYNTAX, 0, NULL, 0 },
    { "largest length over the bound", OK "Content-Length: 16385\r\n\r\n", BERTH_E_RANGE, 0, NULL,
      0 },
    { "chunk over the bound", CHUNKS "4001\r\n", BERTH_E_RANGE, 0, NULL, 0 },
    { "chunk far over the bound", CHUNKS "ffffffff\r\n", BERTH_E_RANGE, 0, NULL, 0 },
};

/* N bytes of TEXT from a block of just that size. The body is copied out, for it lies in the block.
 */
static berth_err read_exact(const char *text, size_t n, struct berth__answer *out, char body[64],
                            bool *complete)
{
    char *block = malloc(n > 0 ? n : 1);
    berth_err e;

    memcpy(block, text, n);
    e = berth__http_answer_read(block, n, out, complete);
    snprintf(body, 64, "%.*s", (int)out->body.n, out->body.n > 0 ? out->body.p : "");
    free(block);
    return e;
}

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct berth__answer got;
        bool complete = false;
        char body[64];
        berth_err e = read_exact(rows[i].in, strlen(rows[i].in), &got, body, &complete);

        CHECK(rows[i].name, e == rows[i].want && (e != BERTH_OK || complete));
        if (e != BERTH_OK)
            continue;
        CHECK(rows[i].name, got.status == rows[i].status && strcmp(body, rows[i].body) == 0);
        CHECK(rows[i].name, got.retry_after_s == rows[i].retry_after_s);
    }
}

/* A prefix of a good answer is never an error and never an answer. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows) && rows[i].want == BERTH_OK; i++) {
        for (size_t n = 0; n < strlen(rows[i].in); n++) {
            struct berth__answer got;
            bool complete = true;
            char body[64];

            CHECK(rows[i].name, read_exact(rows[i].in, n, &got, body, &complete) == BERTH_OK);
            CHECK(rows[i].name, !complete);
        }
    }
}

static void test_largest_length(void **state)
{
    static const char head[] = OK "Content-Length: 16384\r\n\r\n";
    struct berth__answer got;
    bool complete = true;
    char body[64];

    (void)state;
    CHECK("at the bound",
          read_exact(head, sizeof head - 1, &got, body, &complete) == BERTH_OK && !complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_largest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
