/* Real Kafka brokers for tests: one process that is broker and controller, or several brokers of
 * which the first is the controller of all; each on ports and in a folder of its own. They die with
 * the test program. The jars come from tools/kafka_jars.py; without them the running test fails and
 * says so. Every function fails the test when it does not work.
 */
#ifndef LG_TEST_LIB_KAFKA_SERVER_H
#define LG_TEST_LIB_KAFKA_SERVER_H

#include "base/base.h"

#include <sys/types.h>

#define LG_TEST_BROKERS_MAX 9u

struct lg_kafka_server {
    char folder[64];
    unsigned node; /* 1 and on; 1 is the controller */
    unsigned heap_mb;
    unsigned port, controller_port;
    unsigned sasl_port; /* SASL_PLAINTEXT with PLAIN; user "lagoon", password "secret" */
    unsigned tls_port;  /* SSL; certificates in the folder: ca.pem, client.pem, client.key */
    unsigned safe_port; /* SASL_SSL with PLAIN and SCRAM-SHA-512; no certificate is asked for */
    char *url;          /* "kafka://127.0.0.1:<port>" */
    bool with_security;
    pid_t pid; /* 0: not running */
    int pid_fd;
};

/* Returns when it takes requests. With `with_security` it has the listeners for TLS and SASL. */
void lg_kafka_server_start(struct lg_kafka_server *s, bool with_security);
/* `n` brokers of one cluster, with small heaps; each is killed, restarted and done by itself. */
void lg_kafka_servers_start(struct lg_kafka_server *s, size_t n);
/* "kafka://127.0.0.1:<port>,..." of all; the caller's. */
char *lg_kafka_servers_url(const struct lg_kafka_server *s, size_t n);
/* kill -9; data and ports stay. */
void lg_kafka_server_kill(struct lg_kafka_server *s);
/* Runs it again after a kill, on the same ports and data. */
void lg_kafka_server_restart(struct lg_kafka_server *s);
/* After a kill: its disk is new. */
void lg_kafka_server_wipe(const struct lg_kafka_server *s);
/* Makes "lagoon" with this password a user of SCRAM-SHA-512, by Kafka's own tool. */
void lg_kafka_server_scram(const struct lg_kafka_server *s, const char *password);
/* What Kafka's own tool says of a topic's configuration; the caller owns it. */
char *lg_kafka_server_topic_config(const struct lg_kafka_server *s, const char *topic);
/* SIGSTOP and SIGCONT. */
void lg_kafka_server_pause(struct lg_kafka_server *s);
void lg_kafka_server_resume(struct lg_kafka_server *s);
/* Kills it and removes its folder. {0} is allowed. */
void lg_kafka_server_done(struct lg_kafka_server *s);

#endif
