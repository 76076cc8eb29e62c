/* Operation as an operator sees it: configuration, logs, metrics, probes and signals of the real
 * program. */
#include "base/clock.h"
#include "base/str.h"
#include "drivers/posix/cpus_posix.h"
#include "test/lib/rig.h"
#include "test/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000u /* generous; nothing is asserted about it */
#define KEY_SECRET "sekrit_key_7f3a9"
#define VALUE_SECRET "sekrit_value_b81c2"

static struct lg_rig rig;

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

#define START(...) lg_rig_start(&rig, (const char *const[]){__VA_ARGS__, NULL}, NULL)

static char *log_text(void)
{
    struct lg_buf text = {0};

    lg_process_stderr(&rig.standalone, &text);
    return lg_buf_take_str(&text);
}

static char *file_text(const char *path)
{
    struct lg_buf text = {0};

    lg_rig_read_file(path, &text);
    return lg_buf_take_str(&text);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in:\n%s", part, text);
}

/* Waits until what `get` returns holds `part`. */
static void await(char *(*get)(void), const char *part)
{
    uint64_t until_us = lg_clock_mono_us() + WAIT_MS * 1000ull;

    for (;;) {
        LG_AUTO_STR char *text = get();

        if (strstr(text, part) != NULL)
            return;
        if (lg_clock_mono_us() > until_us)
            fail_msg("'%s' never came in:\n%s", part, text);
        lg_process_pause(5);
    }
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* The smallest push there is: one record of two strings. */
static void push_one(const char *store, const char *key, const char *value)
{
    LG_AUTO_STR char *line = lg_strf("{\"key\":\"%s\",\"value\":\"%s\"}\n", key, value);
    LG_AUTO_STR char *file = lg_rig_file(&rig, "one.ndjson", lg_slice_str(line));
    LG_AUTO_STR char *schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));

    assert_run(&rig, 0, "store", "create", store, "--key-schema", schema, "--value-schema", schema,
               "--partitions", "1");
    assert_run(&rig, 0, "push", store, file, "--key-field", "key", "--value-field", "value");
}

/* --- Configuration. --------------------------------------------------------------------------- */
static void the_program_documents_every_key(void **state)
{
    LG_AUTO(lg_json) *all = NULL;
    LG_AUTO_STR char *sample = file_text("docs/reference/lagoon.conf");

    (void)state;
    assert_run(&rig, 0, "config", "explain", "--output", "json");
    all = lg_rig_json(lg_buf_slice(&rig.out));
    assert_in_range(lg_json_size(all), 15, 66);
    for (size_t i = 0; i < lg_json_size(all); i++) {
        const struct lg_json *row = lg_json_at(all, i);
        const char *key = lg_json_get_str(row, "key", "");
        LG_AUTO_STR char *line = lg_strf("\n#%s = ", key);

        assert_true(strlen(lg_json_get_str(row, "help", "")) > 10);
        assert_true(strlen(lg_json_get_str(row, "more", "")) > 10);
        assert_non_null(lg_json_get_str(row, "example", NULL));
        if (strcmp(key, "config") != 0)
            assert_has(sample, line);
    }
    assert_run(&rig, 0, "config", "explain", "shutdown-grace");
    lg_rig_assert_out(&rig, "default   500ms");
    lg_rig_assert_out(&rig, "LAGOON_SHUTDOWN_GRACE");
    assert_run(&rig, 2, "config", "explain", "shutdown_grac");
    lg_rig_assert_err(&rig, "did you mean 'shutdown_grace'?");
}

static void the_sample_in_the_docs_is_what_the_program_prints(void **state)
{
    LG_AUTO_STR char *sample = file_text("docs/reference/lagoon.conf");

    (void)state;
    assert_run(&rig, 0, "config", "sample");
    assert_string_equal((const char *)rig.out.data, sample);
    assert_run(&rig, 0, "config", "check", "docs/reference/lagoon.conf");
    lg_rig_assert_out(&rig, "ok, 0 errors, 0 warnings");
}

