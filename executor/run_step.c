/* SPDX-License-Identifier: MIT
 * Steps: sending a script, judging what a look brought, recording it, and following the scenario. A recover's own way is in
 * run_recover.c. */
#include "executor/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define LOOK_TRIES 3
#define LOOK_AGAIN_MS 3000
#define CONNECT_SLACK_MS 30000 /* added to a script's deadline for getting there and back */
#define STDERR_BYTES 8192
#define TOLD_ROOM 8
_Static_assert(RUN_STEPS_TOLD_MAX == 8 * TOLD_ROOM, "it is reached by doubling");

/* --- sending ------------------------------------------------------------------------------------------------------ */

const struct inventory_host *run_step_host(struct run *r, const struct step *step)
{
    const char *name = step->on_host;
    for (int i = 0; step->on_value && i < r->scenario->values_count; i++)
        if (strcmp(r->values[i].name, step->on_value) == 0)
            name = r->values[i].text;
    if (!name)
        return r->host;
    enum inventory_why why;
    const struct inventory_host *host = inventory_find(r->inventory, r->customer, name, &why);
    if (!host)
        run_end(r, ENDING_HANDED_OVER, WHY_HOST_UNKNOWN, name, r->customer, step->title, "");
    return host;
}

int run_values(struct run *r, struct wrapper_value *out, int max)
{
    int n = 0;
    for (; n < r->scenario->values_count && n < max - 1; n++)
        out[n] = (struct wrapper_value){r->values[n].name, r->values[n].text, strlen(r->values[n].text)};
    out[n++] = (struct wrapper_value){"host", r->host->name, strlen(r->host->name)};
    return n;
}

void run_send(struct run *r, const struct inventory_host *host, const struct wrapper_task *task, unsigned deadline_ms,
    ssh_done *done)
{
    r->cancelled_look = false;
    struct error err = {0};
    if (call_send(&r->call, host, task, deadline_ms, done, r, &err) < 0)
        run_end(r, ENDING_HANDED_OVER, WHY_FAULT, err.text, "", "", "");
}

bool run_read_answer(struct run *r, const struct ssh_outcome *outcome, const struct error *err)
{
    return call_read(&r->call, outcome, err, r->arena, &r->report);
}

/* --- judging ------------------------------------------------------------------------------------------------------ */

static void fill_result(const struct run *r, int index, struct judgement_result *out)
{
    const struct run_result *f = &r->results[index];
    *out = (struct judgement_result){.name = r->scenario->steps[index].name, .state = f->state, .status = f->status,
        .output = f->output, .output_bytes = f->output_bytes, .cut = f->cut};
}

/* own -1: a `when`, which has no step of its own. */
static enum judgement_outcome judge(struct run *r, const struct judgement *j, int own, struct judgement_why *why)
{
    struct judgement_result *all = arena_alloc(r->arena, (size_t)r->scenario->steps_count * sizeof *all);
    if (!all)
        return JUDGED_CANNOT_TELL;
    int named = 0;
    struct judgement_result mine;
    for (int i = 0; i < r->scenario->steps_count; i++)
        if (r->scenario->steps[i].name && r->results[i].state != RESULT_NONE)
            fill_result(r, i, &all[named++]);
    if (own >= 0)
        fill_result(r, own, &mine);
    struct judgement_facts facts = {.own = own >= 0 ? &mine : NULL, .named = all, .named_count = named,
        .language = r->policy.language};
    return judgement_eval(j, &facts, why);
}

struct flow run_step_gate(struct run *r, struct flow flow)
{
    for (int asked = 0; flow.kind == FLOW_STEP && asked <= r->scenario->steps_count; asked++) {
        const struct step *step = &r->scenario->steps[flow.step];
        if (!step->when)
            return flow;
        struct judgement_why why;
        int before = flow.step;
        flow = scenario_gate(r->scenario, flow.step, judge(r, step->when, -1, &why));
        if (flow.kind == FLOW_STEP && flow.step == before)
            return flow;
    }
    return flow;
}

/* --- keeping ------------------------------------------------------------------------------------------------------ */

