#include "cli/tell.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/text.h"

#define TELL_MAX 2048

__attribute__((format(printf, 2, 0))) static void tell(const char *head, const char *format,
                                                       va_list args)
{
    char text[TELL_MAX];

    (void)vsnprintf(text, sizeof text, format, args);
    text_tame(text);
    (void)fprintf(stderr, "%s%s\n", head, text);
}

int tell_failure(int code, const char *format, ...)
{
    va_list args;

    /* Standard output first, so that both in one terminal stand in the order they were written. */
    (void)fflush(stdout);
    va_start(args, format);
    tell("berth: ", format, args);
    va_end(args);
    return code;
}

void tell_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell("berth: warning: ", format, args);
    va_end(args);
}

void tell_note(const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    va_start(args, format);
    tell("", format, args);
    va_end(args);
}

void tell_hint(const char *format, ...)
{
    va_list args;

    if (!isatty(STDOUT_FILENO)) /* hints are for people */
        return;
    (void)fflush(stdout);
    va_start(args, format);
    tell("", format, args);
    va_end(args);
}
