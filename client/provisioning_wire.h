/* client/provisioning_wire.h - the two transports under the provisioning machine: requests written
 * into its tx, answers read out of its rx. */
#ifndef CLIENT_PROVISIONING_WIRE_H
#define CLIENT_PROVISIONING_WIRE_H

#include "berth/provisioning.h"
#include "berth/version.h"

#define BERTH__USER_AGENT "libberth/" BERTH_VERSION

enum berth__phase {
    BERTH__CONNECTING = 1, /* MQTT: until CONNACK */
    BERTH__SUBSCRIBING,    /* MQTT: until SUBACK */
    BERTH__REGISTERING,
    BERTH__POLLING,
    BERTH__LEAVING, /* the result is set; MQTT: the last packets go out */
};

/* One answer of the service, whatever brought it. */
struct berth__answer {
    int status;
    int retry_after_s; /* 0: none, or not a number of seconds */
    berth_str body;
};

/* Append the request of the present phase to tx. */
void berth__http_request(struct berth_prov *p);
void berth__mqtt_request(struct berth_prov *p);
void berth__mqtt_connect(struct berth_prov *p);

/* Takes BYTES[0..N) as the start of an HTTP answer to a request other than HEAD. BERTH_OK with
 * *COMPLETE false: more is needed. A chunked body is put together in place once complete. Strict:
 * BERTH_E_SYNTAX also for bytes behind the answer and for a body whose length is not told. */
BERTH_MUST_USE berth_err berth__http_answer_read(char *bytes, size_t n, struct berth__answer *out,
                                                 bool *complete);

/* Takes one packet out of rx if there is a whole one; *USED 0: more is needed. *HAS_ANSWER: it was
 * the one waited for. P is failed, or has more to send, or neither. */
void berth__mqtt_consume(struct berth_prov *p, size_t *used, struct berth__answer *out,
                         bool *has_answer);

/* The machine's side. */
void berth__prov_judge(struct berth_prov *p, const struct berth__answer *answer);
void berth__prov_fail(struct berth_prov *p, berth_err why, berth_str message);
void berth__prov_settle(struct berth_prov *p); /* DONE or FAILED, as the result says */
void berth__prov_send(struct berth_prov *p);   /* tx has grown */

/* Whether S is 1 to MAX printable ASCII characters without those in FORBIDDEN. */
bool berth__is_plain(berth_str s, size_t max, const char *forbidden);

#endif
