/* Who this server is across restarts: the file server.json of its data directory
 * (docs/formats/data-directory.md).
 *
 *   {"identity":"<32 hex digits>","instance":"host_8888","cluster":"prod",
 *    "clusterId":"<32 hex digits>","resets":{"cities_v1/0":2}}
 *
 * Two servers that were given one name differ in their identity. A directory belongs to one
 * cluster, or to a standalone Lagoon (no "cluster"): replicas of another one would be taken for
 * leftovers and removed. It is known by its id, too: an emptied ZooKeeper, or another one, may hold
 * a cluster of the same name. A file of an earlier release, without id, takes that of the first
 * cluster it meets. "resets" tells which replicas began anew, so that no restart does it once
 * more.
 *
 * Owned by the server's lane. The file is read and first written by blocking calls; later changes
 * are saved in the background.
 */
#ifndef LG_SERVER_IDENTITY_H
#define LG_SERVER_IDENTITY_H

#include "lane/disk.h"
#include "lane/lane.h"

#define LG_IDENTITY_FILE "server.json"
#define LG_IDENTITY_BYTES_MAX ((size_t)4 << 20)

struct lg_identity; /* Opaque. */

struct lg_identity_options {
    struct lg_lane *lane;
    struct lg_disk *disk; /* NULL: a new identity with each start, and nothing is kept */
    const char *cluster;  /* its name; NULL: standalone. Copied. */
    /* Its id (coord/cluster_id.h); NULL: not known, and not compared. "": it has none. Copied. */
    const char *cluster_id;
    const char *place; /* the directory, as sentences name it; NULL: they name none */
};

/* Reads the file, or makes up an identity; writes nothing. LG_ERR_CONFLICT when the directory
 * belongs to another cluster, LG_ERR_CORRUPT for a damaged file, LG_ERR_IO. */
LG_MUST_CHECK enum lg_rc lg_identity_open(const struct lg_identity_options *o,
                                          struct lg_identity **out, struct lg_error *err);
/* Was there no file? */
bool lg_identity_is_new(const struct lg_identity *id);
/* The server's name; the file is written if it is new or the name has changed. */
LG_MUST_CHECK enum lg_rc lg_identity_keep(struct lg_identity *id, const char *instance,
                                          struct lg_error *err);
/* Borrowed. */
const char *lg_identity_text(const struct lg_identity *id);

/* How often this replica has begun anew; 0: never. */
int64_t lg_identity_reset(const struct lg_identity *id, const char *topic, uint32_t partition);
/* 0 forgets it. */
void lg_identity_set_reset(struct lg_identity *id, const char *topic, uint32_t partition,
                           int64_t number);

/* Waits for what is being saved; `closed` comes once on the lane, never from inside. */
void lg_identity_close(struct lg_identity *id, void (*closed)(void *ctx), void *ctx);
/* Without waiting: nothing may be under way. NULL is allowed. */
void lg_identity_free(struct lg_identity *id);

#endif
