/* The inside of a ZooKeeper session: what metastore_zk.c (life and operations), zk_write.c and
 * zk_watch.c share. Everything here belongs to the home lane but for what is marked atomic.
 *
 *               connected ◀──────────────▶ silent
 *                   │ expired                │ expired, or the time is over
 *                   ▼                        ▼
 *   (new handle, higher epoch) ◀──────── lost: operations are refused
 */
#ifndef LG_DRIVERS_ZOOKEEPER_ZK_SESSION_H
#define LG_DRIVERS_ZOOKEEPER_ZK_SESSION_H

#include "drivers/zookeeper/metastore_zk.h"
#include "drivers/zookeeper/zk_events.h"
#include "drivers/zookeeper/zk_handle.h"

struct lg_zk_session;

struct lg_zk_work { /* One operation of the port. */
    struct lg_zk_session *session;
    struct lg_meta_op *op;
    struct lg_list link; /* Waiting for a connection or its turn, or under way. */
    uint64_t begun_us, due_us;
    /* Of a WRITE. */
    struct lg_zk_plan plan;
    unsigned attempts;
    size_t pending;    /* reads of the plan */
    size_t tree_nodes; /* that a removal has found */
    bool failed;       /* one of the reads; then rc and op->err */
    bool lost;         /* one of the reads, by a loss of the connection */
    bool sent;         /* The multi is under way: it may have happened. */
    enum lg_rc rc;
};

struct lg_zk_watches {
    struct lg_zk_events *events;
    struct lg_list watchers;
    bool syncing;           /* A sync is under way. */
    struct lg_timer gather; /* Until the next one may begin. */
    uint64_t away_since_us; /* When the events were last seen to be listened to. */
    uint64_t polled_us;
    bool away_told;
};

struct lg_zk_session {
    struct lg_metastore head;
    struct lg_lane *lane;
    char *address, *root, *digest;
    size_t packet_bytes_max;
    struct lg_zk_options handle_options;

    struct lg_zk_handle *handle; /* NULL while another one is opened. */
    bool handle_used;            /* It has had its session. */
    bool connected;              /* Atomic: read by any thread. */
    uint64_t epoch;              /* Atomic: read by any thread. */
    bool lost;                   /* Counts as lost: there is no session. */
    uint64_t session_us;         /* as granted */
    uint64_t heard_us;           /* When the last request that was answered was sent. */
    uint64_t silent_since_us;    /* When the connection went. */
    bool refused;                /* The credentials were not taken. */
    bool beating;                /* A request that only asks for an answer is under way. */
    struct lg_timer tick;

    struct lg_zk_handle *old, *next; /* The offload's: to close, to open. */
    struct lg_zk_events *ending;     /* The offload's: to stop, at the end. */
    struct lg_offload turn;
    bool turning;
    uint64_t drained_us; /* When the offload stops waiting for answers. */
    struct lg_timer drain;
    enum lg_rc turn_rc;
    struct lg_error turn_err;
    uint64_t turn_again_us; /* 0: not because of a failure */

    struct lg_list reads;     /* under way */
    struct lg_list waiting;   /* reads without a connection */
    struct lg_list writes;    /* in their order */
    struct lg_zk_work *write; /* under way; in no list */
    size_t work_count;
    struct lg_zk_watches watches;

    bool closing;
    struct lg_task close_task;
    struct lg_lane *closed_lane;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* --- metastore_zk.c ------------------------------------------------------------------------- */
/* The operation is over; the work is gone afterwards. */
void lg_zk_work_end(struct lg_zk_work *work, enum lg_rc rc);
/* "ZooKeeper at … has not answered for N s: …" */
enum lg_rc lg_zk_session_silence(const struct lg_zk_session *s, struct lg_error *err);
/* Of a code that is no loss. */
enum lg_rc lg_zk_error(const struct lg_zk_session *s, int zk_rc, const char *path,
                       struct lg_error *err);
/* An answer to a request of that moment came. */
void lg_zk_session_heard(struct lg_zk_session *s, uint64_t sent_us);
/* Begins the next write, when there is a connection and none is under way. */
void lg_zk_session_next_write(struct lg_zk_session *s);

/* --- zk_write.c ----------------------------------------------------------------------------- */
/* There is a connection; ends with lg_zk_write_over or lg_zk_work_end. */
void lg_zk_write_begin(struct lg_zk_work *work);

/* --- zk_watch.c ----------------------------------------------------------------------------- */
/* There is a connection. */
void lg_zk_watches_init(struct lg_zk_session *s);
void lg_zk_watches_done(struct lg_zk_session *s); /* None is set any more. */
/* There is a connection again; `is_new`: of a new session. */
void lg_zk_watches_connected(struct lg_zk_session *s, bool is_new);
/* The answers under way will not come. */
void lg_zk_watches_handle_gone(struct lg_zk_session *s);
void lg_zk_watches_tick(struct lg_zk_session *s);
/* The port's. */
void lg_zk_watch_start(struct lg_zk_session *s, struct lg_meta_watch *watch);
void lg_zk_watch_stop(struct lg_zk_session *s, struct lg_meta_watch *watch,
                      void (*closed)(struct lg_meta_watch *watch));

#endif
