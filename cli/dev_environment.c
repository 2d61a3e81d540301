/* What COMMAND is told: names and values, set or printed. */
#include <stdlib.h>
#include <string.h>

#include "cli/dev.h"
#include "cli/output.h"
#include "crypto/b64.h"
#include "crypto/key_pair.h"
#include "ops/first_start.h"
#include "wire/json.h"

#define HTTPS_PORT    443
#define TEXT_MAX      16384
#define VARIABLES_MAX 24

struct variables {
    struct {
        const char *name;
        const char *value; /* NULL: not to be there */
    } list[VARIABLES_MAX];
    size_t count;
    struct berth_buf text; /* of the values, each with its NUL */
    char storage[TEXT_MAX];
};

/* What was written to V->text since MARK becomes the value of NAME. */
static void close_value(struct variables *v, const char *name, size_t mark)
{
    berth_buf_put_char(&v->text, '\0');
    v->list[v->count].name = name;
    v->list[v->count++].value = v->text.p + mark;
}

static void put(struct variables *v, const char *name, const char *value)
{
    size_t mark = v->text.n;

    berth_buf_put(&v->text, berth_str_of(value));
    close_value(v, name, mark);
}

static void put_port(struct variables *v, const char *name, uint16_t port)
{
    size_t mark = v->text.n;

    berth_buf_put_u64(&v->text, port);
    close_value(v, name, mark);
}

static void put_key(struct variables *v, const char *name, const struct berth_key *key)
{
    size_t mark = v->text.n;

    berth_key_put(&v->text, key);
    close_value(v, name, mark);
}

static void put_connection_string(struct variables *v, const char *name, const struct dev_facts *f,
                                  const char *policy, const struct berth_key *key)
{
    size_t mark = v->text.n;

    berth_buf_put(&v->text, BERTH_STR("HostName="));
    berth_buf_put(&v->text, berth_str_of(f->config->hosts[0]));
    if (f->https_port != HTTPS_PORT) {
        berth_buf_put_char(&v->text, ':');
        berth_buf_put_u64(&v->text, f->https_port);
    }
    berth_buf_put(&v->text, BERTH_STR(";SharedAccessKeyName="));
    berth_buf_put(&v->text, berth_str_of(policy));
    berth_buf_put(&v->text, BERTH_STR(";SharedAccessKey="));
    berth_key_put(&v->text, key);
    close_value(v, name, mark);
}

static void leave_out(struct variables *v, const char *name)
{
    v->list[v->count].name = name;
    v->list[v->count++].value = NULL;
}

static void put_group(struct variables *v, const struct seed *s)
{
    if (s->group_id[0] == '\0') {
        leave_out(v, "BERTH_GROUP_ID");
        leave_out(v, "BERTH_GROUP_KEY");
        leave_out(v, "BERTH_GROUP_SECONDARY_KEY");
        return;
    }
    put(v, "BERTH_GROUP_ID", s->group_id);
    put_key(v, "BERTH_GROUP_KEY", &s->group_keys.primary);
    put_key(v, "BERTH_GROUP_SECONDARY_KEY", &s->group_keys.secondary);
}

static void collect(struct variables *v, const struct dev_facts *f)
{
    char profile[FILE_PATH_MAX] = "";

    v->count = 0;
    berth_buf_init(&v->text, v->storage, sizeof v->storage);
    put(v, "BERTH_ENDPOINT", f->config->hosts[0]);
    put_port(v, "BERTH_ENDPOINT_HTTPS_PORT", f->https_port);
    put_port(v, "BERTH_ENDPOINT_MQTTS_PORT", f->mqtts_port);
    put(v, "BERTH_ID_SCOPE", f->seed->id_scope);
    put_group(v, f->seed);
    put(v, "BERTH_HUB", f->config->hosts[0]);
    put_connection_string(v, "BERTH_SERVICE_CONNECTION_STRING", f, "provisioningserviceowner",
                          &f->seed->service_key);
    put_connection_string(v, "BERTH_HUB_CONNECTION_STRING", f, "iothubowner", &f->seed->hub_key);
    put(v, "BERTH_CA_FILE", f->place->ca);
    put(v, "NODE_EXTRA_CA_CERTS", f->place->node);
    put(v, "SSL_CERT_FILE", f->place->bundle);
    /* For the command line; a login stands before a profile, and would be of another service. */
    if (file_path(profile, f->place->dir, FIRST_START_PROFILE) == BERTH_OK)
        put(v, "BERTH_PROFILE", profile);
    leave_out(v, "BERTH_LOGIN");
}

static struct variables *make(const struct dev_facts *f)
{
    struct variables *v = calloc(1, sizeof *v);

    if (v != NULL)
        collect(v, f);
    return v;
}

static void drop(struct variables *v)
{
    if (v != NULL)
        explicit_bzero(v, sizeof *v);
    free(v);
}

berth_err dev_environment_set(const struct dev_facts *f)
{
    struct variables *v = make(f);
    bool good = v != NULL && !v->text.over;

    for (size_t i = 0; good && i < v->count; i++)
        good = v->list[i].value == NULL ? unsetenv(v->list[i].name) == 0
                                        : setenv(v->list[i].name, v->list[i].value, 1) == 0;
    drop(v);
    return good ? BERTH_OK : BERTH_E_MEMORY;
}

static void print_line(FILE *out, const char *name, const char *value)
{
    (void)fprintf(out, "export %s='", name);
    for (; *value != '\0'; value++)
        if (*value == '\'')
            (void)fputs("'\\''", out);
        else
            (void)fputc(*value, out);
    (void)fputs("'\n", out);
}

static void print_json(FILE *out, const struct variables *v)
{
    char storage[2 * TEXT_MAX];
    struct berth_json_out j;
    struct berth_json doc;
    struct berth_buf b;

    berth_buf_init(&b, storage, sizeof storage);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    for (size_t i = 0; i < v->count; i++)
        if (v->list[i].value != NULL)
            berth_json_member(&j, v->list[i].name, berth_str_of(v->list[i].value));
    berth_json_close(&j, '}');
    if (berth_json_check(berth_buf_str(&b), &doc, NULL) == BERTH_OK)
        output_json(out, doc, (struct berth_json){ 0 });
    explicit_bzero(storage, sizeof storage);
}

void dev_environment_print(FILE *out, const struct dev_facts *f, bool json)
{
    struct variables *v = make(f);

    if (v != NULL && json)
        print_json(out, v);
    for (size_t i = 0; v != NULL && !json && i < v->count; i++)
        if (v->list[i].value != NULL)
            print_line(out, v->list[i].name, v->list[i].value);
    (void)fflush(out);
    drop(v);
}
