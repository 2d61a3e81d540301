#include "cli/archive_tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/tell.h"

#define TEXT_MAX (MANIFEST_TEXT_MAX + 16384)

static bool go_on(void *user, uint64_t done, uint64_t whole)
{
    struct archive_progress *p = user;

    if (interrupt_came())
        return false;
    if (whole == 0)
        return true;
    if (whole != p->whole) {
        progress_clear(&p->bar);
        progress_begin(&p->bar, whole, false);
        p->whole = whole;
    }
    progress_at_bytes(&p->bar, done);
    return true;
}

struct backup_watch archive_watch(struct archive_progress *p)
{
    *p = (struct archive_progress){ 0 };
    return (struct backup_watch){ go_on, p };
}

int archive_fail(struct archive_progress *p, const struct backup_problem *problem)
{
    int code = problem->fault == BACKUP_DENIED       ? EXIT_CODE_DENIED
               : problem->fault == BACKUP_IN_THE_WAY ? EXIT_CODE_CONFLICT
                                                     : EXIT_CODE_FAILED;

    progress_clear(&p->bar);
    return tell_failure(code, "%s", problem->text);
}

static int show_json(const struct manifest *m, const char *const *pairs)
{
    char *text = malloc(TEXT_MAX);
    struct berth_json_out j;
    struct berth_json whole;
    struct berth_buf b;

    if (text == NULL)
        return tell_failure(EXIT_CODE_FAILED, "out of memory");
    berth_buf_init(&b, text, TEXT_MAX);
    berth_json_begin(&j, &b);
    berth_json_open(&j, '{');
    for (; pairs != NULL && *pairs != NULL; pairs += 2)
        berth_json_member(&j, pairs[0], berth_str_of(pairs[1]));
    berth_json_name(&j, BERTH_STR("manifest"));
    manifest_put(&b, m);
    berth_json_close(&j, '}');
    if (!b.over && berth_json_check(berth_buf_str(&b), &whole, NULL) == BERTH_OK)
        output_json(stdout, whole, (struct berth_json){ 0 });
    free(text);
    return EXIT_CODE_OK;
}

static void put_facts(const struct manifest *m)
{
    char schema[24], hubs[MANIFEST_HUBS_MAX * 257];
    struct berth_buf b;
    struct table t;

    (void)snprintf(schema, sizeof schema, "%" PRId64, m->schema);
    berth_buf_init(&b, hubs, sizeof hubs);
    for (size_t i = 0; i < m->hub_count; i++) {
        berth_buf_put(&b, i == 0 ? BERTH_STR("") : BERTH_STR(" "));
        berth_buf_put(&b, berth_str_of(m->hubs[i]));
    }
    table_init(&t, stdout, NULL, 2);
    table_pair_text(&t, "made", berth_str_of(m->time));
    table_pair_text(&t, "by berth", berth_str_of(m->berth));
    table_pair_text(&t, "schema", berth_str_of(schema));
    table_pair_text(&t, "hubs", berth_buf_str(&b));
    table_pair_text(&t, "data directory", berth_str_of(m->data_dir));
    (void)table_deinit(&t);
}

static void put_files(const struct manifest *m)
{
    static const char *const heads[] = { "FILE", "BYTES", "FROM" };
    struct table t;

    table_init(&t, stdout, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < m->count; i++) {
        char size[24];

        (void)snprintf(size, sizeof size, "%" PRIu64, m->files[i].size);
        table_put(&t, berth_str_of(m->files[i].name));
        table_put(&t, berth_str_of(size));
        table_put(&t, berth_str_of(m->files[i].from));
    }
    (void)table_deinit(&t);
}

int archive_show(const struct manifest *m, bool json, const char *const *pairs)
{
    if (json)
        return show_json(m, pairs);
    put_facts(m);
    (void)putchar('\n');
    put_files(m);
    return EXIT_CODE_OK;
}
