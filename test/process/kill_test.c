/* kill -9 at a hundred random moments of push, rollback and roll-forward, and at each named point:
 * nothing acknowledged is lost, nothing wrong is served, and it is ready again by itself.
 *
 * The moments follow LAGOON_KILL_SEED (printed); LAGOON_KILLS says how many.
 */
#include "base/clock.h"
#include "base/str.h"
#include "test/lib/oracle.h"
#include "test/test.h"

#include <signal.h>

#define KILLS_DEFAULT 100
#define KILLS_MAX 100000

struct fixture {
    struct lg_rig rig;
    struct lg_oracle oracle;
    struct lg_rand rand;
    uint64_t push_ms, switch_ms; /* how long they take undisturbed, at most */
    unsigned push_ids;
    unsigned kills, push_kills, acknowledged, survived;
};

/* --- A push that must succeed. ---------------------------------------------------------------- */

static char *new_push_id(struct fixture *f)
{
    return lg_strf("push-%u", ++f->push_ids);
}

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

static void push_next(struct fixture *f)
{
    LG_AUTO_STR char *file = lg_oracle_next_file(&f->oracle);
    LG_AUTO_STR char *push_id = new_push_id(f);

    must_push(f, file, push_id);
    (void)unlink(file);
}

static void must_switch(struct fixture *f, bool forward)
{
    int32_t before = f->oracle.current, target = lg_oracle_target(&f->oracle, forward);

    assert_true(target != 0);
    assert_run(&f->rig, 0, forward ? "rollforward" : "rollback", LG_ORACLE_STORE);
    lg_oracle_check(&f->oracle, before, target);
    assert_int_equal(f->oracle.current, target);
}

/* --- Killing. --------------------------------------------------------------------------------- */

static void random_moment(struct fixture *f, struct lg_process *child, uint64_t within_ms)
{
    uint64_t wait_ms = lg_rand_below(&f->rand, within_ms + 1);

    (void)lg_process_ended(child, wait_ms);
}

static void kill_standalone(struct fixture *f)
{
    lg_rig_kill(&f->rig);
    f->kills++;
}

static void killed_push(struct fixture *f)
{
    LG_AUTO_STR char *file = lg_oracle_next_file(&f->oracle);
    LG_AUTO_STR char *push_id = new_push_id(f);
    int32_t before = f->oracle.current;
    uint64_t who = lg_rand_below(&f->rand, 10); /* 0, 1: the push; 2: both; else the standalone */
    struct lg_process push = {0};
    bool acknowledged;

    lg_oracle_push(&f->oracle, file, push_id, &push);
    random_moment(f, &push, f->push_ms);
    if (who >= 2)
        kill_standalone(f);
    if (who <= 2) {
        lg_process_kill(&push);
        f->push_kills++;
    }
    if (who >= 2)
        lg_rig_start(&f->rig, NULL, NULL);
    acknowledged = lg_oracle_push_ended(&f->oracle, &push);
    f->acknowledged += acknowledged;
    f->survived += acknowledged && who > 2;
    lg_oracle_check(&f->oracle, before, f->oracle.current);
    if (!acknowledged) {
        /* The killed one is continued under its id; the one that gave up is begun anew. */
        LG_AUTO_STR char *id =
            push.status == LG_PROCESS_KILLED ? lg_strdup(push_id) : new_push_id(f);

        must_push(f, file, id);
    }
    lg_process_done(&push);
    (void)unlink(file);
}

static void killed_switch(struct fixture *f, bool forward, int32_t target)
{
    int32_t before = f->oracle.current;
    struct lg_process verb = {0};
    int status;

    lg_rig_spawn(&f->rig, &verb,
                 (const char *const[]){forward ? "rollforward" : "rollback", LG_ORACLE_STORE,
                                       "--timeout", "60s", NULL});
    random_moment(f, &verb, f->switch_ms);
    kill_standalone(f);
    lg_rig_start(&f->rig, NULL, NULL);
    status = lg_process_wait(&verb, LG_RIG_VERB_MS);
    lg_oracle_check(&f->oracle, before, target);
    if (status == 0)
        assert_int_equal(f->oracle.current, target);
    f->acknowledged += status == 0;
    lg_process_done(&verb);
}

