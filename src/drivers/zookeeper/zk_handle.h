/* One handle of the ZooKeeper client: its threads on one side, the home lane on the other.
 *
 *   home lane: lg_zk_call_new ─▶ lg_zk_call_get … ─▶ the client's threads ─post─▶ answered(call)
 *
 * Owner: the home lane; `open`, `close` and `await` block and run elsewhere, on a handle that
 * nobody else uses meanwhile. Pending calls that the client drops when it closes are freed with the
 * handle, unanswered; so nobody may wait for them.
 */
#ifndef LG_DRIVERS_ZOOKEEPER_ZK_HANDLE_H
#define LG_DRIVERS_ZOOKEEPER_ZK_HANDLE_H

#include "base/blob.h"
#include "base/vec.h"
#include "drivers/zookeeper/zk_plan.h"
#include "lane/lane.h"

struct lg_zk_handle;

/* What the client says about the session, in our words. */
enum lg_zk_state {
    LG_ZK_DISCONNECTED,
    LG_ZK_CONNECTED,
    LG_ZK_EXPIRED,
    LG_ZK_REFUSED, /* The credentials were not taken. */
};

struct lg_zk_options { /* Borrowed while the handle lives. */
    const char *address;
    const char *digest;
    unsigned session_ms;
    struct lg_lane *lane;
    /* On the home lane, from lg_zk_handle_begin on. */
    void (*told)(void *ctx, struct lg_zk_handle *h, enum lg_zk_state state);
    void *ctx;
};

/* Does not block. */
struct lg_zk_handle *lg_zk_handle_new(const struct lg_zk_options *options);
/* Blocks while names are resolved. It connects on. LG_ERR_UNAVAILABLE, LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_zk_handle_open(struct lg_zk_handle *h, struct lg_error *err);
/* Blocks until the session is there, or is refused, or the time is over. */
enum lg_zk_state lg_zk_handle_await(struct lg_zk_handle *h, uint64_t timeout_ms);
/* From now on events are told; returns the state at this moment. */
enum lg_zk_state lg_zk_handle_begin(struct lg_zk_handle *h);
/* No call is under way: what the client drops when it closes it never frees. On the home lane. */
bool lg_zk_handle_is_idle(const struct lg_zk_handle *h);
/* Blocks; ends the session when there is a connection. On a handle that is not open it does
 * nothing. */
void lg_zk_handle_close(struct lg_zk_handle *h);
/* On the home lane, after everything that the client's threads have posted. NULL is allowed. */
void lg_zk_handle_free(struct lg_zk_handle *h);

/* Of a connected handle: what the server granted. */
uint64_t lg_zk_handle_session_us(const struct lg_zk_handle *h);
void lg_zk_handle_identity(const struct lg_zk_handle *h, int64_t *out_id, uint8_t out_password[16]);
/* Blocks: is there such a node, and else make it with its parents. Before the lane runs. */
LG_MUST_CHECK enum lg_rc lg_zk_handle_make_root(struct lg_zk_handle *h, const char *root,
                                                bool create, struct lg_error *err);

/* --- Calls ---------------------------------------------------------------------------------- */

struct lg_zk_call {
    struct lg_zk_handle *handle;
    struct lg_list link; /* Of the handle's. */
    struct lg_task task;
    void (*answered)(struct lg_zk_call *call); /* NULL: nobody wants the answer any more. */
    void *ctx;
    char *path; /* As ZooKeeper has it. */
    bool sent;  /* Atomic: orders what stands here before the client's threads. */

    int rc;                /* ZOK and so on. */
    struct lg_blob *value; /* of get */
    int64_t version;       /* of get, exists */
    bool is_ephemeral;     /* of get, exists */
    LG_VEC(char *) names;  /* of children */
    void *ops, *results;   /* of multi */
    size_t op_count;
    uint64_t sent_us;
};

/* `path` is copied. Freed after `answered` has returned. */
struct lg_zk_call *lg_zk_call_new(struct lg_zk_handle *h, const char *path, void *ctx,
                                  void (*answered)(struct lg_zk_call *call));
/* Each sends the call; the answer comes later, also when it could not be sent. */
void lg_zk_call_get(struct lg_zk_call *c);
void lg_zk_call_exists(struct lg_zk_call *c);
void lg_zk_call_children(struct lg_zk_call *c);
/* What is read afterwards is not older than what anybody was told before. */
void lg_zk_call_sync(struct lg_zk_call *c);
/* The steps' paths get `root` in front. */
void lg_zk_call_multi(struct lg_zk_call *c, const char *root, const struct lg_zk_plan *plan);
/* The first step that failed, of a multi that failed; op_count when none is known. */
size_t lg_zk_call_failed_step(const struct lg_zk_call *c, int *out_rc);
/* Nobody wants these answers any more. */
void lg_zk_calls_forget(struct lg_zk_handle *h, const void *ctx);

/* Of a ZooKeeper code: ours. ZOK gives LG_OK. */
enum lg_rc lg_zk_rc(int rc);
/* The connection went, or the session: the request may or may not have been carried out. */
bool lg_zk_is_loss(int rc);
const char *lg_zk_text(int rc);
/* The full path of `path` below `root`; "/" is the root itself. The caller owns it. */
char *lg_zk_full_path(const char *root, const char *path);

#endif
