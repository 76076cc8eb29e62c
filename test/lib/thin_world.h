/* The thin client on the simulated network, against mock routers (test/lib/mock_router.h): what its
 * tests share. Everything here fails the running test when it cannot be done. */
#ifndef LG_TEST_LIB_THIN_WORLD_H
#define LG_TEST_LIB_THIN_WORLD_H

#include "client/client.h"
#include "drivers/sim/transport_sim.h"
#include "test/lib/mock_router.h"

#define LG_TW_ROUTERS 2u
#define LG_TW_READS_MAX 600u
#define LG_TW_KEYS_MAX 64u
#define LG_TW_WAIT_US (60 * LG_SEC)

struct lg_tw_asked { /* One read and its outcome. */
    struct lg_client_read read;
    struct lg_slice keys[LG_TW_KEYS_MAX];
    size_t answered, dones;
    enum lg_rc rc, key_rc[LG_TW_KEYS_MAX];
    char why[LG_ERROR_TEXT_MAX], key_why[LG_TW_KEYS_MAX][128];
    struct lg_buf value[LG_TW_KEYS_MAX], json[LG_TW_KEYS_MAX];
    int32_t schema_id[LG_TW_KEYS_MAX], version[LG_TW_KEYS_MAX];
};

struct lg_tw {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_sim_node *node[LG_TW_ROUTERS];
    struct lg_lane *lane, *router_lane[LG_TW_ROUTERS];
    struct lg_mock_router mock[LG_TW_ROUTERS];
    struct lg_client_options options;
    struct lg_client *client;
    struct lg_mock_reply reply; /* what lg_tw_as_told answers */
    struct lg_tw_asked asked[LG_TW_READS_MAX];
    size_t started, closed;
    struct lg_error start_err;
};

/* Setup and teardown of a test: *state is a struct lg_tw. The routers listen, the client is made by
 * the first read. */
int lg_tw_set_up(void **state);
int lg_tw_tear_down(void **state);
/* An option of the client that is made next; and both routers. */
void lg_tw_set(struct lg_tw *w, const char *name, const char *text);
void lg_tw_two_routers(struct lg_tw *w);
/* What routers answer to reads: w->reply, which lg_tw_tell sets; or "v" and the key for each key
 * but those that begin with 'x', which are missing. */
void lg_tw_as_told(struct lg_mock_router *m, const struct lg_http1_message *rq,
                   struct lg_mock_reply *reply);
void lg_tw_echo(struct lg_mock_router *m, const struct lg_http1_message *rq,
                struct lg_mock_reply *reply);
void lg_tw_tell(struct lg_tw *w, int status, const char *headers, struct lg_slice body);

/* Makes the client unless there is one; starts it and waits (w->start_err); closes it. */
void lg_tw_open(struct lg_tw *w);
enum lg_rc lg_tw_start(struct lg_tw *w);
void lg_tw_close(struct lg_tw *w);

/* Submits a read of these text keys (NULL at the end). */
struct lg_tw_asked *lg_tw_submit(struct lg_tw *w, size_t slot, bool single,
                                 const char *const *keys);
/* Waits for its end, which comes once. */
struct lg_tw_asked *lg_tw_wait(struct lg_tw *w, struct lg_tw_asked *a);
/* Both, for one key or several. */
struct lg_tw_asked *lg_tw_get(struct lg_tw *w, const char *key);
#define LG_TW_BATCH(w, ...)                                                                        \
    lg_tw_wait(w, lg_tw_submit(w, 0, false, (const char *const[]){__VA_ARGS__, NULL}))

/* The i-th key was found, with this value. */
void lg_tw_assert_json(const struct lg_tw_asked *a, size_t i, const char *want);
/* The read failed, and says this. */
void lg_tw_assert_why(const struct lg_tw_asked *a, enum lg_rc rc, const char *part);

#endif