static const char *repaired(struct run *r, const char *text, size_t bytes)
{
    struct buf b;
    buf_init(&b, RUN_OUTPUT_BYTES_MAX);
    text_repair(text, bytes, &b);
    const char *copy = run_text(r, buf_text(&b));
    buf_done(&b);
    return copy;
}

/* Most runs have a handful of attempts, and thousands may wait at once. false: there is no more room. */
static bool grow_told(struct run *r)
{
    int room = r->told_room ? 2 * r->told_room : TOLD_ROOM;
    struct story_step *more = room <= RUN_STEPS_TOLD_MAX ? arena_alloc(r->arena, (size_t)room * sizeof *more) : NULL;
    if (!more)
        return false;
    for (int i = 0; i < r->told_count; i++)
        more[i] = r->told[i];
    r->told = more;
    r->told_room = room;
    return true;
}

void run_step_tell(struct run *r, const struct story_step *s)
{
    if (r->told_count == r->told_room && !grow_told(r)) {
        if (r->told_room == 0)
            return; /* without memory for a single one */
        memmove(&r->told[1], &r->told[2], (size_t)(r->told_room - 2) * sizeof r->told[0]);
        r->told_count--; /* the oldest look but the first check is left out */
    }
    r->told[r->told_count++] = *s;
}

json_t *run_step_keep(struct run *r, const struct step *step, const char *host, const struct run_result *result,
    enum judgement_outcome outcome, const char *why)
{
    static const char *const outcomes[] = {"healthy", "unhealthy", "cannot_tell"};
    const struct wrapper_report *report = &r->report;
    r->results[step->index] = *result;
    bool judged = step->verb == STEP_CHECK || step->verb == STEP_VERIFY;
    struct story_step s = {.verb = step->verb, .title = step->title, .host = host,
        .become = step->become ? step->become : "", .login = r->host ? r->host->user : "", .ended = true,
        .outcome = outcome, .why = run_text(r, why), .status = result->state == RESULT_ENDED ? result->status : -1,
        .signal = run_text(r, report->signal), .timed_out = result->state == RESULT_TIMEOUT, .left = report->left,
        .output = repaired(r, result->output ? result->output : "", result->output_bytes), .cut = result->cut,
        .took_ms = clock_mono_ms() - r->call.sent_mono_ms};
    s.started_wall_ms = run_wall_ms(r) - s.took_ms;
    if (step->verb == STEP_RECOVER) { /* as the machine counted it: it may have ended while nobody listened */
        s.took_ms = (int64_t)report->duration_ms;
        s.started_wall_ms = r->sent.wall_ms;
    }
    run_step_tell(r, &s);
    json_t *row = run_step_row_started(r, step, r->attempt, host);
    const char *word = judged ? outcomes[outcome] : result->state == RESULT_ENDED && result->status == 0 ? "done" : "failed";
    json_t *more = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i}", "state", "ended", "outcome", word, "why", s.why, "output",
        s.output, "cut", (int)s.cut, "took_ms", (int)s.took_ms);
    assert(more);
    if (result->state == RESULT_ENDED)
        (void)json_object_set_new(more, "status", json_integer(result->status));
    if (report->signal[0])
        (void)json_object_set_new(more, "signal", json_string(report->signal));
    (void)json_object_update(row, more);
    json_decref(more);
    return row;
}

