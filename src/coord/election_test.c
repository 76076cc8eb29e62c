/* The decision in every case there is; then two to five candidates on a simulated network that
 * loses sessions, stops processes, kills them and restarts the server: no write of a deposed leader
 * is ever applied, and a leader is found soon after the trouble ends. */
#include "coord/election.h"

#include "base/json.h"
#include "base/str.h"
#include "drivers/metafile/metafile.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/metastore_sim.h"
#include "lane/mutant.h"
#include "test/test.h"

/* --- The decision. -----------------------------------------------------------------------------
 */

static void only_one_who_sees_its_own_term_and_node_keeps_leading(void **state)
{
    (void)state;
    /* leads, has /term, /term is as it was when it won, /leader: 0 none 1 ours 2 another's 3
     * junk, yields */
    for (unsigned bits = 0; bits < 2 * 2 * 2 * 4 * 2; bits++) {
        bool leads = bits % 2, has_term = bits / 2 % 2, same_term = bits / 4 % 2;
        unsigned leader = bits / 8 % 4;
        bool yields = bits / 32;
        struct lg_election_self self = {"me", leads, 7, yields};
        struct lg_election_seen seen = {.has_term = has_term,
                                        .has_leader = leader != 0,
                                        .term_version = same_term ? 7 : 8,
                                        .leader_identity = leader == 1 ? "me" : "",
                                        .is_junk = leader == 3};
        enum lg_election_step step = lg_election_decide(&self, &seen), want;

        if (leads)
            want = has_term && same_term && leader == 1 ? LG_ELECTION_KEEP : LG_ELECTION_LOST;
        else if (leader == 1 || (leader == 3 && !yields))
            want = LG_ELECTION_RECLAIM;
        else if (leader != 0 || yields)
            want = LG_ELECTION_FOLLOW;
        else
            want = LG_ELECTION_CLAIM;
        if (step != want)
            fail_msg("case %u: step %d, expected %d", bits, (int)step, (int)want);
    }
}

/* --- The world. --------------------------------------------------------------------------------
 */

#define CANDIDATES_MAX 5u
#define PATIENCE_US (60 * LG_SEC)
#define STATE_PATH "/state"
#define WRITES_MAX 4u /* of one candidate at a time */

struct world;

struct write { /* In the node's memory. */
    struct candidate *of;
    struct lg_meta_change changes[2];
    char value[24];
    struct lg_meta_op op;
    struct lg_timer delay;
    bool busy;
};

struct candidate { /* In the node's memory. */
    struct world *w;
    unsigned index;
    struct lg_lane *lane;
    struct lg_metastore *session;
    struct lg_election *election;
    struct lg_timer next;
    struct write writes[WRITES_MAX];
    unsigned told;
};

struct world {
    struct lg_sim *sim;
    struct lg_meta_sim *net;
    struct lg_disk *disk;
    struct lg_sim_node *ground, *nodes[CANDIDATES_MAX];
    struct candidate *candidates[CANDIDATES_MAX]; /* NULL while the process is dead */
    char names[CANDIDATES_MAX][16];
    unsigned count;
    struct lg_lane *ground_lane;
    struct lg_metafile *metafile;

    /* What the store did, in its order. */
    uint64_t leading_term; /* of the last claim that succeeded */
    unsigned claims, writes, stale_writes, doubled_terms;
    bool stopped;
};

static struct lg_metastore *open_real(void *ctx)
{
    return lg_metafile_session_new(((struct world *)ctx)->metafile);
}

static void close_real(void *ctx, struct lg_metastore *session)
{
    lg_metafile_session_close(session, ((struct world *)ctx)->ground_lane, NULL, NULL);
}

static void ground_main(void *ctx)
{
    struct world *w = ctx;
    struct lg_metafile_options o = {.disk = w->disk, .dir = "meta"};
    struct lg_error err;

    o.lane = w->ground_lane = lg_sim_lane_new(w->sim, w->ground, "ground");
    assert_ok(lg_metafile_open(&o, &w->metafile, &err));
    lg_meta_sim_serve(w->net, w->ground_lane,
                      &(struct lg_meta_sim_source){open_real, close_real, w});
}

static uint64_t number_in(struct lg_slice value, const char *key)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    assert_ok(lg_json_parse(value, &json, &err));
    return (uint64_t)lg_json_get_int(json, key, 0);
}

