/* Batch gets; see the header. */
#include "server/read_many.h"

#include <stdio.h>

#include "base/str.h"
#include "read/batch_get.h"
#include "read/wire.h"
#include "server/key_profiler.h"
#include "server/server.h"

struct lg_many { /* Of a batch that indexes do not answer alone; lives until its answer. */
    struct lg_batch_get get; /* The keys that they left. */
    struct lg_read_group *group;
    uint32_t asked;      /* keys, together */
    struct lg_buf body;  /* Records of what indexes knew. */
    uint32_t store;      /* on metrics */
    uint64_t arrived_us; /* while the disk is asked */
    void *user;
    void (*answered)(void *user, const struct lg_many_answer *answer);
    bool streaming, cancelled;
    enum lg_compression compression;
    int32_t *indexes; /* the request's keyIndex of each key of `get` */
    uint8_t *keys;    /* the request's body */
};

static void refuse(const struct lg_many_question *q, int status, const char *text)
{
    q->answered(q->user,
                &(struct lg_many_answer){.status = status, .text = text, .is_malformed = true});
}

static void answer(const struct lg_many_question *q, struct lg_slice body, size_t keys,
                   enum lg_compression compression)
{
    q->answered(q->user, &(struct lg_many_answer){.status = 200,
                                                  .text = "",
                                                  .body = body,
                                                  .streaming = q->streaming,
                                                  .keys = (uint32_t)keys,
                                                  .compression = compression});
}

/* --- From the engine ------------------------------------------------------------------------- */

static void many_free(struct lg_many *m)
{
    for (size_t i = 0; i < m->get.n; i++)
        lg_buf_done(&m->get.keys[i].value.payload);
    lg_buf_done(&m->body);
    lg_free(m->get.keys);
    lg_free(m->indexes);
    lg_free(m->keys);
    lg_free(m);
}

static void tell(struct lg_many *m)
{
    uint64_t bytes = m->get.bytes_before;
    struct lg_many_answer a = {.status = 200,
                               .text = "",
                               .streaming = m->streaming,
                               .keys = m->asked,
                               .compression = m->compression};

    for (size_t i = 0; i < m->get.n && a.status == 200; i++) {
        const struct lg_batch_get_key *key = &m->get.keys[i];

        lg_read_group_count_key(m->group, LG_READ_BATCH, key->rc);
        bytes += key->rc == LG_OK ? key->value.payload.size : 0;
        if (key->rc == LG_OK) {
            lg_wire_value_add(&m->body, &(struct lg_wire_value){m->indexes[i],
                                                                lg_buf_slice(&key->value.payload),
                                                                key->value.schema_id});
        } else if (key->rc == LG_ERR_NOT_FOUND) {
            if (m->streaming)
                lg_wire_missing_add(&m->body, m->indexes[i]);
        } else { /* A node has no footer to tell of one key: the whole request fails. */
            a.status = lg_rc_http(key->rc, /* is_post= */ true);
            a.text = key->err.text;
        }
    }
    if (a.status == 200)
        a.body = lg_buf_slice(&m->body);
    lg_read_group_count_batch(m->group, m->store, &m->get, m->get.n, a.status == 200 ? bytes : 0);
    m->answered(m->user, &a);
    many_free(m);
}

/* The answer is of no use; what was read counts. */
static void tell_instead(struct lg_many *m, const struct lg_many_answer *answer)
{
    size_t keys = 0;
    uint64_t bytes = m->get.bytes_before;

    for (size_t i = 0; i < m->get.n; i++) {
        const struct lg_batch_get_key *key = &m->get.keys[i];

        if (key->rc == LG_ERR_WOULD_BLOCK)
            continue;
        lg_read_group_count_key(m->group, LG_READ_BATCH, key->rc);
        bytes += key->rc == LG_OK ? key->value.payload.size : 0;
        keys++;
    }
    lg_read_group_count_batch(m->group, m->store, &m->get, keys, bytes);
    m->answered(m->user, answer);
    many_free(m);
}

