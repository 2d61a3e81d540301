/* cli/profiles.h - the profiles that `berth login` keeps by name, below $XDG_CONFIG_HOME/berth, and
 * which of them is used. */
#ifndef CLI_PROFILES_H
#define CLI_PROFILES_H

#include <stdbool.h>

#include "cli/profile.h"
#include "wire/json.h"

#define PROFILES_NAME_MAX 64
#define PROFILES_DEFAULT  "default"
#define PROFILES_MAX      1000 /* listed */

/* 1 to PROFILES_NAME_MAX letters, digits, '-', '_': what has a '.' or '/' is a file's name. */
bool profiles_name_is_valid(const char *name);
/* Where profile NAME stands, there or not. EXIT_CODE_OK, or the user has been told. */
int profiles_path(const char *name, char out[FILE_PATH_MAX]);
/* A place beside it for the CA that belongs to it, in a name of its own at each call. */
int profiles_ca_path(const char *name, char out[FILE_PATH_MAX]);
/* The CA that profile NAME has brought along; "" for none. */
void profiles_ca_of(const char *name, char out[FILE_PATH_MAX]);
/* {"profile":..,"host":..,"httpsPort":..,"mqttsPort":..,"policy":..,"idScope":..,"current":..} */
void profiles_put(struct berth_json_out *j, const char *name, const struct profile *p,
                  bool current);
/* Makes the directories, 0700. */
int profiles_make_directory(void);

/* The name that is used when none is given; "" for none. */
void profiles_current(char out[PROFILES_NAME_MAX + 1]);
/* NAME "" for none. */
int profiles_set_current(const char *name);

/* Names in their order, into a heap block that the caller frees; *COUNT of them. */
int profiles_list(char (**names)[PROFILES_NAME_MAX + 1], size_t *count);

#endif
