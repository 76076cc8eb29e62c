/* lagoon push status, list, kill. */
#include "admin/admin.h"
#include "admin/table.h"
#include "admin/words.h"
#include "base/log.h"
#include "base/str.h"

#define WATCH_PAUSE_MS 500u

static const char *text_of(const struct lg_json *push, const char *key)
{
    return lg_json_get_str(push, key, "");
}

/* --- Status. -----------------------------------------------------------------------------------
 */

static void print_progress(struct lg_buf *out, const struct lg_json *push)
{
    int64_t records = lg_json_get_int(push, "records", -1);
    int64_t total = lg_json_get_int(push, "recordsTotal", -1);
    int64_t written = lg_json_get_int(push, "recordsWritten", -1);
    int64_t speed = lg_json_get_int(push, "recordsPerSecond", 0);
    int64_t eta_ms = lg_json_get_int(push, "etaMs", -1);
    char text[LG_WORDS_MAX];

    if (records < 0) { /* Its version is gone. */
        if (total >= 0)
            lg_buf_appendf(out, "records      %lld\n", (long long)total);
        return;
    }
    lg_buf_appendf(out, "records      %lld loaded", (long long)records);
    if (total > 0)
        lg_buf_appendf(out, " of %lld (%lld %%)", (long long)total,
                       (long long)(LG_MIN(records, total) * 100 / total));
    if (written >= 0 && written != total)
        lg_buf_appendf(out, ", %lld written", (long long)written);
    if (speed > 0)
        lg_buf_appendf(out, ", %lld per second", (long long)speed);
    lg_buf_appendf(out, "\nbytes        %s",
                   lg_words_bytes(text, lg_json_get_int(push, "bytes", 0)));
    if (speed > 0)
        lg_buf_appendf(out, ", %s per second",
                       lg_words_bytes(text, lg_json_get_int(push, "bytesPerSecond", 0)));
    lg_buf_append_byte(out, '\n');
    if (eta_ms >= 0)
        lg_buf_appendf(out, "time left    about %s\n", lg_words_time(text, eta_ms));
    lg_buf_appendf(out, "partitions   %lld of %lld complete\n",
                   (long long)lg_json_get_int(push, "partitionsCompleted", 0),
                   (long long)lg_json_get_int(push, "partitionCount", 0));
}

static void print_pusher(struct lg_buf *out, const struct lg_json *push)
{
    bool waits =
        lg_json_get_bool(push, "running", false) && !lg_json_get_bool(push, "endOfPush", false);
    char ago[LG_WORDS_MAX];

    if (*text_of(push, "pusher") == 0 && !waits)
        return;
    lg_buf_appendf(out, "pusher       %s",
                   *text_of(push, "pusher") == 0 ? "unknown" : text_of(push, "pusher"));
    if (waits)
        lg_buf_appendf(out, ", heard %s ago",
                       lg_words_time(ago, lg_json_get_int(push, "heardAgoMs", 0)));
    if (waits && *text_of(push, "phase") != 0)
        lg_buf_appendf(out, ", %s", text_of(push, "phase"));
    lg_buf_append_byte(out, '\n');
}

static void print_partitions(struct lg_buf *out, const struct lg_json *rows)
{
    static const char *const heading[] = {"PARTITION", "STATUS",    "LEADER",  "RECORDS",
                                          "BYTES",     "RECORDS/S", "REPLICAS"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));

    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i), *replicas = lg_json_get(row, "replicas");
        LG_SCOPED(lg_buf) text = {0};

        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "partition", 0));
        lg_table_cellf(table, "%s", text_of(row, "status"));
        lg_table_cellf(table, "%s", text_of(row, "leader"));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "records", 0));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "bytes", 0));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "recordsPerSecond", 0));
        for (size_t r = 0; r < lg_json_size(replicas); r++) {
            const struct lg_json *replica = lg_json_at(replicas, r);

            lg_buf_appendf(&text, "%s%s %s", r == 0 ? "" : ", ", text_of(replica, "instance"),
                           lg_json_get_bool(replica, "live", false) ? text_of(replica, "status")
                                                                    : "is not there");
        }
        lg_table_cell(table, lg_buf_slice(&text));
    }
    lg_buf_append_byte(out, '\n');
    lg_table_write(out, table);
}

