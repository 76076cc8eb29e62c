/* Which replicas a server has: what the assignment says, over its whole life, and what it tells the
 * others of them. */
#include "server/replica_manager.h"

#include <stdio.h>

#include "base/str.h"
#include "lane/fault.h"
#include "model/partitioner.h"
#include "server/server.h"
#include "test/lib/cluster_world.h"
#include "test/lib/slow_engine.h"
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

/* Nobody is sent to what would be read from a cold disk; who comes all the same is answered. After
 * a restart it is needed at once. */
static void what_was_just_loaded_is_told_when_it_is_warm(void **state)
{
    struct lg_clw *w = *state;

    lg_clw_run_ms(w, 2000);
    lg_slow_scan(w->sim, w->servers[0].engines, 10 * LG_SEC);
    assign(w, FIRST_ONLY);
    expect_report(w, "END_OF_PUSH_RECEIVED", "");
    assert_int_equal(status_of(w, 0, 0), 200);
    assign(w, NEITHER); /* It may go meanwhile. */
    lg_clw_run_ms(w, 20000);
    expect_report(w, "", "");
    assert_int_equal(on_disk(w), 0);
    assign(w, FIRST_ONLY);
    expect_report(w, "END_OF_PUSH_RECEIVED", "");
    lg_clw_run_ms(w, 10000);
    expect_report(w, "COMPLETED", "");

    lg_clw_server_kill(w, 0);
    lg_clw_run_ms(w, 6000);
    lg_clw_server_start(w, 0);
    lg_slow_scan(w->sim, w->servers[0].engines, 10 * LG_SEC);
    lg_clw_run_ms(w, 15000); /* Its checkpoints are scanned as slowly, and then its index. */
    expect_report(w, "COMPLETED", "");
    assert_int_equal(status_of(w, 0, 0), 200);
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

/* --- States, terms, resets. --------------------------------------------------------------------
 */

/* Member `name` of partition 0 in the report of server 0, as text; the caller frees it. */
static char *told(struct lg_clw *w, const char *name)
{
    LG_AUTO_STR char *text = lg_clw_meta_get(w, REPORT);
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *report, *value;
    struct lg_error err = {0};

    if (text == NULL)
        return lg_strdup("nothing");
    assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
    report = lg_json_get(json, "0");
    value = lg_json_get(report, name);
    if (lg_json_type(value) == LG_JSON_INT)
        return lg_strf("%lld", (long long)lg_json_int(value));
    return lg_strdup(lg_json_get_str(report, name, "nothing"));
}

static void expect_told(struct lg_clw *w, const char *name, const char *want)
{
    LG_AUTO_STR char *got = told(w, name);

    if (strcmp(got, want) != 0)
        fail_msg("%s is told as '%s', not '%s'", name, got, want);
}

/* Partition 0 here and on s1, led by `leader` in `term`; partition 1 is s1's. */
static void assign_led(struct lg_clw *w, const char *leader, int term, const char *more)
{
    LG_AUTO_STR char *value = lg_strf("{\"partitions\":[[\"s0_8888\",\"s1_8888\"],[\"s1_8888\"]],"
                                      "\"leaders\":[\"%s\",\"s1_8888\"],\"terms\":[%d,1]%s}",
                                      leader, term, more);

    assign(w, value);
}

static void leadership_follows_the_terms(void **state)
{
    struct lg_clw *w = *state;

    assign_led(w, "s1_8888", 3, "");
    expect_told(w, "state", "STANDBY");
    expect_told(w, "term", "3");
    assign_led(w, "s0_8888", 4, "");
    expect_told(w, "state", "LEADER");
    expect_told(w, "status", "COMPLETED");
    assign_led(w, "s1_8888", 3, ""); /* Of yesterday. */
    expect_told(w, "state", "LEADER");
    expect_told(w, "term", "4");
    assign_led(w, "s0_8888", 5, ""); /* That it was named no more meanwhile was not heard of. */
    expect_told(w, "state", "LEADER");
    expect_told(w, "term", "5");
    assign_led(w, "s1_8888", 6, "");
    expect_told(w, "state", "STANDBY");
    expect_told(w, "term", "6");
    assert_int_equal(status_of(w, 0, 0), 200);
}

/* Release 0.1 names no leaders: the first of the list leads. */
static void without_leaders_the_first_of_the_list_leads(void **state)
{
    struct lg_clw *w = *state;

    assign(w, FIRST_ONLY);
    expect_told(w, "state", "LEADER");
    assign(w, "{\"partitions\":[[\"s1_8888\",\"s0_8888\"],[\"s1_8888\"]]}");
    expect_told(w, "state", "STANDBY");
}

static void a_reset_opens_a_replica_again_and_only_once(void **state)
{
    struct lg_clw *w = *state;

    assign_led(w, "s0_8888", 1, "");
    expect_told(w, "reset", "0");
    lg_clw_topic_delete(w, "cities_v1"); /* It must do without the log. */
    assign_led(w, "s0_8888", 1, ",\"resets\":{\"0\":{\"s0_8888\":1}}");
    expect_told(w, "reset", "1");
    expect_told(w, "state", "LEADER");
    expect_told(w, "status", "COMPLETED");
    assert_int_equal(status_of(w, 0, 0), 200);
}

#define WIPED ",\"resets\":{\"0\":{\"s0_8888\":{\"number\":2,\"wipe\":true}}}"

static void a_reset_that_wipes_reads_everything_again_and_not_after_each_restart(void **state)
{
    struct lg_clw *w = *state;

    assign_led(w, "s0_8888", 1, "");
    assign_led(w, "s0_8888", 1, WIPED);
    expect_told(w, "reset", "2");
    expect_told(w, "status", "COMPLETED");
    lg_clw_topic_delete(w, "cities_v1");
    for (int i = 0; i < 2; i++) { /* Without the log a second wipe could not be healed. */
        if (i == 0)
            lg_clw_server_stop(w, 0);
        else
            lg_clw_server_kill(w, 0);
        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, 6000);
        expect_told(w, "status", "COMPLETED");
        expect_told(w, "reset", "2");
        assert_int_equal(status_of(w, 0, 0), 200);
    }
}

