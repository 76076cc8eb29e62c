/* All metadata of one moment. */
#include "test/lib/controller_world.h"
#include "test/test.h"

/* The value of a node in the answer; NULL when it is not there. */
static const char *value_of(const struct lg_cw *w, const char *path)
{
    const struct lg_json *nodes = lg_json_get(w->answer, "nodes");

    for (size_t i = 0; i < lg_json_size(nodes); i++)
        if (strcmp(lg_json_get_str(lg_json_at(nodes, i), "path", ""), path) == 0)
            return lg_json_get_str(lg_json_at(nodes, i), "value", NULL);
    return NULL;
}

static void stores_assignments_and_pushes_are_in_it_but_no_live_process(void **state)
{
    struct lg_cw *w = lg_cw_start(40);

    (void)state;
    lg_cw_store_up(w);
    lg_cw_put(w, "/routers/r1", "{\"url\":\"http://r1:7777\"}");
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_get(w, "/v1/metadata"), 200);
    assert_non_null(strstr(value_of(w, "/stores/cities"), "\"p1\""));
    assert_non_null(strstr(value_of(w, "/assignment/cities_v1"), "partitions"));
    assert_non_null(value_of(w, "/pushes/cities_v1"));
    assert_null(value_of(w, "/routers/r1"));
    assert_true(lg_json_get_int(w->answer, "takenTime", 0) > 0);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_assignments_and_pushes_are_in_it_but_no_live_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
