/* SPDX-License-Identifier: MIT
 * Two notes of one incident, two senders and PagerDuty: may a note be lost, stand there twice for good, or stand there too
 * early? docs/model.md maps each part to the code and says what is not modelled.
 *
 * No clock is modelled. Where the code waits (a claim's lease, a request's longest time, 5 s between two looks) the model
 * waits for what these times stand for; that a request outlasts them all the same is a fault, and counted. A promotion loses
 * only what was not acknowledged: here, a transaction without an answer that never comes to pass. */

#ifndef FAULTS
#define FAULTS 2 /* in all; each kind has a bound of its own below */
#endif
#define INCARNATIONS 4 /* two at first; one more for each kill and each false death */

byte faults = FAULTS;
#define may_fail(kind) (faults > 0 && kind > 0)
#define fails(kind) faults--; kind--

byte kills = 1;        /* a node dies; its process starts again as another incarnation */
byte false_deaths = 1; /* a live node is marked dead */
byte lost_answers = 2; /* a transaction was sent and no answer came: it is committed later, or never */
byte cuts = 2;         /* a request's connection breaks, before or after PagerDuty acts, which it may also do later */
byte refusals = 1;     /* 429: surely not done */
byte hides = 1;        /* PagerDuty shows a note late, but within the time between two looks */
byte lates = 1;        /* a request is acted upon later than it is looked for */

#define START 1
#define ENDING 2
#define MEND 3      /* a look for doubled notes, queued with the ending */
#define LAST_LOOK 4 /* queued by that where there was doubt */
#define ROWS 5

#define ABSENT 0
#define WAITING 1
#define SENDING 2
#define UNKNOWN 3
#define SENT 4

typedef Base {
    byte sender;      /* incarnation; 0: none */
    byte send_epoch;
    byte state[ROWS];
    bit resent;
    bit dead[INCARNATIONS + 1];
};
Base db;
byte incarnations = 2;

/* --- PagerDuty ------------------------------------------------------------------------------------------------------ */

#define COPIES 3
typedef Note { byte made; bit there[COPIES]; bit unseen[COPIES] };
Note note[3];
byte late; /* requests that were late */

/* Under way; of a live sender, or of one that does not hear the answer any more. */
typedef Request { byte row; bit late };
#define REQUESTS 3
Request request[REQUESTS];

byte got;    /* scratch: an answer; */
byte number; /* an epoch, or a row; */
byte i;      /* an index */

#define timely(r, k) (request[k].row == r && !request[k].late)
#define under_way(r) (timely(r, 0) || timely(r, 1) || timely(r, 2))
#define any_under_way() (under_way(START) || under_way(ENDING))
#define any_late() (request[0].late || request[1].late || request[2].late)
#define shown(r, k) (note[r].there[k] && !note[r].unseen[k])
#define is_shown(r) (shown(r, 0) || shown(r, 1) || shown(r, 2))
#define is_unseen(r) (note[r].unseen[0] || note[r].unseen[1] || note[r].unseen[2])
#define count_of(r) (note[r].there[0] + note[r].there[1] + note[r].there[2])

inline act(which) {
    assert(which == START || note[START].made > 0); /* promise 4: nothing stands there before the start note */
    assert(note[which].made <= late); /* promise 4: a note is doubled only where a request was later than the looks for it */
    note[which].there[note[which].made] = 1;
    if
    :: may_fail(hides) -> fails(hides); note[which].unseen[note[which].made] = 1
    :: true
    fi;
    note[which].made++
}

inline forget_request(at) { request[at].row = 0; request[at].late = 0 }

/* --- a node --------------------------------------------------------------------------------------------------------- */

#define IDLE 0
#define TRANSACTING 1 /* `writes` is on its way */
#define HAVING 2      /* a row is in hand */
#define LOOKED 3      /* for the first time, and not found */
#define BEGINNING 4   /* claimed, for a lease */
#define CALLING 5
#define LISTED 6      /* the notes, to mend them */

#define CLAIM 1
#define NEXT 2
#define AGAIN 3
#define RELEASE 4

