/* Why versions stay and until when, under a clock that the test sets. */
#include "model/retention.h"

#include <stdio.h>

#include "test/test.h"

/* Versions 1 to n, switched to at 1000 * their number; `deferred` ones are not. */
static void add(struct lg_store *s, bool swap_deferred)
{
    char id[16];
    struct lg_store_push push = {.push_job_id = id, .swap_deferred = swap_deferred};
    struct lg_version *v = NULL;
    struct lg_error err = {0};
    bool flag;

    snprintf(id, sizeof(id), "p%d", s->largest_used_version + 1);
    assert_ok(lg_store_add_version(s, &push, &v, &flag, &err));
    assert_ok(lg_store_complete_version(s, v->number, INT64_C(1000) * v->number, &flag, &err));
}

static struct lg_store *store_of(int versions)
{
    struct lg_store *s = lg_store_new("cities", "me", "\"long\"", 0);

    for (int i = 0; i < versions; i++)
        add(s, /* swap_deferred= */ false);
    return s;
}

static void expect(const struct lg_store *s, const struct lg_retention_rule *rule, int32_t number,
                   enum lg_retention_reason reason, int64_t until_ms)
{
    struct lg_retention r = lg_retention_of(s, number, rule);

    assert_string_equal(lg_retention_word(r.reason), lg_retention_word(reason));
    assert_int_equal(r.until_ms, until_ms);
}

static void surplus_backups_stay_for_the_delay_after_a_switch(void **state)
{
    LG_AUTO(lg_store) *s = store_of(4);
    struct lg_retention_rule rule = {.keep_backups = 2, .delay_ms = 500, .now_ms = 4499};
    int32_t out[4];

    (void)state;
    expect(s, &rule, 4, LG_RETENTION_CURRENT, 0);
    expect(s, &rule, 3, LG_RETENTION_BACKUP, 0);
    expect(s, &rule, 2, LG_RETENTION_BACKUP, 0);
    expect(s, &rule, 1, LG_RETENTION_DELAY, 4500);
    assert_int_equal(lg_retention_expired(s, &rule, out, 4), 0);
    rule.now_ms = 4500;
    expect(s, &rule, 1, LG_RETENTION_NONE, 0);
    assert_int_equal(lg_retention_expired(s, &rule, out, 4), 1);
    assert_int_equal(out[0], 1);
    s->backup_retention_ms = 10000; /* The store's own wins. */
    expect(s, &rule, 1, LG_RETENTION_DELAY, 14000);
    s->backup_retention_ms = 0;
    rule.now_ms = 4000;
    expect(s, &rule, 1, LG_RETENTION_NONE, 0);
    s->backup_retention_ms = INT64_MAX; /* No overflow. */
    expect(s, &rule, 1, LG_RETENTION_DELAY, INT64_MAX);
}

static void a_clock_set_back_prolongs_by_no_more_than_the_delay(void **state)
{
    LG_AUTO(lg_store) *s = store_of(4);
    struct lg_retention_rule rule = {.keep_backups = 0, .delay_ms = 500, .now_ms = 100};

    (void)state;
    expect(s, &rule, 3, LG_RETENTION_DELAY, 600);
}

static void what_failed_goes_whatever_the_delay(void **state)
{
    LG_AUTO(lg_store) *s = store_of(1);
    struct lg_retention_rule rule = {.keep_backups = 2, .delay_ms = INT64_MAX, .now_ms = 1000};
    struct lg_store_push push = {.push_job_id = "bad"};
    struct lg_version *v = NULL;
    struct lg_error err = {0};
    bool flag;

    (void)state;
    assert_ok(lg_store_add_version(s, &push, &v, &flag, &err));
    expect(s, &rule, 2, LG_RETENTION_PUSHING, 0);
    assert_ok(lg_store_fail_version(s, 2, LG_VERSION_ERROR, &err));
    expect(s, &rule, 2, LG_RETENTION_NONE, 0);
    expect(s, &rule, 77, LG_RETENTION_NONE, 0);
}

static void the_newest_waiting_version_stays_until_it_is_superseded(void **state)
{
    LG_AUTO(lg_store) *s = store_of(1);
    struct lg_retention_rule rule = {.keep_backups = 2, .now_ms = 1000000};
    int32_t current;
    struct lg_error err = {0};

    (void)state;
    add(s, /* swap_deferred= */ true);
    expect(s, &rule, 2, LG_RETENTION_WAITING, 0);
    add(s, /* swap_deferred= */ true);
    expect(s, &rule, 3, LG_RETENTION_WAITING, 0);
    expect(s, &rule, 2, LG_RETENTION_NONE, 0); /* 3 waits in its place. */
    add(s, /* swap_deferred= */ false);
    assert_int_equal(s->current_version, 4);
    expect(s, &rule, 3, LG_RETENTION_NONE, 0); /* Nobody will want it any more. */
    rule.delay_ms = INT64_C(1) << 40;
    expect(s, &rule, 3, LG_RETENTION_DELAY, 4000 + (INT64_C(1) << 40));
    rule.delay_ms = 0;
    add(s, /* swap_deferred= */ true);
    assert_ok(lg_store_swap(s, 0, 5000, &current, &err));
    expect(s, &rule, 5, LG_RETENTION_CURRENT, 0);
    expect(s, &rule, 4, LG_RETENTION_BACKUP, 0);
}

static void a_waiting_version_takes_no_backups_place(void **state)
{
    LG_AUTO(lg_store) *s = store_of(3);
    struct lg_retention_rule rule = {.keep_backups = 2, .now_ms = 1000000};
    int32_t current;
    struct lg_error err = {0};

    (void)state;
    add(s, /* swap_deferred= */ true);
    expect(s, &rule, 1, LG_RETENTION_BACKUP, 0);
    expect(s, &rule, 2, LG_RETENTION_BACKUP, 0);
    assert_ok(lg_store_roll_back(s, 6000, &current, &err));
    expect(s, &rule, 3, LG_RETENTION_UNDO, 0);
    expect(s, &rule, 4, LG_RETENTION_WAITING, 0);
    assert_string_equal(lg_retention_text(LG_RETENTION_WAITING), "waits for its swap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surplus_backups_stay_for_the_delay_after_a_switch),
        cmocka_unit_test(a_clock_set_back_prolongs_by_no_more_than_the_delay),
        cmocka_unit_test(what_failed_goes_whatever_the_delay),
        cmocka_unit_test(the_newest_waiting_version_stays_until_it_is_superseded),
        cmocka_unit_test(a_waiting_version_takes_no_backups_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
