/* lagoon push: the push job on a lane of its own, with progress on stderr and the version on
 * stdout. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/posix/memory_posix.h"
#include "drivers/uv/lane_uv.h"
#include "main/cli.h"
#include "main/files.h"
#include "main/log_url.h"
#include "main/push_dry_run.h"
#include "model/placement.h"
#include "pushjob/pushjob.h"

#define FREED_BYTES_KEPT ((size_t)64 << 20)
#define TIMEOUT_MS_DEFAULT 3600000u
#define RATE_MAX 1000000000u /* records per second */
#define BAR_WIDTH 30
#define REDRAW_US (100 * LG_MS)
#define WAITING_TOLD_US (60 * LG_SEC)

struct push {
    struct lg_cli cli;
    const struct lg_command *command;
    struct lg_pushjob *job;
    struct lg_log_url *log;
    struct lg_role_options kafka; /* how Kafka is spoken to */
    struct lg_disk *temp;
    struct lg_cli_files files;
    enum lg_duplicates duplicates;
    bool terminal, json, settled, log_closing;
    const char *push_id;
    bool told_id;
    enum lg_push_phase shown; /* the phase whose line was last begun */
    uint64_t shown_us;
    uint64_t waiting_us; /* when it was last told that the push waits */
};

/* --- Progress. ---------------------------------------------------------------------------------
 */

static void draw_bar(const struct lg_push_progress *p)
{
    unsigned filled =
        p->total == 0 ? 0 : (unsigned)(LG_MIN(p->done, p->total) * BAR_WIDTH / p->total);

    (void)fprintf(stderr, "\r\x1b[K%-10s [", lg_push_phase_name(p->phase));
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        (void)fputs(i < filled ? "#" : ".", stderr);
    (void)fprintf(stderr, "]");
    if (p->total > 0)
        (void)fprintf(stderr, " %3u %%", (unsigned)(LG_MIN(p->done, p->total) * 100 / p->total));
    if (p->version > 0)
        (void)fprintf(stderr, "  version %d", p->version);
}

static void progress(void *ctx, const struct lg_push_progress *p)
{
    struct push *push = ctx;
    uint64_t now_us = lg_lane_now_us(push->cli.lane);
    bool begins = p->phase != push->shown;

    if (!push->json && p->version > 0 && !push->told_id) {
        push->told_id = true;
        (void)fprintf(stderr, "%spush id %s is version %d\n", push->terminal ? "\r\x1b[K" : "",
                      push->push_id, p->version);
    }
    if (push->json || p->phase == LG_PUSH_FINISHED ||
        (!begins && now_us < push->shown_us + REDRAW_US))
        return;
    push->shown_us = now_us;
    push->shown = p->phase;
    if (push->terminal)
        draw_bar(p);
    else if (begins && p->version > 0)
        (void)fprintf(stderr, "%s version %d\n", lg_push_phase_name(p->phase), p->version);
    else if (begins)
        (void)fprintf(stderr, "%s\n", lg_push_phase_name(p->phase));
}

static void creating(void *ctx, const char *key_schema, const char *value_schema)
{
    const struct push *push = ctx;

    if (push->json)
        return;
    (void)fprintf(stderr, "%screating store '%s'\n  key   %s\n  value %s\n",
                  push->terminal ? "\r\x1b[K" : "", push->command->arguments[0], key_schema,
                  value_schema);
}

static void waiting(void *ctx, const struct lg_error *why)
{
    struct push *push = ctx;
    uint64_t now_us = lg_lane_now_us(push->cli.lane);

    if (push->json || (push->waiting_us != 0 && now_us < push->waiting_us + WAITING_TOLD_US))
        return;
    push->waiting_us = now_us;
    (void)fprintf(stderr, "%swaiting: %s\n", push->terminal ? "\r\x1b[K" : "", why->text);
}

/* --- What the job needs of the world. ----------------------------------------------------------
 */

/* On a pool thread, while the lane waits for it. */
static void bad_record(void *ctx, const struct lg_error *err)
{
    const struct push *push = ctx;

    (void)fprintf(stderr, "%s%s\n", push->terminal ? "\r\x1b[K" : "", err->text);
}

