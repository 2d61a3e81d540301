/* base/siphash.h - SipHash-2-4: a keyed hash for tables whose keys strangers choose. Not for
 * signatures. */
#ifndef BERTH_BASE_SIPHASH_H
#define BERTH_BASE_SIPHASH_H

#include "berth/str.h"

#define BERTH_SIPHASH_KEY_SIZE 16

uint64_t berth_siphash(const uint8_t key[BERTH_SIPHASH_KEY_SIZE], berth_str s);

#endif
