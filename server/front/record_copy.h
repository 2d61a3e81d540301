/* front/record_copy.h - a record from a store's reply, kept until a second reply has come. */
#ifndef FRONT_RECORD_COPY_H
#define FRONT_RECORD_COPY_H

#include "base/record.h"
#include "berth/crypto.h"

/* One heap block; NULL when memory is out. */
struct berth_record *record_copy(const struct berth_record *rec);
/* Wipes the secret; NULL is fine. */
void record_copy_free(const struct berth_crypto *c, struct berth_record *rec);

#endif
