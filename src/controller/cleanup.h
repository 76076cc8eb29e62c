/* Old versions and the trash: looks at regular intervals for versions that may go, asks every live
 * router and server whether it serves the current one, has them retired; deletes the topics of
 * those that are gone. Owned by the controller's lane.
 */
#ifndef LG_CONTROLLER_CLEANUP_H
#define LG_CONTROLLER_CLEANUP_H

#include "base/base.h"

struct lg_controller;
struct lg_cleanup;

struct lg_cleanup *lg_cleanup_start(struct lg_controller *c);
/* Nothing new begins; the controller is woken when what is under way has ended. */
void lg_cleanup_stop(struct lg_cleanup *cleanup);
/* Is nothing under way? */
bool lg_cleanup_idle(const struct lg_cleanup *cleanup);
void lg_cleanup_free(struct lg_cleanup *cleanup); /* When idle. NULL is allowed. */

/* Says why each version of the store's JSON stays, and until when: members "kept" and "keptUntil"
 * below "lagoon". */
struct lg_store;
struct lg_json;
void lg_cleanup_explain(const struct lg_controller *c, const struct lg_store *store,
                        struct lg_json *json);
#define LG_CLEANUP_SETTLE_MS 2000   /* after a switch of versions nothing goes for so long */
#define LG_CLEANUP_VERSIONS_MAX 16u /* at a time */
/* Does a router's or server's answer to /current_version/<store> say that it serves `current`?
 * Pure. */
bool lg_cleanup_confirms(int status, struct lg_slice body, int32_t current);

/* The versions that may go now, ascending: what model/retention.h says, but a push that failed
 * stays for a while, to be asked why; and right after a switch none goes. */
size_t lg_cleanup_due(const struct lg_controller *c, const struct lg_store *store,
                      int32_t out[LG_CLEANUP_VERSIONS_MAX]);

#endif
