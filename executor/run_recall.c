/* SPDX-License-Identifier: MIT
 * Going on where an earlier holder, or an earlier certainty of our own, was lost: the position and everything that was found
 * are read from the journal. */
#include "executor/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"

/* Values and alerts as the first holder found them. */
static void recall_facts(struct run *r, const char *text)
{
    json_t *facts = json_loads(text, 0, NULL);
    const json_t *values = json_object_get(facts, "values"), *alerts = json_object_get(facts, "alerts");
    struct value *all = arena_alloc(r->arena, (size_t)(r->scenario->values_count + 1) * sizeof *all);
    for (int i = 0; all && i < r->scenario->values_count; i++) {
        const char *name = r->scenario->values[i].name;
        all[i] = (struct value){name, run_text(r, json_string_value(json_object_get(values, name))), "journal"};
    }
    r->values = all;
    size_t n = json_array_size(alerts) < RUN_ALERTS_MAX ? json_array_size(alerts) : RUN_ALERTS_MAX;
    r->alerts = arena_alloc(r->arena, (n + 1) * sizeof *r->alerts);
    r->alerts_count = 0;
    for (size_t i = 0; r->alerts && i < n; i++)
        r->alerts[r->alerts_count++] = run_text(r, json_string_value(json_array_get(alerts, i)));
    json_decref(facts);
}

static enum judgement_outcome outcome_of(const char *word)
{
    if (strcmp(word, "healthy") == 0 || strcmp(word, "done") == 0)
        return JUDGED_HEALTHY;
    return strcmp(word, "cannot_tell") == 0 ? JUDGED_CANNOT_TELL : JUDGED_UNHEALTHY;
}

static void recall_step(struct run *r, const struct run_step_row *row)
{
    const struct step *step = &r->scenario->steps[row->step];
    struct run_result result = {.state = row->signal[0] ? RESULT_SIGNAL : row->status[0] ? RESULT_ENDED : RESULT_LOST,
        .status = row->status[0] ? (int)strtoll(row->status, NULL, 10) : -1, .output = run_text(r, row->output),
        .output_bytes = strlen(row->output), .cut = row->cut};
    r->results[row->step] = result;
    enum judgement_outcome outcome = outcome_of(row->outcome);
    r->sick |= step->verb == STEP_CHECK && outcome == JUDGED_UNHEALTHY;
    if (step->verb == STEP_RECOVER) {
        r->recovered = true;
        r->recover_ended_mono_ms = clock_mono_ms() - row->ended_ago_ms;
    }
    run_step_tell(r, &(struct story_step){.verb = step->verb, .title = step->title, .host = run_text(r, row->host),
            .become = run_text(r, row->become), .login = r->host ? r->host->user : "", .ended = true, .outcome = outcome,
            .why = run_text(r, row->why), .doubt = row->doubt[0] ? run_text(r, row->doubt) : NULL, .status = result.status, .signal = run_text(r, row->signal),
            .output = result.output, .cut = row->cut, .took_ms = row->took_ms, .started_wall_ms = row->started_wall_ms});
    r->flow = run_step_gate(r, scenario_after(r->scenario, row->step, outcome, r->sick));
}

/* Where to go on: the last row decides. */
static void go_on(struct run *r, bool started, int step, int attempt, bool ours)
{
    if (started && r->scenario->steps[step].verb == STEP_RECOVER) {
        r->step = step;
        r->attempt = attempt;
        run_settle(r, ours ? DOUBT_DATABASE : DOUBT_WORKER);
        return;
    }
    if (run_must_end(r))
        return;
    if (started || r->told_count == 0) {
        r->step = started ? step : 0;
        r->flow = (struct flow){FLOW_STEP, r->step};
    } else if (r->scenario->steps[step].verb != STEP_RECOVER) {
        r->step = step;
        run_step_again(r, &r->scenario->steps[step], r->told[r->told_count - 1].outcome);
        if (r->again_ms > 0) { /* the lost holder was waiting to look again */
            run_pause(r, r->again_ms, RUN_WORKING);
            return;
        }
    }
    run_step_next(r);
}

static void on_steps(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    if (err) {
        run_pause(r, 1000, RUN_LOADING);
        return;
    }
    r->told_count = r->doubts_count = 0;
    r->flow = (struct flow){FLOW_STEP, 0};
    struct run_step_row row = {0};
    bool started = false, ours = false;
    int last_step = 0, last_attempt = 0, newest = -1;
    for (int i = 0; i < run_steps_count(answer); i++) {
        run_step_at(answer, i, &row);
        if (row.step < 0 || row.step >= r->scenario->steps_count)
            continue;
        if (row.doubt[0])
            run_doubt_tell(r, run_text(r, row.doubt));
        if (strcmp(row.state, "not_started") == 0)
            continue;
        bool open = strcmp(row.state, "started") == 0;
        if (!open)
            recall_step(r, &row);
        if (row.attempt > newest) {
            newest = row.attempt;
            started = open;
            last_step = row.step;
            last_attempt = row.attempt;
            r->sent.step = row.step;
            r->sent.attempt = row.attempt;
            r->sent.memory_id = row.memory[0] ? run_text(r, row.memory) : NULL;
            r->sent.boot_id = row.boot[0] ? run_text(r, row.boot) : NULL;
            r->sent.wall_ms = row.started_wall_ms;
            ours = row.epoch >= r->first_epoch;
        }
    }
    r->step_journaled = false;
    go_on(r, started, last_step, last_attempt, ours);
}

void run_recall(struct run *r)
{
    run_move(r, r->phase == RUN_LOADING ? RUN_FINDING : r->phase);
    run_move(r, RUN_RECALLING);
    if (!r->scenario) {
        const char *name = r->details[0], *host = r->details[1], *facts = r->details[2];
        r->details[0] = r->details[1] = r->details[2] = NULL;
        r->scenario = scenario_set_find(r->set, name);
        if (!r->scenario) {
            run_end(r, ENDING_HANDED_OVER, WHY_FAULT, "its scenario is not in the set that it names", "", "", "");
            return;
        }
        enum inventory_why why;
        r->host = inventory_find(r->inventory, r->customer, host, &why);
        r->results = arena_alloc(r->arena, (size_t)r->scenario->steps_count * sizeof *r->results);
        if (!r->host || !r->results) {
            run_end(r, ENDING_HANDED_OVER, WHY_HOST_UNKNOWN, host, r->customer, "", "");
            return;
        }
        recall_facts(r, facts);
        loop_timer_start(r->give_up, (uint64_t)(run_left_ms(r) > 1 ? run_left_ms(r) : 1), 0);
    }
    r->db_op = run_read_steps(r->worker->parts.store, r->id, on_steps, r);
}
