/* A standalone that asks who may do what, with real certificates: nothing is allowed but what was
 * permitted, a permission counts at once and outlives a restart, and a start that would leave the
 * door open or nobody to open it is refused. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/lib/certs.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define HERE "DNS:localhost,IP:127.0.0.1"
#define KEY "2988507"
#define COUNTS_US UINT64_C(20000000)
#define EARLY_END_MS 10000 /* Far less than it would wait. */

static struct lg_rig rig;
static struct certs certs;
static const char *environment[5];
static char *reader_cert, *reader_key, *observer_cert, *observer_key;

/* A verb of somebody who is no admin. */
#define AS_READER "--tls-cert", reader_cert, "--tls-key", reader_key
#define AS_OBSERVER "--tls-cert", observer_cert, "--tls-key", observer_key

/* `authz`, `config` as of the options of these names. */
static void start_with(const char *authz, const char *config)
{
    LG_AUTO_STR char *who = lg_strf("--authz=%s", authz);
    LG_AUTO_STR char *what = lg_strf("--authz-config=%s", config);
    LG_AUTO_STR char *cert = lg_strf("LAGOON_TLS_CERT=%s/node.crt", certs.folder);
    LG_AUTO_STR char *key = lg_strf("LAGOON_TLS_KEY=%s/node.key", certs.folder);
    LG_AUTO_STR char *ca = lg_strf("LAGOON_TLS_CLIENT_CA=%s/ca.crt", certs.folder);
    LG_AUTO_STR char *others = lg_strf("LAGOON_TLS_CA=%s/ca.crt", certs.folder);
    const char *const options[] = {who,
                                   what,
                                   "--authz-admins=CN=other; CN=admin",
                                   "--authz-trusted=CN=node",
                                   "--authz-observers=CN=observer",
                                   "--authz-refresh=200ms",
                                   "--tls-client-auth=request",
                                   "--read-threads=2",
                                   NULL};

    lg_rig_start(&rig, options, (const char *const[]){cert, key, ca, others, NULL});
}

static void start(void)
{
    start_with("acl", "");
}

static int set_up(void **state)
{
    (void)state;
    certs_init(&certs);
    certs_authority(&certs, "ca");
    certs_issue(&certs, "ca", "node", &(struct cert_wish){.cn = "node", .names = HERE});
    certs_issue(&certs, "ca", "admin", &(struct cert_wish){.cn = "admin"});
    certs_issue(&certs, "ca", "reader",
                &(struct cert_wish){.cn = "admin", .names = "URI:spiffe://prod/reader"});
    certs_issue(&certs, "ca", "observer", &(struct cert_wish){.cn = "observer"});
    observer_cert = lg_strf("%s/observer.crt", certs.folder);
    observer_key = lg_strf("%s/observer.key", certs.folder);
    reader_cert = lg_strf("%s/reader.crt", certs.folder);
    reader_key = lg_strf("%s/reader.key", certs.folder);
    lg_rig_init(&rig);
    start();
    environment[0] = lg_strf("LAGOON_TLS_CA=%s/ca.crt", certs.folder);
    environment[1] = lg_strf("LAGOON_TLS_CERT=%s/admin.crt", certs.folder);
    environment[2] = lg_strf("LAGOON_TLS_KEY=%s/admin.key", certs.folder);
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
    lg_free(observer_cert);
    lg_free(observer_key);
    lg_free(reader_cert);
    lg_free(reader_key);
    return 0;
}

