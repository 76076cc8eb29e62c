/* Who may be asked as a last resort, and what ends it. */
#include "base/log.h"
#include "base/str.h"
#include "drivers/sim/lane_sim.h"
#include "test/lib/catalog_nodes.h"
#include "test/test.h"

#define DONE "{\"status\":\"COMPLETED\"}"
#define HOLD_US (LG_CATALOG_LAST_RESORT_MS * LG_MS)

struct world {
    struct lg_sim *sim;
    struct lg_catalog_state *state;
    struct lg_catalog_snapshot *snapshot; /* the last one */
};

static void announce(struct world *w, const char *id, const char *life)
{
    LG_AUTO_STR char *path = lg_strf("/instances/%s", id);
    LG_AUTO_STR char *value =
        lg_strf("{\"host\":\"%s\",\"port\":1%s%s%s}", id, life == NULL ? "" : ",\"life\":\"",
                life == NULL ? "" : life, life == NULL ? "" : "\"");

    lg_cn_put(w->state, path, value);
}

static int up(void **state)
{
    struct world *w = lg_new(struct world);

    lg_log_set_level(LG_LOG_OFF);
    w->sim = lg_sim_new(1);
    w->state = lg_catalog_state_new(lg_sim_lane_new(w->sim, NULL, "lane"));
    announce(w, "a_1", "first");
    announce(w, "b_1", "first");
    lg_cn_put(w->state, "/assignment/x_v1", "{\"partitions\":[[\"a_1\"],[\"b_1\",\"a_1\"]]}");
    lg_cn_put(w->state, "/replicas/x_v1/a_1", "{\"0\":" DONE ",\"1\":" DONE "}");
    lg_cn_put(w->state, "/replicas/x_v1/b_1", "{\"1\":" DONE "}");
    *state = w;
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;

    lg_catalog_snapshot_unref(w->snapshot);
    lg_catalog_state_free(w->state);
    lg_sim_free(w->sim);
    lg_free(w);
    return 0;
}

static const struct lg_catalog_topic *look(struct world *w)
{
    struct lg_catalog_snapshot *now = lg_catalog_state_snapshot(w->state);

    lg_catalog_snapshot_unref(w->snapshot);
    w->snapshot = now;
    return lg_catalog_topic(now, LG_LIT("x_v1"));
}

/* The hosts of the last resort: "a_1 b_1", "" for none. */
static void expect(struct world *w, uint32_t partition, const char *want)
{
    const struct lg_catalog_topic *t = look(w);
    const struct lg_catalog_instance *hosts[LG_CATALOG_REPLICAS_MAX];
    size_t n = lg_catalog_last_resort(w->snapshot, t, partition, hosts);
    LG_AUTO_STR char *text = NULL;
    LG_SCOPED(lg_buf) out = {0};

    for (size_t i = 0; i < n; i++)
        lg_buf_appendf(&out, "%s%s", i == 0 ? "" : " ", hosts[i]->host);
    text = lg_buf_take_str(&out);
    assert_string_equal(text, want);
}

static size_t ready(struct world *w, uint32_t partition)
{
    uint32_t ignored[LG_CATALOG_REPLICAS_MAX];

    return lg_catalog_ready(look(w), partition, ignored);
}

static void end_session(struct world *w, const char *id)
{
    LG_AUTO_STR char *path = lg_strf("/instances/%s", id);
    LG_AUTO_STR char *report = lg_strf("/replicas/x_v1/%s", id);

    lg_cn_put(w->state, path, NULL);
    lg_cn_put(w->state, report, NULL);
}

static void who_was_ready_when_its_session_ended_is_a_last_resort(void **state)
{
    struct world *w = *state;

    expect(w, 0, "");
    lg_cn_put(w->state, "/instances/a_1", NULL); /* Heard of first; what it told is still there. */
    expect(w, 0, "a_1");
    lg_cn_put(w->state, "/replicas/x_v1/a_1", NULL);
    expect(w, 0, "a_1");
    expect(w, 1, "a_1");
    assert_int_equal(ready(w, 0), 0);
    assert_int_equal(ready(w, 1), 1);
    assert_int_equal(w->snapshot->instances.size, 1);
    assert_null(lg_catalog_instance(w->snapshot, "a_1", NULL));
    end_session(w, "b_1");
    expect(w, 0, "a_1");
    expect(w, 1, "a_1 b_1");
}

