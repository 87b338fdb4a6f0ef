/* SPDX-License-Identifier: MIT
 * A new run's beginning: match the title, read the incident and its alerts, extract and type the values, find the host, and
 * write the start note together with the first step's `started`. */
#include "executor/run.h"

#include "executor/values_alerts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"

#define READ_TRIES 10
#define READ_AGAIN_MS 3000

/* --- what a value's source names ---------------------------------------------------------------------------------- */

struct sources {
    struct run *run;                 /* borrowed */
    const struct desk_answer *desk;  /* borrowed */
};

static enum value_read give_text(const char *text, const char **out_text, size_t *out_bytes)
{
    if (!text || text[0] == '\0')
        return VALUE_READ_NONE;
    *out_text = text;
    *out_bytes = strlen(text);
    return VALUE_READ_TEXT;
}

static enum value_read read_incident(struct run *r, const char *field, const char **out_text, size_t *out_bytes)
{
    const struct {
        const char *field, *text;
    } fields[] = {{"title", r->title}, {"service", r->service_name}, {"service_id", r->service_id},
        {"priority", r->priority}, {"urgency", r->urgency}, {"customer", r->customer}, {"id", r->incident}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].field, field) == 0)
            return give_text(fields[i].text, out_text, out_bytes);
    if (strcmp(field, "number") == 0 && r->number > 0)
        return give_text(arena_printf(r->arena, "%lld", (long long)r->number), out_text, out_bytes);
    return VALUE_READ_NONE;
}

