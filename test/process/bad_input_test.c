/* Bad input of every kind: the exit status, one sentence that names the thing and the remedy, and
 * nothing left behind. */
#include "base/clock.h"
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define CITIES "examples/cities/cities.avro"
#define SETTLE_MS 20000u

static struct lg_rig rig; /* With the store "people", one version. */

static int set_up(void **state)
{
    LG_AUTO_STR char *key = NULL, *value = NULL, *data = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    key = lg_rig_file(&rig, "key.avsc", LG_LIT("\"long\""));
    value = lg_rig_file(&rig, "value.avsc",
                        LG_LIT("{\"type\":\"record\",\"name\":\"Person\",\"fields\":[{\"name\":"
                               "\"name\",\"type\":\"string\"},{\"name\":\"age\",\"type\":\"int\"}]"
                               "}"));
    data = lg_rig_file(&rig, "people.ndjson", LG_LIT("{\"id\":1,\"name\":\"Ada\",\"age\":36}\n"));
    assert_run(&rig, 0, "store", "create", "people", "--key-schema", key, "--value-schema", value);
    assert_run(&rig, 0, "push", "people", data, "--key-field", "id");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* --- What is expected each time. -------------------------------------------------------------- */

/* One line begins with "lagoon: ", it is the last, and it holds both parts. */
static void assert_sentence(const char *text, const char *thing, const char *remedy)
{
    const char *line = strncmp(text, "lagoon: ", 8) == 0 ? text : strstr(text, "\nlagoon: ");
    const char *end;

    if (line == NULL)
        fail_msg("no sentence on stderr: %s", text);
    line += line[0] == '\n';
    end = strchr(line, '\n');
    if (end == NULL || end[1] != '\0')
        fail_msg("more than one sentence, or no end of line: %s", text);
    if (strstr(line, thing) == NULL || strstr(line, remedy) == NULL)
        fail_msg("'%s' and '%s' are not both in: %s", thing, remedy, line);
}

static void assert_fails(int status, const char *thing, const char *remedy,
                         const char *const *words)
{
    lg_rig_assert(&rig, status, lg_rig_run(&rig, words));
    assert_sentence((const char *)rig.err.data, thing, remedy);
}
#define FAILS(status, thing, remedy, ...)                                                          \
    assert_fails(status, thing, remedy, (const char *const[]){__VA_ARGS__, NULL})

/* The versions of "people" and the log's topics, as text. */
static void look(struct lg_buf *out, bool *out_busy)
{
    LG_AUTO(lg_json) *store = lg_rig_store(&rig, "people");
    LG_AUTO(lg_json) *topics = lg_rig_topics(&rig);
    LG_SCOPED(lg_reply) stores = {0};
    const struct lg_json *versions = lg_json_get(store, "versions");

    *out_busy = false;
    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);

        lg_buf_appendf(out, "%lld ", (long long)lg_json_get_int(v, "number", 0));
        *out_busy = *out_busy || strcmp(lg_json_get_str(v, "status", ""), "ONLINE") != 0;
    }
    lg_json_write(out, topics, /* pretty= */ false);
    assert_int_equal(lg_ask_get(rig.controller, "/list_stores", &stores), 200);
    lg_buf_append_slice(out, lg_buf_slice(&stores.body));
}

/* The push fails, and then everything is as it was: no store, no version, no topic more. */
static void assert_push_fails(int status, const char *thing, const char *remedy,
                              const char *const *words)
{
    uint64_t until_us = lg_clock_mono_us() + (uint64_t)SETTLE_MS * 1000;
    LG_SCOPED(lg_buf) before = {0}, after = {0};
    bool busy = false;

    look(&before, &busy);
    assert_false(busy);
    assert_fails(status, thing, remedy, words);
    do { /* What was killed is cleaned up in the background. */
        lg_buf_clear(&after);
        look(&after, &busy);
        if (lg_clock_mono_us() > until_us)
            fail_msg("something is left behind: %.*s instead of %.*s", LG_FMT(lg_buf_slice(&after)),
                     LG_FMT(lg_buf_slice(&before)));
    } while (busy || !lg_slice_eq(lg_buf_slice(&after), lg_buf_slice(&before)));
}
#define PUSH_FAILS(status, thing, remedy, ...)                                                     \
    assert_push_fails(status, thing, remedy, (const char *const[]){"push", __VA_ARGS__, NULL})

