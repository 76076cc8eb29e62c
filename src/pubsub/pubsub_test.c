/* Tests of configurations of topics. */
#include "pubsub/pubsub.h"

#include "test/test.h"

static enum lg_rc check(struct lg_pubsub_config config, struct lg_error *err)
{
    return lg_pubsub_config_check("t", &config, err);
}

static void a_zeroed_configuration_keeps_for_ever(void **state)
{
    (void)state;
    struct lg_pubsub_config c = {0}, told = {.retention_ms = -1};
    struct lg_error err = {0};

    assert_ok(lg_pubsub_config_check("t", &c, &err));
    assert_int_equal(c.retention_ms, -1);
    assert_true(lg_pubsub_config_equal(&c, &told));
    assert_true(lg_pubsub_config_equal(&(struct lg_pubsub_config){0}, &told));
}

static void values_out_of_range_are_named(void **state)
{
    (void)state;
    const struct {
        struct lg_pubsub_config config;
        const char *says;
    } cases[] = {
        {{.retention_ms = -2}, "topic t: a retention of -2 ms"},
        {{.min_compaction_lag_ms = -1}, "topic t: a minimum compaction lag of -1 ms"},
        {{.replication = LG_TOPIC_REPLICATION_MAX + 1}, "topic t: 101 replicas"},
        {{.replication = 2, .min_insync_replicas = 3}, "topic t: 3 in-sync replicas"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_error err = {0};

        assert_int_equal(check(cases[i].config, &err), LG_ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].says));
    }
}

static void what_is_within_range_is_taken(void **state)
{
    (void)state;
    struct lg_pubsub_config c = {.retention_ms = 1,
                                 .compacted = true,
                                 .min_compaction_lag_ms = INT64_MAX,
                                 .replication = 3,
                                 .min_insync_replicas = 3};
    struct lg_pubsub_config same = c;
    struct lg_error err = {0};

    assert_ok(lg_pubsub_config_check("t", &c, &err));
    assert_true(lg_pubsub_config_equal(&c, &same));
    c.replication = 0; /* The log's own: nobody knows yet. */
    c.min_insync_replicas = 7;
    assert_ok(lg_pubsub_config_check("t", &c, &err));
}

static void each_value_tells_configurations_apart(void **state)
{
    (void)state;
    const struct lg_pubsub_config others[] = {{.retention_ms = 5},
                                              {.compacted = true},
                                              {.min_compaction_lag_ms = 5},
                                              {.replication = 2},
                                              {.min_insync_replicas = 1}};

    for (size_t i = 0; i < LG_ARRAY_SIZE(others); i++)
        assert_false(lg_pubsub_config_equal(&(struct lg_pubsub_config){0}, &others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_configuration_keeps_for_ever),
        cmocka_unit_test(values_out_of_range_are_named),
        cmocka_unit_test(what_is_within_range_is_taken),
        cmocka_unit_test(each_value_tells_configurations_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
