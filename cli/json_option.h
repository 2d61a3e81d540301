/* cli/json_option.h - options whose value is JSON: inline, or @FILE. */
#ifndef CLI_JSON_OPTION_H
#define CLI_JSON_OPTION_H

#include "wire/json.h"

struct json_option {
    struct berth_json v; /* borrows from the option's value, or from FILE */
    char *file;          /* what @FILE holds, NULL: none was named */
};

/* The JSON that VALUE of OPTION holds. EXIT_CODE_OK, or the user has been told what is wrong and
 * where. Either way free. */
int json_option_read(struct json_option *o, const char *option, const char *value);
/* Safe twice. */
void json_option_free(struct json_option *o);

/* Puts the object that VALUE of OPTION holds as member NAME, as it was written. EXIT_CODE_OK, or
 * the user has been told. */
int json_option_put(struct berth_json_out *j, const char *name, const char *option,
                    const char *value);

#endif