/* `lagoon standalone` with these words ends by itself, with this status and sentence. */
static void assert_refuses(int status, const char *thing, const char *remedy,
                           const char *const *words)
{
    struct lg_process p = {0};
    LG_SCOPED(lg_buf) text = {0};

    lg_process_start(&p, words, NULL);
    assert_int_equal(lg_process_wait(&p, LG_RIG_READY_MS), status);
    lg_process_stderr(&p, &text);
    lg_buf_append_byte(&text, 0);
    assert_sentence((const char *)text.data, thing, remedy);
    lg_process_done(&p);
}
#define REFUSES(status, thing, remedy, ...)                                                        \
    assert_refuses(status, thing, remedy, (const char *const[]){"standalone", __VA_ARGS__, NULL})

/* --- Names and words. ------------------------------------------------------------------------- */

static void an_unknown_store_is_named_with_the_nearest(void **state)
{
    (void)state;
    FAILS(3, "peple", "people", "get", "peple", "1");
    FAILS(3, "peple", "people", "store", "describe", "peple");
    FAILS(3, "peple", "people", "versions", "peple");
    FAILS(3, "peple", "people", "rollback", "peple");
    FAILS(3, "peple", "people", "rollforward", "peple");
    PUSH_FAILS(3, "peple", "people", "peple", CITIES, "--key-field", "id");
}

static void an_unknown_word_is_named_with_the_nearest(void **state)
{
    (void)state;
    FAILS(2, "pusj", "push", "pusj", "people");
    FAILS(2, "--key-feild", "--key-field", "push", "people", CITIES, "--key-feild", "id");
    FAILS(2, "--router", "URL", "get", "people", "1", "--router");
    FAILS(2, "arguments", "lagoon get", "get", "people");
    FAILS(2, "xml", "ndjson", "get", "people", "1", "--output", "xml");
    FAILS(2, "soon", "10m", "get", "people", "1", "--timeout", "soon");
    FAILS(2, "--key-field", "which field", "push", "people", CITIES);
    FAILS(2, "--key-schema", "FILE", "store", "create", "x");
}

static void an_unknown_option_of_the_standalone_is_named_with_the_nearest(void **state)
{
    LG_AUTO_STR char *dir = lg_rig_path(&rig, "never");
    LG_AUTO_STR char *config =
        lg_rig_file(&rig, "bad.conf", LG_LIT("# ports\ncontroller_prt = 5555\n"));
    LG_AUTO_STR char *range = lg_rig_file(&rig, "range.conf", LG_LIT("router_port = 70000\n"));
    struct stat st;

    (void)state;
    REFUSES(2, "--ruoter-port", "--router-port", "--data", dir, "--ruoter-port", "1");
    REFUSES(2, "bad.conf", "controller_port", "--data", dir, "--config", config);
    REFUSES(2, "router_port", "65535", "--data", dir, "--config", range);
    REFUSES(2, "--data", "missing", "--router-port", "0");
    REFUSES(2, "loud", "debug", "--data", dir, "--log-level", "loud");
    REFUSES(3, "absent.conf", "", "--data", dir, "--config", "absent.conf");
    assert_int_not_equal(stat(dir, &st), 0); /* Nothing was made. */
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    PUSH_FAILS(3, "nowhere.avro", "", "people", "nowhere.avro", "--key-field", "id");
    PUSH_FAILS(7, "examples", "name a file", "people", "examples", "--key-field", "id");
    FAILS(3, "nowhere.avsc", "--key-schema", "store", "create", "x", "--key-schema", "nowhere.avsc",
          "--value-schema", "examples/cities/value.avsc");
}

