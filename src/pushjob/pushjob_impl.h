/* The insides of a push, shared by pushjob.c (store and files) and pushjob_version.c (the version,
 * until it is served). Nothing outside of pushjob/ includes this.
 */
#ifndef LG_PUSHJOB_PUSHJOB_IMPL_H
#define LG_PUSHJOB_PUSHJOB_IMPL_H

#include "api/serving_wait.h"
#include "base/vec.h"
#include "lane/sm.h"
#include "pushjob/gather.h"
#include "pushjob/pushjob.h"
#include "pushjob/spread.h"

#define LG_PUSHJOB_CALL_TIMEOUT_MS 30000u

struct lg_pushjob {
    struct lg_pushjob_options o;
    struct lg_push_outcome outcome;
    struct lg_sm sm;
    uint64_t deadline_us;
    bool cancelled;

    struct lg_http_client *http;
    struct lg_api_client *api;
    struct lg_api_call call;      /* One at a time: the main thread of the push. */
    struct lg_api_call heartbeat; /* Beside it. */
    bool heartbeat_open;
    struct lg_timer heartbeat_timer, poll_timer;

    struct lg_schema *key_schema;
    LG_VEC(struct lg_schema *) value_schemas; /* the store's, the latest first */
    LG_VEC(int32_t) value_ids;                /* their ids */
    const struct lg_schema *value_schema;     /* the one that the values are written with */
    bool creates; /* The store is not there; it is made once the file has proved to be good. */
    char *new_key, *new_value; /* Its schemas, then. */
    int32_t schema_id;
    struct lg_input *input;
    struct lg_packer *packer; /* since reading began; NULL for an empty push */
    struct lg_gather *gather; /* under way */
    struct lg_rows *rows;     /* Settled. */
    char *temp_name;
    uint64_t *partition_records; /* of a dry run */
    struct lg_rows *before;      /* Being spread over another number of partitions. */
    struct lg_rows_stream *before_stream;
    uint32_t before_partition;
    struct lg_offload offload;
    struct lg_error offload_err; /* What the pool thread found; rc LG_OK: nothing. */
    struct lg_buf parameter;     /* A long value of a call. */

    char *topic;
    struct lg_pubsub *log;
    struct lg_spread *spread;
    bool spread_open;
    struct lg_error held_up; /* why the controller could not do what is asked for; LG_OK: nothing */

    struct lg_serving_wait serving;
    bool serving_open;
    uint64_t written; /* records that the log acknowledged */
    struct lg_task finish;
};

/* --- pushjob.c -------------------------------------------------------------------------------- */

void lg_pushjob_tell(struct lg_pushjob *job, uint64_t done, uint64_t total);
void lg_pushjob_enter(struct lg_pushjob *job, enum lg_push_phase phase);
/* Begins a call: the answer before is forgotten, the store is named. */
void lg_pushjob_prepare(struct lg_pushjob *job);
void lg_pushjob_with(struct lg_pushjob *job, const char *name, const char *value);
void lg_pushjob_with_number(struct lg_pushjob *job, const char *name, int64_t value);
void lg_pushjob_ask(struct lg_pushjob *job, enum lg_api_route route,
                    void (*done)(struct lg_api_call *));
/* LG_ERR_CONFLICT: the values were made ready for a version of another shape. */
enum lg_rc lg_pushjob_shape_changed(const struct lg_pushjob *job, struct lg_error *err);
/* True when the call (may be NULL) failed or the push was cancelled: then the job is on its way to
 * its end. */
bool lg_pushjob_went_wrong(struct lg_pushjob *job, const struct lg_api_call *call);
void lg_pushjob_end(struct lg_pushjob *job);
/* The end, after the last heartbeat came back. */
void lg_pushjob_finish(struct lg_task *task);

/* --- pushjob_version.c ------------------------------------------------------------------------ */

/* All rows are there: asks for a version, and goes on from there. */
void lg_pushjob_request(struct lg_pushjob *job);
/* The push fails: its version, if it has one or may have one, is dropped first. */
void lg_pushjob_fail(struct lg_pushjob *job, const struct lg_error *err);

#endif
