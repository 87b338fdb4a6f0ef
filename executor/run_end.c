/* SPDX-License-Identifier: MIT
 * Endings: the last look at the alerts before a resolve, and the one transaction that ends the run with its note, title and
 * status. */
#include "executor/run.h"

#include <assert.h>
#include <string.h>

#include "executor/story_texts.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"

#define REREAD_AGAIN_MS 5000

static bool ends_healed(enum ending ending)
{
    return ending == ENDING_RESOLVED || ending == ENDING_SELF_HEALED;
}

void run_know_incident(struct run *r, const struct desk_answer *desk)
{
    if (desk->state == DESK_READ)
        r->known = (struct run_known){run_text(r, desk->status), run_text(r, desk->last_change_at),
            run_text(r, desk->last_change_by)};
}

void run_ask_desk(struct run *r, enum desk_beside beside, desk_done *done)
{
    const struct desk *desk = r->worker->parts.desk;
    struct desk_question question = {.account = r->account, .incident = r->incident, .beside = beside,
        .opening_wall_ms = r->opened_wall_ms};
    r->desk_op = desk->read(desk->desk, &question, done, r);
}

json_t *run_condition(const struct run *r, const char *dropped)
{
    json_t *about = json_object();
    if (r->known.status)
        (void)json_object_set_new(about, "known",
            json_pack("{s:s, s:s, s:s}", "status", r->known.status, "at", r->known.at, "by", r->known.by));
    if (dropped)
        (void)json_object_set_new(about, "dropped", json_string(dropped));
    return about;
}

/* Who answers next: what the scenario says, else, with the bot as first responder, the service's level. */
static json_t *hand_over_to(const struct run *r)
{
    const struct scenario_not_healed *to = r->scenario ? &r->scenario->not_healed : NULL;
    json_t *about = json_object();
    bool asked = r->ending == ENDING_HANDED_OVER && to && r->mode == MODE_AUTO; /* a shadow only says what it found */
    if (asked && to->policy)
        (void)json_object_set_new(about, "policy", json_string(to->policy));
    else if (asked && to->level > 0)
        (void)json_object_set_new(about, "level", json_integer(to->level));
    else if (r->policy.first_responder == RESPONDER_BOT && r->policy.hand_over_level > 0)
        (void)json_object_set_new(about, "level", json_integer(r->policy.hand_over_level));
    if (asked && to->priority)
        (void)json_object_set_new(about, "priority", json_string(to->priority));
    return about;
}

/* Stopped and stale runs belong to somebody or nobody: nobody else is called. */
static bool calls_somebody(enum ending ending)
{
    return ending == ENDING_HANDED_OVER || ending == ENDING_UNMATCHED || ending == ENDING_SHADOWED;
}

static void add_outbox(struct run *r, json_t *change, const struct story *s)
{
    struct buf text;
    buf_init(&text, STORY_NOTE_CHARS_MAX * 4);
    story_ending_note(s, &text);
    run_change_outbox(change, "ending", buf_text(&text), json_pack("{s:s}", "left_out", story_words(s->language, TEXT_LEFT_OUT)));
    if (r->ending != ENDING_STALE && r->ending != ENDING_UNMATCHED) {
        buf_clear(&text);
        story_title(s->language, TITLE_ENDING, r->ending, &text);
        run_change_outbox(change, "ending_title", buf_text(&text), NULL);
    }
    buf_done(&text);
    if (ends_healed(r->ending) && r->reason != WHY_MONITOR_CLEARED && r->mode == MODE_AUTO) {
        run_change_outbox(change, "status", "resolved", run_condition(r, story_words(s->language, TEXT_NOT_RESOLVED)));
    } else if (calls_somebody(r->ending)) {
        json_t *to = hand_over_to(r);
        json_t *about = run_condition(r, story_words(s->language, TEXT_NOT_HANDED_OVER));
        if (json_object_size(to) > 0 && json_object_update(about, to) == 0)
            run_change_outbox(change, "hand_over", "", about);
        else
            json_decref(about);
        json_decref(to);
    }
}

static void write_ending(struct run *r)
{
    struct story s;
    run_story(r, &s);
    struct buf reason;
    buf_init(&reason, 4096);
    story_reason(&s, &reason);
    json_t *change = r->beside ? r->beside : run_change(RUN_STATE_ENDED);
    r->beside = NULL;
    (void)json_object_set_new(change, "state", json_string(RUN_STATE_ENDED));
    (void)json_object_set_new(change, "language", json_string(policy_languages[r->policy.language]));
    (void)json_object_set_new(change, "ending", json_string(ending_name(r->ending)));
    (void)json_object_set_new(change, "reason", json_string(buf_text(&reason)));
    if (r->scenario) {
        (void)json_object_set_new(change, "scenario", json_string(r->scenario->name));
        (void)json_object_set_new(change, "mode", json_string(scenario_mode_name(r->mode)));
    }
    if (r->host)
        (void)json_object_set_new(change, "host", json_string(r->host->name));
    run_change_decision(change, "ending", buf_text(&reason));
    add_outbox(r, change, &s);
    buf_done(&reason);
    run_write_change(r, RUN_ENDING, change, run_ended);
}

