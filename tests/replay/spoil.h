/* spoil.h - answers made wrong on purpose, in every way that some row looks for: a row that no
 * spoilt answer fails would test nothing. */
#ifndef TESTS_REPLAY_SPOIL_H
#define TESTS_REPLAY_SPOIL_H

#include "replay/talk.h"

size_t spoil_count(void);
const char *spoil_name(size_t i);
/* Makes what T heard wrong in the I-th way; T is a copy. */
void spoil(size_t i, struct talk *t);

#endif
