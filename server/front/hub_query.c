/* The hub's query endpoint. Of the query language this version serves the one text that lists all
 * twins; the others are refused in words, because an answer that ignored a condition would be wrong
 * in silence. */
#include "front/page.h"
#include "front/presence.h"
#include "front/service.h"
#include "hub/device.h"
#include "wire/json.h"

static bool put_twin(const struct call *c, struct berth_buf *b, const struct berth_record *rec,
                     struct berth_arena *memory)
{
    struct berth_hub_device *d = berth_arena_alloc(memory, sizeof *d);

    if (d == NULL || berth_hub_device_decode(rec, memory, d) != BERTH_OK)
        return false;
    presence_show(c->f, d);
    berth_twin_put(b, d);
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static berth_str next_word(berth_str *text)
{
    size_t from = 0, to;

    while (from < text->n && is_space(text->p[from]))
        from++;
    for (to = from; to < text->n && !is_space(text->p[to]);)
        to++;
    berth_str word = berth_str_sub(*text, from, to - from);
    *text = berth_str_sub(*text, to, text->n);
    return word;
}

/* "SELECT * FROM devices" in any case and spacing. */
static bool asks_for_all(berth_str text)
{
    static const char *const words[] = { "select", "*", "from", "devices", "" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!berth_str_ieq(next_word(&text), berth_str_of(words[i])))
            return false;
    return true;
}

void api_device_query(struct call *c)
{
    struct berth_json doc;
    berth_str text;
    struct page *p;

    if (berth_json_check(c->x->body, &doc, NULL) != BERTH_OK ||
        berth_json_string(berth_json_get(doc, BERTH_STR("query")), &c->arena, &text) != BERTH_OK) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("The body must be {\"query\":\"SELECT * FROM devices\"}."));
        return;
    }
    if (!asks_for_all(text)) {
        call_refuse(c, BERTH_WHY_REQUEST_INVALID,
                    BERTH_STR("This version serves the query SELECT * FROM devices alone."));
        return;
    }
    p = page_new(c, "Twin");
    if (p == NULL)
        return;
    p->put = put_twin;
    page_run(c, p, BERTH_KIND_DEVICE, c->hub, (berth_str){ 0 });
}
