/* SPDX-License-Identifier: MIT
 * The machine: folder, token, records, and the processes of a step (executor/shell/). What the wrapper does under its lock
 * is one step here. */

/* the answers; ENDED and LOST are also states of a record and of the journal */
#define NEVER 5
#define RUNNING 6
#define BUSY 7
#define REFUSED_STALE 8
#define REFUSED_MEMORY 9
#define ACCEPTED 10
/* a record's */
#define STARTING 11

#define RECOVER 1
#define ASK 2

typedef Host {
    byte memory, boot;
    byte timeline, epoch, incarnation; /* the token */
    byte record[ROWS];
    byte current;                 /* the attempt that last held the machine */
    bit outer[ROWS];      /* the wrapper's outer shell lives */
    bit script[ROWS];     /* the script runs */
};
Host m;

/* what the recorder on the host sees, which no fence knows of */
byte starts;
bit started[ROWS];

/* record.sh, fl_runs */
#define runs(a) (m.record[a] == STARTING && m.outer[a] || m.record[a] == RUNNING && (m.outer[a] || m.script[a]))
#define newer(t, e, x) (m.timeline > t || m.timeline == t && (m.epoch > e || m.epoch == e && m.incarnation != x))

/* record.sh, fl_judge */
inline judge(which) {
    if
    :: m.record[which] == STARTING && !runs(which) -> m.record[which] = NEVER
    :: m.record[which] == RUNNING && !runs(which) -> m.record[which] = LOST
    :: else
    fi;
    if
    :: m.record[which] == STARTING || m.record[which] == RUNNING -> said = RUNNING
    :: else -> said = m.record[which]
    fi
}

inline start_attempt(which) { m.record[which] = STARTING; m.outer[which] = 1; m.current = which; said = ACCEPTED }

#ifdef FORGETFUL_MACHINE
#define forgotten(mem, bt) false
#define same_memory(sent) true
#else
#define forgotten(mem, bt) (mem != m.memory || bt != m.boot)
#define same_memory(sent) (sent == m.memory)
#endif

/* outer.sh: fl_enter, fl_begin, fl_recover, fl_ask */
inline hear(request, which, its_memory, its_boot, its_timeline, its_epoch, asker, sent_to) {
    if
#ifdef NO_FENCE
    :: request == RECOVER && m.current != 0 && runs(m.current) -> said = BUSY
    :: request == RECOVER && (m.current == 0 || !runs(m.current)) -> start_attempt(which)
#else
    :: request == RECOVER && forgotten(its_memory, its_boot) -> said = REFUSED_MEMORY
    :: request == RECOVER && !forgotten(its_memory, its_boot) && newer(its_timeline, its_epoch, asker) -> said = REFUSED_STALE
    :: request == RECOVER && !forgotten(its_memory, its_boot) && !newer(its_timeline, its_epoch, asker) ->
        m.timeline = its_timeline; m.epoch = its_epoch; m.incarnation = asker;
        if
        :: m.record[which] != NONE -> judge(which)
        :: m.record[which] == NONE && m.current != 0 && runs(m.current) -> said = BUSY
        :: m.record[which] == NONE && (m.current == 0 || !runs(m.current)) -> start_attempt(which)
        fi
#endif
    :: request == ASK && forgotten(its_memory, its_boot) -> said = REFUSED_MEMORY
#ifdef LOOK_WITHOUT_TOKEN
    :: request == ASK && !forgotten(its_memory, its_boot) ->
        if
        :: m.record[which] == NONE -> said = NEVER
        :: else -> judge(which)
        fi
#else
    :: request == ASK && !forgotten(its_memory, its_boot) && newer(its_timeline, its_epoch, asker) -> said = REFUSED_STALE
    :: request == ASK && !forgotten(its_memory, its_boot) && !newer(its_timeline, its_epoch, asker) ->
        m.timeline = its_timeline; m.epoch = its_epoch; m.incarnation = asker;
        if
        :: m.record[which] == NONE && same_memory(sent_to) -> m.record[which] = NEVER
        :: m.record[which] == NONE && !same_memory(sent_to) -> m.record[which] = LOST
        :: else
        fi;
        judge(which)
#endif
    fi
}

/* --- what is still on its way, from connections that nobody holds any more ------------------------------------------- */

