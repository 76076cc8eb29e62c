/* Which replicas a server has: what the assignment says, over its whole life, and what it tells the
 * others of them. */
#include "server/replica_manager.h"

#include <stdio.h>

#include "base/str.h"
#include "model/partitioner.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 2u
#define ROWS 40
#define BOTH "{\"partitions\":[[\"s0_8888\"],[\"s0_8888\"]]}"
#define FIRST_ONLY "{\"partitions\":[[\"s0_8888\"],[\"s1_8888\"]]}"
#define NEITHER "{\"partitions\":[[\"s1_8888\"],[\"s1_8888\"]]}"
#define REPORT "/replicas/cities_v1/s0_8888"

static char keys[ROWS][16];
static struct lg_clw_row rows[ROWS];

static void make_rows(void)
{
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "\x0cnum%03d", i);
        rows[i] = (struct lg_clw_row){lg_slice_str(keys[i]), LG_LIT("\x54"), 1};
    }
}

/* A server and a pushed version; nothing is assigned yet. */
static int up(void **state)
{
    struct lg_clw *w = lg_clw_new(22, /* with_controller= */ false);

    make_rows();
    lg_clw_server_start(w, 0);
    lg_clw_store(w, "cities", 1, 1, PARTITIONS);
    lg_clw_topic(w, "cities_v1", PARTITIONS);
    lg_clw_rows(w, "cities_v1", PARTITIONS, rows, ROWS, /* whole= */ true);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

static void assign(struct lg_clw *w, const char *value)
{
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", value);
    lg_clw_run_ms(w, 3000);
}

/* The statuses of the first key of partition 0 and of partition 1: 200 is served. */
static int status_of(struct lg_clw *w, unsigned server, unsigned partition)
{
    for (int i = 0; i < ROWS; i++) {
        LG_SCOPED(lg_buf) target = {0};

        if (lg_partitioner_partition(rows[i].key, PARTITIONS) != partition)
            continue;
        lg_buf_appendf(&target, "/storage/cities_v1/%u/", partition);
        lg_base64_encode(&target, rows[i].key, /* url_safe= */ true);
        lg_buf_append_str(&target, "?f=b64");
        lg_buf_append_byte(&target, 0);
        return lg_clw_get(w, &w->servers[server], (const char *)target.data);
    }
    fail_msg("no key in partition %u", partition);
    return 0;
}

/* "COMPLETED" of a partition in the report of server 0; "" when it is not in it. */
static void expect_report(struct lg_clw *w, const char *zero, const char *one)
{
    LG_AUTO_STR char *text = lg_clw_meta_get(w, REPORT);
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};

    if (text == NULL) {
        assert_string_equal(zero, "");
        assert_string_equal(one, "");
        return;
    }
    assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
    assert_string_equal(lg_json_get(json, "0") == NULL
                            ? ""
                            : lg_json_get_str(lg_json_get(json, "0"), "status", "?"),
                        zero);
    assert_string_equal(lg_json_get(json, "1") == NULL
                            ? ""
                            : lg_json_get_str(lg_json_get(json, "1"), "status", "?"),
                        one);
}

/* How many replicas have files on the disk of server 0. */
static size_t on_disk(struct lg_clw *w)
{
    struct lg_disk_names names = {0};
    struct lg_error err = {0};
    size_t n;

    assert_ok(lg_disk_list(w->servers[0].disk, "engines/replicas", &names, &err));
    n = names.names.size;
    lg_disk_names_done(&names);
    return n;
}

/* --- Getting. ----------------------------------------------------------------------------------
 */

