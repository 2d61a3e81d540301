#include "replay/session.h"

#include "replay/demand.h"
#include "unit/check.h"

#define LIFE_S       600 /* enough for a quiet while and a poll */
#define LIFE_AZIOT_S 20  /* its tokens live for 30 s */
#define SERVICES     (NODE | C | CSHARP | CLI)

const struct recording recordings[] = {
    { "C", C, HTTP, DPS, "c-prov-http", NULL, LIFE_S, false },
    { "C", C, TCP, DPS, "c-prov-mqtt", NULL, LIFE_S, false },
    { "C", C, WS, DPS, "c-prov-mqtt_ws", NULL, LIFE_S, false },
    { "Embedded C", EMBEDDED, TCP, DPS, "embedded-c-prov-mqtt", NULL, LIFE_S, false },
    { "Python", PYTHON, TCP, DPS, "python-prov-mqtt", NULL, LIFE_S, false },
    { "Python", PYTHON, WS, DPS, "python-prov-mqtt_ws", NULL, LIFE_S, false },
    { "Node", NODE, HTTP, DPS, "node-prov-http", NULL, LIFE_S, false },
    { "Node", NODE, TCP, DPS, "node-prov-mqtt", NULL, LIFE_S, false },
    { "Node", NODE, WS, DPS, "node-prov-mqtt_ws", NULL, LIFE_S, false },
    { "C#", CSHARP, HTTP, DPS, "csharp-prov-http", NULL, LIFE_S, false },
    { "C#", CSHARP, TCP, DPS, "csharp-prov-mqtt", NULL, LIFE_S, false },
    { "C#", CSHARP, WS, DPS, "csharp-prov-mqtt_ws", NULL, LIFE_S, false },
    { "aziot", AZIOT, HTTP, DPS, "aziot-prov-http", NULL, LIFE_AZIOT_S, true },
    { "C", C, TCP, HUB, "c-hub-mqtt", "c-prov-mqtt", LIFE_S, false },
    { "Python", PYTHON, TCP, HUB, "python-hub-mqtt", "python-prov-mqtt", LIFE_S, false },
    { "Python", PYTHON, WS, HUB, "python-hub-mqtt_ws", "python-prov-mqtt_ws", LIFE_S, false },
    { "Node", NODE, TCP, HUB, "node-hub-mqtt", "node-prov-mqtt", LIFE_S, false },
    { "Node", NODE, WS, HUB, "node-hub-mqtt_ws", "node-prov-mqtt_ws", LIFE_S, false },
    { "C#", CSHARP, TCP, HUB, "csharp-hub-mqtt", "csharp-prov-mqtt", LIFE_S, false },
    { "Node service", SERVICES, HTTP, DPS_SERVICE, "node-service-dps-http", NULL, LIFE_S, false },
    { "Node service", SERVICES, HTTP, HUB_SERVICE, "node-service-hub-http", NULL, LIFE_S, false },
};
const size_t recording_count = ARRAY_LEN(recordings);

const struct way ways[] = {
    { "assigning, then a poll", DPS, REFUSED_NOTHING, true, true },
    { "assigned at once", DPS, REFUSED_NOTHING, false, false },
    { "the token has expired", DPS, REFUSED_EXPIRED, false, false },
    { "the poll is throttled", DPS, REFUSED_RATE, true, true },
    { "after registering", HUB, REFUSED_NOTHING, false, false },
    { "the token has expired", HUB, REFUSED_EXPIRED, false, false },
    { "all requests", DPS_SERVICE | HUB_SERVICE, REFUSED_NOTHING, false, false },
};
const size_t way_count = ARRAY_LEN(ways);

const struct unserved unserved[] = {
    { "C", "amqp", "DPS", "c-prov-amqp", "AMQP" },
    { "C", "amqp_ws", "DPS", "c-prov-amqp_ws", "AMQP" },
    { "Node", "amqp", "DPS", "node-prov-amqp", "AMQP" },
    { "Node", "amqp_ws", "DPS", "node-prov-amqp_ws", "AMQP" },
    { "C", "amqp", "DPS", "c-prov-x509-amqp", "AMQP, X.509" },
    { "Node", "amqp", "DPS", "node-prov-x509-amqp", "AMQP, X.509" },
    { "C", "http", "DPS", "c-prov-x509-http", "X.509" },
    { "C", "mqtt", "DPS", "c-prov-x509-mqtt", "X.509" },
    { "Node", "http", "DPS", "node-prov-x509-http", "X.509" },
    { "Node", "mqtt", "DPS", "node-prov-x509-mqtt", "X.509" },
    { "Python", "mqtt", "DPS", "python-prov-x509-mqtt", "X.509" },
    { "C", "mqtt", "hub", "c-hub-x509-mqtt", "X.509" },
    { "Node", "mqtt", "hub", "node-hub-x509-mqtt", "X.509" },
    { "Python", "mqtt", "hub", "python-hub-x509-mqtt", "X.509" },
    { "Node", "http", "hub", "node-hub-http", "telemetry over HTTP" },
    { "Node service", "http", "DPS service", "node-service-dps-http, its last request", "bulk" },
    { "C, Node, C#", "http", "DPS", "no recording", "TPM" },
    { "all", "mqtt", "hub", "no recording", "cloud-to-device messages" },
    { "all", "mqtt", "hub", "no recording", "direct methods" },
    { "C, Node, C#", "http", "hub", "no recording", "file upload" },
};
const size_t unserved_count = ARRAY_LEN(unserved);
