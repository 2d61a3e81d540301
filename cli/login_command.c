/* berth login: a service on any machine, with its CA, as a profile with a name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/ca_fetch.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/profile_file.h"
#include "cli/profiles.h"
#include "cli/secret.h"
#include "cli/tell.h"

#define SCHEME       "https://"
#define DOCUMENT_MAX 1024

enum { KEY_STRING = 0x100, KEY_URL, KEY_POLICY, KEY_FILE, KEY_CA, KEY_FETCH, KEY_PRINT, KEY_MQTTS };

struct input {
    const char *string_file, *url, *policy, *key_file, *ca, *fingerprint;
    bool fetch;
    long mqtts_port;
};

/* ---- options ---- */

static void check(struct argp_state *state, const struct input *in)
{
    if (in->url != NULL && in->string_file != NULL)
        argp_error(state, "--url and --connection-string-file both say which service");
    if ((in->url != NULL) != (in->policy != NULL))
        argp_error(state, "--url and --policy go together");
    if (in->key_file != NULL && in->url == NULL)
        argp_error(state, "--key-file goes with --url and --policy");
    if (in->ca != NULL && in->fetch)
        argp_error(state, "--ca gives the CA, --fetch-ca asks for it: one of them");
    if (in->fingerprint != NULL && !in->fetch)
        argp_error(state, "--fingerprint goes with --fetch-ca");
    if (in->fingerprint != NULL && !ca_fetch_is_fingerprint(in->fingerprint))
        argp_error(state,
                   "--fingerprint %.100s: not a SHA-256 fingerprint, which is 32 bytes in "
                   "hexadecimal, with or without colons between them",
                   in->fingerprint);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here: --profile names the profile", arg);
        return 0;
    case KEY_STRING:
        in->string_file = arg;
        return 0;
    case KEY_URL:
        in->url = arg;
        return 0;
    case KEY_POLICY:
        in->policy = arg;
        return 0;
    case KEY_FILE:
        in->key_file = arg;
        return 0;
    case KEY_CA:
        in->ca = arg;
        return 0;
    case KEY_FETCH:
        in->fetch = true;
        return 0;
    case KEY_PRINT:
        in->fingerprint = arg;
        return 0;
    case KEY_MQTTS:
        in->mqtts_port = options_number(state, "--mqtts-port", arg, 1, UINT16_MAX);
        return 0;
    case ARGP_KEY_END:
        check(state, in);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What every other verb takes: here they would mean something else, or nothing. */
static int check_common(const struct options *o, const struct input *in)
{
    if (o->login != NULL)
        return tell_failure(EXIT_CODE_USAGE,
                            "--login would show the key to other users\n  give the connection "
                            "string with --connection-string-file, $BERTH_LOGIN or at the prompt");
    if (o->data_dir != NULL)
        return tell_failure(EXIT_CODE_USAGE, "--data-dir needs no login");
    if (o->profile != NULL && !profiles_name_is_valid(o->profile))
        return tell_failure(EXIT_CODE_USAGE,
                            "--profile %.80s: a name has 1 to %d letters, digits, '-', '_'",
                            o->profile, PROFILES_NAME_MAX);
    if (o->ca_file != NULL && (in->ca != NULL || in->fetch))
        return tell_failure(EXIT_CODE_USAGE, "--ca-file and --ca are the same; --fetch-ca is "
                                             "another way: one of them");
    return EXIT_CODE_OK;
}

/* ---- which service, as whom ---- */

static int read_string(const struct input *in, struct login *out)
{
    const struct secret_source s = { .what = "connection string",
                                     .file = in->string_file,
                                     .option = "--connection-string-file",
                                     .variable = "BERTH_LOGIN",
                                     .is_text = true,
                                     .ask = true };
    const char *from, *problem;
    char text[SECRET_FILE_MAX];
    berth_str string;
    int code = secret_read_text(&s, text, &string, &from);

    if (code == EXIT_CODE_OK && login_parse(string, out, &problem) != BERTH_OK)
        code =
            tell_failure(EXIT_CODE_USAGE,
                         "%s: %s\n  wanted: HostName=..;SharedAccessKeyName=..;SharedAccessKey=..",
                         from, problem);
    explicit_bzero(text, sizeof text);
    return code;
}

static int read_url(const struct input *in, struct login *out)
{
    const struct secret_source s = { .what = "policy key",
                                     .file = in->key_file,
                                     .option = "--key-file",
                                     .variable = "BERTH_KEY",
                                     .ask = true };
    berth_str host = berth_str_of(in->url);

    *out = (struct login){ 0 };
    (void)berth_str_skip(&host, BERTH_STR(SCHEME));
    if (berth_str_ends(host, BERTH_STR("/")))
        host.n--;
    if (login_host(host, out->host, &out->port) != BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE,
                            "--url %.300s: not " SCHEME "HOST or " SCHEME "HOST:PORT", in->url);
    if (!berth_policy_name_is_valid(berth_str_of(in->policy)))
        return tell_failure(EXIT_CODE_USAGE, "--policy %.80s: not a policy's name", in->policy);
    (void)snprintf(out->policy, sizeof out->policy, "%s", in->policy);
    return secret_read(&s, &out->key);
}

static int find_service(const struct input *in, struct profile *p)
{
    int code = in->url != NULL ? read_url(in, &p->login) : read_string(in, &p->login);

    if (code != EXIT_CODE_OK)
        return code;
    p->remote = true;
    p->https_port = p->login.port != 0 ? p->login.port : PROFILE_HTTPS_PORT;
    p->mqtts_port = in->mqtts_port != 0 ? (uint16_t)in->mqtts_port : PROFILE_MQTTS_PORT;
    memcpy(p->host, p->login.host, sizeof p->host);
    return EXIT_CODE_OK;
}

/* ---- whom to trust ---- */

static int read_ca(const char *path, struct berth_buf *pem)
{
    berth_err e = file_read(path, pem);

    if (e == BERTH_OK && ca_fetch_is_pem(berth_buf_str(pem)))
        return EXIT_CODE_OK;
    if (e == BERTH_OK)
        return tell_failure(EXIT_CODE_USAGE,
                            "--ca %s: no certificate in PEM form stands in it\n  give what `berth "
                            "ca export` prints on the service's machine",
                            path);
    return tell_failure(EXIT_CODE_USAGE, "--ca %s: %s", path,
                        e == BERTH_E_IO     ? strerror(errno)
                        : e == BERTH_E_FULL ? "longer than CA certificates are"
                                            : "there is no such file");
}

static int confirm_print(const struct ca_found *ca)
{
    char answer[16] = "";

    if (isatty(STDIN_FILENO) != 1)
        return tell_failure(EXIT_CODE_USAGE,
                            "the service's CA has the SHA-256 fingerprint\n  %s\n  compare it with "
                            "what `berth ca list` prints on the service's machine, then give it "
                            "with --fingerprint",
                            ca->fingerprint);
    tell_note("CA       %s\nSHA-256  %s\nCompare it with what `berth ca list` prints on the "
              "service's machine.",
              ca->subject, ca->fingerprint);
    (void)fprintf(stderr, "Is it the same? [y/N] ");
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_FAILED, "not trusted; nothing is remembered");
}