static void applied(void *ctx, struct lg_sim_node *node, const struct lg_meta_change *changes,
                    size_t count)
{
    struct world *w = ctx;

    (void)node;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(changes[i].path, STATE_PATH) == 0) {
            w->writes++;
            w->stale_writes += number_in(changes[i].value, "term") != w->leading_term;
        } else if (strcmp(changes[i].path, LG_ELECTION_TERM_PATH) == 0 &&
                   changes[i].kind != LG_META_CHECK) {
            uint64_t term = number_in(changes[i].value, "term");

            w->claims++;
            w->doubled_terms += term <= w->leading_term;
            w->leading_term = term;
        }
    }
}

static void write_done(struct lg_meta_op *op)
{
    struct write *wr = LG_CONTAINER_OF(op, struct write, op);

    wr->busy = false;
    if (op->rc != LG_OK)
        (void)lg_election_check_fenced(wr->of->election, op);
}

static void write_now(struct lg_timer *timer)
{
    struct write *wr = LG_CONTAINER_OF(timer, struct write, delay);

    wr->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                 .lane = wr->of->lane,
                                 .changes = wr->changes,
                                 .change_count = 2,
                                 .done = write_done};
    lg_metastore_submit(wr->of->session, &wr->op);
}

/* Begins a write as a leader does, with the fence of now; most are submitted soon, some long after:
 * whatever becomes of the leadership meanwhile. */
static void next_write(struct lg_timer *timer)
{
    struct candidate *c = LG_CONTAINER_OF(timer, struct candidate, next);
    uint64_t slow = lg_rand_below(&c->lane->rand, 4);
    uint64_t delay_us = lg_rand_below(&c->lane->rand, slow == 0 ? 20 * LG_SEC : 5 * LG_MS);
    struct write *wr = NULL;

    lg_timer_start(c->lane, &c->next, 50 * LG_MS, next_write);
    for (size_t i = 0; i < WRITES_MAX && wr == NULL; i++)
        wr = c->writes[i].busy ? NULL : &c->writes[i];
    if (wr == NULL || !lg_election_leads(c->election))
        return;
    wr->busy = true;
    wr->of = c;
    (void)snprintf(wr->value, sizeof wr->value, "{\"term\":%u}",
                   (unsigned)lg_election_term(c->election));
    wr->changes[0] = lg_election_fence(c->election);
    wr->changes[1] = (struct lg_meta_change){LG_META_PUT, STATE_PATH, lg_slice_str(wr->value), -1};
    lg_timer_start(c->lane, &wr->delay, delay_us, write_now);
}

static void changed(void *ctx)
{
    struct candidate *c = ctx;

    c->told++;
}

static void candidate_main(void *ctx)
{
    struct world *w = ((struct candidate *)ctx)->w;
    unsigned i = ((struct candidate *)ctx)->index;
    struct candidate *c = lg_new(struct candidate);
    LG_AUTO_STR char *url = lg_strf("http://%s:1", w->names[i]);
    LG_AUTO_STR char *identity =
        lg_strf("%s/%u", w->names[i], lg_sim_node_incarnation(w->nodes[i]));

    c->w = w;
    c->index = i;
    c->lane = lg_sim_lane_new(w->sim, w->nodes[i], w->names[i]);
    c->session = lg_meta_sim_session(w->net, c->lane);
    c->election = lg_election_start(&(struct lg_election_options){.lane = c->lane,
                                                                  .metastore = c->session,
                                                                  .id = w->names[i],
                                                                  .url = url,
                                                                  .identity = identity,
                                                                  .changed = changed,
                                                                  .ctx = c});
    next_write(&c->next);
    w->candidates[i] = c;
}

static void candidate_up(struct world *w, unsigned i)
{
    struct candidate seed = {.w = w, .index = i};

    if (!lg_sim_node_alive(w->nodes[i]))
        lg_sim_node_start(w->nodes[i]);
    lg_sim_node_run(w->nodes[i], candidate_main, &seed);
}

static void candidate_kill(struct world *w, unsigned i)
{
    lg_sim_node_kill(w->nodes[i]);
    w->candidates[i] = NULL;
}

static void candidates_up(struct world *w, unsigned count)
{
    w->count = count;
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(w->names[i], sizeof w->names[i], "c%u", i);
        w->nodes[i] = lg_sim_node_new(w->sim, w->names[i]);
        candidate_up(w, i);
    }
}

