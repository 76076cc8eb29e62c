/* Reading a tree out of a metastore that answers from a table, and out of the real one's grammar:
 * names sorted, each ended by a newline. */
#include "base/str.h"
#include "catalog/tree_read.h"
#include "drivers/sim/lane_sim.h"
#include "test/test.h"

/* --- A metastore as a table. -------------------------------------------------------------------
 */

struct row {
    const char *path, *value; /* value NULL: an empty node */
};

struct table {
    struct lg_metastore ms;
    const struct row *rows;
    size_t count;
    const char *vanishing; /* is listed, and gone when it is read */
    const char *failing;   /* its GET or CHILDREN fails */
    unsigned asked;
};

static bool is_child(const char *path, const char *parent)
{
    size_t n = strlen(parent);

    return strncmp(path, parent, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

static enum lg_rc answer(struct table *t, struct lg_meta_op *op)
{
    LG_SCOPED(lg_buf) names = {0};
    bool found = false;

    t->asked++;
    if (t->failing != NULL && strcmp(op->path, t->failing) == 0)
        return lg_error_set(&op->err, LG_ERR_UNAVAILABLE, "%s cannot be read", op->path);
    if (t->vanishing != NULL && strcmp(op->path, t->vanishing) == 0)
        return lg_error_set(&op->err, LG_ERR_NOT_FOUND, "gone");
    for (size_t i = 0; i < t->count; i++) {
        if (op->kind == LG_META_GET && strcmp(t->rows[i].path, op->path) == 0) {
            if (t->rows[i].value != NULL)
                op->value = lg_blob_new(lg_slice_str(t->rows[i].value));
            return LG_OK;
        }
        found = found || strcmp(t->rows[i].path, op->path) == 0;
        if (is_child(t->rows[i].path, op->path))
            lg_buf_appendf(&names, "%s\n", strrchr(t->rows[i].path, '/') + 1);
    }
    if (!found && names.size == 0)
        return lg_error_set(&op->err, LG_ERR_NOT_FOUND, "no such node");
    op->value = lg_blob_new(lg_buf_slice(&names));
    return LG_OK;
}

static void run(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);

    op->rc = answer(op->driver_state, op);
    op->done(op);
}

static void submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    assert_true(op->kind == LG_META_GET || op->kind == LG_META_CHILDREN);
    op->driver_state = LG_CONTAINER_OF(ms, struct table, ms);
    op->task.run = run;
    lg_lane_post(op->lane, &op->task);
}

static const struct lg_metastore_ops ops = {.name = "table", .submit = submit};

/* --- Reading. ----------------------------------------------------------------------------------
 */

struct reader {
    struct lg_tree_read read;
    unsigned done;
};

static void read_done(struct lg_tree_read *read)
{
    LG_CONTAINER_OF(read, struct reader, read)->done++;
}

static bool is_done(void *ctx)
{
    return ((struct reader *)ctx)->done > 0;
}

static void read_all(struct table *t, struct reader *r, const char *const *roots, size_t count)
{
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);

    t->ms.ops = &ops;
    r->done = 0;
    r->read.metastore = &t->ms;
    r->read.lane = lg_sim_lane_new(sim, NULL, "reader");
    r->read.roots = roots;
    r->read.root_count = count;
    r->read.done = read_done;
    lg_tree_read_submit(&r->read);
    assert_int_equal(r->done, 0); /* Never from inside submit. */
    assert_true(lg_sim_run_until(sim, is_done, r, LG_SEC));
    lg_sim_run_us(sim, LG_SEC);
    assert_int_equal(r->done, 1);
}

static const struct row rows[] = {
    {"/stores", NULL},
    {"/stores/a", "A"},
    {"/stores/bb", NULL},
    {"/stores/ccc", "C"},
    {"/replicas", "not part of the answer"},
    {"/replicas/t_v1", NULL},
    {"/replicas/t_v1/x_1", "X"},
    {"/replicas/t_v1/x_1/deep", "D"},
    {"/replicas/t_v1/x_1/deep/deeper", "too deep"},
    {"/replicas/t_v2", NULL},
    {"/other/thing", "not asked for"},
};

static const char *const roots[] = {"/replicas", "/absent", "/stores"};

static void everything_below_the_roots_comes_in_order(void **state)
{
    static const struct row want[] = {
        {"/replicas/t_v1", NULL}, {"/replicas/t_v1/x_1", "X"}, {"/replicas/t_v1/x_1/deep", "D"},
        {"/replicas/t_v2", NULL}, {"/stores/a", "A"},          {"/stores/bb", NULL},
        {"/stores/ccc", "C"},
    };
    struct table t = {.rows = rows, .count = LG_ARRAY_SIZE(rows)};
    struct reader r = {0};

    (void)state;
    for (int round = 0; round < 2; round++) { /* It may be submitted again. */
        read_all(&t, &r, roots, LG_ARRAY_SIZE(roots));
        assert_rc(LG_OK, r.read.rc);
        assert_int_equal(r.read.roots_absent, 1);
        assert_int_equal(r.read.nodes.size, LG_ARRAY_SIZE(want));
        for (size_t i = 0; i < LG_ARRAY_SIZE(want); i++) {
            const struct lg_tree_node *n = &r.read.nodes.data[i];

            assert_string_equal(n->path, want[i].path);
            if (want[i].value == NULL)
                assert_null(n->value);
            else
                assert_slice_equal(n->value->bytes, lg_slice_str(want[i].value));
        }
        assert_string_equal(lg_tree_node_name(&r.read.nodes.data[1]), "x_1");
        lg_tree_read_done(&r.read);
    }
}

static void a_node_that_vanishes_meanwhile_is_left_out(void **state)
{
    struct table t = {.rows = rows, .count = LG_ARRAY_SIZE(rows), .vanishing = "/stores/bb"};
    struct reader r = {0};

    (void)state;
    read_all(&t, &r, roots + 2, 1);
    assert_rc(LG_OK, r.read.rc);
    assert_int_equal(r.read.nodes.size, 2);
    assert_int_equal(r.read.roots_absent, 0); /* It was there. */
    assert_string_equal(r.read.nodes.data[1].path, "/stores/ccc");
    lg_tree_read_done(&r.read);
}

static void the_first_failure_ends_it(void **state)
{
    static const char *const failing[] = {"/stores/a", "/replicas", "/replicas/t_v1/x_1"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(failing); i++) {
        struct table t = {.rows = rows, .count = LG_ARRAY_SIZE(rows), .failing = failing[i]};
        struct reader r = {0};

        read_all(&t, &r, roots, LG_ARRAY_SIZE(roots));
        assert_rc(LG_ERR_UNAVAILABLE, r.read.rc);
        assert_non_null(strstr(r.read.err.text, "cannot be read"));
        lg_tree_read_done(&r.read);
        assert_int_equal(r.read.nodes.size, 0);
    }
}

static void an_absent_root_has_no_nodes(void **state)
{
    struct table t = {.rows = rows, .count = LG_ARRAY_SIZE(rows)};
    struct reader r = {0};

    (void)state;
    read_all(&t, &r, roots + 1, 1);
    assert_rc(LG_OK, r.read.rc);
    assert_int_equal(r.read.nodes.size, 0);
    assert_int_equal(t.asked, 1);
    lg_tree_read_done(&r.read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_below_the_roots_comes_in_order),
        cmocka_unit_test(a_node_that_vanishes_meanwhile_is_left_out),
        cmocka_unit_test(the_first_failure_ends_it),
        cmocka_unit_test(an_absent_root_has_no_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
