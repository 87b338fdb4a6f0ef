/* SPDX-License-Identifier: MIT
 * What a run writes: changes (position, journal, decisions, outbox) as one JSON document and one transaction, and the story
 * from which notes are made. */
#include "executor/run.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/base/id.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define WRITE_AGAIN_MS 1000

json_t *run_change(const char *state)
{
    json_t *change = json_pack("{s:s}", "state", state);
    if (!change)
        abort(); /* a few bytes */
    return change;
}

static json_t *list_of(json_t *change, const char *name)
{
    json_t *list = json_object_get(change, name);
    if (!list) {
        list = json_array();
        (void)json_object_set_new(change, name, list); /* NULL only without memory: then the append below is a no-op */
    }
    return list;
}

json_t *run_step_row_started(struct run *r, const struct step *step, int attempt, const char *host)
{
    return json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "step", step->index, "attempt", attempt, "verb",
        step_verb_name(step->verb), "title", step->title, "state", "started", "host", host, "machine",
        step->verb == STEP_RECOVER && r->contact.machine ? r->contact.machine : "", "become",
        step->become ? step->become : "");
}

void run_change_step(json_t *change, json_t *row)
{
    assert(row); /* texts of steps are valid UTF-8: they came through the YAML parser */
    (void)json_array_append_new(list_of(change, "steps"), row);
}

void run_change_decision(json_t *change, const char *kind, const char *text)
{
    (void)json_array_append_new(list_of(change, "decisions"), json_pack("{s:s, s:s}", "kind", kind, "text", text));
}

void run_change_outbox(json_t *change, const char *kind, const char *body, json_t *about)
{
    char marker[ID_MARKER_BYTES];
    id_marker(marker);
    json_t *row = json_pack("{s:s, s:s, s:s, s:o}", "kind", kind, "body", body, "marker", marker, "about",
        about ? about : json_object());
    assert(row); /* notes are repaired to valid UTF-8 */
    (void)json_array_append_new(list_of(change, "outbox"), row);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* The database will never take this change. What is known is told without what machines said, which may be what it refuses;
 * an outcome that could not be written stays open, and is asked for later. */
static void refused(struct run *r, const struct error *err)
{
    log_failure(LOG_ERROR, &r->log, "the database refused the run's change", err);
    if (r->plain) {
        run_dropped(r, err->text); /* give_up_at brings it to a person */
        return;
    }
    r->plain = true;
    r->ends = false;
    r->doubt.open |= r->change_settles;
    for (int i = 0; i < r->told_count; i++) {
        r->told[i].output = "";
        if (r->told[i].verb != STEP_RECOVER)
            r->told[i].why = "";
    }
    run_end(r, ENDING_HANDED_OVER, WHY_FAULT, err->text, "", "", "");
}

static void on_written(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    if (err && (err->kind == ERROR_UNREACHED || err->kind == ERROR_DEADLINE || err->kind == ERROR_LIMIT)) {
        log_failure(LOG_WARNING, &r->log, "the run's change was not written; again in a moment", err);
        loop_timer_start(r->timer, WRITE_AGAIN_MS, 0);
        return;
    }
    if (err && err->kind == ERROR_UNCERTAIN) {
        log_failure(LOG_WARNING, &r->log, "it is not known whether the run's change was written; it is read again", err);
        free(r->change);
        r->change = NULL;
        if (r->phase == RUN_ENDING)
            r->ends = false; /* decided anew from what the database holds */
        run_load_anew(r, WRITE_AGAIN_MS);
        return;
    }
    free(r->change);
    r->change = NULL;
    if (err) {
        refused(r, err);
        return;
    }
    if (!run_written(answer)) {
        run_dropped(r, "another worker has taken it over");
        return;
    }
    if (r->change_queues && r->worker->parts.on_outbox)
        r->worker->parts.on_outbox(r->worker->parts.owner);
    r->after_write(r);
}

void run_write_change(struct run *r, enum run_phase phase, json_t *change, void (*after)(struct run *r))
{
    if (change) {
        run_move(r, phase);
        assert(!r->change);
        r->change_settles = json_is_false(json_object_get(change, "doubt"));
        r->change_queues = json_object_get(change, "outbox") != NULL;
        if (fault_fails_for("change.refused", r->host ? r->host->name : ""))
            (void)json_object_set_new(change, "machine", json_stringn("\0", 1)); /* no text in Postgres holds it */
        r->change = json_dumps(change, JSON_COMPACT);
        json_decref(change);
        if (!r->change)
            abort(); /* bounded by RUN_CHANGE_BYTES_MAX; nothing can be told without it */
        r->after_write = after;
    }
    r->db_op = run_write(r->worker->parts.store, &(struct run_place){r->id, r->epoch, r->account, r->incident}, r->change,
        on_written, r);
}

/* --- the story ---------------------------------------------------------------------------------------------------- */

static const char **would_do(struct run *r, int *out_count)
{
    *out_count = 0;
    const char **titles = arena_alloc(r->arena, (size_t)(r->scenario->steps_count + 1) * sizeof *titles);
    for (int i = 0; titles && i < r->scenario->steps_count; i++)
        if (r->scenario->steps[i].verb == STEP_RECOVER)
            titles[(*out_count)++] = r->scenario->steps[i].title;
    return titles;
}

void run_story(struct run *r, struct story *out)
{
    const struct worker_settings *ws = &r->worker->settings;
    *out = (struct story){.language = r->policy.language, .time_zone = r->policy.time_zone ? r->policy.time_zone : "UTC",
        .node = ws->node, .region = ws->region, .run = r->id, .scenario = r->scenario ? r->scenario->name : "",
        .about = r->scenario ? r->scenario->about : "", .mode = r->mode, .customer = r->customer,
        .host = r->host ? r->host->name : "", .title = r->title, .service = r->service_name,
        .set_hash = r->set ? scenario_set_hash(r->set) : "", .values = r->values,
        .values_count = r->values && r->scenario ? r->scenario->values_count : 0, .steps = r->told,
        .steps_count = r->told_count, .no_standby = r->no_standby, .taken_from = r->was,
        .opened_wall_ms = r->opened_wall_ms, .now_wall_ms = run_wall_ms(r), .ending = r->ending, .reason = r->reason,
        .say = r->scenario && r->scenario->not_healed.say ? r->scenario->not_healed.say : "",
        .doubts = r->doubts, .doubts_count = r->doubts_count,
        .may_run_ms = r->scenario && r->step >= 0 ? r->scenario->steps[r->step].timeout_ms : 0};
    for (int i = 0; i < STORY_DETAILS_MAX; i++)
        out->details[i] = r->ends && r->details[i] ? r->details[i] : "";
    if (r->doubt.open && r->ends && r->scenario && r->step >= 0) {
        out->open = r->doubt.token_there ? OPEN_RUNS : OPEN_MAY_START;
        out->open_step = r->scenario->steps[r->step].title;
        out->open_on = r->contact.host ? r->contact.host->name : r->host ? r->host->name : "";
    }
    if (r->ends && r->ending == ENDING_SHADOWED)
        out->would = would_do(r, &out->would_count);
}
