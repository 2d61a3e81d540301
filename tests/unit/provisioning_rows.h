/* provisioning_rows.h - registrations as a service may play them, and how each must end. */
#ifndef TESTS_UNIT_PROVISIONING_ROWS_H
#define TESTS_UNIT_PROVISIONING_ROWS_H

#include "berth/provisioning.h"

/* ---- what the service says ---- */

#define ASSIGNED                                                                                   \
    "{\"operationId\":\"5.0a\",\"status\":\"assigned\",\"registrationState\":{"                    \
    "\"registrationId\":\"dev1\",\"assignedHub\":\"hub.example\",\"deviceId\":\"dev-1\","          \
    "\"status\":\"assigned\",\"substatus\":\"initialAssignment\"}}"
#define ASSIGNING "{\"operationId\":\"5.0a\",\"status\":\"assigning\"}"
#define REFUSED                                                                                    \
    "{\"errorCode\":401002,\"trackingId\":\"t-1\",\"message\":\"Unauthorized\","                   \
    "\"timestampUtc\":\"2024-01-02T03:04:05.0000000Z\"}"
#define DISABLED                                                                                   \
    "{\"operationId\":\"5.0a\",\"status\":\"disabled\",\"registrationState\":{"                    \
    "\"status\":\"disabled\",\"errorCode\":401003,\"errorMessage\":\"The enrollment is "           \
    "disabled.\"}}"
#define PAGE "<html>"
#define BUSY "{\"errorCode\":503001,\"message\":\"Try again.\"}"

enum reply_type {
    END = 0, /* the service closes */
    SILENCE, /* it never answers */
    HTTP,
    CHUNKED,
    CONNACK,
    SUBACK,
    PUBACK,
    ANSWER, /* QoS 1 */
    ANSWER_QOS_0,
    RAW,
};

/* NUMBER: HTTP status; code of CONNACK and SUBACK; packet ID of PUBACK. */
struct reply {
    enum reply_type type;
    int number;
    const char *body;
    const char *retry_after;
    int rid;
};

#define REPLIES_MAX 18

/* ---- whole registrations ---- */

/* clang-format off */
#define H(status, body)              { HTTP, status, body, NULL, 0 }
#define HR(status, body, after)      { HTTP, status, body, after, 0 }
#define HC(status, body)             { CHUNKED, status, body, NULL, 0 }
#define A(status, body, rid)         { ANSWER, status, body, NULL, rid }
#define AR(status, body, after, rid) { ANSWER, status, body, after, rid }
#define A0(status, body, after, rid) { ANSWER_QOS_0, status, body, after, rid }
#define P(type, number)              { type, number, NULL, NULL, 0 }
#define RAW_BYTES(bytes)             { RAW, 0, bytes, NULL, 0 }
#define CONNECTED                    P(CONNACK, 0), P(SUBACK, 1)
#define LATE                         A(429, BUSY, 1)

#define GOOD(polls, waits, wait_ms) { BERTH_OK, "assigned", 0, "", polls, waits, wait_ms }
#define BAD(err, status, code, message) { err, status, code, message, 0, 0, 0 }
#define BAD_AFTER(err, status, code, message, polls, waits, wait_ms) \
    { err, status, code, message, polls, waits, wait_ms }
/* clang-format on */

struct outcome {
    berth_err err;
    const char *status;
    int error_code;
    const char *message; /* a part of it */
    int polls, waits;
    uint32_t first_wait_ms;
};

