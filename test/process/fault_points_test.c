/* kill -9 at every named point: each row of lane/faults.def is armed to kill, a workload passes it,
 * and after a restart everything that was acknowledged is there. A row that nothing passes fails
 * the test, so a new one cannot be forgotten.
 *
 * A point may be passed by the standalone, by one on a directory that is new, or by a verb; they
 * are tried in this order.
 */
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/lib/oracle.h"
#include "test/test.h"

#define GROWTH_STORES 6u
#define GROWTH_BYTES ((size_t)900 << 10) /* of a schema; together more than a metadata journal */
#define SORTED_ROWS 30000u               /* many times what 1 MiB of memory takes */
#define LAST_STEP_MS 3000u               /* cleaning up comes after the answers */

static const struct {
    const char *name;
} points[] = {
#define X(name, where, effect) {#name},
#include "lane/faults.def"
#undef X
};

struct fixture {
    struct lg_rig rig;
    struct lg_oracle oracle;
    unsigned push_ids, hits, folders;
};

static char *new_push_id(struct fixture *f)
{
    return lg_strf("push-%u", ++f->push_ids);
}

static bool has_died(struct fixture *f, uint64_t within_ms)
{
    return f->rig.standalone.pid > 0 && lg_process_ended(&f->rig.standalone, within_ms);
}

/* The point did it, and nothing else. */
static void assert_killed_at(struct lg_process *p, const char *point)
{
    LG_AUTO_STR char *line = lg_strf("fault %s\n", point);
    LG_SCOPED(lg_buf) text = {0};
    int status = lg_process_wait(p, LG_RIG_VERB_MS);

    lg_process_stderr(p, &text);
    if (status != LG_PROCESS_KILLED || memmem(text.data, text.size, line, strlen(line)) == NULL)
        fail_msg("%s: the process ended with %d: %.*s", point, status, LG_FMT(lg_buf_slice(&text)));
}

/* Waits for the verb; when the standalone dies meanwhile, starts it again without the fault, and
 * the verb has the chance to go on. True: it died. */
static bool see_through(struct fixture *f, const char *point, struct lg_process *verb)
{
    while (!lg_process_ended(verb, 2) && !has_died(f, 2))
        continue;
    if (!has_died(f, 0))
        return false;
    assert_killed_at(&f->rig.standalone, point);
    lg_rig_start(&f->rig, NULL, NULL);
    return true;
}

/* --- The workload. ---------------------------------------------------------------------------- */

static void must_push(struct fixture *f, const char *file, const char *push_id)
{
    struct lg_process push = {0};
    int32_t before = f->oracle.current;

    lg_oracle_push(&f->oracle, file, push_id, &push);
    if (!lg_oracle_push_ended(&f->oracle, &push)) {
        LG_SCOPED(lg_buf) text = {0};

        lg_process_stderr(&push, &text);
        fail_msg("a push failed with nothing in its way: %.*s", LG_FMT(lg_buf_slice(&text)));
    }
    lg_process_done(&push);
    lg_oracle_check(&f->oracle, before, f->oracle.current);
}

static bool push_over(struct fixture *f, const char *point)
{
    LG_AUTO_STR char *file = lg_oracle_next_file(&f->oracle);
    LG_AUTO_STR char *push_id = new_push_id(f);
    int32_t before = f->oracle.current;
    struct lg_process push = {0};
    bool died, acknowledged;

    lg_oracle_push(&f->oracle, file, push_id, &push);
    died = see_through(f, point, &push);
    acknowledged = lg_oracle_push_ended(&f->oracle, &push);
    lg_process_done(&push);
    if (!died && !acknowledged && has_died(f, 0)) {
        /* It gave up first, and then the standalone died. */
        assert_killed_at(&f->rig.standalone, point);
        lg_rig_start(&f->rig, NULL, NULL);
        died = true;
    }
    if (died) {
        lg_oracle_check(&f->oracle, before, f->oracle.current);
        if (!acknowledged) { /* Ended as failed, or never begun: a new push. */
            LG_AUTO_STR char *again = new_push_id(f);

            must_push(f, file, again);
        }
    }
    (void)unlink(file);
    return died;
}

