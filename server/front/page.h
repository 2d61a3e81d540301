/* front/page.h - lists: page size and continuation of a request, an array and its continuation as
 * the answer. */
#ifndef FRONT_PAGE_H
#define FRONT_PAGE_H

#include "front/call.h"

#define PAGE_DEFAULT STORE_LIST_MAX

struct page {
    const char *item_type; /* x-ms-item-type, NULL: none */
    size_t limit;
    berth_str after; /* key of the last record of the page before; empty: from the first */
    /* Appends the document of REC; MEMORY is for this record alone. False: the record is damaged.
     */
    bool (*put)(const struct call *c, struct berth_buf *b, const struct berth_record *rec,
                struct berth_arena *memory);
};

/* Reads x-ms-max-item-count (1 and more; at most STORE_LIST_MAX are given) and x-ms-continuation.
 * NULL after refusing. */
struct page *page_new(struct call *c, const char *item_type);
/* The value of a page size in a header or query; false when it is none. */
bool page_limit(berth_str text, size_t *limit);
/* Asks the store for the page of KIND in SCOPE, of OWNER unless absent, and answers. P is the
 * call's state. */
void page_run(struct call *c, struct page *p, enum berth_kind kind, berth_str scope,
              berth_str owner);

#endif
