/* berth registration-id: IDs from what stands on labels and in exports. */
#include <stdio.h>
#include <string.h>

#include "auth/id_template.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "cli/bulk.h"
#include "cli/command.h"
#include "cli/id_check.h"
#include "cli/id_set.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/tell.h"

#define TEMPLATE_DEFAULT "sn-{serial}-mac-{mac}"
#define SHOWN_MAX        64  /* bytes of a value in a message */
#define OUT_MAX          512 /* bytes of an ID with its device's values, as CSV or JSON */
#define FILE_MODE        0666
#define AS_TEXT          "format the column as text and export it again"

enum { KEY_SERIAL = 0x100, KEY_MAC, KEY_TEMPLATE, KEY_SERIAL_COLUMN, KEY_MAC_COLUMN };
enum { SERIAL, MAC, COLUMNS };

struct input {
    const char *serial, *mac, *template_text, *serial_column, *mac_column;
    struct berth_id_template t;
    struct bulk_options bulk;
};

/* A device and its ID; what is wrong with it, if anything is. */
struct device {
    berth_str serial, mac_text, id;
    struct berth_mac mac;
    char text[BERTH_ID_MAX];
    char problem[512]; /* the cause, and the remedy on a line of its own */
};

static bool is_bulk(const struct input *in)
{
    return in->bulk.csv != NULL;
}

static void check_template(struct argp_state *state, struct input *in)
{
    const char *text = in->template_text != NULL ? in->template_text : TEMPLATE_DEFAULT;
    struct berth_id_template_check c = berth_id_template_parse(berth_str_of(text), &in->t);

    if (c.fault != BERTH_ID_TEMPLATE_FINE)
        argp_error(state,
                   "--template %s: a template that %s (character %zu)\n  fields are {serial}, "
                   "{serial-lower}, {serial-upper}, {mac}, {mac-colon}, {mac-dot}, {mac-bare}, "
                   "and {mac-upper} and so on",
                   text, berth_id_template_fault_text(c.fault), c.position + 1);
}

static void check_values(struct argp_state *state, const struct input *in)
{
    static const char remedy[] = "or another --template, such as ";

    if (in->serial_column != NULL || in->mac_column != NULL)
        argp_error(state, "--serial-column and --mac-column are for --csv FILE");
    if (in->t.needs_serial && in->serial == NULL)
        argp_error(state, "--serial is missing (%s'mac-{mac}')", remedy);
    if (in->t.needs_mac && in->mac == NULL)
        argp_error(state, "--mac is missing (%s'sn-{serial}')", remedy);
    if ((!in->t.needs_serial && in->serial != NULL) || (!in->t.needs_mac && in->mac != NULL))
        argp_error(state, "--%s has no place in the template",
                   in->t.needs_serial ? "mac" : "serial");
}

static void check(struct argp_state *state, struct input *in)
{
    bulk_check(state, &in->bulk);
    check_template(state, in);
    if (!is_bulk(in))
        check_values(state, in);
    else if (in->serial != NULL || in->mac != NULL)
        argp_error(state, "--serial and --mac are for one device, --csv for many");
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &in->bulk;
        return 0;
    case KEY_SERIAL:
        in->serial = arg;
        return 0;
    case KEY_MAC:
        in->mac = arg;
        return 0;
    case KEY_TEMPLATE:
        in->template_text = arg;
        return 0;
    case KEY_SERIAL_COLUMN:
        in->serial_column = arg;
        return 0;
    case KEY_MAC_COLUMN:
        in->mac_column = arg;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here", arg);
        return 0;
    case ARGP_KEY_END:
        check(state, in);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* 1.23457E+11: what a spreadsheet makes of digits. */
static bool is_rounded(berth_str s)
{
    bool has_exponent = false;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == 'E' || s.p[i] == 'e')
            has_exponent = i > 0 && i + 1 < s.n && s.p[i + 1] == '+';
        else if (!ascii_is_digit(s.p[i]) && s.p[i] != '.' && s.p[i] != ',' && s.p[i] != '+')
            return false;
    }
    return has_exponent;
}

static const char *mac_remedy(const struct berth_mac_check *c, berth_str text)
{
    if (is_rounded(text))
        return "a spreadsheet has made it a number: " AS_TEXT;
    if (c->fault == BERTH_MAC_PLACEHOLDER)
        return "take the address that the device's label or firmware shows";
    if (c->fault == BERTH_MAC_LENGTH && text.n < 12)
        return "a spreadsheet may have dropped zeros at its front: " AS_TEXT;
    return "12 hex digits, as a1:b2:c3:d4:e5:f6, a1-b2-.., a1b2.c3d4.e5f6 or a1b2c3d4e5f6";
}