static void print_servers(struct lg_buf *out, const struct lg_json *rows)
{
    static const char *const heading[] = {"SERVER", "COMPLETED", "STARTED", "ERRORS"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));

    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i);

        lg_table_cellf(table, "%s", text_of(row, "instance"));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "completed", 0));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "started", 0));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "errors", 0));
    }
    lg_buf_append_byte(out, '\n');
    lg_table_write(out, table);
}

/* By partition unless only --servers is given. */
static void print_status(struct lg_buf *out, const struct lg_json *push, const struct lg_command *c)
{
    bool by_server = c->flags[LG_FLAG_BY_SERVER] != NULL;
    bool by_partition = !by_server || c->flags[LG_FLAG_BY_PARTITION] != NULL;
    char time[LG_LOG_TIME_MAX];

    lg_log_time(time, (uint64_t)lg_json_get_int(push, "startedTime", 0));
    lg_buf_appendf(out, "store        %s\n", text_of(push, "store"));
    if (lg_json_get_int(push, "version", 0) > 0)
        lg_buf_appendf(out, "version      %lld (%s)\n",
                       (long long)lg_json_get_int(push, "version", 0), text_of(push, "status"));
    else
        lg_buf_append_str(out, "version      none yet\n");
    lg_buf_appendf(out, "push id      %s\n", text_of(push, "pushJobId"));
    lg_buf_appendf(out, "state        %s\n", text_of(push, "state"));
    if (*text_of(push, "waitingFor") != 0)
        lg_buf_appendf(out, "waiting for  %s\n", text_of(push, "waitingFor"));
    if (*text_of(push, "error") != 0)
        lg_buf_appendf(out, "error        %s\n", text_of(push, "error"));
    lg_buf_appendf(out, "started      %s\n", time);
    if (lg_json_get_int(push, "completedTime", 0) > 0) {
        lg_log_time(time, (uint64_t)lg_json_get_int(push, "completedTime", 0));
        lg_buf_appendf(out, "ended        %s\n", time);
    }
    print_pusher(out, push);
    print_progress(out, push);
    if (by_partition && lg_json_size(lg_json_get(push, "partitions")) > 0)
        print_partitions(out, lg_json_get(push, "partitions"));
    if (by_server && lg_json_size(lg_json_get(push, "servers")) > 0)
        print_servers(out, lg_json_get(push, "servers"));
}

/* Has it no version yet? */
static bool is_asked(const struct lg_json *push)
{
    return strcmp(text_of(push, "state"), "asked") == 0;
}

/* One line of --watch. */
static void print_line(struct lg_buf *out, const struct lg_json *push)
{
    int64_t total = lg_json_get_int(push, "recordsTotal", -1);
    int64_t eta_ms = lg_json_get_int(push, "etaMs", -1);
    char text[LG_WORDS_MAX];

    if (is_asked(push)) {
        lg_buf_appendf(out, "push %s asked for, waiting for %s\n", text_of(push, "pushJobId"),
                       text_of(push, "waitingFor"));
        return;
    }
    lg_buf_appendf(out, "version %lld %s, %lld", (long long)lg_json_get_int(push, "version", 0),
                   text_of(push, "state"), (long long)lg_json_get_int(push, "records", 0));
    if (total >= 0)
        lg_buf_appendf(out, " of %lld", (long long)total);
    lg_buf_append_str(out, " records loaded");
    if (lg_json_get_int(push, "recordsPerSecond", 0) > 0)
        lg_buf_appendf(out, ", %lld per second",
                       (long long)lg_json_get_int(push, "recordsPerSecond", 0));
    if (eta_ms >= 0)
        lg_buf_appendf(out, ", about %s left", lg_words_time(text, eta_ms));
    else if (*text_of(push, "waitingFor") != 0)
        lg_buf_appendf(out, ", waiting for %s", text_of(push, "waitingFor"));
    lg_buf_append_byte(out, '\n');
}