static enum lg_rc open_log(void *ctx, const char *url, struct lg_pubsub **out, struct lg_error *err)
{
    struct push *push = ctx;
    enum lg_rc rc = lg_log_url_open(&(struct lg_log_url_options){.url = url,
                                                                 .lane = push->cli.lane,
                                                                 .transport = push->cli.transport,
                                                                 .kafka = &push->kafka},
                                    &push->log, err);

    if (rc == LG_OK)
        *out = lg_log_url_pubsub(push->log);
    return rc;
}

static void log_closed(void *ctx)
{
    struct push *push = ctx;

    push->log_closing = false;
    lg_lane_uv_stop(push->cli.lane);
}

static void close_log(void *ctx, struct lg_pubsub *log)
{
    struct push *push = ctx;

    assert(log == lg_log_url_pubsub(push->log));
    lg_log_url_close(push->log, log_closed, push);
    push->log = NULL;
    push->log_closing = true;
}

static void finished(void *ctx, struct lg_pushjob *job)
{
    struct push *push = ctx;

    (void)job;
    push->settled = true;
    lg_lane_uv_stop(push->cli.lane);
}

static void interrupted(void *ctx, int signo)
{
    const struct push *push = ctx;

    (void)signo;
    if (push->job != NULL)
        lg_pushjob_cancel(push->job);
}

/* --- The verb. ---------------------------------------------------------------------------------
 */

static void describe(const struct push *push, const struct lg_push_outcome *o, struct lg_buf *text)
{
    const char *store = push->command->arguments[0];

    if (o->loads || o->waits_for_swap)
        lg_buf_appendf(text, "version %d of store '%s' is %s", o->version, store,
                       o->loads ? "written and being loaded" : "complete");
    else
        lg_buf_appendf(text, "store '%s' serves version %d", store, o->version);
    lg_buf_appendf(text, ": %llu records in %u partitions", (unsigned long long)o->records,
                   o->partitions);
    if (o->duplicates > 0)
        lg_buf_appendf(text, " (%llu %sduplicates dropped)", (unsigned long long)o->duplicates,
                       push->duplicates == LG_DUPLICATES_FAIL ? "identical " : "");
    if (o->shape.compression != LG_COMPRESSION_NO_OP)
        lg_buf_appendf(text, ", values of %llu bytes compressed to %llu with %s",
                       (unsigned long long)o->raw_bytes, (unsigned long long)o->packed_bytes,
                       lg_compression_name(o->shape.compression));
    if (o->loads)
        lg_buf_appendf(text, "; `lagoon push status %s %d --watch` follows it", store, o->version);
    if (o->waits_for_swap)
        lg_buf_appendf(text, "; `lagoon swap %s %d` serves it%s", store, o->version,
                       o->loads ? " once it is complete" : "");
    else if (push->command->flags[LG_FLAG_EMPTY] != NULL)
        lg_buf_appendf(text, ". Undo: lagoon rollback %s", store);
    lg_buf_append_byte(text, '\n');
}

static int report(const struct push *push)
{
    const struct lg_push_outcome *o = lg_pushjob_outcome(push->job);
    LG_SCOPED(lg_buf) text = {0};

    if (push->terminal && !push->json)
        (void)fprintf(stderr, "\r\x1b[K");
    if (o->rc != LG_OK)
        return lg_cli_fail(&o->err);
    if (push->command->flags[LG_FLAG_DRY_RUN] != NULL) {
        lg_push_dry_run_write(&text, push->command->arguments[0], o, push->json);
    } else if (push->json) {
        LG_AUTO(lg_json) *json = lg_json_new_object();

        lg_json_set_str(json, "store", push->command->arguments[0]);
        lg_json_set_int(json, "version", o->version);
        lg_json_set_int(json, "records", (int64_t)o->records);
        lg_json_set_int(json, "duplicates", (int64_t)o->duplicates);
        lg_json_set_int(json, "bytes", (int64_t)o->bytes);
        lg_json_set_int(json, "partitions", o->partitions);
        lg_json_set_int(json, "rawValueBytes", (int64_t)o->raw_bytes);
        lg_json_set_int(json, "compressedValueBytes", (int64_t)o->packed_bytes);
        lg_json_set_str(json, "compression", lg_compression_name(o->shape.compression));
        lg_json_set_bool(json, "chunked", o->shape.chunked);
        lg_json_set_str(json, "pushId", push->push_id);
        lg_json_set_str(json, "state",
                        o->loads            ? "loading"
                        : o->waits_for_swap ? "waiting"
                                            : "served");
        lg_json_write(&text, json, /* pretty= */ false);
        lg_buf_append_byte(&text, '\n');
    } else {
        describe(push, o, &text);
    }
    return lg_cli_print(lg_buf_slice(&text));
}

