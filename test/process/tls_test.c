/* A standalone whose listeners speak TLS and ask for certificates, in the hands of its own verbs,
 * of curl and of openssl: what works, who is refused, and that certificates change under load
 * without a connection lost. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/str.h"
#include "test/lib/certs.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define HERE "DNS:localhost,IP:127.0.0.1"

static struct lg_rig rig;
static struct certs certs;
static const char *environment[5];

/* A client that is let in. */
#define CURL                                                                                       \
    "curl -sS -m 60 --cacert $CERTS/ca.crt --cert $CERTS/reader.crt --key $CERTS/reader.key "

static int set_up(void **state)
{
    static const char *const options[] = {"--tls-handshake-timeout", "700ms", "--read-threads", "2",
                                          NULL};
    char *variables[6];

    (void)state;
    certs_init(&certs);
    certs_authority(&certs, "ca");
    certs_authority(&certs, "others");
    certs_issue(&certs, "ca", "node", &(struct cert_wish){.cn = "node", .names = HERE});
    certs_issue(&certs, "ca", "reader", &(struct cert_wish){.cn = "reader"});
    certs_issue(&certs, "others", "stranger", &(struct cert_wish){.cn = "stranger"});
    certs_issue(&certs, "ca", "expired",
                &(struct cert_wish){.cn = "expired", .from_s = -3 * CERT_DAY, .to_s = -CERT_DAY});
    certs_issue(&certs, "ca", "early",
                &(struct cert_wish){.cn = "early", .from_s = CERT_DAY, .to_s = 3 * CERT_DAY});
    variables[0] = lg_strf("LAGOON_TLS_CERT=%s/node.crt", certs.folder);
    variables[1] = lg_strf("LAGOON_TLS_KEY=%s/node.key", certs.folder);
    variables[2] = lg_strf("LAGOON_TLS_CLIENT_CA=%s/ca.crt", certs.folder);
    variables[3] = NULL;
    lg_rig_init(&rig);
    lg_rig_start(&rig, options, (const char *const *)variables);
    for (unsigned i = 0; i < 3; i++)
        lg_free(variables[i]);
    environment[0] = lg_strf("LAGOON_TLS_CA=%s/ca.crt", certs.folder);
    environment[1] = lg_strf("LAGOON_TLS_CERT=%s/reader.crt", certs.folder);
    environment[2] = lg_strf("LAGOON_TLS_KEY=%s/reader.key", certs.folder);
    environment[3] = lg_strf("LAGOON_DATA=%s", rig.data);
    rig.environment = environment;
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    certs_done(&certs);
    for (unsigned i = 0; i < 4; i++)
        lg_free((void *)(uintptr_t)environment[i]);
    return 0;
}

static void export_port(const char *name, uint16_t port)
{
    LG_AUTO_STR char *text = lg_strf("%u", port);

    assert_int_equal(setenv(name, text, 1), 0);
}

/* A line of bash, which knows $CERTS, and the ports $CONTROLLER, $ROUTER and $SERVER. */
static FILE *begin_shell(const char *line)
{
    LG_AUTO_STR char *path = lg_rig_file(&rig, "script", lg_slice_str(line));
    LG_AUTO_STR char *command = lg_strf("bash '%s' 2>&1", path);
    FILE *pipe;

    assert_int_equal(setenv("CERTS", certs.folder, 1), 0);
    assert_int_equal(setenv("DATA", rig.data, 1), 0);
    export_port("CONTROLLER", rig.controller);
    export_port("ROUTER", rig.router);
    export_port("SERVER", rig.server);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    return pipe;
}

/* What it prints, errors too; the caller owns the text. */
static char *shell(const char *line)
{
    FILE *pipe = begin_shell(line);
    struct lg_buf out = {0};
    size_t got;

    do {
        uint8_t *room = lg_buf_reserve(&out, 4096);

        got = fread(room, 1, 4096, pipe);
        lg_buf_commit(&out, got);
    } while (got > 0);
    assert_true(pclose(pipe) >= 0);
    return lg_buf_take_str(&out);
}

static void assert_says(const char *line, const char *words)
{
    LG_AUTO_STR char *said = shell(line);

    if (strstr(said, words) == NULL)
        fail_msg("%s\nsays not '%s' but: %s", line, words, said);
}

static void all_that_is_ours_speaks_it(void **state)
{
    (void)state;
    assert_run(&rig, 0, "get", "cities", "2988507");
    lg_rig_assert_out(&rig, "Paris");
    assert_run(&rig, 0, "status");
    assert_run(&rig, 0, "store", "list");
    lg_rig_assert_out(&rig, "cities");
    assert_run(&rig, 0, "doctor");
}

