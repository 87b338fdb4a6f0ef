/* SPDX-License-Identifier: MIT
 * Errands: one for each token in hand, from its claim through contact and question to what is written. Nothing is lost with
 * an errand: its debt stands in the database, and the next try is due after a while, for any worker. */
#include "executor/token.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/call.h"
#include "executor/story.h"
#include "lib/base/clock.h"
#include "lib/base/limits.h"
#include "lib/base/text.h"
#include "lib/store/machine.h"
#include "lib/store/token.h"

#define LOOK_EVERY_MS 2000
#define IN_HAND_MAX 8
#define FIRST_MS 5000
#define LONGEST_MS (10 * 60 * 1000)
#define KEEP_MS (7 * 24 * 3600 * 1000LL) /* as long as a machine keeps its records */
#define CALL_DEADLINE_MS 30000

struct errand {
    struct tokens *tokens; /* borrowed: it owns us */
    struct errand *next, **back;
    struct arena *arena; /* owned: the texts */
    struct token_owed owed;
    const struct inventory_host *host; /* borrowed from inventory */
    struct inventory *inventory;       /* counted */
    struct call call;
    struct wrapper_report report;
    const char *folder, *memory_id, *boot_id;
    uint64_t db_op;
    bool over, plain;
};

struct tokens {
    struct worker_settings settings;
    struct worker_parts parts;
    struct loop_timer *timer; /* owned */
    struct errand *errands;   /* owned */
    int in_hand;
    uint64_t claim_op;
    bool draining;
};

static void look(void *owner);

struct tokens *tokens_new(const struct worker_settings *settings, const struct worker_parts *parts)
{
    struct tokens *t = calloc(1, sizeof *t);
    if (!t)
        abort(); /* one at start-up */
    *t = (struct tokens){.settings = *settings, .parts = *parts};
    t->timer = loop_timer_new(parts->loop, look, t);
    loop_timer_start(t->timer, LOOK_EVERY_MS, LOOK_EVERY_MS);
    return t;
}

/* --- an errand's life --------------------------------------------------------------------------------------------- */

/* In a later turn: a completion may be on the stack above us. A call that is under way answers first. */
static void free_errand(void *owner)
{
    struct errand *e = owner;
    if (e->call.op) {
        call_cancel(&e->call);
        return; /* its completion comes here again */
    }
    *e->back = e->next;
    if (e->next)
        e->next->back = e->back;
    e->tokens->in_hand--;
    call_done(&e->call);
    inventory_unref(e->inventory);
    arena_free(e->arena);
    free(e);
}

static void let_go(struct errand *e)
{
    if (e->over)
        return;
    e->over = true;
    token_forget(e->tokens->parts.store, e->db_op);
    loop_soon(e->tokens->parts.loop, free_errand, e);
}

static bool answered(struct errand *e, const struct ssh_outcome *outcome, const struct error *err)
{
    if (e->over) {
        loop_soon(e->tokens->parts.loop, free_errand, e);
        return false;
    }
    (void)call_read(&e->call, outcome, err, e->arena, &e->report);
    return true;
}

void tokens_free(struct tokens *t)
{
    if (!t)
        return;
    t->draining = true;
    token_forget(t->parts.store, t->claim_op);
    loop_timer_stop(t->timer);
    for (struct errand *e = t->errands; e; e = e->next)
        let_go(e);
    while (t->errands)
        loop_turn(t->parts.loop, 100); /* SSH answers each cancelled call */
    loop_timer_free(t->timer);
    free(t);
}

void tokens_drain(struct tokens *t)
{
    t->draining = true;
}

/* --- what came of it ---------------------------------------------------------------------------------------------- */

static void on_told(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct errand *e = owner;
    (void)answer;
    (void)err; /* for people only; the next try says it again */
    e->db_op = 0;
    let_go(e);
}

static void failed(struct errand *e, const char *why)
{
    struct buf line;
    buf_init(&line, 2048);
    text_one_line(why, strlen(why) < 500 ? strlen(why) : 500, &line);
    e->db_op = token_failed(e->tokens->parts.store, e->owed.run, e->owed.epoch, buf_text(&line), on_told, e);
    buf_done(&line);
}

static void settle(struct errand *e, enum story_found found);

static void on_settled(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct errand *e = owner;
    struct tokens *t = e->tokens;
    e->db_op = 0;
    if (err && err->kind == ERROR_INPUT && !e->plain) { /* the database refuses what the machine said: without it, then */
        e->plain = true;
        e->report.out = "";
        e->report.out_bytes = 0;
        settle(e, e->report.verdict == WRAPPER_ENDED ? DOUBT_ENDED : DOUBT_LOST);
        return;
    }
    if (err)
        log_failure(LOG_WARNING, t->parts.log, "a machine's late answer was not written; it is asked again", err);
    else if (pg_rows(answer, 0) == 1 && t->parts.on_outbox)
        t->parts.on_outbox(t->parts.owner);
    let_go(e);
}

