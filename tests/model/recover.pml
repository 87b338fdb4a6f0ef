/* SPDX-License-Identifier: MIT
 * One run with one recover, two workers, one machine, two databases and a promotion: may a command start twice, two overlap,
 * or one start that nobody was told of? docs/model.md maps each part to the code and says what is not modelled.
 *
 * No clock is modelled. Whatever a clock decides (a lease's end, a deadline, give_up_at, how long bytes are under way) may
 * happen at any time, so what holds here holds for any clocks and any pauses. Faults are counted, so every path ends: a state
 * where nothing moves any more is the end of a run, and it is checked there that the run has ended.
 *
 * An assertion's comment is what tests/model/check.py shows: the promise, and its words. */

#ifndef FAULTS
#define FAULTS 3 /* in all; each kind has a bound of its own below */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#define INCARNATIONS 4 /* two at first; one more for each kill and each false death */

byte faults = FAULTS;
#define may_fail(kind) (faults > 0 && kind > 0)
#define fails(kind) faults--; kind--

byte kills = 1;        /* a worker dies; its process starts again as another incarnation */
byte false_deaths = 1; /* a live worker is marked dead: paused, silent, or a clock is wrong */
byte steals = 1;       /* its run is taken from a live worker because give_up_at has passed */
byte lost_answers = 2; /* a transaction was sent and no answer came: it may be committed later, or never */
byte breaks = 2;       /* an SSH connection breaks; what was sent may arrive later, or never */
byte dead_outers = 1;  /* the wrapper's outer shell is killed on the machine */
byte reboots = 1;      /* of the machine; its folder may survive that, or not */
byte wipes = 1;        /* its folder is emptied */

byte rule;  /* the recover's `unsure` */
#define VERIFY 0 /* hand_over is the same here: the run goes on to its end */
#define RERUN 1

byte got;    /* scratch: a transaction's answer; */
byte number; /* an epoch; */
byte said;   /* the wrapper's verdict; */
byte i;      /* an index */

byte reruns; /* how often the rule `rerun` allowed another start */

typedef Worker {
    byte phase;
    byte writes;      /* the transaction in hand */
    byte incarnation;
    byte epoch;
    bit timeline;     /* as the run was loaded: of the token */
    byte attempt, last_attempt;
    bit known;        /* the machine was contacted in this epoch, and said: */
    byte memory, boot;
    byte sent_memory; /* which memory the attempt in hand was sent to */
    byte outcome;     /* to be recorded, */
    byte after;       /* and then */
    bit may_start;    /* the ending says that a command may still start or run */
    bit side;         /* the database it is connected to */
    bit snapshot;     /* only for INSERT_WITHOUT_UPDATE */
};
Worker w[2];
bit claimed;          /* somebody has reached for the run */
#define me w[n]
#define is(p) (me.phase == p)

/* executor/run_phases.h; working and settling are two and three here */
#define IDLE 0
#define LOADING 1
#define RECALLING 2
#define CONTACTING 3
#define SENDING 4     /* working: the request is on its way */
#define WORKING 5     /* working: the machine has taken it */
#define ASKING 7      /* settling: the question is on its way */
#define WAITING 8     /* settling: it runs still */
#define WRITING 9     /* beginning, guarding, recording, ending: a transaction is on its way */
#define ENDING 10
#define RELOADING 11  /* it is not known whether a write was committed */

#include "database.pml"
#include "machine.pml"

/* --- a worker ------------------------------------------------------------------------------------------------------- */

inline go(p) { me.phase = p }
inline write(what) { me.writes = what; go(WRITING) }

/* The machine's memory and boot, read once in an epoch; then the question, which is on its way. */
inline contact() {
    if
    :: !me.known -> me.known = 1; me.memory = m.memory; me.boot = m.boot
    :: else
    fi
}
inline settle() { contact(); go(ASKING) }

inline drop() { /* everything about the run */
    me.phase = IDLE; me.writes = 0; me.epoch = 0; me.timeline = 0; me.attempt = 0; me.last_attempt = 0; me.known = 0;
    me.memory = 0; me.boot = 0; me.sent_memory = 0; me.outcome = 0; me.after = 0; me.may_start = 0; me.snapshot = 0
}

inline end_run(say) { me.may_start = say; write(END) }
inline record_as(what, next) { me.outcome = what; me.after = next; write(RECORD) }

inline another_attempt() { /* this one has not started */
    record_as(NOT_STARTED, (me.last_attempt < ATTEMPTS -> CONTACTING : ENDING))
}

inline apply_unsure() {
    record_as(LOST, (rule == RERUN && me.last_attempt < ATTEMPTS -> CONTACTING : ENDING))
}

/* The connection is gone; what was on its way may still arrive, at any time (or never: then this is no end yet). */
inline abandon() {
    if
    :: is(SENDING) || is(ASKING) ->
        stray()
    :: else
    fi
}

inline written() { /* what each transaction's answer leads to */
    if
    :: me.writes == CLAIM || me.writes == CLAIM_LOST || me.writes == HOLD_ANEW ->
        me.epoch = number; go(LOADING)
    :: me.writes == BEGIN -> go(CONTACTING)
    :: me.writes == BEGIN -> end_run(0) /* healthy at the first look */
    :: me.writes == GUARD -> /* on_guarded() */
        me.last_attempt++;
        me.attempt = me.last_attempt;
        me.sent_memory = me.memory;
        if
        :: go(SENDING)
        :: another_attempt() /* its lease is over by its own clock, or surely nothing was sent */
        fi
    :: me.writes == RECORD -> me.outcome = 0; go(me.after); me.after = 0
    :: me.writes == END -> drop()
    fi
}

