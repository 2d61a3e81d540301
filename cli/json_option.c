#include "cli/json_option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/tell.h"

static int put_checked(struct berth_json_out *j, const char *name, const char *option,
                       berth_str text)
{
    struct berth_json v;
    size_t at = 0;
    berth_err e = berth_json_check(text, &v, &at);

    if (e != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%s: not JSON from character %zu on (%s)", option,
                            at + 1, berth_err_text(e));
    if (v.type != BERTH_JSON_OBJECT)
        return tell_failure(EXIT_CODE_USAGE, "%s: not a JSON object, {\"name\":value}", option);
    berth_json_member_raw(j, name, v.text);
    return EXIT_CODE_OK;
}

static int put_file(struct berth_json_out *j, const char *name, const char *option,
                    const char *path)
{
    char *storage = malloc(API_BODY_MAX);
    struct berth_buf b;
    berth_err e;
    int code;

    if (storage == NULL)
        return tell_failure(EXIT_CODE_FAILED, "memory ran out");
    berth_buf_init(&b, storage, API_BODY_MAX);
    e = file_read(path, &b);
    if (e == BERTH_OK)
        code = put_checked(j, name, option, berth_buf_str(&b));
    else
        code = tell_failure(EXIT_CODE_USAGE, "%s @%s: %s", option, path,
                            e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
    free(storage);
    return code;
}

int json_option_put(struct berth_json_out *j, const char *name, const char *option,
                    const char *value)
{
    if (value[0] == '@')
        return put_file(j, name, option, value + 1);
    return put_checked(j, name, option, berth_str_of(value));
}
