/* cli/json_option.h - options whose value is JSON: inline, or @FILE. */
#ifndef CLI_JSON_OPTION_H
#define CLI_JSON_OPTION_H

#include "wire/json.h"

/* Puts the object that VALUE of OPTION holds as member NAME, as it was written. EXIT_CODE_OK, or
 * the user has been told what is wrong and where. */
int json_option_put(struct berth_json_out *j, const char *name, const char *option,
                    const char *value);

#endif
