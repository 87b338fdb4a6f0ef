/* SPDX-License-Identifier: MIT
 * Runs: opening, claiming, loading, and the one way to change them. Every change begins by an UPDATE of the run's row
 * under (id, epoch); when that finds no row the run was taken over, and nothing of the change was written.
 *
 * Each question is sent with a pg_done; the function beside it reads the answer (whose err was NULL). Texts that it gives
 * are borrowed from the answer. Ids are for run_forget. */
#ifndef LIB_STORE_RUN_H
#define LIB_STORE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/store/store.h"

struct run_held {
    char id[ID_UUID_BYTES];
    int64_t epoch;
    char was[64]; /* name of the dead holder, for orphans; else "" */
};

enum run_claim_kind {
    CLAIM_ORPHANS, /* of dead workers, and handed back by leaving ones; in doubt first */
    CLAIM_WAITING, /* customers by fewest running, then urgency, then age */
    CLAIM_EXPIRED, /* give_up_at has passed: only to be handed over */
    CLAIM_UNSERVED, /* waiting, and no node has a scenario: likewise */
    CLAIM_KINDS,
};

#define RUN_CLAIM_MAX 50 /* batches of about 10 are best; orphans may come in more */
#define RUN_EXPIRED_GRACE_MS 15000 /* in which the holder itself gives up, or learns what its recover did */
/* An UNCERTAIN error may leave runs under our incarnation that we do not know of: see run_claim_lost. */
uint64_t run_claim(struct store *s, enum run_claim_kind kind, const char *incarnation, int most, pg_done *done,
    void *owner);
/* Returns how many were taken; fills at most RUN_CLAIM_MAX. */
int run_claimed(const struct pg_answer *answer, struct run_held *out);
/* One of them, however many they are; false: there are no more. */
bool run_claimed_at(const struct pg_answer *answer, int index, struct run_held *out);
/* The ids that this incarnation holds, until NULL: borrowed from the answer. One that the worker does not have in hand was
 * claimed by a statement whose answer was lost, or came back when a commit that only the lost primary had was forgotten. */
uint64_t run_read_held(struct store *s, const char *incarnation, pg_done *done, void *owner);
const char *run_held_at(const struct pg_answer *answer, int index);
/* All runs that this incarnation holds, for run_claimed_at: they may be thousands. It writes, so that its own commit covers what it saw. */
uint64_t run_claim_lost(struct store *s, const char *incarnation, pg_done *done, void *owner);

/* A leaving node lets a run go at a boundary: others may take it at once. What becomes of the write does not matter: the
 * node's row is marked dead a little later. */
void run_hand_back(struct store *s, const char *id, int64_t epoch, const char *incarnation, const char *why);

/* A run as its holder needs it. Texts are never NULL. */
struct run_row {
    const char *account, *incident_key, *customer, *service_id, *service_name;
    const char *title, *priority, *urgency, *html_url, *state;
    int step, attempt;
    const char *mode, *scenario, *scenario_set, *inventory_set, *host, *machine;
    const char *facts; /* JSON object */
    bool doubt;
    const char *opening;
    int64_t opened_wall_ms, give_up_left_ms, incident_number, created_wall_ms;
    const char *incident_status;
    int last_attempt;
    int64_t timeline; /* of the database now: the first part of the fencing token */
    int64_t now_wall_ms; /* by the database's clock */
};
uint64_t run_load(struct store *s, const char *id, int64_t epoch, pg_done *done, void *owner);
/* After an UNCERTAIN write, before the run is loaded again: raises its epoch, so that the write cannot be done later. */
uint64_t run_hold_anew(struct store *s, const char *id, const char *incarnation, pg_done *done, void *owner);
/* The new epoch; 0: taken over, or ended. */
int64_t run_held_anew(const struct pg_answer *answer);
/* false: taken over. */
bool run_loaded(const struct pg_answer *answer, struct run_row *out);
/* Of a claim's answer: nobody has held a waiting run before, so its row comes with the claim. false: it is to be loaded. */
bool run_claimed_row(const struct pg_answer *answer, int index, struct run_row *out);

