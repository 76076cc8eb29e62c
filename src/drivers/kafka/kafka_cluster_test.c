/* Tests of the Kafka driver on three brokers: a broker that dies while records are written and
 * read, a cluster with too few brokers for what a topic asks for, and what is said about it. */
#include "drivers/kafka/kafka.h"

#include "test/lib/kafka_server.h"
#include "test/lib/kafka_world.h"
#include "test/test.h"

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/str.h"

#define BROKERS 3u
#define PARTITIONS 3u
#define ALL_MS 60000u /* in which a change of leaders must be over */

static struct lg_kafka_server brokers[BROKERS];
static char *url;

static void init(struct lg_kw *w)
{
    lg_kw_init(w, url, NULL, 0);
}

static void create_safe(struct lg_kw *w, const char *topic)
{
    lg_kw_create_with(w, topic, PARTITIONS,
                      &(struct lg_pubsub_config){.replication = 3, .min_insync_replicas = 2});
}

/* --- What the brokers say of a topic -------------------------------------------------------- */

struct facts {
    unsigned leaders[PARTITIONS]; /* nodes; 0: none */
    unsigned in_sync_min;
};

static struct facts ask(const char *topic)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct rd_kafka_metadata *m = NULL;
    struct facts f = {.in_sync_min = BROKERS};
    rd_kafka_topic_t *rkt;
    char reason[200];
    rd_kafka_t *rk;

    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", url + 8, reason, 200), 0);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, 200);
    assert_non_null(rk);
    rkt = rd_kafka_topic_new(rk, topic, NULL);
    assert_int_equal(rd_kafka_metadata(rk, 0, rkt, &m, 20000), 0);
    assert_int_equal(m->topic_cnt, 1);
    for (int i = 0; i < m->topics[0].partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *p = &m->topics[0].partitions[i];

        assert_true(p->id >= 0 && (unsigned)p->id < PARTITIONS);
        f.leaders[p->id] = p->leader < 0 ? 0 : (unsigned)p->leader;
        f.in_sync_min = LG_MIN(f.in_sync_min, (unsigned)p->isr_cnt);
    }
    rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
    return f;
}

static void wait_until_in_sync(const char *topic, unsigned replicas)
{
    uint64_t until_us = lg_clock_mono_us() + ALL_MS * LG_MS;

    while (ask(topic).in_sync_min != replicas)
        if (lg_clock_mono_us() > until_us)
            fail_msg("%s has not come to %u replicas in sync", topic, replicas);
}

/* A partition whose leader is not the controller; `*out` is that broker. */
static uint32_t partition_led_elsewhere(const char *topic, struct lg_kafka_server **out)
{
    struct facts f = ask(topic);

    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (f.leaders[p] < 2)
            continue;
        *out = &brokers[f.leaders[p] - 1];
        return p;
    }
    fail_msg("the controller leads every partition of %s", topic);
    return 0;
}

static uint32_t partition_led_by(const char *topic, unsigned node)
{
    struct facts f = ask(topic);

    for (uint32_t p = 0; p < PARTITIONS; p++)
        if (f.leaders[p] == node)
            return p;
    fail_msg("broker %u leads no partition of %s", node, topic);
    return 0;
}

/* --- Writing and reading, together ---------------------------------------------------------- */

enum { BATCHES = 90, EACH = 20, WINDOW = 4 };

struct lane { /* of one partition */
    struct lg_kw_call produces[WINDOW], fetch;
    unsigned begun, acknowledged, next; /* batches, batches, records read */
};

struct traffic {
    struct lane lanes[PARTITIONS];
    struct lg_kw *w;
    unsigned failed;
};

static void produce_next(struct traffic *t, uint32_t p)
{
    struct lane *l = &t->lanes[p];
    struct lg_kw_call *c = &l->produces[l->begun % WINDOW];

    if (l->begun == BATCHES || l->begun == l->acknowledged + WINDOW)
        return;
    *c = (struct lg_kw_call){.op = {.kind = LG_PUBSUB_PRODUCE,
                                    .topic = "safe_v1",
                                    .partition = p,
                                    .blob = lg_kw_numbered(l->begun * EACH, EACH, 200)}};
    l->begun++;
    lg_kw_start(t->w, c);
}

static void fetch_next(struct traffic *t, uint32_t p, struct lg_position after)
{
    struct lane *l = &t->lanes[p];

    l->fetch = (struct lg_kw_call){.op = {.kind = LG_PUBSUB_FETCH,
                                          .topic = "safe_v1",
                                          .partition = p,
                                          .position = after,
                                          .wait_ms = 500}};
    lg_kw_start(t->w, &l->fetch);
}

