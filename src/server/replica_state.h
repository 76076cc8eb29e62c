/* The life of one replica on its server, as pure decisions: what the assignment wants of it, where
 * it stands, what is to be done next. server/replica_drive does it.
 *
 *   QUEUED ──▶ OPENING ──▶ STANDBY ◀──▶ LEADER
 *    ▲  │         │   ╲       │ ▲          │
 *    │  │         │    ╲──▶ ERROR ◀────────╯      a sentence says why
 *    │  │         │           │ │ │
 *    │  │         ▼           │ ▼ │
 *    ╰──┼────── CLOSING ◀─────╯ LEAVING           nobody is sent here any more; who reads may
 *       ▼         │                │              end, and it comes back if it is ours again
 *     DROPPED ◀───╯◀───────────────╯
 *
 * QUEUED, OPENING, LEAVING and CLOSING are OFFLINE to the others. A replica that is not wanted any
 * more is dropped; one with a higher reset number is closed and opened again; what failed is tried
 * again after a pause. All three are the same way: CLOSING, and then QUEUED or DROPPED.
 *
 * Owned by the server's lane.
 */
#ifndef LG_SERVER_REPLICA_STATE_H
#define LG_SERVER_REPLICA_STATE_H

#include "lane/sm.h"
#include "model/enums.h"

enum lg_life_step {
    LG_LIFE_IS_QUEUED,
    LG_LIFE_IS_OPENING,
    LG_LIFE_IS_STANDBY,
    LG_LIFE_IS_LEADER,
    LG_LIFE_IS_ERROR,
    LG_LIFE_IS_LEAVING,
    LG_LIFE_IS_CLOSING,
    LG_LIFE_IS_DROPPED,
};

/* What the assignment says of one replica. */
struct lg_replica_wish {
    bool ours;
    bool leads;
    int64_t term;  /* of the leadership; a lower one than was seen is out of date */
    int64_t reset; /* how often it was to begin anew; only grows */
    bool wipe;     /* the last time from nothing */
};

struct lg_replica_life {
    struct lg_sm sm;
    bool wanted, leads, wipe;
    int64_t term;         /* the highest that was seen */
    int64_t reset_wanted; /* the highest that was seen */
    int64_t reset_opened; /* what it was opened for */
    int64_t reset_done;   /* what it was opened for with success */
    bool quiet;           /* LEAVING: withdrawn, and the grace is over */
    bool again;           /* ERROR: the pause before the next try is over */
    bool ending;          /* the server stops: it closes, and its files stay */
    uint32_t tries;       /* that failed, one after the other */
};

enum lg_life_act {
    LG_LIFE_STAY,
    LG_LIFE_OPEN,
    LG_LIFE_PROMOTE,
    LG_LIFE_DEMOTE,
    LG_LIFE_LEAVE,
    LG_LIFE_COME_BACK,
    LG_LIFE_CLOSE,
    LG_LIFE_DROP, /* it is not open: nothing to close */
};

/* `reset_done` as it was kept from a former life; 0 for a new one. */
void lg_replica_life_init(struct lg_replica_life *l, int64_t reset_done);
/* Takes in what the assignment says now. */
void lg_replica_life_wish(struct lg_replica_life *l, const struct lg_replica_wish *wish);
/* What is to be done now. */
enum lg_life_act lg_replica_life_next(const struct lg_replica_life *l);
/* Moves as lg_replica_life_next said; STAY moves nothing. */
void lg_replica_life_do(struct lg_replica_life *l, enum lg_life_act act);

/* What happened to it. */
void lg_replica_life_opened(struct lg_replica_life *l); /* OPENING only; elsewhere nothing */
/* It has all: what failed before is forgotten. */
void lg_replica_life_completed(struct lg_replica_life *l);
/* False when it is not open any more, and the failure of no concern. */
bool lg_replica_life_failed(struct lg_replica_life *l);
void lg_replica_life_closed(struct lg_replica_life *l); /* CLOSING ends: QUEUED or DROPPED */

/* Does opening it begin with nothing? */
bool lg_replica_life_wipes(const struct lg_replica_life *l);
/* Are its files to be removed when it is closed? */
bool lg_replica_life_destroys(const struct lg_replica_life *l);

/* What the others are told. A replica that failed is in ERROR until it is open again. */
enum lg_replica_state lg_replica_life_told(const struct lg_replica_life *l);

/* Is it worth trying again by itself? What the disk did may pass; what stands in the topic stays.
 */
bool lg_replica_worth_retry(enum lg_rc rc);
#define LG_REPLICA_RETRY_MS_MIN 1000u
#define LG_REPLICA_RETRY_MS_MAX 60000u
#define LG_REPLICA_RETRIES_MAX 30u /* About 25 minutes; afterwards only a reset helps. */
/* The pause before the next try; 0: no more. */
uint64_t lg_replica_retry_ms(uint32_t tries);

#endif
