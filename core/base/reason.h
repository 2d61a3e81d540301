/* base/reason.h - every way in which a peer is refused: what goes on the wire, what the operator
 * reads, what helps. One row a cause; two causes never share a row. docs/errors.md has an entry for
 * each (checked). */
#ifndef BERTH_BASE_REASON_H
#define BERTH_BASE_REASON_H

#include "berth/str.h"

/* name, HTTP status, DPS error code, registration status word or "", hub error name or "", what the
 * peer reads, what the operator reads, remedy */
#define BERTH_REASONS(X)                                                                           \
    /* a device's registration */                                                                  \
    X(WRONG_ID_SCOPE, 401, 401002, "", "", "Unauthorized", "the ID scope is not this service's",   \
      "give the device the ID scope that `berth service show` prints")                             \
    X(REGISTRATION_ID_INVALID, 400, 400202, "", "", "Invalid registration ID.",                    \
      "the registration ID breaks the rules",                                                      \
      "use 1 to 128 letters, digits, '-', '.', '_' or ':', ending in a letter, digit or '-'")      \
    X(CREDENTIAL_MISSING, 401, 401002, "", "", "Unauthorized", "the device sent no credential",    \
      "send a SAS token: HTTP Authorization header, MQTT password")                                \
    X(TOKEN_MALFORMED, 401, 401002, "", "", "Unauthorized", "the SAS token cannot be taken apart", \
      "build it as SharedAccessSignature sr=..&sig=..&se=..[&skn=registration]")                   \
    X(TOKEN_FOR_OTHER, 401, 401002, "", "", "Unauthorized",                                        \
      "the token's sr is not this device's {scope}/registrations/{id}",                            \
      "sign {id scope}/registrations/{registration ID}")                                           \
    X(TOKEN_EXPIRED, 401, 401002, "", "", "Unauthorized",                                          \
      "the token was made with the right key and has expired",                                     \
      "set the device's clock (UTC), or give tokens a longer life")                                \
    X(SIGNATURE_WRONG, 401, 401002, "", "", "Unauthorized",                                        \
      "no key of the individual enrollment made this signature",                                   \
      "compare the device's key with `berth enrollment show --show-keys`")                         \
    X(SIGNATURE_UNKNOWN, 401, 401002, "", "", "Unauthorized",                                      \
      "no enrollment group's derived key made this signature",                                     \
      "derive the device's key again: `berth key derive`, from the group's key and exactly this "  \
      "registration ID")                                                                           \
    X(NOT_ENROLLED, 401, 401002, "", "", "Unauthorized",                                           \
      "no individual enrollment has this ID and there is no symmetric-key group",                  \
      "create an enrollment group or an individual enrollment")                                    \
    X(ATTESTATION_OTHER, 401, 401002, "", "", "Unauthorized",                                      \
      "the enrollment wants another attestation than the device offered",                          \
      "change the enrollment's attestation or the device's")                                       \
    X(ENROLLMENT_DISABLED, 200, 401003, "disabled", "", "The enrollment is disabled.",             \
      "the device attested well, but its enrollment is disabled",                                  \
      "enable the enrollment or the group")                                                        \
    X(NO_HUB, 200, 400208, "failed", "", "No IoT hub is available for this enrollment.",           \
      "no linked hub can take the device",                                                         \
      "link a hub with `berth hub create`, or let one take part in allocation")                    \
    X(HUB_NOT_LINKED, 200, 400208, "failed", "", "The IoT hub of the enrollment is not linked.",   \
      "the enrollment names a hub that is not linked",                                             \
      "create the hub that the detail names, or take it out of the enrollment's iotHubs")          \
    X(STATIC_WITHOUT_HUB, 200, 400208, "failed", "",                                               \
      "Static allocation needs exactly one IoT hub.",                                              \
      "static allocation needs exactly one hub in the enrollment", "set iotHubs to that one hub")  \
    X(CUSTOM_ALLOCATION, 200, 400207, "failed", "", "Custom allocation failed.",                   \
      "the enrollment asks for custom allocation, which this version does not serve",              \
      "use static or hashed allocation")                                                           \
    X(OPERATION_UNKNOWN, 404, 404203, "", "", "Operation not found.",                              \
      "the operation ID is not one of this device, or is over ten minutes old", "register again")  \
    X(PAYLOAD_MALFORMED, 400, 400004, "", "",                                                      \
      "The request body is not valid JSON of the expected shape.",                                 \
      "the request body is not valid JSON of the expected shape", "send a JSON object")            \
    X(BODY_ID_DIFFERS, 400, 400202, "", "",                                                        \
      "The registration ID in the body differs from the one addressed.",                           \
      "the body names another registration ID than path or user name", "send one and the same ID") \
    X(CONTENDED, 503, 503001, "", "ServiceUnavailable", "Try again.",                              \
      "the record kept changing while the request was decided", "the client may simply try again") \
    X(STORE_FAILED, 503, 503001, "", "ServiceUnavailable", "Try again later.",                     \
      "the database could not write or read",                                                      \
      "look at the log for the database's own words: disk full, read-only?")                       \
    X(RECORD_DAMAGED, 500, 500001, "", "ServerError", "Internal error.",                           \
      "a record of the registry cannot be read", "restore the last backup of the data directory")  \
    X(CRYPTO_FAILED, 500, 500001, "", "ServerError", "Internal error.",                            \
      "OpenSSL could not compute, or had no random bytes",                                         \
      "look at OpenSSL's configuration and at the memory that is left")                            \
    X(INTERNAL, 500, 500001, "", "ServerError", "Internal error.",                                 \
      "something did not fit where berth keeps it, or memory ran out",                             \
      "look at the memory that is left; else it is a fault of berth: report it")                   \
    X(OVERLOADED, 503, 503001, "", "ServiceUnavailable", "Try again later.",                       \
      "more was under way at once than a loop holds: registrations, monitors, input, memory",      \
      "the client may try again; add cores when it goes on, end monitors that nobody reads")       \
    X(STOPPING, 503, 503001, "", "ServiceUnavailable", "Try again later.",                         \
      "the daemon is stopping", "the client may try again when it is back")                        \
    X(THROTTLED_DEVICE, 429, 429001, "", "", "Too many requests.",                                 \
      "one device sent more requests than its limit",                                              \
      "mend the device's retry loop, or raise device-requests-per-min in the configuration")       \
    X(THROTTLED_PEER, 429, 429001, "", "ThrottlingException", "Too many requests.",                \
      "one address failed to authenticate more often than its limit",                              \
      "mend the key or clock of the devices behind it, or raise peer-failures-per-min")            \
    /* the service APIs */                                                                         \
    X(SERVICE_TOKEN_MISSING, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",          \
      "a service request carried no SAS token",                                                    \
      "use a service connection string: `berth connection-string show`")                           \
    X(SERVICE_TOKEN_MALFORMED, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",        \
      "a service request's SAS token cannot be taken apart",                                       \
      "use a current SDK, or build it as docs/wire.md says")                                       \
    X(POLICY_UNKNOWN, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",                 \
      "the token's skn names no policy of this service",                                           \
      "compare SharedAccessKeyName with the policies")                                             \
    X(SERVICE_SIGNATURE_WRONG, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",        \
      "neither key of the policy made this signature", "copy the connection string anew")          \
    X(SERVICE_TOKEN_EXPIRED, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",          \
      "the service token has expired", "set the client's clock (UTC)")                             \
    X(SERVICE_TOKEN_FOR_OTHER, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",        \
      "the token's sr does not cover the address asked for", "sign the service's own host name")   \
    X(RIGHT_MISSING, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",                  \
      "the policy lacks the right that the call needs", "use a policy that has it")                \
    X(API_VERSION_MISSING, 400, 400004, "", "InvalidProtocolVersion",                              \
      "The api-version is missing or malformed.", "the api-version is missing or malformed",       \
      "add ?api-version=2021-10-01")                                                               \
    X(REQUEST_INVALID, 400, 400004, "", "ArgumentInvalid", "The request is not valid.",            \
      "the request is not valid", "see the message")                                               \
    X(GROUP_ID_INVALID, 400, 400204, "", "", "Invalid enrollment group ID.",                       \
      "the group ID breaks the rules",                                                             \
      "use 1 to 128 letters, digits, '-', '.', '_' or ':', ending in a letter, digit or '-'")      \
    X(ROUTE_UNKNOWN, 404, 404001, "", "ArgumentInvalid", "No such resource.",                      \
      "no API has this path", "compare the path with docs/api.md")                                 \
    X(METHOD_NOT_ALLOWED, 405, 405001, "", "InvalidOperation", "Method not allowed.",              \
      "the path exists, but not with this method", "compare the method with docs/api.md")          \
    X(MEDIA_TYPE_WRONG, 415, 415001, "", "InvalidOperation",                                       \
      "The content type must be application/json.", "the body's content type is not JSON",         \
      "send Content-Type: application/json")                                                       \
    X(ENROLLMENT_NOT_FOUND, 404, 404201, "", "", "Enrollment not found.",                          \
      "no individual enrollment has this ID", "`berth enrollment list` shows those there are")     \
    X(REGISTRATION_NOT_FOUND, 404, 404202, "", "", "Registration not found.",                      \
      "no registration has this ID", "`berth registration list` shows those there are")            \
    X(GROUP_NOT_FOUND, 404, 404204, "", "", "Enrollment group not found.",                         \
      "no enrollment group has this ID", "`berth enrollment-group list` shows those there are")    \
    X(HUB_NOT_FOUND, 404, 404210, "", "IotHubNotFound", "IoT hub not found.",                      \
      "no hub has this name", "`berth hub list` shows those there are")                            \
    X(ENROLLMENT_EXISTS, 409, 409201, "", "", "The enrollment already exists.",                    \
      "the enrollment already exists", "update it with If-Match, or choose another ID")            \
    X(GROUP_EXISTS, 409, 409202, "", "", "The enrollment group already exists.",                   \
      "the group already exists", "update it with If-Match, or choose another ID")                 \
    X(HUB_EXISTS, 409, 409210, "", "", "The IoT hub already exists.", "the hub already exists",    \
      "update it with If-Match, or choose another name")                                           \
    X(CA_STEP_REFUSED, 409, 409211, "", "", "The step of the roll-over cannot be taken.",          \
      "a step of a CA's roll-over was asked for that the present state does not allow",            \
      "look at `berth ca list`; the order is rollover, --activate, --retire")                      \
    X(POLICY_NOT_FOUND, 404, 404211, "", "", "Shared access policy not found.",                    \
      "no shared access policy has this name", "`berth policy list` shows those there are")        \
    X(POLICY_EXISTS, 409, 409212, "", "", "The shared access policy already exists.",              \
      "the shared access policy already exists",                                                   \
      "update it with If-Match, or choose another name")                                           \
    X(POLICY_LAST_OWNER, 409, 409213, "", "",                                                      \
      "It is the service's last policy with the right ServiceConfig.",                             \
      "the service's last policy with ServiceConfig was to go, or to lose that right",             \
      "give another policy ServiceConfig first: `berth policy update`")                            \
    X(HUB_HAS_DEVICES, 409, 409214, "", "", "The IoT hub has devices.",                            \
      "a hub that has devices was to be deleted", "give --force to delete them with it")           \
    X(ETAG_STALE, 412, 412001, "", "PreconditionFailed",                                           \
      "The record has changed since it was read.", "the record has changed since it was read",     \
      "read it again, then repeat the change")                                                     \
    X(DEVICE_NOT_FOUND, 404, 404001, "", "DeviceNotFound", "Device not registered.",               \
      "the hub has no such device", "`berth device list` shows those there are")                   \
    X(DEVICE_EXISTS, 409, 409001, "", "DeviceAlreadyExists", "Device already exists.",             \
      "the hub has this device", "update it with If-Match, or choose another ID")                  \
    X(DEVICE_ID_INVALID, 400, 400004, "", "ArgumentInvalid", "Invalid device ID.",                 \
      "the device ID breaks the rules",                                                            \
      "use 1 to 128 of letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '")                   \
    X(TWIN_TOO_LARGE, 413, 413001, "", "MessageTooLarge", "The twin is too large.",                \
      "a twin section is over its bound", "tags 8 KiB; desired and reported 32 KiB each")          \
    X(BODY_TOO_LARGE, 413, 413001, "", "MessageTooLarge", "The request body is too large.",        \
      "the request body is over its bound",                                                        \
      "send at most 104 KiB, of which an enrollment may keep 97 KiB")                              \
    /* the opening handshake of a WebSocket, and its frames */                                     \
    X(WEBSOCKET_EXPECTED, 426, 426001, "", "", "A WebSocket is expected here.",                    \
      "a request to the path of WebSockets does not ask for one",                                  \
      "see that a proxy on the way passes on the fields Connection and Upgrade")                   \
    X(WEBSOCKET_VERSION, 426, 426002, "", "", "WebSocket version 13 is expected.",                 \
      "the client speaks another version of WebSocket than 13", "use a client of RFC 6455")        \
    X(WEBSOCKET_HANDSHAKE, 400, 400004, "", "", "The WebSocket handshake is not valid.",           \
      "the WebSocket handshake is not HTTP/1.1 with one key of 16 bytes",                          \
      "use a client of RFC 6455; compare with docs/wire.md")                                       \
    X(WEBSOCKET_PROTOCOL, 400, 400004, "", "", "The WebSocket subprotocol must be mqtt.",          \
      "the client offers no WebSocket subprotocol that is served",                                 \
      "have it offer mqtt in Sec-WebSocket-Protocol")                                              \
    X(WEBSOCKET_FRAME, 400, 400004, "", "", "",                                                    \
      "the client broke the framing of WebSocket, or sent text",                                   \
      "use a client of RFC 6455 that sends MQTT in binary frames")                                 \
    X(AMQP_UNSERVED, 501, 501001, "", "", "AMQP is not served.",                                   \
      "a device asked for AMQP over WebSocket, which this version does not serve yet",             \
      "use MQTT, MQTT over WebSocket or HTTPS")                                                    \
    /* connections that end before anyone has said who it is; nothing of ours goes on the wire */  \
    X(TLS_CA_UNKNOWN, 0, 0, "", "", "",                                                            \
      "the client does not trust the CA of the daemon's certificate",                              \
      "give the client the CA certificate that `berth ca export` prints; docs/trust.md says how")  \
    X(TLS_CERTIFICATE_EXPIRED, 0, 0, "", "", "",                                                   \
      "by the client's clock the daemon's certificate has expired",                                \
      "set the client's clock; if it is right, see `berth ca list` and the daemon's log")          \
    X(TLS_CERTIFICATE_BAD, 0, 0, "", "", "",                                                       \
      "the client found the daemon's certificate bad: by its clock not yet valid, or not made "    \
      "out to the address it asked for",                                                           \
      "set the client's clock, and have it connect to a name that the certificate covers")         \
    X(TLS_CERTIFICATE_REFUSED, 0, 0, "", "", "",                                                   \
      "the client refused the daemon's certificate without saying what is wrong with it",          \
      "look at the client's own log; it is mostly the CA or the clock")                            \
    X(TLS_NAME_NOT_COVERED, 0, 0, "", "", "",                                                      \
      "the client asked for a server name that the daemon's certificate does not cover",           \
      "have it connect to one of the daemon's names, or add the name with `berth serve "           \
      "--hostname`")                                                                               \
    X(TLS_NO_SHARED_CIPHER, 0, 0, "", "", "",                                                      \
      "client and daemon have no cipher, curve or signature algorithm in common",                  \
      "have the client offer ECDHE with AES-GCM or ChaCha20 and a curve P-256 or X25519")          \
    X(TLS_VERSION_OLD, 0, 0, "", "", "", "the client speaks no TLS version that is served",        \
      "have the client use TLS 1.2 or 1.3")                                                        \
    X(TLS_HANDSHAKE_FAILED, 0, 0, "", "", "", "the TLS handshake failed",                          \
      "see the detail for OpenSSL's own words")                                                    \
    X(TLS_HANDSHAKE_LEFT, 0, 0, "", "", "",                                                        \
      "the client hung up in the middle of the TLS handshake without saying why",                  \
      "look at the client's own log; small TLS stacks hang up over a CA they do not know, or for " \
      "want of memory")                                                                            \
    X(TLS_HANDSHAKE_SLOW, 0, 0, "", "", "", "the TLS handshake took too long",                     \
      "look for packets that are lost, or a client that waits for something")                      \
    X(TLS_HANDSHAKE_CROWDED, 0, 0, "", "", "",                                                     \
      "so many clients connected at once that this one's handshake did not begin in time",         \
      "nothing, when clients try again; else give the daemon more cores, or spread the clients "   \
      "in time")                                                                                   \
    X(PLAIN_HTTP, 0, 0, "", "", "", "the client spoke HTTP without TLS to a TLS port",             \
      "use https:// and the port of HTTPS")                                                        \
    X(PLAIN_MQTT, 0, 0, "", "", "", "the client spoke MQTT without TLS to a TLS port",             \
      "switch TLS on in the client, port 8883")                                                    \
    X(PLAIN_BYTES, 0, 0, "", "", "", "the client sent something else than TLS to a TLS port",      \
      "switch TLS on in the client, and compare the port")                                         \
    X(HTTP_ON_MQTT_PORT, 0, 0, "", "", "", "the client spoke HTTP to the MQTT port",               \
      "send HTTPS requests to the HTTPS port, 443")                                                \
    X(MQTT_ON_HTTPS_PORT, 0, 0, "", "", "", "the client spoke MQTT to the HTTPS port",             \
      "connect MQTT to port 8883, or over a WebSocket to this one")                                \
    X(HTTP_MALFORMED, 0, 0, "", "", "", "the HTTP request is malformed, too large or too slow",    \
      "see the detail for what is wrong with it")                                                  \
    X(MQTT_MALFORMED, 0, 0, "", "", "",                                                            \
      "the client sent no MQTT, or a packet that is too large, out of turn or not served (QoS 2)", \
      "use an MQTT 3.1.1 client that begins with CONNECT and publishes with QoS 0 or 1")           \
    X(MQTT_VERSION, 0, 0, "", "", "", "the client speaks another version of MQTT than 3.1.1",      \
      "have the client use MQTT 3.1.1 (protocol level 4)")                                         \
    X(MQTT_LOGIN_MALFORMED, 0, 0, "", "", "",                                                      \
      "the MQTT user name is not {ID scope}/registrations/{registration ID}/api-version=..",       \
      "build the user name as docs/wire.md says; SDKs do")                                         \
    X(MQTT_TOPIC_UNKNOWN, 0, 0, "", "", "", "the device published to a topic that is not served",  \
      "compare the topic with docs/wire.md")                                                       \
    /* a device's session with its hub */                                                          \
    X(DEVICE_TOKEN_FOR_OTHER, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",         \
      "the token's sr is not this device's {hub}/devices/{id}",                                    \
      "sign {hub}/devices/{device ID}, with the hub's name as in the user name")                   \
    X(DEVICE_SIGNATURE_WRONG, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",         \
      "neither key of the device made this signature",                                             \
      "compare the device's key with `berth device show --show-keys`, or provision it again")      \
    X(DEVICE_AUTH_OTHER, 401, 401002, "", "IotHubUnauthorizedAccess", "Unauthorized",              \
      "the device's identity asks for another authentication than a SAS token",                    \
      "change the identity's authentication or the device's")                                      \
    X(DEVICE_DISABLED, 401, 401003, "", "IotHubUnauthorizedAccess", "Unauthorized",                \
      "the device is disabled in its hub", "enable the device")                                    \
    X(CLIENT_ID_DIFFERS, 401, 401004, "", "IotHubUnauthorizedAccess", "Unauthorized",              \
      "the MQTT client ID is not the device ID of the user name",                                  \
      "use the device ID as the client ID")                                                        \
    X(MODULE_UNSERVED, 501, 501002, "", "InvalidOperation", "Not served.",                         \
      "a module connected, which this version does not serve", "connect as the device itself")     \
    X(FEATURE_UNSERVED, 501, 501003, "", "InvalidOperation", "Not served.",                        \
      "the device used a part of the hub that this version does not serve yet",                    \
      "nothing to mend: the session goes on, that part of it stays silent")                        \
    X(TOPIC_UNKNOWN, 400, 400004, "", "ArgumentInvalid", "Unknown topic.",                         \
      "the device used a topic that a hub does not have", "compare the topic with docs/wire.md")   \
    X(TOPIC_OF_OTHER, 401, 401005, "", "IotHubUnauthorizedAccess", "Unauthorized",                 \
      "the device published in the name of another device",                                        \
      "use the device's own ID in its topics")                                                     \
    X(ANSWER_UNHEARD, 400, 400005, "", "ArgumentInvalid", "Not subscribed.",                       \
      "the device asked about its twin and did not subscribe to the answer",                       \
      "subscribe to $iothub/twin/res/# before asking")                                             \
    X(SESSION_TAKEN_OVER, 400, 400027, "", "InvalidOperation", "Taken over.",                      \
      "the device connected again, and the newer session took over",                               \
      "give each device an identity of its own, if this comes from two of them")

enum berth_reason {
    BERTH_WHY_NONE = 0,
#define X(name, status, code, word, hub, peer, text, remedy) BERTH_WHY_##name,
    BERTH_REASONS(X)
#undef X
        BERTH_REASON_COUNT
};

struct berth_reason_row {
    const char *name; /* "TOKEN_EXPIRED" */
    int status;       /* HTTP, and the status in MQTT answer topics; 0: nothing is answered */
    int code;         /* errorCode: six digits, status * 1000 + n */
    const char *word; /* registration status told as a result instead of an error, or "" */
    const char *hub;  /* ErrorCode of the hub API, or "" */
    const char *peer; /* message on the wire: never says which check failed */
    const char *text; /* for the operator */
    const char *remedy;
};

/* Why a document was refused: a reason and a sentence for the client's message. */
struct berth_refusal {
    enum berth_reason reason;
    berth_str message; /* static or in the arena */
};

/* Static; a row of blanks for BERTH_WHY_NONE and beyond the table. */
const struct berth_reason_row *berth_reason_row(enum berth_reason r);

/* Why nothing could be decided, when decoding a record, crypto or an arena gave E. */
enum berth_reason berth_reason_of_err(berth_err e);

#endif
