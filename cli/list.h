/* cli/list.h - verbs that list: all pages of an answer, as a table or as one JSON array. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli/api.h"
#include "cli/table.h"

#define LIST_PAGE    100 /* items asked for at once */
#define LIST_TOP_MAX 1000000000L

struct listing {
    struct api_request request; /* without page and continuation */
    const char *const *heads;
    size_t columns;
    /* Puts the cells of one item. */
    void (*row)(struct table *t, struct berth_json item);
    /* The value of an item that JSON leaves out, for it holds keys; NULL: none. */
    struct berth_json (*hidden)(struct berth_json item);
    const char *none; /* told when there is nothing */
    size_t top;       /* at most so many; 0: all */
    bool json;
};

/* EXIT_CODE_OK, or the user has been told: pages before the failure have been printed, and a JSON
 * array is left open so that nobody takes it for whole. */
int list_run(struct api *a, const struct listing *l);

#endif
