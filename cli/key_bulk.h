/* cli/key_bulk.h - the keys of many devices of one group. */
#ifndef CLI_KEY_BULK_H
#define CLI_KEY_BULK_H

#include "berth/crypto.h"
#include "cli/bulk.h"

/* Reads the IDs that O names and writes each with its key, as CSV or as lines of JSON, in the order
 * they came. ID_COLUMN may be NULL. An exit code; the user has been told. */
int key_bulk_derive(const struct bulk_options *o, const char *id_column,
                    const struct berth_key *group_key, bool json);

#endif
