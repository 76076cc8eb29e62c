/* The router's stack on the simulated network, against servers that answer by script. */
#ifndef LG_TEST_LIB_STACK_RIG_H
#define LG_TEST_LIB_STACK_RIG_H

#include "test/test.h"

#include "drivers/sim/transport_sim.h"
#include "fetch/layers.h"
#include "net/http1.h"
#include "net/http_server.h"

#define STACK_KEYS 4u
#define STACK_NODES 4u
#define STACK_PORT 8001 /* of the first; the others follow */

struct stack_script {
    int status;
    const char *schema_id; /* NULL: no such header */
    const char *body_hex;
    bool silent; /* never answers */
};

struct stack_node {
    struct stack_rig *rig;
    struct lg_http_server *http;
    struct stack_script script;
    const char *retry_after; /* NULL: no such header */
    bool packs;              /* with a dictionary, for which it is asked in vain */
    struct lg_slice gzip;    /* empty, or added to its script's answers, as one */
    unsigned asked, retries; /* of these, as the header says */
    enum lg_http_method method;
    char target[LG_HTTP1_TARGET_BYTES_MAX + 1], version[20];
    struct lg_buf body;
    struct lg_http_request *held; /* of a silent one */
};

struct stack_rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_host_table *hosts;
    struct lg_host *host[STACK_NODES];
    bool holds[STACK_NODES];
    bool lacks[STACK_NODES][10]; /* partitions that it does not hold all the same */
    struct stack_node node[STACK_NODES];
    struct lg_fetch_stack *stack; /* NULL: stopped */
    bool stopped;

    struct lg_read read;
    struct lg_read_key keys[STACK_KEYS], *pointers[STACK_KEYS];
    unsigned settled;
    bool spread; /* each key in a partition of its own, in falling order; else all in 8 */
};

int stack_rig_up(void **state);
/* The stack is stopped, if the test did not do that. */
int stack_rig_down(void **state);
/* As many new servers as make a table forget who is not used. */
void stack_meet_many(struct stack_rig *r);

extern const struct lg_slice stack_two_keys[2];

/* One read, which is asked and not waited for. */
void stack_begin_keys(struct stack_rig *r, const struct lg_slice *keys, size_t count);
/* And waited for. */
void stack_read_keys(struct stack_rig *r, const struct lg_slice *keys, size_t count);
void stack_read_one(struct stack_rig *r);
void stack_read_two(struct stack_rig *r);
/* The stack ends with what is in flight, within two seconds. */
void stack_stop(struct stack_rig *r);
/* Key i was found so. */
void stack_has_value(const struct stack_rig *r, size_t i, const char *hex, int32_t schema_id);

#endif
