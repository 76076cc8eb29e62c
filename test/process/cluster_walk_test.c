/* A random walk of harm: at random moments a process of a cluster is killed (kill -9) or stands
 * still for a while (SIGSTOP, SIGCONT): controllers, routers, servers, ZooKeeper, Kafka and the
 * pusher, while pushes go on and a reader beside them judges every answer. After each blow all
 * replicas must come back within a bound, and every record of every acknowledged push is read back,
 * through each router and from each replica.
 *
 * No read fails, whatever is struck: a reader asks another router only while a router is what was
 * struck. The walk follows LAGOON_CLUSTER_SEED (printed), LAGOON_CLUSTER_ROUNDS rounds of it: each
 * kind of blow comes once before any comes again.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/ledger.h"
#include "test/test.h"

#define ROUNDS_MAX 100000
#define SESSION_MS 1000u
#define BEFORE_MS_MAX 800u /* from the start of a push to the blow: it takes about as long */
#define AFTER_MS_MAX 2500u /* from the blow to its end: over two sessions */
#define CONTROLLERS 2u
#define ROUTERS 2u
#define SERVERS 3u

enum victim { CONTROLLER, ROUTER, SERVER, ZOOKEEPER, KAFKA, PUSHER, VICTIMS };
static const char *const names[VICTIMS] = {"controller", "router", "server",
                                           "ZooKeeper",  "Kafka",  "the push"};

struct blow {
    enum victim victim;
    bool stop; /* SIGSTOP, else SIGKILL */
};
#define KINDS (2 * VICTIMS)

static struct walk {
    struct lg_ledger ledger;
    struct lg_rand rand;
    struct blow deck[KINDS]; /* shuffled; each kind once */
    unsigned dealt;
} w;

static struct lg_cluster *const c = &w.ledger.cluster;

/* --- Blows. ----------------------------------------------------------------------------------- */
static struct blow next_blow(void)
{
    if (w.dealt % KINDS == 0) {
        for (unsigned i = 0; i < KINDS; i++)
            w.deck[i] = (struct blow){(enum victim)(i / 2), i % 2 == 1};
        for (unsigned i = KINDS - 1; i > 0; i--) {
            size_t other = (size_t)lg_rand_below(&w.rand, i + 1);
            struct blow blow = w.deck[i];

            w.deck[i] = w.deck[other];
            w.deck[other] = blow;
        }
    }
    return w.deck[w.dealt++ % KINDS];
}

static void strike(const struct blow *b, unsigned node, struct lg_process *push)
{
    if (b->victim <= SERVER && b->stop)
        lg_cluster_pause(c, (enum lg_cluster_role)b->victim, node);
    else if (b->victim <= SERVER)
        lg_cluster_kill(c, (enum lg_cluster_role)b->victim, node);
    else if (b->victim == ZOOKEEPER && b->stop)
        lg_zookeeper_server_stop(lg_cluster_zookeeper());
    else if (b->victim == ZOOKEEPER)
        lg_zookeeper_server_kill(lg_cluster_zookeeper());
    else if (b->victim == KAFKA && b->stop)
        lg_kafka_server_pause(lg_cluster_kafka());
    else if (b->victim == KAFKA)
        lg_kafka_server_kill(lg_cluster_kafka());
    else if (b->stop)
        lg_process_signal(push, SIGSTOP);
    else
        lg_process_kill(push);
}

static void heal(const struct blow *b, unsigned node, struct lg_process *push)
{
    if (b->victim <= SERVER && b->stop)
        lg_cluster_resume(c, (enum lg_cluster_role)b->victim, node);
    else if (b->victim <= SERVER)
        lg_cluster_restart(c, (enum lg_cluster_role)b->victim, node);
    else if (b->victim == ZOOKEEPER && b->stop)
        lg_zookeeper_server_continue(lg_cluster_zookeeper());
    else if (b->victim == ZOOKEEPER)
        lg_zookeeper_server_restart(lg_cluster_zookeeper());
    else if (b->victim == KAFKA && b->stop)
        lg_kafka_server_resume(lg_cluster_kafka());
    else if (b->victim == KAFKA)
        lg_kafka_server_restart(lg_cluster_kafka());
    else if (b->stop)
        lg_process_signal(push, SIGCONT);
    if (b->victim == ZOOKEEPER)
        lg_cluster_disturbed(c);
}

