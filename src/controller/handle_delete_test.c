/* Delete, undelete, purge: what is told, what stays, what goes, wherever the power is cut. */
#include "base/str.h"
#include "test/lib/controller_world.h"
#include "test/test.h"

#define CITIES "store_name=cities"
#define DELETE_CITIES "store_name=cities&lagoon_enabled=true"
#define DAY_US (UINT64_C(24) * 3600 * LG_SEC)

static void says(const struct lg_cw *w, const char *part)
{
    if (strstr(lg_cw_text(w, "error"), part) == NULL)
        fail_msg("'%s' does not say '%s'", lg_cw_text(w, "error"), part);
}

static size_t listed(struct lg_cw *w, const char *target)
{
    assert_int_equal(lg_cw_get(w, target), 200);
    return lg_json_size(lg_json_get(w->answer, "stores"));
}

static void a_store_is_deleted_only_when_disabled_and_at_rest(void **state)
{
    struct lg_cw *w = lg_cw_start(50);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_post(w, "/delete_store", CITIES), 409);
    says(w, "reads and writes of store 'cities' are enabled");
    assert_int_equal(
        lg_cw_post(w, "/enable_store", "store_name=cities&operation=write&status=false"), 200);
    assert_int_equal(lg_cw_post(w, "/delete_store", CITIES), 409);
    says(w, "reads of store 'cities'");
    assert_int_equal(
        lg_cw_post(w, "/enable_store", "store_name=cities&operation=write&status=true"), 200);
    assert_int_equal(lg_cw_request(w, "p2", 0), 200);
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 409);
    says(w, "lagoon push kill cities 2");
    assert_int_equal(lg_cw_post(w, "/kill_offline_push_job", "topic=cities_v2"), 200);
    assert_int_equal(
        lg_cw_post(w, "/enable_store", "store_name=cities&operation=readwrite&status=false"), 200);
    assert_int_equal(lg_cw_post(w, "/delete_store", CITIES "&is_abort_migration_cleanup=true"),
                     501);
    assert_int_equal(lg_cw_post(w, "/delete_store", CITIES), 200);
    assert_int_equal(lg_json_get_int(w->answer, "executionId", -1), 0);
    assert_int_equal(lg_cw_post(w, "/delete_store", "store_name=citis"), 404);
    lg_cw_free(w);
}

static void a_deleted_store_is_not_told_of_and_keeps_its_name(void **state)
{
    struct lg_cw *w = lg_cw_start(51);
    const struct lg_json *row;
    int64_t purge_ms;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
    purge_ms = lg_json_get_int(w->answer, "lagoonPurgeTime", 0);
    assert_true(purge_ms - lg_json_get_int(w->answer, "lagoonDeletedTime", 0) ==
                INT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200); /* Repeated. */
    assert_true(lg_json_get_int(w->answer, "lagoonPurgeTime", 0) == purge_ms);
    assert_int_equal(listed(w, "/list_stores"), 0);
    assert_int_equal(listed(w, "/list_stores?lagoon_deleted=true"), 1);
    row = lg_json_at(lg_json_get(w->answer, "lagoonDeleted"), 0);
    assert_string_equal(lg_json_get_str(row, "name", ""), "cities");
    assert_int_equal(lg_json_get_int(row, "versions", 0), 1);
    assert_true(lg_json_get_int(row, "purgeTime", 0) == purge_ms);
    assert_int_equal(lg_cw_get(w, "/list_stores?lagoon_deleted=x"), 400);
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 404);
    says(w, "was deleted; `lagoon store undelete cities`");
    assert_int_equal(lg_cw_get(w, "/store?store_name=citis"), 404);
    assert_null(strstr(lg_cw_text(w, "error"), "did you mean"));
    assert_int_equal(lg_cw_request(w, "p2", 0), 404);
    assert_int_equal(lg_cw_post(w, "/update_store", CITIES "&owner=x"), 404);
    assert_int_equal(lg_cw_post(w, "/rollback_to_backup_version", CITIES), 404);
    assert_int_equal(lg_cw_get(w, "/get_key_schema?store_name=cities"), 404);
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 409);
    says(w, "lagoon store undelete cities");
    says(w, "lagoon store purge cities");
    assert_int_equal(lg_cw_get(w, "/check_resource_cleanup_for_store_creation?store_name=cities"),
                     409);
    lg_cw_free(w);
}

