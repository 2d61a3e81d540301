/* front/policy_body.h - what the body of a request asks of a shared access policy. */
#ifndef FRONT_POLICY_BODY_H
#define FRONT_POLICY_BODY_H

#include "auth/policy.h"
#include "front/call.h"

/* {"rights", "primaryKey", "secondaryKey"}: rights and keys of OUT, a policy of its hub, or of the
 * service when that is empty; keys that are not named stay empty. False after refusing. */
bool policy_body_read(struct call *c, struct berth_policy *out);

/* {"keyType":"primary"|"secondary"}: empties that key of P. False after refusing. */
bool policy_body_drop_key(struct call *c, struct berth_policy *p);

#endif
