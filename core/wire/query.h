/* wire/query.h - the query string of a request target. */
#ifndef BERTH_WIRE_QUERY_H
#define BERTH_WIRE_QUERY_H

#include "berth/str.h"

/* The value of NAME (compared without regard to case) in QUERY ("a=1&b=2", no '?'), still
 * percent-encoded; absent when missing. */
berth_str berth_query_get(berth_str query, berth_str name);

/* YYYY-MM-DD with an optional -preview, from 2016-01-01 on. */
bool berth_api_version_is_valid(berth_str version);

#endif
