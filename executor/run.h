/* SPDX-License-Identifier: MIT
 * One run in the hands of this worker: from its claim to its ending. Internal to the executor: the worker makes and frees
 * runs, the run_*.c files share struct run. Each asynchronous call has one place in the struct; whatever comes back for
 * another is not for this run. */
#ifndef EXECUTOR_RUN_H
#define EXECUTOR_RUN_H

#include <jansson.h>

#include "executor/call.h"
#include "executor/run_phases.h"
#include "executor/story.h"
#include "executor/values.h"
#include "executor/worker.h"
#include "executor/wrapper.h"
#include "lib/base/arena.h"
#include "lib/base/rare.h"
#include "lib/store/run.h"

struct run;

/* What is known of the machine, read in this epoch. */
struct run_contact {
    const struct inventory_host *host; /* borrowed from the inventory; NULL: not known yet */
    const char *machine, *folder, *memory_id, *boot_id; /* arena */
    const char *asked_folder; /* arena; on file in the database or the inventory; NULL: the machine chooses */
    int rounds;
    void (*then)(struct run *r);
};

/* The newest result of each step. */
struct run_result {
    enum result_state state;
    int status;
    const char *output; /* arena */
    size_t output_bytes;
    bool cut;
};

/* The recover in hand was begun, and its outcome is not written. */
struct run_doubt {
    bool open;
    enum story_cause cause;
    const char *why;   /* arena; why the machine could not be asked, last; NULL: it was not tried in vain */
    bool token_there;  /* the machine has our token: nothing that was sent before can start there any more */
    bool told_running;
};

struct run_hands {
    bool touched, closed;
    const char *touched_by, *touched_how, *closed_by, *closed_how; /* arena */
};

/* The incident as this run read it last: what writes of its status are held against. */
struct run_known {
    const char *status, *at, *by; /* arena; NULL: nothing was read in this epoch */
};

struct run {
    uint32_t magic;
    struct worker *worker; /* borrowed: it owns us */
    struct run *next, **back;
    struct run *alike, **alike_back; /* in its bucket of worker->by_id */
    char id[ID_UUID_BYTES];
    int64_t epoch, first_epoch; /* now, and as claimed: each write whose answer was lost raises it */
    bool uncertain;             /* such a write may still be done: the run is held anew before it is read */
    char was[64]; /* the lost holder's name */
    bool expired; /* taken only to be handed over */
    struct log_ctx log;
    struct arena *arena; /* owned */

    enum run_phase phase;
    const char *account, *incident, *customer, *service_id, *service_name, *title, *priority, *urgency; /* arena */
    int64_t number, opened_wall_ms, wall_less_mono_ms;
    struct policy policy;
    struct scenario_set *set;        /* counted */
    struct inventory *inventory;     /* counted */
    const struct scenario *scenario; /* borrowed from set; NULL: not matched yet */
    const struct inventory_host *host; /* borrowed from inventory */
    const struct value *values;      /* arena; scenario->values_count of them */
    enum scenario_mode mode;
    const char **alerts; /* arena; ids that this run has looked at */
    int alerts_count;

    int step;            /* index in the scenario; -1 before the first */
    int attempt;         /* of the step in hand; grows over the whole run */
    int last_attempt;    /* newest number in the journal */
    bool step_journaled; /* `started` of (step, attempt) is committed */
    bool sick;           /* a check was unhealthy */
    bool recovered;      /* a recover was done */
    bool no_standby;
    int tries;           /* of the thing in hand: look, contact, ask */
    int64_t recover_ended_mono_ms;
    int64_t give_up_mono_ms;
    uint32_t timeline;   /* of the database, read in this epoch */
    bool settling;       /* the machine is being asked about the recover in hand */
    struct run_doubt doubt;
    const char *doubts[RUN_DOUBTS_TOLD_MAX]; /* arena; sentences, for the ending */
    int doubts_count;
    struct run_result *results; /* arena; one a step of the scenario */
    struct story_step *told; /* arena; told_count of told_room, which grows to RUN_STEPS_TOLD_MAX */
    int told_count, told_room;
    struct run_contact contact;
    struct run_hands hands;
    struct run_known known;
    bool blind_tried;    /* PagerDuty was asked in vain, and recover_blind says go */
    bool cancelled_look; /* we cut the look ourselves: give_up_at or a person */
    struct flow flow;    /* where the run goes once the step in hand is recorded */
    int64_t again_ms;    /* > 0: the step in hand is done again after this pause */
    struct call call;    /* the command in hand */
    struct {
        int step, attempt;
        const char *memory_id, *boot_id; /* arena; NULL: not known */
        int64_t wall_ms;       /* by the database's clock */
    } sent;                    /* the recover that was sent last, by us or by an earlier holder as its journal says: a
                                * missing record proves that it never began in this memory only */
    struct wrapper_report report; /* of the command in hand */