/* The push that is meant: NAME, or NAME and a version number or a push id. */
static enum lg_rc get_push(struct lg_admin *a, const struct lg_command *c, struct lg_api_call *call,
                           struct lg_error *err)
{
    int64_t ignored;

    lg_api_call_param(call, "store_name", c->arguments[0]);
    if (c->argument_count > 1)
        lg_api_call_param(call,
                          lg_parse_i64(lg_slice_str(c->arguments[1]), 1, INT32_MAX, &ignored)
                              ? "version"
                              : "push_job_id",
                          c->arguments[1]);
    return lg_admin_call(a, LG_API_push_status, call, err);
}

static enum lg_rc how_it_ended(const struct lg_json *push, struct lg_error *err)
{
    const char *state = text_of(push, "state");

    if (strcmp(state, "failed") != 0 && strcmp(state, "killed") != 0)
        return LG_OK;
    return lg_error_set(err, LG_ERR_FAILED, "the push of version %lld %s: %s",
                        (long long)lg_json_get_int(push, "version", 0),
                        strcmp(state, "killed") == 0 ? "was killed" : "failed",
                        *text_of(push, "error") == 0 ? "no reason is known"
                                                     : text_of(push, "error"));
}

/* A push that was asked for and never got a version is followed by whichever was there before. */
static enum lg_rc same_push(const struct lg_json *push, char **asked, struct lg_error *err)
{
    const char *id = text_of(push, "pushJobId");

    if (*asked != NULL && strcmp(*asked, id) != 0)
        return lg_error_set(err, LG_ERR_FAILED,
                            "push '%.128s' did not begin: its request was refused or given up; "
                            "whoever pushed was told why",
                            *asked);
    lg_free(*asked);
    *asked = is_asked(push) ? lg_strdup(id) : NULL;
    return LG_OK;
}

/* Shows lines while they change, until the push has ended. */
static enum lg_rc watch(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    LG_SCOPED(lg_buf) shown = {0};
    LG_AUTO_STR char *asked = NULL; /* the push that was shown last, if it had no version */
    bool runs = true;
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && runs) {
        struct lg_api_call call = {0};
        LG_SCOPED(lg_buf) line = {0};
        const struct lg_json *push;

        rc = get_push(a, c, &call, err);
        push = rc == LG_OK ? lg_json_get(call.answer, "push") : NULL;
        if (rc == LG_OK)
            rc = same_push(push, &asked, err);
        runs = lg_json_get_bool(push, "running", false);
        if (rc == LG_OK && a->output == LG_OUTPUT_TABLE) {
            print_line(&line, push);
        } else if (rc == LG_OK) {
            lg_json_write(&line, push, /* pretty= */ false);
            lg_buf_append_byte(&line, '\n');
        }
        if (rc == LG_OK && !lg_slice_eq(lg_buf_slice(&line), lg_buf_slice(&shown))) {
            lg_buf_append_slice(a->out, lg_buf_slice(&line));
            lg_buf_clear(&shown);
            lg_buf_append_slice(&shown, lg_buf_slice(&line));
            runs = (a->flush == NULL || a->flush(a->ctx, a->out)) && runs;
        }
        if (rc == LG_OK && !runs)
            rc = how_it_ended(push, err);
        lg_api_call_done(&call);
        if (rc == LG_OK && runs)
            lg_admin_pause(a, WATCH_PAUSE_MS);
    }
    return rc;
}