static void world_up(struct world *w, uint64_t seed, unsigned count)
{
    memset(w, 0, sizeof *w);
    w->sim = lg_sim_new(seed);
    w->net = lg_meta_sim_new(w->sim);
    w->disk = lg_disk_sim_new(w->sim, seed);
    w->ground = lg_sim_node_new(w->sim, "ground");
    lg_disk_sim_follow(w->disk, w->ground);
    lg_meta_sim_on_write(w->net, applied, w);
    lg_sim_node_run(w->ground, ground_main, w);
    candidates_up(w, count);
}

static void world_down(struct world *w)
{
    lg_sim_free(w->sim);
    lg_meta_sim_free(w->net);
    lg_disk_sim_free(w->disk);
}

/* The only candidate who believes that it leads, if everybody alive knows it; else NULL. */
static struct candidate *leader(const struct world *w)
{
    struct candidate *found = NULL;

    for (unsigned i = 0; i < w->count; i++) {
        struct candidate *c = w->candidates[i];

        if (c == NULL || !lg_election_leads(c->election))
            continue;
        if (found != NULL)
            return NULL;
        found = c;
    }
    for (unsigned i = 0; i < w->count && found != NULL; i++) {
        struct candidate *c = w->candidates[i];
        const char *id = c == NULL ? NULL : lg_election_leader_id(c->election);

        if (c != NULL && (id == NULL || strcmp(id, w->names[found->index]) != 0 ||
                          lg_election_term(c->election) != w->leading_term))
            return NULL;
    }
    return found;
}

static bool has_leader(void *ctx)
{
    return leader(ctx) != NULL;
}

static struct candidate *await_leader(struct world *w)
{
    if (!lg_sim_run_until(w->sim, has_leader, w, PATIENCE_US))
        fail_msg("seed %llu: no leader that all know", (unsigned long long)lg_sim_seed(w->sim));
    return leader(w);
}

/* --- Single steps. -----------------------------------------------------------------------------
 */

static void one_candidate_wins_at_once_and_the_others_follow_it(void **state)
{
    struct world w;
    struct candidate *c;
    uint64_t start_us;

    (void)state;
    world_up(&w, 1, 3);
    start_us = lg_sim_now_us(w.sim);
    c = await_leader(&w);
    assert_true(lg_sim_now_us(w.sim) - start_us < LG_SEC);
    assert_int_equal(lg_election_term(c->election), 1);
    lg_sim_run_us(w.sim, LG_SEC); /* Who watches may be told late. */
    for (unsigned i = 0; i < 3; i++) {
        LG_AUTO_STR char *url = lg_strf("http://%s:1", w.names[c->index]);

        assert_string_equal(lg_election_leader_url(w.candidates[i]->election), url);
        assert_true(w.candidates[i]->told > 0);
    }
    world_down(&w);
}

static void a_leader_that_dies_is_followed_by_another_in_a_higher_term(void **state)
{
    struct world w;
    unsigned first;
    struct candidate *c;

    (void)state;
    world_up(&w, 2, 2);
    first = await_leader(&w)->index;
    candidate_kill(&w, first);
    c = await_leader(&w);
    assert_int_not_equal(c->index, first);
    assert_int_equal(lg_election_term(c->election), 2);
    world_down(&w);
}

static bool believes_two(void *ctx)
{
    struct world *w = ctx;
    unsigned n = 0;

    for (unsigned i = 0; i < w->count; i++)
        n += w->candidates[i] != NULL && lg_election_leads(w->candidates[i]->election);
    return n == 2;
}

static void a_leader_that_was_stopped_writes_nothing_once_another_leads(void **state)
{
    struct world w;
    unsigned first;
    struct candidate *c;

    (void)state;
    world_up(&w, 3, 2);
    first = await_leader(&w)->index;
    lg_sim_node_stop(w.nodes[first]);
    assert_true(lg_sim_run_until(w.sim, believes_two, &w, PATIENCE_US));
    lg_sim_run_us(w.sim, LG_SEC);
    lg_sim_node_go_on(w.nodes[first]);
    c = await_leader(&w);
    assert_int_not_equal(c->index, first);
    lg_sim_run_us(w.sim, 30 * LG_SEC); /* Its slow writes have come by then. */
    assert_int_equal(w.stale_writes, 0);
    assert_true(w.writes > 10);
    world_down(&w);
}

