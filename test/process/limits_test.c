/* Every limit of `lagoon limits` is passed once, and whoever refuses names it. The two that take a
 * thousand pushes or schemas are passed in model/store_test.c, that on what one node of the
 * metadata holds in metastore/metastore_contract.c; those of batches at a server in
 * server/front_rest_test.c, net/read_stream_test.c and read/cold_queue_test.c. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define STRING_STORE "key_schema=\"string\"&value_schema=\"bytes\""

static struct lg_rig rig; /* With the stores `plain` and `chunked`: string to string. */

static int set_up(void **state)
{
    LG_AUTO_STR char *schema = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    schema = lg_rig_file(&rig, "string.avsc", LG_LIT("\"string\""));
    assert_run(&rig, 0, "store", "create", "plain", "--key-schema", schema, "--value-schema",
               schema);
    assert_run(&rig, 0, "store", "create", "chunked", "--key-schema", schema, "--value-schema",
               schema, "--chunking", "true");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static void append_many(struct lg_buf *out, char c, size_t n)
{
    memset(lg_buf_reserve(out, n), c, n);
    lg_buf_commit(out, n);
}

/* A file of one line, {"key":KEY,"value":VALUE}, with texts of these lengths. */
static char *line_of(size_t key_bytes, size_t value_bytes)
{
    LG_SCOPED(lg_buf) line = lg_buf_with_ceiling((size_t)80 << 20);

    lg_buf_append_str(&line, "{\"key\":\"");
    append_many(&line, 'k', key_bytes);
    lg_buf_append_str(&line, "\",\"value\":\"");
    append_many(&line, 'v', value_bytes);
    lg_buf_append_str(&line, "\"}\n");
    return lg_rig_file(&rig, "line.ndjson", lg_buf_slice(&line));
}

static void expect_push_refused(const char *store, size_t key_bytes, size_t value_bytes,
                                const char *words)
{
    LG_AUTO_STR char *file = line_of(key_bytes, value_bytes);

    assert_int_not_equal(
        LG_RUN(&rig, "push", store, file, "--key-field", "key", "--value-field", "value"), 0);
    lg_rig_assert_err(&rig, words);
}

static void keys_values_records_and_lines_have_limits(void **state)
{
    (void)state;
    expect_push_refused("plain", (512 << 10) + 1, 10, "limit key_bytes");
    expect_push_refused("plain", 10, 972800, "record_bytes");
    expect_push_refused("chunked", 10, (20 << 20) + 1, "limit value_bytes");
    expect_push_refused("chunked", 10, 70 << 20, "limit line_bytes");
}

static void expect_post(uint16_t port, const char *target, const char *form, const char *words)
{
    LG_SCOPED(lg_reply) reply = {0};

    assert_true(lg_ask_post(port, target, form, &reply) >= 400);
    if (strstr(lg_reply_text(&reply), words) == NULL)
        fail_msg("no '%s' in '%.300s'", words, lg_reply_text(&reply));
}

static void names_schemas_and_partitions_have_limits(void **state)
{
    LG_SCOPED(lg_buf) name = {0}, schema = {0};

    (void)state;
    lg_buf_append_str(&name, STRING_STORE "&store_name=");
    append_many(&name, 'n', 129);
    lg_buf_append_byte(&name, 0);
    expect_post(rig.controller, "/new_store", (const char *)name.data, "limit store_name_bytes");
    lg_buf_append_str(&schema, "store_name=big&key_schema=\"string\"&value_schema=\"");
    append_many(&schema, 's', 1 << 20);
    lg_buf_append_byte(&schema, 0);
    expect_post(rig.controller, "/new_store", (const char *)schema.data, "limit schema_bytes");
    expect_post(rig.controller, "/new_store", STRING_STORE "&store_name=wide&partition_count=1001",
                "partition_count '1001' is not a number between 1 and 1000, its limit");
}

static void batches_have_limits(void **state)
{
    LG_SCOPED(lg_buf) keys = {0}, data = lg_buf_with_ceiling((size_t)80 << 20);
    LG_AUTO_STR char *file = NULL;

    (void)state;
    for (int i = 0; i < 3; i++) {
        lg_buf_appendf(&data, "{\"key\":\"%d\",\"value\":\"", i);
        append_many(&data, 'v', (size_t)18 << 20);
        lg_buf_append_str(&data, "\"}\n");
    }
    file = lg_rig_file(&rig, "large.ndjson", lg_buf_slice(&data));
    assert_run(&rig, 0, "push", "chunked", file, "--key-field", "key", "--value-field", "value",
               "--partitions", "1");
    lg_buf_append_str(&keys, "{\"keys\":[\"0\"");
    for (int i = 1; i <= 500; i++)
        lg_buf_appendf(&keys, ",\"%d\"", i);
    lg_buf_append_str(&keys, "]}");
    lg_buf_append_byte(&keys, 0);
    expect_post(rig.router, "/v1/stores/chunked", (const char *)keys.data, "limit batch_keys");
}

static void requests_have_limits(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_SCOPED(lg_buf) target = {0};

    (void)state;
    lg_buf_append_str(&target, "/v1/stores/plain/");
    append_many(&target, 'x', 70000);
    lg_buf_append_byte(&target, 0);
    assert_true(lg_ask_get(rig.router, (const char *)target.data, &reply) >= 400);
    assert_non_null(strstr(lg_reply_text(&reply), "limit head_bytes"));
    assert_int_equal(lg_ask(&(struct lg_question){.port = rig.router,
                                                  .method = "POST",
                                                  .target = "/v1/stores/plain",
                                                  .headers = "Content-Length: 99999999999\r\n"},
                            &reply),
                     413);
    assert_non_null(strstr(lg_reply_text(&reply), "limit body_bytes"));
}

static void stores_have_a_limit(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    for (int i = 2; i < 1000; i++) { /* Two are there. */
        LG_AUTO_STR char *form = lg_strf(STRING_STORE "&store_name=s%d", i);

        assert_int_equal(lg_ask_post(rig.controller, "/new_store", form, &reply), 200);
    }
    expect_post(rig.controller, "/new_store", STRING_STORE "&store_name=one_too_many",
                "the limit stores");
}

static void replicas_have_a_limit(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    for (int i = 2; i < 4; i++) { /* Four are there, of the store with a version. */
        LG_AUTO_STR char *update = lg_strf("store_name=s%d&partition_count=1000", i);
        LG_AUTO_STR char *push = lg_strf("store_name=s%d&push_type=BATCH&push_job_id=p%d", i, i);

        assert_int_equal(lg_ask_post(rig.controller, "/update_store", update, &reply), 200);
        if (i < 3)
            assert_int_equal(lg_ask_post(rig.controller, "/request_topic", push, &reply), 200);
        else
            expect_post(rig.controller, "/request_topic", push, "limit replicas");
    }
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Lanes take connections at the same time: any of them may be the one too many. */
static void connections_have_a_limit(void **state)
{
    const char *const words[] = {"--connections", "4", NULL};
    struct pollfd fds[5];
    char text[512] = {0};
    size_t refused = 0;

    (void)state;
    lg_rig_stop(&rig);
    lg_rig_start(&rig, words, NULL);
    for (size_t i = 0; i < LG_ARRAY_SIZE(fds); i++)
        fds[i] = (struct pollfd){.fd = connect_to(rig.server), .events = POLLIN};
    assert_int_equal(poll(fds, LG_ARRAY_SIZE(fds), LG_RIG_READY_MS), 1);
    while (fds[refused].revents == 0)
        refused++;
    assert_true(read(fds[refused].fd, text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "503"));
    assert_non_null(strstr(text, "limit connections"));
    for (size_t i = 0; i < LG_ARRAY_SIZE(fds); i++)
        (void)close(fds[i].fd);
    lg_rig_stop(&rig);
    lg_rig_start(&rig, NULL, NULL);
}

static void memory_has_a_limit(void **state)
{
    const char *const words[] = {"--memory-limit", "1MiB", NULL};
    LG_SCOPED(lg_reply) reply = {0};
    LG_SCOPED(lg_buf) body = {0};

    (void)state;
    lg_rig_stop(&rig);
    lg_rig_start(&rig, words, NULL);
    append_many(&body, 'b', 20000);
    for (int i = 0; i < 200; i++) { /* It looks twice a second. */
        assert_true(lg_ask(&(struct lg_question){.port = rig.router,
                                                 .target = "/v1/stores/plain",
                                                 .body = lg_buf_slice(&body)},
                           &reply) >= 400);
        if (reply.status == 503)
            break;
        lg_process_pause(50);
    }
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(lg_reply_text(&reply), "memory_limit"));
    assert_int_equal(lg_ask_get(rig.router, "/v1/stores", &reply), 200); /* Small ones go on. */
    lg_rig_stop(&rig);
    lg_rig_start(&rig, NULL, NULL);
}

static void the_page_of_the_reference_is_this_table(void **state)
{
    LG_SCOPED(lg_buf) page = {0};

    (void)state;
    lg_rig_read_file("docs/reference/limits.md", &page);
    assert_run(&rig, 0, "limits", "--markdown");
    assert_int_equal(strlen((const char *)rig.out.data), page.size);
    assert_memory_equal(rig.out.data, page.data, page.size);
    assert_run(&rig, 0, "limits", "--output", "json");
    lg_rig_assert_out(&rig, "\"limit\": \"batch_keys\"");
    assert_run(&rig, 0, "limits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_values_records_and_lines_have_limits),
        cmocka_unit_test(names_schemas_and_partitions_have_limits),
        cmocka_unit_test(batches_have_limits),
        cmocka_unit_test(requests_have_limits),
        cmocka_unit_test(connections_have_a_limit),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(stores_have_a_limit),
        cmocka_unit_test(replicas_have_a_limit),
        cmocka_unit_test(the_page_of_the_reference_is_this_table),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
