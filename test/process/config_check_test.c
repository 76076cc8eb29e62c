/* What `lagoon config check` says of a file, and the program itself when it is started with it. */
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

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

static void check_tells_every_fault_with_its_line(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"hots = x\n", ":1: unknown option 'hots'; did you mean 'host'?"},
        {"\nidle_timeout = 5\n", ":2: idle_timeout: '5' is not a time with a unit"},
        {"block_cache = 64\n", ":1: block_cache: '64' is not a size with a unit"},
        {"block_cache = 1B\n", ":1: block_cache: 1B is out of range (1MiB to 1TiB)"},
        {"router_port = http\n", ":1: router_port: 'http' is not a whole number"},
        {"log_level = loud\n", ":1: log_level: no log level 'loud'; there are debug, info"},
        {"log_levels = net\n", ":1: log_levels: 'net' is not module=level"},
        {"log_levels = net=debug,x=y\n", ":1: log_levels: module x: no log level 'y'"},
        {"log_to = printer\n", ":1: log_to: 'printer' is nowhere"},
        {"log_to = file\n", "log_to = file needs log_file"},
        {"read_cpus = 0-x\n", ":1: read_cpus: '0-x' is no list of processors; it is like 0-3,8"},
        {"what is this\n", ":1: expected 'key = value', found 'what is this'"},
        {"host = 0.0.0.0\n", "listening on 0.0.0.0 would let everybody in"},
        {"router_port = 9\nserver_port = 9\n", "router_port and server_port are both 9"},
        {"server_port = 9\ngrpc_port = 9\n", "grpc_port and server_port are both 9"},
        {"router_port = 9\ngrpc_port = 9\n", "grpc_port and router_port are both 9"},
        {"controller_port = 9\ngrpc_port = 9\n", "grpc_port and controller_port are both 9"},
        {"config = /x\n", ":1: config: a configuration file cannot name another"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO_STR char *path = lg_rig_file(&rig, "bad.conf", lg_slice_str(cases[i].text));
        LG_AUTO(lg_json) *json = NULL;

        assert_run(&rig, 2, "config", "check", path);
        lg_rig_assert_out(&rig, cases[i].said);
        lg_rig_assert_out(&rig, "not usable");
        assert_run(&rig, 2, "config", "check", path, "--output", "json");
        json = lg_rig_json(lg_buf_slice(&rig.out));
        assert_false(lg_json_get_bool(json, "ok", true));
        /* And the program itself does not start with it. */
        assert_run(&rig, strncmp(cases[i].text, "host", 4) == 0 ? 4 : 2, "standalone", "--data",
                   "/nowhere/at/all", "--config", path);
    }
    assert_run(&rig, 3, "config", "check", "/nowhere/lagoon.conf");
}

static void check_looks_at_the_machine(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"log_to = file\nlog_file = /nowhere/at/all/log\n",
         ":2: log_file: log file /nowhere/at/all/log: No such file or directory"},
        {"log_to = file\nlog_file = /tmp\n", ":2: log_file: log file /tmp: Is a directory"},
        {"read_cpus = 1023\n", ":1: read_cpus: processor 1023 is not there"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO_STR char *path = lg_rig_file(&rig, "bad.conf", lg_slice_str(cases[i].text));

        assert_run(&rig, 2, "config", "check", path);
        lg_rig_assert_out(&rig, cases[i].said);
        lg_rig_assert_out(&rig, "not usable, 1 error, 0 warnings");
    }
}

static void check_reads_the_files_of_tls(void **state)
{
    LG_AUTO_STR char *none = lg_rig_file(&rig, "none.pem", LG_SLICE_NULL);
    LG_AUTO_STR char *text =
        lg_strf("tls_key = %s\ntls_cert = /no/cert\ntls_client_ca = /no/clients\ntls_ca = %s\n",
                none, none);
    LG_AUTO_STR char *path = lg_rig_file(&rig, "tls.conf", lg_slice_str(text));

    (void)state;
    assert_run(&rig, 2, "config", "check", path);
    lg_rig_assert_out(&rig, "tls.conf:2: tls_cert: /no/cert cannot be read: No such file");
    lg_rig_assert_out(&rig, "tls.conf:3: tls_client_ca: /no/clients cannot be read: No such file");
    lg_rig_assert_out(&rig, "tls.conf:4: tls_ca: ");
    lg_rig_assert_out(&rig, "not usable, 3 errors");
}

