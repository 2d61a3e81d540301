/* store/inside.h - files of a directory that another user may own. Whoever owns it can put a link
 * there to what only root may read or write, and wait for root: so nothing below it is followed,
 * and a file with a second name, which may be anywhere, is not taken either. */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <stdbool.h>
#include <sys/stat.h>

/* As openat: the ordinary file NAME of DIR, with no other name. What it makes has mode 0600. FLAGS
 * without O_TRUNC, which would come before the look. -1 with errno: ELOOP, EMLINK and EINVAL are
 * for inside_words. */
int inside_open(int dir, const char *name, int flags);
/* The directory NAME of DIR, for reading. -1 with errno; ELOOP: it is a link. */
int inside_open_dir(int dir, const char *name);

/* What stands in the place of a file, after "NAME is "; NULL when ERROR says no such thing. */
const char *inside_words(int error);

void close_keeping_errno(int fd);

#endif
