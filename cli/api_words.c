#include "cli/api_words.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/reason.h"
#include "cli/command.h"
#include "cli/tell.h"
#include "wire/json.h"

#define MESSAGE_MAX 512
#define REMEDY_MAX  512
#define CLOCK_MAX   192
#define CLOCK_OFF_S 300 /* a clock that differs by more is told of */

static int tell_untrusted(const struct profile *place, const char *host, long verified)
{
    const char *why = X509_verify_cert_error_string(verified);

    /* libcurl compares the name before it keeps the result: "unspecified" until then. */
    if (verified == X509_V_OK || verified == X509_V_ERR_UNSPECIFIED)
        return tell_failure(EXIT_CODE_UNREACHABLE,
                            "%s:%u: its certificate does not name \"%s\"\n  use a name that is in "
                            "the daemon's --hostname or a hub's; the operator's own certificate "
                            "must have it too",
                            host, place->https_port, host);
    if (verified == X509_V_ERR_CERT_HAS_EXPIRED || verified == X509_V_ERR_CERT_NOT_YET_VALID)
        return tell_failure(EXIT_CODE_UNREACHABLE,
                            "%s:%u: %s\n  compare this machine's clock with the daemon's; the "
                            "daemon renews its certificates, and its log says why it could not",
                            host, place->https_port, why);
    return tell_failure(
        EXIT_CODE_UNREACHABLE,
        "%s:%u: its certificate is not trusted (%s)\n  give the daemon's tls/ca.pem "
        "(what `berth ca export` prints there) with --ca-file; `berth login --fetch-ca` asks for "
        "it",
        host, place->https_port, why);
}

static int tell_unknown_name(const struct profile *place)
{
    return tell_failure(
        EXIT_CODE_UNREACHABLE,
        "the name %s is not known to this machine\n  add it to DNS or to /etc/hosts, "
        "with the daemon's address; or, if the daemon should run on this machine, start it",
        place->login.host);
}

static int tell_no_listener(const struct profile *place, const char *reach)
{
    char directory[FILE_PATH_MAX];

    if (profile_data_dir(place, directory))
        return tell_failure(
            EXIT_CODE_UNREACHABLE,
            "nothing answers at %s:%u: the daemon of %s does not run\n  start it: `berth "
            "serve --data-dir %s`, or `systemctl start berth` where systemd runs it\n  if it does "
            "run, %s must lead to the address it listens on, by DNS or /etc/hosts",
            reach, place->https_port, directory, directory, place->login.host);
    if (strcmp(reach, place->login.host) != 0)
        return tell_unknown_name(place);
    return tell_failure(EXIT_CODE_UNREACHABLE,
                        "nothing answers at %s:%u\n  is `berth serve` running there, and the "
                        "port open?",
                        reach, place->https_port);
}

int api_tell_unreachable(const struct profile *place, const char *reach, const char *host,
                         int result, long verified)
{
    unsigned port = place->https_port;

    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return tell_unknown_name(place);
    case CURLE_COULDNT_CONNECT:
        return tell_no_listener(place, reach);
    case CURLE_PEER_FAILED_VERIFICATION:
        return tell_untrusted(place, host, verified);
    case CURLE_SSL_CACERT_BADFILE:
        return tell_failure(EXIT_CODE_UNREACHABLE,
                            "%s: no CA certificates can be read from it\n  give the daemon's "
                            "tls/ca.pem with --ca-file",
                            place->ca_file);
    case CURLE_OPERATION_TIMEDOUT:
        return tell_failure(EXIT_CODE_UNREACHABLE,
                            "no answer from %s:%u in time\n  a firewall may drop the packets, or "
                            "the daemon is overloaded: see its /healthz",
                            reach, port);
    default:
        return tell_failure(EXIT_CODE_UNREACHABLE, "%s:%u: %s\n  is that the daemon's HTTPS port?",
                            reach, port, curl_easy_strerror((CURLcode)result));
    }
}

static int exit_code_of(long status)
{
    switch (status) {
    case 401:
    case 403:
        return EXIT_CODE_DENIED;
    case 404:
        return EXIT_CODE_NOT_FOUND;
    case 409:
    case 412:
        return EXIT_CODE_CONFLICT;
    default:
        return EXIT_CODE_FAILED;
    }
}

/* What is refused for what else there is has a remedy of its own; what exists already has not. */
static const char *conflict_remedy(int64_t code)
{
    for (int why = BERTH_WHY_NONE + 1; why < BERTH_REASON_COUNT; why++) {
        const struct berth_reason_row *row = berth_reason_row((enum berth_reason)why);

        if (row->status == 409 && row->code == code && strstr(row->name, "EXISTS") == NULL)
            return row->remedy;
    }
    return "what is there already stays as it is: take another name";
}