static int fetch_ca(const struct input *in, const struct profile *p, struct berth_buf *pem)
{
    struct ca_found ca;
    int code = ca_fetch(p, &ca);

    if (code != EXIT_CODE_OK)
        return code;
    berth_buf_put(pem, berth_str_of(ca.pem));
    if (in->fingerprint == NULL)
        return confirm_print(&ca);
    if (ca_fetch_is(ca.fingerprint, in->fingerprint))
        return EXIT_CODE_OK;
    return tell_failure(EXIT_CODE_UNREACHABLE,
                        "the service's CA has another fingerprint\n  %s\n  is it the right "
                        "service, and has its CA rolled over? `berth ca list` there shows it",
                        ca.fingerprint);
}

/* Empty: the system's CAs. */
static int find_ca(const struct input *in, const struct options *o, const struct profile *p,
                   struct berth_buf *pem)
{
    const char *path = in->ca != NULL ? in->ca : o->ca_file;

    if (path != NULL)
        return read_ca(path, pem);
    return in->fetch ? fetch_ca(in, p, pem) : EXIT_CODE_OK;
}

/* A file without a name, for libcurl: nothing is left behind whatever happens. */
static int lend(struct profile *p, berth_str pem, int *fd)
{
    *fd = -1;
    if (pem.n == 0)
        return EXIT_CODE_OK;
    *fd = memfd_create("ca", MFD_CLOEXEC);
    if (*fd < 0 || write(*fd, pem.p, pem.n) != (ssize_t)pem.n)
        return tell_failure(EXIT_CODE_FAILED, "memory ran out");
    (void)snprintf(p->ca_file, sizeof p->ca_file, "/proc/self/fd/%d", *fd);
    return EXIT_CODE_OK;
}