static void a_wipe_that_came_while_the_server_was_away_is_done(void **state)
{
    struct lg_clw *w = *state;

    assign_led(w, "s0_8888", 1, "");
    lg_clw_server_stop(w, 0);
    lg_clw_topic_delete(w, "cities_v1");
    assign_led(w, "s0_8888", 1, WIPED);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 20000);
    expect_told(w, "state", "ERROR"); /* All is gone, and so is the log. */
    expect_told(w, "status", "ERROR");
}

/* --- What fails. -------------------------------------------------------------------------------
 */

static void a_topic_that_was_deleted_by_hand_is_told_and_what_is_complete_is_served(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO_STR char *text = NULL;

    assign(w, FIRST_ONLY);
    lg_clw_topic_delete(w, "cities_v1");
    lg_clw_run_ms(w, 30000);
    expect_report(w, "COMPLETED", "");
    assert_int_equal(status_of(w, 0, 0), 200);
    assign(w, BOTH); /* The other partition is nowhere any more. */
    lg_clw_run_ms(w, 20000);
    expect_report(w, "COMPLETED", "ERROR");
    text = lg_clw_meta_get(w, REPORT);
    assert_non_null(strstr(text, "topic cities_v1 does not exist any more; partition 1"));
    assert_int_equal(status_of(w, 0, 0), 200);
    lg_clw_topic(w, "cities_v1", PARTITIONS); /* Somebody wrote it again, and resets it. */
    lg_clw_rows(w, "cities_v1", PARTITIONS, rows, ROWS, /* whole= */ true);
    assign(w, "{\"partitions\":[[\"s0_8888\"],[\"s0_8888\"]],"
              "\"resets\":{\"1\":{\"s0_8888\":1}}}");
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 1), 200);
}

static void a_disk_that_fails_once_is_tried_again_until_it_works(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO_STR char *why = NULL;

    lg_fault_arm(LG_FAULT_CHECKPOINT_WRITE, 0, 6);
    assign(w, FIRST_ONLY);
    expect_told(w, "state", "ERROR");
    why = told(w, "error");
    assert_non_null(strstr(why, "CHECKPOINT_WRITE"));
    lg_clw_run_ms(w, 4000);
    expect_told(w, "state", "ERROR");
    expect_told(w, "retries", "2"); /* After 1, 2 and 4 s. */
    lg_clw_run_ms(w, 120000);
    lg_fault_disarm_all();
    expect_told(w, "state", "LEADER");
    expect_told(w, "status", "COMPLETED");
    expect_told(w, "error", "nothing");
    assert_int_equal(status_of(w, 0, 0), 200);
}

