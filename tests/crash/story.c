#include "tests/crash/story.h"

#include <stdarg.h>
#include <stdio.h>

void story_blame(struct story *s, const char *format, ...)
{
    va_list args;

    if (s->problem[0] != '\0')
        return;
    va_start(args, format);
    (void)vsnprintf(s->problem, sizeof s->problem, format, args);
    va_end(args);
}

const struct turn *story_told(const struct device_story *d, size_t at)
{
    for (unsigned i = d->count; i-- > 0;)
        if (d->turns[i].told < at)
            return &d->turns[i];
    return NULL;
}

bool story_in_flight(const struct device_story *d, size_t at)
{
    const struct turn *told = story_told(d, at);

    for (unsigned i = d->count; i-- > 0 && &d->turns[i] != told;)
        if (d->turns[i].asked < at)
            return true;
    return false;
}
