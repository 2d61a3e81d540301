#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"

#define ROOM_FIRST 4096

void text_init(struct text *t, size_t max)
{
    *t = (struct text){ .max = max };
}

/* Not realloc: it would leave the old bytes, perhaps keys, in freed memory. */
static bool grow(struct text *t, size_t need)
{
    size_t room = t->room == 0 ? ROOM_FIRST : t->room;
    char *p;

    while (room < need)
        room *= 2;
    p = malloc(room);
    if (p == NULL)
        return false;
    if (t->n > 0)
        memcpy(p, t->p, t->n);
    if (t->p != NULL)
        explicit_bzero(t->p, t->n);
    free(t->p);
    t->p = p;
    t->room = room;
    return true;
}

void text_put(struct text *t, berth_str s)
{
    if (t->over || s.n == 0)
        return;
    if (s.n > t->max - t->n || (t->n + s.n > t->room && !grow(t, t->n + s.n))) {
        t->over = true;
        return;
    }
    memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

berth_str text_str(const struct text *t)
{
    return (berth_str){ t->p == NULL ? "" : t->p, t->n };
}

void text_reset(struct text *t)
{
    if (t->p != NULL)
        explicit_bzero(t->p, t->n);
    t->n = 0;
    t->over = false;
}

void text_deinit(struct text *t)
{
    text_reset(t);
    free(t->p);
    *t = (struct text){ .max = t->max };
}

void text_tame(char *text)
{
    berth_str s = berth_str_of(text);

    for (size_t i = 0; i < s.n; i++) {
        unsigned code;
        size_t n = berth_utf8_control_size(berth_str_sub(s, i, s.n), &code);

        if (n == 0 && (unsigned char)text[i] < 0x20 && text[i] != '\n')
            n = 1;
        memset(text + i, '?', n);
    }
}

size_t text_width(berth_str s)
{
    mbstate_t state = { 0 };
    size_t width = 0;

    while (s.n > 0) {
        wchar_t c;
        size_t n = mbrtowc(&c, s.p, s.n, &state);
        int columns;

        if (n == 0 || n > s.n) { /* no character of this locale: one column per byte */
            state = (mbstate_t){ 0 };
            width++;
            s = berth_str_sub(s, 1, s.n);
            continue;
        }
        columns = wcwidth(c);
        width += columns < 0 ? 1 : (size_t)columns;
        s = berth_str_sub(s, n, s.n);
    }
    return width;
}
