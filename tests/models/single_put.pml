/*
Promise: a lone job that the event loop sends itself is acknowledged exactly when it is in the table, and the loop and the
committer's thread never use the store's connection at the same time.

Where a commit group is one Put and the thread has nothing to do, the loop sends the statement, and is told by the socket
when the answer has come. Meanwhile store calls are held. Whatever is not a plain success is the thread's: it gets the
group and does it over, and leaves a row alone that is there already. An answer that takes long is waited for by the
thread, ahead of the calls that were held.

The connection may break before or after the statement took effect; the thread connects again.

Steps and what takes them:
    begin       gearbridge/persistence/single_put.py:SinglePuts.begin
    look        gearbridge/persistence/single_put.py:SinglePuts._look
    watch       gearbridge/persistence/single_put.py:SinglePuts._watch
    hold        gearbridge/persistence/store_thread.py:Committer.run_call
    apply       gearbridge/persistence/store_thread.py:Committer.apply

Mutations:
    NO_HOLD         store calls are made while the loop waits for its answer
    NOT_IDLE        the loop sends a job although the thread has something to do
    NO_LOOK         the thread writes the job without a look for the row that is there
    GUESS           a broken connection counts as a success
*/

#define BREAKS 2
#define CALLS 2

mtype = { NOTHING, GROUP, WAIT, CALL };
chan requests = [4] of { mtype };   /* the thread's */
byte pending;                       /* requests that it has not finished */
byte users;                         /* of the connection */
bool held;                          /* store calls are held back */
byte held_calls;
bool durable;                       /* the job's row */
bool sent, answered, success;       /* the loop's statement; its answer is on the socket */
bool given;                         /* the job was submitted */
bool acknowledged, refused;
bool waited, waited_success;        /* what the thread found when it waited */
bool group_done, group_success;
byte breaks, calls;

#define FINISHED (acknowledged || refused)

inline execute() {                  /* the statement at the database; a unique index refuses a row that is there */
    if
    :: atomic { !durable -> durable = true; success = true }
    :: atomic { durable -> success = false }
    :: atomic { breaks < BREAKS -> breaks++;
#ifdef GUESS
        success = true
#else
        success = false
#endif
        if :: durable = true :: skip fi }
    fi
}

proctype Loop() {
    bool hand_over;
    do
    :: atomic { !given -> given = true;
begin:
#ifdef NOT_IDLE
        if
        :: held = true; sent = true
#else
        if
        :: pending == 0 -> held = true; sent = true
#endif
        :: hand_over = true
        fi }
    :: atomic { hand_over ->
apply:  hand_over = false; pending++; requests!GROUP }
    :: atomic { sent && answered && held ->
look:   sent = false; answered = false; held = false;
        pending = pending + held_calls;
        do :: held_calls > 0 -> held_calls--; requests!CALL :: else -> break od;
        if :: success -> assert(durable); acknowledged = true :: else -> hand_over = true fi }
    :: atomic { sent && held ->
watch:  held = false;
        pending++; requests!WAIT;
        pending = pending + held_calls;
        do :: held_calls > 0 -> held_calls--; requests!CALL :: else -> break od }
    :: atomic { waited ->
        waited = false; sent = false; answered = false;
        if :: waited_success -> assert(durable); acknowledged = true :: else -> hand_over = true fi }
    :: atomic { group_done ->
        group_done = false;
        if :: group_success -> assert(durable); acknowledged = true :: else -> refused = true; assert(!durable) fi }
    :: atomic { calls < CALLS ->            /* a claim, say */
        calls++;
#ifndef NO_HOLD
hold:   if :: held -> held_calls++ :: else -> pending++; requests!CALL fi
#else
        pending++; requests!CALL
#endif
        }
    :: FINISHED && calls == CALLS -> break
    od
}

/* The loop's statement on its way: it uses the connection until its answer is read. */
proctype Database() {
    sent || FINISHED;
    if
    :: sent -> users++; assert(users == 1); execute(); users--; answered = true
    :: else
    fi
}

proctype Thread() {
    mtype request = NOTHING;
end: do
    :: requests?request ->
        if
        :: request == GROUP ->
            users++; assert(users == 1);
#ifdef NO_LOOK
            execute(); group_success = success;
#else
            do                              /* until the patience is over; a connection is made anew */
            :: atomic { durable = true; group_success = true }; break
            :: atomic { breaks < BREAKS -> breaks++; if :: durable = true :: skip fi }
            od;
#endif
            users--;
            atomic { pending--; group_done = true }
        :: request == WAIT ->
            answered;
            atomic { pending--; waited_success = success; waited = true }
        :: request == CALL ->
            users++; assert(users == 1); users--;
            pending--
        fi;
        request = NOTHING
    od
}

init { atomic { run Loop(); run Database(); run Thread() } }
