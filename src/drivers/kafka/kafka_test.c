/* Tests of the Kafka driver on a real broker: the contract, order and durability through kills and
 * pauses, retention, deletion, security, and what another client of Kafka sees. */
#include "drivers/kafka/kafka.h"

#include "test/lib/kafka_server.h"
#include "test/lib/kafka_world.h"
#include "test/test.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "drivers/kafka/kafka_impl.h"
#include "lane/shared.h"
#include "pubsub/batch.h"
#include "pubsub/pubsub_contract.h"

static struct lg_kafka_server broker;

static void init(struct lg_kw *w)
{
    lg_kw_init(w, broker.url, NULL, 0);
}

/* --- Tests ---------------------------------------------------------------------------------- */

static void it_keeps_the_contract(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_kw w;

    init(&w);
    assert_string_equal(lg_kafka_pubsub(w.k)->url, broker.url);
    assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){.ps = lg_kafka_pubsub(w.k),
                                                              .lane = w.env.lane,
                                                              .run_until = lg_log_env_run_until,
                                                              .ctx = &w.env,
                                                              .own_times = true,
                                                              .has_default = true},
                                 &err));
    lg_kw_done(&w);
}

static void many_records_are_read_in_order_by_several_cursors(void **state)
{
    (void)state;
    enum { BATCHES = 100, EACH = 1000, CURSORS = 3 };
    static struct lg_kw_call calls[BATCHES];
    struct lg_position at[CURSORS] = {lg_position_earliest(), lg_position_earliest(),
                                      lg_position_earliest()};
    unsigned next[CURSORS] = {0}, ended = 0;
    uint64_t begun_us, produced_us;
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "many_v1", 1);
    memset(calls, 0, sizeof calls);
    begun_us = lg_clock_mono_us();
    for (unsigned i = 0; i < BATCHES; i++) {
        calls[i].op = (struct lg_pubsub_op){.kind = LG_PUBSUB_PRODUCE,
                                            .topic = "many_v1",
                                            .blob = lg_kw_numbered(i * EACH, EACH, 100)};
        lg_kw_start(&w, &calls[i]);
    }
    for (unsigned i = 0; i < BATCHES; i++) {
        int64_t offset = -1;

        assert_rc(LG_OK, lg_kw_finish(&w, &calls[i]));
        assert_true(lg_position_offset(&calls[i].op.position, &offset));
        assert_int_equal(offset, (i + 1) * EACH - 1);
        lg_blob_unref(calls[i].op.blob);
    }
    produced_us = lg_clock_mono_us();
    while (ended < CURSORS) { /* In turns, so that each has a cursor of its own. */
        for (unsigned i = 0; i < CURSORS; i++) {
            struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_FETCH,
                                          .topic = "many_v1",
                                          .position = at[i],
                                          .max_bytes = 100000u * (i + 1),
                                          .wait_ms = next[i] < BATCHES * EACH ? 10000 : 0}};
            struct lg_batch_reader reader;
            struct lg_pubsub_record r;
            struct lg_error err = {0};
            bool end = false;

            if (next[i] == BATCHES * EACH)
                continue;
            assert_rc(LG_OK, lg_kw_run(&w, &c));
            assert_non_null(c.op.blob);
            reader = lg_batch_read(c.op.blob->bytes);
            for (;;) {
                assert_ok(lg_batch_next(&reader, &r, &end, &err));
                if (end)
                    break;
                lg_kw_expect_next(&next[i], &r);
            }
            at[i] = c.op.position;
            lg_blob_unref(c.op.blob);
            ended += next[i] == BATCHES * EACH;
        }
    }
    print_message("produced in %u ms, read three times in %u ms\n",
                  (unsigned)((produced_us - begun_us) / 1000),
                  (unsigned)((lg_clock_mono_us() - produced_us) / 1000));
    lg_kw_delete(&w, "many_v1");
    lg_kw_done(&w);
}