static void a_lost_session_ends_leadership_at_once(void **state)
{
    struct world w;
    struct candidate *c;

    (void)state;
    world_up(&w, 4, 1);
    c = await_leader(&w);
    assert_int_equal(lg_election_term(c->election), 1);
    lg_meta_sim_expire(w.net, w.names[0]);
    lg_sim_run_us(w.sim, 5 * LG_SEC);
    c = await_leader(&w);
    assert_true(lg_election_term(c->election) > 1);
    assert_int_equal(w.stale_writes, 0);
    world_down(&w);
}

static void a_leader_that_is_cut_off_does_not_believe_in_itself_for_long(void **state)
{
    struct world w;
    struct candidate *c;

    (void)state;
    world_up(&w, 12, 1);
    c = await_leader(&w);
    lg_meta_sim_cut(w.net, w.names[0], true);
    lg_sim_run_us(w.sim, 10 * LG_SEC); /* A look, and the time that an operation has. */
    assert_false(lg_election_leads(c->election));
    assert_null(lg_election_leader_url(c->election));
    lg_meta_sim_heal(w.net);
    assert_ptr_equal(await_leader(&w), c);
    assert_true(lg_election_term(c->election) > 1);
    world_down(&w);
}

static void resign_in_node(void *ctx)
{
    lg_election_resign(((struct candidate *)ctx)->election);
}

static void who_resigns_lets_another_lead_without_waiting_for_a_session(void **state)
{
    struct world w;
    struct candidate *first, *second;
    uint64_t start_us;

    (void)state;
    world_up(&w, 5, 2);
    first = await_leader(&w);
    start_us = lg_sim_now_us(w.sim);
    lg_sim_node_run(w.nodes[first->index], resign_in_node, first);
    lg_sim_run_us(w.sim, 100 * LG_MS);
    second = await_leader(&w);
    assert_ptr_not_equal(first, second);
    assert_true(lg_sim_now_us(w.sim) - start_us < LG_SEC);
    world_down(&w);
}

static void who_resigns_alone_leads_again_after_a_while(void **state)
{
    struct world w;
    struct candidate *c;

    (void)state;
    world_up(&w, 6, 1);
    c = await_leader(&w);
    lg_sim_node_run(w.nodes[0], resign_in_node, c);
    lg_sim_run_us(w.sim, LG_ELECTION_RESIGN_MS * LG_MS / 2);
    assert_false(lg_election_leads(c->election));
    assert_null(lg_election_leader_id(c->election));
    assert_ptr_equal(await_leader(&w), c);
    assert_int_equal(lg_election_term(c->election), 2);
    world_down(&w);
}

static void ended(void *ctx)
{
    struct world *w = ctx;

    w->stopped = true;
}

static void stop_in_node(void *ctx)
{
    struct candidate *c = ctx;

    lg_timer_stop(c->lane, &c->next);
    for (size_t i = 0; i < WRITES_MAX; i++)
        lg_timer_stop(c->lane, &c->writes[i].delay);
    lg_election_stop(c->election, ended, c->w);
}

static bool has_stopped(void *ctx)
{
    return ((struct world *)ctx)->stopped;
}

static void a_leader_that_stops_withdraws_and_gives_its_memory_back(void **state)
{
    struct world w;
    struct candidate *first;
    unsigned index;
    uint64_t start_us;

    (void)state;
    world_up(&w, 7, 2);
    first = await_leader(&w);
    index = first->index;
    start_us = lg_sim_now_us(w.sim);
    lg_sim_node_run(w.nodes[index], stop_in_node, first);
    assert_true(lg_sim_run_until(w.sim, has_stopped, &w, PATIENCE_US));
    w.candidates[index] = NULL;
    (void)await_leader(&w);
    assert_true(lg_sim_now_us(w.sim) - start_us < LG_SEC);
    world_down(&w);
}

/* --- By hand in the metadata. ------------------------------------------------------------------
 */

struct hand {
    struct world *w;
    struct lg_metastore *session;
    struct lg_meta_change change;
    struct lg_meta_op op;
    bool done;
};

static void hand_done(struct lg_meta_op *op)
{
    LG_CONTAINER_OF(op, struct hand, op)->done = true;
}

