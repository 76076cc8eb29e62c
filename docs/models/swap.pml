/* How versions are swapped and retired, as a model for spin: docs/design/thin-thread.md, steps 4 to 8.
 *
 *     One store whose versions come one after the other, PARTITIONS partitions with one replica each
 *     on servers, one controller, ROUTERS routers. Every role sees the metadata late: a router reads
 *     which version is current, some time later which replicas are ready, and some time later it serves
 *     that version. A read is pinned to the version that its router served at its start.
 *
 * Safety: a router begins a read only of a version that is ready in each partition at that moment
 * (assert in `reader`); nothing is dropped while a router serves it or a read of it is under way (assert
 * in `server`); the current version is never retired.
 * Liveness (ltl swapped, weak fairness): in the end every router serves the newest version.
 *
 * -DBUG_SWAP_EARLY  a version becomes current when one partition is ready, and routers believe it
 * -DBUG_RETIRE_EARLY the old version is retired without asking the routers
 * -DBUG_DROP_READ   servers drop what is retired without waiting for the reads under way
 */
#ifndef VERSIONS
#define VERSIONS 3
#endif
#define PARTITIONS 2
#define ROUTERS 2
#define AT(v, p) ((v) * PARTITIONS + (p))

/* The metadata. */
byte current = 1;                        /* version 1 is complete at the start */
bool listed[VERSIONS + 1];               /* the store has that version */
bool ready[(VERSIONS + 1) * PARTITIONS]; /* its replica has reported that it is complete */

/* What is so. */
bool held[(VERSIONS + 1) * PARTITIONS]; /* the server has the data */
byte known[ROUTERS];                    /* the newest that the router found complete */
byte serves[ROUTERS];
byte reads[VERSIONS + 1];               /* under way */

#define COMPLETE(v) (ready[AT(v, 0)] && ready[AT(v, 1)])
#define HELD(v) (held[AT(v, 0)] && held[AT(v, 1)])

/* Makes versions, swaps, retires: one change at a time. */
proctype controller()
{
    byte next = 2, old;

    do
    :: next > VERSIONS -> break
    :: else ->
        listed[next] = true;
#ifdef BUG_SWAP_EARLY
        (ready[AT(next, 0)] || ready[AT(next, 1)]);
#else
        COMPLETE(next);
#endif
        atomic { old = current; current = next; next++ }
#ifndef BUG_RETIRE_EARLY
        serves[0] == current; /* One router after the other answers the current version. */
        serves[1] == current;
#endif
        atomic { assert(old != current); listed[old] = false }
    od
}

/* One replica: of version `v`, partition `p`. */
proctype replica(byte v, p)
{
    byte r;

    if
    :: held[AT(v, p)] -> skip
    :: else -> listed[v]; held[AT(v, p)] = true; ready[AT(v, p)] = true
    fi;
end:
    !listed[v];
    ready[AT(v, p)] = false; /* Says so first. */
#ifndef BUG_DROP_READ
    reads[v] == 0;
#endif
    atomic {
        assert(reads[v] == 0);
        for (r : 0 .. ROUTERS - 1) { assert(serves[r] != v) }
        held[AT(v, p)] = false
    }
}

proctype catalog(byte me)
{
    byte seen;

end:
    do
    :: atomic { known[me] != current -> seen = current };
       atomic {
           if
#ifdef BUG_SWAP_EARLY
           :: true -> known[me] = seen
#else
           :: COMPLETE(seen) -> known[me] = seen
           :: else -> skip /* The router goes on with the one that it has. */
#endif
           fi
       }
    od
}

proctype router(byte me)
{
end:
    do
    :: atomic { known[me] != serves[me] -> serves[me] = known[me] }
    od
}

proctype reader(byte me)
{
    byte mine;

end:
    do
    :: atomic { mine = serves[me]; assert(COMPLETE(mine)); reads[mine]++ };
       atomic { assert(HELD(mine)); reads[mine]-- }
    od
}

init {
    byte i, j;

    atomic {
        listed[1] = true;
        for (i : 0 .. PARTITIONS - 1) { held[AT(1, i)] = true; ready[AT(1, i)] = true }
        for (i : 0 .. ROUTERS - 1) { known[i] = 1; serves[i] = 1 }
        run controller();
        for (i : 1 .. VERSIONS) { for (j : 0 .. PARTITIONS - 1) { run replica(i, j) } }
        for (i : 0 .. ROUTERS - 1) { run catalog(i); run router(i); run reader(i) }
    }
}

ltl swapped { <>[] (serves[0] == VERSIONS && serves[1] == VERSIONS) }
