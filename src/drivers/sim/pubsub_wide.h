/* A log whose positions are nobody's numbers: it wraps any log, and its positions are 24 bytes of
 * type LG_PUBSUB_WIDE_TYPE that hold the other's scrambled, with a check. What takes a position for
 * a number, makes one up or changes one fails over it with LG_ERR_INVALID. For tests; owned by the
 * caller, used from the lanes that the wrapped log serves.
 */
#ifndef LG_DRIVERS_SIM_PUBSUB_WIDE_H
#define LG_DRIVERS_SIM_PUBSUB_WIDE_H

#include "pubsub/pubsub.h"

#define LG_PUBSUB_WIDE_TYPE INT32_C(77)
#define LG_PUBSUB_WIDE_BYTES 24u

struct lg_pubsub_wide;

/* `inner` is borrowed. */
struct lg_pubsub_wide *lg_pubsub_wide_new(struct lg_pubsub *inner);
/* When no operation is under way. NULL is allowed. */
void lg_pubsub_wide_free(struct lg_pubsub_wide *wide);
struct lg_pubsub *lg_pubsub_wide_pubsub(struct lg_pubsub_wide *wide);

#endif