static void so_are_the_samples_of_the_roles_of_a_cluster(void **state)
{
    static const char *const roles[] = {"controller", "router", "server"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++) {
        LG_AUTO_STR char *path = lg_strf("docs/reference/%s.conf", roles[i]);
        LG_AUTO_STR char *sample = file_text(path);
        LG_AUTO(lg_json) *all = NULL;

        assert_run(&rig, 0, "config", "sample", "--role", roles[i]);
        assert_string_equal((const char *)rig.out.data, sample);
        assert_run(&rig, 0, "config", "check", path, "--role", roles[i]);
        lg_rig_assert_out(&rig, "zookeeper.address: is missing: the ");
        lg_rig_assert_out(&rig, "`zookeeper.address = zk1:2181,zk2:2181,zk3:2181` here, or as "
                                "--zookeeper-address");
        lg_rig_assert_out(&rig, "ok, 0 errors, ");
        assert_run(&rig, 0, "config", "explain", "--role", roles[i], "--output", "json");
        all = lg_rig_json(lg_buf_slice(&rig.out));
        assert_in_range(lg_json_size(all), 20, 68);
        assert_run(&rig, 0, "config", "show", "--role", roles[i], "--cluster-name", "prod");
        lg_rig_assert_out(&rig, "cluster.name ");
        lg_rig_assert_out(&rig, "flag");
    }
    assert_run(&rig, 0, "config", "explain", "delay-to-rebalance-ms", "--role", "controller");
    lg_rig_assert_out(&rig, "LAGOON_DELAY_TO_REBALANCE_MS");
    assert_run(&rig, 2, "config", "explain", "delay.to.rebalance", "--role", "controller");
    lg_rig_assert_err(&rig, "did you mean 'delay.to.rebalance.ms'?");
    assert_run(&rig, 2, "config", "sample", "--role", "captain");
    lg_rig_assert_err(&rig, "no role 'captain'; there are standalone, controller, router");
}

static void assert_shown(const struct lg_json *json, const char *key, const char *value,
                         const char *origin)
{
    assert_string_equal(lg_json_get_str(lg_json_get(json, key), "value", NULL), value);
    assert_string_equal(lg_json_get_str(lg_json_get(json, key), "origin", NULL), origin);
}

static void flags_win_over_the_environment_over_the_file(void **state)
{
    LG_AUTO_STR char *path = lg_rig_file(
        &rig, "a.conf", LG_LIT("idle_timeout = 1s\nread_timeout = 1s\nkeep_backups = 7\n"));
    LG_AUTO_STR char *config = lg_strf("LAGOON_CONFIG=%s", path);
    const char *words[] = {"config", "show", "--idle-timeout=3s", "--output", "json", NULL};
    const char *env[] = {config, "LAGOON_IDLE_TIMEOUT=2s", "LAGOON_READ_TIMEOUT=2s", NULL};
    struct lg_process p = {0};
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    lg_process_start(&p, words, env);
    assert_int_equal(lg_process_wait(&p, LG_RIG_VERB_MS), 0);
    lg_process_stdout(&p, &out);
    lg_process_done(&p);
    json = lg_rig_json(lg_buf_slice(&out));
    assert_shown(json, "idle_timeout", "3s", "flag");
    assert_shown(json, "read_timeout", "2s", "environment");
    assert_shown(json, "keep_backups", "7", "file");
    assert_shown(json, "pool_threads", "4", "default");
    assert_shown(json, "config", path, "environment");
}

