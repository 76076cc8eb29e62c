/* What every role does around its work: options from all layers, log, signals, systemd.
 *
 *   SIGTERM, SIGINT   /readyz says 503 for shutdown_grace while reads go on; then the role stops,
 *                     exit 0. Another one ends the grace, one more the process. shutdown_timeout
 *                     bounds all of it. Before a role is ready the process
 *                     ends at once, exit 0.
 *   SIGHUP            reads the configuration again; opens the log file anew.
 *
 * Runs on the main thread, on a signal lane while the role works on lanes of its own.
 */
#ifndef LG_MAIN_RUN_H
#define LG_MAIN_RUN_H

#include "main/role.h"
#include "main/stage.h"
#include "net/http2.h"

struct lg_authz_config;
struct lg_stage;
struct lg_run; /* Opaque: a role that runs. */

struct lg_run_ops {
    /* Blocks until it is ready. `values` are checked and stay until stop. */
    enum lg_rc (*start)(struct lg_run *run, const void *values, void **out, struct lg_error *err);
    /* It is ready, and signals stop it cleanly: others may be told. May be NULL. */
    enum lg_rc (*announce)(void *running, struct lg_error *err);
    /* "controller=5555 router=7777": what the log says when it is ready. */
    void (*describe)(const void *running, struct lg_buf *out);
    void (*stop)(void *running);
    /* What it stands on, for what SIGHUP has to tell it. */
    struct lg_stage *(*stage)(void *running);
};

/* The role cannot go on: it is stopped, and the process ends with this error. Once, from any lane,
 * between the end of start and the end of stop. */
void lg_run_fail(struct lg_run *run, const struct lg_error *err);

/* Who says who may do what; NULL: nobody is asked. For the start of what it runs. */
const struct lg_authz_config *lg_run_authz(const struct lg_run *run);

/* The verb of a role; the exit status. */
int lg_run(const struct lg_role *role, const struct lg_run_ops *ops,
           const struct lg_command *command);
/* What a process may take: what was asked for, or nine tenths of what there is. 0: not known. */
uint64_t lg_run_memory_limit(const struct lg_common_options *o);
/* What the block cache gets of it. Logs when that is less than was asked for. */
uint64_t lg_run_block_cache(const struct lg_common_options *o, uint64_t asked_bytes);
/* The engine of HTTP/2 (net/http_server.h) of this name: "own" or "nghttp2". */
struct lg_h2 *(*lg_run_http2(const char *engine))(const struct lg_h2_options *options);
/* How reads are answered, of options that were checked: `threads` 0 is one per processor. */
struct lg_stage_reading lg_run_reading(uint32_t threads, const char *cpus, const char *driver,
                                       uint32_t spin_us);
/* The same for the read indexes. */
uint64_t lg_run_read_index(const struct lg_common_options *o, uint64_t asked_bytes);

#endif