/* How the values of a store that is made are to be stored. */
static enum lg_rc parse_shape(const struct lg_command *c, struct lg_packer_shape *out,
                              struct lg_error *err)
{
    const char *compression = c->flags[LG_FLAG_COMPRESSION], *chunking = c->flags[LG_FLAG_CHUNKING];

    if ((compression != NULL || chunking != NULL || c->flags[LG_FLAG_REPLICATION] != NULL) &&
        c->flags[LG_FLAG_CREATE] == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--compression, --chunking and --replication go with --create; of a "
                            "store that is there, `lagoon store update %s` changes them",
                            c->arguments[0]);
    if (compression != NULL &&
        !lg_compression_from_name(lg_slice_str(compression), &out->compression))
        return lg_error_set(err, LG_ERR_INVALID,
                            "no compression '%s'; there are NO_OP, GZIP, ZSTD and ZSTD_WITH_DICT",
                            compression);
    if (chunking != NULL && strcmp(chunking, "true") != 0 && strcmp(chunking, "false") != 0)
        return lg_error_set(err, LG_ERR_INVALID, "--chunking is true or false, not '%s'", chunking);
    out->chunked = chunking != NULL && strcmp(chunking, "true") == 0;
    return LG_OK;
}

static enum lg_rc parse_duplicates(const char *text, enum lg_duplicates *out, struct lg_error *err)
{
    if (text == NULL || strcmp(text, "fail") == 0)
        *out = LG_DUPLICATES_FAIL;
    else if (strcmp(text, "first") == 0)
        *out = LG_DUPLICATES_FIRST;
    else if (strcmp(text, "last") == 0)
        *out = LG_DUPLICATES_LAST;
    else
        return lg_error_set(err, LG_ERR_INVALID,
                            "--duplicates must be fail, first or last, not '%s'", text);
    return LG_OK;
}

/* The files, and how they are to be read. */
static enum lg_rc open_input(struct push *push, struct lg_pushjob_options *o, struct lg_error *err)
{
    const struct lg_command *c = push->command;
    enum lg_rc rc;

    if (o->empty)
        return LG_OK;
    rc = lg_cli_files_open(&push->files, c->arguments + 1, c->argument_count - 1, err);
    if (rc == LG_OK)
        rc = lg_cli_input_options(c, &push->files, &o->input, err);
    if (rc == LG_OK)
        rc = parse_duplicates(c->flags[LG_FLAG_DUPLICATES], &o->duplicates, err);
    push->duplicates = o->duplicates;
    o->file_bytes = push->files.bytes;
    o->input.bad_record = bad_record;
    o->input.ctx = push;
    return rc;
}

static enum lg_rc fill_options(struct push *push, struct lg_pushjob_options *o,
                               struct lg_error *err)
{
    const struct lg_command *c = push->command;
    uint64_t partitions = 0, replication = 0, rate = 0;
    const char *output = c->flags[LG_FLAG_OUTPUT];