static void came_from_disk(struct lg_batch_get *get)
{
    struct lg_many *m = LG_CONTAINER_OF(get, struct lg_many, get);
    struct lg_read_group *group = m->group;
    uint32_t store = m->store;
    uint64_t arrived_us = m->arrived_us;
    bool was_read = lg_read_gate_was_read(&get->wait, store, !m->cancelled);

    if (m->cancelled)
        tell_instead(m, &(struct lg_many_answer){.status = lg_rc_http(LG_ERR_CANCELLED, true),
                                                 .text = "nobody waits for the answer"});
    else if (was_read)
        tell(m);
    else
        tell_instead(m, &(struct lg_many_answer){.limit = LG_ERR_OVERLOADED,
                                                 .retry_after_ms = LG_READ_GATE_OVERLOAD_MS,
                                                 .text = ""});
    if (was_read)
        lg_read_group_back(group, store, arrived_us);
    lg_read_group_release(group);
}

static void *copy_of(const void *data, size_t size)
{
    void *copy = lg_alloc(size);

    memcpy(copy, data, size);
    return copy;
}

/* `n` keys of those that were asked for are left; values of `bytes` are in the body. */
static void read_engine(const struct lg_many_question *q, struct lg_read_scratch *s, size_t n,
                        size_t asked, size_t bytes)
{
    struct lg_many *m = lg_new(struct lg_many);

    m->group = q->group;
    m->user = q->user;
    m->store = lg_read_group_store(q->group);
    m->answered = q->answered;
    m->asked = (uint32_t)asked;
    m->body = s->body; /* Not copied: the scratch gets new memory. */
    s->body = (struct lg_buf){0};
    m->streaming = q->streaming;
    m->compression = s->gets[0].replica->compression;
    m->keys = copy_of(q->keys.data, q->keys.size);
    m->indexes = copy_of(s->indexes, n * sizeof s->indexes[0]);
    m->get.keys = lg_new_array(struct lg_batch_get_key, n);
    m->get.n = n;
    for (size_t i = 0; i < n; i++) {
        m->get.keys[i].replica = s->gets[i].replica;
        m->get.keys[i].key =
            lg_slice(m->keys + (s->gets[i].key.data - q->keys.data), s->gets[i].key.size);
    }
    m->get.lane = lg_read_group_lane(q->group);
    m->get.done = came_from_disk;
    m->get.bytes_max = LG_SERVER_ANSWER_BYTES_MAX;
    m->get.bytes_before = bytes;
    m->get.queue = lg_read_group_cold(q->group);
    if (lg_batch_get_try(&m->get)) {
        lg_read_group_count_read(q->group, LG_READ_BATCH, LG_READ_MEMORY);
        tell(m);
        return;
    }
    lg_read_group_count_read(q->group, LG_READ_BATCH, LG_READ_DISK);
    m->arrived_us = lg_read_group_away(q->group, m->store);
    lg_read_group_hold(q->group);
    lg_batch_get_submit(&m->get);
    q->waits(q->user, m);
}

void lg_read_many_cancel(struct lg_many *m)
{
    m->cancelled = true;
    lg_batch_get_cancel(&m->get);
}

/* --- From indexes ---------------------------------------------------------------------------- */

/* Records of what they know, which is not copied but into the answer. What is left comes to the
 * front: what they do not know, and what would be too much, which the engine finds, too. */
static size_t read_indexes(const struct lg_many_question *q, struct lg_read_scratch *s, size_t n,
                           size_t *out_bytes)
{
    size_t bytes = 0, left = 0;

    lg_hot_get(s->gets, n);
    for (size_t i = 0; i < n; i++) {
        const struct lg_hot_get *get = &s->gets[i];

        if (LG_LIKELY(get->rc == LG_OK &&
                      bytes + get->payload.size <= LG_SERVER_ANSWER_BYTES_MAX)) {
            lg_wire_value_add(&s->body,
                              &(struct lg_wire_value){s->indexes[i], get->payload, get->schema_id});
            bytes += get->payload.size;
        } else if (get->rc != LG_ERR_NOT_FOUND) {
            s->indexes[left] = s->indexes[i];
            s->gets[left++] = *get;
            continue;
        } else if (q->streaming) {
            lg_wire_missing_add(&s->body, s->indexes[i]);
        }
        lg_read_group_count_key(q->group, LG_READ_BATCH, get->rc);
    }
    *out_bytes = bytes;
    return left;
}

