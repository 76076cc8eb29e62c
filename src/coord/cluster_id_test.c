/* Whose metadata is it? */
#include "coord/cluster_id.h"

#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define ID "0123456789abcdef0123456789abcdef"

static void the_value_says_what_a_process_may_do(void **state)
{
    static const struct {
        const char *value;
        enum lg_rc want;
        const char *part; /* of the sentence */
    } rows[] = {
        {"{\"name\":\"lake\",\"format\":1,\"createdBy\":\"0.2\"}", LG_OK, ""},
        {"{\"name\":\"lake\",\"format\":1,\"more\":true}", LG_OK, ""},
        {"{\"name\":\"lake\",\"format\":1,\"id\":\"" ID "\"}", LG_OK, ""},
        {"{\"name\":\"lake\",\"format\":1,\"id\":\"0123\"}", LG_ERR_BAD_DATA, "not 32 hex digits"},
        {"{\"name\":\"lake\",\"format\":1,\"id\":\"" ID "0\"}", LG_ERR_BAD_DATA, "clusterId"},
        {"{\"name\":\"lake\",\"format\":1,\"id\":7}", LG_ERR_BAD_DATA, "not 32 hex digits"},
        {"{\"name\":\"sea\",\"format\":1}", LG_ERR_CONFLICT,
         "belongs to cluster 'sea', not to 'lake'; correct cluster.name"},
        {"{\"name\":\"lake\",\"format\":7,\"createdBy\":\"3.0\"}", LG_ERR_UNSUPPORTED,
         "format 7, written by release 3.0; this release reads up to format 1"},
        /* A newer format may have another name for the name. */
        {"{\"name\":\"sea\",\"format\":2}", LG_ERR_UNSUPPORTED, "format 2"},
        {"", LG_ERR_BAD_DATA, "/cluster"},
        {"[]", LG_ERR_BAD_DATA, "/cluster"},
        {"{\"format\":1}", LG_ERR_BAD_DATA, "/cluster"},
        {"{\"name\":\"lake\"}", LG_ERR_BAD_DATA, "/cluster"},
        {"{\"name\":\"lake\",\"format\":0}", LG_ERR_BAD_DATA, "write it anew"},
        {"{\"name\":7,\"format\":1}", LG_ERR_BAD_DATA, "/cluster"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_error err = {0};
        char id[LG_CLUSTER_ID_CHARS + 1] = "unset";
        enum lg_rc rc = lg_cluster_id_check(lg_slice_str(rows[i].value), "lake", id, &err);
        const char *want = strstr(rows[i].value, ID) == NULL ? "" : ID;

        assert_string_equal(id, rc == LG_OK ? want : "unset");

        if (rc != rows[i].want || strstr(err.text, rows[i].part) == NULL)
            fail_msg("%s: %s %s", rows[i].value, lg_rc_name(rc), err.text);
    }
}

static void a_new_value_passes_its_own_check(void **state)
{
    LG_AUTO_STR char *value = lg_cluster_id_value("lake \"9\"", ID);
    char id[LG_CLUSTER_ID_CHARS + 1];
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_cluster_id_check(lg_slice_str(value), "lake \"9\"", id, &err));
    assert_string_equal(id, ID);
}

/* --- Against a metastore. ----------------------------------------------------------------------
 */

struct part {
    struct lg_clw *w;
    struct lg_cluster_check check;
    bool done;
};

static void done(struct lg_cluster_check *check)
{
    LG_CONTAINER_OF(check, struct part, check)->done = true;
}

static void submit(void *ctx)
{
    struct part *p = ctx;

    p->check.lane = lg_sim_lane_new(p->w->sim, p->w->router.node, "part");
    p->check.metastore = lg_meta_sim_session(p->w->meta, p->check.lane);
    lg_cluster_check_submit(&p->check);
    assert_false(p->done);
}

static bool is_done(void *ctx)
{
    return ((struct part *)ctx)->done;
}

static enum lg_rc check(struct part *p, struct lg_clw *w, const char *name, bool creates)
{
    *p = (struct part){.w = w, .check = {.name = name, .creates = creates, .done = done}};
    lg_sim_node_run(w->router.node, submit, p);
    assert_true(lg_sim_run_until(w->sim, is_done, p, 60 * LG_SEC));
    return p->check.rc;
}

static void only_a_controller_makes_the_cluster(void **state)
{
    struct lg_clw *w = lg_clw_new(1, /* with_controller= */ false);
    struct part p;

    (void)state;
    assert_rc(LG_ERR_NOT_FOUND, check(&p, w, "lake", false));
    assert_string_equal(p.check.err.text,
                        "there is no cluster 'lake' in this metastore; start one of its "
                        "controllers first, or correct cluster.name");
    assert_rc(LG_OK, check(&p, w, "lake", true));
    assert_rc(LG_OK, check(&p, w, "lake", true));
    assert_rc(LG_OK, check(&p, w, "lake", false));
    assert_rc(LG_ERR_CONFLICT, check(&p, w, "sea", true));
    assert_rc(LG_ERR_CONFLICT, check(&p, w, "sea", false));
    lg_clw_free(w);
}