static void an_undeleted_store_is_as_it_was(void **state)
{
    struct lg_cw *w = lg_cw_start(52);
    LG_AUTO(lg_json) *before = NULL;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_push(w, "p2"), 2);
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    before = lg_json_ref(lg_json_get(w->answer, "store"));
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_sim_run_us(w->sim, 6 * DAY_US);
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 404);
    assert_int_equal(w->log.count, 2);
    assert_int_equal(lg_cw_post(w, "/undelete_store", CITIES), 200);
    assert_true(lg_json_get_bool(w->answer, "lagoonWasDeleted", false));
    assert_int_equal(lg_cw_version(w), 2);
    assert_true(lg_json_get_bool(w->answer, "enableStoreReads", false));
    assert_int_equal(lg_cw_post(w, "/undelete_store", CITIES), 200); /* Repeated. */
    assert_false(lg_json_get_bool(w->answer, "lagoonWasDeleted", true));
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    assert_true(lg_json_equal(before, lg_json_get(w->answer, "store")));
    lg_cw_servers_up(w, 1);
    assert_int_equal(lg_cw_push(w, "p3"), 3);
    assert_int_equal(lg_cw_post(w, "/undelete_store", "store_name=towns"), 404);
    lg_cw_free(w);
}

static void a_purge_takes_all_but_the_numbers(void **state)
{
    struct lg_cw *w = lg_cw_start(53);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_push(w, "p2"), 2);
    assert_int_equal(lg_cw_post(w, "/purge_store", CITIES), 409);
    says(w, "lagoon store delete cities");
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
    assert_int_equal(lg_cw_get(w, "/validate_store_deleted?store_name=cities"), 200);
    assert_false(lg_json_get_bool(w->answer, "storeDeleted", true));
    assert_int_equal(lg_cw_post(w, "/purge_store", CITIES), 200);
    assert_int_equal(lg_cw_post(w, "/purge_store", CITIES), 200); /* Repeated. */
    assert_int_equal(lg_cw_post(w, "/purge_store", "store_name=towns"), 404);
    assert_int_equal(lg_cw_post(w, "/undelete_store", CITIES), 404);
    assert_int_equal(listed(w, "/list_stores?lagoon_deleted=true"), 0);
    assert_int_equal(lg_cw_get(w, "/validate_store_deleted?store_name=cities"), 200);
    assert_false(lg_json_get_bool(w->answer, "storeDeleted", true));
    assert_string_equal(lg_cw_text(w, "reason"), "topics of its versions are still being deleted");
    assert_int_equal(lg_cw_post(w, "/remove_store_from_graveyard", CITIES), 409);
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v1", "");
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v2", "");
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(w->log.count, 0);
    assert_int_equal(lg_cw_get(w, "/validate_store_deleted?store_name=cities"), 200);
    assert_true(lg_json_get_bool(w->answer, "storeDeleted", false));
    assert_int_equal(lg_cw_get(w, "/check_resource_cleanup_for_store_creation?store_name=cities"),
                     200);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
    assert_int_equal(lg_cw_push(w, "p1"), 3); /* The id is new to this store, the number too. */
    lg_cw_free(w);
}

/* Trash of the former store does not hinder the next of its name, nor the other way round. */
static void a_name_can_be_used_again_at_once(void **state)
{
    struct lg_cw *w = lg_cw_start(54);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    for (int round = 2; round < 6; round++) {
        LG_AUTO_STR char *id = lg_strf("p%d", round);

        assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
        assert_int_equal(lg_cw_post(w, "/purge_store", CITIES), 200);
        assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
        if (round % 2 == 0) { /* Of a store that was never pushed into, too. */
            assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
            assert_int_equal(lg_cw_post(w, "/purge_store", CITIES), 200);
            assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
        }
        assert_int_equal(lg_cw_push(w, id), round);
    }
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    assert_int_equal(w->log.count, 1);
    assert_non_null(lg_cw_topic("cities_v5"));
    assert_int_equal(lg_cw_current(w), 5);
    lg_cw_free(w);
}

static void a_deleted_store_goes_by_itself_in_time(void **state)
{
    struct lg_cw *w = lg_cw_start(55);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v1", "");
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
    lg_sim_run_us(w->sim, 3 * DAY_US);
    assert_int_equal(lg_cw_post(w, "/undelete_store", CITIES), 200);
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200); /* Anew. */
    lg_sim_run_us(w->sim, 6 * DAY_US);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(listed(w, "/list_stores?lagoon_deleted=true"), 1);
    assert_int_equal(w->log.count, 1);
    lg_sim_run_us(w->sim, DAY_US + 5 * LG_SEC);
    assert_int_equal(listed(w, "/list_stores?lagoon_deleted=true"), 0);
    assert_int_equal(w->log.count, 0);
    assert_int_equal(lg_cw_post(w, "/undelete_store", CITIES), 404);
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
    assert_int_equal(lg_cw_push(w, "p1"), 2);
    lg_cw_free(w);
}