static void sighup_applies_what_is_live_and_tells_the_rest(void **state)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, "live.conf", LG_LIT("shutdown_grace = 0s\n"));
    struct lg_reply reply = {0};

    (void)state;
    START("--config", path);
    (void)lg_ask_get(rig.router, "/v1/stores", &reply);
    write_file(path, "shutdown_grace = 0s\nlog_level = debug\npool_threads = 9\n");
    lg_process_signal(&rig.standalone, SIGHUP);
    await(log_text, "config_reloaded changed=\"log_level\"");
    await(log_text, "warn config_needs_restart keys=\"pool_threads\"");
    (void)lg_ask_get(rig.router, "/v1/stores", &reply);
    await(log_text, "debug http_answered port="); /* Live: requests have lines now, with ids. */
    write_file(path, "log_level = error\npool_threads = many\n");
    lg_process_signal(&rig.standalone, SIGHUP);
    await(log_text, "live.conf:2: pool_threads: 'many' is not a whole number");
    /* A broken file changed nothing: it is still at debug. */
    (void)lg_ask_get(rig.router, "/v1/current-level", &reply);
    await(log_text, "status=404");
    lg_reply_done(&reply);
}

/* --- Logs. ------------------------------------------------------------------------------------ */
static char log_path[256];

static char *log_file_text(void)
{
    struct stat st;

    return stat(log_path, &st) == 0 ? file_text(log_path) : lg_strdup("");
}

static void start_with_log_file(const char *rotate_size)
{
    (void)snprintf(log_path, sizeof log_path, "%s/lagoon.log", rig.folder);
    START("--log-to=file", "--log-file", log_path, "--log-rotate-size", rotate_size,
          "--log-rotate-keep=2", "--log-level=debug", "--shutdown-grace=0s");
}

static void a_log_file_rotates_while_it_is_written(void **state)
{
    LG_AUTO_STR char *oldest = lg_rig_path(&rig, "lagoon.log.3");
    struct lg_reply reply = {0};
    struct stat st;

    (void)state;
    start_with_log_file("4KiB");
    for (int i = 0; i < 200; i++)
        assert_int_equal(lg_ask_get(rig.router, "/v1/stores", &reply), 200);
    lg_reply_done(&reply);
    for (int i = 0; i <= 2; i++) {
        LG_AUTO_STR char *path = i == 0 ? lg_strdup(log_path) : lg_strf("%s.%d", log_path, i);
        LG_AUTO_STR char *text = file_text(path);

        assert_in_range(strlen(text), i == 0 ? 1 : 3000, 4096);
        assert_int_equal(text[strlen(text) - 1], '\n');
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
            assert_true(line[4] == '-' && line[10] == 'T' && line[23] == 'Z'); /* Whole lines. */
    }
    assert_int_not_equal(stat(oldest, &st), 0);
}

static void sighup_opens_a_log_file_that_was_moved_away(void **state)
{
    LG_AUTO_STR char *moved = lg_rig_path(&rig, "moved.log"), *old = NULL;
    struct lg_reply reply = {0};

    (void)state;
    start_with_log_file("0B");
    assert_int_equal(rename(log_path, moved), 0);
    lg_process_signal(&rig.standalone, SIGHUP);
    await(log_file_text, "config_reloaded");
    (void)lg_ask_get(rig.router, "/v1/stores", &reply);
    await(log_file_text, "http_answered");
    old = file_text(moved);
    assert_has(old, "standalone_ready");
    lg_reply_done(&reply);
}

static void a_log_file_that_cannot_be_made_is_told_at_the_start(void **state)
{
    (void)state;
    assert_int_not_equal(LG_RUN(&rig, "standalone", "--data", rig.data, "--log-to=file",
                                "--log-file=/nowhere/at/all/log"),
                         0);
    lg_rig_assert_err(&rig, "/nowhere/at/all/log");
    assert_run(&rig, 2, "standalone", "--data", rig.data, "--log-to=file");
    lg_rig_assert_err(&rig, "needs log_file");
}

