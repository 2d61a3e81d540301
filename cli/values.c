#include "cli/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "cli/api.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/profiles.h"

#define NAME_MAX_BYTES 512
#define READ_MAX       5000 /* items looked at: the prefix is compared here */

enum of { OF_NOTHING, OF_SERVICE, OF_HUB, OF_PROFILES, OF_REASONS, OF_REPROVISION, OF_RIGHTS };

static const struct row {
    const char *placeholder;
    enum values_kind kind;
    /* where names come from */
    enum of of;
    const char *method, *path, *body, *member;
} rows[] = {
    { .placeholder = "ADDRESS" },
    { .placeholder = "ARG", .kind = VALUES_FILE },
    { .placeholder = "CHARACTER" },
    { .placeholder = "COMMAND", .kind = VALUES_COMMAND },
    { .placeholder = "CONNECTION_STRING" },
    { "DEVICE-ID", VALUES_WORDS, OF_HUB, "GET", "/devices" API_HUB, NULL, "deviceId" },
    { .placeholder = "DIRECTORY", .kind = VALUES_DIRECTORY },
    { "ENROLLMENT-ID", VALUES_WORDS, OF_SERVICE, "POST", "/enrollments/query" API_DPS,
      "{\"query\":\"*\"}", "registrationId" },
    { .placeholder = "ETAG" },
    { .placeholder = "FAULT" },
    { .placeholder = "FILE", .kind = VALUES_FILE },
    { "GROUP-ID", VALUES_WORDS, OF_SERVICE, "POST", "/enrollmentGroups/query" API_DPS,
      "{\"query\":\"*\"}", "enrollmentGroupId" },
    { .placeholder = "HOST" },
    { "HUB", VALUES_WORDS, OF_SERVICE, "GET", "/berth/v1/hubs", NULL, "hostName" },
    { "HUBS", VALUES_WORDS, OF_SERVICE, "GET", "/berth/v1/hubs", NULL, "hostName" },
    { .placeholder = "ID" }, /* of something new */
    { .placeholder = "JSON" },
    { .placeholder = "KEY" },
    { .placeholder = "NAME" }, /* likewise */
    { .placeholder = "NUMBER" },
    { "POLICY", VALUES_WORDS, OF_SERVICE, "GET", "/berth/v1/policies", NULL, "keyName" },
    { .placeholder = "PORT" },
    { "REGISTRATION-ID", VALUES_WORDS, OF_SERVICE, "GET", "/berth/v1/registrations", NULL,
      "registrationId" },
    { .placeholder = "PROFILE", .of = OF_PROFILES },
    { .placeholder = "REASON", .of = OF_REASONS },
    { .placeholder = "REPROVISION", .of = OF_REPROVISION },
    { .placeholder = "RIGHT", .of = OF_RIGHTS },
    { .placeholder = "RIGHTS", .of = OF_RIGHTS },
    { .placeholder = "SCOPE" },
    { .placeholder = "SECONDS" },
    { .placeholder = "SHA256" },
    { .placeholder = "TEMPLATE" },
    { .placeholder = "TEXT" },
    { .placeholder = "TIME" },
    { .placeholder = "TOKEN" },
    { .placeholder = "URL" },
    { "TRACKING-ID", VALUES_WORDS, OF_SERVICE, "GET", "/berth/v1/refusals?last=20", NULL,
      "trackingId" },
    { .placeholder = "USER" }, /* of this machine */
};

static const struct row *find(berth_str placeholder)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (berth_str_eq(placeholder, berth_str_of(rows[i].placeholder)))
            return &rows[i];
    return NULL;
}

bool values_is_known(berth_str placeholder)
{
    return find(placeholder) != NULL;
}

enum values_kind values_kind_of(berth_str placeholder)
{
    const struct row *row = find(placeholder);

    return row != NULL ? row->kind : VALUES_WORDS;
}

struct run {
    const struct row *row;
    const struct values_query *q;
    values_offer *offer;
    void *user;
    size_t offered, read;
};

/* One word of a line of text: nothing that would end it, or reach the terminal as a command. */
static bool is_printable(berth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n > 0;
}