    enum run_phase after_pause;
    char *change;        /* owned; the write in hand, kept to be sent again */
    bool change_queues;  /* it has rows for the outbox */
    bool change_settles; /* it writes the outcome of the recover that was in doubt or in hand */
    json_t *beside;      /* owned; what is written with the ending, in its transaction; NULL: nothing */
    bool plain;          /* the database refused a change for its content: the ending is told without outputs */
    void (*after_write)(struct run *r);
    uint64_t db_op, desk_op, library_op;
    struct loop_timer *timer;    /* owned; pauses and repeats */
    struct loop_timer *give_up;  /* owned */

    bool ends; /* an ending was decided */
    enum ending ending;
    enum ending_reason reason;
    const char *details[STORY_DETAILS_MAX]; /* arena */
    bool healed_by_monitor;
};

#define WORKER_BUCKETS 4096 /* what three hexadecimal digits can be; thousands of runs are looked up many times */

struct worker {
    uint32_t magic;
    struct worker_settings settings;
    struct worker_parts parts;
    struct run *runs; /* owned */
    struct run *by_id[WORKER_BUCKETS]; /* the same runs, by the beginning of their ids, which are random */
    struct tokens *tokens; /* owned */
    int held;
    bool claiming[CLAIM_KINDS];
    int asked[CLAIM_KINDS];
    bool more[CLAIM_KINDS]; /* there may be some that were not taken: no slot was free, or they came while a claim was under way */
    uint64_t claim_ops[CLAIM_KINDS];
    int64_t look_next_mono_ms;
    uint64_t look_op;
    bool strange; /* the last look found a run of ours that is not in hand */
    bool claims_soon; /* claim_freed comes in this turn */
    bool draining;
    loop_fn *on_empty;
    void *empty_owner; /* borrowed */
    struct loop_timer *claim_timer, *hands_timer, *sweep_timer; /* owned */
    uint64_t hands_op, sweep_op;
    int64_t prepare_mono_ms; /* when history's partitions are looked at again */
    struct worker_counts counts;
    struct rare warned; /* what many runs meet at once, such as PagerDuty's silence */
};

/* worker.c */
/* The run of this id that is in hand; NULL: none. */
struct run *worker_find(const struct worker *w, const char *id);
struct run **worker_bucket(struct worker *w, const char *id);
/* run.c */
struct run *run_new(struct worker *w, const struct run_held *held, bool expired);
void run_free(struct run *r); /* drops what is under way */
void run_begin(struct run *r, const struct run_row *row); /* row: as the claim brought it; NULL: to be loaded */
void run_move(struct run *r, enum run_phase to);
/* The run goes on at its next boundary: hands, give_up and drain are looked at first. */
void run_pause(struct run *r, int64_t ms, enum run_phase then);
/* It is not known whether a write was done: after the pause the run is held anew, so that it is not done later, and read. */
void run_load_anew(struct run *r, int64_t ms);
/* worker.c: a run has left its slot. */
void worker_freed(struct worker *w);
/* worker.c: a warning of the run's that hundreds may have at once: a line at once, then one a minute that says how many. */
void worker_warn(struct run *r, const char *what, const char *why);
/* The ending is committed. */
void run_ended(struct run *r);
/* Leaves the row as it is. Freed in a later turn, after its SSH command answered. */
void run_let_go(struct run *r);
/* Each SSH completion begins with this; false: the run was let go meanwhile, and is freed. */
bool run_ssh_ended(struct run *r);
/* Not ours any more: drop it, silently for PagerDuty, loudly in the log. */
void run_dropped(struct run *r, const char *why);
void run_show_hands(struct run *r, const struct run_hand *hand);
/* true: the run was ended or let go here; the caller returns. Asked at each boundary. */
bool run_must_end(struct run *r);
/* This node is stopping: others may take it at once. */
void run_give_back(struct run *r);
/* Somebody else, or the monitor, closed the incident. */
void run_end_closed(struct run *r);
int64_t run_left_ms(const struct run *r); /* until give_up_at */
/* Now, by the database's clock as it was when the run was loaded: what is compared with the journal's times, whatever this
 * node's own wall clock says. */
int64_t run_wall_ms(const struct run *r);
char *run_text(struct run *r, const char *text); /* arena copy; "" when it is full */

