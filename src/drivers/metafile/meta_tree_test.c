/* Tests of the tree of metafile: sharing, accounting, and a long random comparison with a model
 * that is too simple to be wrong. */
#include "drivers/metafile/meta_tree.h"

#include "test/test.h"

#include "base/str.h"

#define NAMES 3u
#define DEPTH 3u
#define PLACES 39u /* 3 + 9 + 27 paths */

static void ignore_effect(void *ctx, enum lg_meta_effect_kind kind, const char *path,
                          const struct lg_meta_node *node)
{
    (void)ctx, (void)kind, (void)path, (void)node;
}

static enum lg_rc apply(struct lg_meta_tree *tree, enum lg_meta_change_kind kind, const char *path,
                        const char *value, uint64_t session)
{
    struct lg_meta_change c = {kind, path, lg_slice_str(value), LG_META_ANY_VERSION};
    struct lg_error err = {0};

    return lg_meta_tree_change(tree, &c, session, ignore_effect, NULL, &err);
}

static void a_shared_tree_does_not_see_later_changes(void **state)
{
    (void)state;
    LG_SCOPED(lg_meta_tree) old = {0};
    struct lg_meta_tree now;

    lg_meta_tree_init(&old);
    assert_rc(LG_OK, apply(&old, LG_META_PUT, "/a/b", "1", 0));
    now = lg_meta_tree_share(&old);
    assert_rc(LG_OK, apply(&now, LG_META_PUT, "/a/b", "2", 0));
    assert_rc(LG_OK, apply(&now, LG_META_PUT, "/a/c", "2", 0));
    assert_rc(LG_OK, apply(&now, LG_META_REMOVE_TREE, "/a/b", "", 0));
    assert_null(lg_meta_tree_find(&now, "/a/b"));
    assert_non_null(lg_meta_tree_find(&now, "/a/c"));
    assert_null(lg_meta_tree_find(&old, "/a/c"));
    assert_slice_equal(lg_meta_tree_find(&old, "/a/b")->value->bytes, LG_LIT("1"));
    assert_int_equal(old.count, 3);
    assert_int_equal(now.count, 3);
    lg_meta_tree_done(&now);
}

static void a_failed_change_leaves_the_tree(void **state)
{
    (void)state;
    LG_SCOPED(lg_meta_tree) tree = {0};
    size_t bytes;

    lg_meta_tree_init(&tree);
    assert_rc(LG_OK, apply(&tree, LG_META_CREATE_EPHEMERAL, "/live", "x", 4));
    bytes = tree.bytes;
    assert_rc(LG_ERR_CONFLICT, apply(&tree, LG_META_CREATE, "/live/below/it", "x", 0));
    assert_rc(LG_ERR_CONFLICT, apply(&tree, LG_META_CREATE, "/live", "x", 0));
    assert_rc(LG_ERR_NOT_FOUND, apply(&tree, LG_META_SET, "/other", "x", 0));
    assert_rc(LG_ERR_INVALID, apply(&tree, LG_META_PUT, "other", "x", 0));
    assert_rc(LG_ERR_INVALID, apply(&tree, LG_META_REMOVE, "/", "", 0));
    assert_int_equal(tree.bytes, bytes);
    assert_int_equal(tree.count, 2);
}

static void a_session_takes_only_its_own_nodes(void **state)
{
    (void)state;
    LG_SCOPED(lg_meta_tree) tree = {0};

    lg_meta_tree_init(&tree);
    assert_rc(LG_OK, apply(&tree, LG_META_CREATE_EPHEMERAL, "/i/one", "", 1));
    assert_rc(LG_OK, apply(&tree, LG_META_CREATE_EPHEMERAL, "/i/two", "", 2));
    assert_rc(LG_OK, apply(&tree, LG_META_PUT, "/i/two", "changed", 1)); /* Stays the other's. */
    lg_meta_tree_end_session(&tree, 1, ignore_effect, NULL);
    assert_null(lg_meta_tree_find(&tree, "/i/one"));
    assert_non_null(lg_meta_tree_find(&tree, "/i/two"));
    lg_meta_tree_end_session(&tree, 2, ignore_effect, NULL);
    assert_null(lg_meta_tree_find(&tree, "/i/two"));
    assert_non_null(lg_meta_tree_find(&tree, "/i"));
}