static void a_bad_schema_is_refused(void **state)
{
    LG_AUTO_STR char *bad = lg_rig_file(&rig, "bad.avsc", LG_LIT("{\"type\":\"recrd\"}"));
    LG_AUTO(lg_json) *store = NULL;

    (void)state;
    FAILS(7, "recrd", "", "store", "create", "odd", "--key-schema", bad, "--value-schema",
          "examples/cities/value.avsc");
    store = lg_rig_store(&rig, "odd");
    assert_null(store);
    FAILS(2, "byte 3 of the store name", "use only letters", "store", "create", "no/name",
          "--key-schema", "examples/cities/key.avsc", "--value-schema",
          "examples/cities/value.avsc");
}

/* --- Keys. ------------------------------------------------------------------------------------ */

static void a_key_of_another_type_is_refused(void **state)
{
    (void)state;
    FAILS(2, "Ada", "long", "get", "people", "Ada");
    FAILS(2, "1.5", "long", "get", "people", "1.5");
    FAILS(3, "7", "not in store 'people'", "get", "people", "7");
}

/* --- Files. ----------------------------------------------------------------------------------- */

static char *lines(const char *text)
{
    return lg_rig_file(&rig, "input.ndjson", lg_slice_str(text));
}

static void a_bad_line_is_named_by_its_number(void **state)
{
    LG_AUTO_STR char *cut = lines("{\"id\":1,\"name\":\"Ada\",\"age\":36}\n\n{\"id\":2,\"na\n");
    LG_AUTO_STR char *type = NULL, *missing = NULL, *key = NULL, *more = NULL, *array = NULL;

    (void)state;
    PUSH_FAILS(7, "input.ndjson", "line 3", "people", cut, "--key-field", "id");
    type = lines("{\"id\":1,\"name\":\"Ada\",\"age\":\"old\"}\n");
    PUSH_FAILS(7, "line 1", "age", "people", type, "--key-field", "id");
    missing = lines("{\"id\":1,\"name\":\"Ada\",\"age\":3}\n{\"id\":2,\"name\":\"Bob\"}\n");
    PUSH_FAILS(7, "line 2", "age", "people", missing, "--key-field", "id");
    key = lines("{\"id\":\"one\",\"name\":\"Ada\",\"age\":3}\n");
    PUSH_FAILS(7, "line 1", "id", "people", key, "--key-field", "id");
    more = lines("{\"id\":1,\"name\":\"Ada\",\"agee\":3,\"age\":3}\n");
    PUSH_FAILS(7, "agee", "age", "people", more, "--key-field", "id");
    array = lines("[1,2]\n");
    PUSH_FAILS(7, "input.ndjson", "", "people", array, "--key-field", "id");
}

static void a_missing_field_is_named_with_the_nearest(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":1,\"name\":\"Ada\",\"age\":36}\n");

    (void)state;
    PUSH_FAILS(7, "idd", "line 1", "people", data, "--key-field", "idd");
    PUSH_FAILS(2, "popluation", "population", "towns", CITIES, "--key-field", "id", "--value-field",
               "popluation", "--create");
    PUSH_FAILS(2, "idd", "id", "towns", CITIES, "--key-field", "idd", "--create");
}

static void a_bad_file_makes_no_store(void **state)
{
    LG_SCOPED(lg_buf) cities = {0};
    LG_AUTO_STR char *cut = NULL;

    (void)state;
    lg_rig_read_file(CITIES, &cities);
    cut = lg_rig_file(&rig, "half.avro", lg_slice(cities.data, cities.size / 2));
    PUSH_FAILS(7, "half.avro", "truncated", "villages", cut, "--key-field", "id", "--create");
    /* Countries are no key: many cities have the same. */
    PUSH_FAILS(7, "two different records have the key", "keep one", "villages", CITIES,
               "--key-field", "country", "--create", "--partitions", "9");
}

