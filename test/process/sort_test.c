/* A push of more rows than fit into the memory it may sort in: what is served is the same, nothing
 * is left in the folder for temporary files, and what is wrong is told as ever. */
#include <dirent.h>
#include <sys/stat.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define ROWS 30000u /* about 4 MB: many times what 1 MiB of memory takes */

static struct lg_rig rig;

static int set_up(void **state)
{
    LG_AUTO_STR char *key = NULL, *value = NULL, *temp = NULL;

    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    key = lg_rig_file(&rig, "key.avsc", LG_LIT("\"string\""));
    value = lg_rig_file(&rig, "value.avsc", LG_LIT("\"string\""));
    for (char store[] = "a"; store[0] <= 'c'; store[0]++)
        assert_run(&rig, 0, "store", "create", store, "--key-schema", key, "--value-schema", value);
    temp = lg_rig_path(&rig, "temp");
    assert_int_equal(mkdir(temp, 0700), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

/* Row `i`; keys come in no order. */
static void append_row(struct lg_buf *out, unsigned i, unsigned value)
{
    unsigned key = i * 7919u % 1000003u;

    lg_buf_appendf(out, "{\"k\":\"user-%06u\",\"v\":\"%u of %0100u\"}\n", key, value, key);
}

/* All rows, and the first thousand again at the end, with values of their own if they `differ`. */
static char *write_rows(const char *name, bool differ)
{
    LG_SCOPED(lg_buf) text = {0};

    for (unsigned i = 0; i < ROWS; i++)
        append_row(&text, i, 1);
    for (unsigned i = 0; i < 1000; i++)
        append_row(&text, i, differ ? 2 : 1);
    return lg_rig_file(&rig, name, lg_buf_slice(&text));
}

static void assert_temp_is_empty(void)
{
    LG_AUTO_STR char *temp = lg_rig_path(&rig, "temp");
    DIR *dir = opendir(temp);
    unsigned entries = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        entries++;
    assert_int_equal(closedir(dir), 0);
    assert_int_equal(entries, 2); /* "." and "..". */
}

static void assert_member(const struct lg_json *json, const char *name, int64_t want)
{
    assert_int_equal(lg_json_get_int(json, name, -1), want);
}

static void push(const char *store, const char *file, const char *memory, const char *duplicates)
{
    LG_AUTO_STR char *temp = lg_rig_path(&rig, "temp");
    LG_AUTO(lg_json) *json = NULL;

    assert_run(&rig, 0, "push", store, file, "--key-field", "k", "--value-field", "v",
               "--sort-memory", memory, "--temp-dir", temp, "--duplicates", duplicates, "--output",
               "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_member(json, "records", ROWS);
    assert_member(json, "duplicates", 1000);
    assert_temp_is_empty();
}

/* The same answers to the same questions from both stores. */
static void compare(const char *one, const char *other)
{
    for (unsigned i = 0; i < ROWS; i += 997) {
        LG_AUTO_STR char *key = lg_strf("user-%06u", i * 7919u % 1000003u);
        LG_SCOPED(lg_buf) answer = {0};

        assert_run(&rig, 0, "get", one, key, "--output", "json");
        lg_buf_append_slice(&answer, lg_buf_slice(&rig.out));
        assert_true(answer.size > 100);
        assert_run(&rig, 0, "get", other, key, "--output", "json");
        assert_slice_equal(lg_buf_slice(&rig.out), lg_buf_slice(&answer));
    }
}

static void rows_that_do_not_fit_into_memory_are_served_as_if_they_had(void **state)
{
    LG_AUTO_STR char *same = write_rows("same.ndjson", /* differ= */ false);
    LG_AUTO_STR char *different = write_rows("different.ndjson", /* differ= */ true);

    (void)state;
    push("a", same, "1MiB", "fail");
    push("b", same, "512MiB", "fail");
    compare("a", "b");
    push("a", different, "1MiB", "last");
    push("b", different, "512MiB", "last");
    compare("a", "b");
    assert_run(&rig, 0, "get", "a", "user-000000");
    lg_rig_assert_out(&rig, "2 of ");
}

static void two_values_of_one_key_are_found_however_far_apart(void **state)
{
    LG_AUTO_STR char *file = write_rows("conflict.ndjson", /* differ= */ true);
    LG_AUTO_STR char *temp = lg_rig_path(&rig, "temp");
    LG_AUTO(lg_json) *store = NULL;

    (void)state;
    assert_run(&rig, 7, "push", "c", file, "--key-field", "k", "--value-field", "v",
               "--sort-memory", "1MiB", "--temp-dir", temp);
    lg_rig_assert_err(&rig, "two different records have the key");
    lg_rig_assert_err(&rig, "conflict.ndjson: line 3"); /* 30001 to 31000 */
    assert_temp_is_empty();
    store = lg_rig_store(&rig, "c");
    assert_int_equal(lg_json_size(lg_json_get(store, "versions")), 0);
}

static void a_wrong_folder_or_size_is_told_before_anything_is_read(void **state)
{
    LG_AUTO_STR char *file = write_rows("rows.ndjson", /* differ= */ false);
    LG_AUTO_STR char *none = lg_rig_path(&rig, "no-such-folder");

    (void)state;
    assert_run(&rig, 2, "push", "c", file, "--key-field", "k", "--temp-dir", none);
    lg_rig_assert_err(&rig, "no-such-folder is no folder");
    lg_rig_assert_err(&rig, "--temp-dir");
    assert_run(&rig, 2, "push", "c", file, "--key-field", "k", "--sort-memory", "10");
    lg_rig_assert_err(&rig, "--sort-memory: '10' is no size");
    assert_run(&rig, 2, "push", "c", file, "--key-field", "k", "--sort-memory", "10KiB");
    lg_rig_assert_err(&rig, "from 1 MiB");
}

static void a_push_writes_no_faster_than_it_is_told(void **state)
{
    LG_AUTO_STR char *file = write_rows("rate.ndjson", /* differ= */ false);

    (void)state;
    assert_run(&rig, 2, "push", "b", file, "--key-field", "k", "--max-rate", "0");
    lg_rig_assert_err(&rig, "--max-rate must be 1 to 1000000000 records per second, not '0'");
    assert_run(&rig, 2, "push", "b", file, "--key-field", "k", "--max-rate", "fast");
    lg_rig_assert_err(&rig, "not 'fast'");
    assert_run(&rig, 0, "push", "b", file, "--key-field", "k", "--value-field", "v", "--duplicates",
               "first", "--max-rate", "1000000000");
    assert_run(&rig, 5, "push", "b", file, "--key-field", "k", "--value-field", "v", "--duplicates",
               "first", "--max-rate", "100", "--timeout", "3s");
    lg_rig_assert_err(&rig, "at 100 per second at most");
    assert_run(&rig, 0, "get", "b", "user-000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_do_not_fit_into_memory_are_served_as_if_they_had),
        cmocka_unit_test(two_values_of_one_key_are_found_however_far_apart),
        cmocka_unit_test(a_wrong_folder_or_size_is_told_before_anything_is_read),
        cmocka_unit_test(a_push_writes_no_faster_than_it_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
