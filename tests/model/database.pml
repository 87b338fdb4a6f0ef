/* SPDX-License-Identifier: MIT
 * The database: a primary whose commits are acknowledged when the standby has them (sql/statements/). Until the promotion both
 * hold the same, and db[0] stands for both; with it, the old primary is cut off: what it commits is answered to nobody, but can be
 * read there. */

#define NONE 0
#define STARTED 1
#define NOT_STARTED 2
#define ENDED 3
#define LOST 4

#define ROWS 4 /* attempts are counted from 1 */

typedef Base {
    bit event;        /* event, incident and run are one commit */
    bit begun;        /* the start note is queued, with the first step's row */
    bit ended;        /* the ending's note is queued, */
    bit may_start;    /* and it says that a command may still start or run */
    byte epoch;
    byte holder;      /* incarnation; 0: none */
    byte attempt[ROWS]; /* the journal of the recover */
    byte memory[ROWS];  /* which each attempt was to be sent to */
    bit dead[INCARNATIONS + 1]; /* the node rows */
};
Base db[2];
bit primary;
byte incarnations = 2;

#define live(s) (s == primary) /* answers; the other one hangs */

#define EVENT 1
#define CLAIM 2
#define CLAIM_LOST 3
#define BEGIN 4
#define GUARD 5
#define RECORD 6
#define END 7
#define HOLD_ANEW 8

#define NO 0
#define YES 1
#define UNSURE 2
#define CONFLICT 3

/* run_claim.sql, run_claim_orphans.sql, run_claim_expired.sql */
#define claimable(s, who) (db[s].event && !db[s].ended && (db[s].holder == 0 || db[s].dead[db[s].holder] || \
    db[s].holder != who && may_fail(steals)))
#define held_by(s, who) (db[s].holder == who && !db[s].ended)
#define mine(s, e) (db[s].epoch == e && !db[s].ended)

#ifdef INSERT_WITHOUT_UPDATE
#define inserts(s, e) true
#define snapped() (me.snapshot || me.writes != GUARD && me.writes != RECORD)
#else
#define inserts(s, e) mine(s, e)
#define snapped() true
#endif

/* run_steps.sql: the newest of three attempts for which a condition holds; 0: none */
#define newest_of(cond, s) (cond(s, 3) -> 3 : (cond(s, 2) -> 2 : (cond(s, 1) -> 1 : 0)))
#define has_row(s, k) (db[s].attempt[k] != NONE)
#define may_have_begun(s, k) (db[s].attempt[k] != NONE && db[s].attempt[k] != NOT_STARTED)
#define is_open(s, k) (db[s].attempt[k] == STARTED)

typedef Transaction { byte kind; bit side; byte by; byte epoch; byte attempt; byte value; byte memory };
Transaction t;      /* the one that is being carried out */
Transaction parked; /* under way; its sender has given up the wait: docs/database-connections.md */

#define base db[t.side]
#define acknowledged live(t.side) /* else it is undone by the promotion */

inline apply() {
    got = NO;
    if
    :: t.kind == CLAIM && claimable(t.side, t.by) ->
        if
        :: base.holder != 0 && !base.dead[base.holder] -> fails(steals)
        :: else
        fi;
        base.holder = t.by; base.epoch++; number = base.epoch; got = YES
    :: t.kind == CLAIM_LOST && held_by(t.side, t.by) -> number = base.epoch; got = YES
    :: t.kind == HOLD_ANEW && held_by(t.side, t.by) -> base.epoch++; number = base.epoch; got = YES
    :: t.kind == BEGIN && mine(t.side, t.epoch) ->
        assert(!base.begun || !acknowledged); /* promise 4: one start note */
        base.begun = 1; got = YES
    :: t.kind == GUARD && inserts(t.side, t.epoch) && base.attempt[t.attempt] != NONE -> got = CONFLICT
    :: t.kind == GUARD && inserts(t.side, t.epoch) && base.attempt[t.attempt] == NONE ->
        base.attempt[t.attempt] = STARTED; base.memory[t.attempt] = t.memory; got = YES
    :: t.kind == RECORD && inserts(t.side, t.epoch) ->
        assert(base.begun || !acknowledged); /* promise 4: nothing before the start note */
        assert(!base.ended || !acknowledged); /* promise 4: nothing after the ending */
        if
        :: base.attempt[t.attempt] == NONE || base.attempt[t.attempt] == STARTED ->
            base.attempt[t.attempt] = t.value;
            reruns = reruns + (acknowledged && t.value == LOST && rule == RERUN)
        :: else
        fi;
        got = YES
    :: t.kind == END && mine(t.side, t.epoch) ->
        assert(t.value || !newest_of(is_open, t.side) || !acknowledged); /* promise 5: an ending with a recover in doubt says so */
        base.ended = 1; base.may_start = t.value; got = YES
    :: else
    fi
}