static bool switch_over(struct fixture *f, const char *point, bool forward)
{
    int32_t before = f->oracle.current, target = 0;
    struct lg_process verb = {0};
    bool died;
    int status;

    if (!lg_oracle_try_target(&f->oracle, forward, &target)) { /* It died between two steps. */
        assert_true(has_died(f, LG_RIG_VERB_MS));
        assert_killed_at(&f->rig.standalone, point);
        lg_rig_start(&f->rig, NULL, NULL);
        lg_oracle_check(&f->oracle, before, before);
        return true;
    }
    if (target == 0)
        return false;
    lg_rig_spawn(&f->rig, &verb,
                 (const char *const[]){forward ? "rollforward" : "rollback", LG_ORACLE_STORE,
                                       "--timeout", "60s", NULL});
    died = see_through(f, point, &verb);
    status = lg_process_wait(&verb, LG_RIG_VERB_MS);
    if (!died && has_died(f, 0)) {
        assert_killed_at(&f->rig.standalone, point);
        lg_rig_start(&f->rig, NULL, NULL);
        died = true;
    }
    if (died)
        lg_oracle_check(&f->oracle, before, target);
    else
        f->oracle.current = target;
    if (status == 0)
        assert_int_equal(f->oracle.current, target);
    lg_process_done(&verb);
    return died;
}

/* A verb that may be told twice: its end does not matter when the standalone dies on the way, and
 * then it is told again. `again`: what the second may answer beside 0. */
static bool tell_over(struct fixture *f, const char *point, int again, const char *const *words)
{
    struct lg_process verb = {0};
    bool died;
    int status;

    lg_rig_spawn(&f->rig, &verb, words);
    died = see_through(f, point, &verb);
    status = lg_process_wait(&verb, LG_RIG_VERB_MS);
    if (!died && has_died(f, 0)) {
        assert_killed_at(&f->rig.standalone, point);
        lg_rig_start(&f->rig, NULL, NULL);
        died = true;
    }
    if (status != 0 && died)
        status = lg_rig_run(&f->rig, words);
    if (status != 0 && !(died && status == again))
        fail_msg("%s %s: status %d: %s", words[0], words[1], status,
                 f->rig.err.data == NULL ? "" : (const char *)f->rig.err.data);
    if (died)
        lg_oracle_check(&f->oracle, f->oracle.current, f->oracle.current);
    lg_process_done(&verb);
    return died;
}
#define TELL(f, point, again, ...)                                                                 \
    tell_over(f, point, again, (const char *const[]){__VA_ARGS__, NULL})

