/* A real cluster for process tests: controllers, routers and servers as processes of their own, on
 * a real ZooKeeper and a real Kafka. One of each engine serves a whole test program; each cluster
 * has a name of its own there.
 *
 *   lg_cluster_engines_start        in the group's setup
 *   lg_cluster_start ─▶ kill, stop, pause, resume, restart of any process; verbs; reads ─▶ _done
 *   lg_cluster_engines_done         in the group's teardown
 *
 * Everything here fails the running test when it cannot be done. Nothing sleeps: what takes time is
 * a condition with a bound.
 */
#ifndef LG_TEST_LIB_CLUSTER_H
#define LG_TEST_LIB_CLUSTER_H

#include "test/lib/kafka_server.h"
#include "test/lib/rig.h"
#include "test/lib/zookeeper_server.h"

#define LG_CLUSTER_NODES_MAX 8u    /* of each role */
#define LG_CLUSTER_WAIT_MS 120000u /* generous: sanitizers, two cores, virtual machines of Java */

enum lg_cluster_role {
    LG_CLUSTER_CONTROLLER,
    LG_CLUSTER_ROUTER,
    LG_CLUSTER_SERVER,
    LG_CLUSTER_ROLES
};

struct lg_cluster_options {
    unsigned controllers, routers, servers;
    unsigned session_timeout_ms;          /* 0: 2000; ZooKeeper here takes 400 and more */
    const char *config[LG_CLUSTER_ROLES]; /* more lines of each role's file; NULL: none */
    const char *common;                   /* more lines of every file; NULL: none */
    bool graceful; /* SIGTERM leaves readers and load balancers the time that is the default */
    bool secure;   /* of engines with security: SASL_SSL to Kafka, a digest to ZooKeeper */
    /* Beside `secure`: no password but a certificate of its own lets each process in to Kafka. */
    bool certificates;
    const char *name;           /* of the cluster; NULL: one that no other has */
    const char *zookeeper_path; /* behind ZooKeeper's address; NULL: none */
};

struct lg_cluster_node {
    struct lg_process process;
    char *name;    /* "server-1": of a server also its instance */
    char *words;   /* of its configuration file, beside the port */
    uint16_t port; /* 0 until it has run once; then it stays */
    bool runs, paused;
};

struct lg_cluster {
    struct lg_rig rig; /* its folder, and the verbs: assert_run(&c.rig, 0, "versions", "cities") */
    char *name;
    struct lg_cluster_node nodes[LG_CLUSTER_ROLES][LG_CLUSTER_NODES_MAX];
    unsigned count[LG_CLUSTER_ROLES];
    char *environment[3]; /* LAGOON_CONTROLLER and LAGOON_ROUTER of verbs */
    unsigned session_ms;
    uint64_t settled_us; /* lg_cluster_disturbed */
    /* Of each router, in memory that readers share: odd from the moment before it is killed,
     * stopped or paused until it is ready or goes on. */
    unsigned *troubles;
};

/* --- ZooKeeper and Kafka, of the whole program. ------------------------------------------------
 */
void lg_cluster_engines_start(void);
/* The same, where Kafka also has listeners that want TLS and passwords; LG_CLUSTER_PASSWORD is that
 * of its user "lagoon" by SCRAM-SHA-512. */
#define LG_CLUSTER_PASSWORD "kafka-pw-7f3a91"
#define LG_CLUSTER_DIGEST "lagoon:zookeeper-pw-52c8e0"
void lg_cluster_engines_start_secure(void);
void lg_cluster_engines_done(void);
struct lg_zookeeper_server *lg_cluster_zookeeper(void);
struct lg_kafka_server *lg_cluster_kafka(void);

/* --- A cluster. --------------------------------------------------------------------------------
 */
/* Blocks until every process is ready. */
void lg_cluster_start(struct lg_cluster *c, const struct lg_cluster_options *options);
/* Ends what runs with SIGTERM, all at once (each must end with 0), removes the folder. */
void lg_cluster_done(struct lg_cluster *c);

/* kill -9, and waits for the end. */
void lg_cluster_kill(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
/* SIGTERM; the exit status must be 0. */
void lg_cluster_stop(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
/* SIGSTOP and SIGCONT. */
void lg_cluster_pause(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
void lg_cluster_resume(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
/* Runs one that was killed or stopped again, where it was; blocks until it is ready. */
void lg_cluster_restart(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
/* The same without waiting. */
void lg_cluster_launch(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
void lg_cluster_wait_ready(struct lg_cluster *c, enum lg_cluster_role role, unsigned i);
/* One more process of the role; returns its number. It does not run yet. */
unsigned lg_cluster_add(struct lg_cluster *c, enum lg_cluster_role role,
                        const struct lg_cluster_options *options);
/* Removes a server's data directory; it must not run. */
void lg_cluster_wipe(struct lg_cluster *c, unsigned server);

/* Waits until the condition holds; after LG_CLUSTER_WAIT_MS the test fails with `what`. */
void lg_cluster_until(struct lg_cluster *c, bool (*holds)(struct lg_cluster *c, void *ctx),
                      void *ctx, const char *what);
/* The controller that leads, once one does that runs. */
unsigned lg_cluster_leader(struct lg_cluster *c);
/* Waits until every router that runs answers reads of the store with this version. */
void lg_cluster_wait_version(struct lg_cluster *c, const char *store, int version);
/* Something may have kept sessions from being renewed, as when ZooKeeper stood still: what is known
 * of who lives is believed again only when each session has been renewed or has ended since. Kills,
 * pauses and resumes of the cluster's processes say so themselves. */
void lg_cluster_disturbed(struct lg_cluster *c);
/* Waits until every current version of every store has all its replicas, and everybody knows it:
 * the leading controller lists as many complete ones as the factor asks for, all of them on servers
 * that run, each of these servers says so of itself, each router that runs has them in its table,
 * and no session that could still end is among what that rests on. */
void lg_cluster_wait_replicated(struct lg_cluster *c);
/* Is a change of the router's troubles under way, or has one been since `before`? */
bool lg_cluster_troubled(const struct lg_cluster *c, unsigned router, unsigned before);
/* To be given to lg_cluster_troubled later. */
unsigned lg_cluster_troubles(const struct lg_cluster *c, unsigned router);
/* Reads a key (as it stands in a path) through a router; the status, 0: no answer. */
int lg_cluster_get(struct lg_cluster *c, unsigned router, const char *store, const char *key,
                   struct lg_reply *reply);

#endif
