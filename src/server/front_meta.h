/* What a storage node says of stores to clients that need no router (wire-formats 5.3, 7.2). */
#ifndef LG_SERVER_FRONT_META_H
#define LG_SERVER_FRONT_META_H

#include "catalog/catalog.h"
#include "net/http_server.h"

/* GET /metadata/<store>: MetadataResponseRecord of the current version. 400 for a store that is not
 * there, 403 for one that refuses such clients, 503 while a partition has no ready replica. */
void lg_front_metadata(struct lg_catalog *catalog, struct lg_http_request *rq);
/* GET /store_properties/<store>[/<largest schema id that is known>]: StorePropertiesPayloadRecord,
 * with the value schemas above that id only. */
void lg_front_store_properties(struct lg_catalog *catalog, struct lg_http_request *rq);

#endif