static void no_key_and_no_value_is_ever_logged_or_measured(void **state)
{
    static const char *const pages[] = {"/metrics", "/readyz?verbose", "/v1/stores"};
    struct lg_reply reply = {0};

    (void)state;
    START("--shutdown-grace=0s");
    push_one("hidden", KEY_SECRET, VALUE_SECRET);
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/hidden/" KEY_SECRET, &reply), 200);
    assert_has(lg_reply_text(&reply), VALUE_SECRET); /* It is there... */
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/hidden/" KEY_SECRET "x", &reply), 404);
    assert_null(strstr(lg_reply_text(&reply), VALUE_SECRET));
    (void)lg_ask_get(rig.router, "/storage/hidden/" KEY_SECRET, &reply);
    (void)lg_ask_get(rig.router, "/storage/nothing/" KEY_SECRET, &reply);
    (void)lg_ask_get(rig.router, "/v1/stores/nothing/" KEY_SECRET, &reply);
    (void)lg_ask_get(rig.server, "/storage/hidden_v1/7/" KEY_SECRET, &reply);
    (void)lg_ask_get(rig.server, "/storage/hidden_v1/0/" KEY_SECRET "?f=b64", &reply);
    (void)lg_ask_post(rig.router, "/v1/stores/hidden", "{\"keys\":[\"" KEY_SECRET "\",7]}", &reply);
    assert_null(strstr(lg_reply_text(&reply), VALUE_SECRET));
    for (size_t i = 0; i < LG_ARRAY_SIZE(pages); i++) { /* ... and nowhere else. */
        (void)lg_ask_get(rig.router, pages[i], &reply);
        assert_null(strstr(lg_reply_text(&reply), KEY_SECRET));
        assert_null(strstr(lg_reply_text(&reply), VALUE_SECRET));
    }
    lg_reply_done(&reply);
    lg_process_signal(&rig.standalone, SIGTERM);
    assert_int_equal(lg_process_wait(&rig.standalone, LG_RIG_READY_MS), 0);
    {
        LG_AUTO_STR char *text = log_text();

        assert_has(text, "push_completed store=hidden");
        assert_null(strstr(text, KEY_SECRET));
        assert_null(strstr(text, VALUE_SECRET));
    }
    lg_process_done(&rig.standalone);
}

/* --- Metrics and probes. ---------------------------------------------------------------------- */
static uint64_t metric(uint16_t port, const char *series)
{
    struct lg_reply reply = {0};
    LG_AUTO_STR char *line = lg_strf("\n%s ", series);
    const char *at;
    uint64_t value = 0;

    assert_int_equal(lg_ask_get(port, "/metrics", &reply), 200);
    at = strstr(lg_reply_text(&reply), line);
    if (at == NULL)
        fail_msg("no '%s' in:\n%s", series, lg_reply_text(&reply));
    at += strlen(line);
    assert_true(lg_parse_u64(lg_slice(at, strcspn(at, "\n")), UINT64_MAX, &value));
    lg_reply_done(&reply);
    return value;
}

static void promtool_accepts_the_metrics_of_every_listener(void **state)
{
    struct lg_reply reply = {0};

    (void)state;
    START("--shutdown-grace=0s");
    push_one("measured", "k", "v");
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/measured/k", &reply), 200);
    for (size_t i = 0; i < 3; i++) {
        uint16_t port = i == 0 ? rig.controller : i == 1 ? rig.router : rig.server;
        LG_AUTO_STR char *path = NULL, *command = NULL;

        assert_int_equal(lg_ask_get(port, "/metrics", &reply), 200);
        path = lg_rig_file(&rig, "metrics.txt",
                           lg_slice(reply.body.data, strlen(lg_reply_text(&reply))));
        command = lg_strf("promtool check metrics < %s 2>&1", path);
        assert_int_equal(system(command), 0);
    }
    lg_reply_done(&reply);
}

