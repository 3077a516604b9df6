/*
Promise: no two nodes give out one job while both trust their leases, and no job is settled by a node that was removed.

A node is a row with an epoch and a lease by the database's clock. It counts its lease from before it asked for it, and
looks at it before it gives out a job. A row is free when no node has its owner's epoch. Each claim and each commit group
locks the node's own row and fails where it is gone; other nodes remove a row whose lease is over. A node that was removed
joins again as a new one, claims again those of its rows that nobody has claimed since, and forgets the others.

Time passes at any moment, so a pause of a process is a schedule like any other. The answer to any statement may be lost:
then the node does not know what became of it.

Steps and what takes them:
    join        gearbridge/stores/ownership/node_lease.py:JoiningStore.rejoin
    renew       gearbridge/stores/ownership/node_lease.py:JoiningStore.beat
    claim       gearbridge/stores/ownership/shared_claims.py:SharedTableStore.claim
    give        gearbridge/core/gate.py:Gate.take
    settle      gearbridge/stores/jobtable/store.py:TableStore.apply
    remove      gearbridge/stores/ownership/heartbeat.py:Heartbeat.sweep

Mutations:
    COUNT_FROM_ANSWER   the lease is counted from when the answer came
    NO_LOOK             the lease is not looked at before a job is given out
    NO_FENCE            a commit group does not look for the node's row
    KEEP_LOST           a node that joins again keeps what others have claimed since
*/

#define NODES 2
#define LEASE 2
#define MOST_TIME 4
#define MOST_EPOCHS 3
#define LOST_ANSWERS 1

byte now;                       /* the same for all clocks: only their pace must be, not what they show */
byte epochs;                    /* given so far */
bool present[MOST_EPOCHS + 1];  /* the rows of the nodes, by epoch */
byte lease_until[MOST_EPOCHS + 1];
byte owner;                     /* the job's, as an epoch; 0: none */
bool done;                      /* the job's row is deleted */
byte lost_answers;

proctype Clock() {
    do
    :: now < MOST_TIME -> now++
    :: now == MOST_TIME -> break
    od
}

/* The lease, in the row and as the node counts it. */
inline lease() {
    present[epoch] = true;
    lease_until[epoch] = now + LEASE;
#ifndef COUNT_FROM_ANSWER
    until = begin + LEASE;
#endif
    begin = 0
}

#ifdef COUNT_FROM_ANSWER
#define ANSWERED ; until = now + LEASE
#else
#define ANSWERED
#endif

proctype Node() {
    byte epoch, begin, until;
    bool has, gave;         /* the job, as this node knows; a worker has it */
join:
    begin = now;
    if
    :: epochs == MOST_EPOCHS -> goto leave
    :: atomic { epochs < MOST_EPOCHS ->
        epochs++; epoch = epochs;
        lease();
        /* what it has is claimed again in the same transaction */
        if
        :: has && !done && (owner == 0 || !present[owner]) -> owner = epoch
#ifndef KEEP_LOST
        :: has && (done || (owner != 0 && present[owner])) -> has = false; gave = false
#endif
        :: else
        fi } ANSWERED
    fi;
    do
    :: atomic { now < MOST_TIME ->
renew:  begin = now };
        if
        :: atomic { present[epoch] ->
            if
            :: lease()
            :: lost_answers < LOST_ANSWERS -> lost_answers++; lease_until[epoch] = now + LEASE; begin = 0
            fi } ANSWERED
        :: !present[epoch] -> goto join
        fi
    :: atomic { present[epoch] && !has && !done && (owner == 0 || owner == epoch || !present[owner]) ->
claim:  owner = epoch;
        if
        :: has = true
        :: lost_answers < LOST_ANSWERS -> lost_answers++
        fi }
#ifdef NO_LOOK
    :: atomic { has && !gave ->
#else
    :: atomic { has && !gave && now < until ->
#endif
give:   assert(owner == epoch && present[epoch]);
        gave = true }
#ifdef NO_FENCE
    :: atomic { gave ->
#else
    :: atomic { gave && present[epoch] ->
#endif
settle: assert(done || owner == epoch);
        done = true;
        if
        :: has = false; gave = false
        :: lost_answers < LOST_ANSWERS -> lost_answers++
        fi }
    :: !present[epoch] -> goto join
    :: now == MOST_TIME || (done && !has) -> break
    od;
leave:
    present[epoch] = false
}

proctype Sweeper() {
    byte number;
    do
    :: now == MOST_TIME -> break
    :: atomic {
remove: for (number : 1 .. MOST_EPOCHS) {
            if
            :: present[number] && lease_until[number] < now -> present[number] = false
            :: else
            fi
        }
       }
    od
}

init {
    byte number;
    atomic {
        run Clock();
        run Sweeper();
        for (number : 1 .. NODES) { run Node() }
    }
}
