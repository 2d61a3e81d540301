/* net/http.h - the http layer: HTTP/1.1 requests in, one at a time per connection, answers out.
 * Parsing is llhttp's; bounds, keep-alive and the refusals of smuggling (limits.md section 8) are
 * here. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "berth/str.h"
#include "net/layer.h"

#define HTTP_TARGET_MAX       4096         /* bytes of the request target: 414 */
#define HTTP_HEADERS_MAX      64           /* fields: 431 */
#define HTTP_HEADER_BYTES_MAX 16384        /* of all field lines as sent, and the empty one: 431 */
#define HTTP_BODY_MAX         (128 * 1024) /* bytes: 413 */
#define HTTP_HEADER_MS        15000 /* from the first byte of a request to the end of its header: 408 */
#define HTTP_BODY_MS          30000 /* from there to the end of the body: 408 */
#define HTTP_TURN_MAX                                                                              \
    16                     /* pipelined requests answered before other connections have their turn \
                            */
#define HTTP_IDLE_MS 75000 /* between requests: closed quietly */
#define HTTP_SEND_MS 30000 /* for the peer to take more of an answer: closed quietly */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_PUT, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

struct http_header {
    berth_str name, value;
};

/* One request and its answer. Valid from the handler's call until http_respond, or until ABANDONED
 * ran. The views live as long. */
struct http_exchange {
    struct loop *loop;
    struct layer *layer; /* for layer_peer and layer_tls_info */
    enum http_method method;
    berth_str method_text;
    berth_str target; /* as received */
    berth_str path;   /* before '?', still percent-encoded */
    berth_str query;  /* after '?'; empty when none */
    berth_str
        host; /* Host header without an optional port; lower case as received is not changed */
    const struct http_header *headers;
    size_t header_count;
    berth_str body;
    bool idle;       /* set by the handler: it waits for news, not worth a peer that may be gone */
    bool may_switch; /* HTTP/1.1: http_switch is an answer too */
    void *user;      /* the handler's own */
    void (*abandoned)(struct http_exchange
                          *x); /* set by the handler: the connection went away before the answer */
};

/* The value of field NAME without regard to case, the first one; absent when missing. */
berth_str http_field(const struct http_exchange *x, berth_str name);

/* Called for each complete request; answers now or later with http_respond, exactly once. */
typedef void http_handler(void *user, struct http_exchange *x);

/* Sends status line (with reason phrase), Content-Length, Date, the HEADERS and BODY (copied). X is
 * gone afterwards. HEAD gets no body, 204 neither. Keep-alive as the request wished. */
void http_respond(struct http_exchange *x, int status, const struct http_header *headers,
                  size_t count, berth_str body);

/* Makes the layer for BELOW that takes this one's place; NULL when memory is out. */
typedef struct layer *http_successor(void *user, struct layer *below);

/* Instead of http_respond: sends 101 with HEADERS, Upgrade and Connection among them. Once that has
 * left, what MAKE returns stands on the connection, from the first byte behind the request on, and
 * this layer is gone. USER lives until then. */
void http_switch(struct http_exchange *x, const struct http_header *headers, size_t count,
                 http_successor *make, void *user);

/* WHY of what is refused when a connection begins with an MQTT CONNECT. */
#define HTTP_WHY_MQTT "the client speaks MQTT"

struct http_options {
    http_handler *handler;
    void *user;
    /* Told what was refused below the handler (400, 408, 413, 414, 431, 505), NULL: none. */
    void (*refused)(void *user, struct layer *l, int status, const char *why);
};

/* A layer for BELOW. NULL when memory is out. O is borrowed for the layer's life. */
struct layer *http_layer_new(struct layer *below, const struct http_options *o);

#endif