static void metrics_move_with_what_happens(void **state)
{
    struct lg_reply reply = {0};

    (void)state;
    START("--shutdown-grace=0s");
    push_one("counted", "k", "v");
    for (int i = 0; i < 3; i++)
        assert_int_equal(lg_ask_get(rig.router, "/v1/stores/counted/k", &reply), 200);
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/counted/nothing", &reply), 404);
    assert_int_equal(metric(rig.server, "lagoon_router_keys_total{result=\"found\",store="
                                        "\"counted\"}"),
                     3);
    assert_int_equal(metric(rig.server, "lagoon_router_keys_total{result=\"missing\",store="
                                        "\"counted\"}"),
                     1);
    assert_int_equal(metric(rig.server, "lagoon_router_read_seconds_count{kind=\"single\",store="
                                        "\"counted\"}"),
                     4);
    assert_int_equal(metric(rig.router, "lagoon_ingest_records_total{store=\"counted\"}"), 1);
    assert_true(metric(rig.router, "lagoon_ingest_lag_seconds_count") > 0);
    assert_int_equal(metric(rig.router, "lagoon_ingest_waiting_for_space"), 0);
    assert_int_equal(metric(rig.router, "lagoon_router_version{store=\"counted\"}"), 1);
    assert_int_equal(metric(rig.router, "lagoon_server_replicas{state=\"serving\"}"), 1);
    assert_int_equal(metric(rig.router, "lagoon_controller_pushes_total{result=\"completed\"}"), 1);
    assert_int_equal(metric(rig.router, "lagoon_controller_push_records_total"), 1);
    assert_true(metric(rig.router, "lagoon_log_append_records_total") > 1);
    assert_true(metric(rig.router, "lagoon_meta_commit_seconds_count") > 1);
    assert_true(metric(rig.router, "process_resident_memory_bytes") > 1000000);
    assert_true(metric(rig.router, "process_open_fds") > 10);
    assert_true(metric(rig.router, "lagoon_disk_free_bytes") > 0);
    assert_int_equal(metric(rig.router, "lagoon_health_ok{probe=\"readyz\"}"), 1);
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores/nothing/k", &reply), 404);
    assert_int_equal(metric(rig.router, "lagoon_router_read_errors_total{code=\"ERR_NO_STORE\"}"),
                     1);
    lg_reply_done(&reply);
}

static char *metrics_text(void)
{
    struct lg_reply reply = {0};
    char *text;

    assert_int_equal(lg_ask_get(rig.router, "/metrics", &reply), 200);
    text = lg_strdup(lg_reply_text(&reply));
    lg_reply_done(&reply);
    return text;
}

static void the_disk_is_measured_by_store_and_age_of_the_version(void **state)
{
    LG_AUTO_STR char *file = NULL;

    (void)state;
    START("--shutdown-grace=0s");
    push_one("sized", "k", "v");
    file = lg_rig_file(&rig, "two.ndjson", LG_LIT("{\"key\":\"k\",\"value\":\"w\"}\n"));
    assert_run(&rig, 0, "push", "sized", file, "--key-field", "key", "--value-field", "value");
    lg_rig_stop(&rig);
    START("--shutdown-grace=0s"); /* It measures at the start, and then now and again. */
    await(metrics_text, "\nlagoon_store_disk_bytes{version=\"newest\",store=\"sized\"} ");
    assert_true(metric(rig.router, "lagoon_store_disk_bytes{version=\"newest\",store=\"sized\"}") >
                0);
    assert_true(
        metric(rig.router, "lagoon_store_disk_bytes{version=\"previous\",store=\"sized\"}") > 0);
    assert_true(metric(rig.router, "lagoon_disk_used_bytes{part=\"log\"}") > 0);
}

static void stores_beyond_the_bound_share_one_series(void **state)
{
    struct lg_reply reply = {0};

    (void)state;
    START("--shutdown-grace=0s", "--metrics-stores=1");
    push_one("first", "k", "v");
    push_one("second", "k", "v");
    push_one("third", "k", "v");
    assert_int_equal(metric(rig.router, "lagoon_ingest_records_total{store=\"first\"}"), 1);
    assert_int_equal(metric(rig.router, "lagoon_ingest_records_total{store=\"other\"}"), 2);
    (void)lg_ask_get(rig.router, "/metrics", &reply);
    assert_null(strstr(lg_reply_text(&reply), "store=\"second\""));
    lg_reply_done(&reply);
}