/* --- The model: an array of places, "/a", "/b", "/c", "/a/a", … ----------------------------- */

struct place {
    char path[8];
    bool there;
    int64_t version;
    unsigned value; /* 0: empty, for a parent that was made */
};

static void name_places(struct place *places)
{
    size_t n = 0;

    for (unsigned depth = 1; depth <= DEPTH; depth++) {
        unsigned count = depth == 1 ? NAMES : depth == 2 ? NAMES * NAMES : NAMES * NAMES * NAMES;

        for (unsigned i = 0; i < count; i++) {
            unsigned rest = i;

            for (unsigned d = 0; d < depth; d++, rest /= NAMES) {
                places[n].path[(size_t)2 * d] = '/';
                places[n].path[(size_t)2 * d + 1] = (char)('a' + rest % NAMES);
            }
            n++;
        }
    }
    assert_int_equal(n, PLACES);
}

static bool is_under(const struct place *p, const struct place *top)
{
    return strncmp(p->path, top->path, strlen(top->path)) == 0;
}

static void model_put(struct place *places, struct place *p, unsigned value)
{
    for (size_t i = 0; i < PLACES; i++) /* Parents. */
        if (!places[i].there && is_under(p, &places[i])) {
            places[i].there = true;
            places[i].version = &places[i] == p ? -1 : 0;
            places[i].value = 0;
        }
    p->version++;
    p->value = value;
}

static bool has_children(const struct place *places, const struct place *p)
{
    for (size_t i = 0; i < PLACES; i++)
        if (&places[i] != p && places[i].there && is_under(&places[i], p))
            return true;
    return false;
}

static void model_cut(struct place *places, const struct place *p)
{
    for (size_t i = 0; i < PLACES; i++)
        if (is_under(&places[i], p))
            places[i].there = false;
}

static void compare(const struct lg_meta_tree *tree, const struct place *places)
{
    size_t count = 1, bytes = LG_META_NODE_OVERHEAD_BYTES;

    for (size_t i = 0; i < PLACES; i++) {
        const struct lg_meta_node *n = lg_meta_tree_find(tree, places[i].path);
        LG_AUTO_STR char *value =
            places[i].value == 0 ? lg_strdup("") : lg_strf("%u", places[i].value);

        assert_int_equal(n != NULL, places[i].there);
        if (n == NULL)
            continue;
        assert_int_equal(n->version, places[i].version);
        assert_slice_equal(n->value == NULL ? LG_LIT("") : n->value->bytes, lg_slice_str(value));
        count++;
        bytes += LG_META_NODE_OVERHEAD_BYTES + 1 + strlen(value);
    }
    assert_int_equal(tree->count, count);
    assert_int_equal(tree->bytes, bytes);
}

static void a_random_life_agrees_with_the_model(void **state)
{
    (void)state;
    struct place places[PLACES] = {0};
    LG_SCOPED(lg_meta_tree) tree = {0};
    struct lg_rand rand;

    name_places(places);
    lg_rand_seed(&rand, 1);
    lg_meta_tree_init(&tree);
    for (unsigned i = 1; i < 3000; i++) {
        struct place *p = &places[lg_rand_below(&rand, PLACES)];
        uint64_t dice = lg_rand_below(&rand, 4);
        LG_AUTO_STR char *value = lg_strf("%u", i);

        if (dice < 2) {
            assert_rc(LG_OK, apply(&tree, LG_META_PUT, p->path, value, 0));
            model_put(places, p, i);
        } else if (dice == 2) {
            enum lg_rc want = !p->there                 ? LG_ERR_NOT_FOUND
                              : has_children(places, p) ? LG_ERR_CONFLICT
                                                        : LG_OK;

            assert_rc(want, apply(&tree, LG_META_REMOVE, p->path, "", 0));
            if (want == LG_OK)
                p->there = false;
        } else {
            assert_rc(LG_OK, apply(&tree, LG_META_REMOVE_TREE, p->path, "", 0));
            model_cut(places, p);
        }
        compare(&tree, places);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_tree_does_not_see_later_changes),
        cmocka_unit_test(a_failed_change_leaves_the_tree),
        cmocka_unit_test(a_session_takes_only_its_own_nodes),
        cmocka_unit_test(a_random_life_agrees_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