typedef Node {
    byte phase;
    byte writes;
    byte incarnation;
    byte send_epoch;
    byte row;
    bit doubt;    /* it was unknown when it was taken */
    bit fresh;    /* its claim is younger than a lease */
    byte settles; /* how; 0: there is none to settle */
    bit more;     /* a last look is to be queued */
    byte slot;    /* of its request, from 1 */
    bit seen[6];  /* of the notes: START's copies, then ENDING's */
};
Node w[2];
#define me w[n]
#define other w[1 - n]
#define is(p) (me.phase == p)

/* What the wait of lease and request stands for: no claim of another is young, no request is under way. */
#ifdef LOOK_AT_ONCE
#define is_over(r) true
#else
#define is_over(r) (!under_way(r) && !(other.row == r && other.fresh))
#endif
#define is_quiet() (!any_under_way() && !other.fresh)

#ifdef TWO_SENDERS
#define holds(by, e) true
#define claimable(who) has_open()
#else
#define holds(by, e) (db.sender == by && db.send_epoch == e)
#define claimable(who) (has_open() && (db.sender == 0 || db.sender == who || db.dead[db.sender]))
#endif
#define is_open(r) (db.state[r] == WAITING || db.state[r] == SENDING || db.state[r] == UNKNOWN)
#define has_open() (is_open(1) || is_open(2) || is_open(3) || is_open(4))
#define head() (is_open(1) -> 1 : (is_open(2) -> 2 : (is_open(3) -> 3 : (is_open(4) -> 4 : 0))))

#define NO 0
#define YES 1
#define UNSURE 2

typedef Transaction { byte kind; byte by; byte send_epoch; byte row; byte settles; bit more };
Transaction t;      /* the one that is being carried out */
Transaction parked; /* under way; its sender has given up the wait: docs/database-connections.md */

inline settle_row() { /* sql/statements/outbox_next.sql: settled, more */
    if
    :: t.row != 0 && t.settles != 0 && (db.state[t.row] == SENDING || db.state[t.row] == UNKNOWN) ->
        db.state[t.row] = t.settles;
        if
        :: t.more -> db.state[LAST_LOOK] = WAITING
        :: else
        fi
    :: else
    fi
}

inline take_row() { /* next, taken; a row that was just settled is not taken at once */
    number = head();
    if
    :: number == 0 || number == t.row -> number = 0
    :: else ->
        got = YES;
        db.state[number] = (db.state[number] == WAITING -> SENDING : UNKNOWN)
    fi
}

inline apply() {
    got = NO;
    if
    :: t.kind == CLAIM && claimable(t.by) -> db.sender = t.by; db.send_epoch++; number = db.send_epoch; got = YES
    :: t.kind == NEXT && holds(t.by, t.send_epoch) -> settle_row(); take_row()
    :: t.kind == AGAIN && holds(t.by, t.send_epoch) && (db.state[t.row] == SENDING || db.state[t.row] == UNKNOWN) ->
        db.resent = db.resent || db.state[t.row] == UNKNOWN;
        got = YES
    :: t.kind == RELEASE && holds(t.by, t.send_epoch) -> db.sender = 0; got = YES
    :: else
    fi
}

inline copy(to, from) {
    to.kind = from.kind; to.by = from.by; to.send_epoch = from.send_epoch; to.row = from.row;
    to.settles = from.settles; to.more = from.more
}
inline clear(x) { x.kind = 0; x.by = 0; x.send_epoch = 0; x.row = 0; x.settles = 0; x.more = 0 }

inline commit() {
    t.kind = me.writes; t.by = me.incarnation; t.send_epoch = me.send_epoch; t.row = me.row;
    t.settles = me.settles; t.more = me.more;
    if
    :: may_fail(lost_answers) && parked.kind == 0 -> fails(lost_answers); copy(parked, t); got = UNSURE
    :: may_fail(lost_answers) -> fails(lost_answers); apply(); number = 0; got = UNSURE
    :: true -> apply()
    fi;
    clear(t)
}

