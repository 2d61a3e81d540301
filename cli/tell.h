/* cli/tell.h - what people are told on standard error: the cause, then the remedy on a line of its
 * own. */
#ifndef CLI_TELL_H
#define CLI_TELL_H

#include "cli/command.h"

/* "berth: TEXT", at most 2 KiB; control characters but the line feed become '?', so that no answer
 * of a service reaches the terminal as commands. Returns CODE. */
int tell_failure(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "berth: warning: TEXT". */
void tell_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* TEXT alone: what scripts may want to read too. */
void tell_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* TEXT alone: a hint for people, kept out of standard output. */
void tell_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