/* The status that curl gets at a port, with the certificate of this name, NULL: without one. */
static void assert_status(const char *who, uint16_t port, const char *target, const char *want)
{
    LG_AUTO_STR char *shows = who == NULL ? lg_strdup("")
                                          : lg_strf("--cert %s/%s.crt --key %s/%s.key",
                                                    certs.folder, who, certs.folder, who);
    LG_AUTO_STR char *line = lg_strf("curl -sS -m 60 --cacert %s/ca.crt %s -o /dev/null -w "
                                     "'%%{http_code}' 'https://localhost:%u%s' | grep -x '%s' >&2",
                                     certs.folder, shows, port, target, want);

    if (system(line) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("not %s: %s", want, line);
}

/* The status of gRPC for a get of cities_v1 at the server, without partition and key. */
static void assert_grpc_status(const char *who, const char *want)
{
    LG_AUTO_STR char *line =
        lg_strf("printf '\\0\\0\\0\\0\\013\\052\\011cities_v1' | curl -sS -m 60 --http2 --cacert "
                "%s/ca.crt --cert "
                "%s/%s.crt --key %s/%s.key -H 'content-type: application/grpc' -H 'te: trailers' "
                "--data-binary @- -o /dev/null -D - "
                "'https://localhost:%u/com.linkedin.venice.protocols.VeniceReadService/get' | tr "
                "-d '\\r' | "
                "grep -x 'grpc-status: %s' >&2",
                certs.folder, certs.folder, who, certs.folder, who, rig.server, want);

    if (system(line) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("not %s: %s", want, line);
}

/* What an admin does counts within moments, everywhere. */
static void wait_until_reader_gets(int status)
{
    uint64_t end_us = lg_clock_mono_us() + COUNTS_US;

    while (LG_RUN(&rig, "get", "cities", KEY, AS_READER) != status)
        if (lg_clock_mono_us() > end_us)
            lg_rig_assert(&rig, status, rig.status);
}

static void nothing_is_allowed_but_what_is_permitted(void **state)
{
    (void)state;
    assert_run(&rig, 0, "get", "cities", KEY);
    assert_run(&rig, 4, "get", "cities", KEY, AS_READER);
    lg_rig_assert_err(&rig, "spiffe://prod/reader may not read");
    assert_run(&rig, 4, "acl", "grant", "cities", "read", "spiffe://prod/reader", AS_READER);
    lg_rig_assert_err(&rig, "may not administer store 'cities'");
    assert_run(&rig, 4, "store", "list", AS_READER);
    assert_run(&rig, 4, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               AS_READER);
    assert_status("reader", rig.server, "/metadata/cities", "403");
    assert_status("reader", rig.router, "/v1/stores/cities/" KEY, "403");
    assert_status("reader", rig.server, "/health", "200");
    assert_status("admin", rig.server, "/metadata/cities", "200");
    assert_status(NULL, rig.server, "/metadata/cities", "403");
    assert_status(NULL, rig.controller, "/get_acl?store_name=cities", "403");
    assert_status(NULL, rig.controller, "/leader_controller", "200");
}

/* Where servers and routers are is for observers. */
static void who_reads_may_measure_where_it_names_the_server(void)
{
    LG_AUTO_STR char *server = lg_strf("127.0.0.1:%u", rig.server);
    LG_AUTO_STR char *router = lg_strf("127.0.0.1:%u", rig.router);

#define MEASURE "bench", "get", "cities", "--keys", keys, "--duration", "300ms", "--warm-up", "0s"
    LG_AUTO_STR char *keys = lg_rig_file(&rig, "keys", LG_LIT(KEY "\n"));

    assert_run(&rig, 4, MEASURE, AS_READER);
    lg_rig_assert_err(&rig, "which is asked for the servers of store 'cities'; name them yourself: "
                            "--server HOST:PORT");
    assert_run(&rig, 4, MEASURE, "--via", "router", AS_READER);
    lg_rig_assert_err(&rig, "which is asked for the routers of store 'cities'");
    assert_run(&rig, 0, MEASURE, "--server", server, AS_READER);
    assert_run(&rig, 0, MEASURE, "--via", "router", "--server", router, AS_READER);
}

static void an_observer_sees_the_names_of_stores(void **state)
{
    (void)state;
    assert_run(&rig, 0, "store", "list", AS_OBSERVER);
    lg_rig_assert_out(&rig, "cities        -         -           -      -\n");
    assert_run(&rig, 4, "store", "describe", "cities", AS_OBSERVER);
    assert_run(&rig, 4, "get", "cities", KEY, AS_OBSERVER);
}

static void a_permission_counts_at_once_and_is_kept(void **state)
{
    (void)state;
    assert_run(&rig, 0, "acl", "grant", "cities", "read", "spiffe://prod/reader");
    lg_rig_assert_out(&rig, "Read    spiffe://prod/reader");
    wait_until_reader_gets(0);
    lg_rig_assert_out(&rig, "Paris");
    assert_status("reader", rig.server, "/metadata/cities", "200");
    assert_status(NULL, rig.server, "/metadata/cities", "403");
    who_reads_may_measure_where_it_names_the_server();
    assert_run(&rig, 4, "store", "update", "cities", "--owner", "me", AS_READER);
    lg_rig_stop(&rig);
    start();
    wait_until_reader_gets(0);
    assert_run(&rig, 0, "acl", "revoke", "cities", "read", "spiffe://prod/reader");
    wait_until_reader_gets(4);
    assert_status("reader", rig.server, "/metadata/cities", "403");
}

/* --- Others who decide --------------------------------------------------------------------------
 */

/* What one of them says counts for who is not known, and in the background for who is. */
static void expect_its_word_to_count(const char *allowed, const char *nothing, const char *file)
{
    assert_grpc_status("reader", "7"); /* Not known there yet. */
    wait_until_reader_gets(4);
    assert_status("reader", rig.server, "/metadata/cities", "403");
    lg_free(lg_rig_file(&rig, file, lg_slice_str(allowed)));
    wait_until_reader_gets(0);
    assert_status("reader", rig.server, "/metadata/cities", "200");
    assert_run(&rig, 4, "store", "update", "cities", "--owner", "me", AS_READER);
    assert_run(&rig, 0, "acl", "show", "cities"); /* Nobody is asked about admins. */
    lg_free(lg_rig_file(&rig, file, lg_slice_str(nothing)));
    wait_until_reader_gets(4);
}

static void a_module_decides(void **state)
{
    LG_AUTO_STR char *library = lg_rig_path(&rig, "lines.so");
    LG_AUTO_STR char *lines = lg_rig_file(&rig, "lines.txt", LG_LIT("# nobody\n"));
    LG_AUTO_STR char *line =
        lg_strf("cc -shared -fPIC -Iinclude -o %s examples/authz/module.c", library);

    (void)state;
    if (system(line) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("failed: %s", line);
    lg_rig_stop(&rig);
    start_with(library, lines);
    expect_its_word_to_count("Read cities spiffe://prod/reader\n", "# nobody\n", "lines.txt");
}

static void a_service_decides(void **state)
{
    LG_AUTO_STR char *allowed = lg_rig_file(&rig, "allowed", LG_LIT(""));
    LG_AUTO_STR char *port = lg_rig_path(&rig, "port");
    LG_AUTO_STR char *line =
        lg_strf("python3 test/process/authz_service.py %s/node.crt %s/node.key %s %s", certs.folder,
                certs.folder, allowed, port);
    FILE *service = popen(line, "we"); /* NOLINT(cert-env33-c) */
    uint64_t end_us = lg_clock_mono_us() + COUNTS_US;
    LG_SCOPED(lg_buf) number = {0};
    LG_AUTO_STR char *url = NULL;
    struct stat st;

    (void)state;
    assert_non_null(service);
    while (stat(port, &st) != 0) {
        assert_true(lg_clock_mono_us() < end_us);
        lg_process_pause(20);
    }
    lg_rig_read_file(port, &number);
    url = lg_strf("https://localhost:%.*s/may", LG_FMT(lg_buf_slice(&number)));
    lg_rig_stop(&rig);
    start_with(url, "");
    expect_its_word_to_count("{\"method\": \"Read\", \"principal\": \"spiffe://prod/reader\", "
                             "\"store\": \"cities\"}\n",
                             "", "allowed");
    /* Without it who is not known is told to try again; nobody is asked about admins. */
    (void)pclose(service);
    assert_status("admin", rig.server, "/metadata/cities", "200");
    assert_run(&rig, 5, "store", "list", AS_READER);
    lg_rig_assert_err(&rig, "it is not known who may do that: the service that decides: ");
}

static void a_module_that_cannot_work_is_refused(void **state)
{
    static const struct {
        const char *code, *mode;
        int status;
        const char *said;
    } rows[] = {
        {"int x;", "0644", 2, "is no module: it has no lagoon_authz_module"},
        {"const void *lagoon_authz_module(void); const void *lagoon_authz_module(void) { return 0; "
         "}",
         "0644", 2, "was built for another lagoon/authz.h"},
        {"static unsigned m[20] = {7}; const void *lagoon_authz_module(void) { return m; }", "0644",
         2, "was built for another lagoon/authz.h"},
        {"#include \"examples/authz/module.c\"", "0644", 2,
         "module lines: authz_config: /nowhere/lines: No such file"},
        {"int x;", "0666", 4, "others may write to"},
    };
    LG_AUTO_STR char *dir = lg_rig_path(&rig, "never");
    LG_AUTO_STR char *library = lg_rig_path(&rig, "bad.so");
    LG_AUTO_STR char *cert = lg_strf("--tls-cert=%s/node.crt", certs.folder);
    LG_AUTO_STR char *key = lg_strf("--tls-key=%s/node.key", certs.folder);
    LG_AUTO_STR char *ca = lg_strf("--tls-client-ca=%s/ca.crt", certs.folder);

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO_STR char *code = lg_rig_file(&rig, "bad.c", lg_slice_str(rows[i].code));
        LG_AUTO_STR char *line = lg_strf("cc -shared -fPIC -Iinclude -I. -o %s %s && chmod %s %s",
                                         library, code, rows[i].mode, library);

        if (system(line) != 0) /* NOLINT(cert-env33-c) */
            fail_msg("failed: %s", line);
        assert_run(&rig, rows[i].status, "standalone", "--data", dir, cert, key, ca, "--authz",
                   library, "--authz-config", "/nowhere/lines");
        lg_rig_assert_err(&rig, rows[i].said);
    }
    assert_run(&rig, 2, "standalone", "--data", dir, cert, key, ca, "--authz", "/nowhere/x.so");
    lg_rig_assert_err(&rig, "cannot open shared object file");
}

static void a_start_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *words[9];
        int status;
        const char *said;
    } rows[] = {
        {{"--authz", "acl", "--authz-admins", "CN=a"}, 2, "authz needs tls_client_ca"},
        {{"--authz", "acl", "--tls-cert", "x", "--tls-key", "x", "--tls-client-ca", "x"},
         2,
         "authz = acl needs authz_admins"},
        {{"--authz-admins", "CN=a"}, 2, "do nothing while authz is off"},
        {{"--authz-trusted", "CN=a"}, 2, "do nothing while authz is off"},
        {{"--authz-admins", "CN=a; CN=b, O=c"},
         2,
         "authz_admins: no certificate has the name 'CN=b, O=c': leave out the blanks around ','"},
        {{"--authz-trusted", "CN= a"}, 2, "authz_trusted: no certificate has the name 'CN= a'"},
        {{"--authz", "http://a/may"}, 2, "it is off, acl, the https:// address"},
        {{"--authz", "https://"}, 2, "is not a URL"},
        {{"--authz", "on"}, 2, "it is off, acl, the https:// address"},
        {{"--host", "0.0.0.0", "--tls-cert", "x", "--tls-key", "x", "--tls-client-auth", "request"},
         4,
         "say --insecure"},
    };

    LG_AUTO_STR char *dir = lg_rig_path(&rig, "never");

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        const char *words[13] = {"standalone", "--data", dir};
        struct stat st;

        memcpy(&words[3], rows[i].words, sizeof rows[i].words);
        lg_rig_assert(&rig, rows[i].status, lg_rig_run(&rig, words));
        lg_rig_assert_err(&rig, rows[i].said);
        assert_int_not_equal(stat(dir, &st), 0);
    }
}

