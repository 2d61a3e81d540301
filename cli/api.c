#include "cli/api.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "berth/openssl.h"
#include "berth/sas.h"
#include "berth/version.h"
#include "cli/api_words.h"
#include "cli/command.h"
#include "cli/reach.h"
#include "cli/tell.h"
#include "crypto/b64.h"
#include "wire/percent.h"

#define TOKEN_LIFE_S   600
#define CONNECT_MS     10000L
#define WHOLE_MS       60000L
#define URL_MAX        (LOGIN_HOST_MAX + API_PATH_MAX + 32)
#define FIELD_MAX      (sizeof "Authorization: " + BERTH_SAS_MAX)
#define ETAG_FIELD_MAX 128
#define CONNECT_TO_MAX (2 * LOGIN_HOST_MAX + 32)

/* A header field of an answer that is kept. */
static void keep_field(berth_str line, berth_str name, char *out, size_t size)
{
    berth_str value = line, got = berth_str_cut(&value, ':');

    if (!berth_str_ieq(got, name))
        return;
    value = berth_str_trim(value);
    while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r'))
        value.n--;
    if (value.n < size)
        (void)snprintf(out, size, "%.*s", BERTH_STR_ARG(value));
}

struct exchange {
    struct api *a;
    struct api_refusal refusal;
};

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    struct exchange *x = user;
    berth_str line = { p, size * n };

    keep_field(line, BERTH_STR("x-ms-continuation"), x->a->continuation, sizeof x->a->continuation);
    keep_field(line, BERTH_STR("x-berth-missed"), x->a->missed, sizeof x->a->missed);
    keep_field(line, BERTH_STR("x-ms-request-id"), x->refusal.tracking, sizeof x->refusal.tracking);
    keep_field(line, BERTH_STR("date"), x->refusal.date, sizeof x->refusal.date);
    keep_field(line, BERTH_STR("retry-after"), x->refusal.retry_after,
               sizeof x->refusal.retry_after);
    return line.n;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct exchange *x = user;

    text_put(&x->a->body, (berth_str){ p, size * n });
    return x->a->body.over ? 0 : size * n;
}

static berth_err put_authorization(struct api *a, const struct login *who, struct berth_buf *b)
{
    struct berth_hmac_key key = { 0 };
    berth_err e = a->crypto.hmac_prepare(a->crypto.ctx, who->key.bytes, who->key.n, &key);

    berth_buf_put(b, BERTH_STR("Authorization: "));
    if (e == BERTH_OK)
        e = berth_sas_build(&a->crypto, &key, berth_str_of(who->host), time(NULL) + TOKEN_LIFE_S,
                            berth_str_of(who->policy), b);
    a->crypto.hmac_release(a->crypto.ctx, &key);
    return e;
}

/* False when the heap gave nothing. */
static bool add_field(struct curl_slist **fields, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*fields, line);

    if (longer == NULL)
        return false;
    *fields = longer;
    return true;
}

static bool add_page(struct curl_slist **fields, const struct api_request *r)
{
    char line[sizeof "x-ms-continuation: " + sizeof((struct api *)0)->continuation];

    (void)snprintf(line, sizeof line, "x-ms-max-item-count: %zu", r->page);
    if (r->page > 0 && !add_field(fields, line))
        return false;
    if (r->continuation == NULL)
        return true;
    (void)snprintf(line, sizeof line, "x-ms-continuation: %s", r->continuation);
    return add_field(fields, line);
}

static bool add_etag(struct curl_slist **fields, const struct api_request *r)
{
    char line[ETAG_FIELD_MAX];

    if (r->etag == NULL)
        return true;
    (void)snprintf(line, sizeof line, "If-Match: %s", r->etag);
    return add_field(fields, line);
}

static bool make_fields(struct api *a, const struct api_request *r, const struct login *who,
                        struct curl_slist **fields)
{
    char line[FIELD_MAX];
    struct berth_buf b;
    bool made;

    berth_buf_init(&b, line, sizeof line - 1);
    if (put_authorization(a, who, &b) != BERTH_OK || b.over)
        return false;
    line[b.n] = '\0';
    made = add_field(fields, line) && add_page(fields, r) && add_etag(fields, r) &&
           (r->body.p == NULL || add_field(fields, "Content-Type: application/json")) &&
           add_field(fields, "Expect:"); /* no waiting for 100 */
    explicit_bzero(line, sizeof line);
    return made;
}

/* A hub is another name of the same daemon: it need not resolve here. */
static bool make_route(const struct api *a, const struct login *who, struct curl_slist **route)
{
    char line[CONNECT_TO_MAX];

    (void)snprintf(line, sizeof line, "%s:%u:%s:%u", who->host, a->place.https_port, a->reach,
                   a->place.https_port);
    return add_field(route, line);
}

static void set_trust(CURL *curl, const struct profile *place)
{
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (place->ca_file[0] == '\0')
        return;
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, place->ca_file);
    /* Else the system's CAs would be trusted as well. */
    (void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
}

/* Not 0: give up. */
static int on_progress(void *user, curl_off_t all, curl_off_t got, curl_off_t to_send,
                       curl_off_t sent)
{
    const struct api *a = user;

    (void)all, (void)got, (void)to_send, (void)sent;
    return *a->cancelled != 0;
}

