#include "ops/config.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "berth/str.h"
#include "ops/config_table.h"

#define PREFIX "BERTH_"

extern char **environ;

void config_defaults(struct config *c)
{
    *c = (struct config){
        .https_port = 443,
        .mqtts_port = 8883,
        .ops_listen = "127.0.0.1",
        .ops_port = 9464,
        .device_requests_per_min = 120,
        .peer_failures_per_min = 600,
        .log_level = "info",
        .log_format = "auto",
    };
}

berth_err config_set(struct config *c, const char *key, const char *value, char *problem,
                     size_t problem_size)
{
    const struct config_row *row = config_row(key);
    const char *nearest;

    if (row != NULL)
        return config_apply(c, row, value, false, problem, problem_size);
    nearest = config_nearest(key);
    if (nearest != NULL)
        (void)snprintf(problem, problem_size, "unknown key \"%.64s\"; did you mean %s?", key,
                       nearest);
    else
        (void)snprintf(problem, problem_size, "unknown key \"%.64s\"", key);
    return BERTH_E_NOT_FOUND;
}

/* "HTTPS_PORT" to "https-port". False when NAME is longer than any key. */
static bool key_of_variable(berth_str name, char *out, size_t size)
{
    if (name.n >= size)
        return false;
    for (size_t i = 0; i < name.n; i++)
        out[i] = name.p[i] == '_' ? '-' : ascii_lower(name.p[i]);
    out[name.n] = '\0';
    return true;
}

/* Switches of tests and benchmarks: no keys, so that no file ever carries them. */
static bool take_switch(struct config *c, berth_str name, const char *value)
{
    bool on = strcmp(value, "1") == 0;

    if (berth_str_eq(name, BERTH_STR("TEST_ANSWER_BEFORE_COMMIT")))
        c->unsafe_answer_before_commit = on;
    else if (berth_str_eq(name, BERTH_STR("TEST_DUMPABLE")))
        c->dumpable = on;
    else if (berth_str_eq(name, BERTH_STR("BENCH_BARE_TLS")))
        c->bare_tls = on;
    else
        return false;
    return true;
}

static berth_err take_variable(struct config *c, berth_str name, const char *value, char *problem,
                               size_t problem_size)
{
    char key[64], words[512];
    berth_err e;

    if (take_switch(c, name, value) || !key_of_variable(name, key, sizeof key))
        return BERTH_OK;
    if (config_row(key) == NULL && config_nearest(key) == NULL)
        return BERTH_OK;
    e = config_set(c, key, value, words, sizeof words);
    if (e != BERTH_OK)
        (void)snprintf(problem, problem_size, "environment %s%.*s: %s", PREFIX, BERTH_STR_ARG(name),
                       words);
    return e;
}

/* A variable BERTH_NAME=VALUE. */
static bool is_ours(const char *variable, berth_str *name, const char **value)
{
    berth_str rest = berth_str_of(variable);

    *name = berth_str_cut(&rest, '=');
    *value = rest.p;
    return berth_str_skip(name, BERTH_STR(PREFIX)) && rest.p != NULL;
}

void config_read_switches(struct config *c)
{
    const char *value;
    berth_str name;

    for (char **each = environ; each != NULL && *each != NULL; each++)
        if (is_ours(*each, &name, &value))
            (void)take_switch(c, name, value);
}

berth_err config_read_environment(struct config *c, char *problem, size_t problem_size)
{
    for (char **each = environ; each != NULL && *each != NULL; each++) {
        const char *value;
        berth_str name;
        berth_err e;

        if (!is_ours(*each, &name, &value))
            continue;
        e = take_variable(c, name, value, problem, problem_size);
        if (e != BERTH_OK)
            return e;
    }
    return BERTH_OK;
}
