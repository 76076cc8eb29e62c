/* Tests of error codes and sentences. */
#include "test/test.h"

#include "base/error.h"

#include <errno.h>

static void setting_an_error_returns_its_code_and_keeps_the_sentence(void **state)
{
    (void)state;
    struct lg_error err = {0};

    assert_rc(LG_ERR_NO_STORE, lg_error_set(&err, LG_ERR_NO_STORE, "no store %s", "cities"));
    assert_rc(LG_ERR_NO_STORE, err.rc);
    assert_string_equal(err.text, "no store cities");
    assert_rc(LG_ERR_BUSY, lg_error_set(NULL, LG_ERR_BUSY, "nobody listens"));
}

static void context_is_put_in_front_and_the_code_stays(void **state)
{
    (void)state;
    struct lg_error err = {0};

    (void)lg_error_set(&err, LG_ERR_TIMEOUT, "no answer");
    assert_rc(LG_ERR_TIMEOUT, lg_error_wrap(&err, "push of %s", "cities"));
    assert_string_equal(err.text, "push of cities: no answer");
}

static void an_error_may_quote_its_own_old_sentence(void **state)
{
    (void)state;
    struct lg_error err = {0};

    (void)lg_error_set(&err, LG_ERR_IO, "first");
    (void)lg_error_set(&err, LG_ERR_FAILED, "second after %s", err.text);
    assert_string_equal(err.text, "second after first");
}

static void long_sentences_are_cut_and_stay_terminated(void **state)
{
    (void)state;
    struct lg_error err = {0};
    char wide[2000];

    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    (void)lg_error_set(&err, LG_ERR_FAILED, "%s", wide);
    assert_int_equal(strlen(err.text), LG_ERROR_TEXT_MAX - 1);
    (void)lg_error_wrap(&err, "context");
    assert_int_equal(strlen(err.text), LG_ERROR_TEXT_MAX - 1);
    assert_memory_equal(err.text, "context: xxx", 12);
    (void)lg_error_wrap(&err, "%s", wide);
    assert_int_equal(strlen(err.text), LG_ERROR_TEXT_MAX - 1);
}

static void errno_chooses_the_code_and_ends_the_sentence(void **state)
{
    (void)state;
    struct lg_error err = {0};

    assert_rc(LG_ERR_NOT_FOUND, lg_error_errno(&err, ENOENT, "cannot open %s", "a.avro"));
    assert_string_equal(err.text, "cannot open a.avro: No such file or directory");
    assert_rc(LG_ERR_NO_SPACE, lg_error_errno(&err, ENOSPC, "x"));
    assert_rc(LG_ERR_NO_SPACE, lg_error_errno(&err, EDQUOT, "x"));
    assert_rc(LG_ERR_IO, lg_error_errno(&err, EIO, "x"));
    assert_rc(LG_ERR_IO, lg_error_errno(NULL, EACCES, "x"));
}

static void the_table_answers_for_each_column(void **state)
{
    (void)state;

    assert_string_equal(lg_rc_name(LG_ERR_NO_STORE), "ERR_NO_STORE");
    assert_string_equal(lg_rc_text(LG_ERR_NO_STORE), "no store of that name");
    assert_string_equal(lg_rc_venice(LG_ERR_NO_STORE), "STORE_NOT_FOUND");
    assert_int_equal(lg_rc_http(LG_ERR_NO_STORE, false), 404);
    assert_int_equal(lg_rc_exit(LG_ERR_NO_STORE), 3);
    assert_int_equal(lg_rc_retry(LG_ERR_NO_STORE), LG_RETRY_NEVER);
    assert_int_equal(lg_rc_retry(LG_ERR_BUSY), LG_RETRY_LATER);
    assert_int_equal(lg_rc_retry(LG_ERR_UNREADY), LG_RETRY_ELSEWHERE);
}

/* A 404 to a POST would hang Venice's Java client. */
static void no_code_answers_a_post_with_404(void **state)
{
    (void)state;

    for (int rc = 0; rc < LG_RC_COUNT; rc++)
        assert_int_not_equal(lg_rc_http((enum lg_rc)rc, true), 404);
}

static void every_code_is_found_by_its_name(void **state)
{
    (void)state;

    for (int rc = 0; rc < LG_RC_COUNT; rc++)
        assert_int_equal(lg_rc_from_name(lg_rc_name((enum lg_rc)rc)), rc);
    assert_rc(LG_ERR_FAILED, lg_rc_from_name("ERR_NONSENSE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_its_code_and_keeps_the_sentence),
        cmocka_unit_test(context_is_put_in_front_and_the_code_stays),
        cmocka_unit_test(an_error_may_quote_its_own_old_sentence),
        cmocka_unit_test(long_sentences_are_cut_and_stay_terminated),
        cmocka_unit_test(errno_chooses_the_code_and_ends_the_sentence),
        cmocka_unit_test(the_table_answers_for_each_column),
        cmocka_unit_test(no_code_answers_a_post_with_404),
        cmocka_unit_test(every_code_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
