#include "cli/list.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/tell.h"

enum { KEY_TOP = 0x100, KEY_PAGE_SIZE, KEY_CONTINUATION, KEY_FILTER };
#define OWN_OPTIONS 3

struct input {
    const struct list_form *form;
    size_t top;  /* at most so many; 0: all */
    size_t page; /* items asked for at once */
    const char *continuation;
    const char *values[LIST_FILTERS_MAX];
    char since[LIST_TIME_MAX];
};

/* ---- options ---- */

static const struct list_filter *filter_of(const struct input *in, int key)
{
    const struct list_filter *f = &in->form->filters[key - KEY_FILTER];

    while (f->match == LIST_ALIAS)
        f--;
    return f;
}

static bool is_word(const char *const *words, const char *arg)
{
    for (; *words != NULL; words++)
        if (strcasecmp(*words, arg) == 0)
            return true;
    return false;
}

static void refuse_word(struct argp_state *state, const struct list_filter *f, const char *arg)
{
    char all[LIST_VALUE_MAX];
    size_t n = 0;

    for (const char *const *w = f->words; *w != NULL; w++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", n > 0 ? ", " : "", *w);
    argp_error(state, "--%s %s: not one of %s", f->name, arg, all);
}

static void take_filter(struct argp_state *state, struct input *in, int key, const char *arg)
{
    const struct list_filter *f = filter_of(in, key);
    const char **slot = &in->values[f - in->form->filters];

    if (arg[0] == '\0' || strlen(arg) > LIST_VALUE_MAX)
        argp_error(state, "--%s: not of 1 to %d characters", f->name, LIST_VALUE_MAX);
    if (f->words != NULL && !is_word(f->words, arg))
        refuse_word(state, f, arg);
    *slot = arg;
    if (f->match == LIST_SINCE) {
        list_take_since(state, arg, in->since);
        *slot = in->since;
    }
}

static const char *take_continuation(struct argp_state *state, const char *arg)
{
    size_t n = strlen(arg);

    if (n == 0 || n >= sizeof((struct api *)0)->continuation)
        argp_error(state, "--continuation: not one that a list gave");
    for (size_t i = 0; i < n; i++)
        if (arg[i] < '!' || arg[i] > '~')
            argp_error(state, "--continuation: not one that a list gave");
    return arg;
}

static error_t take(int key, char *arg, struct argp_state *state)
{
    struct input *in = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not expected here", arg);
        return 0;
    case KEY_TOP:
        in->top = (size_t)options_number(state, "--top", arg, 1, LIST_TOP_MAX);
        return 0;
    case KEY_PAGE_SIZE:
        in->page = (size_t)options_number(state, "--page-size", arg, 1, LIST_PAGE_MAX);
        return 0;
    case KEY_CONTINUATION:
        in->continuation = take_continuation(state, arg);
        return 0;
    default:
        if (key < KEY_FILTER || key >= KEY_FILTER + LIST_FILTERS_MAX)
            return ARGP_ERR_UNKNOWN;
        take_filter(state, in, key, arg);
        return 0;
    }
}

static size_t put_options(const struct list_form *form, struct argp_option *out)
{
    static const struct argp_option top = {
        "top", KEY_TOP, "NUMBER", 0, "list at most so many", 0
    };
    static const struct argp_option paged[] = {
        { "page-size", KEY_PAGE_SIZE, "NUMBER", 0,
          "ask for so many at once, 1 to 1000; 100 when left out", 0 },
        { "continuation", KEY_CONTINUATION, "TOKEN", 0,
          "go on where a list that --top cut has ended", 0 },
    };
    size_t n = 0, i = 0;

    for (const struct list_filter *f = form->filters; f->name != NULL; f++, i++) {
        bool alias = f->match == LIST_ALIAS;

        out[n++] = (struct argp_option){ f->name, KEY_FILTER + (int)i,
                                         f->arg,  alias ? OPTION_ALIAS : 0,
                                         f->doc,  0 };
    }
    out[n++] = top;
    for (i = 0; !form->whole && i < sizeof paged / sizeof paged[0]; i++)
        out[n++] = paged[i];
    return n;
}

/* ---- pages ---- */

struct run {
    const struct input *in;
    const struct list_form *form;
    bool json, opened;
    struct table table;
    struct output_array array;
    size_t count;
    bool any;                                         /* the service has some, fitting or not */
    bool cut;                                         /* --top ended the list before its end */
    char next[sizeof((struct api *)0)->continuation]; /* where it goes on; "": nobody knows */
};

static bool fits(const struct run *r, struct berth_json item)
{
    for (size_t i = 0; r->form->filters[i].name != NULL; i++)
        if (r->in->values[i] != NULL && !list_fits(&r->form->filters[i], r->in->values[i], item))
            return false;
    return true;
}

static void print_item(struct run *r, struct berth_json item)
{
    if (!r->json) {
        r->form->row(&r->table, item);
        return;
    }
    if (!r->opened)
        output_array_open(&r->array, stdout);
    r->opened = true;
    output_array_put(&r->array, item,
                     r->form->hidden != NULL ? r->form->hidden(item) : (struct berth_json){ 0 });
}