/* How many sockets of IPv4 listen on the port. */
static unsigned listening(uint16_t port)
{
    LG_AUTO_STR char *word = lg_strf(":%04X 00000000:0000 0A ", port);
    LG_AUTO_STR char *table = file_text("/proc/net/tcp");
    unsigned n = 0;

    for (const char *at = table; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

static void every_lane_that_reads_listens(void **state)
{
    (void)state;
    START("--shutdown-grace=0s", "--read-threads=3");
    assert_int_equal(listening(rig.server), 3);
    assert_int_equal(listening(rig.router), 1);
}

/* How many threads of the program may run on these processors only, as /proc names them. */
static unsigned threads_on(const char *cpus)
{
    LG_AUTO_STR char *folder = lg_strf("/proc/%ld/task", (long)rig.standalone.pid);
    LG_AUTO_STR char *line = lg_strf("Cpus_allowed_list:\t%s\n", cpus);
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        LG_AUTO_STR char *path = lg_strf("%s/%s/status", folder, entry->d_name);
        LG_AUTO_STR char *status = entry->d_name[0] == '.' ? NULL : file_text(path);

        n += status != NULL && strstr(status, line) != NULL;
    }
    (void)closedir(dir);
    return n;
}

static void threads_that_read_have_processors_of_their_own(void **state)
{
    LG_AUTO_STR char *flag = NULL;
    struct lg_reply reply = {0};
    cpu_set_t allowed, first, rest;
    char first_name[64], rest_name[64];

    (void)state;
    lg_cpus_allowed(&allowed);
    lg_cpus_pick(&allowed, 0, &first);
    CPU_XOR(&rest, &allowed, &first);
    lg_cpus_name(&first, first_name, sizeof(first_name));
    lg_cpus_name(&rest, rest_name, sizeof(rest_name));
    flag = lg_strf("--read-cpus=%s", first_name);
    START("--shutdown-grace=0s", "--read-threads=2", flag);
    if (CPU_COUNT(&rest) == 0) { /* All share the one that there is. */
        assert_true(threads_on(first_name) > 2);
        return;
    }
    for (int i = 0; i < 1000 && threads_on(first_name) < 2; i++) /* Each binds itself. */
        (void)lg_ask_get(rig.server, "/livez", &reply);
    assert_int_equal(threads_on(first_name), 2);
    assert_true(threads_on(rest_name) > 5);
    lg_reply_done(&reply);
}

static void a_processor_that_is_not_there_is_named(void **state)
{
    LG_AUTO_STR char *data = lg_rig_path(&rig, "not-started");

    (void)state;
    assert_run(&rig, 2, "standalone", "--data", data, "--read-cpus=1023");
    lg_rig_assert_err(&rig, "read_cpus: processor 1023 is not there");
}

static void every_listener_answers_the_probes(void **state)
{
    struct lg_reply reply = {0};

    (void)state;
    START("--shutdown-grace=0s", "--read-threads=3");
    for (int i = 0; i < 3; i++) {
        uint16_t port = i == 0 ? rig.controller : i == 1 ? rig.router : rig.server;

        assert_int_equal(lg_ask_get(port, "/livez", &reply), 200);
        assert_string_equal(lg_reply_text(&reply), "ok\n");
        assert_int_equal(lg_ask_get(port, "/readyz?verbose", &reply), 200);
        assert_has(lg_reply_text(&reply), "[+]metadata ok\n");
        assert_has(lg_reply_text(&reply), "[+]router ok\n");
        assert_has(lg_reply_text(&reply), "[+]server ok\n");
        assert_has(lg_reply_text(&reply), "[+]lane data ok\n");
        assert_has(lg_reply_text(&reply), "[+]lanes read ok\n");
        assert_has(lg_reply_text(&reply), "readyz check passed\n");
    }
    assert_int_equal(lg_ask_get(rig.controller, "/v1/health", &reply), 200);
    lg_reply_done(&reply);
}

static void status_shows_the_same_to_people(void **state)
{
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    START("--shutdown-grace=0s");
    push_one("seen", "k", "v");
    assert_run(&rig, 0, "status");
    lg_rig_assert_out(&rig, "[+] metadata\n");
    lg_rig_assert_out(&rig, "stores   ");
    assert_run(&rig, 0, "status", "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_true(lg_json_get_bool(json, "ready", false));
    assert_true(lg_json_get_int(json, "memoryBytes", 0) > 1000000);
    assert_true(lg_json_get_int(json, "diskFreeBytes", 0) > 0);
    lg_rig_stop(&rig);
    assert_run(&rig, 5, "status"); /* Nobody is there. */
}

static void connections_beyond_the_limit_are_refused_by_name(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct lg_reply reply = {0};

    (void)state;
    START("--shutdown-grace=0s", "--connections=2");
    to.sin_port = htons(rig.server);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(held, (struct sockaddr *)&to, sizeof to), 0);
    {
        int held_too = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        uint64_t until_us = lg_clock_mono_us() + WAIT_MS * 1000ull;

        assert_int_equal(connect(held_too, (struct sockaddr *)&to, sizeof to), 0);
        while (metric(rig.router, "lagoon_http_connections{listener=\"server\"}") < 2)
            assert_true(lg_clock_mono_us() < until_us);
        assert_int_equal(lg_ask_get(rig.server, "/livez", &reply), 503);
        assert_has(lg_reply_text(&reply), "too many connections");
        assert_int_equal(metric(rig.router, "lagoon_http_refused_total{listener=\"server\",limit="
                                            "\"connections\"}"),
                         1);
        close(held_too);
    }
    close(held);
    lg_reply_done(&reply);
}

/* --- Signals. --------------------------------------------------------------------------------- */
struct load { /* One thread of reads. */
    pthread_t thread;
    uint16_t port;
    uint64_t good_until_us; /* Atomic: until then every read must succeed; 0: not known yet. */
    bool stop;              /* Atomic. */
    unsigned good, bad;
};

static void *read_on(void *arg)
{
    struct load *l = arg;
    struct lg_question question = {.port = l->port, .target = "/v1/stores/loaded/k"};
    struct lg_reply reply = {0};

    while (!__atomic_load_n(&l->stop, __ATOMIC_RELAXED)) {
        bool answered = lg_ask_try(&question, &reply);
        uint64_t until_us = __atomic_load_n(&l->good_until_us, __ATOMIC_RELAXED);

        if (answered && reply.status == 200)
            l->good++;
        else if (until_us == 0 || lg_clock_mono_us() < until_us)
            l->bad++;
    }
    lg_reply_done(&reply);
    return NULL;
}

static char *readyz_text(void)
{
    struct lg_question question = {.port = rig.router, .target = "/readyz"};
    struct lg_reply reply = {0};
    char *text = lg_ask_try(&question, &reply) ? lg_strdup(lg_reply_text(&reply)) : lg_strdup("");

    lg_reply_done(&reply);
    return text;
}

static void no_read_fails_before_the_end_of_the_grace(void **state)
{
    struct load loads[2] = {0};
    uint64_t told_us;

    (void)state;
    START("--shutdown-grace=1s");
    push_one("loaded", "k", "v");
    for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++) {
        loads[i].port = rig.router;
        assert_int_equal(pthread_create(&loads[i].thread, NULL, read_on, &loads[i]), 0);
    }
    lg_process_pause(50);
    told_us = lg_clock_mono_us();
    lg_process_signal(&rig.standalone, SIGTERM);
    for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++)
        __atomic_store_n(&loads[i].good_until_us, told_us + 1000000, __ATOMIC_RELAXED);
    await(readyz_text, "[-]shutdown stopping\n");
    assert_int_equal(lg_process_wait(&rig.standalone, LG_RIG_READY_MS), 0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++) {
        __atomic_store_n(&loads[i].stop, true, __ATOMIC_RELAXED);
        assert_int_equal(pthread_join(loads[i].thread, NULL), 0);
        assert_true(loads[i].good > 10);
        assert_int_equal(loads[i].bad, 0);
    }
    {
        LG_AUTO_STR char *text = log_text();

        assert_has(text, "standalone_stopping signal=15 grace_ms=1000");
        assert_has(text, "standalone_stopped");
    }
    lg_process_done(&rig.standalone);
    START("--shutdown-grace=0s"); /* And all is there again. */
    assert_run(&rig, 0, "get", "loaded", "k");
}

