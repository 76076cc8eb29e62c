/* Names: each rule with an example on both sides of it. */
#include "model/names.h"

#include "test/test.h"

static void assert_store_refused(const char *name, const char *sentence)
{
    struct lg_error err = {0};

    assert_rc(LG_ERR_INVALID, lg_names_check_store(lg_slice_str(name), &err));
    if (strstr(err.text, sentence) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
}

static void good_store_names_pass(void **state)
{
    static const char *const names[] = {"a", "Z9", "cities", "a_b-c_1", "a-", "a__b", "store_v1"};
    char longest[LG_STORE_NAME_MAX + 1];
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        assert_ok(lg_names_check_store(lg_slice_str(names[i]), &err));
    memset(longest, 'x', LG_STORE_NAME_MAX);
    assert_ok(lg_names_check_store(lg_slice(longest, LG_STORE_NAME_MAX), &err));
}

static void each_broken_rule_is_named(void **state)
{
    char too_long[LG_STORE_NAME_MAX + 2];

    (void)state;
    assert_store_refused("", "is empty");
    assert_store_refused("a--b", "contains \"--\"");
    assert_store_refused("1a", "begins with '1'");
    assert_store_refused("_a", "begins with '_'");
    assert_store_refused("-a", "begins with '-'");
    assert_store_refused("a b", "byte 2 of the store name is 0x20");
    assert_store_refused("a/b", "byte 2");
    assert_store_refused("a.b", "byte 2");
    assert_store_refused("\xc3\xa9", "byte 1");
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_store_refused(too_long, "129 bytes");
}

static void system_stores_are_known_by_their_prefix(void **state)
{
    (void)state;
    assert_true(lg_names_is_system_store(LG_LIT("venice_system_store_KAFKA_MESSAGE_ENVELOPE")));
    assert_false(lg_names_is_system_store(LG_LIT("venice_system")));
}

static void version_topics_go_both_ways(void **state)
{
    static const struct {
        const char *store, *topic;
        int32_t version;
    } rows[] = {
        {"cities", "cities_v1", 1},
        {"a_v1", "a_v1_v20", 20},
        {"x_v", "x_v_v3", 3},
        {"m", "m_v2147483647", INT32_MAX},
    };
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        char topic[LG_NAMES_TOPIC_MAX + 1];
        struct lg_slice store;
        int32_t version;

        lg_names_version_topic(topic, rows[i].store, rows[i].version);
        assert_string_equal(topic, rows[i].topic);
        assert_ok(lg_names_parse_version_topic(lg_slice_str(topic), &store, &version, &err));
        assert_slice_equal(store, lg_slice_str(rows[i].store));
        assert_int_equal(version, rows[i].version);
    }
}

static void other_topics_are_no_version_topics(void **state)
{
    static const char *const topics[] = {
        "",        "cities", "cities_v", "cities_v0", "c_v01", "_v1",     "c_v1x",        "c_v1_sr",
        "cities1", "c_rt",   "c_v-1",    "v1",        "1c_v1", "c--d_v1", "c_v2147483648"};
    struct lg_slice store = LG_LIT("kept");
    struct lg_error err = {0};
    int32_t version = 7;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(topics); i++) {
        if (lg_names_parse_version_topic(lg_slice_str(topics[i]), &store, &version, &err) !=
            LG_ERR_INVALID)
            fail_msg("\"%s\" was taken for a version topic", topics[i]);
        assert_non_null(strstr(err.text, "<store>_v<number>"));
    }
    assert_slice_equal(store, LG_LIT("kept"));
    assert_int_equal(version, 7);
}

static void the_longest_names_fit(void **state)
{
    char store[LG_STORE_NAME_MAX + 1], topic[LG_NAMES_TOPIC_MAX + 1];

    (void)state;
    memset(store, 'x', LG_STORE_NAME_MAX);
    store[LG_STORE_NAME_MAX] = '\0';
    lg_names_reprocessing_topic(topic, store, INT32_MAX);
    assert_int_equal(strlen(topic), LG_STORE_NAME_MAX + 15);
}

static void real_time_topics_have_their_suffixes(void **state)
{
    char topic[LG_NAMES_TOPIC_MAX + 1];
    struct lg_slice store;

    (void)state;
    lg_names_rt_topic(topic, "cities");
    assert_string_equal(topic, "cities_rt");
    assert_true(lg_names_parse_rt_topic(lg_slice_str(topic), &store));
    assert_slice_equal(store, LG_LIT("cities"));
    lg_names_separate_rt_topic(topic, "cities");
    assert_string_equal(topic, "cities_rt_sep");
    assert_false(lg_names_parse_rt_topic(lg_slice_str(topic), &store));
    lg_names_reprocessing_topic(topic, "cities", 3);
    assert_string_equal(topic, "cities_v3_sr");
    assert_false(lg_names_parse_rt_topic(LG_LIT("_rt"), &store));
    assert_false(lg_names_parse_rt_topic(LG_LIT("a b_rt"), &store));
}

static void instances_go_both_ways(void **state)
{
    char id[LG_NAMES_INSTANCE_MAX + 1];
    struct lg_error err = {0};
    struct lg_slice host;
    uint16_t port;

    (void)state;
    assert_ok(lg_names_instance(id, "my_host.example", 65535, &err));
    assert_string_equal(id, "my_host.example_65535");
    assert_ok(lg_names_parse_instance(lg_slice_str(id), &host, &port, &err));
    assert_slice_equal(host, LG_LIT("my_host.example"));
    assert_int_equal(port, 65535);
}

static void malformed_instances_are_refused(void **state)
{
    static const char *const ids[] = {"", "host", "_80", "host_", "host_65536", "host_8x"};
    char id[LG_NAMES_INSTANCE_MAX + 1], host_name[LG_NAMES_HOST_MAX + 2];
    struct lg_error err = {0};
    struct lg_slice host;
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(ids); i++)
        assert_rc(LG_ERR_INVALID,
                  lg_names_parse_instance(lg_slice_str(ids[i]), &host, &port, &err));
    assert_rc(LG_ERR_INVALID, lg_names_instance(id, "", 80, &err));
    memset(host_name, 'h', sizeof(host_name) - 1);
    host_name[sizeof(host_name) - 1] = '\0';
    assert_rc(LG_ERR_INVALID, lg_names_instance(id, host_name, 80, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_store_names_pass),
        cmocka_unit_test(each_broken_rule_is_named),
        cmocka_unit_test(system_stores_are_known_by_their_prefix),
        cmocka_unit_test(version_topics_go_both_ways),
        cmocka_unit_test(other_topics_are_no_version_topics),
        cmocka_unit_test(the_longest_names_fit),
        cmocka_unit_test(real_time_topics_have_their_suffixes),
        cmocka_unit_test(instances_go_both_ways),
        cmocka_unit_test(malformed_instances_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
