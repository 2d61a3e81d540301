#include "cli/complete_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/tell.h"
#include "cli/values.h"
#include "wire/json.h"

#define VERB_MAX 65536 /* bytes of one verb's JSON */

struct tree {
    struct output_array array;
    struct berth_json_out j;
    const struct command *verb;
    const char *name;
    const char *problem;
    char text[VERB_MAX];
};

static void put_optional(struct berth_json_out *j, const char *name, const char *value)
{
    if (value != NULL)
        berth_json_member(j, name, berth_str_of(value));
}

/* Placeholders that completion knows nothing of. */
static void put_unknown(struct berth_json_out *j, const char *spec)
{
    berth_str rest = berth_str_of(spec);

    berth_json_name(j, BERTH_STR("unknown"));
    berth_json_open(j, '[');
    for (berth_str word = describe_cut_word(&rest); word.n > 0; word = describe_cut_word(&rest))
        if (describe_is_placeholder(word) && !values_is_known(word))
            berth_json_put_string(j, word);
    berth_json_close(j, ']');
}

static bool put_option(void *user, const struct argp_option *o, const struct argp_option *main,
                       bool common)
{
    struct berth_json_out *j = user;
    const char key[] = { (char)o->key, '\0' };

    if (o->name == NULL)
        return true;
    berth_json_open(j, '{');
    berth_json_member(j, "name", berth_str_of(o->name));
    if (o == main && o->key > ' ' && o->key <= '~')
        berth_json_member(j, "short", berth_str_of(key));
    put_optional(j, "value", main->arg);
    if (o != main)
        put_optional(j, "aliasOf", main->name);
    put_optional(j, "doc", o->doc);
    berth_json_member_bool(j, "optional", (main->flags & OPTION_ARG_OPTIONAL) != 0);
    berth_json_member_bool(j, "common", common);
    put_unknown(j, main->arg);
    berth_json_close(j, '}');
    return true;
}

static void put_verb(void *user, const struct argp *whole)
{
    struct tree *t = user;
    struct berth_json v;
    struct berth_buf b;

    berth_buf_init(&b, t->text, sizeof t->text);
    berth_json_begin(&t->j, &b);
    berth_json_open(&t->j, '{');
    berth_json_member(&t->j, "command", berth_str_of(t->name));
    berth_json_member(&t->j, "summary", berth_str_of(t->verb->summary));
    put_optional(&t->j, "arguments", whole->args_doc);
    put_optional(&t->j, "doc", whole->doc);
    put_unknown(&t->j, whole->args_doc);
    berth_json_name(&t->j, BERTH_STR("options"));
    berth_json_open(&t->j, '[');
    (void)describe_options(whole, put_option, &t->j);
    berth_json_close(&t->j, ']');
    berth_json_close(&t->j, '}');
    if (b.over || berth_json_check(berth_buf_str(&b), &v, NULL) != BERTH_OK)
        t->problem = "a verb's options are longer than 64 KiB, or no UTF-8";
    else
        output_array_put(&t->array, v, (struct berth_json){ 0 });
}

static void describe(void *user, const struct command *verb, const char *name)
{
    struct tree *t = user;

    t->verb = verb;
    t->name = name;
    describe_verb(verb, name, put_verb, t);
}

int complete_tree(void)
{
    static struct tree t;

    output_array_open(&t.array, stdout);
    describe_verbs(&command_root, command_root.name, describe, &t);
    if (t.problem != NULL)
        return tell_failure(EXIT_CODE_FAILED, "%s", t.problem);
    output_array_close(&t.array);
    return EXIT_CODE_OK;
}
