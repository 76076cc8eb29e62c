/* `lagoon bench`: what is asked (a plan), and what was seen. Requests are sent at times that are
 * fixed beforehand (base/schedule.h), and their latency counts from then.
 *
 *   command line ─▶ plan ─▶ one generator per lane (bench_load.h) ─▶ seen, merged ─▶ report
 *
 * A plan is immutable while generators run, and read by all of them. `seen` has one writer, its
 * generator, and may be read meanwhile, but for the texts of errors.
 */
#ifndef LG_ADMIN_BENCH_H
#define LG_ADMIN_BENCH_H

#include "admin/admin.h"
#include "avro/schema.h"
#include "base/hiccup.h"
#include "base/schedule.h"
#include "base/vec.h"
#include "lane/shared.h"

enum lg_bench_kind { LG_BENCH_GET, LG_BENCH_BATCH, LG_BENCH_STREAM };
enum lg_bench_protocol { LG_BENCH_GRPC, LG_BENCH_REST };
enum lg_bench_error {
#define X(id, name, text) LG_BENCH_##id,
#include "admin/bench_errors.def"
#undef X
    LG_BENCH_ERRORS
};
const char *lg_bench_error_name(enum lg_bench_error e); /* "quota" */
const char *lg_bench_error_text(enum lg_bench_error e); /* "over the store's read quota" */

#define LG_BENCH_KEYS_MAX ((size_t)50000000)
#define LG_BENCH_KEY_BYTES_MAX ((size_t)1 << 30) /* of all keys */
#define LG_BENCH_BATCH_MAX 10000u
#define LG_BENCH_TARGETS_MAX 256u
#define LG_BENCH_CONNECTIONS_MAX 1024u
#define LG_BENCH_IN_FLIGHT_MAX 1000u
#define LG_BENCH_THREADS_MAX 64u

struct lg_bench_key {
    uint32_t at, size; /* in the plan's key_bytes */
    uint32_t partition;
};

struct lg_bench_target { /* A server, with the keys it has; or a router, with all. */
    char *host;
    uint16_t port;
    LG_VEC(uint32_t) keys; /* numbers of keys */
};

struct lg_bench_plan {
    enum lg_bench_kind kind;
    enum lg_bench_protocol protocol;
    bool through_router;
    char *store;
    uint32_t version, partitions; /* 0 through a router */
    struct lg_buf key_bytes;      /* Avro */
    LG_VEC(struct lg_bench_key) keys;
    LG_VEC(struct lg_bench_target) targets;
    LG_VEC(uint32_t)
    places; /* partition * places_each + i: a target that has it, UINT32_MAX: none */
    uint32_t places_each;
    enum lg_schedule_kind arrivals;
    double rate; /* requests per second */
    uint64_t duration_ms, warm_up_ms, timeout_ms;
    uint32_t connections, in_flight, threads, batch;
    uint64_t seed;
    uint64_t bar_ns; /* 0: none */
    double share;    /* of the bar; 0: the highest that there are enough answers for */
};
void lg_bench_plan_done(struct lg_bench_plan *p);
LG_DEFINE_SCOPED(lg_bench_plan, lg_bench_plan_done)

static inline struct lg_slice lg_bench_key_bytes(const struct lg_bench_plan *p, uint32_t key)
{
    return lg_slice(p->key_bytes.data + p->keys.data[key].at, p->keys.data[key].size);
}

/* Reads the flags, and asks the controller for what they do not say: version, partitions, key
 * schema, servers. `out` is {0}. Flags are checked before anybody is asked: with `a` NULL only
 * that. LG_ERR_INVALID names the flag; LG_ERR_NOT_FOUND, LG_ERR_UNREADY: nothing to read. */
LG_MUST_CHECK enum lg_rc lg_bench_plan_make(struct lg_admin *a, const struct lg_command *c,
                                            struct lg_bench_plan *out, struct lg_error *err);
/* The flags say all: no controller is needed. */
bool lg_bench_plan_knows_all(const struct lg_command *c);
/* The keys of the plan: `lines` has one a line, as text (avro/text.h). LG_ERR_INVALID names the
 * line. */
LG_MUST_CHECK enum lg_rc lg_bench_plan_add_lines(struct lg_bench_plan *p,
                                                 const struct lg_schema *schema,
                                                 struct lg_slice lines, struct lg_error *err);
/* Numbers from..to behind a prefix, as text. */
LG_MUST_CHECK enum lg_rc lg_bench_plan_add_numbers(struct lg_bench_plan *p,
                                                   const struct lg_schema *schema,
                                                   const char *prefix, uint64_t from, uint64_t to,
                                                   struct lg_error *err);
/* Once keys, targets and places are there: which keys each target has. LG_ERR_UNREADY: no server
 * has a partition of a key. */
LG_MUST_CHECK enum lg_rc lg_bench_plan_spread(struct lg_bench_plan *p, struct lg_error *err);

#define LG_BENCH_EXAMPLE_BYTES 160

struct lg_bench_seen {
    struct lg_schedule_seen
        times;         /* late: by the generator alone, before anything was waited for */
    uint64_t intended; /* requests whose time has come */
    uint64_t answered;
    uint64_t keys_found, keys_missing, value_bytes;
    uint64_t errors[LG_BENCH_ERRORS]; /* requests that were not answered, by why */
    /* What the other side said with the first of each; the generator's until it has ended. */
    char example[LG_BENCH_ERRORS][LG_BENCH_EXAMPLE_BYTES];
};
uint64_t lg_bench_errors(const struct lg_bench_seen *seen); /* all of them */
/* By the writer. */
static inline void lg_bench_count(uint64_t *counter, uint64_t n)
{
    lg_word_store(counter, *counter + n);
}
/* Adds `from`, which may be written meanwhile, to `into`; texts only once it has ended. */
void lg_bench_seen_merge(struct lg_bench_seen *into, const struct lg_bench_seen *from,
                         bool has_ended);

struct lg_bench_run { /* What a report is made of. */
    const struct lg_bench_plan *plan;
    const struct lg_bench_seen *seen;
    const struct lg_hiccup *hiccup;
    uint64_t elapsed_ns; /* without the warm-up */
    uint64_t cpu_ns;     /* that the generators' process used meanwhile */
    bool interrupted;
};
struct lg_bench_verdict {
    enum lg_verdict verdict; /* PASS also without a bar */
    double share;            /* that was judged */
    bool client_behind;      /* The generators were late themselves. */
    struct lg_error why;
};
void lg_bench_judge(const struct lg_bench_run *run, struct lg_bench_verdict *out);
/* Appends the report as --output says. LG_OK; LG_ERR_FAILED: the bar is passed or requests failed;
 * LG_ERR_BUSY: the run is void. */
LG_MUST_CHECK enum lg_rc lg_bench_report(const struct lg_bench_run *run, enum lg_output output,
                                         bool compact, struct lg_buf *out, struct lg_error *err);
/* A line of what the last `interval_ns` saw: `now` is the whole, `before` the whole at its
 * beginning. */
void lg_bench_progress(struct lg_buf *out, const struct lg_bench_seen *now,
                       const struct lg_bench_seen *before, uint64_t elapsed_ns,
                       uint64_t interval_ns);

#endif
