/*
Promise: a committed job is done at least once, and exactly once where its worker calls gman_complete in its own
transaction and the bridge follows it. A job that was handed over is done again only if a worker was lost with it or the
job server was killed.

The bridge claims a row, and submits it under the row's handle as unique key. A job that is only handed over goes to the
background: its row is deleted when JOB_CREATED has come, and from then on the job server's store has it. A followed job
is in the foreground: its row is deleted when its worker has reported the end. When the link to the job server is lost,
everything on it is submitted again under the same key. A gearbridge server joins an unfinished job of that key, and
remembers, in memory, the keys of background jobs that it has finished.

The bridge, the job server, the worker and the link may break at any moment, CRASHES times in all.

Steps and what takes them:
    claim       gearbridge/bridge/relay.py:Relay.claimed
    submit      gearbridge/bridge/relay.py:Relay.next_ready
    created     gearbridge/bridge/relay.py:Relay.reply
    link_lost   gearbridge/bridge/relay.py:Relay.lost
    join        gearbridge/core/admission.py:Admission.submit
    remember    gearbridge/core/recently_completed.py:RecentlyCompleted.remember
    complete    sql/gearbridge/_complete.sql:_complete

Mutations:
    DELETE_FIRST        the row is deleted when the job is submitted, before JOB_CREATED has come
    SUBMIT_ONCE         what was on a lost link is not submitted again
    NO_MEMORY           the job server remembers no finished job
    NO_TRANSACTION      the worker's work is committed whether or not gman_complete found the row
*/

#define CRASHES 3

bool followed, exactly_once;    /* what kind of job it is */
bool row = true;                /* the job, in the table */
byte effects;                   /* how often the worker's work was committed */
byte crashes, excuses;          /* excuses: crashes after which a job that was handed over may be done again */

/* The bridge's memory. */
bool claimed, out;
/* The link: replies that are under way to the bridge. */
bool created_reply, end_reply;

/* The job server. */
bool has, background, running, remembered;
bool awaited;                   /* the bridge is connected, and waits for its end */

inline lose_link() {
    created_reply = false; end_reply = false; awaited = false;
    if :: has && !background && !running -> has = false :: else fi;    /* abandoned by its last client */
#ifdef SUBMIT_ONCE
    skip
#else
    out = false
#endif
}

proctype Bridge() {
end:    do
    :: atomic { row && !claimed ->
claim:  claimed = true }
    :: atomic { claimed && !out ->
submit: out = true;
#ifdef DELETE_FIRST
        if :: !followed -> row = false :: else fi
#endif
        }
join:   if
        :: atomic { out && followed -> if :: !has -> has = true; background = false :: else fi; awaited = true; created_reply = true }
        :: atomic { out && !followed && !remembered -> if :: !has -> has = true; background = true :: else fi; created_reply = true }
        :: atomic { out && !followed && remembered -> created_reply = true }
        :: atomic { !out -> skip }                          /* the link was lost before it got there */
        fi
    :: atomic { created_reply ->
created:
        created_reply = false;
        if :: !followed && out -> row = false; claimed = false; out = false :: else fi }
    :: atomic { end_reply ->
        end_reply = false;
        if :: out -> row = false; claimed = false; out = false :: else fi }
    od
}

proctype Worker() {
end:    do
    :: atomic { has && !running -> running = true };
complete:
        if
        :: atomic { running && exactly_once ->
#ifdef NO_TRANSACTION
            effects++;
#else
            if :: row -> effects++ :: else fi;
#endif
            row = false }
        :: atomic { running && !exactly_once -> effects++ }
        :: atomic { !running -> skip }
        fi;
        atomic {
            if
            :: running ->
                running = false; has = false;
#ifndef NO_MEMORY
remember:       remembered = background;
#endif
                if :: awaited -> end_reply = true; awaited = false :: else fi
            :: else
            fi
        }
    od
}

proctype Breaker() {
    do
    :: crashes < CRASHES ->
        if
        :: atomic { true ->
link_lost:  crashes++; lose_link() }                                                    /* the link */
        :: atomic { crashes++; lose_link(); claimed = false; out = false }                  /* the bridge */
        :: atomic { running -> crashes++; excuses++; running = false }                      /* the worker */
        :: atomic { crashes++; excuses++; lose_link(); running = false; remembered = false; /* the job server */
            has = has && background }
        fi
    :: break
    od
}

init {
    atomic {
        if :: followed = true :: followed = false fi;
        if :: followed -> exactly_once = true :: skip fi;
        run Bridge(); run Worker(); run Breaker()
    }
    timeout ->                          /* nothing moves any more */
    assert(!row);
    assert(effects >= 1);
    assert(!exactly_once || effects == 1);
    assert(followed || effects <= 1 + excuses)
}
