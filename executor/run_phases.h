/* SPDX-License-Identifier: MIT
 * The run's machine as a table: what a run can be doing, in words for people, and where it may go from there. The position
 * that survives a worker is in Postgres (state, step, attempt, the journal); a phase is what one holder does with it.
 * docs/run.md is drawn from this table, and a test walks it. */
#ifndef EXECUTOR_RUN_PHASES_H
#define EXECUTOR_RUN_PHASES_H

#include <stdbool.h>

#include "executor/scenario.h"
#include "lib/base/buf.h"

enum run_phase {
    RUN_LOADING,    /* from the database, after a claim                     */
    RUN_FINDING,    /* the sets that it names                               */
    RUN_RECALLING,  /* the journal of earlier holders                       */
    RUN_READING,    /* the incident and its alerts                          */
    RUN_BEGINNING,  /* the start note and the first step are being written  */
    RUN_CONTACTING, /* the machine's folder, memory and boot                */
    RUN_GUARDING,   /* the transaction that lets a recover begin            */
    RUN_ASKING,     /* whether a person took over: PagerDuty is asked       */
    RUN_WORKING,    /* a command is on the machine                          */
    RUN_SETTLING,   /* a recover in doubt: the machine's record is asked    */
    RUN_RECORDING,  /* what came back is being written                      */
    RUN_PAUSING,    /* until the next look or try                           */
    RUN_REREADING,  /* the alerts, before a resolve                         */
    RUN_ENDING,     /* the ending is being written                          */
    RUN_DONE,       /* ended, or dropped                                    */
    RUN_PHASES,
};

struct run_phase_row {
    const char *name;
    const char *doing;  /* completes "gave up while ..."                          */
    unsigned next;      /* phases that may follow: 1u << phase, or-ed             */
    bool may_interrupt; /* a person's touch or give_up_at ends it at once; else at its end */
};
extern const struct run_phase_row run_phases[RUN_PHASES];

/* The word of the column run.state for a step. */
const char *run_state_of(enum step_verb verb);
#define RUN_STATE_WAITING "waiting"
#define RUN_STATE_STARTING "starting"
#define RUN_STATE_RESOLVING "resolving"
#define RUN_STATE_ENDED "ended"

/* The table as a mermaid state diagram, for docs/run.md. */
void run_phases_draw(struct buf *out);

#endif
