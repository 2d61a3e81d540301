/* berth hub monitor: what the devices of a hub send, as it comes. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/id_check.h"
#include "cli/list.h"
#include "cli/output.h"
#include "cli/tell.h"
#include "wire/percent.h"

#define WAIT_S         20 /* that the service holds one request */
#define NUMBERS_MAX    1000000
#define TAIL_MAX       512
#define AUDIT_TEXT_MAX 1023 /* bytes shown of a name */

enum { KEY_HUB = 0x100, KEY_DEVICE, KEY_TIMEOUT, KEY_COUNT };

struct input {
    const char *hub, *device_id;
    long timeout_s; /* 0: none */
    long count;     /* 0: no end */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* Without SA_RESTART: what waits is to wake up. A second signal ends the process: looking up a name
 * does not stop at the first. */
static void watch_signals(void)
{
    struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here", arg);
        return 0;
    case KEY_HUB:
        in->hub = arg;
        return 0;
    case KEY_DEVICE:
        in->device_id = arg;
        id_check_device(state, "--device-id", arg);
        return 0;
    case KEY_TIMEOUT:
        in->timeout_s = options_number(state, "--timeout", arg, 1, NUMBERS_MAX);
        return 0;
    case KEY_COUNT:
        in->count = options_number(state, "--message-count", arg, 1, NUMBERS_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- printing ---- */

static void print_tame(berth_str text)
{
    char *copy = strndup(text.n > 0 ? text.p : "", text.n);

    if (copy == NULL)
        return;
    text_tame(copy);
    for (const char *p = copy; *p != '\0'; p++) {
        (void)fputc(*p, stdout);
        if (*p == '\n')
            (void)fputs("    ", stdout); /* or a device could write a line in another's name */
    }
    free(copy);
}

/* V as people read it: a string without quotes and escapes. */
static void print_value(struct berth_json v, void *memory, size_t size)
{
    struct berth_arena a;
    berth_str text;

    berth_arena_init(&a, memory, size);
    print_tame(berth_json_string(v, &a, &text) == BERTH_OK ? text : v.text);
}

static void print_members(struct berth_json object, void *memory, size_t size)
{
    struct berth_json_iter it = { 0 };
    struct berth_json value;
    berth_str name;

    while (berth_json_next(object, &it, &name, &value)) {
        (void)fputc(' ', stdout);
        print_tame(name); /* still escaped */
        (void)fputc('=', stdout);
        print_value(value, memory, size);
    }
}

/* NAME and the text of E's member, or nothing. To standard error: no message of a device. */
static void tell_member(struct berth_json e, const char *name, const char *member)
{
    char text[AUDIT_TEXT_MAX + 1];

    if (!api_string(e, member, text, sizeof text))
        return;
    text_tame(text);
    (void)fprintf(stderr, ", %s %s", name, text);
}

static void tell_audit(struct berth_json e)
{
    char id[AUDIT_TEXT_MAX + 1], text[AUDIT_TEXT_MAX + 1];

    (void)api_string(e, "deviceId", id, sizeof id);
    (void)api_string(e, "text", text, sizeof text);
    text_tame(id);
    text_tame(text);
    (void)fprintf(stderr, "audit: device %s: %s", id, text);
    tell_member(e, "registration", "registrationId");
    tell_member(e, "other registration", "otherRegistrationId");
    tell_member(e, "peer", "peer");
    tell_member(e, "other peer", "otherPeer");
    (void)fputc('\n', stderr);
}

static void print_event(struct berth_json e, void *memory, size_t size)
{
    print_value(berth_json_get(e, BERTH_STR("time")), memory, size);
    (void)fputc(' ', stdout);
    print_value(berth_json_get(e, BERTH_STR("deviceId")), memory, size);
    print_members(berth_json_get(e, BERTH_STR("properties")), memory, size);
    print_members(berth_json_get(e, BERTH_STR("systemProperties")), memory, size);
    (void)fputc(' ', stdout);
    print_value(berth_json_get(e, BERTH_STR("payload")), memory, size);
    (void)fputc('\n', stdout);
}

/* How many of the answer's events were printed. */
static long print_events(const struct api *a, long most, bool json)
{
    size_t size = a->body.n + 64;
    void *memory = malloc(size);
    struct berth_json_iter it = { 0 };
    struct berth_json event, audit;
    long n = 0;

    while (memory != NULL && a->json.type == BERTH_JSON_ARRAY && (most == 0 || n < most) &&
           berth_json_next(a->json, &it, NULL, &event)) {
        audit = berth_json_get(event, BERTH_STR("audit"));
        if (audit.type == BERTH_JSON_OBJECT) {
            tell_audit(audit);
            continue;
        }
        if (json)
            output_line(stdout, event);
        else
            print_event(event, memory, size);
        n++;
    }
    free(memory);
    (void)fflush(stdout);
    if (a->missed[0] != '\0')
        tell_warning("%s messages came faster than they were read, and are lost here", a->missed);
    return n;
}

/* ---- watching ---- */

static int ask(struct api *a, const struct input *in, const char *cursor, long wait_s)
{
    char path[API_PATH_MAX], tail[TAIL_MAX], what[LOGIN_HOST_MAX + 16];
    struct berth_buf b;

    berth_buf_init(&b, tail, sizeof tail - 1);
    berth_buf_put(&b, BERTH_STR("/events?audit=true&wait="));
    berth_buf_put_i64(&b, wait_s);
    if (cursor != NULL) {
        berth_buf_put(&b, BERTH_STR("&after="));
        berth_buf_put(&b, berth_str_of(cursor));
    }
    if (in->device_id != NULL) {
        berth_buf_put(&b, BERTH_STR("&deviceId="));
        berth_percent_put(&b, berth_str_of(in->device_id));
    }
    if (b.over)
        return tell_failure(EXIT_CODE_FAILED, "the service's answer has no usable cursor");
    tail[b.n] = '\0';
    (void)snprintf(what, sizeof what, "hub %s", in->hub);
    api_path(path, "/berth/v1/hubs/", in->hub, tail);
    return api_call(a, &(struct api_request){ .method = "GET", .path = path, .what = what });
}

static int64_t now_s(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* Seconds to wait next; 0 when nothing came for too long. */
static long next_wait(const struct input *in, int64_t last_s)
{
    int64_t left = in->timeout_s == 0 ? WAIT_S : last_s + in->timeout_s - now_s();

    return left > WAIT_S ? WAIT_S : left > 0 ? (long)left : 0;
}

static int watch(struct api *a, const struct input *in, bool json)
{
    char cursor[sizeof a->continuation];
    int code = ask(a, in, NULL, 0);
    int64_t last_s = now_s();
    long seen = 0, wait_s;

    if (code == EXIT_CODE_OK && !interrupted)
        tell_hint("Watching hub %s. Ctrl-C ends.", in->hub);
    while (code == EXIT_CODE_OK && !interrupted) {
        long n;
        wait_s = next_wait(in, last_s);
        if (wait_s == 0)
            break;
        (void)snprintf(cursor, sizeof cursor, "%s", a->continuation);
        code = ask(a, in, cursor, wait_s);
        if (code != EXIT_CODE_OK || interrupted)
            break;
        n = print_events(a, in->count == 0 ? 0 : in->count - seen, json);
        seen += n;
        if (n > 0)
            last_s = now_s();
        if ((in->count > 0 && seen >= in->count) || ferror(stdout) != 0)
            break;
    }
    return code;
}

static int check_hub(struct api *a, struct input *in)
{
    char host[LOGIN_HOST_MAX + 1];
    uint16_t port;
    int code;

    if (in->hub == NULL) {
        code = api_ask_service(a);
        if (code != EXIT_CODE_OK)
            return code;
        in->hub = a->default_hub;
        if (in->hub[0] == '\0')
            return tell_failure(EXIT_CODE_NOT_FOUND,
                                "there is no hub\n  make one with `berth hub create`");
    }
    if (login_host(berth_str_of(in->hub), host, &port) != BERTH_OK || port != 0)
        return tell_failure(EXIT_CODE_USAGE, "%.64s: not a hub's name", in->hub);
    return EXIT_CODE_OK;
}

int hub_monitor_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "hub", KEY_HUB, "HUB", 0, "the hub's name; the daemon's own hub when left out", 0 },
        { "device-id", KEY_DEVICE, "DEVICE-ID", 0, "only what this device sends", 0 },
        { "timeout", KEY_TIMEOUT, "SECONDS", 0, "end when nothing came for so long", 0 },
        { "message-count", KEY_COUNT, "NUMBER", 0, "end after so many messages", 0 },
        { 0 }
    };
    const struct argp argp = { .options = own,
                               .parser = take,
                               .doc = "Print what the devices of a hub send, as it comes. With "
                                      "--json one object a line." };
    struct input in = { 0 };
    struct options o;
    struct api a;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK) {
        watch_signals();
        a.cancelled = &interrupted;
        code = check_hub(&a, &in);
    }
    if (code == EXIT_CODE_OK && !interrupted)
        code = watch(&a, &in, o.json);
    api_close(&a);
    return code;
}