void run_end(struct run *r, enum ending ending, enum ending_reason reason, const char *a, const char *b, const char *c,
    const char *d)
{
    assert(!r->ends && r->phase != RUN_DONE);
    if (r->mode == MODE_SHADOW && r->scenario && ends_healed(ending) && reason != WHY_MONITOR_CLEARED) {
        ending = ENDING_SHADOWED; /* a shadow writes no status */
        reason = WHY_SHADOW;
    }
    r->ends = true;
    r->ending = ending;
    r->reason = reason;
    const char *details[STORY_DETAILS_MAX] = {a, b, c, d};
    for (int i = 0; i < STORY_DETAILS_MAX; i++) {
        struct buf line;
        buf_init(&line, 4096);
        text_one_line(details[i] ? details[i] : "", details[i] ? strlen(details[i]) : 0, &line);
        r->details[i] = run_text(r, buf_text(&line));
        buf_done(&line);
    }
    loop_timer_stop(r->timer);
    write_ending(r);
}

/* --- before a resolve --------------------------------------------------------------------------------------------- */

static bool looked_at(const struct run *r, const char *alert)
{
    for (int i = 0; i < r->alerts_count; i++)
        if (strcmp(r->alerts[i], alert) == 0)
            return true;
    return false;
}

/* The summaries of open alerts that came after the run had looked. */
static const char *new_alerts(struct run *r, const struct desk_answer *desk)
{
    const char *all = "";
    for (size_t i = 0; i < desk->alerts_count; i++) {
        const struct desk_alert *a = &desk->alerts[i];
        if (strcmp(a->status, "resolved") == 0 || looked_at(r, a->id))
            continue;
        const char *more = arena_printf(r->arena, "%s%s\"%.200s\" (%s)", all, all[0] ? ", " : "", a->summary, a->id);
        if (!more || strlen(more) > 1500)
            return all[0] ? all : "more than fit here";
        all = more;
    }
    return all;
}

static void on_reread(void *owner, const struct desk_answer *desk)
{
    struct run *r = owner;
    r->desk_op = 0;
    run_know_incident(r, desk);
    if (desk->state == DESK_UNAVAILABLE) {
        if (run_left_ms(r) > REREAD_AGAIN_MS) {
            log_warning(&r->log, "the alerts could not be read before the resolve; again in a moment", LOG_S("why", desk->why));
            run_pause(r, REREAD_AGAIN_MS, RUN_REREADING);
        } else {
            run_end(r, ENDING_HANDED_OVER, WHY_ALERTS_UNREADABLE, desk->why, "", "", "");
        }
        return;
    }
    if (desk->state == DESK_GONE || strcmp(desk->status, "resolved") == 0) {
        if (desk->state == DESK_READ && desk->changed_by[0])
            run_end(r, ENDING_STOPPED, WHY_CLOSED, desk->changed_by, "resolved it", "", "");
        else
            run_end(r, r->recovered ? ENDING_RESOLVED : ENDING_SELF_HEALED, WHY_MONITOR_CLEARED, "", "", "", "");
        return;
    }
    if (strcmp(desk->status, "acknowledged") == 0 && desk->changed_by[0]) {
        run_end(r, ENDING_STOPPED, WHY_PERSON, desk->changed_by, "acknowledged it", "", "");
        return;
    }
    const char *fresh = new_alerts(r, desk);
    if (fresh[0] || desk->alerts_cut) {
        run_end(r, ENDING_HANDED_OVER, WHY_NEW_ALERT, fresh[0] ? fresh : "more alerts than can be read", "", "", "");
        return;
    }
    if (r->recovered)
        run_end(r, ENDING_RESOLVED, WHY_VERIFIED, "", "", "", "");
    else
        run_end(r, ENDING_SELF_HEALED, WHY_SELF_HEALED, "", "", "", "");
}

void run_reread(struct run *r)
{
    if (r->mode == MODE_SHADOW) {
        run_end(r, ENDING_SHADOWED, WHY_SHADOW, "", "", "", "");
        return;
    }
    run_move(r, RUN_REREADING);
    run_ask_desk(r, DESK_ALERTS, on_reread);
}
