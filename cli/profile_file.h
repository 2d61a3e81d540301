/* cli/profile_file.h - profiles written: the file of a login, and a new key in any profile. */
#ifndef CLI_PROFILE_FILE_H
#define CLI_PROFILE_FILE_H

#include "cli/profile.h"

/* P->login's key was made anew: into the file P was read from, or the user is warned what to do. */
void profile_file_renew(const struct profile *p);
/* P as a profile of another machine's service into PATH, 0600. EXIT_CODE_OK, or the user has been
 * told. */
int profile_file_write(const char *path, const struct profile *p);

#endif
