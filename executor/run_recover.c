/* SPDX-License-Identifier: MIT
 * Changing a machine: the guards' transaction, the command under the fence, and doubt. From the commit of `started` on, a
 * lost connection is doubt for this worker as for a successor: the machine's record is asked, the command never resent. */
#include "executor/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/limits.h"

#define GUARD_AGAIN_MS 1000
#define ASK_AGAIN_MS 5000
#define BUSY_AGAIN_MS 5000
#define NOT_STARTED_TRIES 4
#define LOCK_WAIT_MS 10000
#define CONNECT_SLACK_MS 30000
#define GIVE_UP_SLACK_MS 5000 /* for an answer that is on its way: the script itself ends by give_up_at */
#define HOUR_MS 3600000

static void guard(struct run *r);
static void ask(struct run *r);

static const struct step *step_of(const struct run *r)
{
    return &r->scenario->steps[r->step];
}

struct wrapper_task run_recover_task(struct run *r, enum wrapper_act act)
{
    const struct worker *w = r->worker;
    return (struct wrapper_task){.act = act, .become = step_of(r)->become, .cluster = w->settings.cluster,
        .machine = r->contact.machine, .folder = r->contact.folder, .memory_id = r->contact.memory_id,
        .boot_id = r->contact.boot_id, .run = r->id, .step = r->step, .attempt = r->attempt,
        .token = {r->timeline, (uint64_t)r->epoch, lease_incarnation(w->parts.lease)},
        .out_bytes_max = RUN_OUTPUT_BYTES_MAX};
}

/* --- recording ---------------------------------------------------------------------------------------------------- */

void run_recover_ended(struct run *r, const char *doubt)
{
    const struct step *step = step_of(r);
    const struct wrapper_report *p = &r->report;
    struct run_result result = {.state = p->timed_out ? RESULT_TIMEOUT : p->signal[0] ? RESULT_SIGNAL : RESULT_ENDED,
        .status = p->status, .output = p->out, .output_bytes = p->out_bytes, .cut = p->out_cut};
    r->recovered = true;
    r->tries = 0;
    r->again_ms = 0;
    r->recover_ended_mono_ms = clock_mono_ms();
    bool well = result.state == RESULT_ENDED && result.status == 0;
    json_t *change = run_change(run_state_of(STEP_RECOVER));
    run_doubt_settled(r, change,
        run_step_keep(r, step, r->contact.host->name, &result, well ? JUDGED_HEALTHY : JUDGED_UNHEALTHY, ""), doubt);
    if (doubt)
        run_change_decision(change, "doubt", doubt);
    r->flow = run_step_gate(r, scenario_after(r->scenario, r->step, well ? JUDGED_HEALTHY : JUDGED_UNHEALTHY, r->sick));
    run_tell_progress(r, change);
    if (r->flow.kind == FLOW_STEP && r->scenario->steps[r->flow.step].verb == STEP_VERIFY)
        run_tell_title(r, change, TITLE_VERIFYING);
    run_add_next_step(r, change);
    run_write_change(r, RUN_RECORDING, change, run_recorded);
}

static void guard_after_pause(struct run *r)
{
    if (!run_must_end(r))
        run_pause(r, r->again_ms, RUN_GUARDING);
}

static void end_not_started(struct run *r)
{
    if (run_must_end(r))
        return;
    const struct inventory_host *host = run_step_host(r, step_of(r));
    if (!host)
        return;
    if (r->report.verdict == WRAPPER_BUSY)
        run_end(r, ENDING_HANDED_OVER, WHY_BUSY, step_of(r)->title, host->name, r->report.holder ? r->report.holder : "", "");
    else if (r->report.verdict == WRAPPER_BROKEN)
        run_end(r, ENDING_HANDED_OVER, WHY_SSH, step_of(r)->title, host->name, r->report.text, "");
    else
        run_end(r, ENDING_HANDED_OVER, WHY_MACHINE, step_of(r)->title, host->name,
            r->report.text[0] ? r->report.text : wrapper_verdict_name(r->report.verdict), "");
}

