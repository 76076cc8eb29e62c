/* The routers a client may ask, which of them to ask next, and how often it may ask again.
 *
 * Owned by the client's lane. The choice is fetch's (replica_picker): healthy before avoided, few
 * requests pending before many. The budget of retries is a bucket: every read puts retry_percent of
 * a retry in, up to LG_ROUTERS_RETRY_BURST; every retry takes one out.
 */
#ifndef LG_CLIENT_ROUTERS_H
#define LG_CLIENT_ROUTERS_H

#include "fetch/host_health.h"

#define LG_ROUTERS_MAX 16u
#define LG_ROUTERS_RETRY_BURST 1000u

struct lg_routers {
    struct lg_host_table *hosts;
    struct lg_host *list[LG_ROUTERS_MAX];
    size_t count;
    uint32_t retry_percent;
    uint64_t retry_hundredths; /* in the bucket: 100 are one retry */
};

/* "http://host:port", several separated by commas; blanks around them mean nothing. The bucket is
 * full. LG_ERR_INVALID names what is no address; LG_ERR_TOO_LARGE over LG_ROUTERS_MAX. */
LG_MUST_CHECK enum lg_rc lg_routers_init(struct lg_routers *r, const char *urls,
                                         uint32_t retry_percent, struct lg_error *err);
/* {0} is allowed. */
void lg_routers_done(struct lg_routers *r);

/* The best one that is not in `tried`; NULL when all are. */
struct lg_host *lg_routers_pick(const struct lg_routers *r, const struct lg_host *const *tried,
                                size_t tried_count, uint64_t now_us);
/* A read begins. */
void lg_routers_read_began(struct lg_routers *r);
/* Takes one retry out of the bucket, or says that there is none. */
LG_MUST_CHECK bool lg_routers_take_retry(struct lg_routers *r);

#endif
