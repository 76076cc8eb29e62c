/* What answers of a controller mean. */
#include "api/api_client.h"

#include "test/test.h"

static void an_answer_means_its_json_or_the_error_in_it(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum lg_rc want;
        const char *sentence;
    } rows[] = {
        {200, "{\"version\":3,\"error\":null}", LG_OK, NULL},
        {200, "{}", LG_OK, NULL},
        /* Venice's ErrorTypes. */
        {404, "{\"error\":\"no\",\"errorType\":\"STORE_NOT_FOUND\"}", LG_ERR_NO_STORE, "no"},
        {404, "{\"error\":\"no\",\"errorType\":\"SCHEMA_NOT_FOUND\"}", LG_ERR_NO_SCHEMA, "no"},
        {400, "{\"error\":\"no\",\"errorType\":\"CONCURRENT_BATCH_PUSH\"}", LG_ERR_CONCURRENT,
         "no"},
        {400, "{\"error\":\"no\",\"errorType\":\"INVALID_SCHEMA\"}", LG_ERR_SCHEMA, "no"},
        {403, "{\"error\":\"no\",\"errorType\":\"ACL_ERROR\"}", LG_ERR_REFUSED, "no"},
        {421, "{\"error\":\"no\",\"errorType\":\"INCORRECT_CONTROLLER\"}", LG_ERR_MISDIRECTED,
         "no"},
        {200, "{\"error\":\"no\",\"errorType\":\"INCORRECT_CONTROLLER\"}", LG_ERR_MISDIRECTED,
         "no"},
        {400, "{\"error\":\"no\",\"errorType\":\"BAD_REQUEST\"}", LG_ERR_INVALID, "no"},
        {500, "{\"error\":\"no\",\"errorType\":\"GENERAL_ERROR\"}", LG_ERR_FAILED, "no"},
        {500, "{\"error\":\"no\"}", LG_ERR_FAILED, "no"},
        {200, "{\"error\":\"no\",\"errorType\":null}", LG_ERR_FAILED,
         "no"}, /* An error all the same. */
        /* Our own controller's code wins. */
        {404,
         "{\"error\":\"no\",\"errorType\":\"STORE_NOT_FOUND\",\"lagoonCode\":\"ERR_CONFLICT\"}",
         LG_ERR_CONFLICT, "no"},
        {503, "{\"error\":\"no\",\"lagoonCode\":\"ERR_UNAVAILABLE\"}", LG_ERR_UNAVAILABLE, "no"},
        {500, "{\"error\":\"no\",\"lagoonCode\":\"ERR_OF_TOMORROW\"}", LG_ERR_FAILED, "no"},
        /* A status without a sentence. */
        {500, "{}", LG_ERR_FAILED, "the controller answered 500"},
        {421, "{}", LG_ERR_MISDIRECTED, "the controller answered 421"},
        {404, "{}", LG_ERR_INVALID, "the controller answered 404"},
        /* No JSON object at all: a proxy, or somebody else. */
        {200, "hello", LG_ERR_FAILED, "the controller answered 200 without JSON: hello"},
        {502, "<html>", LG_ERR_FAILED, "the controller answered 502 without JSON: <html>"},
        {503, "starting", LG_ERR_UNAVAILABLE, "the controller answered 503 without JSON: starting"},
        {200, "[1]", LG_ERR_FAILED, "the controller answered 200 without JSON: [1]"},
        {200, "", LG_ERR_FAILED, "the controller answered 200 without JSON: "},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_json) *json = NULL;
        struct lg_error err = {0};
        enum lg_rc rc = lg_api_read_answer(rows[i].status, lg_slice_str(rows[i].body), &json, &err);

        if (rc != rows[i].want)
            fail_msg("%d %s: %s", rows[i].status, rows[i].body, lg_rc_name(rc));
        assert_int_equal(rc == LG_OK, json != NULL);
        if (rc != LG_OK)
            assert_string_equal(err.text, rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_means_its_json_or_the_error_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
