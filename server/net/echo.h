/* net/echo.h - a layer that sends back what it gets: for tests and for measuring bare TLS. */
#ifndef NET_ECHO_H
#define NET_ECHO_H

#include "net/layer.h"

/* A layer for BELOW. NULL when memory is out. */
struct layer *echo_layer_new(struct layer *below);

#endif
