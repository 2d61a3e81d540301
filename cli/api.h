/* cli/api.h - the service's HTTP API over libcurl: one request at a time, failures told to the
 * user in words. */
#ifndef CLI_API_H
#define CLI_API_H

#include <signal.h>

#include "auth/policy.h"
#include "cli/options.h"
#include "cli/profile.h"
#include "cli/text.h"
#include "wire/json.h"

#define API_PATH_MAX   2048
#define API_BODY_MAX   (104u << 10)        /* what the service takes */
#define API_ANSWER_MAX BERTH_JSON_TEXT_MAX /* what is taken from it */
#define API_DPS        "?api-version=2021-10-01"
#define API_HUB        "?api-version=2021-04-12"
#define API_SERVICE    "/berth/v1/service"
#define API_REFUSED    (-1L) /* as pardoned: any status but 2xx */

struct api {
    struct profile place;
    struct berth_crypto crypto;
    void *curl;
    const char *reach;       /* what is connected to */
    struct text body;        /* of the latest answer */
    struct berth_json json;  /* the same, checked; absent when it was empty */
    char continuation[4096]; /* of a page; "" after the last */
    char missed[24];         /* events that the latest answer lacks; "" for none */
    /* Not NULL: once it is not 0, calls end at once with EXIT_CODE_OK and no JSON. */
    const volatile sig_atomic_t *cancelled;
    char address[64]; /* that the latest request went to */
    char default_hub[LOGIN_HOST_MAX + 1];
};

/* Who is asked, when it is a hub instead of the provisioning service. */
struct api_request {
    const char *method;
    const char *path;         /* with its query */
    berth_str body;           /* JSON; absent: none */
    const struct login *hub;  /* NULL: the provisioning service */
    size_t page;              /* items wanted; 0: no list */
    const char *continuation; /* NULL: from the first */
    const char *etag;         /* for If-Match; NULL: none */
    long pardoned;            /* a status that is no failure: A->json is absent then; 0: none */
    const char *what;         /* "enrollment group \"a\"": for the words about 404 and 409 */
};

/* Finds the service; nothing is sent. EXIT_CODE_OK, or the user has been told. Either way close. */
int api_open(struct api *a, const struct options *o);
/* The same with a place that is known. */
int api_open_at(struct api *a, const struct profile *place);
/* Wipes keys and answers; safe twice. */
void api_close(struct api *a);

/* EXIT_CODE_OK with A->json until the next call, or the user has been told. */
int api_call(struct api *a, const struct api_request *r);

/* HEAD, then ID percent-encoded, then TAIL. ID has been checked: it is at most LOGIN_HOST_MAX
 * bytes. */
void api_path(char out[API_PATH_MAX], const char *head, const char *id, const char *tail);

/* The string NAME of DOC; false, and "", when it is none or does not fit. */
bool api_string(struct berth_json doc, const char *name, char *out, size_t size);

/* GET /berth/v1/service: its answer in A->json, the ID scope in A->place, the hub in
 * A->default_hub ("" when there is none). */
int api_ask_service(struct api *a);

/* Tells, and EXIT_CODE_NOT_FOUND, when there is no hub NAME; one who may not look is not told. */
int api_look_for_hub(struct api *a, const char *name);

/* The hub NAME (NULL: the default one) as the policy with RIGHT that has the fewest others, with
 * the key that listkeys gives. *OUT is the caller's to wipe. */
int api_hub_login(struct api *a, const char *name, enum berth_right right, struct login *out);

#endif