/* A write without an answer. The run is held anew, so that what is still on its way finds another epoch. */
inline unanswered() {
    if
    :: me.writes == CLAIM -> drop()
    :: me.writes == CLAIM_LOST -> drop()
#ifdef READ_AGAIN_ONLY
    :: else -> go(LOADING)
#else
    :: else -> go(RELOADING)
#endif
    fi
}

proctype Work(byte n) {
end:
    do
    /* claims: executor/worker.c */
    :: atomic { is(IDLE) && claimable(primary, me.incarnation) && (n == 0 || claimed) ->
        claimed = 1; /* both are alike: the first to reach for the run is number 0, which halves the states */
        write(CLAIM)
       }
    :: atomic { is(IDLE) && held_by(primary, me.incarnation) -> write(CLAIM_LOST) }

    /* loading, recalling: executor/run.c, run_recall.c. Reads, perhaps of a database that is cut off */
    :: atomic { is(LOADING) ->
        connect(false);
        if
        :: !mine(me.side, me.epoch) -> drop()
        :: else ->
            me.timeline = me.side;
            me.last_attempt = newest_of(has_row, me.side);
            if
            :: db[me.side].begun -> go(RECALLING)
            :: !db[me.side].begun -> write(BEGIN) /* run_match.c */
            :: !db[me.side].begun -> end_run(0)
            fi
        fi
       }
    :: atomic { is(RECALLING) ->
        connect(false);
        me.attempt = newest_of(may_have_begun, me.side);
        if
        :: me.attempt == 0 -> go(CONTACTING)
        :: me.attempt != 0 && db[me.side].attempt[me.attempt] == STARTED ->
            me.sent_memory = db[me.side].memory[me.attempt];
            settle()
        :: else -> end_run(0) /* verified: what that finds makes no difference here */
        fi
       }

    /* contacting, guarding: run_contact.c, run_recover.c */
    :: atomic { is(CONTACTING) && me.last_attempt < ATTEMPTS ->
        contact();
        write(GUARD)
       }
    :: atomic { is(CONTACTING) -> end_run(0) } /* too late, not reached, refused by a guard, taken over by a person */

    /* working: send_recover(), on_recovered() */
    :: atomic { is(SENDING) ->
        hear(RECOVER, me.attempt, me.memory, me.boot, me.timeline, me.epoch, me.incarnation, me.sent_memory);
        if
        :: said == ACCEPTED -> go(WORKING)
        :: said == ENDED -> record_as(ENDED, ENDING)
        :: said == REFUSED_MEMORY -> me.known = 0; another_attempt()
        :: said == BUSY || said == NEVER || said == REFUSED_STALE -> another_attempt()
        :: said == RUNNING || said == LOST -> settle()
        fi;
        said = 0
       }
    :: atomic { is(WORKING) && m.record[me.attempt] == ENDED -> record_as(ENDED, ENDING) }
    :: atomic { is(WORKING) && m.record[me.attempt] != ENDED && !m.outer[me.attempt] -> settle() }
    :: atomic { (is(SENDING) || is(WORKING)) && may_fail(breaks) ->
        fails(breaks);
        abandon();
#ifdef RETRY_BY_THE_SAME_WORKER
        go(CONTACTING)
#else
        settle()
#endif
       }

    /* settling: settle(), settle_send(), on_settled() */
    :: atomic { is(ASKING) ->
        hear(ASK, me.attempt, me.memory, me.boot, me.timeline, me.epoch, me.incarnation, me.sent_memory);
        if
        :: said == ENDED -> record_as(ENDED, ENDING)
        :: said == NEVER -> another_attempt()
        :: said == LOST || said == REFUSED_MEMORY -> apply_unsure()
        :: said == REFUSED_STALE -> drop()
        :: said == RUNNING -> go(WAITING)
        fi;
        said = 0
       }
    :: atomic { is(WAITING) && !runs(me.attempt) -> settle() }
    :: atomic { is(ASKING) && may_fail(breaks) -> fails(breaks); abandon(); settle() }
    :: atomic { is(ASKING) || is(WAITING) -> abandon(); end_run(1) } /* give_up_at has passed */

    :: atomic { is(ENDING) -> end_run(0) }

    /* every write: run_record.c, docs/database-connections.md */
    :: atomic { is(WRITING) && snapped() ->
        commit();
        if
        :: got == YES -> written()
        :: got == NO -> drop()
        :: got == CONFLICT -> unanswered() /* the journal holds what we do not know of */
        :: got == UNSURE -> unanswered()
        fi;
        got = 0; number = 0
       }
    :: atomic { is(RELOADING) -> write(HOLD_ANEW) }
#ifdef INSERT_WITHOUT_UPDATE
    :: atomic { is(WRITING) && !snapped() ->
        if
        :: mine(me.side, me.epoch) -> me.snapshot = 1
        :: else -> drop()
        fi
       }
#endif

    /* the lease: lib/store/lease.c */
    :: atomic { db[primary].dead[me.incarnation] -> abandon(); drop(); join() }
    :: atomic { some_gone() -> reap_gone() }
    :: atomic { may_fail(false_deaths) && !db[primary].dead[w[1 - n].incarnation] ->
        fails(false_deaths);
        db[primary].dead[w[1 - n].incarnation] = 1
       }
    :: atomic { may_fail(kills) -> fails(kills); abandon(); drop(); join() }
    od
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

/* Everything is over: no step is left to anybody. */
proctype Last() {
    timeout;
    assert(db[primary].ended) /* promise 3: every run ends */
}

init {
    atomic {
        if
        :: rule = VERIFY
        :: rule = RERUN
        fi;
        w[0].incarnation = 1;
        w[1].incarnation = 2;
        db[0].event = 1;
        m.memory = 1;
        m.boot = 1;
        run Work(0);
        run Work(1);
        run Database();
        run Machine();
        run Last()
    }
}