typedef Stray { byte kind; byte attempt; byte memory; byte boot; byte timeline; byte epoch; byte incarnation; byte sent_memory };
#define STRAYS 2
Stray late_bytes[STRAYS];

inline put_stray(k) {
    late_bytes[k].kind = (is(SENDING) -> RECOVER : ASK);
    late_bytes[k].attempt = me.attempt; late_bytes[k].memory = me.memory; late_bytes[k].boot = me.boot;
    late_bytes[k].timeline = me.timeline; late_bytes[k].epoch = me.epoch; late_bytes[k].incarnation = me.incarnation;
    late_bytes[k].sent_memory = me.sent_memory
}

inline stray() {
    if
    :: late_bytes[0].kind == 0 -> put_stray(0)
    :: late_bytes[0].kind != 0 && late_bytes[1].kind == 0 -> put_stray(1)
    :: else
    fi
}

inline arrive() {
    hear(late_bytes[a].kind, late_bytes[a].attempt, late_bytes[a].memory, late_bytes[a].boot, late_bytes[a].timeline,
        late_bytes[a].epoch, late_bytes[a].incarnation, late_bytes[a].sent_memory);
    said = 0;
    late_bytes[a].kind = 0; late_bytes[a].attempt = 0; late_bytes[a].memory = 0; late_bytes[a].boot = 0;
    late_bytes[a].timeline = 0; late_bytes[a].epoch = 0; late_bytes[a].incarnation = 0; late_bytes[a].sent_memory = 0
}

/* --- the processes, and what happens to them ------------------------------------------------------------------------- */

inline script_starts(which) {
    assert(!started[which]); /* promise 2: an attempt starts at most once */
    for (i : 1 .. ATTEMPTS) {
        assert(!m.script[i]) /* promise 2: two never overlap */
    }
    i = 0;
    started[which] = 1;
    starts++;
    assert(starts <= 1 + reruns); /* promise 2: what may have started is not started anew, unless its rule says so */
    assert(db[primary].attempt[which] != NONE); /* promise 2: what starts is in the journal */
    assert(db[primary].attempt[which] != NOT_STARTED); /* promise 2: what was called not started never starts */
    assert(!db[primary].ended || db[primary].may_start); /* promise 5: nothing starts behind a hand-over that did not say so */
    m.script[which] = 1;
    m.record[which] = RUNNING
}

inline script_ends(which) {
    m.script[which] = 0;
    if
    :: m.outer[which] -> m.record[which] = ENDED; m.outer[which] = 0
    :: else
    fi
}

inline forget() {
    m.memory++;
    m.timeline = 0; m.epoch = 0; m.incarnation = 0; m.current = 0;
    for (i : 1 .. ATTEMPTS) { m.record[i] = NONE; m.outer[i] = 0 }
    i = 0
}

#define none_runs() (!m.outer[m.current] && !m.script[1] && !m.script[2] && !m.script[3])

proctype Machine() {
    byte a;
end:
    do
    :: atomic { late_bytes[0].kind != 0 || late_bytes[1].kind != 0 ->
        if
        :: late_bytes[0].kind != 0 -> a = 0
        :: late_bytes[1].kind != 0 -> a = 1
        fi;
        arrive();
        a = 0
       }
    :: atomic { m.record[m.current] == STARTING && m.outer[m.current] -> script_starts(m.current) }
    :: atomic { m.script[1] || m.script[2] || m.script[3] ->
        if
        :: m.script[1] -> a = 1
        :: m.script[2] -> a = 2
        :: m.script[3] -> a = 3
        fi;
        script_ends(a);
        a = 0
       }
    :: atomic { m.outer[m.current] && may_fail(dead_outers) -> fails(dead_outers); m.outer[m.current] = 0 }
    :: atomic { may_fail(reboots) ->
        fails(reboots);
        m.boot++;
        for (i : 1 .. ATTEMPTS) { m.outer[i] = 0; m.script[i] = 0 }
        i = 0;
        if
        :: true /* the folder survives */
        :: forget()
        fi
       }
#ifdef WIPED_WHILE_IT_RUNS
    :: atomic { may_fail(wipes) -> fails(wipes); forget() }
#else
    :: atomic { may_fail(wipes) && none_runs() -> fails(wipes); forget() }
#endif
    od
}