static const struct {
    const char *name;
    struct reply replies[REPLIES_MAX];
    struct outcome want;
} registrations[] = {
    /* HTTPS */
    { "assigned at once", { H(202, ASSIGNED) }, GOOD(0, 0, 0) },
    { "assigned at once, 200", { H(200, ASSIGNED) }, GOOD(0, 0, 0) },
    { "assigned at once, chunked", { HC(202, ASSIGNED) }, GOOD(0, 0, 0) },
    { "behind an interim answer",
      { RAW_BYTES("HTTP/1.1 100 Continue\r\n\r\n"), H(200, ASSIGNED) },
      GOOD(0, 0, 0) },
    { "assigning, then assigned", { HR(202, ASSIGNING, "3"), H(200, ASSIGNED) }, GOOD(1, 1, 3000) },
    { "assigning twice",
      { HR(202, ASSIGNING, "1"), HR(202, ASSIGNING, "1"), HC(200, ASSIGNED) },
      GOOD(2, 2, 1000) },
    { "longest wait", { HR(202, ASSIGNING, "300"), H(200, ASSIGNED) }, GOOD(1, 1, 300000) },
    { "wait too long", { HR(202, ASSIGNING, "301"), H(200, ASSIGNED) }, GOOD(1, 1, 2000) },
    { "wait 0", { HR(202, ASSIGNING, "0"), H(200, ASSIGNED) }, GOOD(1, 1, 2000) },
    { "wait not told", { H(202, ASSIGNING), H(200, ASSIGNED) }, GOOD(1, 1, 2000) },
    { "wait is a date",
      { HR(202, ASSIGNING, "Mon, 23 Nov 2026 16:00:00 GMT"), H(200, ASSIGNED) },
      GOOD(1, 1, 2000) },
    { "throttled, then assigned", { HR(429, BUSY, "7"), H(202, ASSIGNED) }, GOOD(0, 1, 7000) },
    { "busy without JSON, then assigned", { H(502, PAGE), H(202, ASSIGNED) }, GOOD(0, 1, 2000) },
    { "busy while polling",
      { HR(202, ASSIGNING, "1"), HR(503, BUSY, "1"), H(200, ASSIGNED) },
      GOOD(2, 2, 1000) },
    { "busy as often as is borne",
      { H(503, BUSY), H(503, BUSY), H(503, BUSY), H(503, BUSY), H(503, BUSY), H(202, ASSIGNED) },
      GOOD(0, BERTH_PROV_RETRIES_MAX, 2000) },
    { "busy for good",
      { H(503, BUSY), H(503, BUSY), H(503, BUSY), H(503, BUSY), H(503, BUSY), H(503, BUSY) },
      BAD_AFTER(BERTH_E_IO, "", 503001, "Try again.", 0, BERTH_PROV_RETRIES_MAX, 2000) },
    { "busy for good without JSON",
      { H(502, PAGE), H(503, ""), H(502, PAGE), H(503, ""), H(502, PAGE), H(503, "") },
      BAD_AFTER(BERTH_E_IO, "", 0, "answered 503", 0, BERTH_PROV_RETRIES_MAX, 2000) },
    { "busy for a while, twice",
      { H(503, BUSY), H(503, BUSY), H(503, BUSY), H(202, ASSIGNING), H(503, BUSY), H(503, BUSY),
        H(503, BUSY), H(200, ASSIGNED) },
      GOOD(4, 7, 2000) },
    { "refused", { H(401, REFUSED) }, BAD(BERTH_E_MISMATCH, "", 401002, "Unauthorized") },
    { "refused without words", { H(404, "{}") }, BAD(BERTH_E_MISMATCH, "", 0, "without saying") },
    { "disabled",
      { H(202, DISABLED) },
      BAD(BERTH_E_MISMATCH, "disabled", 401003, "The enrollment is disabled.") },
    { "failed after a while",
      { H(202, ASSIGNING),
        H(200, "{\"operationId\":\"5.0a\",\"status\":\"failed\",\"registrationState\":{"
               "\"errorCode\":400208,\"errorMessage\":\"No hub\"}}") },
      BAD_AFTER(BERTH_E_MISMATCH, "failed", 400208, "No hub", 1, 1, 2000) },
    { "control characters in the message",
      { H(401, "{\"errorCode\":401002,\"message\":\"a\\u001b[31mb\\u009bc\"}") },
      BAD(BERTH_E_MISMATCH, "", 401002, "a?[31mb??c") },
    { "a page of another server", { H(404, PAGE) }, BAD(BERTH_E_SYNTAX, "", 0, "answered 404") },
    { "a page with 200", { H(200, PAGE) }, BAD(BERTH_E_SYNTAX, "", 0, "answered 200") },
    { "redirected", { H(301, "{}") }, BAD(BERTH_E_SYNTAX, "", 0, "answered 301") },
    { "no status", { H(200, "{}") }, BAD(BERTH_E_SYNTAX, "", 0, "no status") },
    { "assigned to nothing",
      { H(202, "{\"operationId\":\"5.0a\",\"status\":\"assigned\"}") },
      BAD(BERTH_E_SYNTAX, "assigned", 0, "no usable hub") },
    { "hub with a scheme",
      { H(202, "{\"status\":\"assigned\",\"registrationState\":{"
               "\"assignedHub\":\"https://hub.example\",\"deviceId\":\"d\"}}") },
      BAD(BERTH_E_SYNTAX, "assigned", 0, "no usable hub") },
    { "assigning without operation",
      { H(202, "{\"status\":\"assigning\"}") },
      BAD(BERTH_E_SYNTAX, "assigning", 0, "no operation") },
    { "operation that changes the topic",
      { H(202, "{\"operationId\":\"a/b\",\"status\":\"assigning\"}") },
      BAD(BERTH_E_SYNTAX, "", 0, "operation ID") },
    { "not HTTP",
      { RAW_BYTES("SSH-2.0-OpenSSH_9.2\r\n") },
      BAD(BERTH_E_SYNTAX, "", 0, "HTTPS port") },
    { "too long an answer",
      { RAW_BYTES("HTTP/1.1 200 OK\r\nContent-Length: 16385\r\n\r\n") },
      BAD(BERTH_E_RANGE, "", 0, "too long") },
    { "closed", { P(END, 0) }, BAD(BERTH_E_CLOSED, "", 0, "closed the connection") },
    { "closed inside an answer",
      { RAW_BYTES("HTTP/1.1 200 OK\r\nContent-Le") },
      BAD(BERTH_E_CLOSED, "", 0, "closed the connection") },
    { "silent", { P(SILENCE, 0) }, BAD(BERTH_E_TIMEOUT, "", 0, "in time") },
    { "closed while assigning",
      { H(202, ASSIGNING) },
      BAD_AFTER(BERTH_E_CLOSED, "assigning", 0, "closed the connection", 1, 1, 2000) },

    /* MQTT */
    { "assigned at once", { CONNECTED, P(PUBACK, 2), A(200, ASSIGNED, 1) }, GOOD(0, 0, 0) },
    { "answer before its PUBACK", { CONNECTED, A(200, ASSIGNED, 1), P(PUBACK, 2) }, GOOD(0, 0, 0) },
    { "answer with QoS 0", { CONNECTED, P(PUBACK, 2), A0(200, ASSIGNED, NULL, 1) }, GOOD(0, 0, 0) },
    { "assigning, then assigned",
      { CONNECTED, P(PUBACK, 2), AR(202, ASSIGNING, "3", 1), P(PUBACK, 3), A(200, ASSIGNED, 2) },
      GOOD(1, 1, 3000) },
    { "PUBACK comes with the next answer",
      { CONNECTED, A0(202, ASSIGNING, "1", 1), P(PUBACK, 2), P(PUBACK, 3), A(200, ASSIGNED, 2) },
      GOOD(1, 1, 1000) },
    { "throttled, then assigned",
      { CONNECTED, P(PUBACK, 2), AR(429, BUSY, "2", 1), P(PUBACK, 3), A(200, ASSIGNED, 2) },
      GOOD(0, 1, 2000) },
    { "answer to an earlier request is passed over",
      { CONNECTED, P(PUBACK, 2), AR(429, BUSY, "2", 1), A(401, REFUSED, 1), A(200, ASSIGNED, 2) },
      GOOD(0, 1, 2000) },
    { "refused",
      { CONNECTED, P(PUBACK, 2), A(401, REFUSED, 1) },
      BAD(BERTH_E_MISMATCH, "", 401002, "Unauthorized") },
    { "disabled",
      { CONNECTED, P(PUBACK, 2), A(200, DISABLED, 1) },
      BAD(BERTH_E_MISMATCH, "disabled", 401003, "disabled") },
    { "as many late answers as are passed over",
      { CONNECTED, AR(429, BUSY, "2", 1), LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE,
        LATE, A(200, ASSIGNED, 2) },
      GOOD(0, 1, 2000) },
    { "one late answer too many",
      { CONNECTED, AR(429, BUSY, "2", 1), LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE, LATE,
        LATE, LATE, A(200, ASSIGNED, 2) },
      BAD_AFTER(BERTH_E_SYNTAX, "", 0, "not asked", 0, 1, 2000) },
    { "refused at CONNACK", { P(CONNACK, 5) }, BAD(BERTH_E_MISMATCH, "", 0, "key and clock") },
    { "user name refused", { P(CONNACK, 4) }, BAD(BERTH_E_MISMATCH, "", 0, "user name") },
    { "not available", { P(CONNACK, 3) }, BAD(BERTH_E_IO, "", 0, "try again later") },
    { "subscription refused",
      { P(CONNACK, 0), P(SUBACK, 0x80) },
      BAD(BERTH_E_MISMATCH, "", 0, "subscription") },
    { "no MQTT",
      { RAW_BYTES("HTTP/1.1 400 Bad Request\r\n\r\n") },
      BAD(BERTH_E_SYNTAX, "", 0, "MQTT") },
    { "answer before it was asked",
      { P(CONNACK, 0), A(200, ASSIGNED, 1) },
      BAD(BERTH_E_SYNTAX, "", 0, "order") },
    { "second CONNACK", { P(CONNACK, 0), P(CONNACK, 0) }, BAD(BERTH_E_SYNTAX, "", 0, "order") },
    { "PUBACK for what was never sent",
      { CONNECTED, P(PUBACK, 9) },
      BAD(BERTH_E_SYNTAX, "", 0, "order") },
    { "message that is no answer",
      { CONNECTED, RAW_BYTES("\x30\x04\x01"
                             "ahi") },
      BAD(BERTH_E_SYNTAX, "", 0, "MQTT") },
    { "too long an answer",
      { CONNECTED, RAW_BYTES("\x30\xff\xff\x7f") },
      BAD(BERTH_E_RANGE, "", 0, "too long") },
    { "QoS 2", { CONNECTED, RAW_BYTES("\x34\x05") }, BAD(BERTH_E_UNSUPPORTED, "", 0, "MQTT") },
    { "no JSON",
      { CONNECTED, P(PUBACK, 2), A(200, "hello", 1) },
      BAD(BERTH_E_SYNTAX, "", 0, "answered 200") },
    { "closed", { P(END, 0) }, BAD(BERTH_E_CLOSED, "", 0, "closed the connection") },
    { "closed after SUBACK", { CONNECTED }, BAD(BERTH_E_CLOSED, "", 0, "closed the connection") },
    { "silent after CONNACK",
      { P(CONNACK, 0), P(SILENCE, 0) },
      BAD(BERTH_E_TIMEOUT, "", 0, "in time") },
};

#endif
