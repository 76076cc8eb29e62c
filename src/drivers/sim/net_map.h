/* What the world says of the hosts of a simulated network: which ways are cut, and who shows what
 * to whom it connects to. Names are those of hosts, below 64 bytes. Its owner sees to it that what
 * is allocated here belongs to no node. */
#ifndef LG_DRIVERS_SIM_NET_MAP_H
#define LG_DRIVERS_SIM_NET_MAP_H

#include "base/vec.h"

struct lg_net_cut { /* One direction. */
    char from[64], to[64];
};

struct lg_net_shown {
    char from[64];
    bool is_secure;
    char *identity; /* NULL: nobody. */
};

struct lg_net_map { /* {0}: nothing is cut, all is plain. */
    LG_VEC(struct lg_net_cut) cuts;
    LG_VEC(struct lg_net_shown) shown; /* The last of a host counts. */
};
void lg_net_map_done(struct lg_net_map *m);

bool lg_net_map_is_cut(const struct lg_net_map *m, const char *from, const char *to);
/* False: it was so already. */
bool lg_net_map_cut(struct lg_net_map *m, const char *from, const char *to, bool is_cut);

/* Copied; what was shown before stays, as connections borrow it. */
void lg_net_map_show(struct lg_net_map *m, const char *from, bool is_secure, const char *identity);
/* NULL: it was never said. */
const struct lg_net_shown *lg_net_map_shown(const struct lg_net_map *m, const char *from);

#endif
