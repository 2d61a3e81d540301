#include "wire/json_names.h"

#include <assert.h>

#include "wire/json_text.h"

/* Up to this many names each is compared with all before it; objects beyond are sorted at their
 * end. Neither cost can be driven up by colliding hashes: equal hashes compare texts, and n log n
 * comparisons of names cost at most log n times the document. */
#define FEW 32

static struct berth__json_chars open_name(const struct berth__json_names *names, uint64_t name)
{
    size_t at = (uint32_t)name;

    return (struct berth__json_chars){ .p = names->text.p + at + 1,
                                       .end = names->text.p + names->text.n };
}

/* FNV-1a of the decoded name. */
static uint32_t hash(struct berth__json_chars c)
{
    uint32_t h = 2166136261u;

    for (int byte = berth__json_char(&c); byte >= 0; byte = berth__json_char(&c))
        h = (h ^ (uint32_t)byte) * 16777619u;
    return h;
}

/* Order by hash, then decoded text; 0 for one and the same name. */
static int compare(const struct berth__json_names *names, uint64_t a, uint64_t b)
{
    struct berth__json_chars x, y;
    int left, right;

    if (a >> 32 != b >> 32)
        return a < b ? -1 : 1;
    x = open_name(names, a);
    y = open_name(names, b);
    while (x.p < x.end && y.p < y.end && *x.p == *y.p && *x.p != '\\' && *x.p != '"') {
        x.p++;
        y.p++;
    }
    do {
        left = berth__json_char(&x);
        right = berth__json_char(&y);
    } while (left == right && left >= 0);
    return left - right;
}

/* Whether A sorts before B; of equal names the earlier one does. */
static bool is_before(const struct berth__json_names *names, uint64_t a, uint64_t b)
{
    int order = compare(names, a, b);

    return order != 0 ? order < 0 : (uint32_t)a < (uint32_t)b;
}

static void sift_down(const struct berth__json_names *names, uint64_t *heap, size_t root, size_t n)
{
    uint64_t moved = heap[root];

    for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && is_before(names, heap[child], heap[child + 1]))
            child++;
        if (!is_before(names, moved, heap[child]))
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = moved;
}

/* Heapsort: in place, without recursion, and n log n whatever a peer sends. */
static void sort(const struct berth__json_names *names, uint64_t *heap, size_t n)
{
    for (size_t root = n / 2; root-- > 0;)
        sift_down(names, heap, root, n);
    for (size_t last = n; last-- > 1;) {
        uint64_t largest = heap[0];

        heap[0] = heap[last];
        heap[last] = largest;
        sift_down(names, heap, 0, last);
    }
}

berth_err berth__json_names_add(struct berth__json_names *names, size_t first, size_t at)
{
    uint64_t name;

    assert(at <= UINT32_MAX);
    if (names->n - first == BERTH_JSON_MEMBERS_MAX || names->n == BERTH_JSON_NAMES_MAX)
        return BERTH_E_RANGE;
    name = hash(open_name(names, at));
    name = name << 32 | at;
    for (size_t i = first; i < names->n && names->n - first < FEW; i++)
        if (names->name[i] >> 32 == name >> 32 && compare(names, names->name[i], name) == 0)
            return BERTH_E_SYNTAX;
    names->name[names->n++] = name;
    return BERTH_OK;
}

berth_err berth__json_names_end(struct berth__json_names *names, size_t first, size_t *at)
{
    uint64_t *own = names->name + first;
    size_t n = names->n - first;
    size_t earliest = SIZE_MAX;

    names->n = first;
    if (n <= FEW)
        return BERTH_OK;
    sort(names, own, n);
    for (size_t i = 1; i < n; i++)
        if (compare(names, own[i - 1], own[i]) == 0 && (uint32_t)own[i] < earliest)
            earliest = (uint32_t)own[i];
    if (earliest == SIZE_MAX)
        return BERTH_OK;
    *at = earliest;
    return BERTH_E_SYNTAX;
}
