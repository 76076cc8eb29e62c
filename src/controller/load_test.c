/* What a leader cannot read, however it got there: told once, read again from time to time until
 * it makes sense, and not any more then. */
#include "base/log.h"
#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

#define TOWNS "store_name=towns&key_schema=%22long%22&value_schema=%22string%22&owner=me"

struct lines { /* of the log */
    const char *told;
    unsigned tellings, loads;
};

static void count_line(void *ctx, enum lg_log_level level, const char *line)
{
    struct lines *n = ctx;

    (void)level;
    n->tellings += n->told != NULL && strstr(line, n->told) != NULL;
    n->loads += strstr(line, "controller_loaded") != NULL;
}

static void listen(struct lines *n, const char *told)
{
    *n = (struct lines){.told = told};
    lg_log_set_level(LG_LOG_INFO);
    lg_log_set_sink(count_line, n);
}

static void hush(void)
{
    lg_log_set_sink(NULL, NULL);
    lg_log_set_level(LG_LOG_OFF);
}

static int down(void **state) /* After a failure, too. */
{
    (void)state;
    hush();
    return 0;
}

/* Does the answer say the word anywhere? */
static bool says(struct lg_cw *w, const char *target, const char *word)
{
    LG_SCOPED(lg_buf) text = {0};

    (void)lg_cw_get(w, target);
    lg_json_write(&text, w->answer, /* pretty= */ false);
    lg_buf_append_byte(&text, 0);
    return strstr((const char *)text.data, word) != NULL;
}

/* The value of a node; the caller frees it. */
static char *value_of(struct lg_cw *w, const char *path)
{
    const struct lg_json *nodes;

    assert_int_equal(lg_cw_get(w, "/v1/metadata"), 200);
    nodes = lg_json_get(w->answer, "nodes");
    for (size_t i = 0; i < lg_json_size(nodes); i++)
        if (strcmp(lg_json_get_str(lg_json_at(nodes, i), "path", ""), path) == 0)
            return lg_strdup(lg_json_get_str(lg_json_at(nodes, i), "value", ""));
    fail_msg("%s is not there", path);
    return NULL;
}

struct node_case {
    const char *path, *event;
    const char *good;          /* NULL: what was there */
    const char *target, *word; /* This says so ... */
    bool known;                /* ... when the node is known, else only while it is not. */
};

static void expect_known(struct lg_cw *w, const struct node_case *c, bool is_known)
{
    if (says(w, c->target, c->word) != (is_known == c->known))
        fail_msg("%s, which is %s: %s says otherwise", c->path, is_known ? "good" : "junk",
                 c->target);
}

static void check_node(uint64_t seed, const struct node_case *c)
{
    struct lg_cw *w = lg_cw_start(seed);
    LG_AUTO_STR char *told = lg_strf("%s path=%s reason=", c->event, c->path);
    LG_AUTO_STR char *good = NULL;
    struct lines lines;

    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    good = c->good == NULL ? value_of(w, c->path) : lg_strdup(c->good);
    lg_cw_put(w, c->path, "junk");
    lg_cw_restart(w);
    listen(&lines, told);
    lg_cw_until_ready(w);
    expect_known(w, c, false);
    lg_sim_run_us(w->sim, 30 * LG_SEC);
    expect_known(w, c, false);
    assert_int_equal(lines.tellings, 1);
    assert_in_range(lines.loads, 4, 8); /* Every five seconds. */
    lg_cw_put(w, c->path, good);
    lg_sim_run_us(w->sim, 6 * LG_SEC);
    expect_known(w, c, true);
    lines.loads = 0;
    lg_sim_run_us(w->sim, 30 * LG_SEC);
    assert_int_equal(lines.loads, 0);
    expect_known(w, c, true);
    hush();
    lg_cw_free(w);
}

static void a_node_that_makes_no_sense_is_read_again_until_it_does(void **state)
{
    static const struct node_case cases[] = {
        {"/stores/cities", "store_unreadable", NULL, "/store?store_name=cities", "makes no sense",
         false},
        {"/assignment/cities_v1", "assignment_unreadable", NULL,
         "/node_removable?storage_node_id=srv1_88", "/assignment/cities_v1", false},
        {"/pushes/cities_v1", "push_unreadable", NULL, "/v1/replicas?store_name=cities&version=1",
         "srv1_88", true},
        {"/nodes/old_88", "node_unreadable", "{\"state\":\"DRAINING\"}", "/v1/nodes", "old_88",
         true},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++)
        check_node(1 + i, &cases[i]);
}

/* Else a new store of that name would begin with numbers that were used before. */
static void a_grave_that_makes_no_sense_is_read_again_until_it_does(void **state)
{
    struct lg_cw *w = lg_cw_start(11);
    struct lines lines;

    (void)state;
    lg_cw_store_up(w);
    lg_cw_put(w, "/graveyard/towns", "{\"largestUsedVersionNumber\":-7}");
    lg_cw_restart(w);
    listen(&lines, "grave_unreadable path=/graveyard/towns reason=");
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_post(w, "/new_store", TOWNS), 503);
    assert_non_null(strstr(lg_cw_text(w, "error"), "/graveyard/towns"));
    lg_cw_put(w, "/graveyard/towns", "{\"largestUsedVersionNumber\":7}");
    lg_sim_run_us(w->sim, 6 * LG_SEC);
    assert_int_equal(lines.tellings, 1);
    assert_int_equal(lg_cw_post(w, "/new_store", TOWNS), 200);
    assert_true(says(w, "/store?store_name=towns", "\"largestUsedVersionNumber\":7,"));
    lg_cw_free(w);
}

/* Where reading takes long, a node with junk must not keep the metadata busy. */
static void reading_again_takes_a_small_part_of_the_time(void **state)
{
    struct lg_clw *w = lg_clw_new(12, /* with_controller= */ false);
    struct lines lines;

    (void)state;
    lg_clw_meta(w, LG_META_PUT, "/stores/cities", "junk");
    lg_meta_sim_set_delay_us(w->meta, 300 * LG_MS, 300 * LG_MS);
    listen(&lines, NULL);
    lg_clw_controller_start(w, 0);
    lg_clw_run_ms(w, 200000);
    assert_in_range(lines.loads, 2, 8);
    lg_clw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_node_that_makes_no_sense_is_read_again_until_it_does, down),
        cmocka_unit_test_teardown(a_grave_that_makes_no_sense_is_read_again_until_it_does, down),
        cmocka_unit_test_teardown(reading_again_takes_a_small_part_of_the_time, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
