#include "authz/config.h"

struct lg_authz *lg_authz_open(const struct lg_authz_config *config, struct lg_lane *lane,
                               struct lg_transport *transport, struct lg_epoch *epoch)
{
    if (config == NULL)
        return NULL;
    return lg_authz_new(&(struct lg_authz_options){
        .lane = lane,
        .take_driver = config->driver == NULL ? lg_authz_acl_new()
                                              : config->driver(config->ctx, lane, transport),
        .epoch = epoch,
        .admins = config->admins,
        .trusted = config->trusted,
        .observers = config->observers,
        .refresh_ms = config->refresh_ms});
}
