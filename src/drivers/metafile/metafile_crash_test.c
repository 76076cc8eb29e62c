/* Power cuts: whatever moment they pick, the tree afterwards is the one after some of the writes in
 * their order, with every acknowledged one among them and none in part. One process on a simulated
 * disk writes, begins new generations often, dies at a disk operation, and the next one looks.
 */
#include "drivers/metafile/metafile.h"

#include "test/test.h"

#include "base/log.h"
#include "base/str.h"
#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"

#define PATHS 4u
#define SLOTS 8u
#define WRITES_MAX 4000u /* of one process */
#define ROUNDS 60u
#define ACTIONS 1500u
#define CUT_MAX 300u /* disk operations */
#define GIVE_UP_US (600 * LG_SEC)

static const char *const paths[PATHS] = {"/a", "/b/deep/one", "/b/deep/two", "/c"};

struct picture { /* Values of the paths; 0: absent. A value is the number of its write. */
    unsigned value[PATHS];
};

struct slot { /* One WRITE under way. */
    struct lg_meta_op op;
    struct lg_meta_change changes[PATHS];
    char texts[PATHS][16];
    bool used, done;
    unsigned number; /* Of this process: its picture is pictures[number]. */
};

struct world {
    struct lg_disk *disk;
    struct lg_sim *sim;
    struct lg_sim_node *node;
    struct lg_lane *lane; /* Of the living process. */
    struct lg_metafile *mf;
    struct lg_metastore *session;
    enum lg_rc open_rc;
    struct lg_error err;
    struct lg_rand rand;
    struct picture pictures[WRITES_MAX + 1]; /* [0]: at the start of this process. */
    unsigned submitted, acked, next_value;
    struct slot slots[SLOTS];
    unsigned acknowledged, generations; /* Over all rounds. */
};

struct starting {
    struct world *w;
    struct slot *slot;
};

/* --- Inside the process --------------------------------------------------------------------- */

static void process_main(void *ctx)
{
    struct world *w = ctx;
    struct lg_metafile_options options = {.disk = w->disk, .dir = "meta", .journal_bytes_min = 700};

    w->lane = lg_sim_lane_new(w->sim, w->node, "meta");
    options.lane = w->lane;
    w->open_rc = lg_metafile_open(&options, &w->mf, &w->err);
    if (w->open_rc == LG_OK)
        w->session = lg_metafile_session_new(w->mf);
}

static void slot_done(struct lg_meta_op *op)
{
    LG_CONTAINER_OF(op, struct slot, op)->done = true;
}

static void submit_slot(void *ctx)
{
    struct starting *st = ctx;
    struct slot *s = st->slot;

    s->op.lane = st->w->lane;
    s->op.done = slot_done;
    s->used = true;
    s->done = false;
    lg_metastore_submit(st->w->session, &s->op);
}

/* --- The work ------------------------------------------------------------------------------- */

/* Sets or removes some of the paths, all in one write. */
static void choose(struct world *w, struct slot *s)
{
    struct picture next = w->pictures[w->submitted];
    size_t n = 0;

    for (unsigned i = 0; i < PATHS; i++) {
        uint64_t dice = lg_rand_below(&w->rand, 6);
        struct lg_meta_change *c = &s->changes[n];
        LG_AUTO_STR char *text = NULL;

        if (dice > 2 && !(n == 0 && i == PATHS - 1))
            continue;
        c->path = paths[i];
        c->version = LG_META_ANY_VERSION;
        if (dice == 0) {
            c->kind = LG_META_REMOVE_TREE;
            next.value[i] = 0;
        } else {
            c->kind = LG_META_PUT;
            next.value[i] = ++w->next_value;
            text = lg_strf("%u", next.value[i]);
            memcpy(s->texts[n], text, strlen(text) + 1);
            c->value = lg_slice_str(s->texts[n]);
        }
        n++;
    }
    s->op.kind = LG_META_WRITE;
    s->op.changes = s->changes;
    s->op.change_count = n;
    s->number = ++w->submitted;
    w->pictures[s->number] = next;
}

static void settle(struct world *w, struct slot *s)
{
    if (s->op.rc == LG_OK) {
        w->acked = LG_MAX(w->acked, s->number);
        w->acknowledged++;
    }
    s->used = false;
}