static void hand_submit(void *ctx)
{
    struct hand *h = ctx;

    if (h->session == NULL)
        h->session = lg_metafile_session_new(h->w->metafile);
    lg_metastore_submit(h->session, &h->op);
}

static bool hand_has_done(void *ctx)
{
    return ((struct hand *)ctx)->done;
}

static void by_hand(struct hand *h, enum lg_meta_change_kind kind, const char *path,
                    const char *value)
{
    h->done = false;
    h->change = (struct lg_meta_change){kind, path, lg_slice_str(value), LG_META_ANY_VERSION};
    h->op = (struct lg_meta_op){.kind = LG_META_WRITE,
                                .lane = h->w->ground_lane,
                                .changes = &h->change,
                                .change_count = 1,
                                .done = hand_done};
    lg_sim_node_run(h->w->ground, hand_submit, h);
    assert_true(lg_sim_run_until(h->w->sim, hand_has_done, h, PATIENCE_US));
    assert_int_equal(h->op.rc, LG_OK);
}

static void a_leader_whose_node_is_removed_by_hand_is_elected_anew(void **state)
{
    struct world w;
    struct hand h = {.w = &w};
    struct candidate *c;

    (void)state;
    world_up(&w, 8, 1);
    (void)await_leader(&w);
    by_hand(&h, LG_META_REMOVE, LG_ELECTION_LEADER_PATH, "");
    lg_sim_run_us(w.sim, LG_SEC);
    c = await_leader(&w);
    assert_int_equal(lg_election_term(c->election), 2);
    world_down(&w);
}

static void junk_in_place_of_the_leader_is_written_over_in_a_new_term(void **state)
{
    static const char *const junk[] = {"[junk", "", "{}", "7", "{\"id\":7}"};
    struct world w;
    struct hand h = {.w = &w};
    struct candidate *c;

    (void)state;
    world_up(&w, 9, 2);
    (void)await_leader(&w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        by_hand(&h, LG_META_PUT, LG_ELECTION_LEADER_PATH, junk[i]);
        lg_sim_run_us(w.sim, 3 * LG_SEC);
        c = await_leader(&w);
        assert_int_equal(lg_election_term(c->election), i + 2);
    }
    world_down(&w);
}

/* Numbers that nobody may count on from: no overflow, and a leader all the same. */
static void a_term_out_of_range_is_written_anew(void **state)
{
    static const char *const junk[] = {
        "{\"term\":9223372036854775807}",
        "{\"term\":9223372036854775806,\"leader\":\"x\"}",
        "{\"term\":9007199254740992}",
        "{\"term\":-9223372036854775807}",
        "{\"term\":99999999999999999999}",
        "{\"term\":\"7\"}",
        "{\"term\":1e300}",
        "[junk",
        "{}",
        "",
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        struct world w;
        struct hand h = {.w = &w};
        struct candidate *c;

        world_up(&w, 60 + i, 0);
        by_hand(&h, LG_META_PUT, LG_ELECTION_TERM_PATH, junk[i]);
        candidates_up(&w, 2);
        c = await_leader(&w);
        assert_int_equal(lg_election_term(c->election), 1);
        /* Under a leader: its fence fails, and it is elected anew, higher than before. */
        by_hand(&h, LG_META_PUT, LG_ELECTION_TERM_PATH, junk[i]);
        lg_sim_run_us(w.sim, 10 * LG_SEC);
        c = await_leader(&w);
        assert_int_equal(lg_election_term(c->election), 2);
        world_down(&w);
    }
}

/* --- Everything at once. -----------------------------------------------------------------------
 */

static void trouble(struct world *w)
{
    unsigned i = (unsigned)lg_sim_rand_below(w->sim, w->count);

    switch (lg_sim_rand_below(w->sim, 9)) {
    case 0:
        if (w->candidates[i] != NULL)
            candidate_kill(w, i);
        break;
    case 1:
    case 2:
        if (w->candidates[i] == NULL)
            candidate_up(w, i);
        break;
    case 3:
        lg_sim_node_stop(w->nodes[i]);
        break;
    case 4:
        lg_sim_node_go_on(w->nodes[i]);
        break;
    case 5:
        lg_meta_sim_expire(w->net, w->names[i]);
        break;
    case 6:
        lg_meta_sim_cut_way(w->net, w->names[i], lg_sim_rand_chance(w->sim, 1, 2), true);
        break;
    case 7:
        lg_meta_sim_heal(w->net);
        break;
    default:
        if (lg_sim_rand_chance(w->sim, 1, 4)) { /* kill -9 of the metadata, and back. */
            lg_sim_node_kill(w->ground);
            lg_disk_sim_crash(w->disk);
            lg_sim_node_start(w->ground);
            lg_sim_node_run(w->ground, ground_main, w);
        }
        break;
    }
    lg_sim_run_us(w->sim, lg_sim_rand_below(w->sim, 3 * LG_SEC));
}