/* The broker dies while batches are under way; each is repeated until it is acknowledged. */
static void no_acknowledged_record_is_lost_when_the_broker_is_killed(void **state)
{
    (void)state;
    enum { BATCHES = 60, EACH = 50, WINDOW = 6 };
    static unsigned seen[BATCHES * EACH];
    static struct lg_kw_call calls[BATCHES];
    unsigned acknowledged = 0, failed = 0, first = 0, begun = 0;
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "killed_v1", 1);
    memset(calls, 0, sizeof calls);
    memset(seen, 0, sizeof seen);
    while (acknowledged < BATCHES) {
        struct lg_kw_call *c;

        for (; begun < BATCHES && begun < first + WINDOW; begun++) {
            calls[begun].op.kind = LG_PUBSUB_PRODUCE;
            calls[begun].op.topic = "killed_v1";
            calls[begun].op.blob = lg_kw_numbered(begun * EACH, EACH, 200);
            calls[begun].deadline_ms = 2000;
            lg_kw_start(&w, &calls[begun]);
            if (begun == 20) {
                lg_kafka_server_kill(&broker);
                lg_kafka_server_restart(&broker);
            } else if (begun == 40) {
                lg_kafka_server_kill(&broker);
            }
        }
        c = &calls[first];
        if (lg_kw_finish(&w, c) == LG_OK) {
            lg_blob_unref(c->op.blob);
            acknowledged++;
            first++;
            continue;
        }
        assert_int_equal(c->op.rc, LG_ERR_UNAVAILABLE);
        failed++;
        if (broker.pid == 0)
            lg_kafka_server_restart(&broker);
        lg_kw_start(&w, c);
    }
    {
        struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_FETCH, .topic = "killed_v1"}};
        struct lg_position after = lg_position_earliest();
        unsigned total = 0;

        for (;;) {
            struct lg_batch_reader reader;
            struct lg_pubsub_record r;
            struct lg_error err = {0};
            bool end = false;

            c.op.position = after;
            assert_rc(LG_OK, lg_kw_run(&w, &c));
            if (c.op.blob == NULL)
                break;
            after = c.op.position;
            reader = lg_batch_read(c.op.blob->bytes);
            for (;;) {
                assert_ok(lg_batch_next(&reader, &r, &end, &err));
                if (end)
                    break;
                seen[lg_kw_number(r.key)]++;
                total++;
            }
            lg_blob_unref(c.op.blob);
        }
        for (unsigned i = 0; i < BATCHES * EACH; i++)
            assert_true(seen[i] >= 1);
        print_message("%u operations failed, %u records twice\n", failed, total - BATCHES * EACH);
        assert_true(failed > 0 || total == BATCHES * EACH);
        /* What is repeated is written again; and what was under way at one of the two kills may
         * be, by librdkafka, when it begins a new epoch. */
        assert_true(total <= (BATCHES + failed + 2 * WINDOW) * EACH);
    }
    lg_kw_delete(&w, "killed_v1");
    lg_kw_done(&w);
}

static void a_broker_that_hangs_is_told_and_goes_on(void **state)
{
    (void)state;
    LG_AUTO(lg_blob) *blob = lg_kw_numbered(0, 1, 10);
    struct lg_kw_call p = {.op = {.kind = LG_PUBSUB_PRODUCE, .topic = "paused_v1", .blob = blob},
                           .deadline_ms = 500};
    struct lg_kw_call e = {.op = {.kind = LG_PUBSUB_END, .topic = "paused_v1"}, .deadline_ms = 500};
    struct lg_kw_call f = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = "paused_v1", .position = lg_position_earliest()},
        .deadline_ms = 500};
    unsigned next = 7;
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "paused_v1", 1);
    lg_kw_produce(&w, "paused_v1", 7, 3);
    lg_kafka_server_pause(&broker);
    assert_int_equal(lg_kw_run(&w, &p), LG_ERR_UNAVAILABLE);
    assert_non_null(strstr(p.op.err.text, "no Kafka broker answers at 127.0.0.1:"));
    assert_non_null(strstr(p.op.err.text, "check kafka.bootstrap.servers"));
    assert_int_equal(lg_kw_run(&w, &e), LG_ERR_UNAVAILABLE);
    assert_int_equal(lg_kw_run(&w, &f), LG_ERR_UNAVAILABLE);
    lg_kafka_server_resume(&broker);
    lg_kw_produce(&w, "paused_v1", 100, 1);
    {
        struct lg_kw_call c = {.op = {.kind = LG_PUBSUB_FETCH,
                                      .topic = "paused_v1",
                                      .position = lg_position_earliest(),
                                      .wait_ms = 20000}};
        struct lg_batch_reader reader;
        struct lg_pubsub_record r;
        struct lg_error err = {0};
        bool end = false;

        assert_rc(LG_OK, lg_kw_run(&w, &c));
        reader = lg_batch_read(c.op.blob->bytes);
        for (unsigned i = 0; i < 3; i++) {
            assert_ok(lg_batch_next(&reader, &r, &end, &err));
            lg_kw_expect_next(&next, &r);
        }
        lg_blob_unref(c.op.blob);
    }
    lg_kw_delete(&w, "paused_v1");
    lg_kw_done(&w);
}

