/* Who decides, as the composition root tells every role: each makes a table and a driver of its own
 * from it. */
#ifndef LG_AUTHZ_CONFIG_H
#define LG_AUTHZ_CONFIG_H

#include "authz/authz.h"

struct lg_authz_config {
    /* A new driver for a role's lane and the transport of it; NULL: lg_authz_acl_new. */
    struct lg_authz_driver *(*driver)(void *ctx, struct lg_lane *lane,
                                      struct lg_transport *transport);
    void *ctx;
    const char *admins, *trusted, *observers; /* as of struct lg_authz_options */
    uint64_t refresh_ms;
};

/* NULL `config`: NULL, which allows everything. `epoch` as of struct lg_authz_options. */
struct lg_authz *lg_authz_open(const struct lg_authz_config *config, struct lg_lane *lane,
                               struct lg_transport *transport, struct lg_epoch *epoch);

#endif
