/* peer_check.h - what a peer hears, read by rules of its own: not a line of berth's parsers. */
#ifndef TESTS_FUZZ_PEER_CHECK_H
#define TESTS_FUZZ_PEER_CHECK_H

#include "berth/str.h"

/* HEARD is all that came on one connection, HTTP with what it may switch to, or MQTT. CUT: its end
 * may be missing. NULL: well formed; else what is wrong with it. */
const char *peer_check_http(berth_str heard, bool cut);
const char *peer_check_mqtt(berth_str heard, bool cut);

#endif
