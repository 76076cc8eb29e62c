/* Venice's system stores as the router knows them: they hold schemas and nothing else, and clients
 * ask for them as for any store (wire-formats 2.3, 7.2). Pure. */
#ifndef LG_ROUTER_SYSTEM_STORE_H
#define LG_ROUTER_SYSTEM_STORE_H

#include "model/store.h"

/* A store of its own with that system store's schemas and no version; NULL when there is none of
 * the name. The caller frees it. */
struct lg_store *lg_router_system_store(struct lg_slice name);

#endif
