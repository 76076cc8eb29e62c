/* The status of a push on its way, and what Venice's push job reports. */
#include "test/lib/controller_world.h"
#include "test/test.h"

static void a_push_becomes_current_when_it_is_complete(void **state)
{
    struct lg_cw *w = lg_cw_start(7);
    const struct lg_json *left;
    char found[16];
    int64_t count = -2;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_version(w), 1);
    assert_string_equal(lg_cw_text(w, "kafkaTopic"), "cities_v1");
    assert_string_equal(lg_cw_text(w, "kafkaBootstrapServers"), "lagoon+http://ctl:5555");
    assert_int_equal(lg_json_get_int(w->answer, "partitions", 0), LG_CW_PARTITIONS);
    lg_cw_letters("cities_v1", 2, found, &count);
    assert_string_equal(found, "SP");
    assert_string_equal(lg_cw_job(w, 1), "STARTED");
    assert_int_equal(lg_json_type(lg_json_get(w->answer, "extraInfo")), LG_JSON_OBJECT);
    lg_cw_end(w, 1);
    lg_cw_letters("cities_v1", 2, found, &count);
    assert_string_equal(found, "SPSEs");
    assert_int_equal(count, 7);
    lg_cw_report(w, "cities_v1", 1, "END_OF_PUSH_RECEIVED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "END_OF_PUSH_RECEIVED");
    left = lg_json_get(w->answer, "uncompletedPartitions");
    assert_int_equal(lg_json_size(left), LG_CW_PARTITIONS);
    assert_int_equal(lg_json_get_int(lg_json_at(left, 1), "partitionId", -1), 1);
    left = lg_json_at(lg_json_get(lg_json_at(left, 1), "uncompletedReplicas"), 0);
    assert_string_equal(lg_json_get_str(left, "instanceId", ""), "srv1_88");
    assert_string_equal(lg_json_get_str(left, "status", ""), "END_OF_PUSH_RECEIVED");
    assert_int_equal(lg_json_get_int(left, "currentOffset", 0), 7);
    assert_int_equal(lg_json_get_int(lg_json_get(w->answer, "progress"), "recordsTotal", 0), 18);
    assert_int_equal(lg_json_get_int(lg_json_get(w->answer, "progress"), "recordsIngested", 0), 21);
    assert_int_equal(lg_cw_current(w), 0);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_string_equal(lg_cw_job(w, 1), "COMPLETED");
    assert_int_equal(lg_json_type(lg_json_get(w->answer, "uncompletedPartitions")), LG_JSON_NULL);
    assert_int_equal(lg_cw_current(w), 1);
    assert_int_equal(lg_cw_get(w, "/list_replicas?store_name=cities&version=1"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "replicas")), LG_CW_PARTITIONS);
    lg_cw_free(w);
}

static void push_job_details_are_checked(void **state)
{
    /* clusterName "", reportTimestamp 0, one status 0 at 0, end of the array */
    static const uint8_t good[] = {0x1a, 0x06, 0, 0, 2, 0, 0, 0};
    static const char target[] =
        "//send_push_job_details?cluster_name=c&store_name=cities&version=-1";
    struct lg_cw *w = lg_cw_start(23);

    (void)state;
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_ask(w, LG_HTTP_POST, target, lg_slice(good, sizeof(good)),
                               "application/octet-stream", NULL),
                     200);
    for (size_t n = 0; n < sizeof(good); n++)
        assert_int_equal(
            lg_cw_ask(w, LG_HTTP_POST, target, lg_slice(good, n), "application/octet-stream", NULL),
            400);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_becomes_current_when_it_is_complete),
        cmocka_unit_test(push_job_details_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