static void one_port_speaks_what_alpn_agrees_on(void **state)
{
    (void)state;
    assert_says(CURL "-o /dev/null -w '%{http_version} %{http_code}' "
                     "https://localhost:$SERVER/metadata/cities",
                "2 200");
    assert_says(CURL "--http1.1 -o /dev/null -w '%{http_version} %{http_code}' "
                     "https://localhost:$SERVER/metadata/cities",
                "1.1 200");
    assert_says(CURL "-o /dev/null -w '%{http_version} %{http_code}' "
                     "https://localhost:$ROUTER/v1/stores/cities/2988507",
                "1.1 200");
    assert_says("echo | openssl s_client -connect localhost:$SERVER -alpn h3 -CAfile $CERTS/ca.crt",
                "no application protocol");
}

static void addresses_that_are_given_out_begin_with_https(void **state)
{
    (void)state;
    assert_says("strings <(" CURL "https://localhost:$SERVER/metadata/cities)",
                "https://127.0.0.1:");
    assert_says(CURL "https://localhost:$CONTROLLER/leader_controller?cluster_name=lagoon-0",
                "https://127.0.0.1:");
    assert_says("cat $DATA/endpoints.json", "\"router\": \"https://127.0.0.1:");
}

/* What /metrics says. */
static uint64_t counted(const char *series)
{
    LG_AUTO_STR char *line = lg_strf(CURL "https://localhost:$SERVER/metrics | "
                                          "grep -F 'lagoon_%s ' | cut -d ' ' -f 2 | tr -d '\\n'",
                                     series);
    LG_AUTO_STR char *said = shell(line);
    uint64_t n;

    if (!lg_parse_u64(lg_slice_str(said), UINT64_MAX, &n))
        fail_msg("%s is %s", series, said);
    return n;
}

/* Each at every port, and counted once with its reason. */
static void who_is_not_known_is_refused(void **state)
{
    static const struct {
        const char *line; /* before the port */
        const char *words, *reason;
    } rows[] = {
        {"curl -sS -m 20 --cacert $CERTS/ca.crt https://localhost:", "certificate required",
         "missing"},
        {"curl -sS -m 20 --cacert $CERTS/ca.crt --cert $CERTS/stranger.crt --key "
         "$CERTS/stranger.key https://localhost:",
         "unknown ca", "unknown_ca"},
        {"curl -sS -m 20 --cacert $CERTS/ca.crt --cert $CERTS/expired.crt --key "
         "$CERTS/expired.key https://localhost:",
         "certificate expired", "expired"},
        {"curl -sS -m 20 --cacert $CERTS/ca.crt --cert $CERTS/early.crt --key $CERTS/early.key "
         "https://localhost:",
         "bad certificate", "expired"},
        {"echo | openssl s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0 -CAfile $CERTS/ca.crt "
         "-connect localhost:",
         "alert protocol version", "protocol"},
        {"echo | openssl s_client -tls1_2 -cipher AES128-SHA -CAfile $CERTS/ca.crt "
         "-connect localhost:",
         "alert handshake failure", "protocol"},
        {"echo | openssl s_client -alpn h3 -CAfile $CERTS/ca.crt -connect localhost:",
         "no application protocol", "protocol"},
        {"curl -sS -m 20 http://localhost:", "this port speaks TLS: begin with https://",
         "not_tls"},
    };
    static const char *const ports[] = {"$CONTROLLER", "$ROUTER", "$SERVER"};

    (void)state;
    for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        static const char all[] = "tls_handshakes_total{side=\"server\",result=\"refused\"}";
        LG_AUTO_STR char *series =
            lg_strf("tls_refused_total{side=\"server\",reason=\"%s\"}", rows[i].reason);
        uint64_t before = counted(series), all_before = counted(all);

        for (unsigned k = 0; k < LG_ARRAY_SIZE(ports); k++) {
            LG_AUTO_STR char *line = lg_strf("%s%s", rows[i].line, ports[k]);

            assert_says(line, rows[i].words);
        }
        if (counted(series) - before != LG_ARRAY_SIZE(ports))
            fail_msg("%s: %llu", rows[i].line, (unsigned long long)(counted(series) - before));
        assert_int_equal(counted(all) - all_before, LG_ARRAY_SIZE(ports));
    }
}

