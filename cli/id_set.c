#include "cli/id_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/ascii.h"
#include "berth/registration_id.h"

#define ROOM_FIRST 1024
#define IDS_FIRST  65536
#define WHERE_BITS 40
#define WHERE_MASK ((UINT64_C(1) << WHERE_BITS) - 1)
#define HEAD       9 /* line and size */

void id_set_init(struct id_set *s)
{
    *s = (struct id_set){ 0 };
    /* A file made to collide only slows its own run down. */
    if (getrandom(s->seed, sizeof s->seed, 0) < 0)
        return;
}

/* IDS begins with one byte that is not used, so that no ID is at 0. */
static bool has_room(struct id_set *s, size_t more)
{
    size_t max = s->max == 0 ? IDS_FIRST : s->max + s->max / 2;
    char *ids;

    if (more <= s->max - s->n)
        return true;
    if (max > WHERE_MASK)
        return false;
    ids = realloc(s->ids, max);
    if (ids == NULL)
        return false;
    if (s->n == 0)
        s->n = 1;
    s->ids = ids;
    s->max = max;
    return true;
}

static berth_str id_at(const struct id_set *s, uint64_t slot)
{
    const char *p = s->ids + (slot & WHERE_MASK);

    return (berth_str){ p + HEAD, (unsigned char)p[HEAD - 1] };
}

/* Where ID is, or the free slot where it belongs. */
static size_t find(const struct id_set *s, berth_str id, uint64_t hash)
{
    size_t i = (size_t)hash & (s->room - 1);

    for (;; i = (i + 1) & (s->room - 1)) {
        uint64_t slot = s->slots[i];

        if (slot == 0)
            return i;
        if (slot >> WHERE_BITS == hash >> WHERE_BITS && berth_str_eq(id_at(s, slot), id))
            return i;
    }
}

static bool grow(struct id_set *s)
{
    struct id_set larger = *s;

    if (s->room > 0 && s->used < s->room / 4 * 3)
        return true;
    larger.room = s->room == 0 ? ROOM_FIRST : s->room * 2;
    larger.slots = calloc(larger.room, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < s->room; i++) {
        berth_str id;

        if (s->slots[i] == 0)
            continue;
        id = id_at(s, s->slots[i]);
        larger.slots[find(&larger, id, berth_siphash(s->seed, id))] = s->slots[i];
    }
    free(s->slots);
    s->slots = larger.slots;
    s->room = larger.room;
    return true;
}

berth_err id_set_add(struct id_set *s, berth_str id, uint64_t line, uint64_t *first)
{
    char text[BERTH_ID_MAX];
    berth_str lower = { text, id.n };
    uint64_t hash;
    size_t at;

    assert(id.n <= BERTH_ID_MAX);
    for (size_t i = 0; i < id.n; i++)
        text[i] = ascii_lower(id.p[i]);
    if (!grow(s) || !has_room(s, HEAD + id.n))
        return BERTH_E_MEMORY;
    hash = berth_siphash(s->seed, lower);
    at = find(s, lower, hash);
    if (s->slots[at] != 0) {
        memcpy(first, s->ids + (s->slots[at] & WHERE_MASK), sizeof *first);
        return BERTH_OK;
    }
    *first = 0;
    s->slots[at] = (hash & ~WHERE_MASK) | s->n;
    s->used++;
    memcpy(s->ids + s->n, &line, sizeof line);
    s->ids[s->n + HEAD - 1] = (char)id.n;
    memcpy(s->ids + s->n + HEAD, text, id.n);
    s->n += HEAD + id.n;
    return BERTH_OK;
}

void id_set_deinit(struct id_set *s)
{
    free(s->slots);
    free(s->ids);
    *s = (struct id_set){ 0 };
}
