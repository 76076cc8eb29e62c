/* Tests of how a session begins with a real ZooKeeper, and what it does not send: addresses,
 * options, credentials, sizes. */
#include "drivers/zookeeper/metastore_zk.h"

#include "test/lib/zookeeper_world.h"
#include "test/test.h"

#include "base/str.h"

/* --- Addresses, credentials, sizes, junk ---------------------------------------------------- */

static void a_wrong_address_is_told_early(void **state)
{
    (void)state;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    w.options.connect_ms = 700;
    w.options.address = "127.0.0.1:1";
    assert_rc(LG_ERR_UNAVAILABLE, lg_zkw_try_open(&w));
    assert_string_equal(w.err.text, "no ZooKeeper answers at 127.0.0.1:1 after 0.7 s; check "
                                    "zookeeper.address");
    w.options.address = "no-such-host.invalid:2181";
    assert_rc(LG_ERR_UNAVAILABLE, lg_zkw_try_open(&w));
    assert_non_null(strstr(w.err.text, "zookeeper.address"));
    w.options.address = "127.0.0.1";
    assert_rc(LG_ERR_UNAVAILABLE, lg_zkw_try_open(&w));
    assert_non_null(strstr(w.err.text, "zookeeper.address"));
    lg_zkw_done(&w);
}

/* The client itself knows no brackets. */
static void an_address_of_ipv6_stands_in_brackets(void **state)
{
    struct lg_zkw w;

    (void)state;
    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    {
        LG_AUTO_STR char *address = lg_strf("[::ffff:127.0.0.1]%s", strchr(w.options.address, ':'));

        w.options.address = address;
        lg_zkw_close(&w, lg_zkw_open(&w));
        w.options.address = "[::1]:1";
        w.options.connect_ms = 700;
        assert_rc(LG_ERR_UNAVAILABLE, lg_zkw_try_open(&w));
        assert_non_null(strstr(w.err.text, "no ZooKeeper answers at [::1]:1 after"));
    }
    lg_zkw_done(&w);
}

static void options_that_make_no_sense_are_named(void **state)
{
    (void)state;
    const struct {
        struct lg_metastore_zk_options options;
        const char *says;
    } bad[] = {
        {{.address = "", .root = "/l"}, "zookeeper.address"},
        {{.address = "h:1/chroot", .root = "/l"}, "zookeeper.root"},
        {{.address = "h:1", .root = "/"}, "not Lagoon's alone"},
        {{.address = "h:1", .root = "l"}, "zookeeper.root"},
        {{.address = "h:1", .root = "/l", .digest = "nobody"}, "zookeeper.digest"},
        {{.address = "h:1", .root = "/l", .session_ms = 1}, "zookeeper.session.timeout"},
        {{.address = "h:1", .root = "/l", .packet_bytes_max = 1}, "zookeeper.packet.max.bytes"},
    };
    struct lg_metastore *session = NULL;

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        struct lg_error err = {0};

        assert_rc(LG_ERR_INVALID, lg_metastore_zk_open(&bad[i].options, &session, &err));
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("%s", err.text);
        assert_null(session);
    }
}

static void a_root_that_is_absent_is_not_made_by_accident(void **state)
{
    (void)state;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    w.options.create_root = false;
    assert_rc(LG_ERR_NOT_FOUND, lg_zkw_try_open(&w));
    assert_non_null(strstr(w.err.text, w.root));
    w.options.create_root = true;
    lg_zkw_close(&w, lg_zkw_open(&w));
    w.options.create_root = false;
    lg_zkw_close(&w, lg_zkw_open(&w));
    lg_zkw_done(&w);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    LG_AUTO_STR char *closed = NULL;
    struct lg_zkw_call read = {.op = {.kind = LG_META_GET, .path = "/closed/x"}};
    struct lg_metastore *owner, *guest;
    struct lg_error err = {0};
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    lg_zkw_close(&w, lg_zkw_open(&w)); /* The root is everybody's. */
    closed = lg_strf("%s/closed", w.root);
    w.options.digest = "lagoon:secret";
    owner = lg_zkw_open(&w);
    assert_ok(lg_zkw_put(&w, owner, "/closed/x", "1"));
    w.options.digest = NULL;
    guest = lg_zkw_open(&w);
    assert_rc(LG_ERR_REFUSED, lg_zkw_call_run(&w, guest, &read));
    assert_non_null(strstr(read.op.err.text, "zookeeper.digest"));
    assert_rc(LG_ERR_REFUSED, lg_zkw_put(&w, guest, "/closed/x", "2"));
    assert_non_null(strstr(w.err.text, "/closed/x"));
    w.options.root = closed;
    assert_rc(LG_ERR_REFUSED, lg_zkw_try_open(&w));
    w.options.digest = "lagoon:guess";
    assert_rc(LG_ERR_REFUSED, lg_zkw_try_open(&w));
    assert_non_null(strstr(w.err.text, "zookeeper.digest"));
    w.options.digest = "lagoon:secret";
    lg_zkw_close(&w, lg_zkw_open(&w));
    lg_zkw_assert_value(&w, owner, "/closed/x", "1");
    lg_zkw_close(&w, guest);
    lg_zkw_close(&w, owner);
    lg_zkw_done(&w);
}

static void what_a_server_does_not_take_is_not_sent(void **state)
{
    (void)state;
    uint8_t *value = lg_zalloc(LG_META_VALUE_MAX);
    struct lg_meta_change three[3];
    struct lg_zkw_call c = {.op = {.kind = LG_META_WRITE, .changes = three, .change_count = 3}};
    const char *paths[] = {"/a", "/b", "/c"};
    struct lg_error err = {0};
    struct lg_metastore *s;
    struct lg_zkw_call one;
    struct lg_zkw w;

    lg_zkw_init(&w, LG_ZKW_LONG_MS);
    w.options.packet_bytes_max = 0; /* As servers are that nobody has configured. */
    s = lg_zkw_open(&w);
    lg_zkw_call_change(&one, LG_META_PUT, "/big", lg_slice(value, LG_META_VALUE_MAX));
    assert_rc(LG_ERR_TOO_LARGE, lg_zkw_call_run(&w, s, &one));
    assert_non_null(strstr(w.err.text, "jute.maxbuffer"));
    assert_non_null(strstr(w.err.text, "/big"));
    lg_zkw_call_change(&one, LG_META_PUT, "/big", lg_slice(value, LG_META_VALUE_MAX - 2000));
    assert_ok(lg_zkw_call_run(&w, s, &one));
    for (size_t i = 0; i < 3; i++)
        three[i] = (struct lg_meta_change){LG_META_PUT, paths[i], lg_slice(value, 500000),
                                           LG_META_ANY_VERSION};
    assert_rc(LG_ERR_TOO_LARGE, lg_zkw_call_run(&w, s, &c));
    lg_zkw_assert_value(&w, s, "/a", NULL);
    assert_int_equal(lg_metastore_zk_epoch(s), 1);
    lg_zkw_close(&w, s);
    lg_zkw_done(&w);
    lg_free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_address_is_told_early),
        cmocka_unit_test(an_address_of_ipv6_stands_in_brackets),
        cmocka_unit_test(options_that_make_no_sense_are_named),
        cmocka_unit_test(a_root_that_is_absent_is_not_made_by_accident),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(what_a_server_does_not_take_is_not_sent),
    };

    return cmocka_run_group_tests(tests, lg_zkw_start_server, lg_zkw_end_server);
}
