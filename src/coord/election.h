/* Which controller of a cluster leads, over the metastore port.
 *
 *     FOLLOWING ──/leader is absent──▶ CLAIMING ──written──▶ LEADING
 *         ▲                               │                     │ session lost, a write fenced off,
 *         └──────────somebody else────────┘◀────────────────────┘ /leader gone, resigned
 *
 * A candidate that finds no /leader writes, all or none: /term grows by one, /leader appears for as
 * long as its session lives. Who succeeds leads, for that term. Every write of a leader begins with
 * lg_election_fence, which compares /term: a leader that was stopped while another was elected, and
 * does not know it, changes nothing any more. So whether it *believes* that it leads decides only
 * what it tries; whether it leads is decided by each write.
 *
 * Owned by one lane; all calls come from it.
 */
#ifndef LG_COORD_ELECTION_H
#define LG_COORD_ELECTION_H

#include "metastore/metastore.h"

#define LG_ELECTION_TERM_PATH "/term"
#define LG_ELECTION_LEADER_PATH "/leader"
/* Who resigned lets others go first for so long. */
#define LG_ELECTION_RESIGN_MS 2000u

struct lg_election; /* Opaque. */

struct lg_election_options {
    struct lg_lane *lane;
    struct lg_metastore *metastore; /* a session of the candidate; outlives the election */
    const char *id;                 /* of the candidate, unlike all others; copied */
    const char *url;                /* how others reach it; copied */
    const char *identity;           /* of this very process; copied */
    /* Something below changed; on the lane, never from inside a call of this header. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* Campaigns at once. */
struct lg_election *lg_election_start(const struct lg_election_options *options);
/* Resigns if it leads, so that another need not wait for a session to end. `done` runs once on the
 * lane; the election is gone then. `changed` does not run any more. */
void lg_election_stop(struct lg_election *e, void (*done)(void *ctx), void *ctx);

/* As far as this candidate knows. */
bool lg_election_leads(const struct lg_election *e);
/* The term in which it leads, else the highest it has heard of; 0: none. */
uint64_t lg_election_term(const struct lg_election *e);
/* Who leads; NULL while nobody does or nothing is known. Borrowed until the next `changed`. */
const char *lg_election_leader_id(const struct lg_election *e);
const char *lg_election_leader_url(const struct lg_election *e);

/* What each write of the leader begins with. Only while lg_election_leads. */
struct lg_meta_change lg_election_fence(const struct lg_election *e);
/* A write that began with the fence failed: was it the fence? Then leadership is over when this
 * returns, and the answer is true. `op` is a WRITE that is done. */
bool lg_election_check_fenced(struct lg_election *e, const struct lg_meta_op *op);
/* Gives leadership up, if it has it, and lets others go first. */
void lg_election_resign(struct lg_election *e);

/* --- The decision. Pure. ---------------------------------------------------------------------- */

/* What was read: /term, then /leader, in this order. */
struct lg_election_seen {
    bool has_term, has_leader;
    int64_t term_version;        /* of the node /term */
    uint64_t term;               /* its value; 0: unreadable */
    uint64_t leader_term;        /* of /leader; 0: unreadable */
    const char *leader_identity; /* of /leader; "": unreadable */
    bool is_junk;                /* /leader is there and names nobody */
};
struct lg_election_self {
    const char *identity;
    bool leads;
    int64_t term_version; /* at which it won; while it leads */
    bool yields;          /* it resigned a moment ago */
};
enum lg_election_step {
    LG_ELECTION_FOLLOW,  /* somebody else leads, or may go first */
    LG_ELECTION_CLAIM,   /* nobody leads: write /term and /leader */
    LG_ELECTION_RECLAIM, /* /leader is of an earlier session or an unknown write of ours, or names
                            nobody: replace it in a new term */
    LG_ELECTION_KEEP,    /* it leads, and that is what is there */
    LG_ELECTION_LOST,    /* it led; that is over */
};
enum lg_election_step lg_election_decide(const struct lg_election_self *self,
                                         const struct lg_election_seen *seen);

#endif