/* Retention, at once: the brokers remove what lies before the offset. */
static void delete_records(const char *topic, int64_t before)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_DeleteRecords_t *what[1];
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *event;
    char reason[200];
    rd_kafka_t *rk;

    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", broker.url + 8, reason, 200), 0);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, 200);
    assert_non_null(rk);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = before;
    what[0] = rd_kafka_DeleteRecords_new(list);
    queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteRecords(rk, what, 1, NULL, queue);
    event = rd_kafka_queue_poll(queue, 30000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), 0);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(what[0]);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

static void a_position_that_retention_removed_is_told(void **state)
{
    (void)state;
    struct lg_kw_call gone = {.op = {.kind = LG_PUBSUB_FETCH,
                                     .topic = "short_v1",
                                     .position = lg_position_from_offset(40)}};
    struct lg_kw_call start = {.op = {.kind = LG_PUBSUB_START, .topic = "short_v1"}};
    struct lg_kw_call reading = {.op = {.kind = LG_PUBSUB_FETCH,
                                        .topic = "short_v1",
                                        .position = lg_position_earliest(),
                                        .max_bytes = 1}};
    unsigned next = 60;
    int64_t offset = 0;
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "short_v1", 1);
    lg_kw_produce(&w, "short_v1", 0, 100);
    assert_rc(LG_OK, lg_kw_run(&w, &reading));
    lg_blob_unref(reading.op.blob);
    delete_records("short_v1", 60);
    assert_int_equal(lg_kw_run(&w, &gone), LG_ERR_POSITION_GONE);
    assert_non_null(strstr(gone.op.err.text, "topic short_v1/0"));
    assert_non_null(strstr(gone.op.err.text, "position 40"));
    assert_non_null(strstr(gone.op.err.text, "is 60"));
    assert_rc(LG_OK, lg_kw_run(&w, &start));
    assert_true(lg_position_offset(&start.op.position, &offset));
    assert_int_equal(offset, 59);
    lg_kw_read_all(&w, "short_v1", 0, start.op.position, lg_kw_expect_next, &next);
    assert_int_equal(next, 100);
    next = 60;
    lg_kw_read_all(&w, "short_v1", 0, lg_position_earliest(), lg_kw_expect_next, &next);
    assert_int_equal(next, 100);
    lg_kw_delete(&w, "short_v1");
    lg_kw_done(&w);
}

/* Transactions of one record each, so that their markers take every other offset. */
static void produce_transactions(const char *topic, unsigned count)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[200], key[] = "k", value[] = "v";
    rd_kafka_t *rk;

    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", broker.url + 8, reason, 200), 0);
    assert_int_equal(rd_kafka_conf_set(conf, "transactional.id", topic, reason, 200), 0);
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, 200);
    assert_non_null(rk);
    assert_null(rd_kafka_init_transactions(rk, 60000));
    for (unsigned i = 0; i < count; i++) {
        assert_null(rd_kafka_begin_transaction(rk));
        assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                           RD_KAFKA_V_KEY(key, 1), RD_KAFKA_V_VALUE(value, 1),
                                           RD_KAFKA_V_END),
                         0);
        assert_null(rd_kafka_commit_transaction(rk, 60000));
    }
    rd_kafka_destroy(rk);
}