/* All were answered. */
static void assert_measures(const char *kind, const char *option, const char *value)
{
    struct lg_json *json;

    assert_run(&rig, 0, "bench", kind, "cities", "--numbers", "2988400-2988600", "--rate", "100",
               "--duration", "1s", "--output", "json", option, value);
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_true(lg_json_get_int(json, "answered", 0) > 20);
    assert_int_equal(lg_json_get_int(json, "errors", -1), 0);
    lg_json_unref(json);
}

static void bench_measures_over_it(void **state)
{
    LG_AUTO_STR char *server = lg_strf("127.0.0.1:%u", rig.server);
    const char *plain[] = {"LAGOON_CONTROLLER=http://127.0.0.1:1", NULL};

    (void)state;
    assert_measures("get", "--protocol", "grpc");
    assert_measures("stream", "--batch", "7");
    assert_measures("get", "--protocol", "rest");
    assert_measures("batch", "--via", "router");
    /* No controller is asked: who names no certificates speaks plainly. */
    rig.environment = plain;
    assert_run(&rig, 1, "bench", "get", "cities", "--server", server, "--version", "1",
               "--partitions", "4", "--key-schema", "examples/cities/key.avsc", "--numbers", "1-9",
               "--rate", "100", "--duration", "1s");
    lg_rig_assert_out(&rig, "where TLS is spoken, name --tls-ca");
    rig.environment = environment;
}

static void our_verbs_say_what_is_wrong(void **state)
{
    LG_AUTO_STR char *stranger = lg_strf("%s/stranger.crt", certs.folder);
    LG_AUTO_STR char *key = lg_strf("%s/stranger.key", certs.folder);
    LG_AUTO_STR char *ca = lg_strf("%s/others.crt", certs.folder);

    (void)state;
    /* At once: waiting for all the time would end with 5. */
    assert_run(&rig, 4, "store", "list", "--timeout", "10s", "--tls-ca", ca);
    lg_rig_assert_err(&rig, "its certificate is refused: ");
    assert_run(&rig, 4, "store", "list", "--timeout", "10s", "--tls-cert", stranger, "--tls-key",
               key);
    lg_rig_assert_err(&rig, "it refuses our certificate CN=stranger: tlsv1 alert unknown ca");
    assert_run(&rig, 2, "store", "list", "--tls-key", key);
    lg_rig_assert_err(&rig, "is not that of the certificate");
    assert_run(&rig, 5, "get", "cities", "2988507", "--tls-ca", ca);
    lg_rig_assert_err(&rig, "its certificate is refused");
}

static void a_slow_handshake_is_cut(void **state)
{
    (void)state;
    assert_says("exec 3<>/dev/tcp/127.0.0.1/$SERVER; printf '\\x16' >&3; "
                "timeout 20 cat <&3 >/dev/null && echo cut",
                "cut");
    assert_run(&rig, 0, "get", "cities", "2988507");
}

/* Every request of a connection that lives through ten reloads is answered on that connection. */
static void certificates_change_under_load_and_nobody_is_cut_off(void **state)
{
    LG_AUTO_STR char *serial = shell("echo | openssl s_client -connect localhost:$SERVER -CAfile "
                                     "$CERTS/ca.crt 2>/dev/null | openssl x509 -noout -serial");
    LG_AUTO_STR char *now = NULL;
    FILE *load;
    char line[64];
    unsigned answers = 0, connects = 0;

    (void)state;
    load = begin_shell(CURL "--http1.1 -o /dev/null -w '%{http_code} %{num_connects}\\n' "
                            "\"https://localhost:$SERVER/metadata/cities?[1-1500]\"");
    while (fgets(line, sizeof line, load) != NULL) {
        assert_memory_equal(line, "200 ", 4);
        connects += line[4] == '1';
        if (++answers % 150 != 10)
            continue;
        certs_issue(&certs, "ca", "node", &(struct cert_wish){.cn = "node", .names = HERE});
        lg_process_signal(&rig.standalone, SIGHUP);
    }
    assert_int_equal(pclose(load), 0);
    assert_int_equal(answers, 1500);
    assert_int_equal(connects, 1);
    now =
        shell("for i in {1..50}; do echo | openssl s_client -connect localhost:$SERVER -CAfile "
              "$CERTS/ca.crt 2>/dev/null | openssl x509 -noout -serial; sleep 0.1; done | tail -1");
    assert_string_not_equal(serial, now);
}