/* A store that comes and goes. */
static bool life_of_a_store(struct fixture *f, const char *point)
{
    LG_AUTO_STR char *schema = lg_rig_file(&f->rig, "string.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *rows =
        lg_rig_file(&f->rig, "rows.ndjson", LG_LIT("{\"k\":\"a\",\"v\":\"b\"}\n"));
    LG_AUTO_STR char *name = lg_strf("spare%u", ++f->folders);

    return TELL(f, point, 1, "store", "create", name, "--key-schema", schema, "--value-schema",
                schema) ||
           TELL(f, point, 1, "push", name, rows, "--key-field", "k", "--value-field", "v") ||
           TELL(f, point, 1, "store", "delete", name, "--force") ||
           TELL(f, point, 1, "store", "undelete", name) ||
           TELL(f, point, 1, "store", "delete", name, "--force") ||
           TELL(f, point, 1, "store", "purge", name, "--force");
}

/* So much metadata that their journal is begun anew. */
static bool grow_metadata(struct fixture *f, const char *point)
{
    LG_AUTO_STR char *key = lg_rig_file(&f->rig, "string.avsc", LG_LIT("\"string\""));
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *value = NULL;
    bool died = false;

    lg_buf_append_str(&text, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[],\"doc\":\"");
    while (text.size < GROWTH_BYTES)
        lg_buf_append_str(&text, "a long story, ");
    lg_buf_append_str(&text, "\"}");
    value = lg_rig_file(&f->rig, "large.avsc", lg_buf_slice(&text));
    for (unsigned i = 0; i < GROWTH_STORES && !died; i++) {
        LG_AUTO_STR char *name = lg_strf("large%u", ++f->folders);

        died = TELL(f, point, 1, "store", "create", name, "--key-schema", key, "--value-schema",
                    value) ||
               TELL(f, point, 1, "store", "delete", name, "--force") ||
               TELL(f, point, 1, "store", "purge", name, "--force");
    }
    return died;
}

static bool is_named(const char *point, const char *prefix)
{
    return strncmp(point, prefix, strlen(prefix)) == 0;
}

/* True when the standalone died on the way; then it has been started again and looked at. */
static bool work(struct fixture *f, const char *point, uint64_t last_ms)
{
    if (push_over(f, point) || push_over(f, point) || switch_over(f, point, false) ||
        switch_over(f, point, true) || life_of_a_store(f, point) ||
        (is_named(point, "META_") && grow_metadata(f, point)))
        return true;
    if (!has_died(f, last_ms))
        return false;
    assert_killed_at(&f->rig.standalone, point);
    lg_rig_start(&f->rig, NULL, NULL);
    lg_oracle_check(&f->oracle, f->oracle.current, f->oracle.current);
    return true;
}

static void launch_armed(struct lg_rig *rig, const char *point, unsigned after)
{
    LG_AUTO_STR char *fault = lg_strf("LAGOON_FAULTS=%s:%u=kill", point, after);

    lg_rig_launch(rig, NULL, (const char *const[]){fault, NULL});
}

/* The second start after a kill is as any other. */
static void assert_clean(struct fixture *f)
{
    lg_rig_stop(&f->rig);
    assert_run(&f->rig, 0, "doctor", f->rig.data);
    lg_rig_start(&f->rig, NULL, NULL);
    lg_oracle_check(&f->oracle, f->oracle.current, f->oracle.current);
}

/* The standalone that runs already dies at the point's `after`th passage, or never. */
static bool kill_the_standalone(struct fixture *f, const char *point, unsigned after)
{
    bool died;

    lg_rig_stop(&f->rig);
    launch_armed(&f->rig, point, after);
    died = !lg_rig_wait_ready(&f->rig);
    if (died) { /* It passes there when it starts. */
        assert_killed_at(&f->rig.standalone, point);
        lg_rig_start(&f->rig, NULL, NULL);
        lg_oracle_check(&f->oracle, f->oracle.current, f->oracle.current);
    } else {
        died = work(f, point, after == 0 ? LAST_STEP_MS : 0);
    }
    return died;
}

/* --- A new directory. ------------------------------------------------------------------------- */

static bool kill_on_a_new_directory(const char *point)
{
    struct fixture *f = lg_new(struct fixture);
    bool died;

    lg_rig_init(&f->rig);
    launch_armed(&f->rig, point, 0);
    died = !lg_rig_wait_ready(&f->rig);
    died = died || has_died(f, LAST_STEP_MS);
    if (died) {
        assert_killed_at(&f->rig.standalone, point);
        lg_rig_start(&f->rig, NULL, NULL);
        lg_oracle_init(&f->oracle, &f->rig);
        (void)push_over(f, point);
        assert_clean(f);
    }
    lg_rig_done(&f->rig);
    lg_free(f);
    return died;
}

/* --- Verbs. ----------------------------------------------------------------------------------- */

/* Runs a verb that is to die at the point; false when it ended well. */
static bool kill_the_verb(struct fixture *f, const char *point, const char *const *words)
{
    LG_AUTO_STR char *fault = lg_strf("LAGOON_FAULTS=%s=kill", point);
    LG_AUTO_STR char *data = lg_strf("LAGOON_DATA=%s", f->rig.data);
    struct lg_process verb = {0};
    bool died;

    lg_process_start(&verb, words, (const char *const[]){fault, data, NULL});
    died = lg_process_wait(&verb, LG_RIG_VERB_MS) != 0;
    if (died)
        assert_killed_at(&verb, point);
    lg_process_done(&verb);
    return died;
}
#define KILL_THE_VERB(f, point, ...)                                                               \
    kill_the_verb(f, point, (const char *const[]){__VA_ARGS__, NULL})

static bool kill_a_sorting_push(struct fixture *f, const char *point)
{
    LG_AUTO_STR char *schema = lg_rig_file(&f->rig, "string.avsc", LG_LIT("\"string\""));
    LG_SCOPED(lg_buf) rows = {0};
    LG_AUTO_STR char *file = NULL;
    bool died;

    for (unsigned i = 0; i < SORTED_ROWS; i++)
        lg_buf_appendf(&rows, "{\"k\":\"%06u\",\"v\":\"%0100u\"}\n", i * 7919u % 1000003u, i);
    file = lg_rig_file(&f->rig, "sorted.ndjson", lg_buf_slice(&rows));
    assert_run(&f->rig, 0, "store", "create", "sorted", "--key-schema", schema, "--value-schema",
               schema);
    died = KILL_THE_VERB(f, point, "push", "sorted", file, "--key-field", "k", "--value-field", "v",
                         "--sort-memory", "1MiB", "--push-id", "one");
    if (died) /* Continued under its id. */
        assert_run(&f->rig, 0, "push", "sorted", file, "--key-field", "k", "--value-field", "v",
                   "--sort-memory", "1MiB", "--push-id", "one");
    assert_run(&f->rig, 0, "get", "sorted", "007919");
    assert_run(&f->rig, 0, "store", "delete", "sorted", "--force");
    assert_run(&f->rig, 0, "store", "purge", "sorted", "--force");
    return died;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static bool kill_a_backup(struct fixture *f, const char *point)
{
    LG_AUTO_STR char *folder = lg_rig_path(&f->rig, "backup-of-points");
    bool died;

    if (access(folder, F_OK) == 0) /* Of another point. */
        assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    died = KILL_THE_VERB(f, point, "backup", folder);
    if (died) {
        assert_run(&f->rig, 3, "backup", "check", folder); /* It does not pass for one. */
        lg_rig_assert_err(&f->rig, "not finished");
        assert_run(&f->rig, 0, "backup", folder);
    }
    assert_run(&f->rig, 0, "backup", "check", folder);
    return died;
}

static bool kill_a_restore(struct fixture *f, const char *point)
{
    LG_AUTO_STR char *folder = lg_rig_path(&f->rig, "backup-of-points");
    LG_AUTO_STR char *into = lg_rig_path(&f->rig, "restored");
    bool died = KILL_THE_VERB(f, point, "restore", folder, "--into", into);

    if (died) {
        assert_run(&f->rig, 6, "standalone", "--data", into); /* Half a directory serves nothing. */
        lg_rig_assert_err(&f->rig, into);
        assert_int_equal(nftw(into, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        assert_run(&f->rig, 0, "restore", folder, "--into", into);
    }
    assert_run(&f->rig, 0, "doctor", into);
    return died;
}

/* --- All of them. ----------------------------------------------------------------------------- */

static void every_point(struct fixture *f, const char *point)
{
    static const unsigned passages[] = {0, 9};
    uint64_t begun_us = lg_clock_mono_us();
    unsigned hits = 0;

    for (size_t i = 0; i < LG_ARRAY_SIZE(passages); i++) {
        if (!kill_the_standalone(f, point, passages[i]))
            break;
        hits++;
    }
    if (hits > 0)
        assert_clean(f);
    if (hits == 0)
        hits += kill_on_a_new_directory(point) || kill_a_sorting_push(f, point) ||
                kill_a_backup(f, point) || kill_a_restore(f, point);
    if (hits == 0)
        fail_msg("nothing that this test does passes %s", point);
    f->hits += hits;
    print_message("%-20s %u in %llu ms\n", point, hits,
                  (unsigned long long)(lg_clock_mono_us() - begun_us) / 1000);
}

static void a_kill_at_each_named_point_loses_nothing(void **state)
{
    struct fixture *f = *state;
    const char *only = getenv("LAGOON_FAULT_POINTS"); /* Some of them, to look closer. */

    for (unsigned i = 0; i < 3; i++) { /* Then one more push retires a version. */
        LG_AUTO_STR char *file = lg_oracle_next_file(&f->oracle);
        LG_AUTO_STR char *push_id = new_push_id(f);

        must_push(f, file, push_id);
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(points); i++)
        if (only == NULL || strstr(only, points[i].name) != NULL)
            every_point(f, points[i].name);
    lg_oracle_check(&f->oracle, f->oracle.current, f->oracle.current);
    print_message("killed %u times at %zu points\n", f->hits, LG_ARRAY_SIZE(points));
}

static int set_up(void **state)
{
    struct fixture *f = lg_new(struct fixture);

    lg_rig_init(&f->rig);
    lg_rig_start(&f->rig, NULL, NULL);
    lg_oracle_init(&f->oracle, &f->rig);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    lg_rig_done(&f->rig);
    lg_free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kill_at_each_named_point_loses_nothing, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