static void junk_in_the_assignment_changes_nothing(void **state)
{
    static const char *const junk[] = {"",
                                       "{",
                                       "7",
                                       "[]",
                                       "{}",
                                       "{\"partitions\":7}",
                                       "{\"partitions\":[]}",
                                       "{\"partitions\":[[7]]}",
                                       "{\"partitions\":[[\"s0_8888\"],\"s0_8888\"]}",
                                       "\x00\x01"};
    struct lg_clw *w = *state;

    assign(w, BOTH);
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        lg_clw_meta(w, LG_META_PUT, "/assignment/no-topic-at-all", junk[i]);
        lg_clw_meta(w, LG_META_PUT, "/assignment/towns_v1", junk[i]);
        assign(w, junk[i]);
        expect_report(w, "COMPLETED", "COMPLETED");
        assert_int_equal(on_disk(w), 2);
    }
    assert_int_equal(status_of(w, 0, 0), 200);
    assign(w, NEITHER); /* And what can be read again is followed. */
    assert_int_equal(on_disk(w), 0);
}

static void another_number_of_partitions_begins_anew(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    assign(w, "{\"partitions\":[[\"s0_8888\"]]}");
    lg_clw_run_ms(w, 3000);
    expect_report(w, "COMPLETED", "");
    assert_int_equal(on_disk(w), 1);
    assign(w, "{\"partitions\":[[\"s1_8888\"],[\"s0_8888\"]]}");
    lg_clw_run_ms(w, 3000);
    expect_report(w, "", "COMPLETED");
    assert_int_equal(on_disk(w), 1);
}

/* --- Order. ------------------------------------------------------------------------------------
 */

static void what_leaves_is_withdrawn_first_and_still_read_for_a_while(void **state)
{
    struct lg_clw *w = *state;
    bool read_after_withdrawal = false;

    assign(w, BOTH);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", FIRST_ONLY);
    for (int i = 0; i < 200; i++) {
        LG_AUTO_STR char *text = lg_clw_meta_get(w, REPORT);
        bool is_told = strstr(text, "\"1\":") != NULL;
        int status = status_of(w, 0, 1);

        if (is_told)
            assert_int_equal(status, 200); /* Never told and not there. */
        read_after_withdrawal |= !is_told && status == 200;
        lg_clw_run_ms(w, 10);
    }
    assert_true(read_after_withdrawal);
    assert_int_equal(status_of(w, 0, 1), 503);
    assert_int_equal(on_disk(w), 1);
}

static void a_replica_that_comes_back_in_its_grace_was_never_closed(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_topic_delete(w, "cities_v1"); /* Read again it could not be. */
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", FIRST_ONLY);
    lg_clw_run_ms(w, 500);
    expect_report(w, "COMPLETED", "");
    assign(w, BOTH);
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 1), 200);
}

static void without_metadata_all_is_kept_and_served(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_meta_sim_cut(w->meta, "s0", true);
    assign(w, NEITHER);
    lg_clw_run_ms(w, 60000); /* Many session timeouts. */
    assert_int_equal(status_of(w, 0, 0), 200);
    assert_int_equal(status_of(w, 0, 1), 200);
    assert_int_equal(on_disk(w), 2);
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 20000);
    assert_int_equal(on_disk(w), 0);
    expect_report(w, "", "");
}

/* --- Metadata that are not those of its cluster. -----------------------------------------------
 */

#define ASSIGNED_TO_ONE "{\"partitions\":[[\"s1_8888\"],[\"s1_8888\"]]}"
#define CLUSTER(id) "{\"name\":\"lake\",\"format\":1,\"id\":\"" id "\"}"
#define OUR_ID "00112233445566778899aabbccddeeff"

static void expect_kept(struct lg_clw *w, unsigned server, const char *why)
{
    const struct lg_json *json;

    lg_clw_run_ms(w, 10000);
    assert_int_equal(status_of(w, server, 0), 200);
    assert_int_equal(status_of(w, server, 1), 200);
    assert_int_equal(lg_clw_get(w, &w->servers[server], "/v1/replicas"), 200);
    json = w->json;
    if (strstr(lg_json_get_str(json, "refusal", ""), why) == NULL)
        fail_msg("'%s' does not say '%s'", lg_json_get_str(json, "refusal", ""), why);
}

