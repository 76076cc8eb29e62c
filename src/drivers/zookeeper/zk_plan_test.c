/* Tests of the plan of a write: what is read first, which steps follow, what a failure means. */
#include "drivers/zookeeper/zk_plan.h"

#include "test/test.h"

#include "base/str.h"

#define CHANGE(kind, path)                                                                         \
    (struct lg_meta_change)                                                                        \
    {                                                                                              \
        LG_META_##kind, path, LG_LIT("v"), -1                                                      \
    }

static void note_need(void *ctx, const char *path, bool tree)
{
    lg_buf_appendf(ctx, "%s%s ", path, tree ? "*" : "");
}

static const char *text(struct lg_buf *b)
{
    if (b->size == 0 || b->data[b->size - 1] != 0)
        lg_buf_append_byte(b, 0);
    return (const char *)b->data;
}

/* "C/a! S/b:3": create /a, an assumption; set /b at version 3. */
static void assert_steps(const struct lg_zk_plan *plan, const char *want)
{
    static const char letters[] = "CESDK";
    LG_SCOPED(lg_buf) got = {0};

    for (size_t i = 0; i < plan->steps.size; i++) {
        const struct lg_zk_step *s = &plan->steps.data[i];

        lg_buf_appendf(&got, "%s%c%s", i == 0 ? "" : " ", letters[s->kind], s->path);
        if (s->version != -1)
            lg_buf_appendf(&got, ":%d", (int)s->version);
        if (s->assumed)
            lg_buf_append_byte(&got, '!');
    }
    assert_string_equal(text(&got), want);
}

static void plan_of(struct lg_zk_plan *plan, const struct lg_meta_change *changes, size_t n,
                    const char *const *present, size_t present_count)
{
    LG_SCOPED(lg_buf) needs = {0};
    struct lg_error err = {0};
    size_t at = 0;

    lg_zk_plan_need(plan, changes, n, note_need, &needs);
    for (size_t i = 0; i < present_count; i++) /* "~" stands for an ephemeral node. */
        lg_zk_plan_learn(plan, present[i] + (present[i][0] == '~'), true, present[i][0] == '~');
    assert_ok(lg_zk_plan_build(plan, changes, n, &at, &err));
}

static void only_what_the_multi_cannot_decide_is_read(void **state)
{
    (void)state;
    const struct lg_meta_change changes[] = {
        CHANGE(CREATE, "/a/b/c"), CHANGE(PUT, "/a/b"), CHANGE(SET, "/s"),
        CHANGE(REMOVE, "/r"),     CHANGE(CHECK, "/k"), CHANGE(REMOVE_TREE, "/t/u"),
        CHANGE(PUT, "/"),
    };
    LG_SCOPED(lg_zk_plan) plan = {0};
    LG_SCOPED(lg_buf) needs = {0};

    lg_zk_plan_need(&plan, changes, LG_ARRAY_SIZE(changes), note_need, &needs);
    assert_string_equal(text(&needs), "/a/b /a /a/b/c /t /t/u* ");
}