static void one_round(struct fixture *f)
{
    uint64_t what = lg_rand_below(&f->rand, 10);
    int32_t back = lg_oracle_target(&f->oracle, false);
    int32_t forth = lg_oracle_target(&f->oracle, true);

    if (what < 3 && back != 0)
        killed_switch(f, false, back);
    else if (what < 6 && forth != 0)
        killed_switch(f, true, forth);
    else
        killed_push(f);
}

static void measure(struct fixture *f)
{
    uint64_t start_us;

    push_next(f); /* Three versions: a rollback could go to a wrong one. */
    push_next(f);
    start_us = lg_clock_mono_us();
    push_next(f);
    f->push_ms = (lg_clock_mono_us() - start_us) / 1000;
    start_us = lg_clock_mono_us();
    must_switch(f, false);
    f->switch_ms = (lg_clock_mono_us() - start_us) / 1000;
}

static uint64_t number_from_env(const char *name, uint64_t max, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t number = otherwise;

    if (text != NULL && !lg_parse_u64(lg_slice_str(text), max, &number))
        fail_msg("%s is not a number", name);
    return number;
}

static void kill_9_at_random_moments_loses_nothing(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = number_from_env("LAGOON_KILL_SEED", UINT64_MAX, lg_rand_os_seed());
    uint64_t kills = number_from_env("LAGOON_KILLS", KILLS_MAX, KILLS_DEFAULT);

    print_message("LAGOON_KILL_SEED=%llu\n", (unsigned long long)seed);
    lg_rand_seed(&f->rand, seed);
    measure(f);
    while (f->kills + f->push_kills < kills)
        one_round(f);
    push_next(f);
    lg_oracle_check_clean(&f->oracle);
    print_message("killed: standalone %u, push %u; acknowledged: %u, of them pushes that went on "
                  "after a restart: %u\n",
                  f->kills, f->push_kills, f->acknowledged, f->survived);
}

/* --- The world's cities. -----------------------------------------------------------------------
 */

#define CITIES_KILLS 4
#define CITIES_MS 3000u

/* The cities that differ between the two files, all of them, a batch at a time; each batch must be
 * one file's. Returns which: 1 or 2. */
static int which_cities(struct lg_rig *rig, const struct lg_json *changed, size_t from, size_t to)
{
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;
    int which = 0;

    for (size_t i = from; i < to; i++)
        lg_buf_appendf(&body, "%s%lld", i == from ? "{\"keys\":[" : ",",
                       (long long)lg_json_get_int(lg_json_at(changed, i), "id", 0));
    lg_buf_append_str(&body, "]}");
    lg_buf_append_byte(&body, 0);
    assert_int_equal(lg_ask_post(rig->router, "/v1/stores/cities", (const char *)body.data, &reply),
                     200);
    json = lg_rig_json(lg_buf_slice(&reply.body));
    for (size_t i = from; i < to; i++) {
        const struct lg_json *city =
            lg_json_get(lg_json_at(lg_json_get(json, "results"), i - from), "value");
        const struct lg_json *both = lg_json_get(lg_json_at(changed, i), "population");
        int64_t people = lg_json_get_int(city, "population", -1);
        int file = people == lg_json_int(lg_json_at(both, 0))   ? 1
                   : people == lg_json_int(lg_json_at(both, 1)) ? 2
                                                                : 0;

        if (file == 0 || (which != 0 && file != which))
            fail_msg("city %lld has %lld people beside cities of file %d",
                     (long long)lg_json_get_int(lg_json_at(changed, i), "id", 0), (long long)people,
                     which);
        which = file;
    }
    return which;
}