/* The journal of a run. */
struct run_step_row {
    int step, attempt;
    const char *verb, *title, *state, *host, *become, *status, *signal, *outcome, *why, *output;
    const char *memory, *boot; /* of a recover: the machine's memory and boot that it was sent to */
    const char *doubt;         /* of a recover: why it was in doubt and how that was settled; "" */
    bool cut;
    int64_t epoch, took_ms, started_wall_ms, ended_ago_ms;
};
uint64_t run_read_steps(struct store *s, const char *id, pg_done *done, void *owner);
int run_steps_count(const struct pg_answer *answer);
void run_step_at(const struct pg_answer *answer, int index, struct run_step_row *out);

/* Whose row, and under which epoch; account and incident_key only for the order in which runs that share a commit lock their
 * incidents: intake's. All borrowed for the call. */
struct run_place {
    const char *id;
    int64_t epoch;
    const char *account, *incident_key;
};
/* change: JSON as sql/statements/run_write.sql describes; copied. After UNCERTAIN: run_hold_anew before
 * anything else. */
uint64_t run_write(struct store *s, const struct run_place *place, const char *change, pg_done *done, void *owner);
/* false: taken over, nothing was written. */
bool run_written(const struct pg_answer *answer);

/* What the guards said, in the transaction that would have begun the recover. */
enum recover_refusal {
    REFUSAL_NONE, /* `started` is committed: send the command now */
    REFUSAL_STOP,
    REFUSAL_TOUCHED,
    REFUSAL_CLOSED,
    REFUSAL_RECURRENCE,
    REFUSAL_STANDBY,
    REFUSAL_UNKNOWN_TOUCH,
    REFUSALS,
};
struct recover_verdict {
    bool held; /* false: taken over */
    enum recover_refusal refusal;
    const char *detail; /* parts between '\x1f', see recover_start.sql */
    bool standby;       /* synchronous replication is in force */
};
struct recover_request {
    const char *id; /* all borrowed for the call */
    int64_t epoch;
    const char *region;
    int recurrence_most; /* the how many-th same recover on one machine is refused; 0: never */
    int64_t recurrence_ms;
    bool need_standby;
    int64_t touch_known_ms; /* the incident must be known from the last so many ms; 0: may be older */
    const char *machine, *scenario, *customer; /* guard keys */
    const char *step; /* JSON: step, attempt, title, host, machine, become */
    const char *incarnation; /* ours, and the last of its renewals that was acknowledged: a database that does not know */
    int64_t beat;            /* it has lost acknowledged commits, and begins nothing */
};
uint64_t run_recover_start(struct store *s, const struct recover_request *request, pg_done *done, void *owner);
void run_recover_verdict(const struct pg_answer *answer, struct recover_verdict *out);
const char *recover_refusal_name(enum recover_refusal refusal);

/* Hands on the incidents of this worker's runs. */
struct run_hand {
    const char *id;
    bool touched, closed;
    const char *touched_by, *touched_how, *closed_by, *closed_how;
};
uint64_t run_read_hands(struct store *s, const char *incarnation, pg_done *done, void *owner);
int run_hands_count(const struct pg_answer *answer);
void run_hand_at(const struct pg_answer *answer, int index, struct run_hand *out);

/* What PagerDuty was asked just now and holds. All borrowed for the call. */
struct incident_read {
    const char *account, *key, *priority, *urgency, *title;
    const char *hand_at, *hand_by, *hand_how; /* a person's hand in its log, as event_row's; "" = none */
};
uint64_t run_note_incident_read(struct store *s, const struct incident_read *read, pg_done *done, void *owner);

/* The owner goes away. */
void run_forget(struct store *s, uint64_t op);

#endif
