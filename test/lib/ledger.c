#include "test/lib/ledger.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/test.h"

#define SERVE_MS 30000u

/* --- Pushes. ---------------------------------------------------------------------------------- */
char *lg_ledger_push_id(struct lg_ledger *l)
{
    return lg_strf("push-%u", ++l->push_ids);
}

void lg_ledger_push_start(struct lg_ledger *l, const char *file, const char *push_id,
                          struct lg_process *out)
{
    *out = (struct lg_process){0};
    lg_oracle_push(&l->oracle, file, push_id, out);
}

void lg_ledger_push_must_end(struct lg_ledger *l, struct lg_process *push)
{
    if (!lg_oracle_push_ended(&l->oracle, push)) {
        LG_SCOPED(lg_buf) text = {0};

        lg_process_stderr(push, &text);
        fail_msg("a push failed with %d: %.*s", push->status, LG_FMT(lg_buf_slice(&text)));
    }
    lg_process_done(push);
}

void lg_ledger_push(struct lg_ledger *l)
{
    LG_AUTO_STR char *file = lg_oracle_next_file(&l->oracle);
    LG_AUTO_STR char *push_id = lg_ledger_push_id(l);
    uint64_t start_us = lg_clock_mono_us();
    struct lg_process push;

    lg_ledger_push_start(l, file, push_id, &push);
    lg_ledger_push_must_end(l, &push);
    l->push_ms = (lg_clock_mono_us() - start_us) / 1000;
    lg_ledger_check_routers(l);
    (void)unlink(file);
}

/* --- What is there. --------------------------------------------------------------------------- */
void lg_ledger_check_routers(struct lg_ledger *l)
{
    const struct lg_cluster *c = &l->cluster;

    lg_cluster_wait_version(&l->cluster, LG_ORACLE_STORE, l->oracle.current);
    for (unsigned i = 0; i < c->count[LG_CLUSTER_ROUTER]; i++) {
        const struct lg_cluster_node *n = &c->nodes[LG_CLUSTER_ROUTER][i];
        struct lg_cluster_reading reading = {0};

        for (int half = 0; half < 2 && n->runs && !n->paused; half++) {
            if (lg_cluster_read(n->port, half, /* wait_ms= */ 0, &reading) != LG_CLUSTER_READ_RIGHT)
                fail_msg("%s: %s", n->name, reading.problem);
            assert_int_equal(reading.version, l->oracle.current);
            assert_int_equal(reading.generation, l->oracle.generations[l->oracle.current]);
        }
    }
}

static uint16_t port_of(const struct lg_cluster *c, const char *instance)
{
    for (unsigned i = 0; i < c->count[LG_CLUSTER_SERVER]; i++) {
        const struct lg_cluster_node *n = &c->nodes[LG_CLUSTER_SERVER][i];

        if (strcmp(n->name, instance) == 0 && n->runs && !n->paused)
            return n->port;
    }
    return 0;
}

/* Of one version; sets *out_away when a server does not serve what it is said to. */
static unsigned read_version(struct lg_ledger *l, const struct lg_json *version, bool *out_away)
{
    const struct lg_json *partitions = lg_json_get(version, "partitions");
    int32_t number = (int32_t)lg_json_get_int(version, "version", 0);
    unsigned count = 0;

    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *partition = lg_json_at(partitions, p);
        const struct lg_json *replicas = lg_json_get(partition, "replicas");

        for (size_t i = 0; i < lg_json_size(replicas); i++) {
            const struct lg_json *r = lg_json_at(replicas, i);
            uint16_t port = port_of(&l->cluster, lg_json_get_str(r, "instance", ""));

            if (port == 0 || strcmp(lg_json_get_str(r, "status", ""), "COMPLETED") != 0)
                continue;
            if (lg_oracle_check_replica(&l->oracle, port, number,
                                        (int)lg_json_get_int(partition, "partition", -1)))
                count++;
            else
                *out_away = true;
        }
    }
    return count;
}

static bool is_acknowledged(const struct lg_ledger *l, const struct lg_json *version)
{
    int64_t number = lg_json_get_int(version, "version", 0);

    return number > 0 && number < LG_ORACLE_VERSIONS_MAX && l->oracle.generations[number] > 0 &&
           strcmp(lg_json_get_str(version, "status", ""), "ONLINE") == 0;
}

/* A version may be retired between what the controller says and the read: it is asked again. */
unsigned lg_ledger_check_replicas(struct lg_ledger *l)
{
    uint64_t until_us = lg_clock_mono_us() + SERVE_MS * UINT64_C(1000);

    for (;;) {
        LG_AUTO(lg_json) *json =
            lg_ledger_ask_leader(l, "/v1/replicas?store_name=" LG_ORACLE_STORE);
        const struct lg_json *versions = lg_json_get(json, "versions");
        bool away = json == NULL, has_current = false;
        unsigned count = 0;

        for (size_t i = 0; i < lg_json_size(versions); i++) {
            const struct lg_json *version = lg_json_at(versions, i);

            if (!is_acknowledged(l, version))
                continue;
            count += read_version(l, version, &away);
            has_current = has_current || lg_json_get_bool(version, "current", false);
        }
        if (!away && has_current)
            return count;
        if (lg_clock_mono_us() > until_us)
            fail_msg("after %u ms a listed replica is still not served", SERVE_MS);
        lg_process_pause(10);
    }
}

struct lg_json *lg_ledger_ask_leader(struct lg_ledger *l, const char *target)
{
    LG_SCOPED(lg_reply) reply = {0};
    unsigned leader = lg_cluster_leader(&l->cluster);
    struct lg_question q = {.port = l->cluster.nodes[LG_CLUSTER_CONTROLLER][leader].port,
                            .target = target};

    if (!lg_ask_try(&q, &reply) || reply.status != 200)
        return NULL;
    return lg_rig_json(lg_buf_slice(&reply.body));
}

/* --- Life. ------------------------------------------------------------------------------------ */
void lg_ledger_begin(struct lg_ledger *l, const struct lg_cluster_options *options)
{
    *l = (struct lg_ledger){0};
    lg_cluster_start(&l->cluster, options);
    lg_oracle_init(&l->oracle, &l->cluster.rig);
    assert_run(&l->cluster.rig, 0, "store", "update", LG_ORACLE_STORE, "--replication", "2");
    lg_ledger_push(l);
    lg_cluster_wait_replicated(&l->cluster);
}

void lg_ledger_done(struct lg_ledger *l)
{
    lg_cluster_done(&l->cluster);
}

void lg_ledger_read_on(struct lg_ledger *l, unsigned without_router)
{
    lg_cluster_reader_start(&l->reader, &l->cluster, without_router);
}

void lg_ledger_reads_were_right(struct lg_ledger *l)
{
    (void)lg_cluster_reader_end(&l->reader);
}

uint64_t lg_ledger_number(const char *variable, uint64_t max, uint64_t otherwise)
{
    const char *text = getenv(variable);
    uint64_t number = otherwise;

    if (text != NULL && !lg_parse_u64(lg_slice_str(text), max, &number))
        fail_msg("%s is not a number", variable);
    return number;
}