static void the_same_process_comes_back(void **state)
{
    struct world *w = *state;

    end_session(w, "a_1");
    expect(w, 0, "a_1");
    announce(w, "a_1", "first"); /* What it holds is told a moment later. */
    expect(w, 0, "a_1");
    lg_cn_put(w->state, "/replicas/x_v1/a_1", "{\"0\":" DONE ",\"1\":{\"status\":\"ERROR\"}}");
    expect(w, 0, "");
    expect(w, 1, "");
    assert_int_equal(ready(w, 0), 1);
    assert_int_equal(ready(w, 1), 1);
    /* Both at once, the next time. */
    announce(w, "a_1", "first");
    lg_cn_put(w->state, "/replicas/x_v1/a_1", NULL);
    expect(w, 0, "a_1");
    expect(w, 1, ""); /* It had failed. */
}

static void another_process_of_the_same_name_does_not(void **state)
{
    static const char *const lives[] = {"second", NULL, NULL};
    struct world *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(lives); i++) {
        end_session(w, "a_1");
        if (i < 2) /* Who does not name its life may be anybody; but it is known to be gone. */
            expect(w, 0, "a_1");
        announce(w, "a_1", lives[i]);
        expect(w, 0, "");
        lg_cn_put(w->state, "/replicas/x_v1/a_1", "{\"0\":" DONE "}");
        assert_int_equal(ready(w, 0), 1);
    }
    /* It began anew before anybody heard that the one before was gone. */
    announce(w, "b_1", "second");
    lg_cn_put(w->state, "/replicas/x_v1/b_1", NULL);
    lg_cn_put(w->state, "/instances/b_1", NULL);
    expect(w, 1, "");
}

static void what_was_withdrawn_is_not(void **state)
{
    struct world *w = *state;

    lg_cn_put(w->state, "/replicas/x_v1/b_1", "{}");
    end_session(w, "b_1");
    expect(w, 1, "");
    /* By those who assign: before and after. */
    lg_cn_put(w->state, "/assignment/x_v1", "{\"partitions\":[[\"a_1\"],[\"b_1\"]]}");
    end_session(w, "a_1");
    expect(w, 0, "a_1");
    expect(w, 1, "");
    lg_cn_put(w->state, "/assignment/x_v1", "{\"partitions\":[[\"b_1\"],[\"b_1\"]]}");
    expect(w, 0, "");
    lg_cn_put(w->state, "/assignment/x_v1", "{\"partitions\":[[\"a_1\"],[\"b_1\"]]}");
    expect(w, 0, "a_1");
    lg_cn_put(w->state, "/assignment/x_v1", "junk"); /* says nothing */
    expect(w, 0, "a_1");
    lg_cn_put(w->state, "/assignment/x_v1", NULL);
    assert_null(look(w));
    lg_cn_put(w->state, "/assignment/x_v1", "{\"partitions\":[[\"a_1\"],[\"b_1\"]]}");
    expect(w, 0, ""); /* It was gone meanwhile. */
}

static void the_last_word_counts(void **state)
{
    static const char *const words[] = {"{\"status\":\"STARTED\"}", "{\"status\":\"ERROR\"}",
                                        "{\"status\":\"COMPLETED\",\"state\":\"ERROR\"}"};
    struct world *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(words); i++) {
        LG_AUTO_STR char *report = lg_strf("{\"0\":%s,\"1\":%s}", words[i], words[i]);

        lg_cn_put(w->state, "/replicas/x_v1/a_1", report);
        expect(w, 0, "");
        end_session(w, "a_1");
        expect(w, 0, "");
        announce(w, "a_1", "first");
    }
}

static void a_version_that_is_gone_is_forgotten(void **state)
{
    struct world *w = *state;
    const char *ignored;

    end_session(w, "a_1");
    end_session(w, "b_1");
    expect(w, 1, "a_1 b_1");
    assert_int_not_equal(lg_catalog_state_forget_at_us(w->state, &ignored), 0);
    lg_cn_put(w->state, "/assignment/x_v1", NULL);
    assert_int_equal(lg_catalog_state_forget_at_us(w->state, &ignored), 0);
    assert_null(look(w));
}