static void expect_kv(void *ctx, const struct lg_pubsub_record *r)
{
    assert_slice_equal(r->key, LG_LIT("k"));
    ++*(unsigned *)ctx;
}

static void offsets_without_records_are_told_unless_the_topic_is_compacted(void **state)
{
    (void)state;
    struct lg_kw_call first = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = "gap_v1", .position = lg_position_earliest()}};
    struct lg_kw_call then = {
        .op = {.kind = LG_PUBSUB_FETCH, .topic = "gap_v1", .position = lg_position_from_offset(0)}};
    struct lg_kw_call compact = {
        .op = {.kind = LG_PUBSUB_CONFIGURE, .topic = "gap_v1", .config = {.compacted = true}}};
    unsigned seen = 0;
    int64_t offset = -1;
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "gap_v1", 1);
    produce_transactions("gap_v1", 3);
    assert_rc(LG_OK, lg_kw_run(&w, &first)); /* What lies before the gap is given first. */
    assert_true(lg_position_offset(&first.op.position, &offset));
    assert_int_equal(offset, 0);
    lg_blob_unref(first.op.blob);
    assert_int_equal(lg_kw_run(&w, &then), LG_ERR_CORRUPT);
    assert_non_null(strstr(then.op.err.text, "topic gap_v1/0"));
    assert_non_null(strstr(then.op.err.text, "offsets 1 to 1,"));
    assert_rc(LG_OK, lg_kw_run(&w, &compact));
    lg_kw_read_all(&w, "gap_v1", 0, lg_position_earliest(), expect_kv, &seen);
    assert_int_equal(seen, 3);
    lg_kw_delete(&w, "gap_v1");
    lg_kw_done(&w);
}

static void a_topic_that_is_deleted_while_it_is_read_ends_its_fetches(void **state)
{
    (void)state;
    struct lg_kw_call waiting = {.op = {.kind = LG_PUBSUB_FETCH,
                                        .topic = "gone_v1",
                                        .position = lg_position_latest(),
                                        .wait_ms = 30000}};
    struct lg_kw_call end = {.op = {.kind = LG_PUBSUB_END, .topic = "gone_v1"}};
    struct lg_kw w, other;

    init(&w);
    init(&other);
    lg_kw_create(&w, "gone_v1", 4);
    lg_kw_produce(&w, "gone_v1", 0, 10);
    lg_kw_start(&w, &waiting);
    assert_rc(LG_OK, lg_kw_run(&w, &end));
    lg_kw_delete(&other, "gone_v1"); /* By somebody else. */
    assert_int_equal(lg_kw_finish(&w, &waiting), LG_ERR_NOT_FOUND);
    lg_kw_done(&w); /* It does not hang: the condition has a bound. */
    lg_kw_done(&other);
}

static void a_change_of_the_configuration_keeps_what_others_have_set(void **state)
{
    (void)state;
    struct lg_kw_call c = {
        .op = {.kind = LG_PUBSUB_CONFIGURE, .topic = "kept_v1", .config = {.retention_ms = 15000}}};
    struct lg_kw_call d = {.op = {.kind = LG_PUBSUB_DESCRIBE, .topic = "kept_v1"}};
    LG_AUTO(lg_blob) *blob = lg_kw_numbered(0, 1, 5 << 20);
    struct lg_kw_call p = {.op = {.kind = LG_PUBSUB_PRODUCE, .topic = "kept_v1", .blob = blob}};
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "kept_v1", 1);
    assert_rc(LG_OK, lg_kw_run(&w, &c));
    assert_rc(LG_OK, lg_kw_run(&w, &d));
    assert_int_equal(d.op.config.retention_ms, 15000);
    assert_int_equal(d.op.config.replication, 1);
    assert_rc(LG_OK, lg_kw_run(&w, &p)); /* max.message.bytes is as it was. */
    lg_kw_delete(&w, "kept_v1");
    lg_kw_done(&w);
}

/* --- Cancelling ----------------------------------------------------------------------------- */

