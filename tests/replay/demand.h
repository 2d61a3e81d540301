/* demand.h - what each client needs of a service, row by row, from its source: the tables that a
 * replayed session is judged by. */
#ifndef TESTS_REPLAY_DEMAND_H
#define TESTS_REPLAY_DEMAND_H

#include <jansson.h>

#include "replay/talk.h"

enum { C = 1, EMBEDDED = 2, NODE = 4, PYTHON = 8, CSHARP = 16, AZIOT = 32, CLI = 64, ALL = 127 };
enum { HTTP = 1, TCP = 2, WS = 4, MQTT = TCP | WS };
enum { DPS = 1, HUB = 2, DPS_SERVICE = 4, HUB_SERVICE = 8 };
/* What the answer is to say. THROTTLED is REFUSED too. */
enum demand_when { ALWAYS, SERVED, ASSIGNING, ASSIGNED, REFUSED, THROTTLED };

/* A row: met when GOOD holds for every exchange in one of ROLES (a bit each) for which WHEN holds
 * and whose first line matches TO. */
struct demand {
    unsigned clients, transports, apis, roles;
    enum demand_when when;
    const char *text;
    const char *where; /* dossier and section; what follows is the client's source */
    bool (*good)(const struct exchange *x, const struct talk *t);
    const char *to; /* regular expression; NULL: any */
};

#define ROLE(name) (1u << SAYS_##name)
#define REQUESTS   (ROLE(REGISTER) | ROLE(POLL))
#define PUBLISHES  (REQUESTS | ROLE(EVENT) | ROLE(TWIN_GET))

struct demand_table {
    const struct demand *rows;
    size_t count;
};
extern const struct demand_table dps_demands, mqtt_demands, hub_demands, service_demands;

enum verdict { NOT_ASKED, MET, MISSED };
enum verdict demand_judge(const struct demand *d, const struct talk *t);

/* ---- for the tables ---- */

/* The HTTP answer, or the PUBLISH that answers; NULL: there is none, or more than one. */
const struct heard *answer_of(const struct exchange *x);
/* Its body; NULL when it is no JSON object or array. The caller's. */
json_t *answer_json(const struct exchange *x);
/* The member at a path such as "registrationState.deviceId" of the answer, as text; false: it is
 * not there or no string. */
bool answer_text(const struct exchange *x, const char *path, char *out, size_t size);
/* Where the first packet of TYPE stands among what was heard; TALK_HEARD_MAX: nowhere. */
size_t heard_at(const struct exchange *x, enum berth_mqtt_type type);
/* Whether any value in J is null. */
bool holds_null(const json_t *j);
/* Conditions that several tables have. */
bool has_exact_length(const struct exchange *x, const struct talk *t);
bool is_typed_json(const struct exchange *x, const struct talk *t);
bool matches(const char *text, const char *regex);
bool is_date(const char *text);

#endif
