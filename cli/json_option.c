#include "cli/json_option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/tell.h"

static int read_file(struct json_option *o, const char *option, const char *path, berth_str *text)
{
    struct berth_buf b;
    berth_err e;

    o->file = malloc(API_BODY_MAX);
    if (o->file == NULL)
        return tell_failure(EXIT_CODE_FAILED, "memory ran out");
    berth_buf_init(&b, o->file, API_BODY_MAX);
    e = file_read(path, &b);
    *text = berth_buf_str(&b);
    return e == BERTH_OK ? EXIT_CODE_OK
                         : tell_failure(EXIT_CODE_USAGE, "%s @%s: %s", option, path,
                                        e == BERTH_E_IO ? strerror(errno) : berth_err_text(e));
}

int json_option_read(struct json_option *o, const char *option, const char *value)
{
    berth_str text = berth_str_of(value);
    int code = EXIT_CODE_OK;
    size_t at = 0;
    berth_err e;

    *o = (struct json_option){ 0 };
    if (value[0] == '@')
        code = read_file(o, option, value + 1, &text);
    if (code != EXIT_CODE_OK)
        return code;
    e = berth_json_check(text, &o->v, &at);
    if (e != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "%s: not JSON from character %zu on (%s)", option,
                            at + 1, berth_err_text(e));
    return EXIT_CODE_OK;
}

void json_option_free(struct json_option *o)
{
    free(o->file);
    *o = (struct json_option){ 0 };
}

int json_option_put(struct berth_json_out *j, const char *name, const char *option,
                    const char *value)
{
    struct json_option o;
    int code = json_option_read(&o, option, value);

    if (code == EXIT_CODE_OK && o.v.type != BERTH_JSON_OBJECT)
        code = tell_failure(EXIT_CODE_USAGE, "%s: not a JSON object, {\"name\":value}", option);
    if (code == EXIT_CODE_OK)
        berth_json_member_raw(j, name, o.v.text);
    json_option_free(&o);
    return code;
}