static void an_assigned_replica_is_read_from_the_log_and_told(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO_STR char *text = NULL;
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    int64_t records = 0;

    lg_clw_run_ms(w, 2000);
    expect_report(w, "", "");
    assign(w, BOTH);
    assert_int_equal(status_of(w, 0, 0), 200);
    assert_int_equal(status_of(w, 0, 1), 200);
    expect_report(w, "COMPLETED", "COMPLETED");
    text = lg_clw_meta_get(w, REPORT);
    assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
    for (unsigned p = 0; p < PARTITIONS; p++) {
        const struct lg_json *replica = lg_json_get(json, p == 0 ? "0" : "1");

        records += lg_json_get_int(replica, "records", 0);
        assert_true(lg_json_get_int(replica, "bytes", 0) > 0);
        assert_int_equal(lg_json_type(lg_json_get(replica, "error")), LG_JSON_NULL);
    }
    assert_int_equal(records, ROWS);
}

static void a_replica_of_somebody_else_is_not_touched(void **state)
{
    struct lg_clw *w = *state;

    assign(w, FIRST_ONLY);
    assert_int_equal(status_of(w, 0, 0), 200);
    assert_int_equal(status_of(w, 0, 1), 503); /* Of the current version. */
    expect_report(w, "COMPLETED", "");
    assert_int_equal(on_disk(w), 1);
}

static void a_push_that_contradicts_itself_is_told_as_an_error(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO_STR char *text = NULL;

    lg_clw_topic(w, "cities_v2", PARTITIONS);
    lg_clw_rows(w, "cities_v2", PARTITIONS, rows, ROWS, /* whole= */ false); /* No start of push. */
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v2", BOTH);
    assign(w, BOTH);
    text = lg_clw_meta_get(w, "/replicas/cities_v2/s0_8888");
    assert_non_null(text);
    assert_non_null(strstr(text, "\"status\":\"ERROR\""));
    assert_null(strstr(text, "\"error\":null"));
    assert_int_equal(status_of(w, 0, 0), 200); /* The other version is not concerned. */
    expect_report(w, "COMPLETED", "COMPLETED");
}

/* --- Losing. -----------------------------------------------------------------------------------
 */

static void a_replica_that_goes_elsewhere_is_removed_and_no_longer_told(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    assert_int_equal(on_disk(w), 2);
    assign(w, FIRST_ONLY);
    expect_report(w, "COMPLETED", "");
    assert_int_equal(on_disk(w), 1);
    assert_int_equal(status_of(w, 0, 1), 503);
    assign(w, NEITHER);
    expect_report(w, "", "");
    assert_int_equal(on_disk(w), 0);
    assign(w, BOTH); /* And back: read from the log once more. */
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 1), 200);
}

static void a_version_that_is_dropped_is_removed(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_meta(w, LG_META_REMOVE, "/assignment/cities_v1", NULL);
    lg_clw_run_ms(w, 3000);
    expect_report(w, "", "");
    assert_int_equal(on_disk(w), 0);
    assert_int_equal(status_of(w, 0, 0), 503);
}

static void a_change_of_mind_while_it_is_removed_is_followed(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    for (int i = 0; i < 6; i++) {
        lg_clw_meta(w, LG_META_REMOVE, "/assignment/cities_v1", NULL);
        lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", i % 2 == 0 ? FIRST_ONLY : BOTH);
    }
    lg_clw_run_ms(w, 10000);
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 0), 200);
    assert_int_equal(status_of(w, 0, 1), 200);
}

static void an_assignment_that_cannot_be_read_removes_nothing(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    assign(w, "{\"partitions\":");
    assert_int_equal(status_of(w, 0, 0), 200);
    expect_report(w, "COMPLETED", "COMPLETED");
    assign(w, FIRST_ONLY);
    expect_report(w, "COMPLETED", "");
}

/* --- Restarts. ---------------------------------------------------------------------------------
 */

static void a_restarted_server_is_complete_without_the_log(void **state)
{
    struct lg_clw *w = *state;

    for (int round = 0; round < 3; round++) {
        assign(w, BOTH);
        expect_report(w, "COMPLETED", "COMPLETED");
        if (round == 0)
            lg_clw_topic_delete(w, "cities_v1");
        if (round == 1)
            lg_clw_server_stop(w, 0);
        else
            lg_clw_server_kill(w, 0);
        lg_clw_run_ms(w, 6000); /* Its session ends meanwhile, or has ended. */
        expect_report(w, "", "");
        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, 3000);
        expect_report(w, "COMPLETED", "COMPLETED");
        assert_int_equal(status_of(w, 0, 0), 200);
        assert_int_equal(status_of(w, 0, 1), 200);
    }
}

