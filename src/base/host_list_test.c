/* Lists of servers: what is one, and what is wrong with what is none. */
#include "base/host_list.h"

#include "test/test.h"

static void hosts_with_ports_are_taken(void **state)
{
    static const char *const good[] = {
        "kafka1:9092",         "kafka1:9092,kafka2.example.org:1", "127.0.0.1:65535",
        "[::1]:2181",          "[fe80::1%eth0]:2181,zk:1",         "[::ffff:127.0.0.1]:9092",
        "my_host-7.internal:1"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++) {
        struct lg_error err = {0};

        if (lg_host_list_check(lg_slice_str(good[i]), "h:1", &err) != LG_OK)
            fail_msg("%s: %s", good[i], err.text);
    }
}

static void what_is_wrong_is_named_with_an_example(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "names no server"},
        {"kafka1", "'kafka1' has no port"},
        {"kafka1:", "'kafka1:' has no port"},
        {"a:1,kafka2", "'kafka2' has no port"},
        {"a:0", "'a:0' has a port that is none"},
        {"a:65536", "1 to 65535"},
        {"a:99999999999999999999999", "1 to 65535"},
        {"a:-1", "1 to 65535"},
        {"a:http", "1 to 65535"},
        {"a:1,", "names no server"},
        {",a:1", "names no server"},
        {"a:1,,b:2", "names no server"},
        {"a:1, b:2", "' b:2' has a blank"},
        {":9092", "names no host"},
        {"a$:1", "names no host"},
        {"::1:2181", "brackets"},
        {"[::1]", "has no port"},
        {"[::1]2181", "has no port behind its bracket"},
        {"[::1:2181", "not closed"},
        {"[host]:1", "no IPv6 address"},
        {"[]:1", "no IPv6 address"},
        {"[::1%]:1", "no IPv6 address"},
        {"[::1]:x", "1 to 65535"},
        {"kafka://a:1", "scheme"},
        {"a/b:1", "has a path"},
        {"a:1/b", "1 to 65535"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        struct lg_error err = {0};

        assert_rc(LG_ERR_INVALID, lg_host_list_check(lg_slice_str(bad[i].text), "zk1:2181", &err));
        if (strstr(err.text, bad[i].says) == NULL || strstr(err.text, "as in zk1:2181") == NULL)
            fail_msg("'%s': %s", bad[i].text, err.text);
    }
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    char text[LG_HOST_NAME_BYTES_MAX + 4];
    struct lg_error err = {0};

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + LG_HOST_NAME_BYTES_MAX, ":1", 3);
    assert_rc(LG_OK, lg_host_list_check(lg_slice_str(text), "h:1", &err));
    memcpy(text + LG_HOST_NAME_BYTES_MAX, "a:1", 4);
    assert_rc(LG_ERR_INVALID, lg_host_list_check(lg_slice_str(text), "h:1", &err));
}

static void a_path_begins_at_the_first_slash(void **state)
{
    struct lg_slice servers, path;

    (void)state;
    lg_host_list_split(LG_LIT("a:1,b:2/x/y"), &servers, &path);
    assert_true(lg_slice_eq_str(servers, "a:1,b:2"));
    assert_true(lg_slice_eq_str(path, "/x/y"));
    lg_host_list_split(LG_LIT("a:1"), &servers, &path);
    assert_true(lg_slice_eq_str(servers, "a:1"));
    assert_int_equal(path.size, 0);
    lg_host_list_split(LG_SLICE_NULL, &servers, &path);
    assert_int_equal(servers.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_with_ports_are_taken),
        cmocka_unit_test(what_is_wrong_is_named_with_an_example),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
        cmocka_unit_test(a_path_begins_at_the_first_slash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
