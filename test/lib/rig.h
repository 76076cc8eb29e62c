/* What the process tests stand on: a folder of their own, a `lagoon standalone` in it, and verbs
 * run against it. Everything here fails the running test when it cannot be done. */
#ifndef LG_TEST_LIB_RIG_H
#define LG_TEST_LIB_RIG_H

#include "base/json.h"
#include "test/lib/ask.h"
#include "test/lib/process.h"

#define LG_RIG_READY_MS 60000u /* generous: sanitizers, two cores, other tests */
#define LG_RIG_VERB_MS 120000u

struct lg_rig {
    char folder[128]; /* for the test's files; removed at the end */
    char *data;       /* the standalone's data directory, in it */
    struct lg_process standalone;
    uint16_t controller, router, server; /* ports, while it runs */
    /* Of verbs ("NAME=value", NULL at the end); NULL: LAGOON_DATA names the data directory. */
    const char *const *environment;
    /* Reads are refused for being late, as by default; else none is because other tests run beside
     * this one. */
    bool sheds;
    /* Of the verb that ran last. */
    int status;
    struct lg_buf out, err; /* what it wrote, as text */
};

/* Makes the folder; nothing runs yet. */
void lg_rig_init(struct lg_rig *rig);
/* Ends the standalone with SIGTERM (it must end with 0, without a leak), removes the folder. */
void lg_rig_done(struct lg_rig *rig);

/* Starts the standalone with --data and, unless `words` or a former start chose ports, free ones;
 * waits until it is ready. `words`, `environment`: more of them, NULL-ended, or NULL. A restart
 * listens where the first start did. */
void lg_rig_start(struct lg_rig *rig, const char *const *words, const char *const *environment);
/* The two halves of the above. */
void lg_rig_launch(struct lg_rig *rig, const char *const *words, const char *const *environment);
/* False when the process ended before it was ready. */
bool lg_rig_wait_ready(struct lg_rig *rig);
/* SIGTERM; the exit status must be 0. */
void lg_rig_stop(struct lg_rig *rig);
void lg_rig_kill(struct lg_rig *rig);

/* A path below the rig's folder; the caller owns it. */
char *lg_rig_path(const struct lg_rig *rig, const char *name);
/* Writes a file below the rig's folder and returns its path; the caller owns it. */
char *lg_rig_file(const struct lg_rig *rig, const char *name, struct lg_slice content);
void lg_rig_read_file(const char *path, struct lg_buf *out);

/* Runs a verb to its end, with LAGOON_DATA naming the data directory. */
int lg_rig_run(struct lg_rig *rig, const char *const *words);
#define LG_RUN(rig, ...) lg_rig_run(rig, (const char *const[]){__VA_ARGS__, NULL})
/* The verb's status must be `want`; else its output is shown. */
#define assert_run(rig, want, ...) lg_rig_assert(rig, want, LG_RUN(rig, __VA_ARGS__))
void lg_rig_assert(const struct lg_rig *rig, int want, int got);
/* What the last verb wrote contains this. */
void lg_rig_assert_out(const struct lg_rig *rig, const char *part);
void lg_rig_assert_err(const struct lg_rig *rig, const char *part);
/* Starts a verb in the background. */
void lg_rig_spawn(const struct lg_rig *rig, struct lg_process *p, const char *const *words);

/* Text of a reply or a verb as JSON; fails the test when it is none. */
struct lg_json *lg_rig_json(struct lg_slice text);
/* The controller's view of a store ("store" of GET /store); NULL when there is none. */
struct lg_json *lg_rig_store(const struct lg_rig *rig, const char *store);
/* The same where the controller may die any moment: false when it does not answer. */
bool lg_rig_try_store(const struct lg_rig *rig, const char *store, struct lg_json **out);
/* The log's topics, as the controller lists them. */
struct lg_json *lg_rig_topics(const struct lg_rig *rig);

#endif