inline clear(x) { x.kind = 0; x.side = 0; x.by = 0; x.epoch = 0; x.attempt = 0; x.value = 0; x.memory = 0 }

/* A worker that hung on the old primary finds the new one, sooner or later; sure: now. */
inline connect(sure) {
    if
    :: me.side == 0 && primary == 1 -> me.side = 1
    :: me.side == 0 && primary == 1 && !(sure)
    :: else
    fi
}

/* The transaction in hand: answered; or not, and then it comes to pass at another time, or never. */
inline commit() {
    connect(me.writes == CLAIM || me.writes == CLAIM_LOST || me.writes == HOLD_ANEW);
    t.kind = me.writes; t.side = me.side; t.by = me.incarnation; t.epoch = me.epoch; t.memory = me.memory;
    t.attempt = (me.writes == GUARD -> me.last_attempt + 1 : me.attempt);
    t.value = (me.writes == END -> me.may_start : me.outcome);
    if
    :: acknowledged && may_fail(lost_answers) && parked.kind == 0 ->
        fails(lost_answers);
        parked.kind = t.kind; parked.side = t.side; parked.by = t.by; parked.epoch = t.epoch; parked.attempt = t.attempt;
        parked.value = t.value; parked.memory = t.memory;
        got = UNSURE
    :: true ->
        apply();
        got = (acknowledged -> got : UNSURE) /* cut off: it hangs, where others may read it */
    fi;
    clear(t);
    me.snapshot = 0
}

/* --- nodes ---------------------------------------------------------------------------------------------------------- */

inline join() { incarnations++; me.incarnation = incarnations }

#define gone(x) (x <= incarnations && w[0].incarnation != x && w[1].incarnation != x && !db[primary].dead[x])
#define some_gone() (gone(1) || gone(2) || gone(3) || gone(4))

inline reap_gone() {
    for (i : 1 .. INCARNATIONS) {
        if
        :: gone(i) -> db[primary].dead[i] = 1
        :: else
        fi
    }
    i = 0
}

/* --- what happens to it --------------------------------------------------------------------------------------------- */

inline copy_to_standby() {
    db[1].event = db[0].event; db[1].begun = db[0].begun; db[1].ended = db[0].ended; db[1].may_start = db[0].may_start;
    db[1].epoch = db[0].epoch; db[1].holder = db[0].holder;
    for (i : 1 .. ATTEMPTS) { db[1].attempt[i] = db[0].attempt[i]; db[1].memory[i] = db[0].memory[i] }
    for (i : 1 .. INCARNATIONS) { db[1].dead[i] = db[0].dead[i] }
    i = 0
}

proctype Database() {
end:
    do
    :: atomic { parked.kind != 0 ->
        t.kind = parked.kind; t.side = parked.side; t.by = parked.by; t.epoch = parked.epoch; t.attempt = parked.attempt;
        t.value = parked.value; t.memory = parked.memory;
        apply();
        clear(t); clear(parked); got = 0; number = 0
       }
    :: atomic { primary == 0 -> primary = 1; copy_to_standby() }
    od
}
