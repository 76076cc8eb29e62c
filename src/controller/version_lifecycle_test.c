/* Who may push, in every state of the version before; what is told of a version; what may go. */
#include "controller/version_lifecycle.h"

#include "controller/cleanup.h"
#include "model/retention.h"
#include "test/test.h"

#define NOW 1000000

static struct lg_store_push push_of(const char *id, int64_t now_ms)
{
    return (struct lg_store_push){.push_job_id = id,
                                  .push_type = LG_PUSH_TYPE_BATCH,
                                  .lease_ms = 1000,
                                  .now_ms = now_ms,
                                  .clock_ms = now_ms};
}

static struct lg_store *store_with(enum lg_version_status status)
{
    struct lg_store *s = lg_store_new("cities", "me", "\"long\"", NOW);
    struct lg_store_push push = push_of("p1", NOW);
    int32_t version, replaced, id;
    struct lg_error err = {0};
    bool is_new;

    s->partition_count = 2;
    assert_ok(lg_store_add_value_schema(s, "\"string\"", &id, &err));
    assert_ok(lg_version_lifecycle_admit(s, &push, &version, &is_new, &replaced, &err));
    assert_int_equal(version, 1);
    assert_true(is_new);
    assert_int_equal(replaced, 0);
    s->versions.data[0].status = status;
    return s;
}

static void only_a_running_push_stands_in_the_way(void **state)
{
    (void)state;
    for (int status = LG_VERSION_NOT_CREATED; status <= LG_VERSION_ROLLED_BACK; status++) {
        LG_AUTO(lg_store) *s = store_with((enum lg_version_status)status);
        struct lg_store_push push = push_of("p2", NOW + 1000); /* As long as the lease: not over. */
        int32_t version = 0, replaced = -1;
        struct lg_error err = {0};
        bool is_new = false;
        enum lg_rc rc = lg_version_lifecycle_admit(s, &push, &version, &is_new, &replaced, &err);

        if (status == LG_VERSION_STARTED) {
            assert_rc(LG_ERR_CONCURRENT, rc);
            assert_int_equal(s->versions.size, 1);
            assert_int_equal(s->versions.data[0].status, LG_VERSION_STARTED);
        } else {
            assert_rc(LG_OK, rc);
            assert_int_equal(version, 2);
            assert_int_equal(replaced, 0);
            assert_int_equal(s->versions.data[0].status, status);
        }
    }
}

static void a_silent_push_is_killed_for_the_next(void **state)
{
    LG_AUTO(lg_store) *s = store_with(LG_VERSION_STARTED);
    struct lg_store_push push = push_of("p2", NOW + 1001);
    int32_t version, replaced;
    struct lg_error err = {0};
    bool is_new;

    (void)state;
    assert_ok(lg_version_lifecycle_admit(s, &push, &version, &is_new, &replaced, &err));
    assert_int_equal(version, 2);
    assert_int_equal(replaced, 1);
    assert_int_equal(lg_store_version(s, 1)->status, LG_VERSION_KILLED);
    assert_int_equal(lg_store_version(s, 2)->status, LG_VERSION_STARTED);
}

static void a_refused_push_kills_nobody(void **state)
{
    LG_AUTO(lg_store) *s = store_with(LG_VERSION_STARTED);
    struct lg_store_push push = push_of("p2", NOW + 1001);
    int32_t version, replaced;
    struct lg_error err = {0};
    bool is_new;

    (void)state;
    s->largest_used_version = INT32_MAX; /* Numbers are exhausted. */
    assert_rc(LG_ERR_CONFLICT,
              lg_version_lifecycle_admit(s, &push, &version, &is_new, &replaced, &err));
    assert_int_equal(lg_store_version(s, 1)->status, LG_VERSION_STARTED);
}

static void the_same_id_gives_the_same_version_whatever_became_of_it(void **state)
{
    (void)state;
    for (int status = LG_VERSION_STARTED; status <= LG_VERSION_ROLLED_BACK; status++) {
        LG_AUTO(lg_store) *s = store_with((enum lg_version_status)status);
        struct lg_store_push push = push_of("p1", NOW + 5000);
        int32_t version, replaced;
        struct lg_error err = {0};
        bool is_new;

        assert_ok(lg_version_lifecycle_admit(s, &push, &version, &is_new, &replaced, &err));
        assert_int_equal(version, 1);
        assert_false(is_new);
        assert_int_equal(replaced, 0);
    }
}

static void each_status_has_its_word(void **state)
{
    static const enum lg_push_status want[] = {
        [LG_VERSION_NOT_CREATED] = LG_PUSH_STARTED,
        [LG_VERSION_STARTED] = LG_PUSH_STARTED,
        [LG_VERSION_PUSHED] = LG_PUSH_COMPLETED,
        [LG_VERSION_ONLINE] = LG_PUSH_COMPLETED,
        [LG_VERSION_ERROR] = LG_PUSH_ERROR,
        [LG_VERSION_CREATED] = LG_PUSH_STARTED,
        [LG_VERSION_PARTIALLY_ONLINE] = LG_PUSH_COMPLETED,
        [LG_VERSION_KILLED] = LG_PUSH_ERROR,
        [LG_VERSION_ROLLED_BACK] = LG_PUSH_COMPLETED,
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(want); i++) {
        struct lg_version v = {.status = (enum lg_version_status)i};

        assert_int_equal(lg_version_lifecycle_job_status(&v), want[i]);
    }
    assert_int_equal(lg_version_lifecycle_job_status(NULL), LG_PUSH_ARCHIVED);
}

static void a_long_history_goes_in_portions(void **state)
{
    LG_AUTO(lg_store) *s = store_with(LG_VERSION_ONLINE);
    struct lg_retention_rule rule = {.keep_backups = 2};
    int32_t out[LG_CLEANUP_VERSIONS_MAX];

    (void)state;
    assert_int_equal(lg_retention_expired(s, &rule, out, LG_CLEANUP_VERSIONS_MAX),
                     0); /* One could still switch to it. */
    for (int i = 2; i <= 40; i++) {
        char id[] = {'q', (char)('0' + i / 10), (char)('0' + i % 10), 0};
        struct lg_store_push push = push_of(id, NOW);
        int32_t version, replaced;
        struct lg_error err = {0};
        bool is_new, swapped;

        assert_ok(lg_version_lifecycle_admit(s, &push, &version, &is_new, &replaced, &err));
        assert_ok(lg_store_complete_version(s, version, NOW, &swapped, &err));
    }
    assert_int_equal(lg_retention_expired(s, &rule, out, LG_CLEANUP_VERSIONS_MAX),
                     LG_CLEANUP_VERSIONS_MAX);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[LG_CLEANUP_VERSIONS_MAX - 1], LG_CLEANUP_VERSIONS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_running_push_stands_in_the_way),
        cmocka_unit_test(a_silent_push_is_killed_for_the_next),
        cmocka_unit_test(a_refused_push_kills_nobody),
        cmocka_unit_test(the_same_id_gives_the_same_version_whatever_became_of_it),
        cmocka_unit_test(each_status_has_its_word),
        cmocka_unit_test(a_long_history_goes_in_portions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