/* The row of the journal that the run left open. */
static char *journal_of(const struct errand *e, enum story_found found, const char *output)
{
    const struct wrapper_report *p = &e->report;
    json_t *row = json_object();
    if (found == DOUBT_NEVER)
        row = json_pack("{s:s}", "state", "not_started");
    else if (found == DOUBT_ENDED)
        row = json_pack("{s:s, s:s, s:s, s:b, s:I}", "state", "ended", "outcome",
            p->status == 0 && !p->timed_out ? "done" : "failed", "output", output, "cut", (int)p->out_cut, "took_ms",
            (json_int_t)p->duration_ms);
    else if (found != DOUBT_UNREACHED)
        row = json_pack("{s:s, s:s}", "state", "ended", "outcome", "failed");
    if (found == DOUBT_ENDED && !p->signal[0] && !p->timed_out)
        (void)json_object_set_new(row, "status", json_integer(p->status));
    if (found == DOUBT_ENDED && p->signal[0])
        (void)json_object_set_new(row, "signal", json_string(p->signal));
    char *text = json_dumps(row, JSON_COMPACT);
    json_decref(row);
    if (!text)
        abort(); /* bounded by RUN_OUTPUT_BYTES_MAX */
    return text;
}

static void settle(struct errand *e, enum story_found found)
{
    static const char *const outcomes[DOUBT_FOUNDS] = {[DOUBT_ENDED] = "ended", [DOUBT_NEVER] = "never",
        [DOUBT_LOST] = "lost", [DOUBT_FORGOTTEN] = "lost", [DOUBT_UNREACHED] = "expired"};
    assert(outcomes[found]);
    const struct wrapper_report *p = &e->report;
    struct tokens *t = e->tokens;
    struct buf output, sentence, note;
    buf_init(&output, RUN_OUTPUT_BYTES_MAX);
    buf_init(&sentence, 4096);
    buf_init(&note, STORY_NOTE_CHARS_MAX * 4);
    text_repair(p->out ? p->out : "", p->out_bytes, &output);
    struct story_token told = {
        .language = strcmp(e->owed.language, policy_languages[LANGUAGE_JA]) == 0 ? LANGUAGE_JA : LANGUAGE_EN,
        .doubt = {.found = found, .title = e->owed.title, .on = e->owed.host, .node = t->settings.node, .lost = "",
            .status = p->status, .signal = p->signal, .timed_out = p->timed_out, .took_ms = (int64_t)p->duration_ms,
            .why = p->text ? p->text : ""},
        .age_ms = e->owed.age_ms, .run = e->owed.run, .region = t->settings.region, .output = buf_text(&output),
        .cut = p->out_cut};
    story_token_sentence(&told, &sentence);
    story_token_note(&told, &note);
    char marker[ID_MARKER_BYTES];
    id_marker(marker);
    char *step = journal_of(e, found, buf_text(&output));
    struct token_end end = {.run = e->owed.run, .epoch = e->owed.epoch, .outcome = outcomes[found],
        .sentence = buf_text(&sentence), .note = buf_text(&note), .marker = marker, .step = step};
    log_info(t->parts.log, "a token that was owed is settled", LOG_S("run", e->owed.run), LOG_S("found", buf_text(&sentence)));
    e->db_op = token_settle(t->parts.store, &end, on_settled, e);
    free(step);
    buf_done(&output);
    buf_done(&sentence);
    buf_done(&note);
}

/* --- asking the machine ------------------------------------------------------------------------------------------- */

static bool has_forgotten(const struct errand *e)
{
    return strcmp(e->owed.memory, e->memory_id) != 0 || strcmp(e->owed.boot, e->boot_id) != 0;
}

static void on_asked(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct errand *e = owner;
    (void)op;
    if (!answered(e, outcome, err))
        return;
    switch (e->report.verdict) {
    case WRAPPER_ENDED:
        settle(e, DOUBT_ENDED);
        return;
    case WRAPPER_NEVER_STARTED:
        settle(e, DOUBT_NEVER);
        return;
    case WRAPPER_LOST:
        settle(e, has_forgotten(e) ? DOUBT_FORGOTTEN : DOUBT_LOST);
        return;
    case WRAPPER_REFUSED_STALE: /* a later try was there: it writes what it found */
        let_go(e);
        return;
    default: /* running still: its end is worth another question */
        failed(e, e->report.text && e->report.text[0] ? e->report.text : wrapper_verdict_name(e->report.verdict));
    }
}