static const char *id_remedy(const struct berth_id_check *c, berth_str serial)
{
    if (is_rounded(serial))
        return "a spreadsheet has made the serial number a number: " AS_TEXT;
    if (c->fault == BERTH_ID_TOO_LONG)
        return "a shorter --template may help";
    return ID_CHECK_RULES;
}

/* D->serial and D->mac_text to D->id, or false and D->problem. */
static bool build(const struct berth_id_template *t, struct device *d)
{
    struct berth_mac_check m;
    struct berth_id_check c;
    struct berth_buf b;
    berth_str shown;

    if (t->needs_mac) {
        m = berth_mac_parse(d->mac_text, &d->mac);
        shown = berth_utf8_cut(d->mac_text, SHOWN_MAX);
        if (m.fault == BERTH_MAC_EMPTY) {
            (void)snprintf(d->problem, sizeof d->problem, "the MAC address is empty");
            return false;
        }
        if (m.fault != BERTH_MAC_FINE) {
            (void)snprintf(d->problem, sizeof d->problem,
                           "the MAC address \"%.*s\" %s (character %zu)\n  %s",
                           BERTH_STR_ARG(shown), berth_mac_fault_text(m.fault), m.position + 1,
                           mac_remedy(&m, d->mac_text));
            return false;
        }
    }
    berth_buf_init(&b, d->text, sizeof d->text);
    c = berth_id_template_build(t, d->serial, &d->mac, &b);
    d->id = berth_buf_str(&b);
    if (c.fault == BERTH_ID_FINE)
        return true;
    shown = berth_utf8_cut(d->serial, SHOWN_MAX);
    if (c.fault == BERTH_ID_EMPTY)
        (void)snprintf(d->problem, sizeof d->problem, "the serial number is empty");
    else
        (void)snprintf(d->problem, sizeof d->problem,
                       "serial number \"%.*s\" makes an ID that %s (character %zu)\n  %s",
                       BERTH_STR_ARG(shown), berth_id_fault_text(c.fault), c.position + 1,
                       id_remedy(&c, d->serial));
    return false;
}

static void put_json(struct berth_buf *b, const struct berth_id_template *t, const struct device *d)
{
    char mac[24];
    struct berth_json_out j;
    struct berth_buf m;

    berth_buf_init(&m, mac, sizeof mac);
    berth_json_begin(&j, b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "registrationId", d->id);
    if (t->needs_serial)
        berth_json_member(&j, "serial", d->serial);
    if (t->needs_mac) {
        berth_mac_put(&m, &d->mac, ':', 2, false);
        berth_json_member(&j, "mac", berth_buf_str(&m));
    }
    berth_json_close(&j, '}');
}

/* Nothing to quote: what may stand in an ID needs none, and the serial number stands in it. */
static void put_csv(struct berth_buf *b, const struct berth_id_template *t, const struct device *d)
{
    berth_buf_put(b, d->id);
    if (t->needs_serial) {
        berth_buf_put_char(b, ',');
        berth_buf_put(b, d->serial);
    }
    if (t->needs_mac) {
        berth_buf_put_char(b, ',');
        berth_mac_put(b, &d->mac, ':', 2, false);
    }
}

static int build_one(const struct input *in, bool json)
{
    struct device d = { .serial = berth_str_trim(berth_str_of(in->serial)),
                        .mac_text = berth_str_of(in->mac) };
    char document[OUT_MAX];
    struct berth_buf b;
    struct berth_json v;

    if (!build(&in->t, &d))
        return tell_failure(EXIT_CODE_USAGE, "%s", d.problem);
    berth_buf_init(&b, document, sizeof document);
    put_json(&b, &in->t, &d);
    if (!json)
        (void)printf("%.*s\n", BERTH_STR_ARG(d.id));
    else if (berth_json_check(berth_buf_str(&b), &v, NULL) == BERTH_OK)
        output_json(stdout, v, (struct berth_json){ 0 });
    return EXIT_CODE_OK;
}

/* False when the heap gives no more. */
static bool take_row(struct bulk *b, const struct input *in, const struct column *columns,
                     struct id_set *ids, bool json)
{
    struct device d = { .serial = columns_field(&columns[SERIAL], &b->rows.row),
                        .mac_text = columns_field(&columns[MAC], &b->rows.row) };
    uint64_t line = b->rows.row.line, first;

