/* "I am here": one ephemeral node of a process, for as long as its metastore session lives.
 *
 *     HELD ──now──▶ WRITING ──▶ THERE ──session lost, node gone──▶ WRITING (by_hand: HELD)
 *                    │  ▲
 *                    ▼  │ it went
 *                  WAITING: another process has the path ──conflict_ms──▶ FAILED
 *
 * A path that the same identity holds (the same process in an earlier session, or an earlier
 * process with the same data at the same address) is taken over at once. One that another identity
 * holds is never taken: two processes would believe that they are the same one. Nor is that of the
 * same identity at another address: an earlier process that has died goes with its session, one
 * that stays runs with a copy of the data. Whoever finds its own path taken over ends at once. What
 * names no process, as a hand may have written it, is put right: at once by the process that is
 * there, by one that comes when nobody has done so for conflict_ms.
 *
 * Owned by one lane; all calls come from it.
 */
#ifndef LG_COORD_ANNOUNCE_H
#define LG_COORD_ANNOUNCE_H

#include "metastore/metastore.h"

#define LG_ANNOUNCE_CONFLICT_MS 20000u /* longer than two sessions usually last */
#define LG_ANNOUNCE_IDENTITY_MAX 64u   /* with the ending NUL */

struct lg_announce; /* Opaque. */

struct lg_announce_options {
    struct lg_lane *lane;
    struct lg_metastore *metastore; /* outlives it */
    const char *path;               /* "/instances/host_8888"; copied */
    const char *value;              /* a JSON object; copied */
    /* The member "identity" of the value: who this is across restarts. NULL: the value has none,
     * which is what v0.1 writes; two without are the same. Copied. */
    const char *identity;
    /* The member "life" of the value: unlike that of any other process with this identity. NULL:
     * the value has none, and processes of one identity are not told apart. Copied. */
    const char *life;
    uint64_t conflict_ms; /* how long it waits for another process to go; 0: the default */
    /* Announces only after lg_announce_now, and after a lost session only when that is called
     * again: for who must know something first. */
    bool by_hand;
    void (*changed)(void *ctx); /* announced, or not any more; may be NULL */
    /* Another process holds the path, and does not go: LG_ERR_CONFLICT names both. Nothing more is
     * tried. NULL: it is logged only. */
    void (*failed)(void *ctx, const struct lg_error *err);
    void *ctx;
};

struct lg_announce *lg_announce_start(const struct lg_announce_options *options);
/* Announces, if it has not; for by_hand. */
void lg_announce_now(struct lg_announce *a);
/* Has it announced itself, as far as it knows? */
bool lg_announce_is_there(const struct lg_announce *a);
/* It says another thing from now on, of the same identity and life: a JSON object, copied. What is
 * there already is changed in its place, and nobody takes it for gone meanwhile. */
void lg_announce_say(struct lg_announce *a, const char *value);
/* The node goes, now; it comes back with lg_announce_now only. */
void lg_announce_withdraw(struct lg_announce *a);
/* Withdraws; `done` runs once on the lane, and it is gone then. `changed` and `failed` do not run
 * any more. */
void lg_announce_stop(struct lg_announce *a, void (*done)(void *ctx), void *ctx);

/* 128 random bits as text, from the lane's source. */
void lg_announce_make_identity(struct lg_lane *lane, char out[LG_ANNOUNCE_IDENTITY_MAX]);

#endif
