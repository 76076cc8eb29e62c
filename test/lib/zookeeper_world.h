/* What the tests of the ZooKeeper driver share: one real server per test program, a home lane and a
 * lane of the test, sessions, operations that are waited for, watches that count.
 *
 * Each world has a root of its own. Sessions of the server take from 1 s to a minute.
 */
#ifndef LG_TEST_LIB_ZOOKEEPER_WORLD_H
#define LG_TEST_LIB_ZOOKEEPER_WORLD_H

#include <zookeeper/zookeeper.h>

#include "drivers/zookeeper/metastore_zk.h"
#include "test/lib/log_env.h"
#include "test/lib/zookeeper_server.h"

#define LG_ZKW_SHORT_MS 2000u /* of tests that wait for the end of a session */
#define LG_ZKW_LONG_MS 15000u /* it outlives a restart of the server on a busy machine */

extern struct lg_zookeeper_server lg_zkw_server;
/* For cmocka_run_group_tests. */
int lg_zkw_start_server(void **state);
int lg_zkw_end_server(void **state);

struct lg_zkw {
    struct lg_log_env env;
    char *root;
    struct lg_metastore_zk_options options;
    struct lg_metastore *opened; /* by the last open */
    enum lg_rc rc;
    struct lg_error err;
};

/* `session_ms` is of the sessions to be opened; w->options may be changed. */
void lg_zkw_init(struct lg_zkw *w, unsigned session_ms);
void lg_zkw_done(struct lg_zkw *w);
/* On the home lane; w->opened, w->err. */
enum lg_rc lg_zkw_try_open(struct lg_zkw *w);
/* In the form of the contract: ctx is the world. */
struct lg_metastore *lg_zkw_open(void *ctx);
void lg_zkw_close(void *ctx, struct lg_metastore *session);
void lg_zkw_run_until(void *ctx, bool (*cond)(void *cond_ctx), void *cond_ctx);
/* Until the session is connected or not, with at least that epoch. */
void lg_zkw_await_state(struct lg_zkw *w, struct lg_metastore *session, bool connected,
                        uint64_t epoch);

/* --- Operations ----------------------------------------------------------------------------- */
struct lg_zkw_call {
    struct lg_meta_op op;
    struct lg_meta_change change;
    unsigned ended;
};

bool lg_zkw_call_is_done(void *call);
void lg_zkw_call_begin(struct lg_zkw *w, struct lg_metastore *session, struct lg_zkw_call *c);
/* Waits for its end; w->err is its sentence. */
enum lg_rc lg_zkw_call_run(struct lg_zkw *w, struct lg_metastore *session, struct lg_zkw_call *c);
/* A WRITE of one change. */
void lg_zkw_call_change(struct lg_zkw_call *c, enum lg_meta_change_kind kind, const char *path,
                        struct lg_slice value);
enum lg_rc lg_zkw_change(struct lg_zkw *w, struct lg_metastore *session,
                         enum lg_meta_change_kind kind, const char *path, const char *value);
enum lg_rc lg_zkw_put(struct lg_zkw *w, struct lg_metastore *session, const char *path,
                      const char *value);
/* GET or CHILDREN. The caller owns the text; NULL when there is no such node. */
char *lg_zkw_get(struct lg_zkw *w, struct lg_metastore *session, enum lg_meta_kind kind,
                 const char *path);
/* NULL: there is no such node. */
void lg_zkw_assert_value(struct lg_zkw *w, struct lg_metastore *session, const char *path,
                         const char *value);

/* --- Watches -------------------------------------------------------------------------------- */
struct lg_zkw_watcher {
    struct lg_meta_watch watch;
    struct lg_metastore *session;
    struct lg_task task;
    unsigned told, lost, lost_at; /* lost_at: how often `changed` had come before */
    unsigned want_told, want_lost;
    bool ending, closed;
    unsigned told_all;     /* how often all of it was named */
    const char *want_name; /* a path that is to be named, without all being so */
    bool is_named;
};

bool lg_zkw_is_named(void *watcher);
/* Told as often as is wanted. */
bool lg_zkw_is_told(void *watcher);
/* Waits until it has been told for the first time. */
void lg_zkw_watch(struct lg_zkw *w, struct lg_metastore *session, struct lg_zkw_watcher *x,
                  const char *path);
void lg_zkw_unwatch(struct lg_zkw *w, struct lg_zkw_watcher *x);
/* Until it has been told more than so often. */
void lg_zkw_await_told(struct lg_zkw *w, struct lg_zkw_watcher *x, unsigned before);

/* --- A client that is none of ours ---------------------------------------------------------- */
/* With the identity of another session, or NULL. */
zhandle_t *lg_zkw_stranger(const clientid_t *id);
void lg_zkw_stranger_creates(zhandle_t *zh, const struct lg_zkw *w, const char *path,
                             struct lg_slice value);

#endif