static bool something_is_done(void *ctx)
{
    struct traffic *t = ctx;

    for (uint32_t p = 0; p < PARTITIONS; p++) {
        struct lane *l = &t->lanes[p];

        if (l->fetch.done ||
            (l->acknowledged < l->begun && l->produces[l->acknowledged % WINDOW].done))
            return true;
    }
    return false;
}

/* In the order of their submission: what was acknowledged is behind it. */
static void take_acknowledgements(struct traffic *t, uint32_t p)
{
    struct lane *l = &t->lanes[p];

    while (l->acknowledged < l->begun && l->produces[l->acknowledged % WINDOW].done) {
        struct lg_kw_call *c = &l->produces[l->acknowledged % WINDOW];

        if (lg_kw_finish(t->w, c) != LG_OK)
            fail_msg("batch %u of partition %u: %s", l->acknowledged, p, c->op.err.text);
        lg_blob_unref(c->op.blob);
        c->done = false;
        l->acknowledged++;
    }
}

/* Every record once, in order: neither a lost nor a doubled one gets past lg_kw_expect_next. */
static void take_records(struct traffic *t, uint32_t p)
{
    struct lane *l = &t->lanes[p];
    struct lg_blob *blob;

    if (!l->fetch.done)
        return;
    if (lg_kw_finish(t->w, &l->fetch) != LG_OK)
        fail_msg("fetch of partition %u: %s", p, l->fetch.op.err.text);
    blob = l->fetch.op.blob;
    if (blob != NULL)
        lg_kw_each(blob, lg_kw_expect_next, &l->next);
    lg_blob_unref(blob);
    l->fetch.done = false;
    if (l->next < BATCHES * EACH)
        fetch_next(t, p, l->fetch.op.position);
}

/* Until every partition has `batches` of them acknowledged and read. */
static void run_until(struct traffic *t, unsigned batches)
{
    for (;;) {
        bool all = true;

        for (uint32_t p = 0; p < PARTITIONS; p++) {
            take_acknowledgements(t, p);
            take_records(t, p);
            produce_next(t, p);
            all = all && t->lanes[p].acknowledged >= batches && t->lanes[p].next >= batches * EACH;
        }
        if (all)
            return;
        lg_log_env_run_until(&t->w->env, something_is_done, t);
        assert_true(something_is_done(t));
    }
}

static void a_broker_that_dies_costs_no_record_and_doubles_none(void **state)
{
    (void)state;
    static struct traffic t;
    struct lg_kafka_server *victim = NULL;
    uint64_t begun_us;
    struct lg_kw w;
    uint32_t p;

    init(&w);
    create_safe(&w, "safe_v1");
    wait_until_in_sync("safe_v1", 3);
    p = partition_led_elsewhere("safe_v1", &victim);
    t = (struct traffic){.w = &w};
    for (uint32_t i = 0; i < PARTITIONS; i++)
        fetch_next(&t, i, lg_position_earliest());
    run_until(&t, BATCHES / 3);
    lg_kafka_server_kill(victim); /* With batches and fetches under way. */
    begun_us = lg_clock_mono_us();
    run_until(&t, 2 * BATCHES / 3);
    print_message("all partitions go on %u ms after the kill\n",
                  (unsigned)((lg_clock_mono_us() - begun_us) / 1000));
    assert_int_not_equal(ask("safe_v1").leaders[p], victim->node);
    lg_kafka_server_restart(victim);
    run_until(&t, BATCHES);
    wait_until_in_sync("safe_v1", 3);
    for (uint32_t i = 0; i < PARTITIONS; i++) { /* Once more, by somebody who saw nothing of it. */
        struct lg_kw_call end = {.op = {.kind = LG_PUBSUB_END, .topic = "safe_v1", .partition = i}};
        int64_t last = -1;

        assert_rc(LG_OK, lg_kw_run(&w, &end));
        assert_true(lg_position_offset(&end.op.position, &last));
        assert_int_equal(last, BATCHES * EACH - 1);
    }
    lg_kw_delete(&w, "safe_v1");
    lg_kw_done(&w);
}

/* --- Too few brokers ------------------------------------------------------------------------ */

