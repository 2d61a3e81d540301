#include "replay/demand.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "unit/check.h"

static bool is_refused(const struct exchange *x, const struct talk *t)
{
    return t->refusal == REFUSED_EXPIRED || (t->refusal == REFUSED_RATE && x->role == SAYS_POLL);
}

static bool applies(const struct demand *d, const struct exchange *x, const struct talk *t)
{
    bool assigning = x->role == SAYS_REGISTER && t->assigning_first;

    if ((d->roles & 1u << x->role) == 0 || (d->to != NULL && !matches(x->said, d->to)))
        return false;
    switch (d->when) {
    case ALWAYS:
        return true;
    case SERVED:
        return !is_refused(x, t);
    case ASSIGNING:
        return !is_refused(x, t) && assigning;
    case ASSIGNED:
        return !is_refused(x, t) && !assigning;
    case REFUSED:
        return is_refused(x, t);
    case THROTTLED:
        return is_refused(x, t) && t->refusal == REFUSED_RATE;
    }
    return false;
}

enum verdict demand_judge(const struct demand *d, const struct talk *t)
{
    enum verdict v = NOT_ASKED;

    for (size_t i = 0; i < t->count; i++) {
        if (!applies(d, &t->list[i], t))
            continue;
        if (!d->good(&t->list[i], t))
            return MISSED;
        v = MET;
    }
    return v;
}

size_t heard_at(const struct exchange *x, enum berth_mqtt_type type)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->heard[i].type == HEARD_MQTT && x->heard[i].packet == type)
            return i;
    return TALK_HEARD_MAX;
}

static bool is_answer(const struct heard *h)
{
    return h->type == HEARD_HTTP || (h->type == HEARD_MQTT && h->packet == BERTH_MQTT_PUBLISH);
}

const struct heard *answer_of(const struct exchange *x)
{
    const struct heard *found = NULL;

    for (size_t i = 0; i < x->count; i++) {
        if (!is_answer(&x->heard[i]))
            continue;
        if (found != NULL)
            return NULL;
        found = &x->heard[i];
    }
    return found;
}

json_t *answer_json(const struct exchange *x)
{
    const struct heard *h = answer_of(x);

    return h == NULL ? NULL : json_loadb(h->body, h->body_n, JSON_REJECT_DUPLICATES, NULL);
}

bool answer_text(const struct exchange *x, const char *path, char *out, size_t size)
{
    json_t *root = answer_json(x);
    const json_t *at = root;
    char copy[128], *save;
    const char *text;

    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *name = strtok_r(copy, ".", &save); name; name = strtok_r(NULL, ".", &save))
        at = json_object_get(at, name);
    text = json_string_value(at);
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
    json_decref(root);
    return text != NULL;
}

bool matches(const char *text, const char *regex)
{
    regex_t r;
    bool yes;

    CHECK(regex, regcomp(&r, regex, REG_EXTENDED | REG_NOSUB) == 0);
    yes = regexec(&r, text, 0, NULL, 0) == 0;
    regfree(&r);
    return yes;
}

bool is_date(const char *text)
{
    return matches(text, "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{7}Z$");
}

bool holds_null(const json_t *j)
{
    const char *name;
    json_t *value, *object = (json_t *)(uintptr_t)j; /* the walk changes nothing */

    if (json_is_null(j))
        return true;
    json_object_foreach(object, name, value)
    {
        if (holds_null(value))
            return true;
    }
    return false;
}

static bool has_field(const struct exchange *x, const char *name)
{
    const struct heard *h = answer_of(x);
    char text[256];

    return h != NULL && talk_field(h->head, name, text, sizeof text);
}

/* As many bytes as said, none behind them, no chunks, nothing before it. */
bool has_exact_length(const struct exchange *x, const struct talk *t)
{
    (void)t;
    return x->count == 1 && !x->garbled && has_field(x, "Content-Length") &&
           !has_field(x, "Transfer-Encoding");
}

bool is_typed_json(const struct exchange *x, const struct talk *t)
{
    const struct heard *h = answer_of(x);
    char type[128];

    (void)t;
    return h != NULL && talk_field(h->head, "Content-Type", type, sizeof type) &&
           strstr(type, "application/json") != NULL;
}
