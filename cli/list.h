/* cli/list.h - verbs that list: what each lists is a form; paging, filters, table and JSON are the
 * same for all. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli/api.h"
#include "cli/table.h"

#define LIST_PAGE        100 /* items asked for at once, unless told */
#define LIST_PAGE_MAX    1000
#define LIST_TOP_MAX     1000000000L
#define LIST_FILTERS_MAX 8
#define LIST_VALUE_MAX   256 /* bytes of a filter's value */
#define LIST_WHAT_MAX    (LOGIN_HOST_MAX + 64)

/* How a filter's value and an item's member have to fit, without regard to case. */
enum list_match {
    LIST_IS,     /* the same text, number or truth */
    LIST_STARTS, /* the value begins it */
    LIST_HAS,    /* the value is one of it: an array of strings, or a text "A, B" */
    LIST_SINCE,  /* a point in time, not before the value */
    LIST_ASKS,   /* not looked at: the form's ask sends it */
    LIST_ALIAS,  /* another name of the filter before */
};

struct list_filter {
    const char *name; /* of the option; NULL ends the table */
    const char *arg, *doc;
    enum list_match match;
    const char *member;
    const char *const *words; /* that the service knows, ended by NULL; NULL: any text */
};

/* What is asked. The form fills it in; HUB is wiped. */
struct list_question {
    struct api_request request; /* without page and continuation */
    char path[API_PATH_MAX], what[LIST_WHAT_MAX];
    struct login hub;
};

struct list_form {
    const char *doc;  /* of the verb */
    const char *none; /* told when there is nothing */
    const char *const *heads;
    size_t columns;
    /* Puts the cells of one item. */
    void (*row)(struct table *t, struct berth_json item);
    /* The value of an item that JSON leaves out, for it holds keys; NULL: none. */
    struct berth_json (*hidden)(struct berth_json item);
    const struct list_filter *filters;
    bool whole; /* the service gives it all at once, without pages */
    /* VALUES of the filters in their order, NULL where not given. EXIT_CODE_OK, or the user has
     * been told. */
    int (*ask)(struct api *a, const char *const *values, struct list_question *out);
    /* Nothing fits: is what VALUES name there? NULL: it needs no look. */
    int (*check)(struct api *a, const char *const *values);
};

/* The whole verb. A page that fails ends it with pages before it printed, and a JSON array left
 * open so that nobody takes it for whole. */
int list_verb(const struct list_form *form, int argc, char **argv);

/* Whether ITEM's MEMBER fits VALUE; for what is listed in another shape. */
bool list_fits(const struct list_filter *f, const char *value, struct berth_json item);
/* For parsers: a point in time, "2026-01-02", "2026-01-02T03:04:05Z" or an age as "30m", into OUT
 * as the service writes it; or the process ends. */
#define LIST_TIME_MAX 32
void list_take_since(struct argp_state *state, const char *arg, char out[LIST_TIME_MAX]);

extern const char *const list_words_status[]; /* enabled, disabled */

#endif
