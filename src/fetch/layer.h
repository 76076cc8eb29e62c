/* Reads flow down a stack of layers; answers come back by `done`.
 *
 * A read is one or many keys of one version of one store; it is pinned to that version for its
 * whole life. A stack is a NULL-terminated list of layers (stack.h); each layer may answer, change,
 * split, repeat or pass on what it gets. All layers of a stack run on one lane.
 */
#ifndef LG_FETCH_LAYER_H
#define LG_FETCH_LAYER_H

#include "base/arena.h"
#include "lane/lane.h"
#include "model/enums.h"

struct lg_layer;
struct lg_host;

#define LG_READ_KEYS_MAX 5000u
#define LG_READ_TRIES_MAX 4u

/* One key and, once its read is settled, what was found. */
struct lg_read_key {
    struct lg_slice key; /* Avro bytes; borrowed until done. */
    uint32_t partition;
    uint32_t index; /* The caller's; layers keep it. */
    /* LG_OK, LG_ERR_NOT_FOUND, or why this key has no answer. */
    enum lg_rc rc;
    int32_t schema_id;
    struct lg_slice value;           /* In the read's arena. */
    enum lg_compression compression; /* Of `value`. */
    int32_t version; /* Of the data set it was read from, when a router says so; else 0. */
};

struct lg_read {
    /* What the submitter fills; borrowed until done. */
    const char *topic;         /* "cities_v3" */
    struct lg_read_key **keys; /* Pointers, so that parts of a read share keys with the whole. */
    size_t key_count;          /* 1 to LG_READ_KEYS_MAX */
    bool single;               /* Asked as a single get. */
    bool again;                /* Some of its keys were asked of a server before, in other parts. */
    /* The highest compression strategy that the asker undoes itself: values of a lower or equal one
     * come as they are stored. ZSTD_WITH_DICT always comes decompressed. */
    enum lg_compression accepts;
    struct lg_arena *arena; /* Where values and parts are made. */
    uint64_t deadline_us;   /* Absolute lane time; layers only ever shorten it. */
    void (*done)(struct lg_read *read);
    /* May be NULL. Where answers come in pieces: a key has its outcome, before the read ends. It
     * may come again for the same key, when the read is tried again. */
    void (*key_answered)(void *key_ctx, struct lg_read_key *key);
    void *key_ctx;
    /* May be NULL. True once nobody wants the answer any more: nothing more is asked then, and the
     * read ends when what is on its way has come. */
    const bool *gone;

    /* LG_OK when every key is answered (found or not found); else the first error of a key. */
    enum lg_rc rc;
    struct lg_error err;
    /* When the server that refused it wants to be asked again. 0: it did not say;
     * LG_QUOTA_NEVER_MS: not for so much at once. Of several servers the longest. */
    uint32_t retry_after_ms;

    /* Layers only. */
    /* Retry hands up whom not to ask once more: those that were overloaded. */
    const struct lg_host *tried[LG_READ_TRIES_MAX];
    unsigned tries;
    struct lg_host *host; /* Chosen by route (or beforehand by scatter), used by send. */
    struct lg_task task;  /* For answers that must not come from inside submit. */
    uint64_t sent_us;     /* When send asked `host`. */
    /* Send's, while the host is asked; else NULL. A wish: done still comes, soon. */
    void (*cancel)(struct lg_read *read);
    void *cancel_ctx;
};

struct lg_layer_ops {
    const char *name;
    void (*submit)(struct lg_layer *layer, struct lg_read *read);
};

struct lg_layer {
    const struct lg_layer_ops *ops;
    struct lg_layer *below; /* NULL for the lowest. */
    struct lg_lane *lane;
};

/* `read->done` follows, on the layer's lane, never from inside this call. */
static inline void lg_layer_submit(struct lg_layer *layer, struct lg_read *read)
{
    layer->ops->submit(layer, read);
}

/* Asks the layers below to give the read up; done still comes, never from inside this call. What is
 * not on its way to a host ends by itself. */
static inline void lg_read_cancel(struct lg_read *read)
{
    if (read->cancel != NULL)
        read->cancel(read);
}

/* Does somebody still want its answer? */
static inline bool lg_read_is_wanted(const struct lg_read *read)
{
    return read->gone == NULL || !*read->gone;
}
/* Ends a read from inside a callback: its keys have their codes. */
void lg_read_settle(struct lg_read *read);
/* Gives every unanswered key this code and sentence, and ends the read on the lane's next turn: for
 * use inside submit. */
void lg_read_fail_later(struct lg_layer *layer, struct lg_read *read, enum lg_rc rc,
                        const char *fmt, ...) LG_PRINTF(4, 5);
/* Gives every key `rc` and the read `err`; does not call done. */
void lg_read_fail(struct lg_read *read, const struct lg_error *err);
/* Sets read->rc from its keys: LG_OK, or the first error. */
void lg_read_sum_up(struct lg_read *read);

#endif