static bool is_enough(const struct run *r)
{
    return r->in->top > 0 && r->count >= r->in->top;
}

/* *USED: how many items of PAGE are done with; *LEFT: whether others follow in it. */
static int print_page(struct run *r, struct berth_json page, size_t *used, bool *left)
{
    struct berth_json_iter it = { 0 };
    struct berth_json each;

    *used = 0;
    *left = false;
    if (page.type != BERTH_JSON_ARRAY)
        return tell_failure(EXIT_CODE_FAILED, "the answer is no list");
    while (berth_json_next(page, &it, NULL, &each)) {
        r->any = true;
        *left = is_enough(r);
        if (*left)
            break;
        ++*used;
        if (!fits(r, each))
            continue;
        print_item(r, each);
        r->count++;
    }
    if (!r->json)
        table_flush(&r->table);
    return EXIT_CODE_OK;
}

/* Where the list goes on. In the middle of a page only the service can say: it is asked for the
 * part of the page that was used. */
static int note_cut(struct api *a, struct run *r, struct api_request *request, size_t used,
                    bool left)
{
    int code = EXIT_CODE_OK;

    r->cut = left || a->continuation[0] != '\0';
    if (left && !r->form->whole) {
        request->page = used;
        code = api_call(a, request);
    }
    (void)snprintf(r->next, sizeof r->next, "%s", a->continuation);
    return code;
}

static size_t page_size(const struct run *r)
{
    size_t left = r->in->top - r->count;
    bool filtered = false;

    if (r->form->whole)
        return 0;
    for (size_t i = 0; r->form->filters[i].name != NULL; i++)
        filtered = filtered || r->in->values[i] != NULL;
    return r->in->top > 0 && !filtered && left < r->in->page ? left : r->in->page;
}

static int run_pages(struct api *a, struct run *r, const struct api_request *first)
{
    struct api_request request = *first; /* it borrows what is here */
    char from[sizeof r->next] = "";
    size_t used;
    bool left;
    int code;

    if (r->in->continuation != NULL)
        (void)snprintf(from, sizeof from, "%s", r->in->continuation);
    for (;;) {
        request.page = page_size(r);
        request.continuation = from[0] != '\0' ? from : NULL;
        code = api_call(a, &request);
        if (code == EXIT_CODE_OK)
            code = print_page(r, a->json, &used, &left);
        if (code == EXIT_CODE_OK && is_enough(r))
            return note_cut(a, r, &request, used, left);
        if (code != EXIT_CODE_OK || a->continuation[0] == '\0')
            return code;
        (void)snprintf(from, sizeof from, "%s", a->continuation);
    }
}

/* ---- the verb ---- */

static int finish(struct run *r)
{
    if (!table_deinit(&r->table))
        return tell_failure(EXIT_CODE_FAILED, "memory ran out: rows are missing");
    if (r->json && !r->opened)
        output_array_open(&r->array, stdout);
    if (r->json)
        output_array_close(&r->array);
    else if (r->count == 0)
        tell_hint("%s%s", r->form->none, r->any ? " that fit" : "");
    if (r->cut && r->next[0] != '\0')
        tell_note("there are more: --continuation %s", r->next);
    else if (r->cut)
        tell_note("there are more: give a larger --top");
    return EXIT_CODE_OK;
}

/* CODE: of the look for what was named. In JSON nothing is an empty list in either case: whoever
 * reads it has the exit code beside it. */
static int finish_empty(struct run *r, int code)
{
    if (code == EXIT_CODE_OK)
        return finish(r);
    (void)table_deinit(&r->table);
    if (r->json && code == EXIT_CODE_NOT_FOUND) {
        output_array_open(&r->array, stdout);
        output_array_close(&r->array);
    }
    return code;
}

static int run(struct api *a, struct run *r, struct list_question *q)
{
    int code = r->form->ask(a, r->in->values, q);

    if (code == EXIT_CODE_OK)
        code = run_pages(a, r, &q->request);
    if (code == EXIT_CODE_OK && r->count == 0 && r->form->check != NULL)
        return finish_empty(r, r->form->check(a, r->in->values));
    if (code == EXIT_CODE_OK)
        return finish(r);
    (void)table_deinit(&r->table);
    return code;
}

int list_verb(const struct list_form *form, int argc, char **argv)
{
    struct argp_option own[LIST_FILTERS_MAX + OWN_OPTIONS + 1] = { 0 };
    const struct argp argp = { .options = own, .parser = take, .doc = form->doc };
    struct input in = { .form = form, .page = LIST_PAGE };
    struct run r = { .in = &in, .form = form };
    struct list_question q = { 0 };
    struct options o;
    struct api a;
    int code;

    (void)put_options(form, own);
    options_parse(&argp, &in, &o, argc, argv);
    r.json = o.json;
    table_init(&r.table, stdout, form->heads, form->columns);
    code = api_open(&a, &o);
    if (code == EXIT_CODE_OK)
        code = run(&a, &r, &q);
    else
        (void)table_deinit(&r.table);
    explicit_bzero(&q.hub, sizeof q.hub);
    api_close(&a);
    return code;
}