static void expect_refused(struct lg_kw *w, struct lg_kw_call *c, const char *says)
{
    uint64_t begun_us = lg_clock_mono_us();

    if (lg_kw_run(w, c) != LG_ERR_UNAVAILABLE)
        fail_msg("%s: \"%s\"", lg_rc_name(c->op.rc), c->op.err.text);
    if (strstr(c->op.err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", c->op.err.text, says);
    assert_true(lg_clock_mono_us() - begun_us < (c->deadline_ms + 5000) * LG_MS);
}

static void with_two_brokers_down_reads_go_on_and_writes_say_why_not(void **state)
{
    (void)state;
    LG_AUTO(lg_blob) *blob = lg_kw_numbered(100, 1, 10);
    LG_AUTO(lg_blob) *hundred = lg_kw_numbered(0, 100, 10);
    struct lg_kw_call refused = {
        .op = {.kind = LG_PUBSUB_PRODUCE, .topic = "thin_v1", .blob = blob}, .deadline_ms = 3000};
    struct lg_kw_call leaderless = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = "single_v1", .position = lg_position_earliest()},
        .deadline_ms = 1500};
    struct lg_kw_call unwritten = {
        .op = {.kind = LG_PUBSUB_PRODUCE, .topic = "single_v1", .blob = blob}, .deadline_ms = 1500};
    struct lg_kw_call moved = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = "thin_v1", .position = lg_position_earliest()},
        .deadline_ms = 1500};
    struct lg_kafka_server *victim = NULL;
    unsigned next = 0;
    struct lg_kw w;

    init(&w);
    create_safe(&w, "thin_v1");
    lg_kw_create_with(&w, "single_v1", PARTITIONS, &(struct lg_pubsub_config){.replication = 1});
    wait_until_in_sync("thin_v1", 3);
    moved.op.partition = partition_led_elsewhere("thin_v1", &victim);
    refused.op.partition = partition_led_by("thin_v1", 1);
    leaderless.op.partition = unwritten.op.partition =
        partition_led_elsewhere("single_v1", &victim);
    lg_kw_produce_blob(&w, "thin_v1", refused.op.partition, hundred);
    lg_kw_produce_blob(&w, "thin_v1", moved.op.partition, hundred);
    lg_kafka_server_kill(&brokers[1]);
    lg_kafka_server_kill(&brokers[2]);
    wait_until_in_sync("thin_v1", 1);
    expect_refused(&w, &refused, "1 of 3 replicas are in sync, and min.insync.replicas asks for 2");
    lg_kw_read_all(&w, "thin_v1", refused.op.partition, lg_position_earliest(), lg_kw_expect_next,
                   &next);
    assert_int_equal(next, 100);
    /* A leader that is new and alone may not tell yet how far its records are safe. */
    if (lg_kw_run(&w, &moved) != LG_OK)
        assert_non_null(strstr(moved.op.err.text, "1 of 3 replicas are in sync"));
    lg_blob_unref(moved.op.blob);
    expect_refused(&w, &leaderless, "of its 3 partitions have no leader");
    expect_refused(&w, &unwritten, "start the brokers that are down");
    lg_kafka_server_restart(&brokers[1]);
    refused.deadline_ms = leaderless.deadline_ms = moved.deadline_ms = 0;
    assert_rc(LG_OK, lg_kw_run(&w, &refused)); /* Two are enough. */
    next = 0;
    lg_kw_read_all(&w, "thin_v1", moved.op.partition, lg_position_earliest(), lg_kw_expect_next,
                   &next);
    assert_int_equal(next, 100);
    lg_kafka_server_restart(&brokers[2]);
    assert_rc(LG_OK, lg_kw_run(&w, &leaderless));
    lg_blob_unref(leaderless.op.blob);
    lg_kw_delete(&w, "thin_v1");
    lg_kw_delete(&w, "single_v1");
    lg_kw_done(&w);
}

static void the_replication_is_told_and_kept(void **state)
{
    (void)state;
    struct lg_kw_call d = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = "told_v1"}};
    struct lg_kw_call over = {.op = {.kind = LG_PUBSUB_CREATE,
                                     .topic = "over_v1",
                                     .partitions = 1,
                                     .config = {.replication = 4}},
                              .deadline_ms = 2000};
    struct lg_kw w;

    init(&w);
    create_safe(&w, "told_v1");
    assert_rc(LG_OK, lg_kw_run(&w, &d));
    assert_int_equal(d.op.partitions, PARTITIONS);
    assert_int_equal(d.op.config.replication, 3);
    assert_int_equal(d.op.config.min_insync_replicas, 2);
    expect_refused(&w, &over, "fewer live brokers than replicas are asked for");
    lg_kw_delete(&w, "told_v1");
    lg_kw_done(&w);
}

static int start_brokers(void **state)
{
    (void)state;
    lg_kafka_servers_start(brokers, BROKERS);
    url = lg_kafka_servers_url(brokers, BROKERS);
    return 0;
}

static int stop_brokers(void **state)
{
    (void)state;
    for (size_t i = 0; i < BROKERS; i++)
        lg_kafka_server_done(&brokers[i]);
    lg_free(url);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_replication_is_told_and_kept),
        cmocka_unit_test(a_broker_that_dies_costs_no_record_and_doubles_none),
        cmocka_unit_test(with_two_brokers_down_reads_go_on_and_writes_say_why_not),
    };

    return cmocka_run_group_tests(tests, start_brokers, stop_brokers);
}
