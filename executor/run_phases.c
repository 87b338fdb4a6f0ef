/* SPDX-License-Identifier: MIT
 * The table of phases. */
#include "executor/run_phases.h"

#define TO(phase) (1u << RUN_##phase)
#define ENDS (TO(REREADING) | TO(ENDING) | TO(DONE))

const struct run_phase_row run_phases[RUN_PHASES] = {
    [RUN_LOADING] = {"loading", "reading the run from the database", TO(FINDING) | TO(READING) | TO(PAUSING) | ENDS, false},
    [RUN_FINDING] = {"finding", "fetching its scenario and inventory", TO(RECALLING) | TO(PAUSING) | ENDS, false},
    [RUN_RECALLING] = {"recalling", "reading its journal",
        TO(CONTACTING) | TO(GUARDING) | TO(WORKING) | TO(SETTLING) | TO(RECORDING) | TO(PAUSING) | ENDS, false},
    [RUN_READING] = {"reading", "reading the incident", TO(BEGINNING) | TO(PAUSING) | ENDS, true},
    [RUN_BEGINNING] = {"beginning", "writing the start", TO(WORKING) | TO(CONTACTING) | TO(LOADING) | ENDS, false},
    [RUN_CONTACTING] = {"contacting", "getting to know the machine",
        TO(GUARDING) | TO(SETTLING) | TO(PAUSING) | TO(RECORDING) | ENDS, true},
    [RUN_GUARDING] = {"guarding", "asking the guards",
        TO(WORKING) | TO(ASKING) | TO(PAUSING) | TO(LOADING) | TO(RECORDING) | ENDS, false},
    [RUN_ASKING] = {"asking", "asking PagerDuty whether a person took over", TO(GUARDING) | TO(PAUSING) | ENDS, true},
    [RUN_WORKING] = {"working", "running a step on the machine", TO(RECORDING) | TO(PAUSING) | TO(SETTLING) | ENDS, true},
    [RUN_SETTLING] = {"settling", "asking the machine what became of a recover", TO(RECORDING) | TO(PAUSING) | TO(CONTACTING) | ENDS,
        false},
    [RUN_RECORDING] = {"recording", "writing what came back",
        TO(WORKING) | TO(CONTACTING) | TO(GUARDING) | TO(PAUSING) | TO(LOADING) | ENDS, false},
    [RUN_PAUSING] = {"pausing", "waiting to look again",
        TO(WORKING) | TO(READING) | TO(CONTACTING) | TO(GUARDING) | TO(ASKING) | TO(SETTLING) | TO(LOADING) | TO(RECORDING) | ENDS, true},
    [RUN_REREADING] = {"rereading", "reading the alerts again", TO(PAUSING) | TO(ENDING) | TO(DONE), true},
    [RUN_ENDING] = {"ending", "writing the ending", TO(LOADING) | TO(DONE), false},
    [RUN_DONE] = {"done", "done", 0, false},
};

const char *run_state_of(enum step_verb verb)
{
    static const char *const states[] = {
        [STEP_CHECK] = "checking",
        [STEP_COLLECT] = "collecting",
        [STEP_RECOVER] = "recovering",
        [STEP_VERIFY] = "verifying",
    };
    _Static_assert(sizeof states / sizeof states[0] == STEP_VERBS, "one state a verb");
    return states[verb];
}

void run_phases_draw(struct buf *out)
{
    (void)buf_add_text(out, "stateDiagram-v2\n    [*] --> loading\n"); /* a full buffer shows in out->over */
    for (int from = 0; from < RUN_PHASES; from++)
        for (int to = 0; to < RUN_PHASES; to++)
            if (run_phases[from].next & (1u << to))
                (void)buf_printf(out, "    %s --> %s\n", run_phases[from].name, run_phases[to].name);
    (void)buf_add_text(out, "    done --> [*]\n");
}
