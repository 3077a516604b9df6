/*
Promise: no job that is committed while the claimer sleeps is missed, though writers notify only a sleeper.

Before it sleeps the claimer takes a lock exclusively, and looks once more. A transaction that enqueues tries to take the
same lock shared, until its end. If it gets the lock, the claimer is awake and cannot fall asleep before this commit is
visible; if not, it sends a notification. PostgreSQL makes a commit visible before it lets go of the transaction's locks,
and delivers its notification afterwards.

The model has no poll, so the notification alone must be enough. Transactions may roll back; the claimer may be killed,
which frees its lock, and the next one begins by looking.

Steps and what takes them:
    look        gearbridge/persistence/claimer.py:Claimer._look
    arm         gearbridge/stores/postgresql/wakeup.py:PostgreSQLWakeup.arm
    disarm      gearbridge/stores/postgresql/wakeup.py:PostgreSQLWakeup.disarm
    sleep       gearbridge/stores/postgresql/wakeup.py:PostgreSQLWakeup.wait
    ring        sql/gearbridge/_ring.sql:_ring
    enqueue     sql/gearbridge/_enqueue.sql:_enqueue

Mutations:
    NO_SECOND_LOOK      the claimer sleeps as soon as it has the lock
    UNLOCK_BEFORE       a transaction lets go of the lock before its commit is visible
    DISARM_ASLEEP       the claimer lets go of the lock and sleeps
*/

#define WRITERS 3
#define KILLS 1

byte waiting;           /* committed rows that are not claimed */
bool exclusive;         /* the claimer's lock */
byte shared;            /* transactions that have it shared */
bool notified;          /* a notification that the claimer has not read */
byte ended;             /* transactions that are over, with their notifications */

proctype Writer() {
    bool rings;
enqueue:
    atomic {
        if
        :: exclusive -> rings = true
        :: else -> shared++
        fi
    }
#ifdef UNLOCK_BEFORE
    if :: !rings -> shared-- :: else fi;
#endif
    if
    :: waiting++;       /* visible */
ring:  if :: rings -> notified = true :: else fi
    :: skip             /* rolled back */
    fi;
#ifndef UNLOCK_BEFORE
    if :: !rings -> shared-- :: else fi;
#endif
    ended++
}

proctype Claimer() {
    bool armed, found;
    byte kills;
look:
    atomic { found = (waiting > 0); waiting = 0 }
    if
    :: found && armed -> if :: skip :: goto disarm fi
    :: found -> skip
    :: !found && !armed -> goto arm
    :: !found && armed -> goto sleep
    fi;
    goto look;
arm:
    atomic { if :: shared == 0 -> exclusive = true; armed = true :: else fi }
#ifdef NO_SECOND_LOOK
    if :: armed -> goto sleep :: else fi;
#endif
    goto look;
disarm:
    exclusive = false; armed = false;
    goto look;
sleep:
#ifdef DISARM_ASLEEP
    exclusive = false; armed = false;
#endif
    do
    :: notified -> notified = false; goto look
    :: atomic { kills < KILLS -> kills++; exclusive = false; armed = false; notified = false }; goto look
    :: ended == WRITERS && !notified ->
        assert(waiting == 0);
        break
    od
}

init {
    byte number;
    atomic {
        run Claimer();
        for (number : 1 .. WRITERS) { run Writer() }
    }
}
