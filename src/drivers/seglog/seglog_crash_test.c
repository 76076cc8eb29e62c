/* Power cuts: whatever moment they pick, what the log acknowledged is there afterwards, nothing is
 * invented, and the order is kept. One process on a simulated disk creates, deletes and writes
 * topics; it dies at a disk operation, the disk forgets what it may, and the next process looks.
 */
#include "drivers/seglog/seglog.h"

#include <stdio.h>

#include "test/test.h"

#include "base/log.h"
#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"
#include "pubsub/batch.h"

#define TOPICS 3u
#define PARTITIONS 2u
#define SLOTS 12u
#define ROUNDS 60u
#define ACTIONS 2000u /* Enough to reach every cut. */
#define CUT_MAX 400u  /* disk operations */
#define GIVE_UP_US (600 * LG_SEC)

static const char *const names[TOPICS] = {"alpha", "beta", "gamma"};

enum known { ABSENT, CREATING, LIVE, DELETING };

struct topic { /* What is known of a topic, outside the process that dies. */
    enum known known;
    unsigned epoch; /* Grows with each creation; part of each key. */
    unsigned submitted[PARTITIONS], acked[PARTITIONS];
    unsigned busy; /* Operations under way. */
};

struct slot { /* One operation under way. */
    struct lg_pubsub_op op;
    bool used, done;
    unsigned topic, count, up_to;
};

struct world {
    struct lg_disk *disk;
    struct lg_sim *sim;
    struct lg_sim_node *node;
    struct lg_lane *lane; /* Of the living process. */
    struct lg_seglog *log;
    enum lg_rc open_rc;
    struct lg_error err;
    struct lg_rand rand;
    struct topic topics[TOPICS];
    struct slot slots[SLOTS];
    unsigned acknowledged; /* Operations, over all rounds: the test must not test nothing. */
};

struct starting {
    struct world *w;
    struct slot *slot;
};

/* --- Inside the process --------------------------------------------------------------------- */

static void process_main(void *ctx)
{
    struct world *w = ctx;
    struct lg_seglog_options options = {.disk = w->disk, .dir = "log", .open_files = 3};

    w->lane = lg_sim_lane_new(w->sim, w->node, "log");
    options.lane = w->lane;
    w->log = NULL;
    w->open_rc = lg_seglog_open(&options, &w->log, &w->err);
}

static void slot_done(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct slot, op)->done = true;
}

/* Keys are "<epoch>.<number>"; some values are larger than a sector. */
static struct lg_blob *records(const struct topic *t, struct slot *s, struct lg_rand *rand)
{
    static const uint8_t zeros[3000];
    LG_SCOPED(lg_buf) batch = {0};
    unsigned first = t->submitted[s->op.partition];

    for (unsigned i = first; i < first + s->count; i++) {
        LG_AUTO_STR char *key = lg_strf("%u.%u", t->epoch, i);
        struct lg_pubsub_record r = {.key = lg_slice_str(key)};

        r.value = lg_slice(zeros, (size_t)lg_rand_below(rand, sizeof(zeros)));
        lg_batch_add(&batch, &r);
    }
    return lg_blob_take(&batch);
}

static void submit_slot(void *ctx)
{
    struct starting *st = ctx;
    struct slot *s = st->slot;

    if (s->op.kind == LG_PUBSUB_PRODUCE)
        s->op.blob = records(&st->w->topics[s->topic], s, &st->w->rand);
    s->op.lane = st->w->lane;
    s->op.done = slot_done;
    s->used = true;
    s->done = false;
    lg_pubsub_submit(lg_seglog_pubsub(st->w->log), &s->op);
}

static void drop_blob(void *ctx)
{
    struct slot *s = ctx;

    lg_blob_unref(s->op.blob);
    s->op.blob = NULL;
}

/* --- The work ------------------------------------------------------------------------------- */