static struct lg_flag is_held, may_go;

static void rest(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void hold_worker(struct k_request *r)
{
    r->k->jobs_under_way++; /* It was none. */
    (void)lg_flag_raise(&is_held);
    while (!lg_flag_is_raised(&may_go))
        rest();
}

static bool is_submitted(void *ctx)
{
    return ((const struct lg_kw_call *)ctx)->op.driver_state != NULL;
}

static bool is_cancelled(void *ctx)
{
    return ((const struct lg_kw_call *)ctx)->op.cancelled;
}

/* The worker has looked for what arrived in this round, and not yet for what is cancelled. */
static void a_fetch_that_is_cancelled_before_it_has_begun_ends_once(void **state)
{
    (void)state;
    struct lg_kw_call fetch = {.op = {.kind = LG_PUBSUB_FETCH, .topic = "x_v1", .wait_ms = 60000}};
    struct lg_kw_call later = {.op = {.kind = LG_PUBSUB_LIST}, .deadline_ms = 300};
    struct k_request *r;
    struct lg_kw w;

    is_held = may_go = (struct lg_flag){0};
    lg_kw_init(&w, "127.0.0.1:1", NULL, 0);
    r = k_request_own(w.k, "x_v1", 0, 0);
    r->job_done = hold_worker;
    pthread_mutex_lock(&w.k->lock);
    lg_list_push_back(&w.k->finished, &r->box_link);
    pthread_mutex_unlock(&w.k->lock);
    k_wake(w.k);
    while (!lg_flag_is_raised(&is_held))
        rest();
    lg_kw_start(&w, &fetch);
    lg_log_env_run_until(&w.env, is_submitted, &fetch);
    lg_kw_cancel(&w, &fetch);
    lg_log_env_run_until(&w.env, is_cancelled, &fetch);
    (void)lg_flag_raise(&may_go);
    assert_rc(LG_ERR_CANCELLED, lg_kw_finish(&w, &fetch));
    assert_int_equal(lg_kw_run(&w, &later), LG_ERR_UNAVAILABLE); /* It goes on. */
    lg_kw_done(&w);
}

/* --- Wrong addresses and settings ----------------------------------------------------------- */

static void a_wrong_address_is_told_within_the_deadline(void **state)
{
    (void)state;
    struct lg_kw_call list = {.op = {.kind = LG_PUBSUB_LIST}, .deadline_ms = 800};
    struct lg_kw w;

    lg_kw_init(&w, "127.0.0.1:1", NULL, 0);
    assert_int_equal(lg_kw_run(&w, &list), LG_ERR_UNAVAILABLE);
    assert_non_null(strstr(list.op.err.text, "no Kafka broker answers at 127.0.0.1:1"));
    assert_non_null(strstr(list.op.err.text, "check kafka.bootstrap.servers"));
    lg_kw_done(&w);
}

static void wrong_options_are_named(void **state)
{
    (void)state;
    const struct {
        const char *servers, *name, *value, *says;
    } cases[] = {
        {"", NULL, NULL, "is not a list of Kafka brokers"},
        {"kafka://", NULL, NULL, "is not a list of Kafka brokers"},
        {"http://a:1", NULL, NULL, "\"http://a:1\" is not a list of Kafka brokers"},
        {"a:1", "group.id", "x", "\"group.id\" is not one of the Kafka settings"},
        {"a:1", "security.protocol", "loud", "Kafka setting security.protocol: "},
        {"a:1", "ssl.key.location", "/nowhere", "the settings of Kafka do not work"},
    };
    struct lg_log_env env;

    lg_log_env_init_uv(&env);
    lg_log_env_start_uv(&env);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_kafka_setting settings[] = {{"security.protocol", "ssl"},
                                              {cases[i].name, cases[i].value}};
        struct lg_kafka_options o = {.servers = cases[i].servers,
                                     .settings = settings,
                                     .setting_count = cases[i].name == NULL ? 0 : 2,
                                     .lane = env.lane};
        struct lg_error err = {0};
        struct lg_kafka *k = NULL;

        assert_rc(LG_ERR_INVALID, lg_kafka_open(&o, &k, &err));
        assert_null(k);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s does not say %s", err.text, cases[i].says);
    }
    lg_log_env_done(&env);
}