static void work(struct world *w)
{
    for (unsigned i = 0; i < ACTIONS && lg_sim_node_alive(w->node); i++) {
        struct slot *s = &w->slots[i % SLOTS];
        uint64_t steps = lg_rand_below(&w->rand, 6);

        if (s->used && s->done)
            settle(w, s);
        if (!s->used && w->submitted < WRITES_MAX) {
            struct starting st = {w, s};

            *s = (struct slot){0};
            choose(w, s);
            lg_sim_node_run(w->node, submit_slot, &st);
        }
        while (steps-- > 0 && lg_sim_node_alive(w->node))
            (void)lg_sim_step(w->sim);
        if (lg_sim_node_alive(w->node))
            w->generations = LG_MAX(w->generations, (unsigned)lg_metafile_generation(w->mf));
    }
}

/* --- Looking afterwards --------------------------------------------------------------------- */

static bool slot_is_done(void *ctx)
{
    return ((struct slot *)ctx)->done;
}

static void drop_value(void *ctx)
{
    lg_blob_unref(ctx);
}

static unsigned read_value(struct world *w, const char *path)
{
    struct slot s = {.op = {.kind = LG_META_GET, .path = path}};
    struct starting st = {w, &s};
    uint64_t value = 0;

    lg_sim_node_run(w->node, submit_slot, &st);
    assert_true(lg_sim_run_until(w->sim, slot_is_done, &s, GIVE_UP_US));
    if (s.op.rc == LG_ERR_NOT_FOUND)
        return 0;
    assert_rc(LG_OK, s.op.rc);
    assert_true(lg_parse_u64(s.op.value->bytes, UINT32_MAX, &value));
    lg_sim_node_run(w->node, drop_value, s.op.value);
    return (unsigned)value;
}

/* The tree must be a picture from the last acknowledged write on. */
static void look(struct world *w)
{
    struct picture seen;
    unsigned i = w->acked;

    for (unsigned p = 0; p < PATHS; p++)
        seen.value[p] = read_value(w, paths[p]);
    while (i <= w->submitted && memcmp(&w->pictures[i], &seen, sizeof(seen)) != 0)
        i++;
    if (i > w->submitted)
        fail_msg("the tree is no picture between writes %u and %u", w->acked, w->submitted);
    w->pictures[0] = seen;
    w->submitted = w->acked = 0;
}

static void power_is_cut(void *ctx)
{
    lg_sim_node_kill(((struct world *)ctx)->node);
}

static void restart(struct world *w)
{
    lg_sim_node_kill(w->node);
    for (unsigned i = 0; i < SLOTS; i++) /* What was answered before the end counts. */
        if (w->slots[i].used && w->slots[i].done)
            settle(w, &w->slots[i]);
    memset(w->slots, 0, sizeof(w->slots));
    lg_disk_sim_crash(w->disk);
    lg_sim_node_start(w->node);
}

static void survive(struct world *w, uint64_t seed)
{
    w->disk = lg_disk_sim_new(NULL, seed);
    w->sim = lg_sim_new(seed);
    w->node = lg_sim_node_new(w->sim, "meta");
    lg_disk_sim_follow(w->disk, w->node);
    lg_rand_seed(&w->rand, seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (round % 3 == 2) { /* A cut while opening, too. */
            lg_disk_sim_cut_after(w->disk, lg_rand_below(&w->rand, 20), power_is_cut, w);
            lg_sim_node_run(w->node, process_main, w);
            restart(w);
        }
        lg_sim_node_run(w->node, process_main, w);
        if (w->open_rc != LG_OK)
            fail_msg("the metadata does not open: %s", w->err.text);
        look(w);
        lg_disk_sim_cut_after(w->disk, round % 2 == 0 ? round : lg_rand_below(&w->rand, CUT_MAX),
                              power_is_cut, w);
        work(w);
        restart(w);
    }
    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
}

static void what_was_acknowledged_survives_every_power_cut(void **state)
{
    (void)state;
    unsigned acknowledged = 0, generations = 0;

    lg_log_set_level(LG_LOG_OFF); /* Failing disks are what this is about. */
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world *w = lg_new(struct world);

        survive(w, seed);
        acknowledged += w->acknowledged;
        generations += w->generations;
        lg_free(w);
    }
    lg_log_set_level(LG_LOG_INFO);
    assert_true(acknowledged > 1000);
    assert_true(generations > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_every_power_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
