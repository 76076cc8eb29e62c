/* Profiles: clusters that a user talks to, each under a name of the user's own, and which of them
 * is meant when none is named. Held in a text file of the user's:
 *
 *     current = prod
 *
 *     [prod]
 *     controller = http://c1:5555,http://c2:5555
 *     cluster = main
 *     router = http://r1:7777
 *
 * Pure: main/profile_file.c reads and writes the file. Owned by one verb.
 */
#ifndef LG_ADMIN_PROFILE_H
#define LG_ADMIN_PROFILE_H

#include "base/buf.h"

#define LG_PROFILES_MAX 100u
#define LG_PROFILE_NAME_MAX 64u
#define LG_PROFILE_URLS_MAX 16u
#define LG_PROFILE_FILE_BYTES_MAX ((size_t)256 << 10)

struct lg_profile {
    char *name;
    char *controller; /* one URL or several, separated by commas */
    char *cluster;    /* NULL: whichever answers */
    char *router;     /* NULL: the controller is asked */
};

struct lg_profiles { /* {0} holds none. */
    struct lg_profile rows[LG_PROFILES_MAX];
    size_t count;
    char *current; /* NULL: none */
};

/* `out` is {0}. LG_ERR_BAD_DATA begins with "line N: "; a file of no bytes holds no profile. */
LG_MUST_CHECK enum lg_rc lg_profiles_parse(struct lg_slice text, struct lg_profiles *out,
                                           struct lg_error *err);
/* What lg_profiles_parse reads. */
void lg_profiles_write(struct lg_buf *out, const struct lg_profiles *profiles);
void lg_profiles_done(struct lg_profiles *profiles);
LG_DEFINE_SCOPED(lg_profiles, lg_profiles_done)

/* Borrowed. LG_ERR_NOT_FOUND names the nearest, and how to add one. */
LG_MUST_CHECK enum lg_rc lg_profiles_find(const struct lg_profiles *profiles, const char *name,
                                          const struct lg_profile **out, struct lg_error *err);
/* Adds a profile, or puts other addresses into the one of that name; `cluster` and `router` may be
 * NULL. The first one becomes the current one. LG_ERR_INVALID: no name, no URL, or not such ones;
 * LG_ERR_TOO_LARGE: there are LG_PROFILES_MAX already. */
LG_MUST_CHECK enum lg_rc lg_profiles_put(struct lg_profiles *profiles, const char *name,
                                         const char *controller, const char *cluster,
                                         const char *router, struct lg_error *err);
/* LG_ERR_NOT_FOUND as of find. */
LG_MUST_CHECK enum lg_rc lg_profiles_use(struct lg_profiles *profiles, const char *name,
                                         struct lg_error *err);
/* When it was the current one, none is. LG_ERR_NOT_FOUND as of find. */
LG_MUST_CHECK enum lg_rc lg_profiles_remove(struct lg_profiles *profiles, const char *name,
                                            struct lg_error *err);

#endif