/* --- Rounds. ---------------------------------------------------------------------------------- */
/* What was acknowledged is served; a push that was killed is continued under its id, one that gave
 * up is begun anew. */
static void end_push(struct lg_process *push, const char *file, const char *push_id)
{
    bool acknowledged = lg_oracle_push_ended(&w.ledger.oracle, push);

    if (!acknowledged) {
        bool killed = push->status == LG_PROCESS_KILLED;
        LG_AUTO_STR char *id = killed ? lg_strdup(push_id) : lg_ledger_push_id(&w.ledger);
        struct lg_process again;

        if (!killed) {
            LG_SCOPED(lg_buf) text = {0};

            lg_process_stderr(push, &text);
            print_message("     the push ended with %d: %.*s\n", push->status,
                          LG_FMT(lg_buf_slice(&text)));
        }
        (void)lg_cluster_leader(c);
        lg_ledger_push_start(&w.ledger, file, id, &again);
        lg_ledger_push_must_end(&w.ledger, &again);
    }
    lg_process_done(push);
}

static void one_round(unsigned number)
{
    LG_AUTO_STR char *file = lg_oracle_next_file(&w.ledger.oracle);
    LG_AUTO_STR char *push_id = lg_ledger_push_id(&w.ledger);
    struct blow blow = next_blow();
    unsigned of = blow.victim <= SERVER ? c->count[blow.victim] : 1;
    unsigned node = (unsigned)lg_rand_below(&w.rand, of), replicas;
    uint64_t before_ms = lg_rand_below(&w.rand, BEFORE_MS_MAX + 1);
    uint64_t after_ms = lg_rand_below(&w.rand, AFTER_MS_MAX + 1);
    struct lg_process push;

    print_message("%3u  %s of %s-%u, %llu ms into push %s, for %llu ms\n", number,
                  blow.stop ? "SIGSTOP" : "SIGKILL", names[blow.victim], node + 1,
                  (unsigned long long)before_ms, push_id, (unsigned long long)after_ms);
    lg_ledger_push_start(&w.ledger, file, push_id, &push);
    (void)lg_process_ended(&push, before_ms);
    strike(&blow, node, &push);
    lg_process_pause(after_ms);
    heal(&blow, node, &push);
    end_push(&push, file, push_id);
    lg_ledger_check_routers(&w.ledger);
    lg_cluster_wait_replicated(c);
    replicas = lg_ledger_check_replicas(&w.ledger);
    assert_true(replicas >= 2u * (unsigned)(LG_ORACLE_PARTITIONS[0] - '0'));
    (void)unlink(file);
}

static void a_random_walk_of_kills_and_pauses_loses_nothing_and_no_read_fails(void **state)
{
    uint64_t rounds = lg_ledger_number("LAGOON_CLUSTER_ROUNDS", ROUNDS_MAX, KINDS);

    (void)state;
    lg_ledger_begin(&w.ledger, &(struct lg_cluster_options){.controllers = CONTROLLERS,
                                                            .routers = ROUTERS,
                                                            .servers = SERVERS,
                                                            .session_timeout_ms = SESSION_MS});
    lg_ledger_read_on(&w.ledger, LG_LEDGER_ALL_ROUTERS);
    for (unsigned i = 0; i < rounds; i++)
        one_round(i + 1);
    lg_ledger_push(&w.ledger);
    lg_ledger_reads_were_right(&w.ledger);
}

/* --- The program. ----------------------------------------------------------------------------- */
static int set_up(void **state)
{
    uint64_t seed = lg_ledger_number("LAGOON_CLUSTER_SEED", UINT64_MAX, lg_rand_os_seed());

    (void)state;
    print_message("LAGOON_CLUSTER_SEED=%llu\n", (unsigned long long)seed);
    lg_rand_seed(&w.rand, seed);
    lg_cluster_engines_start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_ledger_done(&w.ledger);
    lg_cluster_engines_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_walk_of_kills_and_pauses_loses_nothing_and_no_read_fails),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
