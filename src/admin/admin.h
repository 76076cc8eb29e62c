/* The verbs that operators type, but for `push` and `standalone`: each is one function that asks
 * the controller or a router and writes its answer.
 *
 * A verb runs on the caller's lane as straight-line code: it submits a call and waits for it
 * through `wait`, which runs the lane. Output goes to a buffer; the caller prints it.
 */
#ifndef LG_ADMIN_ADMIN_H
#define LG_ADMIN_ADMIN_H

#include "admin/command.h"
#include "api/api_client.h"

enum lg_output { LG_OUTPUT_TABLE, LG_OUTPUT_JSON, LG_OUTPUT_NDJSON };

/* One key of a get; key and value as JSON text, owned by whoever asked. */
struct lg_admin_read_key {
    struct lg_buf key, value;
    bool found;
    int32_t version; /* that it was read from; 0: not told */
};

enum lg_admin_line {
    LG_ADMIN_LINE_READ,
    LG_ADMIN_LINE_NOT_YET, /* Nothing is there, and it was not to wait. */
    LG_ADMIN_LINE_NONE     /* The input has ended. */
};

enum lg_admin_confirm { LG_ADMIN_CONFIRMED, LG_ADMIN_DENIED, LG_ADMIN_NO_TERMINAL };

struct lg_admin {
    struct lg_lane *lane;
    struct lg_http_client *http;
    struct lg_api_client *api;
    const char *router_url;
    enum lg_output output;
    bool compact; /* JSON on one line: of --compact; lg_admin_run sets it. */
    uint64_t timeout_ms;
    struct lg_buf *out;
    bool terminal; /* What it says goes to a screen that can be painted anew. */
    /* Shows what stands in `out` and empties it, for verbs that go on: false when nobody reads it
     * any more. May be NULL: then everything is shown at the end. */
    bool (*flush)(void *ctx, struct lg_buf *out);
    /* Tells people something beside the output. May be NULL. */
    void (*note)(void *ctx, const char *text);
    /* Runs the lane until `wake` was called. */
    void (*wait)(void *ctx);
    void (*wake)(void *ctx);
    /* The whole content of a user's file into `out`. */
    enum lg_rc (*read_file)(void *ctx, const char *path, struct lg_buf *out, struct lg_error *err);
    /* Shows the question and has `answer` repeated. May be NULL: there is no terminal. */
    enum lg_admin_confirm (*confirm)(void *ctx, const char *question, const char *answer);
    /* Opens a store for read_keys: the client library. `reader_schema` may be NULL. */
    enum lg_rc (*open_store)(void *ctx, const char *store, const char *reader_schema,
                             struct lg_error *err);
    /* Reads keys in text (avro/text.h), all in one request, into out[0..n), which is zeroed.
     * LG_ERR_INVALID when one is no key, LG_ERR_TOO_LARGE when they are too many at once. */
    enum lg_rc (*read_keys)(void *ctx, const struct lg_slice *keys, size_t n,
                            struct lg_admin_read_key *out, struct lg_error *err);
    /* Appends a line of standard input without its end. */
    enum lg_rc (*read_line)(void *ctx, size_t bytes_max, bool wait, struct lg_buf *out,
                            enum lg_admin_line *out_got, struct lg_error *err);
    void *ctx;
};

/* LG_ERR_INVALID names the formats there are. NULL: table. */
LG_MUST_CHECK enum lg_rc lg_admin_parse_output(const char *text, enum lg_output *out,
                                               struct lg_error *err);

/* Runs the command: a row of commands.def whose runner is `admin`. What it says is in
 * admin->out, also when some keys of a get were not found: then LG_ERR_NOT_FOUND. */
LG_MUST_CHECK enum lg_rc lg_admin_run(struct lg_admin *admin, const struct lg_command *command,
                                      struct lg_error *err);

/* --- For the files of this folder. -------------------------------------------------------------
 */

/* One call with its deadline, waited for. The caller frees it with lg_api_call_done. */
LG_MUST_CHECK enum lg_rc lg_admin_call(struct lg_admin *admin, enum lg_api_route route,
                                       struct lg_api_call *call, struct lg_error *err);
/* Lets time pass. */
void lg_admin_pause(struct lg_admin *admin, uint64_t ms);
/* Waits until every live router serves the version of a store; at once with --no-wait. Errors as of
 * api/serving_wait.h. */