inline go(p) { me.phase = p }
inline write(what) { me.writes = what; go(TRANSACTING) }
inline settle(how) { me.fresh = 0; me.slot = 0; me.settles = how; write(NEXT) }
inline forget_row() { me.row = 0; me.doubt = 0; me.fresh = 0; me.settles = 0; me.more = 0; me.slot = 0 }
inline drop() { /* its request, if there is one, goes on */
    forget_row(); me.phase = IDLE; me.writes = 0; me.send_epoch = 0;
    for (i : 0 .. 5) { me.seen[i] = 0 }
    i = 0
}
inline join() { incarnations++; me.incarnation = incarnations }
#define again_state() (me.doubt -> UNKNOWN : WAITING)

/* coordinator/outbox.c: on_claimed(), on_next(), on_released(), on_claimed_again() */
inline written() {
    if
    :: me.writes == CLAIM && got == YES -> me.send_epoch = number; write(NEXT)
    :: me.writes == CLAIM && got != YES -> drop()
    :: me.writes == NEXT && got == YES ->
        forget_row();
        me.row = number;
        me.doubt = db.state[number] == UNKNOWN;
        me.fresh = !me.doubt;
        go(HAVING)
    :: me.writes == NEXT && got == NO -> forget_row(); write(RELEASE)
    :: me.writes == NEXT && got == UNSURE -> write(NEXT) /* again, the same */
    :: me.writes == RELEASE -> drop()
    :: me.writes == AGAIN && got == YES -> me.fresh = 1; go(BEGINNING)
    :: me.writes == AGAIN && got != YES -> settle(again_state())
    fi
}

inline begin_request() {
    assert(!any_under_way()); /* promise 4: one sender: no two requests of an incident are under way together */
    if
    :: request[0].row == 0 -> me.slot = 1
    :: request[0].row != 0 && request[1].row == 0 -> me.slot = 2
    :: else -> me.slot = 3
    fi;
    request[me.slot - 1].row = me.row;
    go(CALLING)
}

#define is_note(r) (r == START || r == ENDING)
#ifdef BEGIN_UNDER_AN_OLD_CLAIM
#define may_begin() true
#else
#define may_begin() me.fresh
#endif

/* coordinator/writer_mend.c: of two that are the same the later */
inline list_notes() {
    for (i : 0 .. 2) { me.seen[i] = shown(START, i); me.seen[3 + i] = shown(ENDING, i) }
    i = 0
}
inline delete_later(which, first) {
    if
    :: me.seen[first + 2] && (me.seen[first] || me.seen[first + 1]) -> note[which].there[2] = 0; note[which].unseen[2] = 0; me.more = 1
    :: else
    fi;
    if
    :: me.seen[first + 1] && me.seen[first] -> note[which].there[1] = 0; note[which].unseen[1] = 0; me.more = 1
    :: else
    fi;
    assert(count_of(which) > 0) /* promise 4: mending leaves one */
}

