/* Heads that nghttp2's engine remembers: what is taken for one that came before, and what is not,
 * however alike it begins. Fields are sent by index, as clients do; "be" is the newest of them. */
#include "drivers/nghttp2/h2_heads.h"

#include "test/lib/h2_peer.h"
#include "test/test.h"

#define GET "8286 84 "        /* GET, http, / */
#define AUTHORITY "41 01 61 " /* a; inserted */
#define X_A "40 01 78 01 61 " /* x: a; inserted */
#define TIMEOUT " 00 0c 677270632d74696d656f7574 "

static void a_head_of_shared_strings_is_remembered(void **state)
{
    struct h2_peer p;

    (void)state;
    h2_peer_open(&p, H2_NGHTTP2, NULL, 0, 0);
    h2_peer_send(&p, "H 5 1 " GET AUTHORITY X_A "; H 5 3 " GET "bf be; H 4 5 83 86 84 bf be;"
                     "D 1 5 61; H 5 7 " GET "bf be; H 5 9 " GET "bf be");
    assert_true(h2_peer_heard(&p, "request 9 GET / x=a"));
    assert_true(h2_peer_heard(&p, "request 5 POST / x=a"));
    assert_int_equal(p.requests_with_memo, 5);
    assert_int_equal(p.memo_hits, 3); /* The words of the two heads are two words. */
    h2_peer_close(&p);
}

static void one_that_ends_sooner_or_goes_on_is_another(void **state)
{
    struct h2_peer p;

    (void)state;
    h2_peer_open(&p, H2_NGHTTP2, NULL, 0, 0);
    h2_peer_send(&p, "H 5 1 " GET AUTHORITY X_A "; H 5 3 " GET "bf; H 5 5 " GET "bf be be;"
                     "H 5 7 " GET "bf {x=a}; H 5 9 " GET "bf be {y=1}; H 5 11 " GET "bf be");
    assert_true(h2_peer_heard(&p, "request 3 GET /"));
    assert_true(h2_peer_heard(&p, "request 5 GET / x=a x=a"));
    assert_true(h2_peer_heard(&p, "request 7 GET / x=a"));
    assert_true(h2_peer_heard(&p, "request 9 GET / x=a y=1"));
    assert_int_equal(p.memo_hits, 1);
    /* A head that is not whole is refused, though all of it came before in one that was. */
    h2_peer_send(&p, "H 5 13 82 86; H 5 15 " GET "bf be");
    assert_true(h2_peer_got(&p, "RST 13 1"));
    assert_int_equal(p.memo_hits, 2);
    h2_peer_close(&p);
}

/* The same index means another field once the table has another entry. */
static void a_changed_table_is_seen(void **state)
{
    struct h2_peer p;

    (void)state;
    h2_peer_open(&p, H2_NGHTTP2, NULL, 0, 0);
    h2_peer_send(&p, "H 5 1 " GET AUTHORITY X_A "; H 5 3 " GET "bf be;"
                     "H 4 5 83 86 84 bf be; H 5 5 40 01 78 01 62; H 5 7 " GET "c0 be;"
                     "H 5 9 " GET "c0 bf");
    assert_true(h2_peer_heard(&p, "end 5 x=b"));
    assert_true(h2_peer_heard(&p, "request 7 GET / x=b"));
    assert_true(h2_peer_heard(&p, "request 9 GET / x=a"));
    assert_int_equal(p.memo_hits, 2);
    /* The table is emptied and filled anew: the strings of before are not what comes. */
    h2_peer_send(&p, "H 5 11 20 3fe11f " GET AUTHORITY "40 01 78 01 63; H 5 13 " GET "bf be");
    assert_true(h2_peer_heard(&p, "request 13 GET / x=c"));
    /* The name is shared, the value is not. */
    h2_peer_send(&p, "H 5 15 " GET "bf 7e 01 64");
    assert_true(h2_peer_heard(&p, "request 15 GET / x=d"));
    assert_false(p.over);
    h2_peer_close(&p);
}

