/* SPDX-License-Identifier: MIT
 * A recover in doubt: it was begun, and its outcome is not written. The machine's record is asked, by the worker whose
 * connection broke as by its successor; the command is never sent again. Asking also writes our token there, so that what is
 * still on its way is refused. docs/doubt.md has each case. */
#include "executor/run.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"

#define SETTLE_AGAIN_MS 3000
#define ASK_DEADLINE_MS 45000
#define GIVE_UP_SLACK_MS 5000 /* one question is asked even when time is up: its answer may save a person's night */

static const struct step *step_of(const struct run *r)
{
    return &r->scenario->steps[r->step];
}

/* --- telling ------------------------------------------------------------------------------------------------------ */

const char *run_doubt_sentence(struct run *r, enum story_found found)
{
    const struct wrapper_report *p = &r->report;
    struct story_doubt d = {.cause = r->doubt.cause, .found = found, .title = step_of(r)->title,
        .on = r->contact.host ? r->contact.host->name : r->host->name, .node = r->worker->settings.node, .lost = r->was,
        .then = step_of(r)->unsure, .status = p->status, .signal = p->signal, .timed_out = p->timed_out,
        .took_ms = (int64_t)p->duration_ms, .why = r->doubt.why ? r->doubt.why : ""};
    struct buf text;
    buf_init(&text, 4096);
    story_doubt(r->policy.language, &d, &text);
    const char *kept = run_text(r, buf_text(&text));
    buf_done(&text);
    log_info(&r->log, "a recover in doubt", LOG_S("found", kept));
    run_doubt_tell(r, kept);
    return kept;
}

void run_doubt_tell(struct run *r, const char *sentence)
{
    if (r->doubts_count == RUN_DOUBTS_TOLD_MAX) { /* the oldest leaves */
        memmove(&r->doubts[0], &r->doubts[1], (RUN_DOUBTS_TOLD_MAX - 1) * sizeof r->doubts[0]);
        r->doubts_count--;
    }
    r->doubts[r->doubts_count++] = sentence;
}

void run_doubt_note(struct run *r, json_t *change, const char *sentence)
{
    struct story s;
    run_story(r, &s);
    struct buf note;
    buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
    story_doubt_note(&s, sentence, &note);
    run_change_outbox(change, "progress", buf_text(&note), NULL);
    run_change_decision(change, "doubt", sentence);
    buf_done(&note);
}

/* --- ending in doubt ---------------------------------------------------------------------------------------------- */

static bool by_person(const struct run *r)
{
    return r->hands.touched || (r->hands.closed && r->hands.closed_by[0]);
}

/* The journal keeps it open: whoever delivers the token completes it (executor/token.c). */
static void end_open(struct run *r, const char *why)
{
    const struct inventory_host *host = run_step_host(r, step_of(r));
    if (!host)
        return; /* that has ended the run */
    if (!r->doubt.token_there)
        (void)run_doubt_sentence(r, DOUBT_UNREACHED);
    if (r->hands.touched)
        run_end(r, ENDING_STOPPED, WHY_PERSON, r->hands.touched_by, r->hands.touched_how, "", "");
    else if (by_person(r))
        run_end(r, ENDING_STOPPED, WHY_CLOSED, r->hands.closed_by, r->hands.closed_how, "", "");
    else
        run_end(r, ENDING_HANDED_OVER, WHY_DOUBT, step_of(r)->title, host->name, why, r->was);
}

/* --- what cannot be learnt ---------------------------------------------------------------------------------------- */

static void rerun(struct run *r)
{
    run_pause(r, 0, RUN_GUARDING);
}