    o->empty = c->flags[LG_FLAG_EMPTY] != NULL;
    o->defer_swap = c->flags[LG_FLAG_DEFER_SWAP] != NULL;
    o->no_wait = c->flags[LG_FLAG_NO_WAIT] != NULL;
    if (o->empty && (c->argument_count > 1 || c->flags[LG_FLAG_CREATE] != NULL))
        return lg_error_set(err, LG_ERR_INVALID,
                            "--empty pushes a version without a record into a store that exists: "
                            "leave out %s",
                            c->argument_count > 1 ? "the files" : "--create");
    if (o->no_wait && c->flags[LG_FLAG_WAIT] != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "--wait and --no-wait exclude each other");
    if (!o->empty && c->argument_count < 2)
        return lg_error_set(err, LG_ERR_INVALID,
                            "no file is named; usage: lagoon push NAME FILE... --key-field FIELD, "
                            "or lagoon push NAME --empty");
    if (!o->empty && c->flags[LG_FLAG_KEY_FIELD] == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--key-field is missing: which field of the records is the key?");
    if (output != NULL && strcmp(output, "table") != 0 && strcmp(output, "json") != 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "no output format '%s' here; there are table and json", output);
    push->json = output != NULL && strcmp(output, "json") == 0;
    o->timeout_ms = TIMEOUT_MS_DEFAULT;
    if (c->flags[LG_FLAG_TIMEOUT] != NULL &&
        lg_command_parse_time(c->flags[LG_FLAG_TIMEOUT], &o->timeout_ms, err) != LG_OK)
        return err->rc;
    if (parse_shape(c, &o->shape, err) != LG_OK)
        return err->rc;
    if (c->flags[LG_FLAG_PARTITIONS] != NULL &&
        (!lg_parse_u64(lg_slice_str(c->flags[LG_FLAG_PARTITIONS]), 1000, &partitions) ||
         partitions == 0))
        return lg_error_set(err, LG_ERR_INVALID, "--partitions must be 1 to 1000, not '%s'",
                            c->flags[LG_FLAG_PARTITIONS]);
    o->partitions = (uint32_t)partitions;
    if (c->flags[LG_FLAG_REPLICATION] != NULL &&
        (!lg_parse_u64(lg_slice_str(c->flags[LG_FLAG_REPLICATION]), LG_PLACEMENT_FACTOR_MAX,
                       &replication) ||
         replication == 0))
        return lg_error_set(err, LG_ERR_INVALID, "--replication must be 1 to %u, not '%s'",
                            LG_PLACEMENT_FACTOR_MAX, c->flags[LG_FLAG_REPLICATION]);
    o->replication = (uint32_t)replication;
    if (c->flags[LG_FLAG_SORT_MEMORY] != NULL &&
        lg_command_parse_size(c->flags[LG_FLAG_SORT_MEMORY], LG_ROWS_MEMORY_BYTES_MIN,
                              LG_ROWS_MEMORY_BYTES_MAX, &o->sort_memory_bytes, err) != LG_OK)
        return lg_error_wrap(err, "--sort-memory");
    if (c->flags[LG_FLAG_MAX_RATE] != NULL &&
        (!lg_parse_u64(lg_slice_str(c->flags[LG_FLAG_MAX_RATE]), RATE_MAX, &rate) || rate == 0))
        return lg_error_set(err, LG_ERR_INVALID,
                            "--max-rate must be 1 to %u records per second, not '%s'", RATE_MAX,
                            c->flags[LG_FLAG_MAX_RATE]);
    o->records_per_second = (uint32_t)rate;
    o->store = c->arguments[0];
    o->register_schema = c->flags[LG_FLAG_REGISTER_SCHEMA] != NULL;
    o->dry_run = c->flags[LG_FLAG_DRY_RUN] != NULL;
    o->create_store = c->flags[LG_FLAG_CREATE] != NULL;
    o->owner = c->flags[LG_FLAG_OWNER] != NULL ? c->flags[LG_FLAG_OWNER] : getenv("USER");
    if (o->owner == NULL)
        o->owner = "unknown";
    return LG_OK;
}

static void kafka_warned(void *ctx, const char *name, const char *sentence)
{
    (void)fprintf(stderr, "warning: %s: %s: %s\n", (const char *)ctx, name, sentence);
}

/* What --kafka-config says of how Kafka is spoken to. */
static enum lg_rc load_kafka(struct push *push, struct lg_error *err)
{
    const char *path = push->command->flags[LG_FLAG_KAFKA_CONFIG];
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc;

