/* What a role's parts stand on: a pool, a transport, lanes on threads of their own, and the
 * caller's lane, which runs only while it waits for one of them.
 *
 *   lg_stage_open ─▶ (parts are made) ─▶ lg_stage_start ─▶ lg_stage_do ... ─▶ lg_stage_join
 *                                                          ─▶ (parts are freed) ─▶ lg_stage_close
 *
 * Owned by the thread that opens it.
 */
#ifndef LG_MAIN_STAGE_H
#define LG_MAIN_STAGE_H

#include <sched.h>

#include "lane/lane.h"
#include "net/tls.h"
#include "net/transport.h"

#define LG_STAGE_LANES_MAX 2u
#define LG_STAGE_READERS_MAX 64u

struct lg_pool_uv;

/* How reads are answered: by the last lane that has a name, and by lanes that do nothing else. */
struct lg_stage_reading {
    unsigned lanes;     /* of the latter */
    const char *driver; /* "uring", "uv", or "auto": the former where the kernel allows it */
    uint32_t spin_us;   /* how long a lane looks for work before it sleeps */
    cpu_set_t cpus;     /* of the latter, one each in turns; none: any */
};

struct lg_stage_reader { /* A lane of `readers`. */
    char name[12];       /* "read-1" */
    cpu_set_t cpu;       /* that its thread is bound to, once it begins */
    struct lg_task begins;
};

struct lg_stage { /* {0} is closed. */
    struct lg_pool_uv *pool;
    /* The sockets; the second is a part of them, or NULL. */
    struct lg_transport *sockets, *transport_uv;
    struct lg_transport *transport; /* the sockets, or TLS over them */
    struct lg_lane *main, *lanes[LG_STAGE_LANES_MAX + LG_STAGE_READERS_MAX];
    bool runs[LG_STAGE_LANES_MAX + LG_STAGE_READERS_MAX];
    size_t lane_count;
    struct lg_lane **readers; /* of `lanes`, the last ones: those that only read */
    size_t reader_count;
    struct lg_stage_reader reader[LG_STAGE_READERS_MAX];

    struct lg_task step; /* One thing done on another lane while the main lane waits. */
    void (*step_fn)(void *ctx);
    void *step_ctx;
};

/* Before any other thread is made: with `cpus` of those that read, all others run on the rest, if
 * there is any. LG_ERR_INVALID when one of them is not there. */
LG_MUST_CHECK enum lg_rc lg_stage_bind(const struct lg_stage_reading *reading,
                                       struct lg_error *err);
/* `names` of the lanes, borrowed; behind them come those that only read. NULL: nothing reads.
 * LG_ERR_UNAVAILABLE when the kernel has not the driver that `reading` insists on. What was made
 * before a failure goes with lg_stage_close. */
LG_MUST_CHECK enum lg_rc lg_stage_open(struct lg_stage *stage, unsigned pool_threads,
                                       const char *const *names, size_t lane_count,
                                       const struct lg_stage_reading *reading,
                                       struct lg_error *err);
/* Right after it: TLS from here on, as `tls` says. Errors as lg_transport_tls_new. */
LG_MUST_CHECK enum lg_rc lg_stage_use_tls(struct lg_stage *stage, const struct lg_tls_options *tls,
                                          struct lg_error *err);
bool lg_stage_uses_tls(const struct lg_stage *stage);
/* Certificates are read again, where TLS is used (lg_transport_tls_reload). From any thread. */
LG_MUST_CHECK enum lg_rc
lg_stage_reload_tls(struct lg_stage *stage, const struct lg_tls_options *tls, struct lg_error *err);
/* Runs the lanes. */
LG_MUST_CHECK enum lg_rc lg_stage_start(struct lg_stage *stage, struct lg_error *err);
/* Runs `fn` on `lane` and waits until lg_stage_done was called with the stage. Runs the lanes first
 * if they do not yet: what stops on one waits for answers of the other. False when that is not
 * possible; nothing durable depends on it, the process is about to end. */
bool lg_stage_do(struct lg_stage *stage, struct lg_lane *lane, void (*fn)(void *ctx), void *ctx);
/* What a step calls when it is through, from any lane. `stage` is a struct lg_stage. */
void lg_stage_done(void *stage);
/* Ends the lanes' threads, frees transport and lanes; nothing may be under way any more. */
void lg_stage_join(struct lg_stage *stage);
/* Frees the pool. */
void lg_stage_close(struct lg_stage *stage);

#endif