static void steps_follow_the_changes(void **state)
{
    (void)state;
    const struct {
        struct lg_meta_change changes[3];
        size_t n;
        const char *present[4];
        size_t present_count;
        const char *steps;
    } cases[] = {
        {{CHANGE(CREATE, "/a/b/c")}, 1, {"/a"}, 1, "C/a/b! C/a/b/c"},
        {{CHANGE(CREATE, "/a")}, 1, {"/a"}, 1, "C/a"}, /* ZooKeeper says no. */
        {{CHANGE(CREATE_EPHEMERAL, "/a/b")}, 1, {NULL}, 0, "C/a! E/a/b"},
        {{CHANGE(PUT, "/a")}, 1, {"/a"}, 1, "S/a!"},
        {{CHANGE(PUT, "/a")}, 1, {NULL}, 0, "C/a!"},
        {{CHANGE(PUT, "/")}, 1, {NULL}, 0, "S/!"},
        {{CHANGE(PUT, "/a/b"), CHANGE(PUT, "/a/b")}, 2, {NULL}, 0, "C/a! C/a/b! S/a/b!"},
        {{CHANGE(REMOVE, "/a"), CHANGE(PUT, "/a")}, 2, {"/a"}, 1, "D/a C/a!"},
        {{CHANGE(REMOVE_TREE, "/a")},
         1,
         {"/a", "/a/x", "/a-b", "/a/x/y"},
         4,
         "D/a/x/y! D/a/x! D/a!"},
        {{CHANGE(REMOVE_TREE, "/a"), CHANGE(CREATE, "/a/b")},
         2,
         {"/a", "/a/b"},
         2,
         "D/a/b! D/a! C/a! C/a/b"},
        {{CHANGE(CREATE, "/a/b"), CHANGE(REMOVE_TREE, "/a")},
         2,
         {NULL},
         0,
         "C/a! C/a/b D/a/b! D/a!"},
        /* Nothing to do needs no multi; beside something else absence is shown. */
        {{CHANGE(REMOVE_TREE, "/a/b")}, 1, {"/a"}, 1, ""},
        {{CHANGE(REMOVE_TREE, "/a/b/c"), CHANGE(SET, "/s")}, 2, {"/a"}, 1, "C/a/b! D/a/b! S/s"},
        {{CHANGE(REMOVE_TREE, "/a"), CHANGE(SET, "/s")}, 2, {NULL}, 0, "C/a! D/a! S/s"},
        {{CHANGE(REMOVE_TREE, "/e/b"), CHANGE(SET, "/s")}, 2, {"~/e"}, 1, "K/e! S/s"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_SCOPED(lg_zk_plan) plan = {0};

        plan_of(&plan, cases[i].changes, cases[i].n, cases[i].present, cases[i].present_count);
        assert_steps(&plan, cases[i].steps);
    }
}

static void versions_travel_and_have_bounds(void **state)
{
    (void)state;
    const struct lg_meta_change changes[] = {
        {LG_META_SET, "/a", LG_LIT("1"), 3},
        {LG_META_REMOVE, "/b", LG_SLICE_NULL, 4},
        {LG_META_CHECK, "/c", LG_SLICE_NULL, 0},
    };
    const struct lg_meta_change never = {LG_META_SET, "/a", LG_LIT("1"), (int64_t)1 << 33};
    const struct lg_meta_change root = {LG_META_REMOVE_TREE, "/", LG_SLICE_NULL, -1};
    const struct lg_meta_change second[] = {changes[0], root};
    LG_SCOPED(lg_zk_plan) plan = {0};
    struct lg_error err = {0};
    size_t at = 9;

    plan_of(&plan, changes, LG_ARRAY_SIZE(changes), NULL, 0);
    assert_steps(&plan, "S/a:3 D/b:4 K/c:0");
    assert_rc(LG_ERR_CONFLICT, lg_zk_plan_build(&plan, &never, 1, &at, &err));
    assert_int_equal(at, 0);
    assert_rc(LG_ERR_INVALID, lg_zk_plan_build(&plan, second, 2, &at, &err));
    assert_int_equal(at, 1);
}

static void a_failure_answers_or_says_read_again(void **state)
{
    (void)state;
    const struct lg_meta_change changes[] = {CHANGE(CREATE, "/a/b"), CHANGE(PUT, "/p"),
                                             CHANGE(SET, "/s"),      CHANGE(REMOVE, "/r"),
                                             CHANGE(CHECK, "/k"),    CHANGE(REMOVE_TREE, "/t")};
    const struct {
        size_t step;
        enum lg_zk_outcome outcome;
        enum lg_rc rc; /* LG_OK: read again */
    } cases[] = {
        {0, LG_ZK_PRESENT, LG_OK}, /* the parent */
        {0, LG_ZK_EPHEMERAL, LG_ERR_CONFLICT},
        {1, LG_ZK_PRESENT, LG_ERR_CONFLICT}, /* the node */
        {1, LG_ZK_ABSENT, LG_OK},
        {2, LG_ZK_ABSENT, LG_OK}, /* the put */
        {3, LG_ZK_ABSENT, LG_ERR_NOT_FOUND},
        {3, LG_ZK_BAD_VERSION, LG_ERR_CONFLICT},
        {4, LG_ZK_ABSENT, LG_ERR_NOT_FOUND},
        {4, LG_ZK_HAS_CHILDREN, LG_ERR_CONFLICT},
        {5, LG_ZK_BAD_VERSION, LG_ERR_CONFLICT},
        {6, LG_ZK_HAS_CHILDREN, LG_OK}, /* the tree */
        {6, LG_ZK_ABSENT, LG_OK},
    };
    const char *present[] = {"/p", "/t"};
    LG_SCOPED(lg_zk_plan) plan = {0};

    plan_of(&plan, changes, LG_ARRAY_SIZE(changes), present, 2);
    assert_steps(&plan, "C/a! C/a/b S/p! S/s D/r K/k D/t!");
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_error err = {0};
        enum lg_rc rc = LG_OK;
        bool again = lg_zk_plan_judge(&plan, cases[i].step, cases[i].outcome, changes, &rc, &err);

        assert_int_equal(again, cases[i].rc == LG_OK);
        if (!again) {
            assert_rc(cases[i].rc, rc);
            assert_non_null(strstr(err.text, changes[plan.steps.data[cases[i].step].change].path));
        }
    }
}

static void the_size_of_the_request_is_not_underestimated(void **state)
{
    (void)state;
    const struct lg_meta_change changes[] = {CHANGE(CREATE, "/a/b"), CHANGE(PUT, "/p")};
    LG_SCOPED(lg_zk_plan) plan = {0};

    plan_of(&plan, changes, LG_ARRAY_SIZE(changes), NULL, 0);
    /* Three steps with their paths below a root of ten bytes, two values. */
    assert_true(lg_zk_plan_bytes(&plan, 10) > 3 * 10 + 2 + 4 + 2 + 2 + 3 * 100);
    assert_true(lg_zk_plan_bytes(&plan, 10) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_the_multi_cannot_decide_is_read),
        cmocka_unit_test(steps_follow_the_changes),
        cmocka_unit_test(versions_travel_and_have_bounds),
        cmocka_unit_test(a_failure_answers_or_says_read_again),
        cmocka_unit_test(the_size_of_the_request_is_not_underestimated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