static void end_of_trouble(struct world *w)
{
    lg_meta_sim_heal(w->net);
    for (unsigned i = 0; i < w->count; i++) {
        if (w->candidates[i] == NULL)
            candidate_up(w, i);
        lg_sim_node_go_on(w->nodes[i]);
    }
}

static void run(struct world *w, uint64_t seed)
{
    world_up(w, seed, 2 + (unsigned)(seed % 4));
    lg_meta_sim_set_delay_us(w->net, 100, seed % 3 == 0 ? 300 * LG_MS : 5 * LG_MS);
    for (int i = 0; i < 40; i++)
        trouble(w);
    end_of_trouble(w);
}

static void no_write_of_a_deposed_leader_is_applied_and_one_leads_soon(void **state)
{
    unsigned claims = 0, writes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct world w;

        run(&w, seed);
        (void)await_leader(&w);
        lg_sim_run_us(w.sim, 25 * LG_SEC);
        (void)await_leader(&w);
        if (w.stale_writes != 0 || w.doubled_terms != 0)
            fail_msg("seed %llu: %u stale writes, %u terms twice", (unsigned long long)seed,
                     w.stale_writes, w.doubled_terms);
        claims += w.claims;
        writes += w.writes;
        world_down(&w);
    }
    assert_true(claims > 400); /* It was not all quiet. */
    assert_true(writes > 10000);
}

/* The check above would notice. */
static void without_the_fence_writes_of_deposed_leaders_are_applied(void **state)
{
    unsigned stale = 0;

    (void)state;
    lg_mutant_set(LG_MUTANT_stale_leader);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world w;

        run(&w, seed);
        stale += w.stale_writes;
        world_down(&w);
    }
    lg_mutant_set(LG_MUTANT_NONE);
    assert_true(stale > 0);
}

static void a_leader_that_ignores_its_lost_session_is_not_followed_by_all(void **state)
{
    struct world w;

    (void)state;
    lg_mutant_set(LG_MUTANT_election_keeps_leading);
    world_up(&w, 11, 2);
    lg_meta_sim_expire(w.net, w.names[await_leader(&w)->index]);
    lg_sim_run_us(w.sim, LG_SEC);
    assert_false(lg_sim_run_until(w.sim, has_leader, &w, PATIENCE_US));
    lg_mutant_set(LG_MUTANT_NONE);
    world_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_who_sees_its_own_term_and_node_keeps_leading),
        cmocka_unit_test(one_candidate_wins_at_once_and_the_others_follow_it),
        cmocka_unit_test(a_leader_that_dies_is_followed_by_another_in_a_higher_term),
        cmocka_unit_test(a_leader_that_was_stopped_writes_nothing_once_another_leads),
        cmocka_unit_test(a_lost_session_ends_leadership_at_once),
        cmocka_unit_test(a_leader_that_is_cut_off_does_not_believe_in_itself_for_long),
        cmocka_unit_test(who_resigns_lets_another_lead_without_waiting_for_a_session),
        cmocka_unit_test(who_resigns_alone_leads_again_after_a_while),
        cmocka_unit_test(a_leader_that_stops_withdraws_and_gives_its_memory_back),
        cmocka_unit_test(a_leader_whose_node_is_removed_by_hand_is_elected_anew),
        cmocka_unit_test(junk_in_place_of_the_leader_is_written_over_in_a_new_term),
        cmocka_unit_test(a_term_out_of_range_is_written_anew),
        cmocka_unit_test(no_write_of_a_deposed_leader_is_applied_and_one_leads_soon),
        cmocka_unit_test(without_the_fence_writes_of_deposed_leaders_are_applied),
        cmocka_unit_test(a_leader_that_ignores_its_lost_session_is_not_followed_by_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