/* The attempt certainly did not start: it ends so in the journal, and a new one may ask the guards. */
static void record_not_started(struct run *r, const char *why, const char *doubt, bool again)
{
    const struct step *step = step_of(r);
    json_t *row = run_step_row_started(r, step, r->attempt, r->contact.host ? r->contact.host->name : r->host->name);
    (void)json_object_set_new(row, "state", json_string("not_started"));
    (void)json_object_set_new(row, "why", json_string(why));
    json_t *change = run_change(run_state_of(STEP_RECOVER));
    run_doubt_settled(r, change, row, doubt);
    if (doubt)
        run_doubt_note(r, change, doubt);
    again = again && ++r->tries < NOT_STARTED_TRIES;
    r->again_ms = doubt ? 0 : BUSY_AGAIN_MS;
    run_write_change(r, RUN_RECORDING, change, again ? guard_after_pause : end_not_started);
}

void run_recover_never(struct run *r, const char *doubt)
{
    record_not_started(r, "", doubt, true);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static void on_recovered(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct run *r = owner;
    (void)op;
    if (!run_ssh_ended(r))
        return;
    bool sent = run_read_answer(r, outcome, err);
    if (fault_fails_for("recover.answered", r->host->name))
        return; /* holds still, for a test to end or pause this worker */
    enum wrapper_verdict verdict = r->report.verdict;
    if (sent && verdict == WRAPPER_REFUSED_STALE)
        log_warning(&r->log, "the machine refused a late recover: a later holder has been there", LOG_S("step", step_of(r)->title),
            LOG_I("their_epoch", (int64_t)r->report.token.epoch), LOG_S("their_incarnation", r->report.token.incarnation));
    if (!sent) {
        record_not_started(r, err->text, NULL, true);
    } else if (verdict == WRAPPER_ENDED) {
        run_recover_ended(r, NULL);
    } else if (verdict == WRAPPER_REFUSED_MEMORY) {
        record_not_started(r, "the machine's memory or boot has changed", NULL, true);
        r->contact.host = NULL; /* it rebooted between contact and start: the guards and the machine are asked anew */
    } else if (fault_twin("same-worker-retry")) {
        record_not_started(r, "the connection broke", NULL, true);
    } else if (wrapper_not_started(verdict)) {
        record_not_started(r, r->report.text[0] ? r->report.text : wrapper_verdict_name(verdict), NULL,
            verdict == WRAPPER_BUSY);
    } else {
        log_warning(&r->log, "a recover is in doubt; the machine's record is asked", LOG_S("step", step_of(r)->title),
            LOG_S("why", err ? err->text : wrapper_verdict_name(verdict)));
        run_settle(r, DOUBT_SSH);
    }
}

static void send_recover(struct run *r)
{
    const struct step *step = step_of(r);
    struct wrapper_value values[WRAPPER_VALUES_MAX];
    struct wrapper_task task = run_recover_task(r, WRAPPER_RECOVER);
    int64_t left = run_left_ms(r);
    int64_t timeout = step->timeout_ms < left ? step->timeout_ms : left;
    task.script = step->run;
    task.values = values;
    task.values_count = run_values(r, values, WRAPPER_VALUES_MAX);
    task.timeout_s = (unsigned)(timeout > 1000 ? (timeout + 999) / 1000 : 1);
    r->sent.step = r->step;
    r->sent.attempt = r->attempt;
    r->sent.memory_id = task.memory_id;
    r->sent.boot_id = task.boot_id;
    r->sent.wall_ms = run_wall_ms(r);
    run_move(r, RUN_WORKING);
    int64_t longest = timeout + LOCK_WAIT_MS + CONNECT_SLACK_MS, late = left + GIVE_UP_SLACK_MS;
    run_send(r, r->contact.host, &task, (unsigned)(longest < late ? longest : late), on_recovered);
}

/* --- the guards --------------------------------------------------------------------------------------------------- */

/* Splits the detail of recover_start.sql at its unit separators. */
static void split_detail(struct run *r, const char *detail, const char *out[4])
{
    char *rest = run_text(r, detail);
    for (int i = 0; i < 4; i++) {
        out[i] = rest;
        char *end = i < 3 ? strchr(rest, '\x1f') : NULL;
        if (!end) {
            for (i++; i < 4; i++)
                out[i] = "";
            return;
        }
        *end = '\0';
        rest = end + 1;
    }
}

static void refused(struct run *r, const struct recover_verdict *v)
{
    const char *d[4];
    split_detail(r, v->detail, d);
    log_info(&r->log, "a guard refused the recover", LOG_S("guard", recover_refusal_name(v->refusal)), LOG_S("detail", v->detail));
    char hours[24];
    (void)snprintf(hours, sizeof hours, "%lld", (long long)(r->scenario->recurs_within_ms / HOUR_MS));
    switch (v->refusal) {
    case REFUSAL_STOP:
        run_end(r, ENDING_HANDED_OVER, WHY_STOP_SWITCH, d[0], d[1], d[2], d[3]);
        return;
    case REFUSAL_TOUCHED:
        run_end(r, ENDING_STOPPED, WHY_PERSON, d[0], d[1], "", "");
        return;
    case REFUSAL_CLOSED:
        r->hands = (struct run_hands){.closed = true, .closed_by = d[0], .closed_how = d[1], .touched_by = "", .touched_how = ""};
        if (!run_must_end(r))
            run_end(r, ENDING_RESOLVED, WHY_MONITOR_CLEARED, "", "", "", "");
        return;
    case REFUSAL_RECURRENCE:
        run_end(r, ENDING_HANDED_OVER, WHY_RECURRENCE, d[0], hours, "", "");
        return;
    case REFUSAL_STANDBY:
        run_end(r, ENDING_HANDED_OVER, WHY_NO_STANDBY, "", "", "", "");
        return;
    default:
        assert(v->refusal == REFUSAL_UNKNOWN_TOUCH);
        ask(r);
    }
}

static void on_guarded(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    if (err && (err->kind == ERROR_UNCERTAIN || err->kind == ERROR_INPUT)) { /* INPUT: the journal holds what we do not know of */
        log_failure(LOG_WARNING, &r->log, "it is not known whether the recover may begin; the run is read again", err);
        run_load_anew(r, GUARD_AGAIN_MS);
        return;
    }
    if (err) {
        log_failure(LOG_WARNING, &r->log, "the guards could not be asked; no recover starts", err);
        if (!run_must_end(r))
            run_pause(r, GUARD_AGAIN_MS, RUN_GUARDING);
        return;
    }
    struct recover_verdict v;
    run_recover_verdict(answer, &v);
    if (!v.held) {
        run_dropped(r, "another worker has taken it over");
        return;
    }
    if (v.refusal != REFUSAL_NONE) {
        refused(r, &v);
        return;
    }
    r->attempt = ++r->last_attempt;
    r->doubt = (struct run_doubt){.open = true};
    r->no_standby |= !v.standby;
    r->blind_tried = false; /* PagerDuty is asked anew before the next */
    fault_point("recover.granted");
    bool may = lease_held(r->worker->parts.lease) && run_left_ms(r) > 0;
    if (fault_fails_for("recover.journaled", r->host->name)) /* a worker that is late from here on is the machine's to refuse */
        return;                                              /* told to stand still: a test ends it */
    if (may)
        send_recover(r);
    else
        record_not_started(r, "this worker could not show its lease", NULL, true);
}

static void guard(struct run *r)
{
    if (run_must_end(r))
        return;
    const struct step *step = step_of(r);
    const struct worker *w = r->worker;
    run_move(r, RUN_GUARDING);
    json_t *row = run_step_row_started(r, step, r->last_attempt + 1, r->contact.host->name);
    (void)json_object_set_new(row, "memory", json_string(r->contact.memory_id)); /* a successor may prove by them that it never began */
    (void)json_object_set_new(row, "boot", json_string(r->contact.boot_id));
    char *text = json_dumps(row, JSON_COMPACT);
    json_decref(row);
    if (!text)
        abort(); /* a few hundred bytes */
    struct recover_request request = {.id = r->id, .epoch = r->epoch, .region = w->settings.region,
        .recurrence_most = r->scenario->recurs_count, .recurrence_ms = r->scenario->recurs_within_ms,
        .need_standby = w->settings.without_standby_hold, .touch_known_ms = r->blind_tried ? 0 : w->settings.touch_known_ms,
        .machine = r->contact.machine, .scenario = r->scenario->name, .customer = r->customer, .step = text,
        .incarnation = lease_incarnation(w->parts.lease), .beat = lease_beat(w->parts.lease)};
    r->db_op = run_recover_start(w->parts.store, &request, on_guarded, r);
    free(text);
}

void run_recover(struct run *r)
{
    if (!run_must_end(r))
        run_contact(r, guard);
}

/* --- whether a person took over ----------------------------------------------------------------------------------- */

static void on_noted(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    (void)answer;
    r->db_op = 0;
    if (err)
        run_pause(r, GUARD_AGAIN_MS, RUN_ASKING);
    else
        guard(r);
}

/* By its status. The log names who it was, the incident has an id only. */
static bool shows_hands(struct run *r, const struct desk_answer *desk)
{
    bool closed = desk->state == DESK_GONE || strcmp(desk->status, "resolved") == 0, logged = desk->hand_at[0];
    if (!closed && (strcmp(desk->status, "acknowledged") != 0 || !desk->changed_by[0]))
        return false;
    r->hands = (struct run_hands){.touched = !closed, .closed = closed,
        .touched_by = run_text(r, logged ? desk->hand_by : desk->changed_by),
        .touched_how = run_text(r, logged ? desk->hand_how : "acknowledged it"),
        .closed_by = run_text(r, desk->changed_by), .closed_how = "resolved it"};
    return true;
}

static void on_asked(void *owner, const struct desk_answer *desk)
{
    struct run *r = owner;
    r->desk_op = 0;
    run_know_incident(r, desk);
    if (desk->state == DESK_UNAVAILABLE) {
        worker_warn(r, "PagerDuty could not be asked before a recover", desk->why);
        if (r->worker->settings.recover_blind_go) {
            r->blind_tried = true;
            guard(r);
        } else if (run_left_ms(r) > ASK_AGAIN_MS) {
            run_pause(r, ASK_AGAIN_MS, RUN_ASKING);
        } else {
            run_end(r, ENDING_HANDED_OVER, WHY_BLIND, desk->why, "", "", "");
        }
        return;
    }
    if (shows_hands(r, desk)) {
        if (!run_must_end(r))
            run_end(r, ENDING_RESOLVED, WHY_MONITOR_CLEARED, "", "", "", "");
        return;
    }
    struct incident_read read = {.account = r->account, .key = r->incident, .priority = desk->priority, .urgency = desk->urgency,
        .title = desk->title, .hand_at = desk->hand_at, .hand_by = desk->hand_by, .hand_how = desk->hand_how};
    r->db_op = run_note_incident_read(r->worker->parts.store, &read, on_noted, r); /* then the guards tell whether a hand stands */
}

static void ask(struct run *r)
{
    run_move(r, RUN_ASKING);
    run_ask_desk(r, DESK_HANDS, on_asked);
}

void run_recover_again(struct run *r)
{
    switch (r->after_pause) {
    case RUN_SETTLING:
        run_settle_again(r);
        return;
    case RUN_ASKING:
        ask(r);
        return;
    default:
        if (r->settling) /* never a new attempt while one is in doubt */
            run_settle_again(r);
        else
            run_recover(r);
    }
}