static void killed_cities(struct lg_rig *rig, struct lg_rand *rand, const struct lg_json *changed,
                          int *served)
{
    int next = 3 - *served, now;
    const char *file = next == 1 ? "examples/cities/cities.avro" : "examples/cities/cities-v2.avro";
    struct lg_process push = {0};
    int status;

    lg_rig_spawn(rig, &push,
                 (const char *const[]){"push", "cities", file, "--key-field", "id", "--timeout",
                                       "100s", NULL});
    (void)lg_process_ended(&push, lg_rand_below(rand, CITIES_MS));
    lg_rig_kill(rig);
    lg_rig_start(rig, NULL, NULL);
    now = which_cities(rig, changed, 0, 500);
    status = lg_process_wait(&push, LG_RIG_VERB_MS);
    if (status != 0)
        assert_run(rig, 0, "push", "cities", file, "--key-field", "id");
    assert_true(now == *served || now == next);
    assert_int_equal(which_cities(rig, changed, 0, 500), next);
    assert_int_equal(which_cities(rig, changed, 500, 1000), next);
    *served = next;
    lg_process_done(&push);
}

static void the_cities_survive_too(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_rig rig;
    struct lg_rand rand;
    int served = 1;

    (void)state;
    lg_rand_seed(&rand, number_from_env("LAGOON_KILL_SEED", UINT64_MAX, lg_rand_os_seed()));
    lg_rig_read_file("examples/cities/changes-v2.json", &text);
    json = lg_rig_json(lg_buf_slice(&text));
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    for (unsigned i = 0; i < CITIES_KILLS; i++)
        killed_cities(&rig, &rand, lg_json_get(json, "changed"), &served);
    lg_rig_done(&rig);
}

/* --- Gentler signals. --------------------------------------------------------------------------
 */

static void sigterm_in_the_middle_of_a_push_ends_cleanly(void **state)
{
    struct fixture *f = *state;
    int32_t before;

    push_next(f);
    before = f->oracle.current;
    for (unsigned i = 0; i < 5; i++) {
        LG_AUTO_STR char *file = lg_oracle_next_file(&f->oracle);
        LG_AUTO_STR char *push_id = new_push_id(f);
        struct lg_process push = {0};

        lg_oracle_push(&f->oracle, file, push_id, &push);
        (void)lg_process_ended(&push, 60 * i);
        lg_rig_stop(&f->rig); /* With status 0, and nothing leaked. */
        lg_rig_start(&f->rig, NULL, NULL);
        if (!lg_oracle_push_ended(&f->oracle, &push)) {
            LG_AUTO_STR char *again = new_push_id(f);

            lg_oracle_check(&f->oracle, before, before);
            must_push(f, file, again);
        }
        before = f->oracle.current;
        lg_process_done(&push);
    }
    lg_oracle_check_clean(&f->oracle);
}

static void an_interrupted_push_takes_its_version_along(void **state)
{
    struct fixture *f = *state;
    int32_t before;

    push_next(f);
    before = f->oracle.current;
    for (unsigned i = 0; i < 5; i++) {
        LG_AUTO_STR char *file = lg_oracle_next_file(&f->oracle);
        LG_AUTO_STR char *push_id = new_push_id(f);
        struct lg_process push = {0};

        lg_oracle_push(&f->oracle, file, push_id, &push);
        (void)lg_process_ended(&push, 60 + 40 * i);
        lg_process_signal(&push, SIGINT);
        if (!lg_oracle_push_ended(&f->oracle, &push))
            lg_oracle_check_clean(&f->oracle);
        lg_oracle_check(&f->oracle, before, f->oracle.current);
        before = f->oracle.current;
        lg_process_done(&push);
        push_next(f);
        before = f->oracle.current;
    }
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
        cmocka_unit_test_setup_teardown(kill_9_at_random_moments_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sigterm_in_the_middle_of_a_push_ends_cleanly, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_interrupted_push_takes_its_version_along, set_up,
                                        tear_down),
        cmocka_unit_test(the_cities_survive_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