static void an_assignment_that_is_gone_as_a_whole_removes_nothing(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_meta(w, LG_META_REMOVE_TREE, "/assignment", NULL);
    expect_kept(w, 0, "not even /assignment");
    assert_int_equal(on_disk(w), 2);
    lg_clw_meta(w, LG_META_PUT, "/assignment", NULL); /* Nothing is assigned, and it is meant so. */
    lg_clw_run_ms(w, 5000);
    assert_int_equal(on_disk(w), 0);
    expect_report(w, "", "");
}

static void a_restart_without_any_assignment_removes_nothing(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    lg_clw_server_kill(w, 0);
    lg_clw_meta(w, LG_META_REMOVE_TREE, "/assignment", NULL);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 20000);
    assert_int_equal(on_disk(w), 2);
    assert_true(lg_server_ready(w->servers[0].server)); /* A standalone's; a push follows. */
    assign(w, BOTH);
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 0), 200);
}

static void metadata_of_another_cluster_remove_nothing(void **state)
{
    static const struct {
        const char *value, *why;
    } rows_of_change[] = {
        {NULL, "even /cluster"},
        {CLUSTER("ffeeddccbbaa99887766554433221100"), "ffeeddccbbaa99887766554433221100"},
        {"{\"name\":\"sea\",\"format\":1,\"id\":\"" OUR_ID "\"}", "belongs to cluster 'sea'"},
        {"{\"name\":\"lake\",\"format\":1}", "(none)"},
        {"junk", "not what a controller writes"},
    };
    struct lg_clw *w = *state;

    w->server_cluster = "lake";
    w->server_cluster_id = OUR_ID;
    lg_clw_meta(w, LG_META_PUT, "/cluster", CLUSTER(OUR_ID));
    lg_clw_server_start(w, 1);
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows_of_change); i++) {
        assign(w, ASSIGNED_TO_ONE);
        lg_clw_meta(w, LG_META_REMOVE, "/cluster", NULL);
        if (rows_of_change[i].value != NULL)
            lg_clw_meta(w, LG_META_PUT, "/cluster", rows_of_change[i].value);
        lg_clw_meta(w, LG_META_REMOVE, "/assignment/cities_v1", NULL);
        expect_kept(w, 1, rows_of_change[i].why);
        lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", ASSIGNED_TO_ONE); /* Restored. */
        lg_clw_meta(w, LG_META_PUT, "/cluster", CLUSTER(OUR_ID));
        expect_kept(w, 1, "");
        assert_null(lg_json_get_str(w->json, "refusal", NULL));
    }
    lg_clw_meta(w, LG_META_REMOVE, "/assignment/cities_v1", NULL);
    lg_clw_run_ms(w, 5000);
    assert_int_equal(status_of(w, 1, 0), 503); /* Ours, and dropped. */
}

/* Everything is told ready by itself, and only what can be read. */
static void after_a_restart_nothing_is_told_before_it_can_be_read(void **state)
{
    struct lg_clw *w = *state;

    assign(w, BOTH);
    for (int round = 0; round < 4; round++) {
        lg_clw_server_kill(w, 0);
        lg_clw_run_ms(w, round % 2 == 0 ? 6000 : 100);
        lg_clw_server_start(w, 0);
        for (int i = 0; i < 60; i++) {
            LG_AUTO_STR char *text = NULL;

            lg_clw_run_ms(w, 7);
            text = lg_clw_meta_get(w, REPORT);
            if (text != NULL && round % 2 == 0 && strstr(text, "COMPLETED") != NULL)
                assert_true(status_of(w, 0, 0) == 200 || status_of(w, 0, 1) == 200);
        }
        lg_clw_run_ms(w, 6000);
        expect_report(w, "COMPLETED", "COMPLETED");
    }
}

/* --- Three servers and a router. ---------------------------------------------------------------
 */

/* Every row is read through the router, every few milliseconds: none may fail. */
static void read_all_for(struct lg_clw *w, unsigned ms)
{
    for (unsigned t = 0; t < ms; t += 20) {
        LG_SCOPED(lg_buf) target = {0};

        lg_buf_append_str(&target, "/storage/cities/");
        lg_base64_encode(&target, rows[t / 20 % ROWS].key, /* url_safe= */ true);
        lg_buf_append_str(&target, "?f=b64");
        lg_buf_append_byte(&target, 0);
        if (lg_clw_get(w, &w->router, (const char *)target.data) != 200)
            fail_msg("after %u ms: %.*s", t, LG_FMT(lg_clw_body(w)));
        lg_clw_run_ms(w, 20);
    }
}

