/* An alarm of a lane that rings at a time in nanoseconds: the timers of lane/lane.h are those of
 * libuv, whose unit is a millisecond. For generators of load. Owned by its lane. */
#ifndef LG_DRIVERS_UV_ALARM_UV_H
#define LG_DRIVERS_UV_ALARM_UV_H

#include "lane/lane.h"

struct lg_alarm_uv; /* Opaque. */

/* `rang` is called on the lane. LG_ERR_IO when the system has no timer left. */
LG_MUST_CHECK enum lg_rc lg_alarm_uv_new(struct lg_lane *lane, void (*rang)(void *ctx), void *ctx,
                                         struct lg_alarm_uv **out, struct lg_error *err);
/* The lane does not run, or is the caller's. NULL is allowed. */
void lg_alarm_uv_free(struct lg_alarm_uv *alarm);
/* Rings once at that time of lg_alarm_uv_now_ns, at once when it is past; instead of what was set
 * before. */
void lg_alarm_uv_set(struct lg_alarm_uv *alarm, uint64_t at_ns);
/* Nanoseconds since an arbitrary moment, never back. From any thread. */
uint64_t lg_alarm_uv_now_ns(void);

#endif