static void a_truncated_foreign_or_empty_file_is_refused(void **state)
{
    LG_SCOPED(lg_buf) cities = {0};
    LG_AUTO_STR char *cut = NULL, *flipped = NULL, *empty = NULL, *foreign = NULL;

    (void)state;
    assert_run(&rig, 0, "store", "create", "towns", "--key-schema", "examples/cities/key.avsc",
               "--value-schema", "examples/cities/value.avsc");
    lg_rig_read_file(CITIES, &cities);
    cut = lg_rig_file(&rig, "cut.avro", lg_slice(cities.data, cities.size / 2));
    PUSH_FAILS(7, "cut.avro", "truncated", "towns", cut, "--key-field", "id");
    cities.data[cities.size / 2] ^= 0x55;
    flipped = lg_rig_file(&rig, "flipped.avro", lg_buf_slice(&cities));
    PUSH_FAILS(7, "flipped.avro", "", "towns", flipped, "--key-field", "id");
    empty = lg_rig_file(&rig, "empty.avro", LG_SLICE_NULL);
    PUSH_FAILS(7, "empty.avro", "empty", "people", empty, "--key-field", "id");
    foreign = lg_rig_file(&rig, "photo.avro", LG_LIT("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"));
    PUSH_FAILS(7, "photo.avro", "Avro", "people", foreign, "--key-field", "id");
    PUSH_FAILS(2, "README.md", "is it CSV at all?", "people", "README.md", "--key-field", "id");
}

static void another_schema_than_the_stores_is_refused(void **state)
{
    (void)state;
    PUSH_FAILS(7, "cities.avro", "Person", "people", CITIES, "--key-field", "id");
}

static void ndjson_cannot_create_a_store(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":1}\n");

    (void)state;
    PUSH_FAILS(4, "input.ndjson", "lagoon store create", "fresh", data, "--key-field", "id",
               "--create");
}

static void two_different_records_with_one_key_are_refused(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":1,\"name\":\"Ada\",\"age\":36}\n"
                                   "{\"id\":2,\"name\":\"Bob\",\"age\":40}\n"
                                   "{\"id\":1,\"name\":\"Ada\",\"age\":37}\n");

    (void)state;
    PUSH_FAILS(7, "two different records have the key 1", "keep one", "people", data, "--key-field",
               "id");
}

static void identical_records_are_counted_and_dropped(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":1,\"name\":\"Ada\",\"age\":36}\n"
                                   "{\"id\":2,\"name\":\"Bob\",\"age\":40}\n"
                                   "{\"age\":36,\"id\":1,\"name\":\"Ada\"}\n");

    (void)state;
    assert_run(&rig, 0, "push", "people", data, "--key-field", "id");
    lg_rig_assert_out(&rig, "2 records");
    lg_rig_assert_out(&rig, "1 identical duplicates dropped");
}

/* --- Conflicts. ------------------------------------------------------------------------------- */

static void a_push_while_another_runs_is_a_conflict(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":9,\"name\":\"Eve\",\"age\":1}\n");
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO_STR char *version = NULL;

    (void)state;
    assert_int_equal(lg_ask_post(rig.controller, "/request_topic",
                                 "store_name=people&push_type=BATCH&push_job_id=slow&store_size=1",
                                 &reply),
                     200);
    json = lg_rig_json(lg_buf_slice(&reply.body));
    FAILS(6, "people", "push", "push", "people", data, "--key-field", "id");
    version = lg_strf("%lld", (long long)lg_json_get_int(json, "version", 0));
    assert_run(&rig, 0, "push", "kill", "people", version);
    assert_run(&rig, 0, "push", "people", data, "--key-field", "id");
}

static void a_rollback_without_a_backup_is_a_conflict(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":1,\"v\":2}\n");

    (void)state;
    assert_run(&rig, 0, "store", "create", "lonely", "--key-schema", "examples/cities/key.avsc",
               "--value-schema", "examples/cities/key.avsc");
    FAILS(6, "lonely", "", "rollback", "lonely");
    assert_run(&rig, 0, "push", "lonely", data, "--key-field", "id", "--value-field", "v");
    FAILS(6, "lonely", "", "rollback", "lonely");
    FAILS(6, "lonely", "", "rollforward", "lonely");
}

