/* Many gets in one; see the header. Owner: the lane that asks. */
#include "read/batch_get.h"

static void too_many(const struct lg_batch_get *get, struct lg_batch_get_key *k)
{
    k->rc = lg_error_set(
        &k->err, LG_ERR_TOO_LARGE,
        "the values are over %zu bytes together (limit batch_bytes); ask for fewer keys at "
        "once",
        get->bytes_max);
}

/* Counts a value that was read; drops it when it is too much, and then nothing more is read. */
static void count(struct lg_batch_get *get, struct lg_batch_get_key *k)
{
    if (k->rc != LG_OK)
        return;
    get->bytes += k->value.payload.size;
    if (get->bytes_max == 0 || get->bytes <= get->bytes_max)
        return;
    get->is_full = true;
    lg_buf_done(&k->value.payload);
    too_many(get, k);
}

/* This one and what is left of the others would go to the pool, and will be refused. */
static bool is_refused_from(const struct lg_batch_get *get, size_t i)
{
    return !get->goes_on && !lg_cold_queue_has_room(get->queue, get->lane, get->n - i);
}

bool lg_batch_get_try(struct lg_batch_get *get)
{
    bool is_refused = false; /* Then nothing more needs to be looked for. */

    assert(get->n <= LG_BATCH_GET_KEYS_MAX);
    get->cold = 0;
    get->bytes = get->bytes_before;
    get->is_full = false;
    get->cancelled = (struct lg_flag){0};
    for (size_t i = 0; i < get->n; i++) {
        struct lg_batch_get_key *k = &get->keys[i];

        /* Past the limit a key goes to the pool unread, unless it needs no reading. */
        k->rc = (i < LG_BATCH_GET_INLINE_MAX && !is_refused && !lg_batch_get_has_enough(get)) ||
                        k->replica == NULL
                    ? lg_point_get_try(k->replica, k->key, &k->value, &k->err)
                    : LG_ERR_WOULD_BLOCK;
        count(get, k);
        if (k->rc == LG_ERR_WOULD_BLOCK && get->cold++ == 0)
            is_refused = is_refused_from(get, i);
    }
    return get->cold == 0;
}

/* How many it has read. */
static size_t read_keys(struct lg_batch_get *get)
{
    size_t n = 0;

    for (size_t i = 0; i < get->n; i++) {
        struct lg_batch_get_key *k = &get->keys[i];

        if (k->rc != LG_ERR_WOULD_BLOCK)
            continue;
        if (lg_batch_get_has_enough(get) || lg_flag_is_raised(&get->cancelled))
            break;
        if (get->is_full) {
            too_many(get, k);
            continue;
        }
        k->rc = lg_point_get_now(k->replica, k->key, &k->value, &k->err);
        count(get, k);
        n++;
    }
    return n;
}

static void read_cold(struct lg_offload *offload)
{
    struct lg_batch_get *get = LG_CONTAINER_OF(offload, struct lg_batch_get, offload);
    bool in_time = lg_cold_wait_end(&get->wait);

    lg_cold_read_end(&get->wait, in_time ? read_keys(get) : 0);
}

static void end(struct lg_batch_get *get)
{
    for (size_t i = 0; i < get->n; i++)
        lg_replica_unref(LG_TAKE(get->keys[i].replica));
    get->done(get);
}

static void cold_reads_done(struct lg_offload *offload)
{
    end(LG_CONTAINER_OF(offload, struct lg_batch_get, offload));
}

static void refused(struct lg_task *task)
{
    end(LG_CONTAINER_OF(task, struct lg_batch_get, task));
}

void lg_batch_get_cancel(struct lg_batch_get *get)
{
    (void)lg_flag_raise(&get->cancelled);
}

void lg_batch_get_submit(struct lg_batch_get *get)
{
    assert(get->cold > 0 && "lg_batch_get_try comes first, and may have answered everything");
    for (size_t i = 0; i < get->n; i++)
        if (get->keys[i].replica != NULL)
            (void)lg_replica_ref(get->keys[i].replica);
    if (!lg_cold_wait_begin(&get->wait, get->queue, get->lane, get->cold, get->goes_on)) {
        get->task.run = refused;
        lg_lane_post(get->lane, &get->task);
        return;
    }
    get->offload.work = read_cold;
    get->offload.done = cold_reads_done;
    lg_offload(get->lane, &get->offload);
}