/* --- Security ------------------------------------------------------------------------------- */

static void round_trip(const char *servers, const struct lg_kafka_setting *settings, size_t n,
                       const char *topic)
{
    unsigned next = 0;
    struct lg_kw w;

    lg_kw_init(&w, servers, settings, n);
    lg_kw_create(&w, topic, 1);
    lg_kw_produce(&w, topic, 0, 20);
    lg_kw_read_all(&w, topic, 0, lg_position_earliest(), lg_kw_expect_next, &next);
    assert_int_equal(next, 20);
    lg_kw_delete(&w, topic);
    lg_kw_done(&w);
}

static void it_speaks_sasl(void **state)
{
    (void)state;
    LG_AUTO_STR char *servers = lg_strf("127.0.0.1:%u", broker.sasl_port);
    struct lg_kafka_setting settings[] = {{"security.protocol", "SASL_PLAINTEXT"},
                                          {"sasl.mechanism", "PLAIN"},
                                          {"sasl.username", "lagoon"},
                                          {"sasl.password", "secret"}};
    struct lg_kw_call list = {.op = {.kind = LG_PUBSUB_LIST}, .deadline_ms = 3000};
    struct lg_kw w;

    round_trip(servers, settings, LG_ARRAY_SIZE(settings), "sasl_v1");
    settings[3].value = "wrong";
    lg_kw_init(&w, servers, settings, LG_ARRAY_SIZE(settings));
    assert_int_not_equal(lg_kw_run(&w, &list), LG_OK);
    assert_non_null(strstr(list.op.err.text, "127.0.0.1"));
    lg_kw_done(&w);
}

static void it_speaks_tls(void **state)
{
    (void)state;
    LG_AUTO_STR char *servers = lg_strf("127.0.0.1:%u", broker.tls_port);
    LG_AUTO_STR char *ca = lg_strf("%s/ca.pem", broker.folder);
    LG_AUTO_STR char *certificate = lg_strf("%s/client.pem", broker.folder);
    LG_AUTO_STR char *key = lg_strf("%s/client.key", broker.folder);
    struct lg_kafka_setting settings[] = {{"security.protocol", "SSL"},
                                          {"ssl.ca.location", ca},
                                          {"ssl.certificate.location", certificate},
                                          {"ssl.key.location", key}};
    struct lg_kw_call list = {.op = {.kind = LG_PUBSUB_LIST}, .deadline_ms = 2000};
    struct lg_kw w;

    round_trip(servers, settings, LG_ARRAY_SIZE(settings), "tls_v1");
    lg_kw_init(&w, servers, settings, 1); /* Nobody vouches for the broker. */
    assert_int_equal(lg_kw_run(&w, &list), LG_ERR_REFUSED);
    lg_kw_done(&w);
    lg_kw_init(&w, servers, settings, 2); /* And nobody for us. */
    list = (struct lg_kw_call){.op = {.kind = LG_PUBSUB_LIST}, .deadline_ms = 10000};
    assert_int_equal(lg_kw_run(&w, &list), LG_ERR_REFUSED);
    assert_non_null(strstr(list.op.err.text, "wants a certificate of who connects"));
    lg_kw_done(&w);
}

/* --- Another client of Kafka ---------------------------------------------------------------- */

static char *output_of(const char *command)
{
    LG_SCOPED(lg_buf) text = {0};
    FILE *f = popen(command, "re");
    char bytes[4096];
    size_t got;

    assert_non_null(f);
    while ((got = fread(bytes, 1, sizeof bytes, f)) > 0)
        lg_buf_append(&text, bytes, got);
    if (pclose(f) != 0)
        fail_msg("`%s` failed: %.*s", command, (int)text.size, (const char *)text.data);
    return lg_buf_take_str(&text);
}

