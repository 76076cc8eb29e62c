/* The Kafka driver under test: a lane, a driver on a broker of test/lib/kafka_server.h, operations
 * that are submitted from the lane and waited for. Runs on the test's own thread; every function
 * fails the test when it does not work.
 */
#ifndef LG_TEST_LIB_KAFKA_WORLD_H
#define LG_TEST_LIB_KAFKA_WORLD_H

#include "drivers/kafka/kafka.h"
#include "test/lib/log_env.h"

struct lg_kw {
    struct lg_log_env env;
    struct lg_kafka *k;
    bool closed; /* Written on the lane's thread: the test's own. */
};

void lg_kw_init(struct lg_kw *w, const char *servers, const struct lg_kafka_setting *settings,
                size_t n);
/* With a prefetch of its own (lg_kafka_options). */
void lg_kw_init_prefetch(struct lg_kw *w, const char *servers, unsigned prefetch_kbytes);
/* Closes the driver: fails when that hangs. */
void lg_kw_done(struct lg_kw *w);

struct lg_kw_call { /* `op` is the caller's to fill in, but for its lane and `done`. */
    struct lg_pubsub_op op;
    struct lg_task task;
    struct lg_kw *w;
    uint64_t deadline_ms; /* From its start; 0: the driver's. */
    bool cancel, done;
};

/* `c` stays where it is until lg_kw_finish. */
void lg_kw_start(struct lg_kw *w, struct lg_kw_call *c);
enum lg_rc lg_kw_finish(struct lg_kw *w, struct lg_kw_call *c);
enum lg_rc lg_kw_run(struct lg_kw *w, struct lg_kw_call *c);
/* A wish; lg_kw_finish still comes. */
void lg_kw_cancel(struct lg_kw *w, struct lg_kw_call *c);

void lg_kw_create(struct lg_kw *w, const char *topic, uint32_t partitions);
void lg_kw_create_with(struct lg_kw *w, const char *topic, uint32_t partitions,
                       const struct lg_pubsub_config *config);
void lg_kw_delete(struct lg_kw *w, const char *topic);
/* `n` records whose keys are the numbers from `from` on. */
struct lg_blob *lg_kw_numbered(unsigned from, unsigned n, size_t value_size);
/* Those, with small values, into partition 0. */
void lg_kw_produce(struct lg_kw *w, const char *topic, unsigned from, unsigned n);
void lg_kw_produce_blob(struct lg_kw *w, const char *topic, uint32_t partition,
                        struct lg_blob *blob);
unsigned lg_kw_number(struct lg_slice key);
/* Calls `each` for every record of the partition after the position; stops when nothing is left. */
void lg_kw_read_all(struct lg_kw *w, const char *topic, uint32_t partition,
                    struct lg_position after,
                    void (*each)(void *ctx, const struct lg_pubsub_record *r), void *ctx);
void lg_kw_each(const struct lg_blob *blob,
                void (*each)(void *ctx, const struct lg_pubsub_record *r), void *ctx);
/* For these: the key is the number at `ctx` (an unsigned), which grows by one. */
void lg_kw_expect_next(void *ctx, const struct lg_pubsub_record *r);

#endif