static void a_forgotten_name_begins_with_1_again(void **state)
{
    struct lg_cw *w = lg_cw_start(56);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_post(w, "/remove_store_from_graveyard", CITIES), 409);
    says(w, "the store exists");
    assert_int_equal(lg_cw_post(w, "/delete_store", DELETE_CITIES), 200);
    assert_int_equal(lg_cw_post(w, "/remove_store_from_graveyard", CITIES), 409);
    assert_int_equal(lg_cw_post(w, "/purge_store", CITIES), 200);
    lg_cw_meta(w, LG_META_REMOVE_TREE, "/replicas/cities_v1", "");
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(lg_cw_post(w, "/remove_store_from_graveyard", CITIES), 200);
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_cw_servers_up(w, 1);
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 200);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    lg_cw_free(w);
}

/* --- Power cuts. -------------------------------------------------------------------------------
 */

static void cut(void *ctx)
{
    struct lg_cw *w = ctx;

    w->died = true;
    lg_sim_node_kill(w->node);
}

static void do_it(struct lg_cw *w, const char *target, const char *form)
{
    assert_int_equal(lg_cw_persist(w, LG_HTTP_POST, target, form), 200);
}

static int persist_get(struct lg_cw *w)
{
    return lg_cw_persist(w, LG_HTTP_GET, "/store?store_name=cities", NULL);
}

static int current_of(const struct lg_cw *w)
{
    return (int)lg_json_get_int(lg_json_get(w->answer, "store"), "currentVersion", -1);
}

/* Delete, undelete, update, a schema, delete, purge, make again. With the power cut after `ops`
 * more operations of the disk (0: never), each answer holds. True when the cut came. */
static bool a_life(uint64_t ops)
{
    struct lg_cw *w = lg_cw_start(3000 + ops);
    bool was_cut;
    int status;

    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    if (ops > 0)
        lg_disk_sim_cut_after(w->disk, ops, cut, w);
    do_it(w, "/delete_store", DELETE_CITIES);
    assert_int_equal(persist_get(w), 404);
    do_it(w, "/undelete_store", CITIES);
    assert_int_equal(persist_get(w), 200);
    assert_int_equal(current_of(w), 1);
    do_it(w, "/update_store", CITIES "&chunking_enabled=true");
    assert_int_equal(persist_get(w), 200);
    assert_true(lg_json_get_bool(lg_json_get(w->answer, "store"), "chunkingEnabled", false));
    do_it(w, "/add_value_schema", CITIES "&value_schema=%22bytes%22");
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 2);
    assert_int_equal(
        lg_cw_persist(w, LG_HTTP_GET, "/get_value_schema?store_name=cities&schema_id=2", NULL),
        200);
    do_it(w, "/delete_store", DELETE_CITIES);
    do_it(w, "/purge_store", CITIES);
    assert_int_equal(persist_get(w), 404);
    status = lg_cw_persist(w, LG_HTTP_POST, "/new_store", LG_CW_NEW_STORE);
    assert_true(status == 200 || status == 409); /* The answer to the first may have been lost. */
    assert_int_equal(persist_get(w), 200);
    assert_int_equal(current_of(w), 0);
    assert_int_equal(lg_json_size(lg_json_get(lg_json_get(w->answer, "store"), "versions")), 0);
    lg_cw_put(w, "/instances/srv1_88", "{\"host\":\"world\",\"port\":88}");
    do_it(w, "/request_topic", "store_name=cities&push_type=BATCH&push_job_id=p1");
    assert_int_equal(lg_cw_version(w), 2); /* 1 is used for ever. */
    was_cut = lg_sim_node_incarnation(w->node) > 1;
    if (!was_cut)
        lg_disk_sim_cut_after(w->disk, UINT64_MAX / 2, cut, w);

    lg_cw_restart(w);
    assert_int_equal(persist_get(w), 200);
    lg_cw_put(w, "/instances/srv1_88", "{\"host\":\"world\",\"port\":88}");
    lg_sim_run_us(w->sim, 15 * LG_SEC);
    assert_null(lg_cw_topic("cities_v1"));
    assert_non_null(lg_cw_topic("cities_v2"));
    lg_cw_free(w);
    return was_cut;
}

static void no_answer_is_forgotten_wherever_the_power_goes(void **state)
{
    unsigned cuts = 0;

    (void)state;
    assert_false(a_life(0));
    for (uint64_t ops = 1; a_life(ops); ops++)
        cuts++;
    print_message("%u power cuts\n", cuts);
    assert_true(cuts >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_deleted_only_when_disabled_and_at_rest),
        cmocka_unit_test(a_deleted_store_is_not_told_of_and_keeps_its_name),
        cmocka_unit_test(an_undeleted_store_is_as_it_was),
        cmocka_unit_test(a_purge_takes_all_but_the_numbers),
        cmocka_unit_test(a_name_can_be_used_again_at_once),
        cmocka_unit_test(a_deleted_store_goes_by_itself_in_time),
        cmocka_unit_test(a_forgotten_name_begins_with_1_again),
        cmocka_unit_test(no_answer_is_forgotten_wherever_the_power_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
