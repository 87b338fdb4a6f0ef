/* SPDX-License-Identifier: MIT
 * A run's life in this worker: loaded, moved from phase to phase, interrupted, dropped. What each phase does stands in
 * run_match.c, run_recall.c, run_step.c, run_recover.c and run_end.c. */
#include "executor/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/limits.h"

static void on_timer(void *owner);
static void on_give_up(void *owner);

static void set_epoch(struct run *r, int64_t epoch)
{
    r->epoch = epoch;
    r->log = (struct log_ctx){.parent = r->worker->parts.log, .fields = {LOG_S("run", r->id), LOG_I("epoch", epoch)}};
}

struct run *run_new(struct worker *w, const struct run_held *held, bool expired)
{
    struct run *r = calloc(1, sizeof *r);
    struct arena *a = arena_new(RUN_ARENA_BYTES_MAX);
    if (!r || !a) {
        free(r);
        arena_free(a);
        return NULL;
    }
    r->magic = RUN_MAGIC;
    r->worker = w;
    r->arena = a;
    r->first_epoch = held->epoch;
    r->expired = expired;
    r->step = -1;
    memcpy(r->id, held->id, sizeof r->id);
    memcpy(r->was, held->was, sizeof r->was);
    set_epoch(r, held->epoch);
    r->account = r->incident = r->customer = r->service_id = r->service_name = r->title = r->priority = r->urgency = "";
    call_init(&r->call, w->parts.ssh);
    r->timer = loop_timer_new(w->parts.loop, on_timer, r);
    r->give_up = loop_timer_new(w->parts.loop, on_give_up, r);
    r->next = w->runs;
    r->back = &w->runs;
    if (w->runs)
        w->runs->back = &r->next;
    w->runs = r;
    r->alike_back = worker_bucket(w, r->id);
    r->alike = *r->alike_back;
    if (r->alike)
        r->alike->alike_back = &r->alike;
    *r->alike_back = r;
    w->held++;
    return r;
}

/* Answers that are on their way find nobody; SSH alone answers always. */
static void forget_calls(struct run *r)
{
    struct worker_parts *parts = &r->worker->parts;
    run_forget(parts->store, r->db_op);
    if (r->desk_op)
        parts->desk->forget(parts->desk->desk, r->desk_op);
    if (r->library_op)
        library_forget(parts->library, r->library_op);
    r->db_op = r->desk_op = r->library_op = 0;
}

void run_free(struct run *r)
{
    assert(r->magic == RUN_MAGIC);
    forget_calls(r);
    loop_timer_free(r->timer);
    loop_timer_free(r->give_up);
    scenario_set_free(r->set);
    inventory_unref(r->inventory);
    call_done(&r->call);
    free(r->change);
    json_decref(r->beside);
    arena_free(r->arena);
    *r->back = r->next;
    if (r->next)
        r->next->back = r->back;
    *r->alike_back = r->alike;
    if (r->alike)
        r->alike->alike_back = r->alike_back;
    r->worker->held--;
    r->magic = 0;
    free(r);
}

char *run_text(struct run *r, const char *text)
{
    static char empty[1];
    char *copy = arena_strdup(r->arena, text ? text : "");
    return copy ? copy : empty;
}

void run_move(struct run *r, enum run_phase to)
{
    assert(r->magic == RUN_MAGIC);
    assert(r->phase == to || (run_phases[r->phase].next & (1u << to)));
    if (r->phase != to)
        log_debug(&r->log, "run moves", LOG_S("from", run_phases[r->phase].name), LOG_S("to", run_phases[to].name));
    r->phase = to;
}

int64_t run_left_ms(const struct run *r)
{
    return r->give_up_mono_ms - clock_mono_ms();
}

int64_t run_wall_ms(const struct run *r)
{
    return clock_mono_ms() + r->wall_less_mono_ms;
}

/* Freed in the next turn: a completion may be on the stack above us. An SSH command under way is cancelled and waited for. */
static void free_later(void *owner)
{
    struct run *r = owner;
    if (r->call.op) {
        call_cancel(&r->call);
        return; /* run_send's completion comes here again */
    }
    struct worker *w = r->worker;
    run_free(r);
    worker_freed(w);
}

void run_let_go(struct run *r)
{
    assert(r->phase != RUN_DONE); /* it would be freed twice */
    r->phase = RUN_DONE;
    forget_calls(r); /* an answer of this turn must not find a run that is over */
    loop_timer_stop(r->timer);
    loop_timer_stop(r->give_up);
    loop_soon(r->worker->parts.loop, free_later, r);
}

bool run_ssh_ended(struct run *r)
{
    assert(r->magic == RUN_MAGIC);
    if (r->phase != RUN_DONE)
        return true;
    loop_soon(r->worker->parts.loop, free_later, r);
    return false;
}

void run_dropped(struct run *r, const char *why)
{
    if (r->phase == RUN_DONE)
        return;
    log_warning(&r->log, "run dropped here", LOG_S("why", why), LOG_S("while", run_phases[r->phase].doing));
    r->worker->counts.taken_away++;
    run_let_go(r);
}

