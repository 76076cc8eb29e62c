/* lagoon doctor: looks at the machine, and at a data directory or the process that uses it. */
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "drivers/uv/lane_uv.h"
#include "main/cli.h"
#include "main/data_dir.h"
#include "main/doctor.h"

#define ANSWER_TIMEOUT_MS 5000u
#define ENDPOINTS_BYTES_MAX ((size_t)64 << 10)

static void wait(void *ctx)
{
    lg_cli_run(ctx);
}

static void wake(void *ctx)
{
    lg_lane_uv_stop(((struct lg_cli *)ctx)->lane);
}

/* --- A process that runs. ----------------------------------------------------------------------
 */

struct question {
    struct lg_cli *cli;
    struct lg_http_call call;
};

static void answered(struct lg_http_call *call)
{
    wake(LG_CONTAINER_OF(call, struct question, call)->cli);
}

/* What a listener says of itself: each line of /readyz?verbose that is not good is a finding. */
static void read_answer(struct lg_doctor *d, const char *role, const struct lg_http_call *call)
{
    LG_AUTO_STR char *text =
        lg_strndup((const char *)call->response_body.data, call->response_body.size);
    bool any = false;

    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
        if (strncmp(line, "[-]", 3) == 0) {
            lg_doctor_find(d, LG_FINDING_FAIL, role, "%s", line + 3);
            any = true;
        }
    if (!any && call->status == 200)
        lg_doctor_find(d, LG_FINDING_OK, role, "ready");
    else if (!any)
        lg_doctor_find(d, LG_FINDING_FAIL, role, "answers /readyz with status %d", call->status);
}

static void ask_role(struct lg_doctor *d, struct lg_cli *cli, const char *role, const char *url)
{
    struct question q = {.cli = cli};
    LG_AUTO_STR char *host = NULL;
    struct lg_error err;

    if (lg_http_parse_url(lg_slice_str(url), &host, &q.call.port, &err) != LG_OK) {
        lg_doctor_find(d, LG_FINDING_FAIL, role, "%s", err.text);
        return;
    }
    q.call.host = host;
    q.call.method = LG_HTTP_GET;
    q.call.target = LG_LIT("/readyz?verbose");
    q.call.deadline_us = lg_lane_now_us(cli->lane) + ANSWER_TIMEOUT_MS * LG_MS;
    q.call.done = answered;
    lg_http_call_submit(cli->http, &q.call);
    wait(cli);
    if (q.call.rc != LG_OK)
        lg_doctor_find(d, LG_FINDING_FAIL, role, "%s does not answer: %s", url, q.call.err.text);
    else
        read_answer(d, role, &q.call);
    lg_http_call_done(&q.call);
}

static void ask_process(struct lg_doctor *d, struct lg_cli *cli)
{
    static const char *const roles[] = {"controller", "router", "server"};
    LG_AUTO_STR char *path = lg_strf("%s/endpoints.json", d->data);
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    if (lg_cli_read_file(path, ENDPOINTS_BYTES_MAX, &text, &err) != LG_OK ||
        lg_json_parse(lg_buf_slice(&text), &json, &err) != LG_OK) {
        lg_doctor_find(d, LG_FINDING_WARN, "process",
                       "it holds the directory and is not ready yet: %s", err.text);
        return;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
        ask_role(d, cli, roles[i], lg_json_get_str(json, roles[i], ""));
}

/* --- The verb. ---------------------------------------------------------------------------------
 */

static void look_at_directory(struct lg_doctor *d, struct lg_cli *cli)
{
    struct lg_data_dir dir = {0};
    struct lg_error err;
    enum lg_rc rc;

    if (access(d->data, F_OK) != 0) { /* Opening it would make it. */
        lg_doctor_find(d, LG_FINDING_FAIL, "directory", "%s does not exist", d->data);
        return;
    }
    lg_doctor_machine(d);
    rc = lg_data_dir_open(d->data, LG_DATA_DIR_STANDALONE, &dir, &err);
    if (rc == LG_ERR_IN_USE) {
        lg_doctor_find(d, LG_FINDING_OK, "directory",
                       "%s is in use; stop that process for a check of every checksum", d->data);
        ask_process(d, cli);
    } else if (rc != LG_OK) {
        lg_doctor_find(d, LG_FINDING_FAIL, "directory", "%s", err.text);
    } else {
        lg_doctor_find(d, LG_FINDING_OK, "directory", "%s, format 1, not in use", d->data);
        lg_doctor_data(d, dir.disk);
    }
    lg_data_dir_close(&dir);
}

static void print_finding(struct lg_buf *out, struct lg_json *checks, const struct lg_finding *f)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "check", f->check);
    lg_json_set_str(json, "status", words[f->status]);
    lg_json_set_str(json, "detail", f->detail);
    lg_json_push(checks, json);
    lg_buf_appendf(out, "%-5s %-11s %s\n", words[f->status], f->check, f->detail);
}

/* LG_ERR_FAILED when something failed. */
static enum lg_rc report(const struct lg_doctor *d, const char *output, struct lg_buf *out)
{
    struct lg_json *checks = lg_json_new_array();
    LG_AUTO(lg_json) *json = lg_json_new_object();
    LG_SCOPED(lg_buf) lines = {0};
    size_t count[3] = {0};

    lg_json_set(json, "checks", checks);
    for (size_t i = 0; i < d->findings.size; i++) {
        print_finding(&lines, checks, &d->findings.data[i]);
        count[d->findings.data[i].status]++;
    }
    lg_json_set_int(json, "failed", (int64_t)count[LG_FINDING_FAIL]);
    lg_json_set_int(json, "warnings", (int64_t)count[LG_FINDING_WARN]);
    if (output == NULL || strcmp(output, "table") == 0)
        lg_buf_append_slice(out, lg_buf_slice(&lines));
    else
        lg_json_write(out, json, strcmp(output, "json") == 0);
    if (output != NULL && strcmp(output, "table") != 0)
        lg_buf_append_byte(out, '\n');
    return count[LG_FINDING_FAIL] > 0 ? LG_ERR_FAILED : LG_OK;
}

int lg_verb_doctor(const struct lg_command *command)
{
    LG_SCOPED(lg_cli) cli = {0};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_command alone = *command; /* Its --data may name a directory that nobody uses. */
    struct lg_doctor d = {.data = command->argument_count > 0 ? command->arguments[0] : NULL};
    struct lg_error err = {0};
    enum lg_rc rc;
    int printed;

    alone.flags[LG_FLAG_CONTROLLER] = alone.flags[LG_FLAG_ROUTER] = "http://127.0.0.1:5555";
    if (lg_cli_open(&cli, &alone, &err) != LG_OK)
        return lg_cli_fail(&err);
    d.waiter = (struct lg_waiter){.lane = cli.lane, .wait = wait, .wake = wake, .ctx = &cli};
    if (d.data != NULL)
        look_at_directory(&d, &cli);
    else
        lg_doctor_machine(&d);
    rc = report(&d, command->flags[LG_FLAG_OUTPUT], &out);
    lg_doctor_done(&d);
    printed = lg_cli_print(lg_buf_slice(&out));
    return rc == LG_OK ? printed : lg_rc_exit(rc);
}
