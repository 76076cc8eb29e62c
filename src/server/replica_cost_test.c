/* What a change of the assignment costs a server: reads of the node that changed, however many
 * there are. */
#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define TOPICS 50
#define OTHERS "{\"partitions\":[[\"s1_8888\"],[\"s1_8888\"]]}"
#define OTHERS_TOO "{\"partitions\":[[\"s2_8888\"],[\"s1_8888\"]]}"
#define OURS "{\"partitions\":[[\"s0_8888\"],[\"s1_8888\"]]}"

/* Reads of everybody, which is a server: its catalog, its replica manager. */
static uint64_t reads_of(struct lg_clw *w, enum lg_meta_change_kind kind, const char *path,
                         const char *value)
{
    uint64_t before = lg_meta_sim_reads(w->meta);

    lg_clw_meta(w, kind, path, value);
    lg_clw_run_ms(w, 3000);
    return lg_meta_sim_reads(w->meta) - before;
}

static struct lg_clw *world_with_topics(bool in_cluster)
{
    struct lg_clw *w = lg_clw_new(51, /* with_controller= */ false);

    if (in_cluster) {
        w->server_cluster = "lake";
        w->server_cluster_id = "00112233445566778899aabbccddeeff";
        lg_clw_meta(w, LG_META_PUT, "/cluster",
                    "{\"name\":\"lake\",\"format\":1,"
                    "\"id\":\"00112233445566778899aabbccddeeff\"}");
    }
    for (int i = 0; i < TOPICS; i++) {
        LG_AUTO_STR char *path = lg_strf("/assignment/others%d_v1", i);

        lg_clw_meta(w, LG_META_PUT, path, OTHERS);
    }
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 5000);
    return w;
}

static void a_change_costs_one_read_of_the_assignment(void **state)
{
    struct lg_clw *w = world_with_topics(/* in_cluster= */ false);

    (void)state;
    /* The catalog reads the node, and so does the manager. */
    assert_int_equal(reads_of(w, LG_META_PUT, "/assignment/others3_v1", OTHERS_TOO), 2);
    assert_int_equal(reads_of(w, LG_META_PUT, "/assignment/new_v1", OTHERS), 2);
    /* Is there still an assignment at all? */
    assert_int_equal(reads_of(w, LG_META_REMOVE, "/assignment/others7_v1", NULL), 3);
    /* And what is told of it. */
    assert_in_range(reads_of(w, LG_META_PUT, "/assignment/others9_v1", OURS), 3, 20);
    lg_clw_free(w);
}

static void in_a_cluster_it_is_asked_whose_it_is(void **state)
{
    struct lg_clw *w = world_with_topics(/* in_cluster= */ true);

    (void)state;
    assert_int_equal(reads_of(w, LG_META_PUT, "/assignment/others3_v1", OTHERS_TOO), 3);
    assert_int_equal(reads_of(w, LG_META_REMOVE, "/assignment/others7_v1", NULL), 4);
    lg_clw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_costs_one_read_of_the_assignment),
        cmocka_unit_test(in_a_cluster_it_is_asked_whose_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
