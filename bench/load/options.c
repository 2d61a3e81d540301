#include "bench/load/options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

enum {
    KEY_MIX = 'm',
    KEY_COUNT = 'n',
    KEY_CONCURRENCY = 'c',
    KEY_RATE = 'r',
    KEY_DURATION = 'd',
    KEY_SCOPE = 's',
    KEY_KEY_FILE = 0x900,
    KEY_PREFIX,
    KEY_FIRST,
    KEY_CA_FILE,
    KEY_NO_VERIFY,
    KEY_CONNECT_TO,
    KEY_HTTPS_PORT,
    KEY_MQTTS_PORT,
    KEY_TLS,
    KEY_PEERS,
    KEY_REFUSAL,
    KEY_HOLD,
    KEY_JSON,
};

static const struct argp_option rows[] = {
    { NULL, 0, NULL, 0, "The devices:", 1 },
    { "id-scope", KEY_SCOPE, "SCOPE", 0, "the service's ID scope", 0 },
    { "group-key-file", KEY_KEY_FILE, "FILE", 0,
      "the enrollment group's key in base64 (- is standard input); else $BERTH_KEY, else it is "
      "asked for. Each device's own key is derived from it",
      0 },
    { "prefix", KEY_PREFIX, "TEXT", 0, "of the registration IDs: TEXT-000000 and on (load)", 0 },
    { "first", KEY_FIRST, "NUMBER", 0, "the number to begin with (0)", 0 },
    { NULL, 0, NULL, 0, "The load:", 2 },
    { "mix", KEY_MIX, "TRANSPORT[=SHARE],..", 0,
      "https, mqtt, mqtt-ws, each with its share (mqtt); idle connects by MQTT and says no more. "
      "For comparison: close, echo, pubsub (of a broker)",
      0 },
    { "count", KEY_COUNT, "NUMBER", 0, "of devices (1000; with --duration no end)", 0 },
    { "duration", KEY_DURATION, "SECONDS", 0, "begin none after so long", 0 },
    { "concurrency", KEY_CONCURRENCY, "NUMBER", 0,
      "connections at once (64): a new one begins when one has ended; with --rate at most so many "
      "(4096)",
      0 },
    { "rate", KEY_RATE, "NUMBER", 0,
      "begin so many a second, whatever becomes of those before (open loop): latencies count from "
      "when each was due",
      0 },
    { "hold", KEY_HOLD, NULL, 0,
      "keep connections that have all they wanted (idle) until a line or the end of standard "
      "input",
      0 },
    { "expect-refusal", KEY_REFUSAL, NULL, 0, "a device that is refused is one that is served", 0 },
    { NULL, 0, NULL, 0, "The way:", 3 },
    { "https-port", KEY_HTTPS_PORT, "PORT", 0, "443", 0 },
    { "mqtts-port", KEY_MQTTS_PORT, "PORT", 0, "8883", 0 },
    { "connect-to", KEY_CONNECT_TO, "ADDRESS", 0, "instead of what HOST stands for", 0 },
    { "ca-file", KEY_CA_FILE, "FILE", 0,
      "trust the CA certificates in this PEM file; else the system's", 0 },
    { "no-verify", KEY_NO_VERIFY, NULL, 0, "trust any certificate, which saves the client work",
      0 },
    { "tls", KEY_TLS, "1.2|1.3", 0, "this version alone", 0 },
    { "peers", KEY_PEERS, "NUMBER", 0,
      "come from so many addresses of this machine, 127.1.0.0 and on", 0 },
    { NULL, 0, NULL, 0, "The report:", 4 },
    { "json", KEY_JSON, NULL, 0, "as JSON", 0 },
    { 0 },
};

static void take_part(struct load_options *o, struct argp_state *state, berth_str part)
{
    berth_str share = part, name = berth_str_cut(&share, '=');
    struct mix_part *m = &o->mix[o->mix_count];
    int64_t weight = 1;

    if (o->mix_count == OPTIONS_MIX_MAX)
        argp_error(state, "--mix: more than %d transports", OPTIONS_MIX_MAX);
    m->transport = transport_find(name);
    if (m->transport == NULL)
        argp_error(state, "--mix: there is no transport %.*s", (int)name.n, name.p);
    if (name.n < part.n &&
        (berth_str_to_i64(share, &weight) != BERTH_OK || weight < 1 || weight > OPTIONS_WEIGHT_MAX))
        argp_error(state, "--mix: the share of %.*s is not a number from 1 to %d", (int)name.n,
                   name.p, OPTIONS_WEIGHT_MAX);
    m->weight = (int)weight;
    o->mix_count++;
}

