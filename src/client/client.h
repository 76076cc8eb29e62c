/* A thin client: reads one store through its routers, as Venice's thin client does.
 *
 * Owned by one lane; everything here is called on it. liblagoon (src/lib) puts a thread and the
 * public functions round it.
 *
 *   submit ─▶ queued ─▶ the schemas are known, a connection is free ─▶ the stack of layers.h ─▶
 * done
 *
 * At most `connections` reads go down the stack at once; the rest wait here, where they cost
 * little. How many wait is the caller's to bound.
 */
#ifndef LG_CLIENT_CLIENT_H
#define LG_CLIENT_CLIENT_H

#include "avro/schema.h"
#include "base/option.h"
#include "fetch/layers.h"
#include "lane/sm.h"
#include "net/transport.h"

struct lg_client; /* Opaque. */
struct lg_client_flight;

struct lg_client_options {
#define X LG_OPTION_FIELD
#include "client/options.def"
#undef X
};
/* For lg_options_init, lg_option_set, lg_options_done. */
extern const struct lg_option_table lg_client_option_table;

enum lg_key_form {
    LG_KEY_AVRO, /* Avro bytes */
    LG_KEY_TEXT, /* avro/text.h */
    LG_KEY_JSON  /* JSON */
};

/* What was found under one key; borrowed for the callback. */
struct lg_client_found {
    struct lg_slice value;
    struct lg_schema *schema; /* of `value`: the reader's, or the writer's */
    int32_t schema_id;        /* the writer's */
    int32_t version;          /* 0: not told */
};

struct lg_client_read {
    /* What the caller fills; borrowed until done. */
    const struct lg_slice *keys;
    size_t key_count; /* at least 1 */
    enum lg_key_form form;
    bool single;         /* One key, asked as a single get. */
    uint64_t timeout_ms; /* 0: the option's */
    /* Once for each key with an outcome, as it comes and before done: LG_OK with `found`,
     * LG_ERR_NOT_FOUND, or why this value cannot be read, with a sentence. May be NULL. */
    void (*answered)(struct lg_client_read *read, size_t key_index, enum lg_rc rc,
                     const struct lg_client_found *found, const char *why);
    /* Once, on the lane, never from inside submit or cancel: err->rc is LG_OK when every key was
     * found or not found. The struct is the caller's again. */
    void (*done)(struct lg_client_read *read, const struct lg_error *err);

    /* client.c only. */
    struct lg_client *client;
    struct lg_list link;
    struct lg_sm sm;
    struct lg_timer timer;
    uint64_t deadline_us;
    struct lg_client_flight *flight;
    bool is_cancelled;
};

/* Checks the options and copies them. Nothing is asked yet. `lane` and `transport` outlive it.
 * LG_ERR_INVALID names the option that is missing or wrong; LG_ERR_SCHEMA for reader_schema. */
LG_MUST_CHECK enum lg_rc lg_client_new(const struct lg_client_options *options,
                                       struct lg_lane *lane, struct lg_transport *transport,
                                       struct lg_client **out, struct lg_error *err);
/* The options as they were given. */
const struct lg_client_options *lg_client_options(const struct lg_client *client);
const struct lg_fetch_counters *lg_client_counters(const struct lg_client *client);

/* The key's schema; NULL until it is known. Borrowed, for the client's life. */
struct lg_schema *lg_client_key_schema(const struct lg_client *client);

/* Reads the store's schemas, if they are not known; `ready` comes once, on the lane, never from
 * inside: within the option timeout_ms. One at a time. */
void lg_client_start(struct lg_client *client, void (*ready)(void *ctx, const struct lg_error *err),
                     void *ctx);

void lg_client_submit(struct lg_client *client, struct lg_client_read *read);
/* A wish; `done` still comes. Only between submit and done. */
void lg_client_cancel(struct lg_client_read *read);

/* Everything in flight ends with LG_ERR_CANCELLED, from inside; then `closed` comes once, not from
 * inside, and the client is gone. Nothing may be submitted any more. */
void lg_client_close(struct lg_client *client, void (*closed)(void *ctx), void *ctx);
/* Frees a client that was never started and got no read. NULL is allowed. */
void lg_client_free(struct lg_client *client);

#endif
