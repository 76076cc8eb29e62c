/* server.json: one identity for the life of a directory, whose directory it is, resets that are
 * remembered, files that are none. */
#include "server/identity.h"

#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"
#include "test/test.h"

struct world {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_disk *disk;
    bool closed;
};

static int up(void **state)
{
    struct world *w = lg_new(struct world);

    w->sim = lg_sim_new(7);
    w->lane = lg_sim_lane_new(w->sim, NULL, "server");
    w->disk = lg_disk_sim_new(w->sim, 8);
    *state = w;
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;

    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
    lg_free(w);
    return 0;
}

static struct lg_identity *open_it(struct world *w, const char *cluster)
{
    struct lg_identity *id = NULL;
    struct lg_error err = {0};

    assert_ok(lg_identity_open(
        &(struct lg_identity_options){.lane = w->lane, .disk = w->disk, .cluster = cluster}, &id,
        &err));
    assert_ok(lg_identity_keep(id, "s0_8888", &err));
    return id;
}

static void expect_refused(struct world *w, const char *cluster, enum lg_rc want, const char *why)
{
    struct lg_identity *id = NULL;
    struct lg_error err = {0};

    assert_rc(want, lg_identity_open(&(struct lg_identity_options){.lane = w->lane,
                                                                   .disk = w->disk,
                                                                   .cluster = cluster},
                                     &id, &err));
    assert_null(id);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
}

static void note_closed(void *ctx)
{
    ((struct world *)ctx)->closed = true;
}

static bool is_closed(void *ctx)
{
    return ((struct world *)ctx)->closed;
}

static void close_it(struct world *w, struct lg_identity *id)
{
    w->closed = false;
    lg_identity_close(id, note_closed, w);
    assert_false(w->closed); /* Never from inside. */
    assert_true(lg_sim_run_until(w->sim, is_closed, w, 10 * LG_SEC));
}

static void write_file(struct world *w, const char *text)
{
    struct lg_error err = {0};

    assert_ok(lg_disk_write_file(w->disk, LG_IDENTITY_FILE, lg_slice_str(text), &err));
}

static void it_stays_the_same_over_restarts(void **state)
{
    struct world *w = *state;
    struct lg_identity *id = open_it(w, "prod");
    LG_AUTO_STR char *first = lg_strdup(lg_identity_text(id));

    assert_true(lg_identity_is_new(id));
    assert_int_equal(strlen(first), 32);
    close_it(w, id);
    for (int i = 0; i < 2; i++) {
        id = open_it(w, "prod");
        assert_false(lg_identity_is_new(id));
        assert_string_equal(lg_identity_text(id), first);
        lg_disk_sim_crash(w->disk);
        lg_identity_free(id);
    }
    lg_disk_sim_free(w->disk);
    w->disk = lg_disk_sim_new(w->sim, 9);
    id = open_it(w, "prod"); /* Another directory, another server. */
    assert_string_not_equal(lg_identity_text(id), first);
    lg_identity_free(id);
}

static void without_a_disk_each_start_is_another_one(void **state)
{
    struct world *w = *state;
    struct world none = {.lane = w->lane};
    struct lg_identity *a = open_it(&none, NULL), *b = open_it(&none, NULL);

    assert_string_not_equal(lg_identity_text(a), lg_identity_text(b));
    lg_identity_set_reset(a, "cities_v1", 0, 1);
    assert_int_equal(lg_identity_reset(a, "cities_v1", 0), 1);
    close_it(w, a);
    lg_identity_free(b);
}

static void a_directory_of_another_cluster_is_refused(void **state)
{
    struct world *w = *state;

    lg_identity_free(open_it(w, "prod"));
    expect_refused(w, "test", LG_ERR_CONFLICT, "belongs to a server of the cluster prod");
    expect_refused(w, "test", LG_ERR_CONFLICT, "set cluster.name to prod");
    expect_refused(w, NULL, LG_ERR_CONFLICT, "cluster prod");
    lg_identity_free(open_it(w, "prod"));
}

static void a_standalone_directory_is_not_for_a_cluster(void **state)
{
    struct world *w = *state;

    lg_identity_free(open_it(w, NULL));
    expect_refused(w, "prod", LG_ERR_CONFLICT, "belongs to a standalone Lagoon");
    lg_identity_free(open_it(w, NULL));
}

#define OLD_ID "00112233445566778899aabbccddeeff"
#define NEW_ID "ffeeddccbbaa99887766554433221100"

/* What the file says then; the server opens it as one of this cluster. */
static enum lg_rc open_with_id(struct world *w, const char *cluster_id, struct lg_error *err)
{
    struct lg_identity *id = NULL;
    enum lg_rc rc = lg_identity_open(&(struct lg_identity_options){.lane = w->lane,
                                                                   .disk = w->disk,
                                                                   .cluster = "prod",
                                                                   .cluster_id = cluster_id,
                                                                   .place = "/var/lib/lagoon"},
                                     &id, err);

