/* What clients are told to speak, and both engines of HTTP/2, from outside: a standalone, curl, a
 * gRPC client that is not ours, and `lagoon bench`, which goes by what it is told. */
#include <stdio.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define HEARD_MS 10000u /* generous: what a catalog needs to hear of a change */
#define LOOK_MS 100u

static struct lg_rig rig;

static void start(const char *const *words)
{
    lg_rig_init(&rig);
    lg_rig_start(&rig, words, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
}

/* What the command printed; its exit status is to be 0. */
static void shell(struct lg_buf *out, const char *command)
{
    char text[4096];
    FILE *f = popen(command, "re");
    size_t n;
    int status;

    assert_non_null(f);
    lg_buf_clear(out);
    while ((n = fread(text, 1, sizeof text, f)) > 0)
        lg_buf_append(out, text, n);
    status = pclose(f);
    if (status != 0)
        fail_msg("%s: %.*s", command, (int)out->size, (const char *)out->data);
}

static bool has(const struct lg_buf *text, const char *part)
{
    return memmem(text->data, text->size, part, strlen(part)) != NULL;
}

/* The server says so within a refresh interval, to a client of HTTP/2 that is not ours. */
static void await_told(const char *told)
{
    LG_AUTO_STR char *command = lg_strf("curl -s -D - -o /dev/null --http2-prior-knowledge "
                                        "http://127.0.0.1:%u/metadata/cities",
                                        rig.server);
    LG_AUTO_STR char *line = lg_strf("x-lagoon-client-protocols: %s\r\n", told);
    LG_SCOPED(lg_buf) out = {0};

    for (unsigned ms = 0; ms < HEARD_MS; ms += LOOK_MS) {
        shell(&out, command);
        assert_true(has(&out, "HTTP/2 200"));
        if (has(&out, line))
            return;
        lg_process_pause(LOOK_MS);
    }
    fail_msg("wanted %s in %.*s", line, (int)out.size, (const char *)out.data);
}

static void bench_speaks(const char *protocol)
{
    LG_AUTO(lg_json) *json = NULL;

    assert_run(&rig, 0, "bench", "get", "cities", "--numbers", "2988400-2988600", "--rate", "100",
               "--duration", "300ms", "--warm-up", "100ms", "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_string_equal(lg_json_get_str(lg_json_get(json, "plan"), "protocol", ""), protocol);
    assert_int_equal(lg_json_get_int(json, "errors", -1), 0);
}

static void a_gRPC_client_reads(void)
{
    LG_AUTO_STR char *command = lg_strf(
        "/usr/bin/python3 test/process/grpc_client.py %u %s health 2>&1", rig.server, rig.folder);
    LG_SCOPED(lg_buf) out = {0};

    shell(&out, command);
    assert_true(has(&out, "ok health"));
}

/* Of a cluster, of a store, and back; nothing is started again. */
static void operators_say_what_clients_speak(void **state)
{
    (void)state;
    start(NULL);
    await_told("both");
    bench_speaks("grpc");
    assert_run(&rig, 0, "cluster", "update", "--client-protocols", "http");
    await_told("http");
    bench_speaks("rest");
    assert_run(&rig, 0, "cluster", "status");
    lg_rig_assert_out(&rig, "clients      http\n");
    assert_run(&rig, 0, "store", "update", "cities", "--client-protocols", "grpc");
    await_told("grpc");
    bench_speaks("grpc");
    assert_run(&rig, 0, "store", "describe", "cities");
    lg_rig_assert_out(&rig, "clients are told     grpc\n");
    assert_run(&rig, 0, "store", "update", "cities", "--grpc", "false");
    await_told("http");
    bench_speaks("rest");
    assert_run(&rig, 1, "bench", "get", "cities", "--protocol", "grpc", "--numbers",
               "2988400-2988600", "--rate", "100", "--duration", "300ms", "--warm-up", "100ms");
    lg_rig_assert_out(&rig, "gRPC is off for this store");
    lg_rig_done(&rig);
}

static void both_engines_answer_HTTP_2_and_gRPC(void **state)
{
    static const char *const engines[] = {"own", "nghttp2"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(engines); i++) {
        start((const char *const[]){"--http2-engine", engines[i], NULL});
        await_told("both");
        bench_speaks("grpc");
        a_gRPC_client_reads();
        lg_rig_done(&rig);
    }
}

static void where_gRPC_is_off_nobody_is_told_it(void **state)
{
    (void)state;
    start((const char *const[]){"--grpc=false", NULL});
    await_told("http"); /* As nobody answers it. */
    bench_speaks("rest");
    lg_rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_say_what_clients_speak),
        cmocka_unit_test(both_engines_answer_HTTP_2_and_gRPC),
        cmocka_unit_test(where_gRPC_is_off_nobody_is_told_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
