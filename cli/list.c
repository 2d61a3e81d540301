#include "cli/list.h"

#include "cli/command.h"
#include "cli/output.h"
#include "cli/tell.h"

struct run {
    const struct listing *l;
    struct table table;
    struct output_array array;
    size_t count;
};

static bool is_enough(const struct run *r)
{
    return r->l->top > 0 && r->count >= r->l->top;
}

static int print_page(struct run *r, struct berth_json page)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    if (page.type != BERTH_JSON_ARRAY)
        return tell_failure(EXIT_CODE_FAILED, "the answer is no list");
    while (!is_enough(r) && berth_json_next(page, &it, NULL, &each)) {
        if (r->l->json)
            output_array_put(&r->array, each,
                             r->l->hidden != NULL ? r->l->hidden(each) : (struct berth_json){ 0 });
        else
            r->l->row(&r->table, each);
        r->count++;
    }
    if (!r->l->json)
        table_flush(&r->table);
    return EXIT_CODE_OK;
}

static size_t page_size(const struct run *r)
{
    size_t left = r->l->top - r->count;

    return r->l->top > 0 && left < LIST_PAGE ? left : LIST_PAGE;
}

static int run_pages(struct api *a, struct run *r)
{
    struct api_request request = r->l->request;
    int code;

    do {
        request.page = page_size(r);
        code = api_call(a, &request);
        if (code == EXIT_CODE_OK)
            code = print_page(r, a->json);
        request.continuation = a->continuation;
    } while (code == EXIT_CODE_OK && a->continuation[0] != '\0' && !is_enough(r));
    return code;
}

int list_run(struct api *a, const struct listing *l)
{
    struct run r = { .l = l };
    int code;

    if (l->json)
        output_array_open(&r.array, stdout);
    table_init(&r.table, stdout, l->heads, l->columns);
    code = run_pages(a, &r);
    if (!table_deinit(&r.table) && code == EXIT_CODE_OK)
        code = tell_failure(EXIT_CODE_FAILED, "memory ran out: rows are missing");
    if (code != EXIT_CODE_OK)
        return code;
    if (l->json)
        output_array_close(&r.array);
    else if (r.count == 0)
        tell_hint("%s", l->none);
    return EXIT_CODE_OK;
}
