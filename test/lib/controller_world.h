/* A world for tests of the controller: the real metadata store on a simulated disk, a log in memory
 * that survives the controller, a client on the world's own lane, and servers played by hand
 * through the metadata. Every step fails the test when it does not work.
 */
#ifndef LG_TEST_LIB_CONTROLLER_WORLD_H
#define LG_TEST_LIB_CONTROLLER_WORLD_H

#include "controller/controller.h"
#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/transport_sim.h"
#include "model/names.h"
#include "net/http_client.h"
#include "net/http_server.h"

#define LG_CW_PARTITIONS 3 /* of the store "cities" */
#define LG_CW_NEW_STORE                                                                            \
    "store_name=cities&key_schema=%22long%22&value_schema=%22string%22&partition_count=3&owner=me"

struct lg_cw_topic {
    char name[LG_NAMES_TOPIC_MAX + 1];
    uint32_t partitions;
    struct lg_buf data[16]; /* batches, by partition */
};

struct lg_cw_log {
    struct lg_pubsub pubsub;
    struct lg_cw_topic topics[64];
    size_t count;
    enum lg_rc fail; /* of every operation ... */
    unsigned spared; /* ... after so many */
    bool silent;     /* Operations wait until lg_cw_log_goes_on. */
    struct lg_pubsub_op *waiting[16];
    size_t waiting_count;
};

struct lg_cw {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_disk *disk;
    struct lg_sim_node *node;
    struct lg_lane *client_lane;
    struct lg_http_client *http;
    /* At world:88, for every server: it says that it serves what the controller says is current,
     * unless a test wants otherwise. */
    struct lg_http_server *played;
    int played_serve; /* another version; 0: the current one */
    struct lg_cw_log log;
    struct lg_controller_options extra; /* what a test wants otherwise */

    /* Inside the node. */
    struct lg_lane *lane;
    struct lg_metafile *metafile;
    struct lg_metastore *session, *servers;
    struct lg_controller *controller;
    bool died, stopped;

    /* The last answer. */
    int status;
    enum lg_rc rc;
    struct lg_json *answer;
    bool answered;
};

/* A controller on node "ctl", port 5555; it reads its metadata while the world runs. */
struct lg_cw *lg_cw_start(uint64_t seed);
void lg_cw_free(struct lg_cw *w);
/* The machine loses power and comes back. */
void lg_cw_restart(struct lg_cw *w);

/* One request: its status, 0 when there was no answer; the JSON in w->answer. `origin` may be NULL.
 */
int lg_cw_ask(struct lg_cw *w, enum lg_http_method method, const char *target, struct lg_slice body,
              const char *content_type, const char *origin);
int lg_cw_get(struct lg_cw *w, const char *target);
int lg_cw_post(struct lg_cw *w, const char *target, const char *form);
/* A text member of the answer. */
const char *lg_cw_text(const struct lg_cw *w, const char *key);
/* The member "version" of the answer. */
int lg_cw_version(const struct lg_cw *w);
void lg_cw_until_ready(struct lg_cw *w);
/* Like a client: again while nobody answers or the controller asks to come back; the power comes
 * back whenever it went (w->died). */
int lg_cw_persist(struct lg_cw *w, enum lg_http_method method, const char *target,
                  const char *form);

/* A change of the metadata by somebody else. */
void lg_cw_meta(struct lg_cw *w, enum lg_meta_change_kind kind, const char *path,
                const char *value);
void lg_cw_put(struct lg_cw *w, const char *path, const char *value);
/* Servers srv1_88 to srv<n>_88 register. */
void lg_cw_servers_up(struct lg_cw *w, int n);
/* Server `n` reports the same status of all its partitions. */
void lg_cw_report(struct lg_cw *w, const char *topic, int n, const char *status, const char *error);

/* Ready, one server, and the store "cities". */
void lg_cw_store_up(struct lg_cw *w);
/* POST /request_topic for "cities". */
int lg_cw_request(struct lg_cw *w, const char *id, int lease_ms);
void lg_cw_end(struct lg_cw *w, int version);
/* A whole push, until it is current: its version. */
int lg_cw_push(struct lg_cw *w, const char *id);
int lg_cw_current(struct lg_cw *w);
/* The status of /job. */
const char *lg_cw_job(struct lg_cw *w, int version);
/* Is there such a version, with that status (NULL: any)? */
bool lg_cw_has_version(struct lg_cw *w, int number, const char *status);

/* NULL when the log has no such topic. */
struct lg_cw_topic *lg_cw_topic(const char *name);
/* A log that was silent answers again. */
void lg_cw_log_goes_on(struct lg_cw *w);
/* Which control messages stand in a partition, as letters: S start of segment, P start of push, E
 * end of push, s end of segment. `*count` is the record count of the end of push, if there is one.
 */
void lg_cw_letters(const char *topic, uint32_t partition, char out[16], int64_t *count);

#endif