/* It would wait for itself for a minute. */
static void a_standalone_that_refuses_itself_says_so_and_ends_on_a_signal(void **state)
{
    LG_AUTO_STR char *data = lg_rig_path(&rig, "refused");
    LG_AUTO_STR char *cert = lg_strf("--tls-cert=%s/node.crt", certs.folder);
    LG_AUTO_STR char *key = lg_strf("--tls-key=%s/node.key", certs.folder);
    LG_AUTO_STR char *ca = lg_strf("--tls-client-ca=%s/ca.crt", certs.folder);
    LG_AUTO_STR char *others = lg_strf("LAGOON_TLS_CA=%s/ca.crt", certs.folder);
    static const int signals[] = {SIGTERM, SIGINT};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(signals); i++) {
        uint64_t until_us = lg_clock_mono_us() + COUNTS_US;
        LG_SCOPED(lg_buf) log = {0};
        struct lg_process p = {0};

        lg_process_start(&p,
                         (const char *const[]){"standalone", "--data", data, "--controller-port=0",
                                               "--router-port=0", "--server-port=0", cert, key, ca,
                                               "--authz=acl", "--authz-admins=CN=admin",
                                               "--authz-trusted=CN=nod", NULL},
                         (const char *const[]){others, NULL});
        do {
            assert_true(lg_clock_mono_us() < until_us);
            assert_false(lg_process_ended(&p, 20));
            log.size = 0;
            lg_process_stderr(&p, &log);
            lg_buf_append_byte(&log, 0);
        } while (strstr((const char *)log.data, "standalone_waits") == NULL);
        assert_non_null(strstr((const char *)log.data, "CN=node may not read"));
        assert_non_null(strstr((const char *)log.data, "authz_trusted has to name"));
        lg_process_signal(&p, signals[i]);
        assert_int_equal(lg_process_wait(&p, EARLY_END_MS), 0);
        lg_process_done(&p);
    }
}