static void a_quick_restart_reports_in_its_own_name(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_server_kill(w, 0);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 10000); /* The end of the old session must not take the new report with it. */
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 0), 200);
}

static void a_kill_in_the_middle_of_a_push_is_recovered_from(void **state)
{
    struct lg_clw *w = *state;

    for (unsigned ms = 1; ms < 60; ms += 9) {
        lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", BOTH);
        lg_clw_run_ms(w, ms);
        lg_clw_server_kill(w, 0);
        lg_disk_sim_crash(w->servers[0].disk); /* The power went with it. */
        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, 5000);
        expect_report(w, "COMPLETED", "COMPLETED");
        assert_int_equal(status_of(w, 0, 0), 200);
        assert_int_equal(status_of(w, 0, 1), 200);
        assign(w, NEITHER);
        assert_int_equal(on_disk(w), 0);
    }
}

static void what_was_dropped_while_the_server_was_away_is_removed(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    assert_int_equal(on_disk(w), 2);
    lg_clw_server_kill(w, 0);
    lg_clw_meta(w, LG_META_REMOVE, "/assignment/cities_v1", NULL);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(on_disk(w), 0);
}

static void what_went_elsewhere_while_the_server_was_away_is_removed(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_server_kill(w, 0);
    assign(w, FIRST_ONLY);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(on_disk(w), 1);
    assert_int_equal(status_of(w, 0, 0), 200);
    expect_report(w, "COMPLETED", "");
    assign(w, BOTH); /* And back. */
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(on_disk(w), 2);
}

static void a_leftover_that_is_ours_again_while_it_is_removed_is_read_anew(void **state)
{
    struct lg_clw *w = *state;

    for (unsigned ms = 0; ms < 30; ms += 2) {
        assign(w, BOTH);
        lg_clw_server_kill(w, 0);
        assign(w, ms % 4 == 0 ? NEITHER : FIRST_ONLY);
        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, ms);
        assign(w, BOTH);
        lg_clw_run_ms(w, 6000);
        expect_report(w, "COMPLETED", "COMPLETED");
        assert_int_equal(status_of(w, 0, 0), 200);
        assert_int_equal(status_of(w, 0, 1), 200);
        assert_int_equal(on_disk(w), 2);
    }
}

static void leftovers_stay_while_the_metadata_is_away(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_server_kill(w, 0);
    lg_clw_meta(w, LG_META_REMOVE, "/assignment/cities_v1", NULL);
    lg_meta_sim_cut(w->meta, "s0", true);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 10000);
    assert_int_equal(on_disk(w), 2);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", BOTH); /* It was a mistake. */
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 15000);
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 0), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_assigned_replica_is_read_from_the_log_and_told),
        TEST(a_replica_of_somebody_else_is_not_touched),
        TEST(a_push_that_contradicts_itself_is_told_as_an_error),
        TEST(a_replica_that_goes_elsewhere_is_removed_and_no_longer_told),
        TEST(a_version_that_is_dropped_is_removed),
        TEST(a_change_of_mind_while_it_is_removed_is_followed),
        TEST(an_assignment_that_cannot_be_read_removes_nothing),
        TEST(a_restarted_server_is_complete_without_the_log),
        TEST(a_quick_restart_reports_in_its_own_name),
        TEST(a_kill_in_the_middle_of_a_push_is_recovered_from),
        TEST(what_was_dropped_while_the_server_was_away_is_removed),
        TEST(what_went_elsewhere_while_the_server_was_away_is_removed),
        TEST(a_leftover_that_is_ours_again_while_it_is_removed_is_read_anew),
        TEST(leftovers_stay_while_the_metadata_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