static void it_is_so_for_a_while(void **state)
{
    struct world *w = *state;
    const char *instance = NULL;
    uint64_t at_us = lg_sim_now_us(w->sim);

    end_session(w, "b_1");
    lg_sim_run_us(w->sim, LG_SEC);
    end_session(w, "a_1");
    assert_int_equal(lg_catalog_state_forget_at_us(w->state, &instance), at_us + HOLD_US);
    assert_string_equal(instance, "b_1");
    lg_sim_run_us(w->sim, HOLD_US - LG_SEC - 1);
    lg_catalog_state_forget(w->state);
    expect(w, 1, "a_1 b_1");
    assert_false(lg_catalog_state_changed(w->state));
    lg_sim_run_us(w->sim, 1);
    lg_catalog_state_forget(w->state);
    assert_true(lg_catalog_state_changed(w->state));
    expect(w, 1, "a_1");
    assert_int_equal(lg_catalog_state_forget_at_us(w->state, &instance), at_us + LG_SEC + HOLD_US);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_catalog_state_forget(w->state);
    expect(w, 1, "");
    assert_int_equal(lg_catalog_state_forget_at_us(w->state, &instance), 0);
}

static void a_version_is_served_by_them_when_no_other_is_ready(void **state)
{
    struct world *w = *state;
    LG_AUTO(lg_store) *store = lg_store_new("x", "me", "\"string\"", 1);
    struct lg_catalog_store entry = {.store = store};
    struct lg_version version = {0};
    struct lg_error err;
    int32_t served = 0;
    uint32_t missing;

    version.number = 1;
    LG_VEC_PUSH(&store->versions, version);
    version.number = 2;
    LG_VEC_PUSH(&store->versions, version);
    store->current_version = 2;
    lg_cn_put(w->state, "/assignment/x_v2", "{\"partitions\":[[\"b_1\"],[\"b_1\"]]}");
    lg_cn_put(w->state, "/replicas/x_v2/b_1", "{\"0\":" DONE ",\"1\":" DONE "}");
    (void)look(w);
    assert_ok(lg_catalog_served_version(w->snapshot, &entry, 1, &served, &err));
    assert_int_equal(served, 2);
    end_session(w, "b_1");
    lg_cn_put(w->state, "/replicas/x_v2/b_1", NULL);
    (void)look(w);
    assert_false(lg_catalog_version_ready(w->snapshot, "x", 2, &missing));
    assert_ok(lg_catalog_served_version(w->snapshot, &entry, 2, &served, &err));
    assert_int_equal(served, 2); /* It was, and version 1 would be a step back. */
    /* One that was never served does not replace one that is ready. */
    assert_ok(lg_catalog_served_version(w->snapshot, &entry, 1, &served, &err));
    assert_int_equal(served, 1);
    end_session(w, "a_1");
    (void)look(w);
    assert_ok(lg_catalog_served_version(w->snapshot, &entry, 1, &served, &err));
    assert_int_equal(served, 2);
    lg_cn_put(w->state, "/assignment/x_v2", "{\"partitions\":[[\"c_1\"],[\"b_1\"]]}");
    (void)look(w);
    assert_ok(lg_catalog_served_version(w->snapshot, &entry, 1, &served, &err));
    assert_int_equal(served, 1);
    assert_rc(LG_ERR_UNREADY, lg_catalog_served_version(w->snapshot, &entry, 0, &served, &err));
    assert_non_null(strstr(err.text, "partition 0"));
}

/* Who has no use for them does not keep them. */
static void without_a_lane_nobody_is(void **state)
{
    struct world *w = *state;
    const char *ignored;

    lg_catalog_state_free(w->state);
    w->state = lg_catalog_state_new(NULL);
    announce(w, "a_1", "first");
    lg_cn_put(w->state, "/assignment/x_v1", "{\"partitions\":[[\"a_1\"],[\"a_1\"]]}");
    lg_cn_put(w->state, "/replicas/x_v1/a_1", "{\"0\":" DONE "}");
    lg_cn_put(w->state, "/instances/a_1", NULL);
    expect(w, 0, "");
    lg_cn_put(w->state, "/replicas/x_v1/a_1", NULL);
    expect(w, 0, "");
    assert_int_equal(lg_catalog_state_forget_at_us(w->state, &ignored), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_was_ready_when_its_session_ended_is_a_last_resort),
        TEST(the_same_process_comes_back),
        TEST(another_process_of_the_same_name_does_not),
        TEST(what_was_withdrawn_is_not),
        TEST(the_last_word_counts),
        TEST(a_version_that_is_gone_is_forgotten),
        TEST(it_is_so_for_a_while),
        TEST(a_version_is_served_by_them_when_no_other_is_ready),
        TEST(without_a_lane_nobody_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
