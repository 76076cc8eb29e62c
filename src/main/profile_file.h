/* The file of a user's profiles: $XDG_CONFIG_HOME/lagoon/profiles, else ~/.config/lagoon/profiles.
 * It is replaced as a whole, and only its owner may read it: a URL may tell more than a name does.
 */
#ifndef LG_MAIN_PROFILE_FILE_H
#define LG_MAIN_PROFILE_FILE_H

#include "admin/command.h"
#include "admin/profile.h"

/* Where it is; the caller owns the text. NULL: the user has no home. */
char *lg_profile_file_path(void);
/* `out` is {0}, and stays so when there is no file. LG_ERR_BAD_DATA names the file and the line. */
LG_MUST_CHECK enum lg_rc lg_profile_file_load(struct lg_profiles *out, struct lg_error *err);
/* Atomic and durable; makes the folder. LG_ERR_INVALID: the user has no home. */
LG_MUST_CHECK enum lg_rc lg_profile_file_save(const struct lg_profiles *profiles,
                                              struct lg_error *err);

#endif