/* --- Who is not there, and who may not. ------------------------------------------------------- */

static void a_controller_that_is_not_there_is_unavailable(void **state)
{
    LG_AUTO_STR char *data = lines("{\"id\":9,\"name\":\"Eve\",\"age\":1}\n");
    LG_AUTO_STR char *nowhere = lg_rig_path(&rig, "nowhere");

    (void)state;
    FAILS(5, "127.0.0.1:1", "", "push", "people", data, "--key-field", "id", "--controller",
          "http://127.0.0.1:1", "--timeout", "1s");
    FAILS(5, "127.0.0.1:1", "", "store", "list", "--controller", "http://127.0.0.1:1", "--timeout",
          "1s");
    FAILS(5, "127.0.0.1:1", "", "get", "people", "1", "--router", "http://127.0.0.1:1", "--timeout",
          "1s");
    FAILS(5, "nowhere", "lagoon standalone", "store", "list", "--data", nowhere);
    FAILS(2, "ftp:", "", "store", "list", "--controller", "ftp://127.0.0.1:1");
}

/* The variable says where a standalone was; who names the one to ask does not mean that one. */
static void a_url_is_asked_whatever_the_variable_says(void **state)
{
    LG_AUTO_STR char *nowhere = lg_rig_path(&rig, "nowhere");
    LG_AUTO_STR char *controller = lg_strf("http://127.0.0.1:%u", rig.controller);
    LG_AUTO_STR char *router = lg_strf("http://127.0.0.1:%u", rig.router);
    struct lg_rig other = rig;

    (void)state;
    other.data = nowhere;
    other.out = other.err = (struct lg_buf){0};
    assert_run(&other, 0, "store", "list", "--controller", controller);
    lg_rig_assert_out(&other, "people");
    assert_run(&other, 0, "status", "--router", router);
    assert_run(&other, 5, "store", "list");
    lg_rig_assert_err(&other, "endpoints.json does not exist");
    lg_buf_done(&other.out);
    lg_buf_done(&other.err);
}

static int post_as(const char *headers)
{
    LG_SCOPED(lg_reply) reply = {0};

    return lg_ask(&(struct lg_question){.port = rig.controller,
                                        .target = "/rollback_to_backup_version?store_name=lonely",
                                        .headers = headers,
                                        .body = LG_LIT("x=1")},
                  &reply);
}

static void no_web_page_can_post_to_the_controller(void **state)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO_STR char *own = lg_strf("Origin: http://127.0.0.1:%u\r\n", rig.controller);

    (void)state;
    assert_int_equal(post_as("Origin: http://evil.example\r\n"), 403);
    assert_int_equal(post_as("Origin: null\r\n"), 403);
    assert_int_equal(post_as("Host: evil.example\r\n"), 403); /* DNS rebinding */
    assert_int_equal(post_as("Host: evil.example\r\nOrigin: http://evil.example\r\n"), 403);
    assert_int_not_equal(post_as(own), 403);
    assert_int_not_equal(post_as(NULL), 403);
    assert_int_equal(lg_ask(&(struct lg_question){.port = rig.controller,
                                                  .method = "DELETE",
                                                  .target = "/log/topics/people_v1",
                                                  .headers = "Origin: http://evil.example\r\n"},
                            &reply),
                     403);
}

static void everybody_is_let_in_only_when_told(void **state)
{
    LG_AUTO_STR char *dir = lg_rig_path(&rig, "never");
    struct stat st;

    (void)state;
    REFUSES(4, "0.0.0.0", "--insecure", "--data", dir, "--host", "0.0.0.0");
    REFUSES(4, "::", "--insecure", "--data", dir, "--host", "::");
    REFUSES(4, "127.example.org", "--insecure", "--data", dir, "--host", "127.example.org");
    assert_int_not_equal(stat(dir, &st), 0);
}