enum lg_rc lg_admin_push_status(struct lg_admin *a, const struct lg_command *c,
                                struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    if (c->flags[LG_FLAG_WATCH] != NULL)
        return watch(a, c, err);
    rc = get_push(a, c, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        print_status(a->out, lg_json_get(call.answer, "push"), c);
    else if (rc == LG_OK)
        lg_admin_print_json(a, lg_json_get(call.answer, "push"));
    lg_api_call_done(&call);
    return rc;
}

/* --- List. -------------------------------------------------------------------------------------
 */

static void list_row(struct lg_table *table, const struct lg_json *push)
{
    int64_t records = lg_json_get_int(push, "recordsTotal", -1);
    char time[LG_LOG_TIME_MAX];

    lg_log_time(time, (uint64_t)lg_json_get_int(push, "startedTime", 0));
    lg_table_cellf(table, "%s", text_of(push, "store"));
    lg_table_cellf(table, "%lld", (long long)lg_json_get_int(push, "version", 0));
    lg_table_cellf(table, "%s", text_of(push, "state"));
    if (records >= 0)
        lg_table_cellf(table, "%lld", (long long)records);
    else
        lg_table_cell(table, LG_SLICE_NULL);
    lg_table_cellf(table, "%s", time);
    lg_table_cellf(table, "%s", text_of(push, "pushJobId"));
    lg_table_cellf(table, "%s",
                   *text_of(push, "error") != 0 ? text_of(push, "error")
                                                : text_of(push, "waitingFor"));
}

enum lg_rc lg_admin_push_list(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    static const char *const heading[] = {
        "STORE", "VERSION", "STATE", "RECORDS", "STARTED", "PUSH", "ERROR OR WAITING FOR"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));
    struct lg_api_call call = {0};
    const struct lg_json *list;
    enum lg_rc rc;

    if (c->argument_count > 0)
        lg_api_call_param(&call, "store_name", c->arguments[0]);
    rc = lg_admin_call(a, LG_API_list_pushes, &call, err);
    list = rc == LG_OK ? lg_json_get(call.answer, "pushes") : NULL;
    if (rc == LG_OK && a->output == LG_OUTPUT_JSON) {
        lg_admin_print_json(a, list);
    } else if (rc == LG_OK && a->output == LG_OUTPUT_NDJSON) {
        for (size_t i = 0; i < lg_json_size(list); i++)
            lg_admin_print_json(a, lg_json_at(list, i));
    } else if (rc == LG_OK && lg_json_size(list) == 0) {
        lg_buf_append_str(a->out, "nothing was pushed yet\n");
    } else if (rc == LG_OK) {
        for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
            lg_table_cell(table, lg_slice_str(heading[i]));
        for (size_t i = 0; i < lg_json_size(list); i++)
            list_row(table, lg_json_at(list, i));
        lg_table_write(a->out, table);
    }
    lg_api_call_done(&call);
    return rc;
}

/* --- Kill. -------------------------------------------------------------------------------------
 */

/* The version of a push id. */
static enum lg_rc version_of(struct lg_admin *a, const struct lg_command *c, int64_t *out,
                             struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    if (lg_parse_i64(lg_slice_str(c->arguments[1]), 1, INT32_MAX, out))
        return LG_OK;
    rc = get_push(a, c, &call, err);
    if (rc == LG_OK)
        *out = lg_json_get_int(lg_json_get(call.answer, "push"), "version", 0);
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_push_kill(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    LG_AUTO_STR char *topic = NULL;
    LG_AUTO_STR char *number = NULL;
    struct lg_api_call call = {0};
    int64_t version = 0;
    enum lg_rc rc = version_of(a, c, &version, err);

    if (rc != LG_OK)
        return rc;
    topic = lg_strf("%s_v%lld", c->arguments[0], (long long)version);
    number = lg_strf("%lld", (long long)version);
    lg_api_call_param(&call, "topic", topic);
    lg_api_call_param(&call, "store_name", c->arguments[0]);
    lg_api_call_param(&call, "version", number);
    rc = lg_admin_call(a, LG_API_kill_offline_push_job, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        lg_buf_appendf(a->out, "the push of version %lld of store '%s' is killed\n",
                       (long long)version, c->arguments[0]);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}
