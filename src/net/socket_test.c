/* Addresses and their names; listening is in the tests of the transports. */
#include "net/socket.h"

#include <errno.h>

#include "test/test.h"

static void addresses_are_read_and_named(void **state)
{
    static const struct {
        const char *host, *name; /* NULL: it is none */
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:80"},
        {"localhost", "127.0.0.1:80"},
        {"::1", "[::1]:80"},
        {"example.org", NULL},
        {"127.0.0", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct sockaddr_storage address;
        socklen_t size;
        char name[64];
        bool is_one = lg_socket_address(rows[i].host, 80, &address, &size);

        assert_int_equal(is_one, rows[i].name != NULL);
        if (!is_one)
            continue;
        lg_socket_name(&address, name, sizeof name);
        assert_string_equal(name, rows[i].name);
    }
}

static void refusals_say_what_to_do(void **state)
{
    struct lg_error err;

    (void)state;
    assert_rc(LG_ERR_IN_USE, lg_socket_listen_failed(EADDRINUSE, "127.0.0.1", 80, &err));
    assert_rc(LG_ERR_REFUSED, lg_socket_listen_failed(EACCES, "127.0.0.1", 80, &err));
    assert_non_null(strstr(err.text, "above 1023"));
    assert_rc(LG_ERR_INVALID, lg_socket_listen_failed(EADDRNOTAVAIL, "192.0.2.1", 80, &err));
    assert_rc(LG_ERR_IO, lg_socket_listen_failed(ENOMEM, "127.0.0.1", 80, &err));
    assert_string_equal(lg_socket_fault(ECONNREFUSED), "connection refused");
    assert_string_equal(lg_socket_fault(EPIPE), "connection reset by peer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_named),
        cmocka_unit_test(refusals_say_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
