/* What the files of the simulated metastore share: messages, the two ways of a link, and who is at
 * its ends. Owner: the simulated world, as metastore_sim.h says. */
#ifndef LG_DRIVERS_SIM_METASTORE_SIM_IMPL_H
#define LG_DRIVERS_SIM_METASTORE_SIM_IMPL_H

#include "base/vec.h"
#include "drivers/sim/metastore_sim.h"
#include "metastore/meta_names.h"

enum lg_meta_message_kind {
    LG_MM_HELLO,
    LG_MM_PING,
    LG_MM_OP,
    LG_MM_WATCH,
    LG_MM_UNWATCH,
    LG_MM_BYE,
    LG_MM_WELCOME,
    LG_MM_PONG,
    LG_MM_GONE,
    LG_MM_ANSWER,
    LG_MM_CHANGED
};

struct lg_meta_copy { /* A copy that travels. */
    enum lg_meta_change_kind kind;
    char *path;
    struct lg_buf value;
    int64_t version;
};

struct lg_meta_message {
    struct lg_list link;
    enum lg_meta_message_kind kind;
    uint64_t due_us;
    uint64_t epoch;       /* which session of the link */
    uint64_t number;      /* which operation or watch */
    unsigned incarnation; /* of the node that it is for, 0: whoever is there */
    enum lg_meta_kind op;
    char *path;
    struct lg_meta_copy *changes;
    struct lg_meta_change *view; /* the changes as the port wants them */
    size_t change_count, failed_at;
    enum lg_rc rc;
    struct lg_error err;
    struct lg_buf value;
    bool has_value;
    int64_t version;
};

struct lg_meta_way { /* One direction of a link. */
    struct lg_meta_link *link;
    bool up; /* to the server */
    bool pumping, cut;
    uint64_t last_due_us;
    struct lg_list messages;
};

struct lg_meta_proxy;
struct lg_meta_server;

struct lg_meta_link {
    struct lg_meta_sim *net;
    struct lg_sim_node *node;
    uint64_t index;
    struct lg_meta_proxy *proxy; /* of the node's code; valid in this incarnation only: */
    unsigned proxy_incarnation;
    struct lg_meta_way up, down;
};

struct lg_meta_sim {
    struct lg_sim *sim;
    uint64_t delay_min_us, delay_max_us;
    LG_VEC(struct lg_meta_link *) links;
    struct lg_list borrowed; /* messages that a node's code holds */
    struct lg_sim_node *server_node;
    unsigned server_incarnation;
    struct lg_meta_server *server; /* of the server's code */
    uint64_t epochs, losses, reads;
    void (*written)(void *ctx, struct lg_sim_node *node, const struct lg_meta_change *changes,
                    size_t count);
    void *written_ctx;
};

/* --- metastore_sim_message.c: messages, which belong to no node, and how they travel. --------- */

struct lg_meta_message *lg_meta_message_new(enum lg_meta_message_kind kind, uint64_t epoch,
                                            uint64_t number);
void lg_meta_message_free(struct lg_meta_message *m); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_meta_message, lg_meta_message_free)
void lg_meta_message_set_value(struct lg_meta_message *m, struct lg_slice value);
/* As the value: each path after a byte that tells whether all below it is meant, and before '\n'.
 */
void lg_meta_message_set_names(struct lg_meta_message *m, const struct lg_meta_names *names);
void lg_meta_message_get_names(const struct lg_meta_message *m, struct lg_meta_names *out);
void lg_meta_message_set_op(struct lg_meta_message *m, const struct lg_meta_op *op);
char *lg_meta_world_copy(const char *text);
void lg_meta_send(struct lg_meta_way *w, struct lg_meta_message *take_m);
bool lg_meta_server_alive(const struct lg_meta_sim *net);
bool lg_meta_proxy_alive(const struct lg_meta_link *l);
/* The link of the node of that name; NULL: it never had a session. */
struct lg_meta_link *lg_meta_link_of(struct lg_meta_sim *net, const char *node);

/* --- What arrives, as the code of the node it is for. ----------------------------------------- */

void lg_meta_server_takes(struct lg_meta_server *s, struct lg_meta_link *l,
                          struct lg_meta_message *take_m);
void lg_meta_proxy_takes(struct lg_meta_proxy *p, struct lg_meta_message *take_m);

#endif