static void settle(struct world *w, struct slot *s)
{
    struct topic *t = &w->topics[s->topic];
    bool good = s->op.rc == LG_OK;

    if (s->op.kind == LG_PUBSUB_PRODUCE && good)
        t->acked[s->op.partition] = LG_MAX(t->acked[s->op.partition], s->up_to);
    if (s->op.kind == LG_PUBSUB_CREATE && good)
        t->known = LIVE;
    if (s->op.kind == LG_PUBSUB_DELETE && good)
        t->known = ABSENT;
    if (s->op.kind == LG_PUBSUB_PRODUCE)
        lg_sim_node_run(w->node, drop_blob, s);
    w->acknowledged += good;
    t->busy--;
    s->used = false;
}

static void choose(struct world *w, struct topic *t, struct slot *s)
{
    uint64_t dice = lg_rand_below(&w->rand, 20);

    s->op.topic = names[s->topic];
    if (t->known == ABSENT && t->busy == 0) {
        s->op.kind = LG_PUBSUB_CREATE;
        s->op.partitions = PARTITIONS;
        t->known = CREATING;
        t->epoch++;
        memset(t->submitted, 0, sizeof(t->submitted));
        memset(t->acked, 0, sizeof(t->acked));
    } else if (t->known == LIVE && t->busy == 0 && dice == 0) {
        s->op.kind = LG_PUBSUB_DELETE;
        t->known = DELETING;
    } else if (t->known == LIVE) {
        s->op.kind = LG_PUBSUB_PRODUCE;
        s->op.partition = (uint32_t)lg_rand_below(&w->rand, PARTITIONS);
        s->count = 1 + (unsigned)lg_rand_below(&w->rand, 3);
        s->up_to = t->submitted[s->op.partition] + s->count;
    } else {
        s->topic = TOPICS; /* Nothing to do just now. */
    }
}

static void act(struct world *w, struct slot *s)
{
    struct starting st = {w, s};
    struct topic *t;

    *s = (struct slot){.topic = (unsigned)lg_rand_below(&w->rand, TOPICS)};
    t = &w->topics[s->topic];
    choose(w, t, s);
    if (s->topic == TOPICS)
        return;
    t->busy++;
    lg_sim_node_run(w->node, submit_slot, &st);
    if (s->op.kind == LG_PUBSUB_PRODUCE)
        t->submitted[s->op.partition] = s->up_to;
}

static void work(struct world *w)
{
    for (unsigned i = 0; i < ACTIONS && lg_sim_node_alive(w->node); i++) {
        struct slot *s = &w->slots[i % SLOTS];
        uint64_t steps = lg_rand_below(&w->rand, 12);

        if (s->used && s->done)
            settle(w, s);
        if (!s->used)
            act(w, s);
        while (steps-- > 0 && lg_sim_node_alive(w->node))
            (void)lg_sim_step(w->sim);
    }
    /* What was answered before the end counts. */
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->slots[i].used && w->slots[i].done && lg_sim_node_alive(w->node))
            settle(w, &w->slots[i]);
}

/* --- Looking afterwards --------------------------------------------------------------------- */

static bool slot_is_done(void *ctx)
{
    return ((struct slot *)ctx)->done;
}

static enum lg_rc run(struct world *w, struct slot *s)
{
    struct starting st = {w, s};

    lg_sim_node_run(w->node, submit_slot, &st);
    assert_true(lg_sim_run_until(w->sim, slot_is_done, s, GIVE_UP_US));
    return s->op.rc;
}

/* The number of records of a partition, which must be 0, 1, 2, … of this epoch. */
static unsigned read_all(struct world *w, unsigned topic, uint32_t partition)
{
    struct lg_position at = lg_position_earliest();
    unsigned seen = 0;

    for (;;) {
        struct slot s = {.op = {.kind = LG_PUBSUB_FETCH,
                                .topic = names[topic],
                                .partition = partition,
                                .position = at,
                                .max_bytes = 5000}};
        struct lg_batch_reader reader;
        struct lg_error err = {0};

        if (run(w, &s) != LG_OK)
            fail_msg("fetch: %s", s.op.err.text);
        if (s.op.blob == NULL)
            return seen;
        reader = lg_batch_read(s.op.blob->bytes);
        for (;;) {
            LG_AUTO_STR char *want = lg_strf("%u.%u", w->topics[topic].epoch, seen);
            struct lg_pubsub_record r;
            bool end = false;

            assert_ok(lg_batch_next(&reader, &r, &end, &err));
            if (end)
                break;
            assert_slice_equal(r.key, lg_slice_str(want));
            seen++;
        }
        at = s.op.position;
        lg_sim_node_run(w->node, drop_blob, &s);
    }
}