static void kcat_reads_what_we_write(void **state)
{
    (void)state;
    const struct lg_pubsub_header headers[] = {{LG_LIT("vtp"), LG_LIT("schema")},
                                               {LG_LIT("lcs"), LG_LIT("")}};
    struct lg_pubsub_record r = {
        .key = LG_LIT("key1"), .value = LG_LIT("value1"), .headers = headers, .header_count = 2};
    LG_AUTO_STR char *command =
        lg_strf("kcat -C -q -b 127.0.0.1:%u -t kcat_v1 -p 1 -o 0 -c 1 -f '%%p %%o %%k=%%s %%h\\n'",
                broker.port);
    LG_SCOPED(lg_buf) batch = {0};
    LG_AUTO(lg_blob) *blob = NULL;
    LG_AUTO_STR char *output = NULL;
    struct lg_kw_call p = {.op = {.kind = LG_PUBSUB_PRODUCE, .topic = "kcat_v1", .partition = 1}};
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "kcat_v1", 2);
    lg_batch_add(&batch, &r);
    blob = p.op.blob = lg_blob_take(&batch);
    assert_rc(LG_OK, lg_kw_run(&w, &p));
    output = output_of(command);
    assert_string_equal(output, "1 0 key1=value1 vtp=schema,lcs=\n");
    lg_kw_delete(&w, "kcat_v1");
    lg_kw_done(&w);
}

struct kcat_record {
    unsigned count;
};

static void expect_kcat_record(void *ctx, const struct lg_pubsub_record *r)
{
    struct kcat_record *k = ctx;

    assert_slice_equal(r->key, LG_LIT("k"));
    assert_slice_equal(r->value, LG_LIT("v"));
    assert_int_equal(r->header_count, 2);
    assert_slice_equal(r->headers[0].name, LG_LIT("a"));
    assert_slice_equal(r->headers[0].value, LG_LIT("1"));
    assert_slice_equal(r->headers[1].name, LG_LIT("none"));
    assert_int_equal(r->headers[1].value.size, 0); /* NULL in Kafka. */
    assert_true(r->timestamp_ms > 1600000000000);  /* The broker's. */
    k->count++;
}

static void we_read_what_kcat_writes(void **state)
{
    (void)state;
    LG_AUTO_STR char *command =
        lg_strf("printf 'k=v\\n' | kcat -P -q -b 127.0.0.1:%u -t kcat_v2 -p 0 -K = -H a=1 -H none "
                "-z gzip 2>&1",
                broker.port);
    LG_AUTO_STR char *output = NULL;
    struct kcat_record seen = {0};
    struct lg_kw w;

    init(&w);
    lg_kw_create(&w, "kcat_v2", 1);
    output = output_of(command);
    lg_kw_read_all(&w, "kcat_v2", 0, lg_position_earliest(), expect_kcat_record, &seen);
    assert_int_equal(seen.count, 1);
    lg_kw_delete(&w, "kcat_v2");
    lg_kw_done(&w);
}

static int start_broker(void **state)
{
    (void)state;
    lg_kafka_server_start(&broker, /* with_security= */ true);
    return 0;
}

static int stop_broker(void **state)
{
    (void)state;
    lg_kafka_server_done(&broker);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract),
        cmocka_unit_test(many_records_are_read_in_order_by_several_cursors),
        cmocka_unit_test(a_position_that_retention_removed_is_told),
        cmocka_unit_test(offsets_without_records_are_told_unless_the_topic_is_compacted),
        cmocka_unit_test(a_topic_that_is_deleted_while_it_is_read_ends_its_fetches),
        cmocka_unit_test(a_change_of_the_configuration_keeps_what_others_have_set),
        cmocka_unit_test(a_fetch_that_is_cancelled_before_it_has_begun_ends_once),
        cmocka_unit_test(a_wrong_address_is_told_within_the_deadline),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(it_speaks_sasl),
        cmocka_unit_test(it_speaks_tls),
        cmocka_unit_test(kcat_reads_what_we_write),
        cmocka_unit_test(we_read_what_kcat_writes),
        cmocka_unit_test(a_broker_that_hangs_is_told_and_goes_on),
        cmocka_unit_test(no_acknowledged_record_is_lost_when_the_broker_is_killed),
    };

    return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