void run_ended(struct run *r)
{
    fault_point("run.over");
    struct buf reason;
    buf_init(&reason, 2048);
    struct story s;
    run_story(r, &s);
    story_reason(&s, &reason);
    log_info(&r->log, "run ended", LOG_S("ending", ending_name(r->ending)), LOG_S("reason", buf_text(&reason)),
        LOG_S("incident", r->incident));
    buf_done(&reason);
    r->worker->counts.ended++;
    run_let_go(r);
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static void keep_row(struct run *r, const struct run_row *row)
{
    r->account = run_text(r, row->account);
    r->incident = run_text(r, row->incident_key);
    r->customer = run_text(r, row->customer);
    r->service_id = run_text(r, row->service_id);
    r->service_name = run_text(r, row->service_name);
    r->title = run_text(r, row->title);
    r->priority = run_text(r, row->priority);
    r->urgency = run_text(r, row->urgency);
    r->number = row->incident_number;
    r->opened_wall_ms = row->opened_wall_ms;
    r->wall_less_mono_ms = row->now_wall_ms - clock_mono_ms();
    r->step = row->step;
    r->attempt = row->attempt;
    r->last_attempt = row->last_attempt;
    r->timeline = (uint32_t)row->timeline;
    r->give_up_mono_ms = clock_mono_ms() + row->give_up_left_ms;
    r->doubt.open = row->doubt;
    policy_of_service(r->worker->settings.policies, r->account, r->service_id, r->service_name, &r->policy);
}

static void on_found(void *owner, struct scenario_set *scenarios, struct inventory *inventory, const struct error *err)
{
    struct run *r = owner;
    r->library_op = 0;
    if (err && err->kind != ERROR_INPUT && err->kind != ERROR_LIMIT) { /* the database is away; a doubt may hang on this run */
        log_failure(LOG_WARNING, &r->log, "the sets of a run could not be read; again in a moment", err);
        run_pause(r, 1000, RUN_LOADING);
        return;
    }
    if (err) {
        log_failure(LOG_ERROR, &r->log, "the sets of a run", err);
        run_end(r, ENDING_HANDED_OVER, WHY_FAULT, err->text, "", "", "");
        return;
    }
    r->set = scenarios;
    r->inventory = inventory;
    run_recall(r);
}

static void find_sets(struct run *r, const struct run_row *row)
{
    run_move(r, RUN_FINDING);
    r->mode = (enum scenario_mode)(scenario_mode_find(row->mode) < 0 ? MODE_SHADOW : scenario_mode_find(row->mode));
    r->host = NULL;
    r->contact.machine = run_text(r, row->machine);
    char *name = run_text(r, row->scenario), *host = run_text(r, row->host), *facts = run_text(r, row->facts);
    r->details[0] = name; /* until run_recall, which needs them */
    r->details[1] = host;
    r->details[2] = facts;
    r->library_op = library_find(r->worker->parts.library, row->scenario_set, row->inventory_set, on_found, r);
}

static void go_on(struct run *r, const struct run_row *row)
{
    keep_row(r, row);
    if (row->scenario[0] && !r->scenario) {
        find_sets(r, row);
    } else if (row->scenario[0]) {
        run_recall(r); /* we lost only our certainty about a write */
    } else if (r->expired || run_left_ms(r) <= 0) {
        run_end(r, ENDING_HANDED_OVER, WHY_GIVE_UP, run_phases[r->phase].doing, "", "", "");
    } else {
        loop_timer_start(r->give_up, (uint64_t)run_left_ms(r), 0);
        run_match(r);
    }
}

static void on_loaded(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    if (err) {
        log_failure(LOG_WARNING, &r->log, "loading a run", err);
        run_pause(r, 500, RUN_LOADING);
        return;
    }
    struct run_row row;
    if (run_loaded(answer, &row))
        go_on(r, &row);
    else
        run_dropped(r, "another worker holds it");
}

static void load(struct run *r);

static void on_held_anew(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    if (err) {
        log_failure(LOG_WARNING, &r->log, "holding a run anew", err);
        run_pause(r, 500, RUN_LOADING);
        return;
    }
    int64_t epoch = run_held_anew(answer);
    if (epoch == 0) {
        run_dropped(r, "another worker holds it, or it has ended");
        return;
    }
    r->uncertain = false;
    set_epoch(r, epoch);
    load(r);
}

static void load(struct run *r)
{
    if (r->uncertain) {
        r->db_op = run_hold_anew(r->worker->parts.store, r->id, lease_incarnation(r->worker->parts.lease), on_held_anew, r);
        return;
    }
    r->db_op = run_load(r->worker->parts.store, r->id, r->epoch, on_loaded, r);
}

void run_load_anew(struct run *r, int64_t ms)
{
    r->uncertain = true;
    run_move(r, RUN_LOADING);
    run_pause(r, ms, RUN_LOADING);
}

void run_begin(struct run *r, const struct run_row *row)
{
    log_info(&r->log, r->was[0] ? "run taken over" : "run claimed", LOG_S("from", r->was));
    if (row)
        go_on(r, row);
    else
        load(r);
}

/* --- boundaries --------------------------------------------------------------------------------------------------- */

void run_pause(struct run *r, int64_t ms, enum run_phase then)
{
    run_move(r, RUN_PAUSING);
    r->after_pause = then;
    loop_timer_start(r->timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

static void on_timer(void *owner)
{
    struct run *r = owner;
    if (r->phase == RUN_DONE)
        return;
    if (r->change) {
        run_write_change(r, r->phase, NULL, r->after_write);
        return;
    }
    if (r->phase != RUN_PAUSING)
        return;
    if (r->after_pause != RUN_LOADING && r->after_pause != RUN_SETTLING && run_must_end(r))
        return;
    switch (r->after_pause) {
    case RUN_LOADING:
        run_move(r, RUN_LOADING);
        load(r);
        break;
    case RUN_READING:
        run_resume_reading(r);
        break;
    case RUN_REREADING:
        run_reread(r);
        break;
    case RUN_WORKING:
        run_step_do(r);
        break;
    default:
        run_recover_again(r);
    }
}

/* A recover was done, and a verify of it is in hand or comes next. */
static bool awaits_verify(const struct run *r)
{
    if (!r->recovered || !r->scenario || r->step < 0)
        return false;
    const struct step *steps = r->scenario->steps;
    return steps[r->step].verb == STEP_VERIFY || (r->flow.kind == FLOW_STEP && steps[r->flow.step].verb == STEP_VERIFY);
}

static bool ends_by_hand(struct run *r)
{
    if (r->hands.touched) {
        run_end(r, ENDING_STOPPED, WHY_PERSON, r->hands.touched_by, r->hands.touched_how, "", "");
        return true;
    }
    if (!r->hands.closed || awaits_verify(r)) /* the verify still tells what our recover did */
        return false;
    run_end_closed(r);
    return true;
}

void run_end_closed(struct run *r)
{
    if (r->hands.closed_by[0])
        run_end(r, ENDING_STOPPED, WHY_CLOSED, r->hands.closed_by, r->hands.closed_how, "", "");
    else
        run_end(r, r->recovered ? ENDING_RESOLVED : ENDING_SELF_HEALED, WHY_MONITOR_CLEARED, "", "", "", "");
}

void run_give_back(struct run *r)
{
    log_info(&r->log, "run handed back: this node is stopping", LOG_S("while", run_phases[r->phase].doing));
    char why[200];
    (void)snprintf(why, sizeof why, "%.100s is stopping and gave it back %s", r->worker->settings.node, run_phases[r->phase].doing);
    run_hand_back(r->worker->parts.store, r->id, r->epoch, lease_incarnation(r->worker->parts.lease), why);
    run_let_go(r);
}

bool run_must_end(struct run *r)
{
    if (r->ends)
        return false;
    if (ends_by_hand(r))
        return true;
    if (r->give_up_mono_ms && run_left_ms(r) <= 0) {
        run_end(r, ENDING_HANDED_OVER, WHY_GIVE_UP, run_phases[r->phase].doing, "", "", "");
        return true;
    }
    if (r->worker->draining) {
        run_give_back(r);
        return true;
    }
    return false;
}

/* A look is ended at once; a recover ends by its own deadline on the machine, which is no later than give_up_at. */
static void interrupt(struct run *r)
{
    if (r->ends || r->phase == RUN_DONE || !run_phases[r->phase].may_interrupt)
        return;
    bool looking = r->scenario && r->step >= 0 && r->scenario->steps[r->step].verb != STEP_RECOVER;
    if (r->phase == RUN_WORKING && looking) {
        r->cancelled_look = true;
        call_cancel(&r->call);
    } else if (r->phase == RUN_PAUSING && r->after_pause != RUN_SETTLING && !r->change) {
        loop_timer_start(r->timer, 0, 0);
    } else if (r->phase == RUN_CONTACTING && r->call.op) {
        r->cancelled_look = true;
        call_cancel(&r->call);
    } else if (r->desk_op) {
        r->worker->parts.desk->forget(r->worker->parts.desk->desk, r->desk_op);
        r->desk_op = 0;
        (void)run_must_end(r); /* it is what we came for */
    }
}

static void on_give_up(void *owner)
{
    struct run *r = owner;
    int64_t left = run_left_ms(r);
    if (left > 0) { /* the loop's clock and ours differ by a part of a millisecond */
        loop_timer_start(r->give_up, (uint64_t)left, 0);
        return;
    }
    log_info(&r->log, "give_up_at has passed", LOG_S("while", run_phases[r->phase].doing));
    interrupt(r);
}

void run_show_hands(struct run *r, const struct run_hand *hand)
{
    if (r->hands.touched == hand->touched && r->hands.closed == hand->closed)
        return;
    r->hands = (struct run_hands){.touched = hand->touched, .closed = hand->closed,
        .touched_by = run_text(r, hand->touched_by), .touched_how = run_text(r, hand->touched_how),
        .closed_by = run_text(r, hand->closed_by), .closed_how = run_text(r, hand->closed_how)};
    if (hand->touched || (hand->closed && !awaits_verify(r))) /* else it goes on as it was */
        interrupt(r);
}
