/* One get; see the header. Owner: the lane that asks. */
#include "read/point_get.h"

#include "storage/chunk_reader.h"

static enum lg_rc read_value(struct lg_replica *r, struct lg_slice key, bool from_memory_only,
                             struct lg_value *out, struct lg_error *err)
{
    struct lg_error inner = {0};
    enum lg_rc rc;

    if (r == NULL)
        return lg_error_set(err, LG_ERR_UNREADY, "the replica is not serving yet; ask another");
    rc = lg_chunk_reader_get(r->engine, r->chunked, key, from_memory_only, &out->schema_id,
                             &out->payload, &inner);
    if (rc == LG_OK || rc == LG_ERR_NOT_FOUND || rc == LG_ERR_WOULD_BLOCK)
        return rc;
    return lg_error_set(err, rc, "replica %s/%u: %s", r->topic, r->partition, inner.text);
}

enum lg_rc lg_point_get_try(struct lg_replica *replica, struct lg_slice key, struct lg_value *out,
                            struct lg_error *err)
{
    return read_value(replica, key, /* from_memory_only= */ true, out, err);
}

enum lg_rc lg_point_get_now(struct lg_replica *replica, struct lg_slice key, struct lg_value *out,
                            struct lg_error *err)
{
    return read_value(replica, key, /* from_memory_only= */ false, out, err);
}

static void answered(struct lg_task *task)
{
    struct lg_point_get *get = LG_CONTAINER_OF(task, struct lg_point_get, task);

    get->done(get);
}

static void read_cold(struct lg_offload *offload)
{
    struct lg_point_get *get = LG_CONTAINER_OF(offload, struct lg_point_get, offload);
    bool in_time = lg_cold_wait_end(&get->wait);

    get->rc = in_time ? lg_point_get_now(get->replica, get->key, &get->value, &get->err)
                      : lg_cold_refused(&get->err);
    lg_cold_read_end(&get->wait, in_time ? 1 : 0);
}

static void cold_read_done(struct lg_offload *offload)
{
    struct lg_point_get *get = LG_CONTAINER_OF(offload, struct lg_point_get, offload);

    lg_replica_unref(get->replica);
    get->done(get);
}

void lg_point_get_submit(struct lg_point_get *get)
{
    get->wait = (struct lg_cold_wait){0};
    get->rc = lg_point_get_try(get->replica, get->key, &get->value, &get->err);
    if (get->rc == LG_ERR_WOULD_BLOCK &&
        !lg_cold_wait_begin(&get->wait, get->queue, get->lane, 1, /* goes_on= */ false))
        get->rc = lg_cold_refused(&get->err);
    if (get->rc == LG_ERR_WOULD_BLOCK) {
        (void)lg_replica_ref(get->replica);
        get->offload.work = read_cold;
        get->offload.done = cold_read_done;
        lg_offload(get->lane, &get->offload);
        return;
    }
    get->task.run = answered;
    lg_lane_post(get->lane, &get->task);
}
