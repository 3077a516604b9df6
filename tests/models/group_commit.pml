/*
Promise: no background job is acknowledged before its commit, each connection gets its replies in the order of its
requests, and a job whose submission was refused does not stay in the table.

A background submission is added to the journal, and its reply is held. While one commit group is written the next one
gathers. A group that fails as a whole is written one operation at a time, so that one bad job fails alone. After the
commit the replies are released: on each connection those at the head that are ready, so that an echo waits behind a
submission that came before it. A submission that has waited for longer than the patience is refused. If it still
gathers it is withdrawn; if it is being written it may be written all the same, and is then deleted by a later group.

The process may be killed at any moment. What was refused may then be in the table: an error says nothing of that.

Steps and what takes them:
    submit      gearbridge/core/journal.py:Journal.put
    begin       gearbridge/persistence/group_commit.py:GroupCommit._begin
    apply       gearbridge/persistence/apply_group.py:apply_group
    committed   gearbridge/core/acknowledgement.py:Acknowledgement.committed
    release     gearbridge/core/peer.py:Peer.release
    refuse      gearbridge/core/acknowledgement.py:Acknowledgement.refuse_overdue

Mutations:
    REPLY_AT_ONCE       a submission is acknowledged when it is in the journal
    OVERTAKE            an echo is answered past the replies that are held
    ACKNOWLEDGE_ALL     a group is acknowledged whole, whatever failed in it
    KEEP_OVERDUE        what was refused while it was written is not deleted afterwards
*/

#define REQUESTS 3
#define EACH number : 0 .. REQUESTS - 1

mtype = { NONE, HELD, CREATED, REFUSED, ECHOED };
mtype reply[REQUESTS];          /* as it waits to be sent */
bool put[REQUESTS];             /* in the journal's next group */
bool drop[REQUESTS];            /* the same, to be deleted */
bool putting[REQUESTS];         /* in the group that is being written */
bool dropping[REQUESTS];
bool overdue[REQUESTS];         /* refused while it was being written */
bool failed[REQUESTS];          /* of the group that was written last */
bool durable[REQUESTS];         /* in the table */
bool refused[REQUESTS];         /* the client has read the error */
bool busy;                      /* a group is under way */
bool written;                   /* it is written, and the loop has not been told */
byte came;                      /* requests that were read */
byte sent;                      /* replies that were sent */
bool killed;

inline send(which, what) {
    assert(sent == which);
    if
    :: what == CREATED -> assert(durable[which])
    :: what == REFUSED -> refused[which] = true
    :: what == ECHOED
    fi;
    sent++
}

/* The event loop: nothing runs in the middle of one of its steps. */
proctype Loop() {
    byte number;
    bool any;
    do
    :: atomic { !killed && came < REQUESTS ->
submit: if
        :: put[came] = true;
#ifdef REPLY_AT_ONCE
           reply[came] = CREATED
#else
           reply[came] = HELD
#endif
        :: reply[came] = ECHOED;
#ifdef OVERTAKE
           send(came, ECHOED);
           reply[came] = NONE
#endif
        fi;
        came++ }
    :: atomic { !killed && !busy ->
begin:  any = false;
        for (EACH) { any = any || put[number] || drop[number] }
        if
        :: any ->
            for (EACH) {
                putting[number] = put[number]; dropping[number] = drop[number];
                put[number] = false; drop[number] = false
            }
            busy = true
        :: else
        fi;
        number = 0; any = false }
    :: atomic { !killed && written ->
committed:
        for (EACH) {
            if
            :: putting[number] && overdue[number] ->
#ifndef KEEP_OVERDUE
                drop[number] = !failed[number];
#endif
                overdue[number] = false
#ifndef ACKNOWLEDGE_ALL
            :: putting[number] && !overdue[number] && failed[number] -> reply[number] = REFUSED
            :: putting[number] && !overdue[number] && !failed[number] && reply[number] == HELD -> reply[number] = CREATED
#else
            :: putting[number] && !overdue[number] && reply[number] == HELD -> reply[number] = CREATED
#endif
            :: else
            fi;
            putting[number] = false; dropping[number] = false; failed[number] = false
        }
        number = 0; written = false; busy = false }
    :: atomic { !killed && sent < came && reply[sent] != HELD && reply[sent] != NONE ->
release:
        number = sent;
        send(number, reply[number]);
        reply[number] = NONE; number = 0 }
    :: atomic { !killed ->
refuse: for (EACH) {
            if
            :: reply[number] == HELD && put[number] -> reply[number] = REFUSED; put[number] = false
            :: reply[number] == HELD && putting[number] -> reply[number] = REFUSED; overdue[number] = true
            :: else
            fi
        }
        number = 0 }
    :: atomic { killed || (came == REQUESTS && sent == came && !busy) ->
        for (EACH) { any = any || put[number] || drop[number] }
        if
        :: killed -> break
        :: !killed && any -> any = false; number = 0
        :: else ->
            for (EACH) { assert(!refused[number] || !durable[number]) }
            killed = true;
            break
        fi }
    od
}

/* The committer's thread: one transaction, or after its failure one for each operation. */
proctype Committer() {
    byte number;
    do
    :: killed -> break
    :: !killed && busy && !written ->
apply:  if
        :: atomic { !killed ->
            for (EACH) {
                if :: putting[number] -> durable[number] = true :: else fi;
                if :: dropping[number] -> durable[number] = false :: else fi
            }
            number = 0 }
        :: do
           :: atomic { number < REQUESTS && !killed ->
                if
                :: putting[number] -> durable[number] = true
                :: putting[number] -> failed[number] = true
                :: dropping[number] -> durable[number] = false
                :: !putting[number] && !dropping[number]
                fi;
                number++ }
           :: number == REQUESTS || killed -> break
           od;
           number = 0
        fi;
        atomic { if :: !killed -> written = true :: else fi }
    od
}

/* Kills the process: what is in memory is gone, and what was acknowledged is in the table. */
proctype Killer() {
    killed = true
}

init { atomic { run Loop(); run Committer(); run Killer() } }
