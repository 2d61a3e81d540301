#include "auth/id_template.h"

#include "base/ascii.h"

/* What {name} stands for. */
static const struct {
    berth_str name;
    struct berth_id_part part;
} fields[] = {
    { BERTH_STR_INIT("serial"), { .kind = BERTH_ID_PART_SERIAL } },
    { BERTH_STR_INIT("serial-lower"), { .kind = BERTH_ID_PART_SERIAL, .lower = true } },
    { BERTH_STR_INIT("serial-upper"), { .kind = BERTH_ID_PART_SERIAL, .upper = true } },
    { BERTH_STR_INIT("mac"), { .kind = BERTH_ID_PART_MAC, .separator = '-', .group = 2 } },
    { BERTH_STR_INIT("mac-colon"), { .kind = BERTH_ID_PART_MAC, .separator = ':', .group = 2 } },
    { BERTH_STR_INIT("mac-dot"), { .kind = BERTH_ID_PART_MAC, .separator = '.', .group = 4 } },
    { BERTH_STR_INIT("mac-bare"), { .kind = BERTH_ID_PART_MAC, .group = 12 } },
};

static bool find_field(berth_str name, struct berth_id_part *out)
{
    berth_str capitals = BERTH_STR("-upper");
    bool upper = berth_str_starts(name, BERTH_STR("mac")) && berth_str_ends(name, capitals);

    if (upper)
        name.n -= capitals.n;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!berth_str_eq(name, fields[i].name))
            continue;
        *out = fields[i].part;
        out->upper |= upper;
        return true;
    }
    return false;
}

/* The part that *REST begins with, and moves past it. */
static struct berth_id_template_check take_part(berth_str *rest, struct berth_id_part *out)
{
    size_t n = berth_str_find(*rest, '{');
    berth_str text = berth_str_sub(*rest, 0, n);

    if (n > 0) {
        struct berth_id_check c = berth_registration_id_check(text);

        /* How an ID may end is judged when it is whole. */
        if (c.fault == BERTH_ID_BAD_CHARACTER)
            return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_BAD_CHARACTER, c.position };
        *out = (struct berth_id_part){ .kind = BERTH_ID_PART_TEXT, .text = text };
        *rest = berth_str_sub(*rest, n, rest->n);
        return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_FINE, 0 };
    }
    n = berth_str_find(*rest, '}');
    if (n == rest->n)
        return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_UNCLOSED, 0 };
    if (!find_field(berth_str_sub(*rest, 1, n - 1), out))
        return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_UNKNOWN_FIELD, 0 };
    *rest = berth_str_sub(*rest, n + 1, rest->n);
    return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_FINE, 0 };
}

static struct berth_id_template_check parse(berth_str text, struct berth_id_template *t)
{
    berth_str rest = text;

    if (text.n == 0)
        return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_EMPTY, 0 };
    if (text.n > BERTH_ID_TEMPLATE_MAX)
        return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_TOO_LONG,
                                                 BERTH_ID_TEMPLATE_MAX };
    while (rest.n > 0) {
        size_t at = text.n - rest.n;
        struct berth_id_template_check c;

        if (t->count == BERTH_ID_TEMPLATE_PARTS_MAX)
            return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_TOO_MANY, at };
        c = take_part(&rest, &t->parts[t->count]);
        if (c.fault != BERTH_ID_TEMPLATE_FINE)
            return (struct berth_id_template_check){ c.fault, at + c.position };
        t->needs_serial |= t->parts[t->count].kind == BERTH_ID_PART_SERIAL;
        t->needs_mac |= t->parts[t->count].kind == BERTH_ID_PART_MAC;
        t->count++;
    }
    if (!t->needs_serial && !t->needs_mac)
        return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_NO_FIELD, 0 };
    return (struct berth_id_template_check){ BERTH_ID_TEMPLATE_FINE, 0 };
}

struct berth_id_template_check berth_id_template_parse(berth_str text,
                                                       struct berth_id_template *out)
{
    struct berth_id_template_check c;

    *out = (struct berth_id_template){ 0 };
    c = parse(text, out);
    if (c.fault != BERTH_ID_TEMPLATE_FINE)
        *out = (struct berth_id_template){ 0 };
    return c;
}

const char *berth_id_template_fault_text(enum berth_id_template_fault fault)
{
    switch (fault) {
    case BERTH_ID_TEMPLATE_FINE:
        return "is fine";
    case BERTH_ID_TEMPLATE_EMPTY:
        return "is empty";
    case BERTH_ID_TEMPLATE_TOO_LONG:
        return "is longer than 256 characters";
    case BERTH_ID_TEMPLATE_BAD_CHARACTER:
        return "has a character that an ID may not have";
    case BERTH_ID_TEMPLATE_UNCLOSED:
        return "has a { without its }";
    case BERTH_ID_TEMPLATE_UNKNOWN_FIELD:
        return "has a field that is not known";
    case BERTH_ID_TEMPLATE_TOO_MANY:
        return "has more than 16 parts";
    case BERTH_ID_TEMPLATE_NO_FIELD:
        return "has no field: all devices would get the same ID";
    }
    return "is not valid";
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static void put_serial(struct berth_buf *b, const struct berth_id_part *part, berth_str serial)
{
    if (!part->lower && !part->upper) {
        berth_buf_put(b, serial);
        return;
    }
    /* Longer than an ID may be it need not be read to its end. */
    for (size_t i = 0; i < serial.n && !b->over; i++)
        berth_buf_put_char(b, part->lower ? ascii_lower(serial.p[i]) : upper(serial.p[i]));
}

static void put_part(struct berth_buf *b, const struct berth_id_part *part, berth_str serial,
                     const struct berth_mac *mac)
{
    switch (part->kind) {
    case BERTH_ID_PART_TEXT:
        berth_buf_put(b, part->text);
        return;
    case BERTH_ID_PART_SERIAL:
        put_serial(b, part, serial);
        return;
    case BERTH_ID_PART_MAC:
        berth_mac_put(b, mac, part->separator, part->group, part->upper);
        return;
    }
}

struct berth_id_check berth_id_template_build(const struct berth_id_template *t, berth_str serial,
                                              const struct berth_mac *mac, struct berth_buf *out)
{
    size_t start = out->n;
    struct berth_id_check c;

    if (t->needs_serial && serial.n == 0)
        return (struct berth_id_check){ BERTH_ID_EMPTY, 0 };
    for (size_t i = 0; i < t->count; i++)
        put_part(out, &t->parts[i], serial, mac);
    c = berth_registration_id_check(berth_str_sub(berth_buf_str(out), start, out->n));
    if (out->over && c.fault != BERTH_ID_BAD_CHARACTER)
        return (struct berth_id_check){ BERTH_ID_TOO_LONG, BERTH_ID_MAX };
    return c;
}