static void set_options(struct api *a, const struct api_request *r, const char *url,
                        struct exchange *x)
{
    CURL *curl = a->curl;

    curl_easy_reset(curl); /* keeps the connection */
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, WHOLE_MS);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    if (r->body.p != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.p);
    } else if (strcmp(r->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    /* A profile tells of a daemon on this machine: no proxy leads there. */
    if (profile_is_local(&a->place))
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (a->cancelled != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, a);
    }
    set_trust(curl, &a->place);
}

static void note_address(struct api *a)
{
    const char *ip = NULL;

    if (curl_easy_getinfo(a->curl, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip != NULL)
        (void)snprintf(a->address, sizeof a->address, "%s", ip);
}

static int judge(struct api *a, const struct api_request *r, const struct login *who,
                 struct exchange *x, CURLcode sent)
{
    long verified = 0;

    a->json = (struct berth_json){ 0 };
    if (sent == CURLE_ABORTED_BY_CALLBACK)
        return EXIT_CODE_OK;
    if (a->body.over)
        return tell_failure(EXIT_CODE_FAILED, "the answer is longer than %u MiB, or memory ran out",
                            API_ANSWER_MAX >> 20);
    if (sent != CURLE_OK) {
        (void)curl_easy_getinfo(a->curl, CURLINFO_SSL_VERIFYRESULT, &verified);
        return api_tell_unreachable(&a->place, a->reach, who->host, (int)sent, verified);
    }
    (void)curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &x->refusal.status);
    note_address(a);
    if (x->refusal.status / 100 != 2 &&
        (r->pardoned == API_REFUSED || r->pardoned == x->refusal.status))
        return EXIT_CODE_OK;
    if (x->refusal.status / 100 != 2)
        return api_tell_refusal(&x->refusal, text_str(&a->body), who->policy, r->what);
    if (a->body.n > 0 && berth_json_check(text_str(&a->body), &a->json, NULL) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED,
                            "the answer is no JSON\n  is %s:%u a berth, or is a proxy in between?",
                            who->host, a->place.https_port);
    return EXIT_CODE_OK;
}

static int perform(struct api *a, const struct api_request *r, const struct login *who)
{
    struct curl_slist *fields = NULL, *route = NULL;
    struct exchange x = { .a = a, .refusal = { .path = r->path, .host = who->host } };
    char url[URL_MAX];
    int code = EXIT_CODE_FAILED;

    (void)snprintf(url, sizeof url, "https://%s:%u%s", who->host, a->place.https_port, r->path);
    set_options(a, r, url, &x);
    if (make_fields(a, r, who, &fields) && make_route(a, who, &route)) {
        (void)curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, fields);
        (void)curl_easy_setopt(a->curl, CURLOPT_CONNECT_TO, route);
        code = judge(a, r, who, &x, curl_easy_perform(a->curl));
    } else {
        code = tell_failure(code, "out of memory, or OpenSSL failed to sign");
    }
    curl_slist_free_all(fields);
    curl_slist_free_all(route);
    return code;
}

int api_call(struct api *a, const struct api_request *r)
{
    char from[sizeof a->continuation];
    struct api_request asked = *r;

    /* It may be the answer's own continuation, which is about to be emptied. */
    (void)snprintf(from, sizeof from, "%s", r->continuation != NULL ? r->continuation : "");
    asked.continuation = r->continuation != NULL ? from : NULL;
    a->continuation[0] = '\0';
    a->missed[0] = '\0';
    text_reset(&a->body);
    return perform(a, &asked, r->hub != NULL ? r->hub : &a->place.login);
}

static int set_up(struct api *a)
{
    if (berth_openssl_init(&a->crypto) != BERTH_OK)
        return tell_failure(EXIT_CODE_FAILED, "OpenSSL could not be set up");
    a->reach = reach_host(&a->place);
    a->curl = curl_easy_init();
    return a->curl != NULL ? EXIT_CODE_OK
                           : tell_failure(EXIT_CODE_FAILED, "libcurl could not be set up");
}

int api_open(struct api *a, const struct options *o)
{
    int code;

    *a = (struct api){ 0 };
    text_init(&a->body, API_ANSWER_MAX);
    code = profile_find(o, &a->place);
    return code == EXIT_CODE_OK ? set_up(a) : code;
}

int api_open_at(struct api *a, const struct profile *place)
{
    *a = (struct api){ .place = *place };
    text_init(&a->body, API_ANSWER_MAX);
    return set_up(a);
}

void api_close(struct api *a)
{
    if (a->curl != NULL)
        curl_easy_cleanup(a->curl);
    a->curl = NULL;
    if (a->crypto.ctx != NULL)
        berth_openssl_deinit(&a->crypto);
    a->crypto = (struct berth_crypto){ 0 };
    text_deinit(&a->body);
    explicit_bzero(&a->place, sizeof a->place);
}

void api_path(char out[API_PATH_MAX], const char *head, const char *id, const char *tail)
{
    struct berth_buf b;

    berth_buf_init(&b, out, API_PATH_MAX - 1);
    berth_buf_put(&b, berth_str_of(head));
    berth_percent_put(&b, berth_str_of(id));
    berth_buf_put(&b, berth_str_of(tail));
    assert(!b.over);
    out[b.n] = '\0';
}