static void look_at(struct world *w, unsigned topic)
{
    struct topic *t = &w->topics[topic];
    struct slot s = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = names[topic]}};
    enum lg_rc rc = run(w, &s);

    if (rc == LG_ERR_NOT_FOUND) {
        assert_int_not_equal(t->known, LIVE); /* An acknowledged topic was lost. */
        t->known = ABSENT;
        return;
    }
    assert_rc(LG_OK, rc);
    assert_int_not_equal(t->known, ABSENT); /* A deleted topic came back. */
    assert_int_equal(s.op.partitions, PARTITIONS);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        unsigned there = read_all(w, topic, p);

        if (there < t->acked[p] || there > t->submitted[p])
            fail_msg("%s/%u: %u records; %u were acknowledged, %u produced", names[topic], p, there,
                     t->acked[p], t->submitted[p]);
        t->acked[p] = t->submitted[p] = there;
    }
    t->known = LIVE;
}

static void look(struct world *w)
{
    memset(w->slots, 0, sizeof(w->slots));
    for (unsigned i = 0; i < TOPICS; i++) {
        w->topics[i].busy = 0;
        look_at(w, i);
    }
}

/* --- Rounds --------------------------------------------------------------------------------- */

static void power_is_cut(void *ctx)
{
    lg_sim_node_kill(((struct world *)ctx)->node);
}

/* Ends the process, by the cut or by hand, and starts the next one on what the disk kept. */
static void restart(struct world *w)
{
    lg_sim_node_kill(w->node);
    /* Answers that had come before the end were acknowledged, seen or not. */
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *s = &w->slots[i];

        if (s->used && s->done && s->op.rc == LG_OK && s->op.kind == LG_PUBSUB_PRODUCE)
            w->topics[s->topic].acked[s->op.partition] =
                LG_MAX(w->topics[s->topic].acked[s->op.partition], s->up_to);
        if (s->used && s->done && s->op.rc == LG_OK && s->op.kind == LG_PUBSUB_CREATE)
            w->topics[s->topic].known = LIVE;
        if (s->used && s->done && s->op.rc == LG_OK && s->op.kind == LG_PUBSUB_DELETE)
            w->topics[s->topic].known = ABSENT;
    }
    lg_disk_sim_crash(w->disk);
    lg_sim_node_start(w->node);
}

static void open_again(struct world *w, bool cut_recovery)
{
    if (cut_recovery) {
        lg_disk_sim_cut_after(w->disk, lg_rand_below(&w->rand, 25), power_is_cut, w);
        lg_sim_node_run(w->node, process_main, w);
        restart(w);
    }
    lg_sim_node_run(w->node, process_main, w);
    if (w->open_rc != LG_OK)
        fail_msg("the log does not open: %s", w->err.text);
}

static unsigned survive(uint64_t seed)
{
    struct world w = {0};

    w.disk = lg_disk_sim_new(NULL, seed);
    w.sim = lg_sim_new(seed);
    w.node = lg_sim_node_new(w.sim, "log");
    lg_disk_sim_follow(w.disk, w.node);
    lg_rand_seed(&w.rand, seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        open_again(&w, round % 3 == 2);
        look(&w);
        /* Every early operation once, and many late ones. */
        lg_disk_sim_cut_after(w.disk, round % 2 == 0 ? round : lg_rand_below(&w.rand, CUT_MAX),
                              power_is_cut, &w);
        work(&w);
        restart(&w);
    }
    lg_sim_free(w.sim);
    lg_disk_sim_free(w.disk);
    return w.acknowledged;
}

static void what_was_acknowledged_survives_every_power_cut(void **state)
{
    (void)state;
    unsigned acknowledged = 0;

    lg_log_set_level(LG_LOG_OFF); /* Failing disks are what this is about. */
    for (uint64_t seed = 1; seed <= 12; seed++)
        acknowledged += survive(seed);
    lg_log_set_level(LG_LOG_INFO);
    assert_true(acknowledged > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_every_power_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
