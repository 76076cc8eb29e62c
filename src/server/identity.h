/* Who this server is across restarts: the file server.json of its data directory
 * (docs/formats/data-directory.md).
 *
 *   {"identity":"<32 hex digits>","instance":"host_8888","cluster":"prod",
 *    "resets":{"cities_v1/0":2}}
 *
 * Two servers that were given one name differ in their identity. A directory belongs to one
 * cluster, or to a standalone Lagoon (no "cluster"): replicas of another one would be taken for
 * leftovers and removed. "resets" tells which replicas began anew, so that no restart does it once
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
