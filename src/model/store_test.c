/* Decisions about versions: numbers, swaps, rollback, roll-forward, retention. */
#include "model/retention.h"
#include "model/store.h"

#include <stdio.h>

#include "base/rand.h"
#include "test/test.h"

static struct lg_store *store_new(void)
{
    struct lg_store *s = lg_store_new("cities", "me", "\"long\"", 1000);

    s->partition_count = 4;
    return s;
}

static struct lg_version *push(struct lg_store *s, const char *id)
{
    struct lg_store_push p = {.push_job_id = id, .now_ms = 2000};
    struct lg_version *v = NULL;
    struct lg_error err = {0};
    bool is_new = false;

    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_true(is_new);
    return v;
}

/* Pushes a version to its end; returns its number. */
static int32_t complete(struct lg_store *s)
{
    char id[32];
    struct lg_error err = {0};
    bool swapped;
    int32_t number;

    snprintf(id, sizeof(id), "push-%d", s->largest_used_version + 1);
    number = push(s, id)->number;
    assert_ok(lg_store_complete_version(s, number, 3000 + number, &swapped, &err));
    return number;
}

static int32_t roll(struct lg_store *s, bool back)
{
    struct lg_error err = {0};
    int32_t current = 0;

    if (back)
        assert_ok(lg_store_roll_back(s, 9000, &current, &err));
    else
        assert_ok(lg_store_roll_forward(s, 9000, &current, &err));
    assert_int_equal(current, s->current_version);
    return current;
}

static void assert_status(const struct lg_store *s, int32_t number, enum lg_version_status want)
{
    assert_non_null(lg_store_version(s, number));
    assert_string_equal(lg_version_status_name(lg_store_version(s, number)->status),
                        lg_version_status_name(want));
}

static void assert_deletable(const struct lg_store *s, const int32_t *want, size_t n)
{
    int32_t got[16];

    struct lg_retention_rule rule = {.keep_backups = LG_STORE_KEEP_BACKUPS_DEFAULT};

    assert_int_equal(lg_retention_expired(s, &rule, got, 16), n);
    if (n != 0)
        assert_memory_equal(got, want, n * sizeof(*want));
}
#define NOTHING NULL, 0
#define THESE(...) ((int32_t[]){__VA_ARGS__}), sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)

static void the_first_version_is_1_and_carries_the_stores_settings(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_version *v;

    (void)state;
    s->replication_factor = 3;
    v = push(s, "p");
    assert_int_equal(v->number, 1);
    assert_int_equal(v->status, LG_VERSION_STARTED);
    assert_int_equal(v->partition_count, 4);
    assert_int_equal(v->replication_factor, 3);
    assert_int_equal(v->min_active_replicas, 2);
    assert_int_equal(v->push_heard_ms, 2000);
    assert_int_equal(v->record_count, -1);
    assert_ptr_equal(lg_store_running_push(s), v);
    s->partition_count = 8; /* Only later versions have that. */
    assert_int_equal(lg_store_version(s, 1)->partition_count, 4);
}

static void a_number_is_never_used_twice(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_store_push p = {.push_job_id = "again", .graveyard_largest = 17};
    struct lg_version *v;
    struct lg_error err = {0};
    bool is_new;
    int32_t next;

    (void)state;
    assert_int_equal(complete(s), 1);
    assert_int_equal(complete(s), 2);
    assert_ok(lg_store_remove_version(s, 1, "why", 99, &err));
    assert_ok(lg_store_next_version(s, 0, &next, &err));
    assert_int_equal(next, 3);
    assert_int_equal(push(s, "dies")->number, 3);
    assert_ok(lg_store_fail_version(s, 3, LG_VERSION_KILLED, &err));
    assert_ok(lg_store_remove_version(s, 3, "why", 99, &err));
    assert_int_equal(complete(s), 4);
    /* The graveyard knows of a store of that name that went further. */
    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_int_equal(v->number, 18);
    assert_int_equal(s->largest_used_version, 18);
}