/* --- Ports and directories. ------------------------------------------------------------------- */

static void a_port_in_use_is_named(void **state)
{
    LG_AUTO_STR char *dir = lg_rig_path(&rig, "second");
    LG_AUTO_STR char *port = lg_strf("%u", rig.router);

    (void)state;
    REFUSES(6, port, "port", "--data", dir, "--controller-port", "0", "--router-port", port,
            "--server-port", "0");
    REFUSES(6, port, "port", "--data", dir, "--controller-port", port, "--router-port", "0",
            "--server-port", "0");
    REFUSES(6, port, "port", "--data", dir, "--controller-port", "0", "--router-port", "0",
            "--server-port", port);
}

#define FREE_PORTS "--controller-port", "0", "--router-port", "0", "--server-port", "0"

static void a_data_directory_in_use_is_left_alone(void **state)
{
    (void)state;
    REFUSES(6, rig.data, "stop that process or choose another directory", "--data", rig.data,
            FREE_PORTS);
    assert_run(&rig, 0, "store", "describe", "people");
}

static void a_directory_of_another_format_is_left_alone(void **state)
{
    LG_AUTO_STR char *dir = lg_rig_path(&rig, "future");
    LG_AUTO_STR char *file = NULL, *other = NULL, *foreign = NULL, *readme = NULL, *plain = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(mkdir(dir, 0755), 0);
    file = lg_rig_file(&rig, "future/lagoon.format", LG_LIT("lagoon data directory, format 9\n"));
    REFUSES(6, dir, "another format", "--data", dir, FREE_PORTS);
    other = lg_rig_path(&rig, "future/meta");
    assert_int_not_equal(stat(other, &st), 0);

    foreign = lg_rig_path(&rig, "photos");
    assert_int_equal(mkdir(foreign, 0755), 0);
    readme = lg_rig_file(&rig, "photos/holiday.jpg", LG_LIT("x"));
    REFUSES(6, "photos", "holiday.jpg", "--data", foreign, FREE_PORTS);
    REFUSES(6, "photos", "choose another", "--data", foreign, FREE_PORTS);

    plain = lg_rig_file(&rig, "plain", LG_LIT("x"));
    REFUSES(6, "plain", "name a directory", "--data", plain, FREE_PORTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_store_is_named_with_the_nearest),
        cmocka_unit_test(an_unknown_word_is_named_with_the_nearest),
        cmocka_unit_test(an_unknown_option_of_the_standalone_is_named_with_the_nearest),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(a_bad_schema_is_refused),
        cmocka_unit_test(a_key_of_another_type_is_refused),
        cmocka_unit_test(a_bad_line_is_named_by_its_number),
        cmocka_unit_test(a_missing_field_is_named_with_the_nearest),
        cmocka_unit_test(a_bad_file_makes_no_store),
        cmocka_unit_test(a_truncated_foreign_or_empty_file_is_refused),
        cmocka_unit_test(another_schema_than_the_stores_is_refused),
        cmocka_unit_test(ndjson_cannot_create_a_store),
        cmocka_unit_test(two_different_records_with_one_key_are_refused),
        cmocka_unit_test(identical_records_are_counted_and_dropped),
        cmocka_unit_test(a_push_while_another_runs_is_a_conflict),
        cmocka_unit_test(a_rollback_without_a_backup_is_a_conflict),
        cmocka_unit_test(a_controller_that_is_not_there_is_unavailable),
        cmocka_unit_test(a_url_is_asked_whatever_the_variable_says),
        cmocka_unit_test(no_web_page_can_post_to_the_controller),
        cmocka_unit_test(everybody_is_let_in_only_when_told),
        cmocka_unit_test(a_port_in_use_is_named),
        cmocka_unit_test(a_data_directory_in_use_is_left_alone),
        cmocka_unit_test(a_directory_of_another_format_is_left_alone),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