static void send(struct errand *e, const struct wrapper_task *task, ssh_done *done)
{
    struct error err = {0};
    if (call_send(&e->call, e->host, task, CALL_DEADLINE_MS, done, e, &err) < 0)
        failed(e, err.text);
}

static void ask(struct errand *e)
{
    struct wrapper_task task = {.act = WRAPPER_ASK, .become = e->owed.become[0] ? e->owed.become : NULL,
        .cluster = e->tokens->settings.cluster, .machine = e->owed.machine, .folder = e->folder, .memory_id = e->memory_id,
        .boot_id = e->boot_id, .run = e->owed.run, .step = e->owed.step, .attempt = e->owed.attempt,
        .token = {(uint32_t)e->owed.timeline, (uint64_t)e->owed.epoch, lease_incarnation(e->tokens->parts.lease)},
        .sent_memory_id = has_forgotten(e) ? NULL : e->owed.memory, .out_bytes_max = RUN_OUTPUT_BYTES_MAX};
    send(e, &task, on_asked);
}

static const char *copy(struct errand *e, const char *text)
{
    const char *kept = arena_strdup(e->arena, text);
    return kept ? kept : "";
}

static void on_contacted(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct errand *e = owner;
    (void)op;
    if (!answered(e, outcome, err))
        return;
    if (e->report.verdict != WRAPPER_DONE) {
        failed(e, e->report.text && e->report.text[0] ? e->report.text : wrapper_verdict_name(e->report.verdict));
        return;
    }
    if (strcmp(e->host->machine ? e->host->machine : e->report.machine_id, e->owed.machine) != 0) {
        failed(e, "another machine answers at that name");
        return;
    }
    e->folder = copy(e, e->report.folder);
    e->memory_id = copy(e, e->report.memory_id);
    e->boot_id = copy(e, e->report.boot_id);
    ask(e);
}

/* The folder that is on file: the machine itself must not choose another one. */
static void on_folder(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct errand *e = owner;
    const char *folder, *login;
    e->db_op = 0;
    if (err) {
        let_go(e);
        return;
    }
    if (machine_row(answer, &folder, &login))
        e->folder = copy(e, folder);
    struct wrapper_task task = {.act = WRAPPER_CONTACT, .cluster = e->tokens->settings.cluster, .machine = e->host->machine,
        .folder = e->host->folder ? e->host->folder : e->folder, .become = e->owed.become[0] ? e->owed.become : NULL};
    send(e, &task, on_contacted);
}

static void begin(struct errand *e)
{
    struct tokens *t = e->tokens;
    e->report = (struct wrapper_report){.out = "", .text = "", .status = -1};
    if (e->owed.expired) {
        settle(e, DOUBT_UNREACHED);
        return;
    }
    struct inventory *inventory = library_inventory(t->parts.library);
    enum inventory_why why;
    e->host = inventory ? inventory_find(inventory, e->owed.customer, e->owed.host, &why) : NULL;
    if (!e->host) {
        failed(e, "the inventory of this node has no such host");
        return;
    }
    e->inventory = inventory_ref(inventory);
    e->db_op = machine_read(t->parts.store, e->owed.machine, on_folder, e);
}

/* --- taking them -------------------------------------------------------------------------------------------------- */

static void take(struct tokens *t, const struct token_owed *owed)
{
    struct errand *e = calloc(1, sizeof *e);
    struct arena *arena = arena_new(RUN_ARENA_BYTES_MAX);
    if (!e || !arena) { /* the next try comes */
        free(e);
        arena_free(arena);
        return;
    }
    *e = (struct errand){.tokens = t, .arena = arena, .owed = *owed, .next = t->errands, .back = &t->errands};
    const char **texts[] = {&e->owed.run, &e->owed.title, &e->owed.host, &e->owed.become, &e->owed.memory, &e->owed.boot,
        &e->owed.language, &e->owed.customer, &e->owed.machine};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = copy(e, *texts[i]);
    call_init(&e->call, t->parts.ssh);
    if (t->errands)
        t->errands->back = &e->next;
    t->errands = e;
    t->in_hand++;
    begin(e);
}

static void on_claimed(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct tokens *t = owner;
    t->claim_op = 0;
    if (err) {
        log_failure(LOG_DEBUG, t->parts.log, "taking tokens that are owed", err);
        return;
    }
    for (int i = 0; i < token_claimed(answer); i++) {
        struct token_owed owed;
        token_at(answer, i, &owed);
        take(t, &owed);
    }
}

static void look(void *owner)
{
    struct tokens *t = owner;
    if (t->claim_op || t->draining || t->in_hand >= IN_HAND_MAX || !lease_held(t->parts.lease))
        return;
    t->claim_op = token_claim(t->parts.store, IN_HAND_MAX - t->in_hand, FIRST_MS, LONGEST_MS, KEEP_MS, on_claimed, t);
}