/* What the report says in the judgement's words. */
static struct run_result result_of(struct run *r, bool answered)
{
    const struct wrapper_report *p = &r->report;
    struct run_result result = {.state = RESULT_LOST, .output = p->out, .output_bytes = p->out_bytes, .cut = p->out_cut};
    if (!answered || p->verdict != WRAPPER_ENDED)
        return result;
    if (p->timed_out)
        result.state = RESULT_TIMEOUT;
    else if (p->signal[0])
        result.state = RESULT_SIGNAL;
    else
        result.state = RESULT_ENDED;
    result.status = p->status;
    return result;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

void run_tell_progress(struct run *r, json_t *change)
{
    struct story s;
    run_story(r, &s);
    struct buf text;
    buf_init(&text, STORY_NOTE_CHARS_MAX * 4);
    story_progress_note(&s, &text);
    run_change_outbox(change, "progress", buf_text(&text), NULL);
    buf_done(&text);
}

void run_tell_title(struct run *r, json_t *change, enum story_title title)
{
    struct buf text;
    buf_init(&text, 256);
    story_title(r->policy.language, title, ENDINGS, &text);
    run_change_outbox(change, "progress_title", buf_text(&text), NULL);
    buf_done(&text);
}

static bool must_leave(const struct run *r)
{
    return r->hands.touched || r->hands.closed || run_left_ms(r) <= 0 || r->worker->draining;
}

/* Adds `started` of the next look to the same transaction; a recover has a transaction of its own. */
void run_add_next_step(struct run *r, json_t *change)
{
    r->step_journaled = false;
    if (r->flow.kind != FLOW_STEP || r->again_ms > 0 || must_leave(r))
        return;
    const struct step *next = &r->scenario->steps[r->flow.step];
    if (next->verb == STEP_RECOVER || next->on_host || next->on_value)
        return;
    r->step = next->index;
    r->attempt = ++r->last_attempt;
    r->step_journaled = true;
    (void)json_object_set_new(change, "state", json_string(run_state_of(next->verb)));
    (void)json_object_set_new(change, "step", json_integer(r->step));
    (void)json_object_set_new(change, "attempt", json_integer(r->attempt));
    run_change_step(change, run_step_row_started(r, next, r->attempt, r->host->name));
}

void run_recorded(struct run *r)
{
    if (run_must_end(r))
        return;
    if (r->again_ms > 0)
        run_pause(r, r->again_ms, RUN_WORKING);
    else
        run_step_next(r);
}

/* A verify may look again until its time, counted from the end of the recover, is over. */
static int64_t verify_again_ms(const struct run *r, const struct step *step, enum judgement_outcome outcome)
{
    if (step->verb != STEP_VERIFY || outcome == JUDGED_HEALTHY || step->within_ms == 0)
        return 0;
    int64_t every = step->every_ms > 0 ? step->every_ms : 1000;
    int64_t over = r->recover_ended_mono_ms + step->within_ms;
    return clock_mono_ms() + every <= over ? every : 0;
}

void run_step_again(struct run *r, const struct step *step, enum judgement_outcome outcome)
{
    bool lost = r->results[step->index].state == RESULT_LOST;
    r->again_ms = verify_again_ms(r, step, outcome);
    if (lost && r->again_ms == 0 && ++r->tries < LOOK_TRIES && run_left_ms(r) > LOOK_AGAIN_MS && !must_leave(r))
        r->again_ms = LOOK_AGAIN_MS;
    if (!lost)
        r->tries = 0;
}

static void record_look(struct run *r, const struct step *step, const char *host, bool answered, const char *err_text,
    const char *stderr_text)
{
    struct run_result result = result_of(r, answered);
    r->results[step->index] = result;
    struct judgement_why why = {0};
    enum judgement_outcome outcome = JUDGED_HEALTHY;
    bool judged = step->verb == STEP_CHECK || step->verb == STEP_VERIFY;
    if (judged)
        outcome = judge(r, step->healthy, step->index, &why);
    struct buf text;
    buf_init(&text, 2048);
    story_look_why(r->policy.language, result.state == RESULT_LOST ? err_text : why.text,
        outcome == JUDGED_HEALTHY ? "" : stderr_text, &text);
    json_t *row = run_step_keep(r, step, host, &result, outcome, buf_text(&text));
    buf_done(&text);
    json_t *change = run_change(run_state_of(step->verb));
    run_change_step(change, row);
    r->sick |= step->verb == STEP_CHECK && outcome == JUDGED_UNHEALTHY;
    run_step_again(r, step, outcome);
    r->flow = run_step_gate(r, scenario_after(r->scenario, step->index, outcome, r->sick));
    if (judged && r->again_ms == 0 && outcome == JUDGED_UNHEALTHY && r->flow.kind == FLOW_STEP && r->mode == MODE_AUTO) {
        run_tell_progress(r, change);
        if (r->scenario->steps[r->flow.step].verb == STEP_RECOVER)
            run_tell_title(r, change, TITLE_RECOVERING);
    }
    run_add_next_step(r, change);
    run_write_change(r, RUN_RECORDING, change, run_recorded);
}

static void on_looked(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct run *r = owner;
    (void)op;
    if (!run_ssh_ended(r))
        return;
    const struct step *step = &r->scenario->steps[r->step];
    bool answered = run_read_answer(r, outcome, err);
    if (r->cancelled_look && !r->call.complete && run_must_end(r))
        return;
    struct buf said;
    buf_init(&said, STDERR_BYTES * 2);
    text_one_line(outcome->err ? outcome->err : "", outcome->err_bytes < 300 ? outcome->err_bytes : 300, &said);
    const char *lost = err && !r->call.complete ? err->text : r->report.text[0] ? r->report.text : wrapper_verdict_name(r->report.verdict);
    const struct inventory_host *host = run_step_host(r, step);
    if (host)
        record_look(r, step, host->name, answered, lost, buf_text(&said));
    buf_done(&said);
}

static void send_look(struct run *r)
{
    const struct step *step = &r->scenario->steps[r->step];
    const struct inventory_host *host = run_step_host(r, step);
    if (!host)
        return;
    run_move(r, RUN_WORKING);
    struct wrapper_value values[WRAPPER_VALUES_MAX];
    int64_t left = run_left_ms(r);
    int64_t timeout = step->timeout_ms < left ? step->timeout_ms : left;
    unsigned timeout_s = (unsigned)((timeout + 999) / 1000);
    struct wrapper_task task = {.act = WRAPPER_LOOK, .script = step->run, .values = values,
        .values_count = run_values(r, values, WRAPPER_VALUES_MAX), .become = step->become,
        .timeout_s = timeout_s > 0 ? timeout_s : 1, .cluster = r->worker->settings.cluster, .run = r->id,
        .step = step->index, .attempt = r->attempt};
    run_send(r, host, &task, (unsigned)timeout + CONNECT_SLACK_MS, on_looked);
}

static void journaled(struct run *r)
{
    if (!run_must_end(r))
        send_look(r);
}

void run_step_do(struct run *r)
{
    const struct step *step = &r->scenario->steps[r->step];
    if (step->verb == STEP_RECOVER) {
        run_recover(r);
        return;
    }
    if (r->step_journaled) {
        r->step_journaled = false;
        send_look(r);
        return;
    }
    const struct inventory_host *host = run_step_host(r, step);
    if (!host)
        return;
    r->attempt = ++r->last_attempt;
    json_t *change = run_change(run_state_of(step->verb));
    (void)json_object_set_new(change, "step", json_integer(r->step));
    (void)json_object_set_new(change, "attempt", json_integer(r->attempt));
    run_change_step(change, run_step_row_started(r, step, r->attempt, host->name));
    run_write_change(r, RUN_RECORDING, change, journaled);
}

/* --- following ---------------------------------------------------------------------------------------------------- */

static void end_cannot_tell(struct run *r)
{
    const struct story_step *last = r->told_count > 0 ? &r->told[r->told_count - 1] : NULL;
    const struct run_result *result = &r->results[r->step];
    if (result->state == RESULT_LOST)
        run_end(r, ENDING_HANDED_OVER, WHY_SSH, r->scenario->steps[r->step].title, last ? last->host : "", last ? last->why : "", "");
    else
        run_end(r, ENDING_HANDED_OVER, WHY_CANNOT_TELL, last ? last->title : "", last ? last->why : "", "", "");
}

void run_step_next(struct run *r)
{
    switch (r->flow.kind) {
    case FLOW_STEP:
        if (r->mode != MODE_AUTO && r->scenario->steps[r->flow.step].verb == STEP_RECOVER) {
            run_end(r, ENDING_SHADOWED, WHY_SHADOW, "", "", "", "");
            return;
        }
        if (!r->step_journaled) {
            r->step = r->flow.step;
            r->tries = 0;
        }
        run_step_do(r);
        return;
    case FLOW_SELF_HEALED:
    case FLOW_HEALED:
        if (r->hands.closed)
            run_end_closed(r);
        else
            run_reread(r);
        return;
    case FLOW_NOT_HEALED:
        if (r->hands.closed) /* a verify was finished for the timeline's sake */
            run_end_closed(r);
        else
            run_end(r, ENDING_HANDED_OVER, WHY_NOT_HEALED, "", "", "", "");
        return;
    default:
        end_cannot_tell(r);
    }
}
