/* The election of src/coord/election.c and the fence of every write of a leader, as a model for spin.
 *
 *     CANDIDATES controllers, one store of metadata. A controller looks at /term and then at /leader,
 *     two reads with anything in between; claims by one write; and, while it believes that it leads,
 *     writes with the fence of the moment at which the change began. At any moment the store may end
 *     its session (its /leader goes), which it may learn at once or long after: between losing
 *     and learning stands a process that was stopped, or a network that was cut.
 *
 * Safety (assertions): of each term at most one candidate writes; once a leader of a higher term has
 * written, no lower one's write applies; a term is never given out twice.
 * Liveness (ltl led, under weak fairness): once the trouble ends, somebody leads for good.
 *
 * -DBUG_NO_FENCE    a leader's write does not compare /term: spin must find a stale write.
 * -DBUG_BLIND_CLAIM a claim does not compare /term: spin must find a term given out twice.
 * -DBUG_DEAF        a deposed leader does not notice and nobody looks again: spin must find that nobody
 *                   leads.
 */
#ifndef CANDIDATES
#define CANDIDATES 2
#endif
#ifndef LOSSES_MAX
#define LOSSES_MAX 2 /* sessions that end while the trouble lasts */
#endif
#define UNKNOWN_MAX 1 /* claims whose answer is lost */
#define TERM_MAX (2 * LOSSES_MAX + UNKNOWN_MAX + 2)
#define NOBODY 255

/* The store. */
byte term = 0;             /* the value of /term, and its version: both grow by one */
byte leader = NOBODY;      /* who made /leader */
byte session[CANDIDATES];  /* grows when one ends */
byte losses = 0, unknown = 0;
byte written = 0;          /* the highest term whose write was applied */
byte writer[TERM_MAX + 1]; /* who wrote in a term; 0: nobody, else one more than the candidate */

/* The candidates. */
byte known_session[CANDIDATES]; /* the one that it believes to have */
bool believes[CANDIDATES];      /* that it leads, */
byte won[CANDIDATES];           /* in that term */

/* A candidate is three processes, so that each of them goes on by itself. Each `atomic` is one operation
 * of the store, or a step of the candidate alone. */

inline claim_is_done()
{
    if
    :: term = seen_term + 1; leader = me; believes[me] = true; won[me] = term
    /* Of its session nothing is left, though it does not know it yet: nothing happens. */
    :: known_session[me] != session[me] -> skip
    /* It happens, and the answer is lost. */
    :: unknown < UNKNOWN_MAX -> unknown++; term = seen_term + 1; leader = me
    fi
}

/* It looks while it does not lead, and claims. */
proctype candidate(byte me)
{
    byte seen_term, seen_leader;

end:
    do
    :: atomic { !believes[me] -> seen_term = term };
       atomic { seen_leader = leader };
       atomic {
           if
#ifdef BUG_BLIND_CLAIM
           :: seen_leader == NOBODY && leader == NOBODY && seen_term < TERM_MAX ->
#else
           :: seen_leader == NOBODY && leader == NOBODY && seen_term == term && term < TERM_MAX ->
#endif
               claim_is_done()
           /* Its own node: of an earlier session, or of a claim whose end it does not know. */
           :: seen_leader == me && leader == me && seen_term == term && term < TERM_MAX ->
               claim_is_done()
           :: else -> skip
           fi
       }
    od
}

/* It hears that its session ended, or, by the watch on /leader, that it does not lead any more: sooner or
 * later. */
proctype listener(byte me)
{
end:
    do
    :: atomic { known_session[me] != session[me] ->
           known_session[me] = session[me];
#ifndef BUG_DEAF
           believes[me] = false
#endif
       }
#ifndef BUG_DEAF
    :: atomic { believes[me] && (leader != me || term != won[me]) -> believes[me] = false }
#endif
    od
}

/* It begins a change while it leads; the change is written whenever it is, with the fence of then. */
proctype changer(byte me)
{
    byte fence;

end:
    do
    :: atomic { believes[me] -> fence = won[me] };
       atomic {
           if
#ifdef BUG_NO_FENCE
           :: true ->
#else
           :: term == fence ->
#endif
               assert(fence >= written);
               assert(writer[fence] == 0 || writer[fence] == me + 1);
               written = fence;
               writer[fence] = me + 1
#ifndef BUG_NO_FENCE
           :: else ->
#ifndef BUG_DEAF
               if
               :: won[me] == fence -> believes[me] = false
               :: else -> skip
               fi
#else
               skip
#endif
#endif
           fi
       }
    od
}

/* The store ends sessions, a bounded number of times. */
proctype trouble()
{
    byte who;

    do
    :: losses < LOSSES_MAX ->
        atomic {
            select(who : 0 .. CANDIDATES - 1);
            losses++;
            session[who]++;
            if
            :: leader == who -> leader = NOBODY
            :: else -> skip
            fi
        }
    :: losses < LOSSES_MAX -> losses = LOSSES_MAX
    :: losses == LOSSES_MAX -> break
    od
}

init {
    byte i;

    atomic {
        for (i : 0 .. CANDIDATES - 1) { run candidate(i); run listener(i); run changer(i) }
        run trouble()
    }
}

#define someone_leads (leader != NOBODY && believes[leader])
ltl led { <>[] someone_leads }