proctype Send(byte n) {
end:
    do
    :: atomic { is(IDLE) && !db.dead[me.incarnation] && claimable(me.incarnation) -> write(CLAIM) }
    :: atomic { is(TRANSACTING) -> commit(); written(); got = 0; number = 0 }
    :: atomic { me.fresh && !is(TRANSACTING) -> me.fresh = 0 } /* a lease has passed */

    /* coordinator/writer_note.c */
    :: atomic { is(HAVING) && is_note(me.row) && !me.doubt -> go(BEGINNING) }
#ifdef RESEND_WITHOUT_LOOK
    :: atomic { is(HAVING) && is_note(me.row) && me.doubt && is_over(me.row) -> write(AGAIN) }
#else
    :: atomic { is(HAVING) && is_note(me.row) && me.doubt && is_over(me.row) ->
        if
        :: is_shown(me.row) -> settle(SENT)
#ifdef LOOK_ONCE
        :: !is_shown(me.row) -> write(AGAIN)
#else
        :: !is_shown(me.row) -> go(LOOKED)
#endif
        fi
       }
#endif
    :: atomic { is(LOOKED) && !is_unseen(me.row) -> /* what was acted upon before the first look is shown by the second */
        if
        :: is_shown(me.row) -> settle(SENT)
        :: !is_shown(me.row) -> write(AGAIN)
        fi
       }
    :: atomic { is(BEGINNING) && may_begin() -> begin_request() }
    :: atomic { is(BEGINNING) && !me.fresh -> write(AGAIN) } /* the budget took longer */

    /* PagerDuty, and the way there and back */
    :: atomic { is(CALLING) && request[me.slot - 1].row == me.row ->
        if
        :: act(me.row); forget_request(me.slot - 1); settle(SENT)
        :: may_fail(cuts) -> fails(cuts); act(me.row); forget_request(me.slot - 1); settle(UNKNOWN)
        :: may_fail(cuts) -> fails(cuts); forget_request(me.slot - 1); settle(UNKNOWN)
        :: may_fail(cuts) -> fails(cuts); settle(UNKNOWN) /* it acts, or not, later */
        :: may_fail(refusals) -> fails(refusals); forget_request(me.slot - 1); settle(again_state())
        fi
       }

    /* coordinator/writer_mend.c */
    :: atomic { is(HAVING) && me.row == MEND && is_quiet() -> list_notes(); go(LISTED) }
#ifdef LATER_THAN_THE_LAST_LOOK
    :: atomic { is(HAVING) && me.row == LAST_LOOK && is_quiet() -> list_notes(); go(LISTED) }
#else
    :: atomic { is(HAVING) && me.row == LAST_LOOK && is_quiet() && !any_late() && !is_unseen(START) && !is_unseen(ENDING) ->
        list_notes();
        go(LISTED)
       }
#endif
    :: atomic { is(LISTED) ->
#ifndef NO_MENDING
        delete_later(START, 0);
        delete_later(ENDING, 3);
#endif
        for (i : 0 .. 5) { me.seen[i] = 0 }
        i = 0;
#ifdef NO_LAST_LOOK
        me.more = 0;
#else
        me.more = me.row == MEND && (me.more || db.resent);
#endif
        settle(SENT)
       }

    /* the lease: lib/store/lease.c; a request that is under way goes on: outbox_lost() */
    :: atomic { db.dead[me.incarnation] -> drop(); join() }
    :: atomic { may_fail(false_deaths) && !db.dead[other.incarnation] -> fails(false_deaths); db.dead[other.incarnation] = 1 }
    :: atomic { may_fail(kills) ->
        fails(kills);
        db.dead[me.incarnation] = 1; /* the other one finds that out, at some time */
        drop();
        join()
       }
    od
}

#define nobody_hears(k) (!(w[0].phase == CALLING && w[0].slot == k + 1) && !(w[1].phase == CALLING && w[1].slot == k + 1))

proctype Outside() {
    byte k;
end:
    do
    :: atomic { parked.kind != 0 -> copy(t, parked); apply(); clear(t); clear(parked); got = 0; number = 0 }
    :: atomic { request[0].row != 0 && nobody_hears(0) || request[1].row != 0 && nobody_hears(1) ||
                request[2].row != 0 && nobody_hears(2) ->
        if
        :: request[0].row != 0 && nobody_hears(0) -> k = 0
        :: request[1].row != 0 && nobody_hears(1) -> k = 1
        :: request[2].row != 0 && nobody_hears(2) -> k = 2
        fi;
        if
        :: act(request[k].row)
        :: true /* it never arrives */
        fi;
        forget_request(k);
        k = 0
       }
    :: atomic { may_fail(lates) && any_under_way() ->
        if
        :: request[0].row != 0 -> k = 0
        :: request[1].row != 0 -> k = 1
        :: request[2].row != 0 -> k = 2
        fi;
        fails(lates);
        request[k].late = 1;
        late++;
        k = 0
       }
    :: atomic { is_unseen(START) || is_unseen(ENDING) ->
        for (i : 0 .. 2) { note[START].unseen[i] = 0; note[ENDING].unseen[i] = 0 }
        i = 0
       }
    od
}

/* Everything is over: no step is left to anybody. */
proctype Last() {
    timeout;
    assert(count_of(START) == 1 && count_of(ENDING) == 1) /* promise 4: in the end each note stands there once */
}

init {
    atomic {
        w[0].incarnation = 1;
        w[1].incarnation = 2;
        db.state[START] = WAITING;
        db.state[ENDING] = WAITING;
        db.state[MEND] = WAITING;
        run Send(0);
        run Send(1);
        run Outside();
        run Last()
    }
}
