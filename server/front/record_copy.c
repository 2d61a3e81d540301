#include "front/record_copy.h"

#include <stdlib.h>
#include <string.h>

static char *put(char *at, berth_str s, berth_str *out)
{
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    *out = (berth_str){ at, s.n };
    return at + s.n;
}

struct berth_record *record_copy(const struct berth_record *rec)
{
    size_t n = rec->scope.n + rec->key.n + rec->name.n + rec->owner.n + rec->body.n + rec->secret.n;
    struct berth_record *copy = malloc(sizeof *copy + n);
    char *at;

    if (copy == NULL)
        return NULL;
    *copy = *rec;
    at = (char *)(copy + 1);
    at = put(at, rec->scope, &copy->scope);
    at = put(at, rec->key, &copy->key);
    at = put(at, rec->name, &copy->name);
    at = put(at, rec->owner, &copy->owner);
    at = put(at, rec->body, &copy->body);
    (void)put(at, rec->secret, &copy->secret);
    return copy;
}

void record_copy_free(const struct berth_crypto *c, struct berth_record *rec)
{
    if (rec == NULL)
        return;
    c->wipe(c->ctx, (void *)(uintptr_t)rec->secret.p, rec->secret.n);
    free(rec);
}
