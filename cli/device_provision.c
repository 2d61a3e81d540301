/* berth device provision: a simulated device. It speaks as any device does, and prints what the C
 * SDK's sample prints. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "berth/derive.h"
#include "berth/device.h"
#include "berth/openssl.h"
#include "berth/version.h"
#include "cli/command.h"
#include "cli/enrollment.h"
#include "cli/group_key.h"
#include "cli/id_check.h"
#include "cli/json_option.h"
#include "cli/output.h"
#include "cli/reach.h"
#include "cli/secret.h"
#include "cli/tell.h"

#define DOCUMENT_MAX 4096

enum {
    KEY_ID = 0x100,
    KEY_SCOPE,
    KEY_HOST,
    KEY_PORT,
    KEY_TRANSPORT,
    KEY_FILE,
    KEY_GIVEN,
    KEY_GROUP,
    KEY_DERIVE,
    KEY_PAYLOAD,
};

struct input {
    const char *id, *scope, *host, *group, *payload_text;
    struct json_option payload;
    uint16_t port;
    enum berth_transport transport;
    struct secret_source source;
    bool derive;
};

/* Set by a signal; the device leaves at its next step. */
static volatile int stopping;

static void stop(int number)
{
    stopping = number;
}

static void check(struct argp_state *state, const struct input *in)
{
    if (in->id == NULL)
        argp_error(state, "--registration-id is missing");
    id_check_registration(state, "--registration-id", in->id);
    if (in->group == NULL)
        return;
    enrollment_check_id(state, in->group);
    if (in->source.file != NULL || in->source.given != NULL)
        argp_error(state, "--enrollment-group asks for the key: no other can be given");
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case KEY_ID:
        in->id = arg;
        return 0;
    case KEY_SCOPE:
        in->scope = arg;
        return 0;
    case KEY_HOST:
        in->host = arg;
        return 0;
    case KEY_PORT:
        in->port = (uint16_t)options_number(state, "--port", arg, 1, UINT16_MAX);
        return 0;
    case KEY_TRANSPORT:
        if (strcmp(arg, "https") != 0 && strcmp(arg, "mqtt") != 0)
            argp_error(state, "--transport %s: not one of mqtt, https", arg);
        in->transport = arg[0] == 'h' ? BERTH_TRANSPORT_HTTPS : BERTH_TRANSPORT_MQTT;
        return 0;
    case KEY_FILE:
        in->source.file = arg;
        return 0;
    case KEY_GIVEN:
        in->source.given = arg;
        return 0;
    case KEY_GROUP:
        in->group = arg;
        return 0;
    case KEY_DERIVE:
        in->derive = true;
        return 0;
    case KEY_PAYLOAD:
        in->payload_text = arg;
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

/* ---- where to ---- */

/* What the device needs to know of the service; a profile fills in what was not given. */
struct target {
    struct profile place;
    char host[LOGIN_HOST_MAX + 1]; /* without brackets: a name of the certificate */
    char scope[PROFILE_SCOPE_MAX + 1];
    char reach[LOGIN_HOST_MAX + 1]; /* what to connect to; without brackets too */
    uint16_t port;                  /* 0: the transport's own */
};

static void drop_brackets(char *host)
{
    size_t n = strlen(host);

    if (host[0] != '[')
        return;
    memmove(host, host + 1, n - 2);
    host[n - 2] = '\0';
}

static int take_host(const struct input *in, bool found, struct target *t)
{
    const char *given = in->host != NULL ? in->host : found ? t->place.login.host : NULL;
    uint16_t port = 0;

    if (given == NULL)
        return tell_failure(EXIT_CODE_USAGE,
                            "no service to register with\n  give --host and --id-scope, or the "
                            "daemon's profile with --profile");
    if (login_host(berth_str_of(given), t->host, &port) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE, "--host %.64s: not a host name", given);
    drop_brackets(t->host);
    (void)snprintf(t->reach, sizeof t->reach, "%s", reach_host(&t->place));
    drop_brackets(t->reach);
    t->port = in->port != 0 ? in->port : port;
    if (t->port == 0 && in->host == NULL)
        t->port = in->transport == BERTH_TRANSPORT_MQTT ? t->place.mqtts_port : t->place.https_port;
    return EXIT_CODE_OK;
}

/* A login that came without a profile does not say the ID scope: the service does. */
static int ask_scope(const struct options *o, struct target *t)
{
    struct api a;
    int code = api_open(&a, o);

    if (code == EXIT_CODE_OK)
        code = api_ask_service(&a);
    if (code == EXIT_CODE_OK)
        memcpy(t->scope, a.place.id_scope, sizeof t->scope);
    api_close(&a);
    return code;
}

static int take_scope(const struct input *in, const struct options *o, bool found, struct target *t)
{
    const char *scope = in->scope != NULL ? in->scope : t->place.id_scope;

    if (scope[0] == '\0' && found)
        return ask_scope(o, t);
    if (scope[0] == '\0')
        return tell_failure(EXIT_CODE_USAGE, "no ID scope\n  give --id-scope; `berth service show` "
                                             "prints it");
    if (strlen(scope) >= sizeof t->scope)
        return tell_failure(EXIT_CODE_USAGE, "--id-scope: longer than %d characters",
                            PROFILE_SCOPE_MAX);
    (void)snprintf(t->scope, sizeof t->scope, "%s", scope);
    return EXIT_CODE_OK;
}

static int find_target(const struct input *in, const struct options *o, struct target *t)
{
    bool found;
    int code = profile_find_if_any(o, &t->place, &found);

    if (code == EXIT_CODE_OK)
        code = take_host(in, found, t);
    if (code == EXIT_CODE_OK)
        code = take_scope(in, o, found, t);
    return code;
}

/* ---- as whom ---- */

static int derive(const char *id, struct berth_key *key)
{
    struct berth_key group_key = *key;
    struct berth_crypto crypto;
    berth_err e = berth_openssl_init(&crypto);

    if (e == BERTH_OK) {
        e = berth_derive_key(&crypto, &group_key, berth_str_of(id), key);
        berth_openssl_deinit(&crypto);
    }
    explicit_bzero(&group_key, sizeof group_key);
    return e == BERTH_OK
               ? EXIT_CODE_OK
               : tell_failure(EXIT_CODE_FAILED, "the key cannot be derived: %s", berth_err_text(e));
}

static int find_key(const struct input *in, const struct options *o, struct berth_key *key)
{
    struct api a;
    int code;

    if (in->group == NULL) {
        code = secret_read(&in->source, key);
    } else {
        code = api_open(&a, o);
        if (code == EXIT_CODE_OK)
            code = group_key_ask(&a, in->group, false, key);
        api_close(&a);
    }
    return code == EXIT_CODE_OK && (in->derive || in->group != NULL) ? derive(in->id, key) : code;
}

/* ---- what is told ---- */

static void on_status(void *user, const char *status)
{
    const char *word = strcmp(status, "connected") == 0   ? "CONNECTED"
                       : strcmp(status, "assigning") == 0 ? "ASSIGNING"
                                                          : NULL;

    (void)user;
    if (word != NULL)
        (void)printf("Provisioning Status: PROV_DEVICE_REG_STATUS_%s\n", word);
    (void)fflush(stdout);
}

static void print_json(const char *id, const struct berth_prov_result *r)
{
    char document[DOCUMENT_MAX];
    struct berth_json_out j;
    struct berth_json v;
    struct berth_buf b;

    berth_buf_init(&b, document, sizeof document);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    berth_json_member(&j, "registrationId", berth_str_of(id));
    berth_json_member(&j, "status", berth_str_of(r->status[0] != '\0' ? r->status : "error"));
    if (r->err == BERTH_OK) {
        berth_json_member(&j, "assignedHub", berth_str_of(r->assigned_hub));
        berth_json_member(&j, "deviceId", berth_str_of(r->device_id));
    } else {
        berth_json_member_i64(&j, "errorCode", r->error_code);
        berth_json_member(&j, "errorMessage", berth_str_of(r->message));
    }
    if (r->tracking_id[0] != '\0')
        berth_json_member(&j, "trackingId", berth_str_of(r->tracking_id));
    berth_json_close(&j, '}');
    if (berth_json_check(berth_buf_str(&b), &v, NULL) == BERTH_OK)
        output_json(stdout, v, (struct berth_json){ 0 });
}

static const char *remedy(const struct berth_prov_result *r)
{
    if (stopping != 0)
        return "it was interrupted; nothing is left of it here";
    if (strcmp(r->status, "disabled") == 0)
        return "enable its enrollment or group";
    if (r->error_code / 1000 == 401)
        return "`berth explain` with the tracking ID says whether it is key, ID, ID scope or clock";
    if (r->error_code / 1000 == 429)
        return "wait before the next attempt";
    if (r->error_code != 0)
        return "`berth explain` with the registration ID has cause and remedy";
    return "look at address, port and trust: --host, --port, --ca-file";
}

static int exit_code_of(const struct berth_prov_result *r)
{
    if (strcmp(r->status, "disabled") != 0 && r->error_code / 1000 == 401)
        return EXIT_CODE_DENIED;
    if (r->error_code / 1000 == 404)
        return EXIT_CODE_NOT_FOUND;
    if (r->error_code != 0 || r->status[0] != '\0' || r->err == BERTH_E_MISMATCH)
        return EXIT_CODE_FAILED;
    if (r->err == BERTH_E_RANGE || r->err == BERTH_E_SYNTAX)
        return EXIT_CODE_USAGE;
    return EXIT_CODE_UNREACHABLE;
}

static int tell_result(const struct berth_prov_result *r)
{
    char number[24] = "";

    if (r->err == BERTH_OK)
        return EXIT_CODE_OK;
    if (r->error_code != 0)
        (void)snprintf(number, sizeof number, " (%d)", r->error_code);
    return tell_failure(exit_code_of(r), "the device was not assigned: %s%s\n  %s%s%s",
                        r->message[0] != '\0' ? r->message : berth_err_text(r->err), number,
                        remedy(r), r->tracking_id[0] != '\0' ? "\n  tracking ID " : "",
                        r->tracking_id);
}

/* ---- doing it ---- */

static void provision(const struct input *in, const struct target *t, const struct berth_key *key,
                      bool json, struct berth_prov_result *result)
{
    /* a second one ends the process: looking up a name does not stop at the first */
    struct sigaction now = { .sa_handler = stop, .sa_flags = (int)SA_RESETHAND };
    struct sigaction interrupt, terminate;
    struct berth_device_options o = {
        .prov = { .transport = in->transport,
                  .host = berth_str_of(t->host),
                  .id_scope = berth_str_of(t->scope),
                  .registration_id = berth_str_of(in->id),
                  .key = *key,
                  .payload = in->payload.v.text },
        .port = t->port,
        .connect_to = in->host == NULL ? t->reach : NULL,
        .ca_file = t->place.ca_file[0] != '\0' ? t->place.ca_file : NULL,
        .status = json ? NULL : on_status,
        .cancel = &stopping,
    };

    (void)sigaction(SIGINT, &now, &interrupt);
    (void)sigaction(SIGTERM, &now, &terminate);
    if (!json)
        (void)printf("Provisioning API Version: " BERTH_VERSION "\nRegistering Device\n");
    (void)fflush(stdout);
    if (berth_device_provision(&o, result) == BERTH_OK && !json)
        (void)printf("Registration Information received from service: %s, deviceId: %s\n",
                     result->assigned_hub, result->device_id);
    explicit_bzero(&o, sizeof o);
    (void)sigaction(SIGINT, &interrupt, NULL);
    (void)sigaction(SIGTERM, &terminate, NULL);
}

static int run(const struct input *in, const struct options *o)
{
    struct berth_prov_result result;
    struct berth_key key = { 0 };
    struct target t = { 0 };
    int code = find_target(in, o, &t);

    if (code == EXIT_CODE_OK)
        code = find_key(in, o, &key);
    if (code == EXIT_CODE_OK) {
        provision(in, &t, &key, o->json, &result);
        code = tell_result(&result);
        if (o->json)
            print_json(in->id, &result);
    }
    explicit_bzero(&key, sizeof key);
    explicit_bzero(&t, sizeof t);
    /* The connection is closed; whoever sent the signal now sees it obeyed. */
    if (stopping != 0)
        (void)raise(stopping);
    return code;
}

static int read_payload(struct input *in)
{
    int code;

    if (in->payload_text == NULL)
        return EXIT_CODE_OK;
    code = json_option_read(&in->payload, "--payload", in->payload_text);
    if (code == EXIT_CODE_OK && in->payload.v.text.n > BERTH_PROV_PAYLOAD_MAX)
        return tell_failure(EXIT_CODE_USAGE, "--payload: longer than %d bytes",
                            BERTH_PROV_PAYLOAD_MAX);
    return code;
}

int device_provision_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "registration-id", KEY_ID, "REGISTRATION-ID", 0, "the device's", 0 },
        { "key-file", KEY_FILE, "FILE", 0,
          "read its key from here, - for standard input; else from $BERTH_KEY", 0 },
        { "key", KEY_GIVEN, "KEY", 0, "or this key; others can see it on the command line", 0 },
        { "derive", KEY_DERIVE, NULL, 0, "the key is its group's: derive the device's from it", 0 },
        { "enrollment-group", KEY_GROUP, "GROUP-ID", 0,
          "ask the service for this group's key, and derive", 0 },
        { "transport", KEY_TRANSPORT, "mqtt|https", 0, "mqtt when left out", 0 },
        { "id-scope", KEY_SCOPE, "SCOPE", 0, "else the profile's", 0 },
        { "host", KEY_HOST, "HOST", 0,
          "the service, as its certificate names it; else the profile's", 0 },
        { "port", KEY_PORT, "PORT", 0, "else the profile's, else 8883 or 443", 0 },
        { "payload", KEY_PAYLOAD, "JSON", 0, "sent with the registration; @FILE reads it", 0 },
        { 0 }
    };
    const struct argp argp = {
        own,  take, NULL, "Register as a device would, and print the hub it is assigned to.",
        NULL, NULL, NULL
    };
    struct input in = { .transport = BERTH_TRANSPORT_MQTT,
                        .source = { .what = "device key",
                                    .option = "--key-file",
                                    .variable = "BERTH_KEY",
                                    .ask = true } };
    struct options o;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = read_payload(&in);
    if (code == EXIT_CODE_OK)
        code = run(&in, &o);
    json_option_free(&in.payload);
    return code;
}
