/* Values and error codes as the public headers promise them. Immutable, or one thread's. */
#ifndef LG_LIB_VALUE_H
#define LG_LIB_VALUE_H

#include "client/client.h"
#include "lagoon/client.h"

/* A copy of what was found. LG_ERR_FAILED when there is no memory for it. */
LG_MUST_CHECK enum lg_rc lg_lib_value_new(const struct lg_client_found *found,
                                          struct lagoon_value **out, struct lg_error *err);
/* The number that is promised for a code of ours. */
enum lagoon_rc lg_lib_rc(enum lg_rc rc);
/* Hands a failure to a caller outside: its code, and its sentence cut to `why_size`. */
enum lagoon_rc lg_lib_fail(const struct lg_error *err, char *why, size_t why_size);

#endif
