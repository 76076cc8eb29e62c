/* lagoon backup, backup check and restore: admin/backup.h with the drivers it works on. */
#include <stdio.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/backup.h"
#include "base/log.h"
#include "base/str.h"
#include "drivers/loghttp/loghttp.h"
#include "drivers/metafile/metafile.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/seglog/seglog.h"
#include "drivers/uv/lane_uv.h"
#include "lane/fault.h"
#include "main/cli.h"
#include "main/data_dir.h"

#define ATTEMPTS_MAX 5 /* of a backup whose versions are retired while it is taken */
#define TIMEOUT_MS 30000u
#define POOL_THREADS 2

struct job {
    struct lg_backup_world world;
    struct lg_lane *lane;
    struct lg_disk *disk;
    bool terminal;
};

static void wait(void *ctx)
{
    lg_lane_uv_run(((struct job *)ctx)->lane);
}

static void wake(void *ctx)
{
    lg_lane_uv_stop(((struct job *)ctx)->lane);
}

static void progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    const struct job *job = ctx;

    if (job->terminal)
        (void)fprintf(stderr, "\r\x1b[K%s %llu of %llu%s", what, (unsigned long long)done,
                      (unsigned long long)total, done == total ? "\n" : "");
}

static enum lg_rc open_folder(struct job *job, const char *path, struct lg_error *err)
{
    enum lg_rc rc = lg_disk_posix_new(path, &job->disk, err);

    job->terminal = isatty(STDERR_FILENO) == 1;
    job->world = (struct lg_backup_world){
        .waiter = {.lane = job->lane, .wait = wait, .wake = wake, .ctx = job},
        .disk = job->disk,
        .name = path,
        .progress = progress,
    };
    return rc;
}

/* A folder that holds something is left alone, unless it is a backup that was not finished: that
 * has its metadata before its first file of the log. Anybody may have a folder named log. */
static enum lg_rc check_target(const struct job *job, struct lg_error *err)
{
    LG_SCOPED(lg_disk_names) names = {0}, log = {0};
    enum lg_rc rc = lg_disk_list(job->disk, "", &names, err);
    bool begun = false;

    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++)
        begun |= strcmp(names.names.data[i], "metadata.json") == 0;
    if (rc == LG_OK && !begun && names.names.size == 1 && strcmp(names.names.data[0], "log") == 0)
        rc = lg_disk_list(job->disk, "log", &log, err);
    begun |= log.names.size == 0;
    for (size_t i = 0; rc == LG_OK && i < names.names.size; i++)
        if (!begun || (strcmp(names.names.data[i], "log") != 0 &&
                       strcmp(names.names.data[i], "metadata.json") != 0))
            rc = lg_error_set(err, LG_ERR_CONFLICT,
                              "%s is not empty (it holds '%s'); choose an empty or absent folder",
                              job->world.name, names.names.data[i]);
    return rc;
}

static int print(const struct lg_command *c, const char *sentence,
                 const struct lg_backup_summary *sum)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = lg_json_new_object();
    char taken[LG_LOG_TIME_MAX];

    lg_log_time(taken, (uint64_t)sum->taken_ms);
    if (c->flags[LG_FLAG_OUTPUT] == NULL || strcmp(c->flags[LG_FLAG_OUTPUT], "table") == 0) {
        lg_buf_appendf(&text,
                       "%s: taken %s, %llu versions, %llu partitions, %llu records of the log, "
                       "%llu bytes\n",
                       sentence, taken, (unsigned long long)sum->topics,
                       (unsigned long long)sum->partitions, (unsigned long long)sum->records,
                       (unsigned long long)sum->bytes);
    } else {
        lg_json_set_str(json, "taken", taken);
        lg_json_set_int(json, "nodes", (int64_t)sum->nodes);
        lg_json_set_int(json, "versions", (int64_t)sum->topics);
        lg_json_set_int(json, "partitions", (int64_t)sum->partitions);
        lg_json_set_int(json, "records", (int64_t)sum->records);
        lg_json_set_int(json, "bytes", (int64_t)sum->bytes);
        lg_json_write(&text, json, strcmp(c->flags[LG_FLAG_OUTPUT], "json") == 0);
        lg_buf_append_byte(&text, '\n');
    }
    return lg_cli_print(lg_buf_slice(&text));
}

/* --- backup. ------------------------------------------------------------------------------------
 */

static enum lg_rc ask_metadata(struct job *job, const struct lg_cli *cli, struct lg_api_call *call,
                               struct lg_error *err)
{
    struct lg_admin admin = {
        .lane = job->lane, .timeout_ms = TIMEOUT_MS, .wait = wait, .wake = wake, .ctx = job};
    enum lg_rc rc = lg_api_client_new(cli->http, cli->lane, cli->controller_url, &admin.api, err);

    if (rc == LG_OK)
        rc = lg_admin_call(&admin, LG_API_metadata, call, err);
    lg_api_client_free(admin.api);
    return rc;
}

static enum lg_rc take(struct job *job, const struct lg_cli *cli, struct lg_backup_summary *sum,
                       struct lg_error *err)
{
    struct lg_api_call call = {0};
    struct lg_loghttp *log = NULL;
    enum lg_rc rc = ask_metadata(job, cli, &call, err);