#define THREE(zero, one) "{\"partitions\":[[" zero "],[" one "]]}"
#define S0 "\"s0_8888\""
#define S1 "\"s1_8888\""
#define S2 "\"s2_8888\""

static struct lg_clw *three_servers(void **state)
{
    struct lg_clw *w = *state;

    lg_clw_server_start(w, 1);
    lg_clw_server_start(w, 2);
    lg_clw_router_start(w);
    assign(w, THREE(S0 "," S1, S1 "," S2));
    lg_clw_run_ms(w, 3000);
    return w;
}

static void replicas_move_without_a_failed_read(void **state)
{
    static const char *const steps[] = {
        THREE(S0 "," S1 "," S2, S1 "," S2 "," S0), /* Made first, */
        THREE(S2, S0),                             /* and then broken. */
        THREE(S2 "," S1, S0 "," S1),
        THREE(S1, S1),
    };
    struct lg_clw *w = three_servers(state);

    read_all_for(w, 1000);
    for (size_t i = 0; i < LG_ARRAY_SIZE(steps); i++) {
        lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", steps[i]);
        read_all_for(w, 6000);
    }
    assert_int_equal(on_disk(w), 0);
}

static void servers_are_restarted_one_after_the_other_without_a_failed_read(void **state)
{
    struct lg_clw *w = three_servers(state);

    assign(w, THREE(S0 "," S1 "," S2, S0 "," S1 "," S2));
    for (unsigned i = 0; i < 3; i++) {
        lg_clw_server_stop(w, i);
        read_all_for(w, 3000);
        lg_clw_server_start(w, i);
        read_all_for(w, 3000);
        assert_true(lg_server_ready(w->servers[i].server));
    }
}

/* A clock that is a day off, either way, and that jumps meanwhile. */
static void wall_clocks_may_say_what_they_like(void **state)
{
    static const int64_t day_ms = 86400000;
    struct lg_clw *w = *state;

    lg_sim_node_set_skew_ms(w->servers[0].node, -day_ms);
    assign(w, FIRST_ONLY);
    expect_report(w, "COMPLETED", "");
    lg_sim_node_set_skew_ms(w->servers[0].node, day_ms);
    assign(w, BOTH);
    expect_report(w, "COMPLETED", "COMPLETED");
    lg_clw_server_kill(w, 0);
    lg_sim_node_set_skew_ms(w->servers[0].node, -day_ms);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 6000);
    expect_report(w, "COMPLETED", "COMPLETED");
    assert_int_equal(status_of(w, 0, 0), 200);
    assign(w, NEITHER);
    assert_int_equal(on_disk(w), 0);
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
        TEST(what_was_just_loaded_is_told_when_it_is_warm),
        TEST(what_was_dropped_while_the_server_was_away_is_removed),
        TEST(what_went_elsewhere_while_the_server_was_away_is_removed),
        TEST(a_leftover_that_is_ours_again_while_it_is_removed_is_read_anew),
        TEST(leftovers_stay_while_the_metadata_is_away),
        TEST(leadership_follows_the_terms),
        TEST(without_leaders_the_first_of_the_list_leads),
        TEST(a_reset_opens_a_replica_again_and_only_once),
        TEST(a_reset_that_wipes_reads_everything_again_and_not_after_each_restart),
        TEST(a_wipe_that_came_while_the_server_was_away_is_done),
        TEST(a_topic_that_was_deleted_by_hand_is_told_and_what_is_complete_is_served),
        TEST(a_disk_that_fails_once_is_tried_again_until_it_works),
        TEST(junk_in_the_assignment_changes_nothing),
        TEST(another_number_of_partitions_begins_anew),
        TEST(what_leaves_is_withdrawn_first_and_still_read_for_a_while),
        TEST(a_replica_that_comes_back_in_its_grace_was_never_closed),
        TEST(without_metadata_all_is_kept_and_served),
        TEST(an_assignment_that_is_gone_as_a_whole_removes_nothing),
        TEST(a_restart_without_any_assignment_removes_nothing),
        TEST(metadata_of_another_cluster_remove_nothing),
        TEST(after_a_restart_nothing_is_told_before_it_can_be_read),
        TEST(replicas_move_without_a_failed_read),
        TEST(servers_are_restarted_one_after_the_other_without_a_failed_read),
        TEST(wall_clocks_may_say_what_they_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