static void a_second_signal_ends_the_grace(void **state)
{
    (void)state;
    START("--shutdown-grace=1h");
    lg_process_signal(&rig.standalone, SIGINT);
    await(readyz_text, "[-]shutdown stopping\n");
    lg_process_signal(&rig.standalone, SIGTERM);
    assert_int_equal(lg_process_wait(&rig.standalone, LG_RIG_READY_MS), 0);
    lg_process_done(&rig.standalone);
}

static int notify_fd = -1;
static struct lg_buf notified;

static char *notified_text(void)
{
    char message[256];
    ssize_t n;

    while ((n = recv(notify_fd, message, sizeof message, MSG_DONTWAIT)) > 0) {
        lg_buf_append(&notified, message, (size_t)n);
        lg_buf_append_byte(&notified, '\n');
    }
    return lg_strndup((const char *)notified.data, notified.size);
}

static void systemd_is_told_of_every_change(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    LG_AUTO_STR char *socket_env = NULL;
    const char *env[3] = {0};

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.90s/notify", rig.folder);
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&address, sizeof address), 0);
    socket_env = lg_strf("NOTIFY_SOCKET=%s", address.sun_path);
    env[0] = socket_env;
    env[1] = "WATCHDOG_USEC=20000";
    lg_rig_start(&rig, (const char *const[]){"--shutdown-grace=0s", NULL}, env);
    await(notified_text, "READY=1\nSTATUS=serving\n");
    await(notified_text, "WATCHDOG=1\n");
    lg_buf_clear(&notified);
    lg_process_signal(&rig.standalone, SIGHUP);
    await(notified_text, "RELOADING=1\nMONOTONIC_USEC=");
    await(notified_text, "READY=1\n");
    lg_rig_stop(&rig);
    await(notified_text, "STOPPING=1\n");
    close(notify_fd);
    lg_buf_done(&notified);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_program_documents_every_key),
        TEST(the_sample_in_the_docs_is_what_the_program_prints),
        TEST(so_are_the_samples_of_the_roles_of_a_cluster),
        TEST(flags_win_over_the_environment_over_the_file),
        TEST(sighup_applies_what_is_live_and_tells_the_rest),
        TEST(a_log_file_rotates_while_it_is_written),
        TEST(sighup_opens_a_log_file_that_was_moved_away),
        TEST(a_log_file_that_cannot_be_made_is_told_at_the_start),
        TEST(no_key_and_no_value_is_ever_logged_or_measured),
        TEST(promtool_accepts_the_metrics_of_every_listener),
        TEST(metrics_move_with_what_happens),
        TEST(the_disk_is_measured_by_store_and_age_of_the_version),
        TEST(stores_beyond_the_bound_share_one_series),
        TEST(every_lane_that_reads_listens),
        TEST(threads_that_read_have_processors_of_their_own),
        TEST(a_processor_that_is_not_there_is_named),
        TEST(every_listener_answers_the_probes),
        TEST(status_shows_the_same_to_people),
        TEST(connections_beyond_the_limit_are_refused_by_name),
        TEST(no_read_fails_before_the_end_of_the_grace),
        TEST(a_second_signal_ends_the_grace),
        TEST(systemd_is_told_of_every_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
