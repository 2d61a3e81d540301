#include "cli/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/tell.h"

const char *change_take_etag(struct argp_state *state, const char *arg)
{
    size_t n = strlen(arg);

    if (n == 0 || n > CHANGE_ETAG_MAX)
        argp_error(state, "--etag: not of 1 to %d characters", CHANGE_ETAG_MAX);
    for (size_t i = 0; i < n; i++)
        if (arg[i] < '!' || arg[i] > '~')
            argp_error(state, "--etag: has a character that no etag has");
    return arg;
}

static bool is_one_of(berth_str name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (berth_str_eq(name, berth_str_of(*names)))
            return true;
    return false;
}

void change_copy(struct berth_json_out *j, struct berth_json doc, const char *const *skipped)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;
    berth_str name;

    while (doc.type == BERTH_JSON_OBJECT && berth_json_next(doc, &it, &name, &each)) {
        if (is_one_of(name, skipped))
            continue;
        berth_json_name(j, name); /* the service's own names: nothing in them is escaped */
        berth_json_put_raw(j, each.text);
    }
}

static bool copy_etag(struct berth_json doc, char out[CHANGE_ETAG_MAX + 1])
{
    unsigned char storage[CHANGE_ETAG_MAX];
    struct berth_arena arena;
    berth_str text;

    berth_arena_init(&arena, storage, sizeof storage);
    if (berth_json_string(berth_json_get(doc, BERTH_STR("etag")), &arena, &text) != BERTH_OK ||
        text.n == 0 || text.n > CHANGE_ETAG_MAX)
        return false;
    (void)snprintf(out, CHANGE_ETAG_MAX + 1, "%.*s", BERTH_STR_ARG(text));
    return true;
}

static int write_back(struct api *a, const struct change *c, const char *etag, struct berth_buf *b)
{
    struct berth_json_out j;
    int code;

    berth_json_begin(&j, b);
    code = c->put(&j, a->json, c->user);
    if (code == EXIT_CODE_OK && b->over)
        code = tell_failure(EXIT_CODE_USAGE, "the change makes a request of over %u KiB",
                            API_BODY_MAX >> 10);
    if (code != EXIT_CODE_OK)
        return code;
    return api_call(a, &(struct api_request){ .method = "PUT",
                                              .path = c->path,
                                              .body = berth_buf_str(b),
                                              .hub = c->hub,
                                              .what = c->what,
                                              .etag = etag });
}

int change_run(struct api *a, const struct change *c)
{
    char etag[CHANGE_ETAG_MAX + 1], *storage;
    struct berth_buf b;
    int code = api_call(a, &(struct api_request){
                               .method = "GET", .path = c->path, .hub = c->hub, .what = c->what });

    if (code != EXIT_CODE_OK)
        return code;
    if (!copy_etag(a->json, etag))
        return tell_failure(EXIT_CODE_FAILED, "%s: the service gives no etag", c->what);
    storage = malloc(API_BODY_MAX);
    if (storage == NULL)
        return tell_failure(EXIT_CODE_FAILED, "memory ran out");
    berth_buf_init(&b, storage, API_BODY_MAX);
    code = write_back(a, c, c->etag != NULL ? c->etag : etag, &b);
    explicit_bzero(storage, API_BODY_MAX);
    free(storage);
    return code;
}
