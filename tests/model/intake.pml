/* SPDX-License-Identifier: MIT
 * One incident, two regions that are told of it, a reconciler, and two databases with a promotion: may an event be answered
 * with 202 and be gone, may an incident stay unfound, or open two runs? docs/model.md maps each part to the code.
 *
 * Unlike recover.pml this shows each commit twice: where it was made, and where the standby has it. No clock is modelled: how
 * long anything is under way, when a wait is given up, when a run ends, may be at any time. */

#ifndef FAULTS
#define FAULTS 3 /* in all; each kind has a bound of its own below */
#endif

byte faults = FAULTS;
#define may_fail(kind) (faults > 0 && kind > 0)
#define fails(kind) faults--; kind--

byte lost_webhooks = 2; /* a delivery does not come, or its answer does not */
byte kills = 2;         /* a node dies; what it sent to the database is done or not */
byte lost_answers = 2;  /* a statement's answer does not come in time; it is carried out later */
byte cancels = 1;       /* the wait for the standby is ended from outside: the server says "committed", with a warning */
byte stale_copies = 1;  /* PagerDuty delivers again what was answered long ago */

typedef Base {
    bit event;  /* event, incident and run are one commit; */
    bit open;   /* the run is under way */
    bit key;    /* the opening has had its run: run_key, which stays */
    byte opened; /* how often a run was opened */
};
Base db[2];
bit ahead;      /* db[0] has commits that the standby has not */
bit primary;

bit answered;   /* PagerDuty was told 202 */

#define live(s) (s == primary)

/* sql/statements/event_take.sql, run_open.sql, reconcile_page.sql: all that is known of the opening, in one transaction */
inline take(s, its_event) {
    db[s].event = db[s].event || its_event;
    if
    :: !db[s].key && !db[s].open -> db[s].key = 1; db[s].open = 1; db[s].opened++
    :: else
    fi;
#ifdef RUN_APART
    if
    :: its_event && db[s].opened == 1 && db[s].open -> db[s].key = 0; db[s].open = 0; db[s].opened = 0 /* another commit's business */
    :: else
    fi;
#endif
    ahead = primary == 0 /* a duplicate writes, too */
}

/* --- the regions' nodes: coordinator/intake.c ------------------------------------------------------------------------ */

#define IDLE 0
#define TAKING 1   /* the statement is on its way */
#define WAITING 2  /* for the standby */
#define ANSWERED 3 /* 202 is on its way to PagerDuty */

typedef Node {
    byte phase;
    bit side;      /* the database it is connected to */
    bit covered;   /* the standby has its commit, or there is none any more */
    bit statement; /* under way, */
    bit to;        /* to this server; who sent it may have given up */
};
Node w[2];
#define me w[n]
#define is(p) (me.phase == p)

/* a subscription's delivery, at PagerDuty */
#define DUE 0
#define ON_ITS_WAY 1
#define DELIVERED 2
#define LOST 3 /* given up, after 48 h */
byte delivery[2];

inline refuse() { /* 503, or the connection breaks: it comes again */
    me.phase = IDLE; me.covered = 0;
    delivery[n] = DUE
}

inline connect() {
    if
    :: me.side == 0 && primary == 1 -> me.side = 1
    :: true /* a worker that hangs on the old one */
    fi
}

