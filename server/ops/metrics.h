/* ops/metrics.h - counters for /metrics, Prometheus text. Each loop counts in its own block; the
 * reader adds them up. */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/reason.h"
#include "berth/buf.h"

#define METRICS_TEXT_MAX (32 * 1024) /* room that metrics_put always fits in */

/* name in C, name in Prometheus, type, help */
#define METRICS(X)                                                                                 \
    X(connections_accepted, "berth_connections_accepted_total", "counter",                         \
      "TCP connections accepted")                                                                  \
    X(connections_open, "berth_connections_open", "gauge", "TCP connections open now")             \
    X(accepting_paused, "berth_accepting_paused", "gauge",                                         \
      "listening sockets that take no connection for now: no room is left")                        \
    X(accepting_pauses, "berth_accepting_pauses_total", "counter",                                 \
      "times that a listening socket began to pause")                                              \
    X(handshakes_failed, "berth_tls_handshakes_failed_total", "counter",                           \
      "TLS handshakes that failed")                                                                \
    X(handshakes_waiting, "berth_tls_handshakes_waiting", "gauge",                                 \
      "connections whose TLS handshake waits for its turn")                                        \
    X(http_requests, "berth_http_requests_total", "counter", "HTTP requests taken whole")          \
    X(http_refused, "berth_http_refused_total", "counter",                                         \
      "HTTP requests refused as malformed, too large or too slow")                                 \
    X(websockets_opened, "berth_websockets_opened_total", "counter",                               \
      "connections that became WebSockets")                                                        \
    X(mqtt_packets, "berth_mqtt_packets_total", "counter", "MQTT packets taken")                   \
    X(registrations_started, "berth_registrations_started_total", "counter",                       \
      "registration operations begun")                                                             \
    X(registrations_assigned, "berth_registrations_assigned_total", "counter",                     \
      "registrations answered assigned")                                                           \
    X(registrations_assigning, "berth_registrations_assigning_total", "counter",                   \
      "registrations answered assigning")                                                          \
    X(registrations_refused, "berth_registrations_refused_total", "counter",                       \
      "registrations refused, failed or disabled")                                                 \
    X(registrations_open, "berth_registrations_open", "gauge",                                     \
      "registration operations under way")                                                         \
    X(registrations_spare, "berth_registrations_spare", "gauge",                                   \
      "memory blocks of finished registrations, kept for the next ones")                           \
    X(decisions_repeated, "berth_decisions_repeated_total", "counter",                             \
      "decisions taken again because a record had changed")                                        \
    X(service_requests, "berth_service_requests_total", "counter", "service API requests")         \
    X(hub_sessions_open, "berth_hub_sessions_open", "gauge", "devices' sessions with hubs")        \
    X(hub_sessions_accepted, "berth_hub_sessions_accepted_total", "counter",                       \
      "devices' sessions accepted")                                                                \
    X(hub_sessions_refused, "berth_hub_sessions_refused_total", "counter",                         \
      "devices' sessions refused")                                                                 \
    X(telemetry_messages, "berth_telemetry_messages_total", "counter",                             \
      "messages that devices sent")                                                                \
    X(telemetry_bytes, "berth_telemetry_bytes_total", "counter", "bytes of their payloads")        \
    X(twin_requests, "berth_twin_requests_total", "counter", "twins read and reported by devices") \
    X(throttled, "berth_throttled_total", "counter", "requests refused by a rate limit")

struct metrics {
#define X(field, name, type, help) _Atomic uint64_t field;
    METRICS(X)
#undef X
    _Atomic uint64_t reasons[BERTH_REASON_COUNT]; /* berth_refusals_total{reason="..."} */
};

/* Relaxed; written by one thread, read by another. N is negative when a gauge goes down. */
#define metrics_add(m, field, n)                                                                   \
    ((void)atomic_fetch_add_explicit(&(m)->field, (uint64_t)(n), memory_order_relaxed))

/* The sum over COUNT blocks as Prometheus text. */
void metrics_put(struct berth_buf *b, struct metrics *const *blocks, size_t count);

#endif