/* Reads its files again; its log says so in these words, sooner or later. */
static void reload(struct lg_process *p, const char *words)
{
    LG_SCOPED(lg_buf) log = {0};

    lg_process_signal(p, SIGHUP);
    for (unsigned i = 0; i < 400; i++) {
        lg_buf_clear(&log);
        lg_process_stderr(p, &log);
        lg_buf_append_byte(&log, 0);
        if (strstr((const char *)log.data, words) != NULL)
            return;
        lg_process_pause(50);
    }
    fail_msg("the log does not say: %s\n%s", words, (const char *)log.data);
}

static void a_reload_of_bad_files_is_told_and_changes_nothing(void **state)
{
    (void)state;
    certs_write(&certs, "node.crt", "spoilt", 0644);
    reload(&rig.standalone, "tls_not_reloaded");
    reload(&rig.standalone, "holds no certificate in PEM");
    assert_run(&rig, 0, "get", "cities", "2988507");
    certs_issue(&certs, "ca", "node", &(struct cert_wish){.cn = "node", .names = HERE});
}

static char *configure(const struct lg_rig *of, const char *lines)
{
    LG_AUTO_STR char *text = lg_strf("%s\ntls_cert = %s/node.crt\ntls_key = %s/node.key\n"
                                     "tls_client_ca = %s/ca.crt\n",
                                     lines, certs.folder, certs.folder, certs.folder);

    return lg_rig_file(of, "lagoon.conf", lg_slice_str(text));
}

/* The new file would be fine for a start: on loopback nobody need show who they are. But the
 * address waits for a restart. */
static void a_reload_opens_no_door(void **state)
{
    struct lg_rig other;
    LG_AUTO_STR char *path = NULL, *again = NULL, *curl = NULL;

    (void)state;
    lg_rig_init(&other);
    path = configure(&other, "host = 0.0.0.0");
    lg_rig_start(&other, (const char *const[]){"--config", path, NULL}, NULL);
    curl =
        lg_strf("curl -sS -m 60 --cacert $CERTS/ca.crt https://localhost:%u/health", other.server);
    assert_says(curl, "certificate required");
    again = configure(&other, "host = 127.0.0.1\ntls_client_auth = off\nlog_level = debug");
    reload(&other.standalone,
           "config_not_reloaded reason=\"until a restart, without host: listening "
           "on 0.0.0.0 would let everybody in");
    assert_says(curl, "certificate required");
    lg_rig_done(&other);
}

static void whether_tls_is_spoken_changes_with_a_restart_only(void **state)
{
    struct lg_rig other;
    LG_AUTO_STR char *path = NULL, *again = NULL;

    (void)state;
    lg_rig_init(&other);
    path = lg_rig_file(&other, "lagoon.conf", LG_SLICE_NULL);
    lg_rig_start(&other, (const char *const[]){"--config", path, NULL}, NULL);
    again = configure(&other, "");
    reload(&other.standalone, "tls_not_reloaded reason=\"whether TLS is spoken changes with a "
                              "restart only\" what=\"it is not\"");
    lg_rig_done(&other);
}

static void a_start_with_bad_files_is_refused(void **state)
{
    LG_AUTO_STR char *data = lg_rig_path(&rig, "other");
    LG_AUTO_STR char *cert = lg_strf("%s/expired.crt", certs.folder);
    LG_AUTO_STR char *key = lg_strf("%s/expired.key", certs.folder);

    (void)state;
    assert_run(&rig, 2, "standalone", "--data", data, "--tls-cert", cert, "--tls-key", key);
    lg_rig_assert_err(&rig, "expired on ");
    assert_run(&rig, 4, "standalone", "--data", data, "--host", "0.0.0.0");
    lg_rig_assert_err(&rig, "--insecure");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_ours_speaks_it),
        cmocka_unit_test(one_port_speaks_what_alpn_agrees_on),
        cmocka_unit_test(addresses_that_are_given_out_begin_with_https),
        cmocka_unit_test(who_is_not_known_is_refused),
        cmocka_unit_test(bench_measures_over_it),
        cmocka_unit_test(our_verbs_say_what_is_wrong),
        cmocka_unit_test(a_slow_handshake_is_cut),
        cmocka_unit_test(certificates_change_under_load_and_nobody_is_cut_off),
        cmocka_unit_test(a_reload_of_bad_files_is_told_and_changes_nothing),
        cmocka_unit_test(a_reload_opens_no_door),
        cmocka_unit_test(whether_tls_is_spoken_changes_with_a_restart_only),
        cmocka_unit_test(a_start_with_bad_files_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