static void a_head_with_another_timeout_is_remembered(void **state)
{
    LG_SCOPED(lg_buf) script = {0};
    struct h2_peer p;

    (void)state;
    h2_peer_open(&p, H2_NGHTTP2, NULL, 0, 0);
    h2_peer_send(&p, "H 5 1 " GET AUTHORITY TIMEOUT "02 396d {te=trailers};"
                     "H 5 3 " GET "be " TIMEOUT "02 396d; H 5 5 " GET "be" TIMEOUT "03 31306d;"
                     "H 5 7 " GET "be" TIMEOUT "02 376d" TIMEOUT "02 386d");
    assert_true(h2_peer_heard(&p, "request 1 GET / te=trailers timeout 9m"));
    assert_true(h2_peer_heard(&p, "request 3 GET / timeout 9m"));
    assert_true(h2_peer_heard(&p, "request 5 GET / timeout 10m"));
    assert_true(h2_peer_heard(&p, "request 7 GET / grpc-timeout=8m timeout 7m"));
    assert_int_equal(p.memo_hits, 1);
    h2_peer_send(&p, "H 5 17 " GET "be" TIMEOUT "02 356d"); /* All of one, and a part of another. */
    assert_true(h2_peer_heard(&p, "request 17 GET / timeout 5m"));
    assert_int_equal(p.memo_hits, 2);
    /* Judged as any value, and as long as any may be. */
    h2_peer_send(&p, "H 5 19 " GET "be" TIMEOUT "02 0a6d");
    assert_true(h2_peer_got(&p, "RST 19 1"));
    lg_buf_appendf(&script, "H 5 21 %sbe%s7f 02 ", GET, TIMEOUT);
    for (unsigned i = 0; i < 129; i++)
        lg_buf_append_str(&script, "31");
    lg_buf_append_byte(&script, 0);
    p.memo_hits = 0;
    h2_peer_send(&p, (const char *)script.data);
    assert_non_null(strstr((const char *)p.log.data, "request 21 GET / timeout 1111"));
    assert_int_equal(p.memo_hits, 0);
    h2_peer_close(&p);
}

/* All places are taken: whoever comes once finds none, whoever comes again does. */
static void heads_that_come_once_displace_none(void **state)
{
    LG_SCOPED(lg_buf) script = {0};
    struct h2_peer p;

    (void)state;
    h2_peer_open(&p, H2_NGHTTP2, NULL, 0, 0);
    h2_peer_send(&p, "H 5 1 " GET AUTHORITY "; H 5 3 " GET "be");
    for (unsigned id = 5; id < 105; id += 2)
        lg_buf_appendf(&script, "H 5 %u 82 86 be {:path=/%u};", id, id);
    lg_buf_appendf(&script, "H 5 105 " GET "be%c", 0);
    p.memo_hits = 0;
    h2_peer_send(&p, (const char *)script.data);
    assert_int_equal(p.memo_hits, 1);
    h2_peer_send(&p, "H 5 107 83 86 84 be; H 5 109 83 86 84 be; H 5 111 83 86 84 be");
    assert_int_equal(p.memo_hits, 2);
    h2_peer_send(&p, "H 5 113 " GET "be"); /* It was used last, and stayed. */
    assert_int_equal(p.memo_hits, 3);
    h2_peer_close(&p);
}

static void long_heads_are_not_remembered(void **state)
{
    LG_SCOPED(lg_buf) script = {0};
    struct h2_peer p;

    (void)state;
    h2_peer_open(&p, H2_NGHTTP2, NULL, 0, 0);
    h2_peer_send(&p, "H 5 1 " GET AUTHORITY X_A);
    for (unsigned id = 3; id < 9; id += 2) {
        lg_buf_appendf(&script, "H 5 %u %sbf ", id, GET);
        for (unsigned i = 0; i < LG_NGHTTP2_HEAD_FIELDS; i++)
            lg_buf_append_str(&script, "be");
        lg_buf_append_str(&script, "; ");
    }
    lg_buf_append_byte(&script, 0);
    p.requests_with_memo = 0;
    h2_peer_send(&p, (const char *)script.data);
    assert_int_equal(p.h2->requests, 4);
    assert_int_equal(p.requests_with_memo, 0);
    h2_peer_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_of_shared_strings_is_remembered),
        cmocka_unit_test(one_that_ends_sooner_or_goes_on_is_another),
        cmocka_unit_test(a_changed_table_is_seen),
        cmocka_unit_test(a_head_with_another_timeout_is_remembered),
        cmocka_unit_test(heads_that_come_once_displace_none),
        cmocka_unit_test(long_heads_are_not_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
