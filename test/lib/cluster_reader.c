#include "test/lib/cluster_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "test/test.h"

#define HALF (LG_ORACLE_KEYS / 2)
#define END_MS 60000
#define PACE_MS 3 /* between two reads: the machine has other work to do */
#define TROUBLED_MS 250u

/* --- One answer. ------------------------------------------------------------------------------ */
static enum lg_cluster_read wrong(struct lg_cluster_reading *out, const char *what, int key,
                                  long long found)
{
    (void)snprintf(out->problem, sizeof out->problem, "version %d, key %d: %s (%lld)", out->version,
                   key, what, found);
    return LG_CLUSTER_READ_WRONG;
}

/* The first row tells the generation that all of them must be of. */
static enum lg_cluster_read judge(const struct lg_json *json, int first,
                                  struct lg_cluster_reading *out)
{
    const struct lg_json *results = lg_json_get(json, "results");

    out->version = (int32_t)lg_json_get_int(json, "version", 0);
    out->generation = 0;
    if (lg_json_size(results) != HALF)
        return wrong(out, "not as many results as keys", first, (long long)lg_json_size(results));
    for (int i = 0; i < HALF && out->generation == 0; i++)
        out->generation = (int32_t)lg_json_get_int(
            lg_json_get(lg_json_at(results, (size_t)i), "value"), "generation", 0);
    for (int i = 0; i < HALF; i++) {
        const struct lg_json *row = lg_json_at(results, (size_t)i);
        int64_t generation = lg_json_get_int(lg_json_get(row, "value"), "generation", 0);
        bool found = lg_json_get_bool(row, "found", false);

        if (found != lg_oracle_has_key(out->generation, first + i))
            return wrong(out, found ? "is there and should not be" : "is lost", first + i,
                         out->generation);
        if (found && generation != out->generation)
            return wrong(out, "is of another generation", first + i, (long long)generation);
    }
    return LG_CLUSTER_READ_RIGHT;
}

enum lg_cluster_read lg_cluster_read(uint16_t router, int half, unsigned wait_ms,
                                     struct lg_cluster_reading *out)
{
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    int first = half * HALF;

    *out = (struct lg_cluster_reading){0};
    for (int i = 0; i < HALF; i++)
        lg_buf_appendf(&body, "%s%d", i == 0 ? "{\"keys\":[" : ",", first + i);
    lg_buf_append_str(&body, "]}");
    if (!lg_ask_try(&(struct lg_question){.port = router,
                                          .target = "/v1/stores/" LG_ORACLE_STORE,
                                          .headers = "Content-Type: application/json\r\n",
                                          .body = lg_buf_slice(&body),
                                          .wait_ms = wait_ms},
                    &reply)) {
        (void)snprintf(out->problem, sizeof out->problem, "port %u gives no answer", router);
        return LG_CLUSTER_READ_SILENT;
    }
    if (reply.status != 200 || lg_json_parse(lg_buf_slice(&reply.body), &json, &err) != LG_OK) {
        (void)snprintf(out->problem, sizeof out->problem, "port %u answers %d: %.300s", router,
                       reply.status, lg_reply_text(&reply));
        return reply.status == 503 && strstr(lg_reply_text(&reply), "has not read the metadata")
                   ? LG_CLUSTER_READ_UNREADY
                   : LG_CLUSTER_READ_WRONG;
    }
    return judge(json, first, out);
}

/* --- The reader's process. -------------------------------------------------------------------- */
struct book {
    const struct lg_cluster *cluster;
    unsigned routers[LG_CLUSTER_NODES_MAX]; /* their numbers */
    int32_t versions[LG_CLUSTER_NODES_MAX]; /* that each has read last */
    unsigned count, right, retried, failed;
    char problem[400]; /* the first */
};

static void note(struct book *b, const struct lg_cluster_reading *reading)
{
    if (b->failed++ == 0)
        memcpy(b->problem, reading->problem, sizeof b->problem);
}

/* One read: the routers in turn until one answers; only one that is in trouble may be silent. */
static void read_once(struct book *b, unsigned router, int half)
{
    struct lg_cluster_reading reading = {0};

    for (unsigned i = 0; i < b->count; i++) {
        unsigned at = (router + i) % b->count, number = b->routers[at];
        unsigned troubles = lg_cluster_troubles(b->cluster, number);
        enum lg_cluster_read rc =
            lg_cluster_read(b->cluster->nodes[LG_CLUSTER_ROUTER][number].port, half,
                            troubles % 2 == 1 ? TROUBLED_MS : 0, &reading);

        if ((rc == LG_CLUSTER_READ_SILENT || rc == LG_CLUSTER_READ_UNREADY) &&
            lg_cluster_troubled(b->cluster, number, troubles)) {
            b->retried++;
            continue;
        }
        if (rc == LG_CLUSTER_READ_RIGHT && reading.version < b->versions[at])
            rc = wrong(&reading, "is older than what this router has read before", half * HALF,
                       b->versions[at]);
        if (rc == LG_CLUSTER_READ_RIGHT) {
            b->versions[at] = reading.version;
            b->right++;
            return;
        }
        break;
    }
    note(b, &reading);
}

static bool is_over(int stop_fd)
{
    struct pollfd p = {.fd = stop_fd, .events = POLLIN};

    return poll(&p, 1, PACE_MS) != 0; /* Its other end was closed. */
}

static void run(struct book *b, int stop_fd, int result_fd)
{
    for (unsigned n = 0; !is_over(stop_fd); n++)
        read_once(b, n % b->count, (int)(n / b->count % 2));
    (void)dprintf(result_fd, "%u %u %u %s", b->right, b->retried, b->failed, b->problem);
}

void lg_cluster_reader_start(struct lg_cluster_reader *r, const struct lg_cluster *c,
                             unsigned without)
{
    struct book b = {.cluster = c};
    int stop[2], result[2];

    for (unsigned i = 0; i < c->count[LG_CLUSTER_ROUTER]; i++)
        if (i != without)
            b.routers[b.count++] = i;
    assert_true(b.count > 0);
    assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
    assert_int_equal(pipe2(result, O_CLOEXEC), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(stop[1]);
        run(&b, stop[0], result[1]);
        _exit(0);
    }
    (void)close(stop[0]);
    (void)close(result[1]);
    r->stop_fd = stop[1];
    r->result_fd = result[0];
}

unsigned lg_cluster_reader_end(struct lg_cluster_reader *r)
{
    char text[600] = {0}, problem[401] = {0};
    size_t size = 0;
    unsigned right = 0, retried = 0, failed = 0;
    struct pollfd p = {.fd = r->result_fd, .events = POLLIN};

    (void)close(r->stop_fd);
    if (poll(&p, 1, END_MS) != 1)
        fail_msg("the reader does not end");
    for (ssize_t got = 1; got > 0 && size < sizeof text - 1; size += (size_t)LG_MAX(got, 0))
        got = read(r->result_fd, text + size, sizeof text - 1 - size);
    (void)close(r->result_fd);
    assert_int_equal(waitpid(r->pid, NULL, 0), r->pid);
    *r = (struct lg_cluster_reader){0};
    assert_true(sscanf(text, "%u %u %u %400[^\n]", &right, &retried, &failed, problem) >= 3);
    print_message("reads: %u right, %u asked of another router, %u failed\n", right, retried,
                  failed);
    if (failed > 0)
        fail_msg("%u reads of %u failed; the first: %s", failed, failed + right, problem);
    assert_true(right > 0);
    return right;
}
