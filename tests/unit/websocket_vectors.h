/* websocket_vectors.h - opening requests as clients send them, recorded: line by line as they came,
 * and what to answer. */
#ifndef TESTS_UNIT_WEBSOCKET_VECTORS_H
#define TESTS_UNIT_WEBSOCKET_VECTORS_H

static const struct {
    const char *name, *request, *key, *accept, *protocol;
} ws_recorded[] = {
    { "C SDK 1.15.0",
      "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost:443\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Key: dURHPbQdpvHRziZMwRbf/Q==\r\n"
      "Sec-WebSocket-Protocol: MQTT\r\nSec-WebSocket-Version: 13\r\n\r\n",
      "dURHPbQdpvHRziZMwRbf/Q==", "UagbpoJdz/oChD2KvETt7f7sYJ8=", "MQTT" },
    { "Node SDK 1.9.1",
      "GET /$iothub/websocket HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: IzwiKaHKrVQZ+gopPFHcKg==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
      "Sec-WebSocket-Protocol: mqtt\r\nHost: localhost\r\n\r\n",
      "IzwiKaHKrVQZ+gopPFHcKg==", "fSotElqMh3F5VJqyCmLTXBfONqM=", "mqtt" },
    { "Python SDK 2.14.0",
      "GET /$iothub/websocket HTTP/1.1\r\nHost: localhost:443\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nOrigin: https://localhost:443\r\n"
      "Sec-WebSocket-Key: C6UJn+ETQtCPsl2woKzJ2g==\r\nSec-Websocket-Version: 13\r\n"
      "Sec-Websocket-Protocol: mqtt\r\n\r\n",
      "C6UJn+ETQtCPsl2woKzJ2g==", "MInKEohL+f6CZ0s35UKcM5trWOI=", "mqtt" },
    { "RFC 6455 section 1.3, with more to choose from",
      "GET / HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, mqtt, superchat, MQTT\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n",
      "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "mqtt" },
};

#endif