/* ---- trying, remembering ---- */

/* One who has a hub's string has a key that is right, and is not told that it is wrong. */
static int tell_of_hub(struct api *a)
{
    const struct api_request ask = { .method = "GET",
                                     .path = "/statistics/devices" API_HUB,
                                     .pardoned = 401 };
    int code = api_call(a, &ask);

    if (code != EXIT_CODE_OK || a->json.type == BERTH_JSON_ABSENT)
        return code;
    return tell_failure(EXIT_CODE_DENIED,
                        "this is a hub's connection string: policy \"%s\" of hub %s\n  the "
                        "provisioning service's is wanted, as `berth connection-string show` "
                        "without --hub prints it on its machine",
                        a->place.login.policy, a->place.login.host);
}

static int ask_service(struct api *a)
{
    int code =
        api_call(a, &(struct api_request){ .method = "GET", .path = API_SERVICE, .pardoned = 401 });

    if (code == EXIT_CODE_OK && a->json.type == BERTH_JSON_ABSENT)
        code = tell_of_hub(a);
    return code == EXIT_CODE_OK ? api_ask_service(a) : code;
}

/* Older services do not say. */
static void take_port(struct berth_json service, const struct input *in, struct profile *p)
{
    int64_t port = 0;

    if (in->mqtts_port != 0 ||
        berth_json_i64(berth_json_get(service, BERTH_STR("mqttsPort")), &port) != BERTH_OK)
        return;
    if (port > 0 && port <= UINT16_MAX)
        p->mqtts_port = (uint16_t)port;
}

/* The service knows the key and the right name: its ID scope stands in P, and where it takes MQTT.
 */
static int try_service(const struct input *in, struct profile *p, berth_str pem)
{
    struct api a = { 0 };
    int fd, code = lend(p, pem, &fd);

    if (code == EXIT_CODE_OK)
        code = api_open_at(&a, p);
    if (code == EXIT_CODE_OK)
        code = ask_service(&a);
    if (code == EXIT_CODE_OK) {
        memcpy(p->id_scope, a.place.id_scope, sizeof p->id_scope);
        take_port(a.json, in, p);
    }
    api_close(&a);
    if (fd >= 0)
        (void)close(fd);
    p->ca_file[0] = '\0';
    return code;
}

static int write_ca(const char *name, berth_str pem, struct profile *p)
{
    int code;

    if (pem.n == 0)
        return EXIT_CODE_OK;
    code = profiles_ca_path(name, p->ca_file);
    if (code == EXIT_CODE_OK && file_replace(p->ca_file, pem, 0600) != BERTH_OK)
        code = tell_failure(EXIT_CODE_FAILED, "%s: %s", p->ca_file, strerror(errno));
    return code;
}

