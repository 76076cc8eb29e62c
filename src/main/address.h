/* Where Lagoon is, for the verbs that ask it: the first of these that says something.
 *
 *   1. --controller, --router
 *   2. --profile, or --data (its endpoints.json)
 *   3. LAGOON_CONTROLLER, LAGOON_ROUTER
 *   4. LAGOON_PROFILE, else LAGOON_DATA (its endpoints.json)
 *   5. the profile in use (`lagoon profile use`)
 *   6. http://127.0.0.1:5555 and http://127.0.0.1:7777
 *
 * Whoever names a controller and no router gets the routers that the controller knows. Owned by one
 * verb.
 */
#ifndef LG_MAIN_ADDRESS_H
#define LG_MAIN_ADDRESS_H

#include "admin/command.h"

struct lg_address {
    char *controller; /* one URL, or several separated by commas */
    char *router;     /* the same; NULL: the controller is to be asked */
    char *cluster;    /* the name that it must have; NULL: any */
};

/* `out` is {0}. Only what the verb asks is looked up. LG_ERR_INVALID: two flags that contradict
 * each other; LG_ERR_NOT_FOUND: no such profile; LG_ERR_UNAVAILABLE: no standalone runs on the data
 * directory; LG_ERR_BAD_DATA: a file that is none of ours. */
LG_MUST_CHECK enum lg_rc lg_address_find(const struct lg_command *command, struct lg_address *out,
                                         struct lg_error *err);
void lg_address_done(struct lg_address *address);

#endif