/* Which command lists what PATH is one of. */
static void put_list(const struct api_refusal *r, char *out, size_t size)
{
    static const struct {
        const char *head, *list;
    } rows[] = {
        { "/berth/v1/enrollmentGroups/", "enrollment-group" },
        { "/berth/v1/enrollments/", "enrollment" },
        { "/berth/v1/policies/", "policy" },
        { "/berth/v1/hubs/", "hub" },
        { "/enrollmentGroups/", "enrollment-group" },
        { "/enrollments/", "enrollment" },
        { "/registrations/", "registration" },
    };
    static const char policies[] = "/policies/";
    berth_str hub = berth_str_of(r->path);

    if (berth_str_skip(&hub, BERTH_STR("/berth/v1/hubs/")) && strstr(r->path, policies) != NULL) {
        hub = berth_str_cut(&hub, '/');
        (void)snprintf(out, size, "`berth policy list --hub %.*s` shows what there is",
                       BERTH_STR_ARG(hub));
        return;
    }
    if (strncmp(r->path, "/devices/", 9) == 0 || strncmp(r->path, "/twins/", 7) == 0) {
        (void)snprintf(out, size, "`berth device list --hub %s` shows the devices there are",
                       r->host);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(r->path, rows[i].head, strlen(rows[i].head)) == 0) {
            (void)snprintf(out, size, "`berth %s list` shows what there is", rows[i].list);
            return;
        }
    (void)snprintf(out, size,
                   "`berth hub list`, `berth enrollment list` and the other lists show what there "
                   "is");
}

/* "2 h": in the largest unit of which there are two. */
static void put_span(int64_t s, char *out, size_t size)
{
    static const struct {
        const char *name;
        int64_t s;
    } units[] = { { "days", 86400 }, { "h", 3600 }, { "min", 60 } };
    size_t i = 0;

    while (i < 2 && s + 60 < 2 * units[i].s)
        i++;
    (void)snprintf(out, size, "%lld %s", (long long)((s + units[i].s / 2) / units[i].s),
                   units[i].name);
}

static void put_time(time_t t, char *out, size_t size)
{
    struct tm tm = { 0 };

    (void)gmtime_r(&t, &tm);
    if (strftime(out, size, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
        out[0] = '\0';
}

/* A token that was signed by a clock that is behind has ended: a line about it, or "". */
static void put_clock(const struct api_refusal *r, char *out, size_t size)
{
    time_t now = time(NULL), theirs = curl_getdate(r->date, NULL);
    char span[32], mine_text[32], their_text[32];

    out[0] = '\0';
    if (r->status != 401 || theirs == -1 || llabs((long long)now - theirs) <= CLOCK_OFF_S)
        return;
    put_span(llabs((long long)now - theirs), span, sizeof span);
    put_time(now, mine_text, sizeof mine_text);
    put_time(theirs, their_text, sizeof their_text);
    (void)snprintf(out, size,
                   "this machine's clock is %s %s the service's (%s against %s): set it\n  ", span,
                   now < theirs ? "behind" : "ahead of", mine_text, their_text);
}

static void put_remedy(const struct api_refusal *r, int64_t code, const char *policy, char *out,
                       size_t size)
{
    char clock[CLOCK_MAX];

    switch (r->status) {
    case 401:
    case 403:
        put_clock(r, clock, sizeof clock);
        (void)snprintf(out, size,
                       "%spolicy \"%s\": its key is wrong, or it lacks the right; which, says "
                       "`berth explain %s`, asked with a policy that may",
                       clock, policy, r->tracking[0] != '\0' ? r->tracking : "--last");
        return;
    case 404:
        put_list(r, out, size);
        return;
    case 409:
        (void)snprintf(out, size, "%s", conflict_remedy(code));
        return;
    case 412:
        (void)snprintf(out, size, "it has changed meanwhile: look at it and try again");
        return;
    case 429:
        (void)snprintf(out, size, "try again in %s seconds",
                       r->retry_after[0] != '\0' ? r->retry_after : "some");
        return;
    default:
        (void)snprintf(out, size,
                       r->status >= 500 ? "try again; the daemon's log has the cause"
                                        : "mend what the message names");
    }
}

/* "message" and a number from the provisioning service, "Message" with both in it from a hub. */
static void put_message(berth_str body, char *out, size_t size, int64_t *number)
{
    unsigned char storage[MESSAGE_MAX];
    struct berth_json doc, message;
    struct berth_arena a;
    berth_str text;

    berth_arena_init(&a, storage, sizeof storage);
    (void)snprintf(out, size, "no reason given");
    if (berth_json_check(body, &doc, NULL) != BERTH_OK)
        return;
    message = berth_json_get(doc, BERTH_STR("message"));
    if (message.type == BERTH_JSON_ABSENT)
        message = berth_json_get(doc, BERTH_STR("Message"));
    if (berth_json_string(message, &a, &text) != BERTH_OK)
        return;
    while (text.n > 0 && text.p[text.n - 1] == '.')
        text.n--;
    if (berth_json_i64(berth_json_get(doc, BERTH_STR("errorCode")), number) == BERTH_OK)
        (void)snprintf(out, size, "%.*s (%lld)", BERTH_STR_ARG(text), (long long)*number);
    else
        (void)snprintf(out, size, "%.*s", BERTH_STR_ARG(text));
}

int api_tell_refusal(const struct api_refusal *r, berth_str body, const char *policy,
                     const char *what)
{
    char message[MESSAGE_MAX], remedy[REMEDY_MAX];
    int64_t code = 0;

    put_message(body, message, sizeof message, &code);
    put_remedy(r, code, policy, remedy, sizeof remedy);
    return tell_failure(exit_code_of(r->status), "%s%s%s\n  %s\n  HTTP %ld, tracking ID %s",
                        what != NULL ? what : "", what != NULL ? ": " : "", message, remedy,
                        r->status, r->tracking[0] != '\0' ? r->tracking : "none");
}