static enum value_read read_source(void *owner, const struct value_source *source, int alert, const char **out_text,
    size_t *out_bytes)
{
    struct sources *s = owner;
    if (source->kind == SOURCE_ALERT)
        return values_alert_read(s->desk->alerts[alert].json, source, s->run->arena, out_text, out_bytes);
    if (source->kind == SOURCE_INCIDENT)
        return read_incident(s->run, source->path[0], out_text, out_bytes);
    if (source->kind == SOURCE_HOST && s->run->host)
        return give_text(inventory_variable(s->run->host, source->path[0]), out_text, out_bytes);
    return VALUE_READ_NONE;
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static const char *join(struct run *r, const struct target_names *names)
{
    const char *all = "";
    for (int i = 0; i < names->count && i < 20; i++) {
        all = arena_printf(r->arena, "%s%s%s", all, i ? ", " : "", names->names[i]);
        if (!all)
            return "";
    }
    return all;
}

/* Every name must be one and the same host of the customer's inventory; a host that is not in it is never contacted. */
static int find_host(struct run *r, const struct target_names *names)
{
    for (int i = 0; i < names->count; i++) {
        enum inventory_why why;
        const struct inventory_host *host = inventory_find(r->inventory, r->customer, names->names[i], &why);
        if (!host) {
            run_end(r, ENDING_HANDED_OVER, why == INVENTORY_AMBIGUOUS ? WHY_HOST_AMBIGUOUS : WHY_HOST_UNKNOWN,
                names->names[i], r->customer, names->source ? names->source : "", "");
            return -1;
        }
        if (r->host && r->host != host) {
            run_end(r, ENDING_HANDED_OVER, WHY_HOSTS_DIFFER, join(r, names), "", "", "");
            return -1;
        }
        r->host = host;
    }
    return 0;
}

/* A value that may stand in alerts which could not be read is missing for that reason. */
static int end_without_value(struct run *r, const struct values_problem *problem, const struct desk_answer *desk)
{
    const char *text = problem->text;
    if (desk->state == DESK_UNAVAILABLE)
        text = arena_printf(r->arena, "%s; its alerts could not be read from PagerDuty: %s", problem->text, desk->why);
    run_end(r, ENDING_HANDED_OVER, WHY_VALUE, text, "", "", "");
    return -1;
}

static int fill_values(struct run *r, const struct match_result *match, const struct desk_answer *desk)
{
    struct sources sources = {r, desk};
    struct values_input in = {.match = match, .alerts_count = (int)desk->alerts_count, .read = read_source,
        .owner = &sources, .language = r->policy.language};
    struct values_problem problem = {.name = ""};
    struct target_names names;
    if (values_target(r->scenario, &in, r->arena, &names, &problem) < 0)
        return end_without_value(r, &problem, desk);
    if (find_host(r, &names) < 0)
        return -1;
    if (values_extract(r->scenario, &in, r->arena, &r->values, &problem) < 0)
        return end_without_value(r, &problem, desk);
    return 0;
}

/* --- the start ---------------------------------------------------------------------------------------------------- */

static json_t *make_facts(const struct run *r)
{
    json_t *values = json_object(), *alerts = json_array(), *facts = json_object();
    for (int i = 0; i < r->scenario->values_count; i++)
        (void)json_object_set_new(values, r->values[i].name, json_string(r->values[i].text));
    for (int i = 0; i < r->alerts_count; i++)
        (void)json_array_append_new(alerts, json_string(r->alerts[i]));
    (void)json_object_set_new(facts, "values", values); /* what memory could not hold is missing, and then asked again */
    (void)json_object_set_new(facts, "alerts", alerts);
    return facts;
}

static void begun(struct run *r)
{
    run_step_do(r);
}

static void write_start(struct run *r)
{
    const struct step *first = &r->scenario->steps[0];
    struct story s;
    run_story(r, &s);
    struct buf note;
    buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
    story_start_note(&s, &note);
    r->step = 0;
    r->attempt = ++r->last_attempt;
    json_t *change = run_change(run_state_of(first->verb));
    const char *priority = r->priority[0] ? r->priority : NULL;
    int64_t give_up_ms = scenario_give_up_after_ms(r->scenario, priority);
    if (give_up_ms == 0)
        give_up_ms = policy_give_up_after_ms(r->worker->settings.policies, priority);
    json_t *more = json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "step", 0, "attempt", r->attempt, "mode",
        scenario_mode_name(r->mode), "scenario", r->scenario->name, "scenario_set", scenario_set_hash(r->set),
        "inventory_set", inventory_hash(r->inventory), "host", r->host->name, "give_up_ms",
        (json_int_t)give_up_ms, "facts", make_facts(r));
    (void)json_object_update(change, more);
    json_decref(more);
    r->give_up_mono_ms = clock_mono_ms() + give_up_ms - (run_wall_ms(r) - r->opened_wall_ms);
    loop_timer_start(r->give_up, (uint64_t)(run_left_ms(r) > 1 ? run_left_ms(r) : 1), 0);
    run_change_outbox(change, "start", buf_text(&note), NULL);
    buf_clear(&note);
    story_title(s.language, r->mode == MODE_AUTO ? TITLE_CHECKING : TITLE_SHADOW, ENDINGS, &note);
    run_change_outbox(change, "progress_title", buf_text(&note), NULL);
    if (r->policy.acknowledge == ACKNOWLEDGE_WHILE_RUNNING && r->mode == MODE_AUTO)
        run_change_outbox(change, "acknowledge", "", run_condition(r, NULL));
    if (first->verb != STEP_RECOVER) {
        const struct inventory_host *host = run_step_host(r, first);
        if (!host) {
            json_decref(change);
            buf_done(&note);
            return; /* run_step_host ended the run */
        }
        run_change_step(change, run_step_row_started(r, first, r->attempt, host->name));
        r->step_journaled = true;
    }
    buf_done(&note);
    run_write_change(r, RUN_BEGINNING, change, begun);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static void keep_alerts(struct run *r, const struct desk_answer *desk)
{
    size_t n = desk->alerts_count < RUN_ALERTS_MAX ? desk->alerts_count : RUN_ALERTS_MAX;
    r->alerts = arena_alloc(r->arena, (n + 1) * sizeof *r->alerts);
    r->alerts_count = 0; /* the start may be written anew, after doubt about its commit */
    for (size_t i = 0; r->alerts && i < n; i++)
        r->alerts[r->alerts_count++] = run_text(r, desk->alerts[i].id);
}

static int match_now(struct run *r, struct match_result *match)
{
    struct error err = {0};
    struct match_subject subject = {.title = r->title, .service_id = r->service_id, .service_name = r->service_name,
        .priority = r->priority, .customer = r->customer};
    if (match_title(r->set, &subject, r->arena, match, &err) == 0)
        return 0;
    run_end(r, ENDING_HANDED_OVER, WHY_FAULT, err.text, "", "", "");
    return -1;
}

static void read_answered(struct run *r, const struct desk_answer *desk)
{
    run_know_incident(r, desk);
    if (desk->state == DESK_GONE || (desk->state == DESK_READ && strcmp(desk->status, "resolved") == 0)) {
        run_end(r, ENDING_STALE, WHY_NO_LONGER_OPEN, desk->state == DESK_GONE ? "gone" : desk->status, "", "", "");
        return;
    }
    if (desk->state == DESK_READ && strcmp(desk->status, "acknowledged") == 0 && desk->changed_by[0]) {
        run_end(r, ENDING_STOPPED, WHY_PERSON, desk->changed_by, "acknowledged it", "", "");
        return;
    }
    keep_alerts(r, desk);
    struct match_result match;
    if (match_now(r, &match) < 0)
        return;
    assert(match.scenario == r->scenario); /* of the same facts: the priority that was read comes after */
    if (desk->state == DESK_READ && desk->priority[0])
        r->priority = run_text(r, desk->priority);
    if (!r->customer[0]) {
        run_end(r, ENDING_HANDED_OVER, WHY_NO_CUSTOMER, r->service_name[0] ? r->service_name : r->service_id, "", "", "");
        return;
    }
    if (fill_values(r, &match, desk) == 0)
        write_start(r);
}

static void on_read(void *owner, const struct desk_answer *desk)
{
    struct run *r = owner;
    r->desk_op = 0;
    if (run_must_end(r))
        return;
    if (desk->state == DESK_UNAVAILABLE && ++r->tries < READ_TRIES) {
        worker_warn(r, "PagerDuty could not be asked about the incident; again in a moment", desk->why);
        run_pause(r, READ_AGAIN_MS, RUN_READING);
        return;
    }
    r->tries = 0;
    read_answered(r, desk);
}

void run_resume_reading(struct run *r)
{
    run_move(r, RUN_READING);
    run_ask_desk(r, DESK_ALERTS, on_read);
}

static enum scenario_mode capped(const struct run *r)
{
    enum scenario_mode most = (enum scenario_mode)r->policy.mode_most;
    enum scenario_mode mode = r->scenario->mode < most ? r->scenario->mode : most;
    return mode == MODE_AUTO ? MODE_AUTO : MODE_SHADOW; /* suggest and approve only say what they would do, so far */
}

/* The start may have been tried before, by us, and not been written: nothing of that try is kept. */
static void forget_match(struct run *r)
{
    scenario_set_free(r->set);
    inventory_unref(r->inventory);
    r->set = NULL;
    r->inventory = NULL;
    r->scenario = NULL;
    r->host = NULL;
    r->alerts_count = 0;
    r->step_journaled = false;
}

void run_match(struct run *r)
{
    forget_match(r);
    struct library *library = r->worker->parts.library;
    if (!library_scenarios(library) || !library_inventory(library)) {
        run_end(r, ENDING_HANDED_OVER, WHY_FAULT, "this node has no scenarios or no inventory loaded", "", "", "");
        return;
    }
    r->set = scenario_set_hold(library_scenarios(library));
    r->inventory = inventory_ref(library_inventory(library));
    struct match_result match;
    if (match_now(r, &match) < 0)
        return;
    if (!match.scenario) {
        run_end(r, ENDING_UNMATCHED, library_serves(library) ? WHY_NO_SCENARIO : WHY_NO_SCENARIOS, r->title, "", "", "");
        return;
    }
    r->scenario = match.scenario;
    r->mode = capped(r);
    r->results = arena_alloc(r->arena, (size_t)r->scenario->steps_count * sizeof *r->results);
    if (!r->results) {
        run_end(r, ENDING_HANDED_OVER, WHY_FAULT, "out of memory", "", "", "");
        return;
    }
    run_resume_reading(r);
}