static void two_that_make_it_at_once_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ false);
        struct part one = {.w = w, .check = {.name = "lake", .creates = true, .done = done}};
        struct part two = {.w = w, .check = {.name = "sea", .creates = true, .done = done}};

        lg_sim_node_run(w->router.node, submit, &one);
        lg_sim_node_run(w->router.node, submit, &two);
        assert_true(lg_sim_run_until(w->sim, is_done, &one, 60 * LG_SEC));
        assert_true(lg_sim_run_until(w->sim, is_done, &two, 60 * LG_SEC));
        assert_true((one.check.rc == LG_OK) != (two.check.rc == LG_OK));
        lg_clw_free(w);
    }
}

static void the_id_is_drawn_once_and_stays(void **state)
{
    struct lg_clw *w = lg_clw_new(4, /* with_controller= */ false);
    char first[LG_CLUSTER_ID_CHARS + 1];
    struct part p;

    (void)state;
    assert_rc(LG_OK, check(&p, w, "lake", true));
    assert_int_equal(strlen(p.check.id), LG_CLUSTER_ID_CHARS);
    memcpy(first, p.check.id, sizeof first);
    assert_rc(LG_OK, check(&p, w, "lake", true));
    assert_string_equal(p.check.id, first);
    assert_rc(LG_OK, check(&p, w, "lake", false));
    assert_string_equal(p.check.id, first);
    lg_clw_meta(w, LG_META_REMOVE, "/cluster", NULL); /* Another one of the same name. */
    assert_rc(LG_OK, check(&p, w, "lake", true));
    assert_string_not_equal(p.check.id, first);
    lg_clw_free(w);
}

static void a_node_without_id_gets_one_from_a_controller(void **state)
{
    struct lg_clw *w = lg_clw_new(5, /* with_controller= */ false);
    LG_AUTO_STR char *text = NULL, *wanted = NULL;
    struct part p;

    (void)state;
    lg_clw_meta(w, LG_META_PUT, "/cluster",
                "{\"name\":\"lake\",\"format\":1,\"createdBy\":\"0.1\",\"more\":true}");
    assert_rc(LG_OK, check(&p, w, "lake", false));
    assert_string_equal(p.check.id, "");
    assert_rc(LG_OK, check(&p, w, "lake", true));
    text = lg_clw_meta_get(w, "/cluster");
    wanted = lg_strf(
        "{\"name\":\"lake\",\"format\":1,\"createdBy\":\"0.1\",\"more\":true,\"id\":\"%s\"}",
        p.check.id);
    assert_string_equal(text, wanted);
    lg_clw_free(w);
}

static void two_that_add_an_id_at_once_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ false);
        struct part one = {.w = w, .check = {.name = "lake", .creates = true, .done = done}};
        struct part two = one;

        lg_clw_meta(w, LG_META_PUT, "/cluster", "{\"name\":\"lake\",\"format\":1}");
        lg_sim_node_run(w->router.node, submit, &one);
        lg_sim_node_run(w->router.node, submit, &two);
        assert_true(lg_sim_run_until(w->sim, is_done, &one, 60 * LG_SEC));
        assert_true(lg_sim_run_until(w->sim, is_done, &two, 60 * LG_SEC));
        assert_rc(LG_OK, one.check.rc);
        assert_rc(LG_OK, two.check.rc);
        assert_int_equal(strlen(one.check.id), LG_CLUSTER_ID_CHARS);
        assert_string_equal(one.check.id, two.check.id);
        lg_clw_free(w);
    }
}

static void a_metastore_that_is_away_is_waited_for(void **state)
{
    struct lg_clw *w = lg_clw_new(2, /* with_controller= */ false);
    struct part p = {.w = w, .check = {.name = "lake", .creates = true, .done = done}};

    (void)state;
    lg_sim_node_run(w->router.node, submit, &p);
    lg_meta_sim_cut(w->meta, "router", true);
    lg_clw_run_ms(w, 20000);
    assert_false(p.done);
    lg_meta_sim_heal(w->meta);
    assert_true(lg_sim_run_until(w->sim, is_done, &p, 60 * LG_SEC));
    assert_rc(LG_OK, p.check.rc);
    lg_clw_free(w);
}

static void cancel(void *ctx)
{
    lg_cluster_check_cancel(&((struct part *)ctx)->check);
}

static void waiting_can_be_ended(void **state)
{
    struct lg_clw *w = lg_clw_new(3, /* with_controller= */ false);
    struct part p = {.w = w, .check = {.name = "lake", .creates = true, .done = done}};

    (void)state;
    lg_sim_node_run(w->router.node, submit, &p);
    lg_meta_sim_cut(w->meta, "router", true);
    lg_clw_run_ms(w, 20000);
    lg_sim_node_run(w->router.node, cancel, &p);
    assert_true(lg_sim_run_until(w->sim, is_done, &p, 60 * LG_SEC));
    assert_rc(LG_ERR_UNAVAILABLE, p.check.rc);
    lg_clw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_value_says_what_a_process_may_do),
        cmocka_unit_test(a_new_value_passes_its_own_check),
        cmocka_unit_test(only_a_controller_makes_the_cluster),
        cmocka_unit_test(two_that_make_it_at_once_agree),
        cmocka_unit_test(the_id_is_drawn_once_and_stays),
        cmocka_unit_test(a_node_without_id_gets_one_from_a_controller),
        cmocka_unit_test(two_that_add_an_id_at_once_agree),
        cmocka_unit_test(a_metastore_that_is_away_is_waited_for),
        cmocka_unit_test(waiting_can_be_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