LG_MUST_CHECK enum lg_rc lg_admin_until_served(struct lg_admin *admin,
                                               const struct lg_command *command, const char *store,
                                               int32_t version, struct lg_error *err);
/* The text of a value schema of the store, NUL-terminated: by number, or "latest" or "superset".
 * LG_ERR_NO_SCHEMA says where they are listed. */
LG_MUST_CHECK enum lg_rc lg_admin_reader_schema(struct lg_admin *admin, const char *store,
                                                const char *which, struct lg_buf *out,
                                                struct lg_error *err);
/* Before a change that hurts: nothing is asked with --yes; whoever types at a terminal repeats
 * `answer`; a script is told to add --yes. LG_ERR_CANCELLED, LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_admin_may_change(struct lg_admin *admin,
                                             const struct lg_command *command, const char *question,
                                             const char *answer, struct lg_error *err);
/* Runs `show`; with --watch again and again, as often as --interval says, until nobody reads it any
 * more or it fails. */
LG_MUST_CHECK enum lg_rc lg_admin_watch(struct lg_admin *admin, const struct lg_command *command,
                                        enum lg_rc (*show)(struct lg_admin *a,
                                                           const struct lg_command *c,
                                                           struct lg_error *err),
                                        struct lg_error *err);
/* The JSON of an answer, as --output asks for JSON. */
void lg_admin_print_json(struct lg_admin *admin, const struct lg_json *json);

LG_MUST_CHECK enum lg_rc lg_admin_store_create(struct lg_admin *a, const struct lg_command *c,
                                               struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_store_update(struct lg_admin *a, const struct lg_command *c,
                                               struct lg_error *err);
/* A line for each setting in a StoreInfo. */
void lg_admin_print_settings(struct lg_admin *a, const struct lg_json *info);
LG_MUST_CHECK enum lg_rc lg_admin_acl_show(struct lg_admin *a, const struct lg_command *c,
                                           struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_acl_change(struct lg_admin *a, const struct lg_command *c,
                                             struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_acl_clear(struct lg_admin *a, const struct lg_command *c,
                                            struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_store_delete(struct lg_admin *a, const struct lg_command *c,
                                               struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_store_undelete(struct lg_admin *a, const struct lg_command *c,
                                                 struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_store_purge(struct lg_admin *a, const struct lg_command *c,
                                              struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_list_deleted(struct lg_admin *a, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_schema_add(struct lg_admin *a, const struct lg_command *c,
                                             struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_schema_list(struct lg_admin *a, const struct lg_command *c,
                                              struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_schema_show(struct lg_admin *a, const struct lg_command *c,
                                              struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_schema_check(struct lg_admin *a, const struct lg_command *c,
                                               struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_store_list(struct lg_admin *a, const struct lg_command *c,
                                             struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_store_describe(struct lg_admin *a, const struct lg_command *c,
                                                 struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_versions(struct lg_admin *a, const struct lg_command *c,
                                           struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_rollback(struct lg_admin *a, const struct lg_command *c,
                                           struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_rollforward(struct lg_admin *a, const struct lg_command *c,
                                              struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_swap(struct lg_admin *a, const struct lg_command *c,
                                       struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_push_status(struct lg_admin *a, const struct lg_command *c,
                                              struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_push_list(struct lg_admin *a, const struct lg_command *c,
                                            struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_push_kill(struct lg_admin *a, const struct lg_command *c,
                                            struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_nodes(struct lg_admin *a, const struct lg_command *c,
                                        struct lg_error *err);
/* nodes remove, drain, activate */
LG_MUST_CHECK enum lg_rc lg_admin_nodes_change(struct lg_admin *a, const struct lg_command *c,
                                               struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_nodes_removable(struct lg_admin *a, const struct lg_command *c,
                                                  struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_nodes_replicas(struct lg_admin *a, const struct lg_command *c,
                                                 struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_replicas(struct lg_admin *a, const struct lg_command *c,
                                           struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_replicas_reset(struct lg_admin *a, const struct lg_command *c,
                                                 struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_cluster_update(struct lg_admin *a, const struct lg_command *c,
                                                 struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_cluster_status(struct lg_admin *a, const struct lg_command *c,
                                                 struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_call_route(struct lg_admin *a, const struct lg_command *c,
                                             struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_get(struct lg_admin *a, const struct lg_command *c,
                                      struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_admin_status(struct lg_admin *a, const struct lg_command *c,
                                         struct lg_error *err);

#endif
