/* auth/sas_key.h - whether a key that is used this once made a token. */
#ifndef BERTH_AUTH_SAS_KEY_H
#define BERTH_AUTH_SAS_KEY_H

#include "berth/sas.h"

/* As berth_sas_verify, without preparing KEY: that costs more than both hashes. No key (n == 0)
 * made no token. */
BERTH_MUST_USE berth_err berth__sas_verify_key(const struct berth_crypto *c,
                                               const struct berth_sas *t,
                                               const struct berth_key *key, bool *ok);

#endif