/* The CA first, under a new name: until the profile is replaced the old one stays whole. */
static int remember(const char *name, berth_str pem, struct profile *p)
{
    char path[FILE_PATH_MAX], old[FILE_PATH_MAX];
    int code = profiles_make_directory();

    profiles_ca_of(name, old);
    if (code == EXIT_CODE_OK)
        code = profiles_path(name, path);
    if (code == EXIT_CODE_OK)
        code = write_ca(name, pem, p);
    if (code == EXIT_CODE_OK)
        code = profile_file_write(path, p);
    if (code != EXIT_CODE_OK && p->ca_file[0] != '\0')
        (void)unlink(p->ca_file);
    if (code == EXIT_CODE_OK && old[0] != '\0')
        (void)unlink(old);
    return code == EXIT_CODE_OK ? profiles_set_current(name) : code;
}

static void print_json(const char *name, const struct profile *p)
{
    char document[DOCUMENT_MAX];
    struct berth_json_out j;
    struct berth_json v;
    struct berth_buf b;

    berth_buf_init(&b, document, sizeof document);
    berth_json_begin(&j, &b);
    profiles_put(&j, name, p, true);
    if (berth_json_check(berth_buf_str(&b), &v, NULL) == BERTH_OK)
        output_json(stdout, v, (struct berth_json){ 0 });
}

static int log_in(const struct input *in, const struct options *o, struct profile *p)
{
    const char *name = o->profile != NULL ? o->profile : PROFILES_DEFAULT;
    char text[CA_FETCH_PEM_MAX];
    struct berth_buf pem;
    int code = find_service(in, p);

    berth_buf_init(&pem, text, sizeof text);
    if (code == EXIT_CODE_OK)
        code = find_ca(in, o, p, &pem);
    if (code == EXIT_CODE_OK)
        code = try_service(in, p, berth_buf_str(&pem));
    if (code == EXIT_CODE_OK)
        code = remember(name, berth_buf_str(&pem), p);
    if (code != EXIT_CODE_OK)
        return code;
    if (o->json)
        print_json(name, p);
    else
        (void)printf("logged in to %s:%u as %s, profile %s\n", p->host, p->https_port,
                     p->login.policy, name);
    return code;
}

int login_run(int argc, char **argv)
{
    static const struct argp_option own[] = {
        { "connection-string-file", KEY_STRING, "FILE", 0,
          "read HostName=..;SharedAccessKeyName=..;SharedAccessKey=.. from it, - for standard "
          "input; else $BERTH_LOGIN, else a prompt",
          0 },
        { "url", KEY_URL, "URL", 0, "the service's address instead, https://HOST[:PORT]", 0 },
        { "policy", KEY_POLICY, "POLICY", 0, "with --url: the policy whose key it is", 0 },
        { "key-file", KEY_FILE, "FILE", 0,
          "with --url: its key in base64, - for standard input; else $BERTH_KEY, else a prompt",
          0 },
        { "ca", KEY_CA, "FILE", 0,
          "trust the CA certificates in this PEM file: what `berth ca export` prints there", 0 },
        { "fetch-ca", KEY_FETCH, NULL, 0,
          "trust the CA that the service itself shows, once its fingerprint has been compared", 0 },
        { "fingerprint", KEY_PRINT, "SHA256", 0, "with --fetch-ca: what it must be; asks no more",
          0 },
        { "mqtts-port", KEY_MQTTS, "PORT", 0,
          "of devices' MQTT, for `berth device provision`; what the service says when left out",
          0 },
        { 0 }
    };
    const struct argp argp = {
        own,
        take,
        NULL,
        "Try a service's address, CA and key, and remember them as a profile: --profile NAME, "
        "\"default\" when left out. It is used from then on when nothing else is said."
        "\vOther forms:\n  berth login list\n  berth login use NAME | --none\n  berth login remove "
        "NAME",
        NULL,
        NULL,
        NULL
    };
    struct profile p = { 0 };
    struct input in = { 0 };
    struct options o;
    int code;

    options_parse(&argp, &in, &o, argc, argv);
    code = check_common(&o, &in);
    if (code == EXIT_CODE_OK)
        code = log_in(&in, &o, &p);
    explicit_bzero(&p, sizeof p);
    return code;
}