/* What became of it is not known and will not be: the step's `unsure` decides, in the transaction that writes so. */
static void apply_unsure(struct run *r, enum story_found found)
{
    const struct step *step = step_of(r);
    struct run_result result = {.state = RESULT_LOST, .output = ""};
    r->settling = false;
    r->recovered = true;
    r->recover_ended_mono_ms = clock_mono_ms();
    r->report.duration_ms = 0;
    const char *sentence = run_doubt_sentence(r, found);
    json_t *row = run_step_keep(r, step, r->contact.host->name, &result, JUDGED_CANNOT_TELL, "");
    json_t *change = run_change(run_state_of(STEP_RECOVER));
    run_doubt_settled(r, change, row, sentence);
    if (step->unsure == UNSURE_HAND_OVER) {
        r->beside = change;
        run_end(r, ENDING_HANDED_OVER, WHY_DOUBT, step->title, r->contact.host->name,
            "its outcome cannot be learnt from the machine", r->was);
        return;
    }
    run_doubt_note(r, change, sentence);
    r->again_ms = 0;
    r->flow = run_step_gate(r, scenario_after(r->scenario, r->step, JUDGED_UNHEALTHY, r->sick));
    run_write_change(r, RUN_RECORDING, change, step->unsure == UNSURE_RERUN ? rerun : run_recorded);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static void wait_on(struct run *r)
{
    run_pause(r, SETTLE_AGAIN_MS, RUN_SETTLING);
}

/* Said once by each holder; its end is said, too. */
static void found_running(struct run *r)
{
    if (run_left_ms(r) <= SETTLE_AGAIN_MS) {
        end_open(r, "it was still running");
        return;
    }
    if (r->doubt.told_running) {
        wait_on(r);
        return;
    }
    r->doubt.told_running = true;
    json_t *change = run_change(run_state_of(STEP_RECOVER));
    run_doubt_note(r, change, run_doubt_sentence(r, DOUBT_RUNS));
    run_write_change(r, RUN_RECORDING, change, wait_on);
}

static void not_answered(struct run *r)
{
    r->doubt.why = r->report.text[0] ? r->report.text : wrapper_verdict_name(r->report.verdict);
    if (run_left_ms(r) <= SETTLE_AGAIN_MS)
        end_open(r, r->doubt.why);
    else
        wait_on(r);
}

/* The attempt was sent to another memory or boot than the machine has now. */
static bool has_forgotten(const struct run *r)
{
    return !r->sent.memory_id || strcmp(r->sent.memory_id, r->contact.memory_id) != 0 || !r->sent.boot_id ||
           strcmp(r->sent.boot_id, r->contact.boot_id) != 0;
}

static void on_settled(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct run *r = owner;
    (void)op;
    if (!run_ssh_ended(r))
        return;
    (void)run_read_answer(r, outcome, err);
    fault_point("settling.answered");
    switch (r->report.verdict) {
    case WRAPPER_ENDED:
        run_recover_ended(r, run_doubt_sentence(r, r->report.ended_by_us ? DOUBT_ENDED_NOW : DOUBT_ENDED));
        return;
    case WRAPPER_NEVER_STARTED:
        run_recover_never(r, run_doubt_sentence(r, DOUBT_NEVER));
        return;
    case WRAPPER_LOST:
        apply_unsure(r, has_forgotten(r) ? DOUBT_FORGOTTEN : DOUBT_LOST);
        return;
    case WRAPPER_REFUSED_MEMORY: /* since we got to know it: get to know it anew, then ask */
        r->contact.host = NULL;
        wait_on(r);
        return;
    case WRAPPER_REFUSED_STALE:
        run_dropped(r, "a later holder has been on the machine");
        return;
    case WRAPPER_RUNNING:
        r->doubt.token_there = true;
        found_running(r);
        return;
    default:
        not_answered(r);
    }
}

static void send_question(struct run *r)
{
    run_move(r, RUN_SETTLING);
    fault_point("settling.begun");
    bool end = step_of(r)->running == RUNNING_END;
    struct wrapper_task task = run_recover_task(r, end ? WRAPPER_END : WRAPPER_ASK);
    /* Without it the machine cannot tell "never" from "before my memory". A reboot may have lost the last records, too. */
    if (r->sent.step == r->step && r->sent.attempt == r->attempt && !has_forgotten(r))
        task.sent_memory_id = r->sent.memory_id;
    run_send(r, r->contact.host, &task, run_settle_deadline_ms(r, ASK_DEADLINE_MS), on_settled);
}

unsigned run_settle_deadline_ms(const struct run *r, unsigned most_ms)
{
    int64_t left = run_left_ms(r);
    int64_t longest = (left > 0 ? left : 0) + GIVE_UP_SLACK_MS;
    return longest < (int64_t)most_ms ? (unsigned)longest : most_ms;
}

static void settle(struct run *r)
{
    bool tried = r->doubt.why || r->doubt.token_there;
    if (r->worker->draining) {
        run_give_back(r); /* whoever takes it asks the machine */
    } else if (tried && run_left_ms(r) <= 0) {
        end_open(r, r->doubt.token_there ? "it was still running" : "the machine could not be reached in time");
    } else if (tried && !r->doubt.token_there && by_person(r)) { /* who took over must know it now */
        end_open(r, r->doubt.why);
    } else {
        run_contact(r, send_question);
    }
}

void run_settle(struct run *r, enum story_cause cause)
{
    assert(r->scenario && step_of(r)->verb == STEP_RECOVER);
    if (!r->settling)
        r->doubt = (struct run_doubt){.open = true, .cause = cause};
    r->settling = true;
    settle(r);
}

void run_settle_again(struct run *r)
{
    settle(r);
}

void run_settle_unreached(struct run *r, const char *why)
{
    r->doubt.why = run_text(r, why);
    if (run_left_ms(r) <= 0)
        end_open(r, r->doubt.why);
    else
        wait_on(r);
}

void run_doubt_settled(struct run *r, json_t *change, json_t *row, const char *sentence)
{
    if (sentence) {
        (void)json_object_set_new(row, "doubt", json_string(sentence));
        if (r->told_count > 0 && strcmp(json_string_value(json_object_get(row, "state")), "ended") == 0)
            r->told[r->told_count - 1].doubt = sentence;
    }
    (void)json_object_set_new(change, "doubt", json_false());
    run_change_step(change, row);
    r->settling = false;
    r->doubt = (struct run_doubt){0};
}