    if (rc == LG_OK)
        rc = lg_identity_keep(id, "s0_8888", err);
    lg_identity_free(id);
    return rc;
}

static bool file_says(struct world *w, const char *part)
{
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    assert_ok(lg_disk_read_file(w->disk, LG_IDENTITY_FILE, 4096, &text, &err));
    lg_buf_append_byte(&text, 0);
    return strstr((const char *)text.data, part) != NULL;
}

static void a_cluster_of_the_same_name_with_another_id_is_refused(void **state)
{
    static const char *const parts[] = {"/var/lib/lagoon", OLD_ID, NEW_ID, "emptied",
                                        "move the directory away"};
    struct world *w = *state;
    struct lg_error err = {0};

    assert_ok(open_with_id(w, OLD_ID, &err));
    assert_ok(open_with_id(w, OLD_ID, &err));
    assert_rc(LG_ERR_CONFLICT, open_with_id(w, NEW_ID, &err));
    for (size_t i = 0; i < LG_ARRAY_SIZE(parts); i++)
        if (strstr(err.text, parts[i]) == NULL)
            fail_msg("'%s' does not say '%s'", err.text, parts[i]);
    assert_int_equal(lg_rc_exit(err.rc), 6);
    assert_rc(LG_ERR_CONFLICT, open_with_id(w, "", &err)); /* It had one, so it is another. */
    assert_true(file_says(w, OLD_ID));
    lg_identity_free(open_it(w, "prod")); /* Nobody asks. */
    assert_true(file_says(w, OLD_ID));
    assert_ok(open_with_id(w, OLD_ID, &err));
}

static void a_file_without_the_clusters_id_takes_it(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};

    lg_identity_free(open_it(w, "prod"));
    assert_ok(open_with_id(w, "", &err)); /* The cluster has none yet. */
    assert_false(file_says(w, "clusterId"));
    assert_ok(open_with_id(w, NEW_ID, &err));
    assert_true(file_says(w, "\"clusterId\": \"" NEW_ID "\""));
    lg_disk_sim_crash(w->disk);
    assert_rc(LG_ERR_CONFLICT, open_with_id(w, OLD_ID, &err));
}

static void resets_are_remembered(void **state)
{
    struct world *w = *state;
    struct lg_identity *id = open_it(w, "prod");

    assert_int_equal(lg_identity_reset(id, "cities_v1", 3), 0);
    lg_identity_set_reset(id, "cities_v1", 3, 2);
    lg_identity_set_reset(id, "cities_v1", 4, 1); /* While the first is being saved. */
    lg_identity_set_reset(id, "towns_v7", 3, 9);
    lg_identity_set_reset(id, "towns_v7", 3, 0);
    close_it(w, id);
    lg_disk_sim_crash(w->disk);
    id = open_it(w, "prod");
    assert_int_equal(lg_identity_reset(id, "cities_v1", 3), 2);
    assert_int_equal(lg_identity_reset(id, "cities_v1", 4), 1);
    assert_int_equal(lg_identity_reset(id, "towns_v7", 3), 0);
    close_it(w, id);
}

static void a_file_that_is_none_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"identity\":7}",
                                        "{\"identity\":\"\"}",
                                        "{\"identity\":\"0123456789012345678901234567890123\"}"};
    struct world *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(texts); i++) {
        write_file(w, texts[i]);
        expect_refused(w, NULL, LG_ERR_CORRUPT, "server.json of the data directory is damaged");
    }
    write_file(w, "{\"identity\":\"me\",\"resets\":{\"a_v1/0\":\"x\",\"a_v1/1\":4},\"more\":1}");
    lg_identity_free(open_it(w, NULL)); /* What is not known is passed over. */
}

static void a_new_name_is_written(void **state)
{
    struct world *w = *state;
    struct lg_identity *id = open_it(w, "prod");
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    assert_ok(lg_identity_keep(id, "s0_9999", &err));
    assert_ok(lg_disk_read_file(w->disk, LG_IDENTITY_FILE, 4096, &text, &err));
    lg_buf_append_byte(&text, 0);
    assert_non_null(strstr((const char *)text.data, "s0_9999"));
    assert_non_null(strstr((const char *)text.data, "\"cluster\": \"prod\""));
    lg_identity_free(id);
    lg_identity_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_stays_the_same_over_restarts),
        TEST(without_a_disk_each_start_is_another_one),
        TEST(a_directory_of_another_cluster_is_refused),
        TEST(a_standalone_directory_is_not_for_a_cluster),
        TEST(a_cluster_of_the_same_name_with_another_id_is_refused),
        TEST(a_file_without_the_clusters_id_takes_it),
        TEST(resets_are_remembered),
        TEST(a_file_that_is_none_is_refused),
        TEST(a_new_name_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