/* What is wrong with the addresses of a cluster is told at once, with the key; nothing is tried. */
static void addresses_that_are_none_are_usage_errors(void **state)
{
    static const struct {
        const char *key, *value, *said;
    } cases[] = {
        {"zookeeper.address", "zk1", "zookeeper.address: 'zk1' has no port; each server is "},
        {"zookeeper.address", "zk1:2181,zk2:70000", "'zk2:70000' has a port that is none"},
        {"zookeeper.address", "::1:2181", "put an IPv6 address in brackets"},
        {"zookeeper.address", "zk1:2181/", "zookeeper.address: the path behind the servers: "},
        {"zookeeper.address", "zk1:2181/a//b", "zookeeper.address: the path behind the servers: "},
        {"kafka.bootstrap.servers", "kafka1:", "kafka.bootstrap.servers: 'kafka1:' has no port"},
        {"kafka.bootstrap.servers", "kafka1:9092/x", "kafka.bootstrap.servers: 'kafka1:9092/x' "},
        {"kafka.bootstrap.servers", "kafka://k:1", "has a scheme, which is to be left out"},
        {"min.active.replica", "17", "min.active.replica: 17 is out of range"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO_STR char *text =
            lg_strf("cluster.name = a\n%s = %s\n", cases[i].key, cases[i].value);
        LG_AUTO_STR char *path = lg_rig_file(&rig, "bad.conf", lg_slice_str(text));

        assert_run(&rig, 2, "config", "check", path, "--role", "controller");
        lg_rig_assert_out(&rig, "bad.conf:2: ");
        lg_rig_assert_out(&rig, cases[i].said);
        assert_run(&rig, 2, "controller", "--config", path);
        lg_rig_assert_err(&rig, cases[i].said);
    }
    assert_run(&rig, 2, "controller", "--cluster-name", "a", "--zookeeper-address", "h:1",
               "--kafka-bootstrap-servers", "k:1", "--min-active-replica", "4");
    lg_rig_assert_err(&rig, "min.active.replica is 4, but default.replica.factor is 3");
    assert_run(&rig, 2, "controller", "--cluster-name", "a");
    lg_rig_assert_err(&rig, "zookeeper.address is missing");
    assert_run(&rig, 2, "server", "--cluster-name", "a", "--zookeeper-address", "[::1]:1/chroot");
    lg_rig_assert_err(&rig, "kafka.bootstrap.servers is missing");
    assert_run(&rig, 2, "server", "--cluster-name", "a", "--zookeeper-address", "h:1",
               "--kafka-bootstrap-servers", "k:1", "--data-base-path", "d", "--grpc-port", "8888");
    lg_rig_assert_err(&rig, "grpc_port and listener.port are both 8888");
}

/* Where a directory must be there is a file: it contradicts what is there. */
static void a_data_directory_that_is_a_file_is_a_conflict(void **state)
{
    LG_AUTO_STR char *file = lg_rig_file(&rig, "a-file", LG_LIT("x"));
    LG_AUTO_STR char *below = lg_strf("%s/below", file);
    LG_AUTO_STR char *text = lg_strf("data.base.path = %s\n", file);
    LG_AUTO_STR char *conf = lg_rig_file(&rig, "server.conf", lg_slice_str(text));
    const char *const paths[] = {file, below};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        assert_run(&rig, 6, "server", "--cluster-name", "a", "--zookeeper-address", "h:1",
                   "--kafka-bootstrap-servers", "k:1", "--data-base-path", paths[i]);
        lg_rig_assert_err(&rig, paths[i]);
        lg_rig_assert_err(&rig, "is a file; name a directory");
        assert_run(&rig, 6, "standalone", "--data", paths[i]);
        lg_rig_assert_err(&rig, "is a file; name a directory");
    }
    assert_run(&rig, 0, "config", "check", conf, "--role", "server");
    lg_rig_assert_out(&rig, "server.conf:1: data.base.path: it is a file, not a directory");
}

static void check_warns_of_what_is_hardly_meant(void **state)
{
    LG_AUTO_STR char *path = lg_rig_file(
        &rig, "odd.conf",
        LG_LIT("data = /proc/lagoon\ninsecure = true\nlog_file = /tmp/x\nblock_cache = 1TiB\n"
               "grpc = false\ngrpc_port = 8889\n"));
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_run(&rig, 0, "config", "check", path);
    lg_rig_assert_out(&rig, "odd.conf:2: insecure: nothing is gained");
    lg_rig_assert_out(&rig, "odd.conf:3: log_file: it is not used");
    lg_rig_assert_out(&rig, "odd.conf:4: block_cache: it is over half");
    lg_rig_assert_out(&rig, "odd.conf:6: grpc_port: it is not used: grpc is false");
    assert_run(&rig, 0, "config", "check", path, "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_true(lg_json_get_bool(json, "ok", false));
    assert_in_range(lg_json_size(lg_json_get(json, "warnings")), 4, 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(check_tells_every_fault_with_its_line),
        TEST(check_looks_at_the_machine),
        TEST(check_reads_the_files_of_tls),
        TEST(addresses_that_are_none_are_usage_errors),
        TEST(a_data_directory_that_is_a_file_is_a_conflict),
        TEST(check_warns_of_what_is_hardly_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