    if (rc == LG_OK)
        rc = lg_loghttp_new(
            &(struct lg_loghttp_options){.transport = cli->transport,
                                         .lane = cli->lane,
                                         .url = lg_json_get_str(call.answer, "log", "")},
            &log, err);
    if (rc == LG_OK) {
        job->world.log = lg_loghttp_pubsub(log);
        rc = lg_backup_write(&job->world, call.answer, sum, err);
    }
    lg_loghttp_free(log);
    lg_api_call_done(&call);
    return rc;
}

int lg_verb_backup(const struct lg_command *command)
{
    LG_SCOPED(lg_cli) cli = {0};
    struct lg_backup_summary sum = {0};
    struct lg_error err = {0};
    struct job job = {0};
    enum lg_rc rc = lg_cli_open(&cli, command, &err);

    job.lane = cli.lane;
    if (rc == LG_OK)
        rc = open_folder(&job, command->arguments[0], &err);
    if (rc == LG_OK)
        rc = check_target(&job, &err);
    for (int i = 0; rc == LG_OK && i < ATTEMPTS_MAX; i++) {
        rc = take(&job, &cli, &sum, &err);
        if (rc != LG_ERR_BUSY)
            break;
        rc = i + 1 < ATTEMPTS_MAX ? LG_OK : rc;
    }
    lg_disk_posix_free(job.disk);
    return rc == LG_OK ? print(command, "backed up", &sum) : lg_cli_fail(&err);
}

int lg_verb_backup_check(const struct lg_command *command)
{
    struct lg_backup_summary sum = {0};
    struct lg_error err = {0};
    struct job job = {0};
    enum lg_rc rc = LG_OK;

    if (access(command->arguments[0], F_OK) != 0) /* Opening it would make it. */
        rc = lg_error_set(&err, LG_ERR_NOT_FOUND, "%s does not exist", command->arguments[0]);
    if (rc == LG_OK)
        rc = open_folder(&job, command->arguments[0], &err);
    if (rc == LG_OK)
        rc = lg_backup_check(&job.world, &sum, &err);
    lg_disk_posix_free(job.disk);
    return rc == LG_OK ? print(command, "the backup is whole", &sum) : lg_cli_fail(&err);
}

/* --- restore. -----------------------------------------------------------------------------------
 */

static void closed(void *ctx)
{
    wake(ctx);
}

/* Opens an embedded log and metadata store in the new directory, fills them, and closes them. */
static enum lg_rc fill(struct job *job, struct lg_disk *data, struct lg_backup_summary *sum,
                       struct lg_error *err)
{
    struct lg_metafile_options meta = {.disk = data, .dir = "meta", .lane = job->lane};
    struct lg_seglog_options log = {.disk = data, .dir = "log", .lane = job->lane};
    struct lg_metafile *metafile = NULL;
    struct lg_seglog *seglog = NULL;
    enum lg_rc rc = lg_metafile_open(&meta, &metafile, err);

    if (rc == LG_OK)
        rc = lg_seglog_open(&log, &seglog, err);
    if (rc == LG_OK) {
        job->world.log = lg_seglog_pubsub(seglog);
        job->world.store = lg_metafile_session_new(metafile);
        rc = lg_backup_restore(&job->world, sum, err);
        lg_metafile_session_close(job->world.store, job->lane, closed, job);
        wait(job);
    }
    if (seglog != NULL) {
        lg_seglog_close(seglog, closed, job);
        wait(job);
    }
    if (metafile != NULL) {
        lg_metafile_close(metafile, closed, job);
        wait(job);
    }
    return rc;
}

static enum lg_rc restore(struct job *job, const char *from, const char *into,
                          struct lg_backup_summary *sum, struct lg_error *err)
{
    struct lg_data_dir dir = {0};
    enum lg_rc rc = LG_OK;

    if (access(from, F_OK) != 0)
        return lg_error_set(err, LG_ERR_NOT_FOUND, "%s does not exist", from);
    rc = open_folder(job, from, err);
    if (rc == LG_OK)
        rc = lg_backup_check(&job->world, sum, err); /* Before a directory is made. */
    if (rc == LG_OK)
        rc = lg_data_dir_open_new(into, &dir, err);
    if (rc == LG_OK)
        rc = fill(job, dir.disk, sum, err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_RESTORE_FILLED, err);
    if (rc == LG_OK)
        rc = lg_data_dir_mark(&dir, err);
    lg_data_dir_close(&dir);
    return rc;
}

int lg_verb_restore(const struct lg_command *command)
{
    const char *into = command->flags[LG_FLAG_INTO];
    struct lg_backup_summary sum = {0};
    struct lg_pool_uv *pool = NULL;
    struct lg_error err = {0};
    struct job job = {0};
    enum lg_rc rc = LG_OK;
    int status;

    if (into == NULL)
        rc = lg_error_set(&err, LG_ERR_INVALID, "--into DIR is missing: the new data directory");
    if (rc == LG_OK)
        rc = lg_pool_uv_new(POOL_THREADS, &pool, &err);
    if (rc == LG_OK)
        rc = lg_lane_uv_new("restore", pool, &job.lane, &err);
    if (rc == LG_OK)
        rc = restore(&job, command->arguments[0], into, &sum, &err);
    status = rc == LG_OK ? print(command, "restored", &sum) : lg_cli_fail(&err);
    lg_disk_posix_free(job.disk);
    lg_lane_uv_free(job.lane);
    lg_pool_uv_free(pool);
    return status;
}