proctype Intake(byte n) {
end:
    do
    :: atomic { delivery[n] == DUE -> delivery[n] = ON_ITS_WAY }
    :: atomic { delivery[n] == DUE && may_fail(lost_webhooks) -> fails(lost_webhooks); delivery[n] = LOST }
    :: atomic { delivery[n] == DELIVERED && may_fail(stale_copies) -> fails(stale_copies); delivery[n] = ON_ITS_WAY }

    :: atomic { delivery[n] == ON_ITS_WAY && is(IDLE) && !me.statement ->
        connect();
#ifdef ACKNOWLEDGE_BEFORE_COMMIT
        me.statement = 1; me.to = me.side; me.phase = ANSWERED
#else
#ifdef DUPLICATE_ONLY_READS
        if
        :: db[me.side].event -> me.phase = ANSWERED
        :: else -> me.statement = 1; me.to = me.side; me.phase = TAKING
        fi
#else
        me.statement = 1; me.to = me.side; me.phase = TAKING
#endif
#endif
       }
    /* the server carries the statement out, whoever still waits for it */
    :: atomic { me.statement ->
        take(me.to, 1);
        if
        :: is(TAKING) -> me.phase = WAITING; me.covered = me.to == 1
        :: else
        fi;
        me.statement = 0; me.to = 0
       }
    :: atomic { is(WAITING) && me.covered -> me.phase = ANSWERED; me.covered = 0 }
#ifdef BELIEVE_A_CANCELLED_WAIT
    :: atomic { is(WAITING) && may_fail(cancels) -> fails(cancels); me.phase = ANSWERED; me.covered = 0 }
#else
    :: atomic { is(WAITING) && may_fail(cancels) -> fails(cancels); refuse() }
#endif
    :: atomic { (is(TAKING) || is(WAITING)) && may_fail(lost_answers) -> fails(lost_answers); refuse() }
    :: atomic { (is(TAKING) || is(WAITING)) && !live(me.side) -> refuse() } /* it hangs, until the wait is given up */

    :: atomic { is(ANSWERED) ->
        me.phase = IDLE;
        delivery[n] = DELIVERED;
        answered = 1;
        assert(db[primary].event) /* promise 1: what was answered with 2xx is in the database */
        assert(db[primary].opened > 0) /* promise 1: and so is its run */
       }
    :: atomic { is(ANSWERED) && may_fail(lost_webhooks) -> fails(lost_webhooks); refuse() }
    :: atomic { !is(IDLE) && may_fail(kills) ->
        fails(kills);
        if
        :: me.statement = 0; me.to = 0
        :: true /* it is on its way */
        fi;
        refuse()
       }
    od
}

/* --- the reconciler, on whichever node has the turn: coordinator/reconciler.c ----------------------------------------- */

bit turn_side;

proctype Reconcile() {
end:
    do
#ifndef NO_RECONCILER
    :: atomic { turn_side == 0 && primary == 1 -> turn_side = 1 } /* sooner or later */
    :: atomic { live(turn_side) && !db[turn_side].key && !db[turn_side].open -> take(turn_side, 0) }
#endif
    :: false
    od
}

/* --- what happens to it ---------------------------------------------------------------------------------------------- */

proctype Database() {
end:
    do
    /* the standby gets the primary's commits in their order; here: all there are */
    :: atomic { primary == 0 && ahead ->
        ahead = 0;
        w[0].covered = w[0].phase == WAITING && w[0].side == 0;
        w[1].covered = w[1].phase == WAITING && w[1].side == 0;
        db[1].event = db[0].event; db[1].open = db[0].open; db[1].key = db[0].key; db[1].opened = db[0].opened
       }
    :: atomic { primary == 0 ->
        primary = 1; ahead = 0;
        assert(!answered || db[1].event && db[1].opened > 0) /* promise 1: a promotion loses nothing that was answered */
       }
    :: atomic { db[primary].open ->
        db[primary].open = 0; /* the run ends; */
#ifdef KEY_LEAVES_WITH_THE_RUN
        db[primary].key = 0;
#endif
        ahead = primary == 0
       }
    od
}

#define opened_twice() (db[0].opened > 1 || db[1].opened > 1)

proctype Watch() {
end:
    do
    :: atomic { opened_twice() ->
        assert(!opened_twice()) /* promise 2: an opening has one run, however often it is told of */
       }
    od
}

/* Everything is over: no step is left to anybody. */
proctype Last() {
    timeout;
    assert(db[primary].opened == 1) /* promise 1: an incident that no event announced is found */
}

init {
    atomic {
        run Intake(0);
        run Intake(1);
        run Reconcile();
        run Database();
        run Watch();
        run Last()
    }
}
