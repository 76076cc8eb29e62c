/* A world for tests of the verbs of admin/: a controller and a router in one, "world:5555", that
 * answer by a script, and a verb run against them. Every step fails the test when it does not work.
 */
#ifndef LG_TEST_LIB_SCRIPT_WORLD_H
#define LG_TEST_LIB_SCRIPT_WORLD_H

#include "admin/admin.h"
#include "drivers/sim/lane_sim.h"

struct lg_script_line { /* Of the script: the first whose path begins the target answers. */
    const char *path;
    int status;
    const char *body;
};

struct lg_script_world {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct lg_http_client *http;
    const struct lg_script_line *script;
    struct lg_buf asked; /* target and body of each request, a line each */
    bool awake, stopped;
    struct lg_buf out, shown; /* shown: all that the verb said */
    unsigned flushes,
        flushes_max; /* who reads goes away after so many; 0: all is shown at the end */
    bool terminal;
    struct lg_error err;
    enum lg_admin_confirm (*confirm)(void *ctx, const char *question, const char *answer);
};

struct lg_script_world *lg_script_world_new(const struct lg_script_line *script);
void lg_script_world_free(struct lg_script_world *w);
/* Parses and runs a command line; its error in w->err. */
enum lg_rc lg_script_run(struct lg_script_world *w, enum lg_output output, size_t count,
                         const char *const *words);
#define RUN(w, output, ...)                                                                        \
    lg_script_run(w, output, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),               \
                  (const char *const[]){__VA_ARGS__})
/* What the last verb said. */
const char *lg_script_out(const struct lg_script_world *w);
void lg_script_assert_has(const char *text, const char *part);
#define assert_has lg_script_assert_has

#endif