static void take_mix(struct load_options *o, struct argp_state *state, const char *arg)
{
    berth_str list = berth_str_of(arg);

    o->mix_count = 0;
    do
        take_part(o, state, berth_str_trim(berth_str_cut(&list, ',')));
    while (list.n > 0);
}

static int tls_of(struct argp_state *state, const char *arg)
{
    if (strcmp(arg, "1.2") == 0)
        return 12;
    if (strcmp(arg, "1.3") != 0)
        argp_error(state, "--tls %s: 1.2 or 1.3", arg);
    return 13;
}

static void finish(struct load_options *o, struct argp_state *state)
{
    if (o->host == NULL)
        argp_error(state, "no HOST: the name that the service's certificate is made out to");
    if (o->mix_count == 0)
        take_mix(o, state, "mqtt");
    if (o->count == 0)
        o->count = o->duration_s > 0 ? UINT64_MAX : 1000;
    if (o->concurrency == 0)
        o->concurrency = o->rate > 0 ? 4096 : 64;
    if (o->hold && o->count > OPTIONS_HOLD_MAX)
        argp_error(state, "--hold wants a --count up to %d", OPTIONS_HOLD_MAX);
    for (size_t i = 0; i < o->mix_count; i++)
        o->needs_key = o->needs_key || o->mix[i].transport->needs_devices;
    if (o->needs_key && o->id_scope == NULL)
        argp_error(state, "--id-scope is missing");
    o->needs_key = o->needs_key || o->id_scope != NULL;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct load_options *o = state->input;

    switch (key) {
    case KEY_MIX:
        take_mix(o, state, arg);
        break;
    case KEY_COUNT:
        o->count = (uint64_t)options_number(state, "--count", arg, 1, OPTIONS_COUNT_MAX);
        break;
    case KEY_DURATION:
        o->duration_s = (unsigned)options_number(state, "--duration", arg, 1, OPTIONS_DURATION_MAX);
        break;
    case KEY_CONCURRENCY:
        o->concurrency =
            (unsigned)options_number(state, "--concurrency", arg, 1, OPTIONS_CONCURRENCY_MAX);
        break;
    case KEY_RATE:
        o->rate = (unsigned)options_number(state, "--rate", arg, 1, OPTIONS_RATE_MAX);
        break;
    case KEY_FIRST:
        o->first = (uint64_t)options_number(state, "--first", arg, 0, OPTIONS_COUNT_MAX);
        break;
    case KEY_PEERS:
        o->peers = (unsigned)options_number(state, "--peers", arg, 1, OPTIONS_PEERS_MAX);
        break;
    case KEY_HTTPS_PORT:
        o->https_port = (unsigned)options_number(state, "--https-port", arg, 1, 65535);
        break;
    case KEY_MQTTS_PORT:
        o->mqtts_port = (unsigned)options_number(state, "--mqtts-port", arg, 1, 65535);
        break;
    case KEY_SCOPE:
        o->id_scope = arg;
        break;
    case KEY_KEY_FILE:
        o->key_file = arg;
        break;
    case KEY_PREFIX:
        o->prefix = arg;
        break;
    case KEY_CA_FILE:
        o->ca_file = arg;
        break;
    case KEY_CONNECT_TO:
        o->connect_to = arg;
        break;
    case KEY_NO_VERIFY:
        o->verify = false;
        break;
    case KEY_REFUSAL:
        o->expect_refusal = true;
        break;
    case KEY_HOLD:
        o->hold = true;
        break;
    case KEY_JSON:
        o->json = true;
        break;
    case KEY_TLS:
        o->tls = tls_of(state, arg);
        break;
    case ARGP_KEY_ARG:
        options_take_one(state, &o->host, arg);
        break;
    case ARGP_KEY_END:
        finish(o, state);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

void options_read(struct load_options *o, int argc, char **argv)
{
    static const struct argp argp = {
        rows,
        take,
        "HOST",
        "Registers devices of an enrollment group, each over a connection of its own with a full "
        "TLS handshake, and tells how many a second, how long they took, what failed, and what of "
        "it is this program's own limit.\v"
        "Exit code 0: every device was served. 1: some were not. 2: the line is wrong.\n\n"
        "A registration makes a device in the hub: load a service of your own.",
        NULL,
        NULL,
        NULL
    };

    *o = (struct load_options){
        .prefix = "load", .https_port = 443, .mqtts_port = 8883, .verify = true
    };
    if (argp_parse(&argp, argc, argv, 0, NULL, o) != 0)
        exit(2);
}