/* run_match.c: from the title to the first step */
void run_match(struct run *r);
void run_resume_reading(struct run *r);
/* run_recall.c: from an earlier holder's journal */
void run_recall(struct run *r);
/* run_step.c: looking steps, and what follows a step */
void run_step_do(struct run *r); /* step and attempt are set; journaled when step_journaled */
/* Follows r->flow (gates asked) after a step is recorded. */
void run_step_next(struct run *r);
/* Sets r->again_ms: whether a look that ended so is done again: a verify with time left, a lost connection. */
void run_step_again(struct run *r, const struct step *step, enum judgement_outcome outcome);
/* Where the flow leads once every `when` on its way was asked. */
struct flow run_step_gate(struct run *r, struct flow flow);
/* Keeps what a step brought: for judgements, the journal row (returned) and the notes. why may be NULL. */
json_t *run_step_keep(struct run *r, const struct step *step, const char *host, const struct run_result *result,
    enum judgement_outcome outcome, const char *why);
/* Adds to what the notes tell; where that is full, an old look leaves. */
void run_step_tell(struct run *r, const struct story_step *s);
const struct inventory_host *run_step_host(struct run *r, const struct step *step);
void run_send(struct run *r, const struct inventory_host *host, const struct wrapper_task *task, unsigned deadline_ms,
    ssh_done *done);
int run_values(struct run *r, struct wrapper_value *out, int max);
/* Fills r->report from what came; false: not even the beginning of an answer (`text` says why). */
bool run_read_answer(struct run *r, const struct ssh_outcome *outcome, const struct error *err);
/* Parts of the transaction that records a step. */
void run_tell_progress(struct run *r, json_t *change);
void run_tell_title(struct run *r, json_t *change, enum story_title title);
void run_add_next_step(struct run *r, json_t *change);
void run_recorded(struct run *r);
/* run_contact.c */
void run_contact(struct run *r, void (*then)(struct run *r));
/* run_recover.c: contact, guards, the recover, doubt */
void run_recover(struct run *r);
void run_recover_again(struct run *r); /* after a pause, as r->after_pause says */
void run_recover_ended(struct run *r, const char *doubt); /* as r->report says; doubt: its sentence, or NULL */
void run_recover_never(struct run *r, const char *doubt); /* the attempt certainly never started: a new one may be asked for */
struct wrapper_task run_recover_task(struct run *r, enum wrapper_act act); /* a fenced request about the recover in hand */
/* run_doubt.c */
void run_settle(struct run *r, enum story_cause cause); /* the recover in hand is in doubt */
void run_settle_again(struct run *r);
void run_settle_unreached(struct run *r, const char *why); /* the machine could not be reached */
unsigned run_settle_deadline_ms(const struct run *r, unsigned most_ms); /* of a question */
/* Adds the journal row that ends the doubt; takes row. sentence NULL: there was none. */
void run_doubt_settled(struct run *r, json_t *change, json_t *row, const char *sentence);
const char *run_doubt_sentence(struct run *r, enum story_found found); /* arena; also kept for the ending */
void run_doubt_tell(struct run *r, const char *sentence);              /* kept for the ending */
void run_doubt_note(struct run *r, json_t *change, const char *sentence);
/* run_record.c: the journal and the outbox */
json_t *run_change(const char *state);
json_t *run_step_row_started(struct run *r, const struct step *step, int attempt, const char *host);
void run_change_step(json_t *change, json_t *row);
void run_change_decision(json_t *change, const char *kind, const char *text);
/* Keeps what was read of the incident for the writes of its status. */
void run_know_incident(struct run *r, const struct desk_answer *desk);
/* What a conditional write carries: what is known, and the note that is written where that does not hold any more; NULL: none. */
json_t *run_condition(const struct run *r, const char *dropped);
void run_change_outbox(json_t *change, const char *kind, const char *body, json_t *about);
/* Takes change. after is called when it is committed; when the run was taken over or must be read again, it is not. */
void run_write_change(struct run *r, enum run_phase phase, json_t *change, void (*after)(struct run *r));
void run_story(struct run *r, struct story *out);
/* run_end.c */
void run_ask_desk(struct run *r, enum desk_beside beside, desk_done *done); /* about the incident; it answers r */
void run_end(struct run *r, enum ending ending, enum ending_reason reason, const char *a, const char *b, const char *c,
    const char *d);
void run_reread(struct run *r);

#define RUN_MAGIC 0x52554e21u
#define WORKER_MAGIC 0x574f524bu

#endif
