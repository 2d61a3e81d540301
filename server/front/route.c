#include "front/route.h"

#include "wire/query.h"

/* '+' takes any one segment. */
static bool path_fits(const struct call *c, const char *pattern)
{
    berth_str rest = berth_str_of(pattern);
    size_t i = 0;

    for (; rest.n > 0; i++) {
        berth_str word = berth_str_cut(&rest, '/');
        if (i == c->segment_count)
            return false;
        if (!berth_str_eq(word, BERTH_STR("+")) && !berth_str_ieq(word, c->segments[i]))
            return false;
    }
    return i == c->segment_count;
}

static const struct route *find(struct call *c, const struct route_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (!path_fits(c, t->rows[i].path))
            continue;
        if (t->rows[i].method == c->method)
            return &t->rows[i];
        c->allow |= 1u << t->rows[i].method;
    }
    return NULL;
}

static void run(struct call *c, const struct route_table *t)
{
    const struct route *r = find(c, t);

    if (r == NULL) {
        call_refuse(c, c->allow != 0 ? BERTH_WHY_METHOD_NOT_ALLOWED : BERTH_WHY_ROUTE_UNKNOWN,
                    (berth_str){ 0 });
        return;
    }
    c->allow = 0;
    if (!call_allowed(c, c->hub, r->rights))
        return;
    if (t->versioned &&
        !berth_api_version_is_valid(berth_query_get(c->x->query, BERTH_STR("api-version"))))
        call_refuse(c, BERTH_WHY_API_VERSION_MISSING, (berth_str){ 0 });
    else if (c->body.n > 0 && !front_has_json(c->x)) /* lists and deletes have neither */
        call_refuse(c, BERTH_WHY_MEDIA_TYPE_WRONG, (berth_str){ 0 });
    else if (c->body.n > ROUTE_BODY_MAX)
        call_refuse(c, BERTH_WHY_BODY_TOO_LARGE, (berth_str){ 0 });
    else
        r->handler(c);
}

/* False after refusing. */
static bool address_hub(struct call *c)
{
    const struct berth_hub *hub;

    store_deliver_changes(c->f->store);
    hub = catalog_hub_of_host(c->f->catalog, c->f->config, c->x->host);
    if (hub == NULL)
        call_refuse(c, BERTH_WHY_HUB_NOT_FOUND, (berth_str){ 0 });
    else if (berth_arena_dup(&c->arena, hub->host_name, &c->hub) != BERTH_OK)
        call_fail(c, BERTH_WHY_INTERNAL, "a hub's name does not fit its call");
    else
        return true;
    return false;
}

void route_serve(struct front *f, struct http_exchange *x, const struct route_table *t)
{
    struct call *c = call_new(f, x, t->of_hub ? CALL_HUB : CALL_DPS);

    if (c != NULL && (!t->of_hub || address_hub(c)))
        run(c, t);
}