static void when_numbers_end_a_push_is_refused(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_store_push p = {.push_job_id = "p"};
    struct lg_version *v = NULL;
    struct lg_error err = {0};
    bool is_new;

    (void)state;
    s->largest_used_version = INT32_MAX;
    assert_rc(LG_ERR_CONFLICT, lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_int_equal(s->versions.size, 0);
    assert_null(v);
}

static void the_same_push_id_gives_the_same_version(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_store_push p = {.push_job_id = "one"};
    struct lg_version *v;
    struct lg_error err = {0};
    bool is_new = true, swapped;

    (void)state;
    push(s, "one");
    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_int_equal(v->number, 1);
    assert_false(is_new);
    assert_ok(lg_store_complete_version(s, 1, 1, &swapped, &err));
    is_new = true;
    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_int_equal(v->number, 1);
    assert_false(is_new);
    assert_int_equal(s->versions.size, 1);
}

static void pushes_that_may_not_start_are_refused(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_store_push p = {.push_job_id = "two"};
    struct lg_version *v;
    struct lg_error err = {0};
    char long_id[LG_VERSION_PUSH_ID_MAX + 2];
    bool is_new;

    (void)state;
    push(s, "one");
    assert_rc(LG_ERR_CONCURRENT, lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_non_null(strstr(err.text, "push one of store cities (version 1) is still running"));
    assert_ok(lg_store_fail_version(s, 1, LG_VERSION_ERROR, &err));
    s->enable_writes = false;
    assert_rc(LG_ERR_REFUSED, lg_store_add_version(s, &p, &v, &is_new, &err));
    s->enable_writes = true;
    p.push_job_id = "";
    assert_rc(LG_ERR_INVALID, lg_store_add_version(s, &p, &v, &is_new, &err));
    p.push_job_id = NULL;
    assert_rc(LG_ERR_INVALID, lg_store_add_version(s, &p, &v, &is_new, &err));
    memset(long_id, 'x', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    p.push_job_id = long_id;
    assert_rc(LG_ERR_INVALID, lg_store_add_version(s, &p, &v, &is_new, &err));
    long_id[LG_VERSION_PUSH_ID_MAX] = '\0';
    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_int_equal(v->number, 2);
}

static void the_number_of_versions_is_bounded(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_store_push p = {.push_job_id = "more"};
    struct lg_version *v;
    struct lg_error err = {0};
    bool is_new;

    (void)state;
    for (int i = 0; i < LG_STORE_VERSIONS_MAX; i++)
        complete(s);
    assert_rc(LG_ERR_TOO_LARGE, lg_store_add_version(s, &p, &v, &is_new, &err));
}

static void a_complete_version_becomes_current_once(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    bool swapped = false;

    (void)state;
    assert_int_equal(s->current_version, 0);
    push(s, "p");
    assert_ok(lg_store_complete_version(s, 1, 5000, &swapped, &err));
    assert_true(swapped);
    assert_int_equal(s->current_version, 1);
    assert_int_equal(s->latest_version_promote_to_current_ms, 5000);
    assert_int_equal(lg_store_version(s, 1)->completed_ms, 5000);
    assert_status(s, 1, LG_VERSION_ONLINE);
    assert_ok(lg_store_complete_version(s, 1, 6000, &swapped, &err));
    assert_false(swapped);
    assert_int_equal(lg_store_version(s, 1)->completed_ms, 5000);
    assert_null(lg_store_running_push(s));
    complete(s);
    assert_int_equal(s->current_version, 2);
    assert_int_equal(s->previous_current_version, 1);
}

/* As after an operator has named a later version current by hand. */
static void a_completion_below_the_current_version_changes_only_its_status(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    bool swapped = true;

    (void)state;
    push(s, "late");
    s->current_version = 5;
    assert_ok(lg_store_complete_version(s, 1, 5000, &swapped, &err));
    assert_false(swapped);
    assert_status(s, 1, LG_VERSION_ONLINE);
    assert_int_equal(s->current_version, 5);
    assert_int_equal(s->latest_version_promote_to_current_ms, 0);
}

static void with_writes_disabled_a_complete_version_waits(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    bool swapped = true;

    (void)state;
    push(s, "p");
    s->enable_writes = false;
    assert_ok(lg_store_complete_version(s, 1, 5000, &swapped, &err));
    assert_false(swapped);
    assert_status(s, 1, LG_VERSION_PUSHED);
    assert_int_equal(s->current_version, 0);
    assert_deletable(s, NOTHING);
    s->enable_writes = true;
    assert_int_equal(roll(s, /* back= */ false), 1);
    assert_status(s, 1, LG_VERSION_ONLINE);
}

static void a_killed_version_is_never_revived(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    bool swapped;

    (void)state;
    push(s, "p");
    assert_ok(lg_store_fail_version(s, 1, LG_VERSION_KILLED, &err));
    assert_ok(lg_store_fail_version(s, 1, LG_VERSION_ERROR, &err)); /* stays killed */
    assert_status(s, 1, LG_VERSION_KILLED);
    assert_rc(LG_ERR_CONFLICT, lg_store_complete_version(s, 1, 1, &swapped, &err));
    assert_int_equal(s->current_version, 0);
    assert_rc(LG_ERR_NOT_FOUND, lg_store_complete_version(s, 2, 1, &swapped, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_store_fail_version(s, 2, LG_VERSION_ERROR, &err));
    complete(s);
    assert_rc(LG_ERR_CONFLICT, lg_store_fail_version(s, 2, LG_VERSION_ERROR, &err));
    assert_status(s, 2, LG_VERSION_ONLINE);
}

static void rollback_and_rollforward_undo_each_other_at_once(void **state)
{
    LG_AUTO(lg_store) *s = store_new();

    (void)state;
    complete(s);
    complete(s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(roll(s, /* back= */ true), 1);
        assert_status(s, 2, LG_VERSION_ROLLED_BACK);
        assert_int_equal(s->previous_current_version, 2);
        assert_deletable(s, NOTHING);
        assert_int_equal(roll(s, /* back= */ false), 2);
        assert_status(s, 1, LG_VERSION_ONLINE);
        assert_status(s, 2, LG_VERSION_ONLINE);
        assert_deletable(s, NOTHING);
    }
}

static void without_a_target_rolling_is_refused_with_a_remedy(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    int32_t current = 77;

    (void)state;
    assert_rc(LG_ERR_CONFLICT, lg_store_roll_back(s, 1, &current, &err));
    complete(s);
    assert_rc(LG_ERR_CONFLICT, lg_store_roll_back(s, 1, &current, &err));
    assert_non_null(strstr(err.text, "cannot roll back store cities: current version is 1"));
    assert_non_null(strstr(err.text, "push the wanted data again"));
    assert_rc(LG_ERR_CONFLICT, lg_store_roll_forward(s, 1, &current, &err));
    assert_non_null(strstr(err.text, "push one first"));
    complete(s);
    s->enable_writes = false;
    assert_rc(LG_ERR_REFUSED, lg_store_roll_back(s, 1, &current, &err));
    assert_rc(LG_ERR_REFUSED, lg_store_roll_forward(s, 1, &current, &err));
    assert_int_equal(current, 77);
    assert_int_equal(s->current_version, 2);
}

static void failed_versions_are_no_targets(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};

    (void)state;
    complete(s);
    push(s, "bad");
    assert_int_equal(lg_store_rollforward_target(s), 0); /* still running */
    assert_ok(lg_store_fail_version(s, 2, LG_VERSION_ERROR, &err));
    assert_int_equal(lg_store_rollforward_target(s), 0);
    complete(s);
    assert_int_equal(lg_store_rollback_target(s), 1);
    assert_deletable(s, THESE(2));
}

static void a_push_after_a_rollback_becomes_current(void **state)
{
    LG_AUTO(lg_store) *s = store_new();

    (void)state;
    complete(s);
    complete(s);
    roll(s, /* back= */ true);
    assert_int_equal(complete(s), 3);
    assert_int_equal(s->current_version, 3);
    /* What was rolled back is below the current version now: no target any more. */
    assert_int_equal(lg_store_rollback_target(s), 1);
    assert_int_equal(lg_store_rollforward_target(s), 0);
    assert_deletable(s, THESE(2));
}

static void a_version_that_a_push_passed_over_is_no_step_of_a_later_rollback(void **state)
{
    LG_AUTO(lg_store) *s = store_new();

    (void)state;
    complete(s);
    complete(s);
    roll(s, /* back= */ true);
    complete(s);
    assert_int_equal(roll(s, /* back= */ true), 1); /* 2 is still there, not yet deleted. */
    assert_status(s, 2, LG_VERSION_KILLED);
    assert_int_equal(roll(s, /* back= */ false), 3);
    assert_deletable(s, THESE(2));
}

static void the_current_version_and_two_backups_are_kept(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};

    (void)state;
    complete(s);
    complete(s);
    complete(s);
    assert_deletable(s, NOTHING);
    complete(s);
    assert_deletable(s, THESE(1));
    push(s, "running"); /* A push that runs changes nothing, */
    assert_deletable(s, THESE(1));
    assert_ok(lg_store_fail_version(s, 5, LG_VERSION_KILLED, &err));
    assert_deletable(s, THESE(1, 5)); /* one that failed goes. */
    assert_ok(lg_store_remove_version(s, 1, "why", 99, &err));
    assert_ok(lg_store_remove_version(s, 5, "why", 99, &err));
    /* Two rollbacks in a row, and everything is still there for rolling forward. */
    assert_int_equal(roll(s, /* back= */ true), 3);
    assert_int_equal(roll(s, /* back= */ true), 2);
    assert_deletable(s, NOTHING);
    assert_int_equal(roll(s, /* back= */ false), 3); /* One step after the other. */
    assert_int_equal(roll(s, /* back= */ false), 4);
    assert_int_equal(s->current_version, 4);
}

static void what_undoes_the_last_rollback_is_kept(void **state)
{
    LG_AUTO(lg_store) *s = store_new();

    (void)state;
    for (int i = 0; i < 5; i++)
        complete(s);
    for (int32_t v = 4; v >= 2; v--)
        assert_int_equal(roll(s, /* back= */ true), v);
    assert_deletable(s, THESE(1, 4)); /* 3 is the way back, 5 the newest. */
    assert_int_equal(roll(s, /* back= */ false), 3);
}

static void the_store_may_set_how_many_versions_it_keeps(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    int32_t got[8];

    (void)state;
    for (int i = 0; i < 5; i++)
        complete(s);
    assert_deletable(s, THESE(1, 2));
    s->num_versions_to_preserve = 2;
    assert_deletable(s, THESE(1, 2, 3));
    s->num_versions_to_preserve = 1;
    assert_deletable(s, THESE(1, 2, 3, 4));
    s->num_versions_to_preserve = 5;
    assert_deletable(s, NOTHING);
    s->num_versions_to_preserve = 0;
    assert_int_equal(lg_retention_expired(s, &(struct lg_retention_rule){0}, got, 8), 4);
    assert_int_equal(lg_retention_expired(s, &(struct lg_retention_rule){0}, got, 2),
                     2); /* bounded */
    assert_int_equal(got[1], 2);
}

static void versions_in_use_cannot_be_removed(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};

    (void)state;
    complete(s);
    push(s, "running");
    assert_rc(LG_ERR_CONFLICT, lg_store_remove_version(s, 1, "why", 99, &err));
    assert_rc(LG_ERR_CONFLICT, lg_store_remove_version(s, 2, "why", 99, &err));
    assert_rc(LG_ERR_NOT_FOUND, lg_store_remove_version(s, 3, "why", 99, &err));
    assert_int_equal(s->versions.size, 2);
}

/* Whatever happens: the current version exists and is ONLINE, numbers grow, nothing that may be
 * deleted is a target, and the status machine is obeyed. */
static void any_history_keeps_the_invariants(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    struct lg_retention_rule rule = {.keep_backups = 2};
    struct lg_rand r;
    int32_t largest = 0, deletable[16], number;
    bool swapped;

    (void)state;
    lg_rand_seed(&r, 7);
    for (int step = 0; step < 5000; step++) {
        struct lg_version *running = lg_store_running_push(s);
        char id[32];

        switch (lg_rand_below(&r, 6)) {
        case 0:
            snprintf(id, sizeof(id), "p%d", step);
            if (running == NULL) {
                number = push(s, id)->number;
                assert_true(number > largest);
                largest = number;
            }
            break;
        case 1:
            if (running != NULL)
                assert_ok(lg_store_complete_version(s, running->number, step, &swapped, &err));
            break;
        case 2:
            if (running != NULL)
                assert_ok(lg_store_fail_version(s, running->number, LG_VERSION_ERROR, &err));
            break;
        case 3:
            if (lg_store_rollback_target(s) != 0)
                roll(s, /* back= */ true);
            break;
        case 4:
            if (lg_store_rollforward_target(s) != 0)
                roll(s, /* back= */ false);
            break;
        default: {
            size_t n = lg_retention_expired(s, &rule, deletable, 16);

            for (size_t i = 0; i < n; i++)
                assert_ok(lg_store_remove_version(s, deletable[i], "why", 99, &err));
            assert_true(s->versions.size <= 4);
            break;
        }
        }
        if (s->current_version != 0)
            assert_status(s, s->current_version, LG_VERSION_ONLINE);
    }
    assert_true(largest > 100);
}

/* --- Deferred swaps and quotas. --------------------------------------------------------------- */

static int32_t deferred(struct lg_store *s)
{
    struct lg_store_push p = {.push_job_id = "later", .now_ms = 2000, .swap_deferred = true};
    struct lg_version *v = NULL;
    struct lg_error err = {0};
    bool flag;
    int32_t number;
    char id[32];

    snprintf(id, sizeof(id), "later-%d", s->largest_used_version + 1);
    p.push_job_id = id;
    assert_ok(lg_store_add_version(s, &p, &v, &flag, &err));
    assert_true(v->swap_deferred);
    number = v->number;
    assert_ok(lg_store_complete_version(s, number, 3000 + number, &flag, &err));
    assert_false(flag);
    return number;
}

static void a_deferred_version_waits_until_it_is_swapped_in(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    int32_t current = 0;

    (void)state;
    complete(s);
    assert_rc(LG_ERR_CONFLICT, lg_store_swap(s, 0, 1, &current, &err));
    assert_non_null(strstr(err.text, "--defer-swap"));
    assert_int_equal(deferred(s), 2);
    assert_status(s, 2, LG_VERSION_PUSHED);
    assert_int_equal(s->current_version, 1);
    assert_ok(lg_store_swap(s, 0, 4000, &current, &err));
    assert_int_equal(current, 2);
    assert_status(s, 2, LG_VERSION_ONLINE);
    assert_int_equal(s->latest_version_promote_to_current_ms, 4000);
    assert_ok(lg_store_swap(s, 2, 5000, &current, &err)); /* Again: nothing happens. */
    assert_int_equal(s->latest_version_promote_to_current_ms, 4000);
    assert_int_equal(roll(s, /* back= */ true), 1);
    assert_rc(LG_ERR_CONFLICT, lg_store_swap(s, 2, 1, &current, &err));
    assert_non_null(strstr(err.text, "rollforward"));
}

static void a_swap_that_makes_no_sense_says_what_to_do(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    int32_t current = 0;

    (void)state;
    complete(s);
    complete(s);
    push(s, "running");
    assert_rc(LG_ERR_NOT_FOUND, lg_store_swap(s, 9, 1, &current, &err));
    assert_rc(LG_ERR_CONFLICT, lg_store_swap(s, 1, 1, &current, &err));
    assert_non_null(strstr(err.text, "lagoon rollback"));
    assert_rc(LG_ERR_CONFLICT, lg_store_swap(s, 3, 1, &current, &err));
    assert_non_null(strstr(err.text, "still being pushed"));
    assert_ok(lg_store_fail_version(s, 3, LG_VERSION_KILLED, &err));
    assert_rc(LG_ERR_CONFLICT, lg_store_swap(s, 3, 1, &current, &err));
    assert_non_null(strstr(err.text, "push again"));
    deferred(s);
    s->enable_writes = false;
    assert_rc(LG_ERR_REFUSED, lg_store_swap(s, 0, 1, &current, &err));
    assert_int_equal(current, 0);
}

static void a_push_that_is_larger_than_the_quota_is_refused(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_store_push p = {.push_job_id = "big", .size_bytes = 1001};
    struct lg_version *v = NULL;
    struct lg_error err = {0};
    bool is_new;

    (void)state;
    s->storage_quota_bytes = 1000;
    assert_rc(LG_ERR_TOO_LARGE, lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_non_null(strstr(err.text, "Storage quota exceeded. Store quota 1000 bytes"));
    assert_non_null(strstr(err.text, "1001 bytes"));
    assert_non_null(strstr(err.text, "lagoon store update cities --storage-quota"));
    assert_int_equal(s->versions.size, 0);
    p.size_bytes = 1000;
    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    assert_int_equal(v->size_bytes, 1000);
    p = (struct lg_store_push){.push_job_id = "unknown", .size_bytes = -1};
    assert_ok(lg_store_fail_version(s, 1, LG_VERSION_KILLED, &err));
    assert_ok(lg_store_add_version(s, &p, &v, &is_new, &err));
    s->storage_quota_bytes = -1;
    assert_ok(lg_store_check_quota(s, INT64_MAX, &err));
}

static void past_pushes_are_remembered_within_a_bound(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};

    (void)state;
    for (int i = 1; i <= (int)LG_STORE_PAST_PUSHES_MAX + 2; i++) {
        char id[16];

        snprintf(id, sizeof(id), "p%d", i);
        push(s, id);
        assert_ok(lg_store_fail_version(s, i, LG_VERSION_ERROR, &err));
        assert_ok(lg_store_remove_version(s, i, "the disk was full", 50 + i, &err));
    }
    assert_int_equal(s->past_pushes.size, LG_STORE_PAST_PUSHES_MAX);
    assert_null(lg_store_past_push(s, 2));
    assert_string_equal(lg_store_past_push(s, 3)->push_job_id, "p3");
    assert_string_equal(lg_store_past_push(s, 3)->details, "the disk was full");
    assert_int_equal(lg_store_past_push(s, 3)->status, LG_VERSION_ERROR);
    assert_int_equal(lg_store_past_push(s, 3)->ended_ms, 53);
}

/* --- Schemas ---------------------------------------------------------------------------------- */

static void value_schemas_get_ids_in_order_and_only_once(void **state)
{
    LG_AUTO(lg_store) *s = store_new();
    struct lg_error err = {0};
    int32_t id = 0;

    (void)state;
    assert_int_equal(lg_store_latest_value_schema_id(s), 0);
    assert_ok(lg_store_add_value_schema(s, "\"int\"", &id, &err));
    assert_int_equal(id, 1);
    assert_ok(lg_store_add_value_schema(s, "\"long\"", &id, &err));
    assert_int_equal(id, 2);
    assert_ok(lg_store_add_value_schema(s, "\"int\"", &id, &err));
    assert_int_equal(id, 1);
    assert_string_equal(lg_store_value_schema(s, 2), "\"long\"");
    assert_null(lg_store_value_schema(s, 3));
    for (int i = 3; i <= LG_STORE_SCHEMAS_MAX; i++) {
        char text[32];

        snprintf(text, sizeof(text), "schema %d", i);
        assert_ok(lg_store_add_value_schema(s, text, &id, &err));
    }
    assert_rc(LG_ERR_TOO_LARGE, lg_store_add_value_schema(s, "one more", &id, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_version_is_1_and_carries_the_stores_settings),
        cmocka_unit_test(a_number_is_never_used_twice),
        cmocka_unit_test(when_numbers_end_a_push_is_refused),
        cmocka_unit_test(the_same_push_id_gives_the_same_version),
        cmocka_unit_test(pushes_that_may_not_start_are_refused),
        cmocka_unit_test(the_number_of_versions_is_bounded),
        cmocka_unit_test(a_complete_version_becomes_current_once),
        cmocka_unit_test(a_completion_below_the_current_version_changes_only_its_status),
        cmocka_unit_test(with_writes_disabled_a_complete_version_waits),
        cmocka_unit_test(a_killed_version_is_never_revived),
        cmocka_unit_test(rollback_and_rollforward_undo_each_other_at_once),
        cmocka_unit_test(without_a_target_rolling_is_refused_with_a_remedy),
        cmocka_unit_test(failed_versions_are_no_targets),
        cmocka_unit_test(a_push_after_a_rollback_becomes_current),
        cmocka_unit_test(a_version_that_a_push_passed_over_is_no_step_of_a_later_rollback),
        cmocka_unit_test(the_current_version_and_two_backups_are_kept),
        cmocka_unit_test(what_undoes_the_last_rollback_is_kept),
        cmocka_unit_test(the_store_may_set_how_many_versions_it_keeps),
        cmocka_unit_test(versions_in_use_cannot_be_removed),
        cmocka_unit_test(any_history_keeps_the_invariants),
        cmocka_unit_test(a_deferred_version_waits_until_it_is_swapped_in),
        cmocka_unit_test(a_swap_that_makes_no_sense_says_what_to_do),
        cmocka_unit_test(a_push_that_is_larger_than_the_quota_is_refused),
        cmocka_unit_test(past_pushes_are_remembered_within_a_bound),
        cmocka_unit_test(value_schemas_get_ids_in_order_and_only_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