    if (path == NULL)
        path = getenv("LAGOON_KAFKA_CONFIG");
    if (path == NULL)
        return LG_OK;
    rc = lg_cli_read_file(path, LG_OPTION_FILE_BYTES_MAX, &text, err);
    if (rc == LG_OK)
        rc = lg_options_parse_file(&lg_kafka_options_table, &push->kafka, lg_buf_slice(&text), path,
                                   err);
    if (rc == LG_OK && lg_role_check_kafka(&push->kafka, err) != LG_OK)
        rc = lg_error_wrap(err, "%s", path);
    if (rc == LG_OK)
        lg_role_warn_kafka(&push->kafka, kafka_warned, (void *)(uintptr_t)path);
    return rc;
}

/* "<start in ms>_<random>", as Venice's push job names itself. */
static char *new_push_id(void)
{
    struct lg_rand rand;
    uint64_t number;

    lg_rand_seed(&rand, lg_rand_os_seed());
    number = lg_rand_next(&rand);
    return lg_strf("%llu_%016llx", (unsigned long long)lg_clock_wall_ms(),
                   (unsigned long long)number);
}

/* Half of the machine's memory, or of what this process may have of it, but no more than the usual.
 */
static uint64_t sort_memory(void)
{
    uint64_t half = lg_memory_limit_bytes() / 2;

    return half == 0 ? LG_ROWS_MEMORY_BYTES_DEFAULT
                     : LG_MAX(LG_MIN(half, LG_ROWS_MEMORY_BYTES_DEFAULT), LG_ROWS_MEMORY_BYTES_MIN);
}

/* Where rows go that do not fit into memory. /var/tmp is on a disk even where /tmp is memory. */
static enum lg_rc open_temp(struct push *push, struct lg_pushjob_options *o, struct lg_error *err)
{
    const char *folder = push->command->flags[LG_FLAG_TEMP_DIR];
    struct stat st;

    if (folder == NULL)
        folder = getenv("TMPDIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "/var/tmp";
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return lg_error_set(err, LG_ERR_INVALID,
                            "%s is no folder, and rows would be sorted there; name one with "
                            "--temp-dir",
                            folder);
    if (lg_disk_posix_new(folder, &push->temp, err) != LG_OK)
        return lg_error_wrap(err, "--temp-dir");
    o->temp_disk = push->temp;
    o->temp_folder = folder;
    if (o->sort_memory_bytes == 0)
        o->sort_memory_bytes = sort_memory();
    return LG_OK;
}

static int run(struct push *push, struct lg_pushjob_options *o, struct lg_error *err)
{
    int status;

    if (lg_lane_uv_on_signal(push->cli.lane, SIGINT, interrupted, push, err) != LG_OK ||
        lg_lane_uv_on_signal(push->cli.lane, SIGTERM, interrupted, push, err) != LG_OK)
        return lg_cli_fail(err);
    push->terminal = isatty(STDERR_FILENO) == 1;
    push->shown = LG_PUSH_FINISHED;
    push->job = lg_pushjob_start(o);
    while (!push->settled)
        lg_cli_run(&push->cli);
    status = report(push);
    lg_pushjob_free(push->job);
    while (push->log_closing)
        lg_cli_run(&push->cli);
    return status;
}

int lg_verb_push(const struct lg_command *command)
{
    struct push push = {.command = command};
    struct lg_pushjob_options o = {0};
    LG_AUTO_STR char *push_id = NULL;
    LG_AUTO_STR char *pusher = NULL;
    struct lg_error err = {0};
    char host[256] = "localhost";
    int status;

    lg_alloc_keep_freed(FREED_BYTES_KEPT);
    lg_options_init(&lg_kafka_options_table, &push.kafka);
    if (load_kafka(&push, &err) != LG_OK || fill_options(&push, &o, &err) != LG_OK ||
        open_input(&push, &o, &err) != LG_OK || open_temp(&push, &o, &err) != LG_OK ||
        lg_cli_open(&push.cli, command, &err) != LG_OK) {
        status = lg_cli_fail(&err);
    } else {
        push_id = command->flags[LG_FLAG_PUSH_ID] != NULL
                      ? lg_strdup(command->flags[LG_FLAG_PUSH_ID])
                      : new_push_id();
        (void)gethostname(host, sizeof host - 1);
        o.lane = push.cli.lane;
        o.transport = push.cli.transport;
        o.controller_url = push.cli.controller_url;
        o.push_id = push.push_id = push_id;
        pusher = lg_strf("%s@%s, process %ld", getenv("USER") == NULL ? "unknown" : getenv("USER"),
                         host, (long)getpid());
        o.pusher = pusher;
        o.host_name = host;
        o.open_log = open_log;
        o.close_log = close_log;
        o.creating = creating;
        o.progress = progress;
        o.waiting = waiting;
        o.finished = finished;
        o.ctx = &push;
        status = run(&push, &o, &err);
    }
    lg_cli_close(&push.cli);
    lg_disk_posix_free(push.temp);
    lg_options_done(&lg_kafka_options_table, &push.kafka);
    lg_cli_files_close(&push.files);
    return status;
}