/* Who is let in only where it was permitted may be listened to on any address. */
static void with_permissions_no_certificate_is_no_open_door(void **state)
{
    LG_AUTO_STR char *cert = lg_strf("tls_cert = %s/node.crt\n", certs.folder);
    LG_AUTO_STR char *conf =
        lg_strf("%stls_key = %s/node.key\ntls_client_ca = %s/ca.crt\ntls_client_auth = request\n"
                "host = 0.0.0.0\n",
                cert, certs.folder, certs.folder);
    LG_AUTO_STR char *with = lg_strf("%sauthz = acl\nauthz_admins = CN=admin\n", conf);
    LG_AUTO_STR char *open = lg_rig_file(&rig, "open.conf", lg_slice_str(conf));
    LG_AUTO_STR char *shut = lg_rig_file(&rig, "shut.conf", lg_slice_str(with));

    (void)state;
    assert_run(&rig, 2, "config", "check", open);
    lg_rig_assert_out(&rig, "listening on 0.0.0.0 would let everybody in");
    (void)LG_RUN(&rig, "config", "check", shut);
    assert_null(strstr((const char *)rig.out.data, "would let everybody in"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allowed_but_what_is_permitted),
        cmocka_unit_test(a_permission_counts_at_once_and_is_kept),
        cmocka_unit_test(an_observer_sees_the_names_of_stores),
        cmocka_unit_test(a_module_decides),
        cmocka_unit_test(a_service_decides),
        cmocka_unit_test(a_module_that_cannot_work_is_refused),
        cmocka_unit_test(a_start_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_standalone_that_refuses_itself_says_so_and_ends_on_a_signal),
        cmocka_unit_test(with_permissions_no_certificate_is_no_open_door),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