    if (!build(&in->t, &d)) {
        bulk_bad(b, "%s", d.problem);
        return true;
    }
    if (id_set_add(ids, d.id, line, &first) != BERTH_OK) {
        bulk_fatal(b, "no memory to compare more IDs with each other\n  %zu are held", ids->used);
        return false;
    }
    if (first != 0) {
        bulk_fatal(b,
                   "gives the ID %.*s, as line %" PRIu64
                   " does\n  one of them is wrong or written twice; or --template leaves out what "
                   "tells them apart",
                   BERTH_STR_ARG(d.id), first);
        return true;
    }
    sink_room(&b->sink, OUT_MAX);
    if (json)
        put_json(&b->sink.b, &in->t, &d);
    else
        put_csv(&b->sink.b, &in->t, &d);
    berth_buf_put_char(&b->sink.b, '\n');
    b->good++;
    return true;
}

static void put_header(struct bulk *b, const struct berth_id_template *t)
{
    sink_room(&b->sink, OUT_MAX);
    berth_buf_put(&b->sink.b, BERTH_STR("registrationId"));
    if (t->needs_serial)
        berth_buf_put(&b->sink.b, BERTH_STR(",serial"));
    if (t->needs_mac)
        berth_buf_put(&b->sink.b, BERTH_STR(",mac"));
    berth_buf_put_char(&b->sink.b, '\n');
}

static int build_rows(struct bulk *b, const struct input *in, bool json)
{
    static const char *const serials[] = {
        "serial",   "sn",           "serialnumber", "serialno", "serialnum", "serialnr",
        "serialid", "deviceserial", "seriennummer", "seriennr", NULL
    };
    static const char *const macs[] = {
        "mac",        "macaddress", "macaddr", "macid",     "macno",           "ethernetmac",
        "wifimac",    "wlanmac",    "lanmac",  "hwaddress", "physicaladdress", "ethernetaddress",
        "macadresse", "devicemac",  "eui48",   NULL
    };
    struct column columns[COLUMNS] = {
        { "serial number", "--serial-column", in->serial_column, serials, in->t.needs_serial,
          BERTH_CSV_FIELDS_MAX },
        { "MAC address", "--mac-column", in->mac_column, macs, in->t.needs_mac,
          BERTH_CSV_FIELDS_MAX },
    };
    struct id_set ids;
    bool has_row;
    int code = bulk_columns(b, columns, COLUMNS, &has_row);

    if (code != EXIT_CODE_OK)
        return code;
    if (!json)
        put_header(b, &in->t);
    id_set_init(&ids);
    while (has_row)
        has_row = take_row(b, in, columns, &ids, json) && bulk_next(b);
    id_set_deinit(&ids);
    return EXIT_CODE_OK;
}

static int build_many(const struct input *in, bool json)
{
    static struct bulk b; /* its buffers are large */
    int code = bulk_begin(&b, &in->bulk, FILE_MODE);

    if (code == EXIT_CODE_OK)
        code = build_rows(&b, in, json);
    return bulk_end(&b, code);
}

static int run_build(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "serial", KEY_SERIAL, "TEXT", 0, "the device's serial number", 0 },
        { "mac", KEY_MAC, "ADDRESS", 0, "its MAC address, in any form: a1:b2:.., A1B2.C3D4.E5F6",
          0 },
        { "template", KEY_TEMPLATE, "TEMPLATE", 0,
          "what IDs look like; " TEMPLATE_DEFAULT " when not given", 0 },
        { "serial-column", KEY_SERIAL_COLUMN, "NAME|NUMBER", 0,
          "of the CSV file; else the one called serial, SN, serial number..", 11 },
        { "mac-column", KEY_MAC_COLUMN, "NAME|NUMBER", 0,
          "of the CSV file; else the one called MAC, MAC address..", 11 },
        { 0 }
    };
    static const struct argp_child children[] = { { &bulk_argp, 0, NULL, 10 }, { 0 } };
    const struct argp argp = {
        own,
        take,
        NULL,
        "Build registration IDs from serial numbers and MAC addresses.\v"
        "Fields of a template: {serial}, {serial-lower}, {serial-upper}, {mac} "
        "(a1-b2-c3-d4-e5-f6), {mac-colon}, {mac-dot}, {mac-bare}, and {mac-upper}, "
        "{mac-colon-upper} and so on. Two devices that would get one ID are an error.",
        children,
        NULL,
        NULL
    };
    struct input in = { 0 };
    struct options o;

    options_parse(&argp, &in, &o, argc, argv);
    return is_bulk(&in) ? build_many(&in, o.json) : build_one(&in, o.json);
}

const struct command registration_id_commands[] = {
    { "build", "build IDs from serial numbers and MAC addresses", run_build, NULL },
    { NULL, NULL, NULL, NULL },
};