static void read_keys(const struct lg_many_question *q, struct lg_read_scratch *s, size_t n)
{
    size_t bytes = 0, left = read_indexes(q, s, n, &bytes);

    if (left < n)
        lg_read_group_count_store(q->group, lg_read_group_store(q->group), LG_READ_INDEX,
                                  (uint32_t)(n - left), left == 0 ? bytes : 0);
    if (left > 0) { /* Bytes count when they are answered. */
        read_engine(q, s, left, n, bytes);
        return;
    }
    lg_read_group_count_read(q->group, LG_READ_BATCH, LG_READ_INDEX);
    answer(q, lg_buf_slice(&s->body), n, s->gets[0].replica->compression);
}

/* Reads the keys of the body. Unless LG_OK the question was refused; LG_ERR_UNREADY: `*out_found`
 * says why. */
static enum lg_rc take_keys(const struct lg_many_question *q, struct lg_read_scratch *s,
                            size_t *out_n, enum lg_replica_found *out_found)
{
    const struct lg_serving_topic *topic = lg_serving_topic(q->serving, q->topic);
    struct lg_decoder d = lg_decoder_of(q->keys);
    bool profiled = lg_key_profiler_runs(q->profiler);
    struct lg_wire_key key;
    struct lg_error err = {0};
    bool end = false;
    size_t n = 0;

    while (lg_wire_key_next(&d, &key, &end, &err) == LG_OK && !end) {
        enum lg_replica_found found = LG_REPLICA_NOT_OURS;

        if (n == s->room) { /* It has room for as many as there may be. */
            char text[64];

            (void)snprintf(text, sizeof text, "more than %u keys (limit server_batch_keys)",
                           LG_SERVER_BATCH_KEYS_MAX);
            refuse(q, 413, text);
            return LG_ERR_TOO_LARGE;
        }
        if (topic != NULL) /* A negative one is of no topic either. */
            found = lg_serving_partition(topic, (uint32_t)key.partition, &s->gets[n].replica);
        if (found != LG_REPLICA_SERVING) {
            *out_found = found;
            return LG_ERR_UNREADY;
        }
        if (LG_UNLIKELY(profiled))
            lg_key_profiler_record(q->profiler, q->topic, (uint32_t)key.partition, key.key);
        s->gets[n].key = key.key;
        s->indexes[n++] = key.index;
    }
    if (err.rc != LG_OK) {
        LG_AUTO_STR char *text =
            lg_strf("the body is no list of MultiGetRouterRequestKeyV1: %s", err.text);

        refuse(q, 400, text);
        return err.rc;
    }
    *out_n = n;
    return LG_OK;
}

/* False: the question was refused. */
static bool is_let_in(const struct lg_many_question *q, size_t n)
{
    struct lg_many_answer a = {.text = ""};

    a.limit = lg_read_group_admit(q->group, lg_serving_topic(q->serving, q->topic), (uint32_t)n,
                                  q->is_retry, &a.retry_after_ms);
    if (a.limit != LG_OK)
        q->answered(q->user, &a);
    return a.limit == LG_OK;
}

enum lg_replica_found lg_read_many(const struct lg_many_question *q)
{
    struct lg_read_scratch *s;
    enum lg_replica_found found = LG_REPLICA_SERVING;
    struct lg_replica *any;
    size_t n = 0;

    lg_read_group_enter(q->group);
    /* No key is shorter than three bytes: its index, its length, its partition. */
    s = lg_read_group_scratch(q->group,
                              LG_MIN(q->keys.size / 3 + 1, (size_t)LG_SERVER_BATCH_KEYS_MAX));
    if (take_keys(q, s, &n, &found) != LG_OK)
        return found;
    if (n == 0) { /* No key has told. */
        found = lg_serving_find_any(q->serving, q->topic, &any);
        if (found == LG_REPLICA_SERVING)
            answer(q, LG_SLICE_NULL, 0, any->compression);
    } else if (is_let_in(q, n)) {
        read_keys(q, s, n);
    }
    return found;
}
