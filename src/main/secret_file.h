/* Secrets that stand in files of their own: passwords and credentials. What is in them is never
 * shown, not even in part. Stateless. */
#ifndef LG_MAIN_SECRET_FILE_H
#define LG_MAIN_SECRET_FILE_H

#include "main/role.h"

#define LG_SECRET_BYTES_MAX ((size_t)1024)

/* Its first line; the caller owns it. `key` is the option that names the file, for sentences.
 * LG_ERR_INVALID: it cannot be read, its first line is empty, or holds a NUL byte. */
LG_MUST_CHECK enum lg_rc lg_secret_file_read(const char *key, const char *path, char **out,
                                             struct lg_error *err);
/* Calls `warn` when the file (NULL: none is named) cannot be read by this user, or by everybody. */
void lg_secret_file_warn(const char *key, const char *path, lg_option_warned warn, void *ctx);

#endif