static void take_page(struct run *r, struct berth_json page)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    while (page.type == BERTH_JSON_ARRAY && r->offered < VALUES_MAX &&
           berth_json_next(page, &it, NULL, &each)) {
        unsigned char memory[NAME_MAX_BYTES];
        struct berth_arena arena;
        berth_str name;

        r->read++;
        berth_arena_init(&arena, memory, sizeof memory);
        if (berth_json_string(berth_json_get(each, berth_str_of(r->row->member)), &arena, &name) !=
                BERTH_OK ||
            !is_printable(name) || !berth_str_starts(name, r->q->prefix))
            continue;
        r->offer(r->user, name);
        r->offered++;
    }
    (void)fflush(stdout); /* time may run out at the next page */
}

static void ask_pages(struct api *a, struct run *r, const char *path, const struct login *hub)
{
    struct api_request request = { .method = r->row->method,
                                   .path = path,
                                   .body = berth_str_of(r->row->body),
                                   .hub = hub,
                                   .page = LIST_PAGE };

    do {
        if (api_call(a, &request) != EXIT_CODE_OK)
            return;
        take_page(r, a->json);
        request.continuation = a->continuation;
    } while (a->continuation[0] != '\0' && r->offered < VALUES_MAX && r->read < READ_MAX);
}

static void offer_word(struct run *r, const char *word)
{
    if (berth_str_starts(berth_str_of(word), r->q->prefix))
        r->offer(r->user, berth_str_of(word));
}

static void offer_rights(struct run *r)
{
    for (unsigned bit = 1; berth_right_name(bit)[0] != '\0'; bit <<= 1)
        offer_word(r, berth_right_name(bit));
}

static void offer_reasons(struct run *r)
{
    for (int why = BERTH_WHY_NONE + 1; why < BERTH_REASON_COUNT; why++)
        offer_word(r, berth_reason_row((enum berth_reason)why)->name);
}

static void offer_reprovision(struct run *r)
{
    offer_word(r, "reprovisionandmigratedata");
    offer_word(r, "reprovisionandresetdata");
    offer_word(r, "never");
}

static void offer_profiles(struct run *r)
{
    char(*names)[PROFILES_NAME_MAX + 1];
    size_t count;

    if (profiles_list(&names, &count) == EXIT_CODE_OK)
        for (size_t i = 0; i < count; i++)
            offer_word(r, names[i]);
    free(names);
}

static void ask(struct api *a, struct run *r)
{
    char path[API_PATH_MAX];
    struct login hub = { 0 };
    bool of_hub = r->row->of == OF_HUB;

    (void)snprintf(path, sizeof path, "%s", r->row->path);
    if (strcmp(r->row->member, "keyName") == 0 && r->q->hub != NULL)
        api_path(path, "/berth/v1/hubs/", r->q->hub, "/policies");
    if (!of_hub || api_hub_login(a, r->q->hub, BERTH_RIGHT_REGISTRY_READ, &hub) == EXIT_CODE_OK)
        ask_pages(a, r, path, of_hub ? &hub : NULL);
    explicit_bzero(&hub, sizeof hub);
}

void values_ask(berth_str placeholder, const struct values_query *q, values_offer *offer,
                void *user)
{
    struct run r = { .row = find(placeholder), .q = q, .offer = offer, .user = user };
    struct api a;

    if (r.row != NULL && r.row->of == OF_RIGHTS)
        offer_rights(&r);
    if (r.row != NULL && r.row->of == OF_REASONS)
        offer_reasons(&r);
    if (r.row != NULL && r.row->of == OF_REPROVISION)
        offer_reprovision(&r);
    if (r.row != NULL && r.row->of == OF_PROFILES)
        offer_profiles(&r);
    if (r.row == NULL || (r.row->of != OF_SERVICE && r.row->of != OF_HUB) ||
        (q->hub != NULL && strlen(q->hub) > LOGIN_HOST_MAX))
        return;
    if (api_open(&a, q->options) == EXIT_CODE_OK)
        ask(&a, &r);
    api_close(&a);
}
