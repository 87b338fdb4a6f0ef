/* SPDX-License-Identifier: MIT
 * What a run tells people: notes and title prefixes in English and Japanese, with times in the service's zone. Pure: a story
 * goes in, text comes out. Every sentence stands in one table (story_texts.c), a column for each language.
 *
 * A note is read at 03:00 on a phone: what happened first, evidence after it, what to do next where a person must act. */
#ifndef EXECUTOR_STORY_H
#define EXECUTOR_STORY_H

#include <stdbool.h>
#include <stdint.h>

#include "executor/judgement.h"
#include "executor/scenario.h"
#include "lib/base/buf.h"
#include "lib/base/policy.h"

enum ending {
    ENDING_RESOLVED,    /* verified after a recover, or closed by its monitor after one */
    ENDING_SELF_HEALED, /* the check found it healthy                                  */
    ENDING_HANDED_OVER,
    ENDING_STOPPED,     /* a person took over                                          */
    ENDING_STALE,       /* no longer open when we came to it                           */
    ENDING_UNMATCHED,   /* no scenario                                                 */
    ENDING_SHADOWED,    /* mode shadow: says what would have been done                 */
    ENDINGS,
};
/* "resolved", "self_healed", ...; static: the word of the column run.ending. */
const char *ending_name(enum ending ending);

/* Why it ended so. Each has a sentence; details are its arguments, in the order named here. */
enum ending_reason {
    WHY_VERIFIED,          /* healed: a verify found it healthy                                     */
    WHY_SELF_HEALED,       /* healthy at the first look                                            */
    WHY_MONITOR_CLEARED,   /* the monitor cleared its alert meanwhile                               */
    WHY_NOT_HEALED,        /* all tries done, still unhealthy                                       */
    WHY_CANNOT_TELL,       /* step title, what was found                                           */
    WHY_NO_SCENARIO,       /* title                                                                */
    WHY_NO_SCENARIOS,      /* title; none at all, on any node                                      */
    WHY_NO_CUSTOMER,       /* service                                                              */
    WHY_VALUE,             /* problem text                                                         */
    WHY_HOST_UNKNOWN,      /* name, customer, where it was named ("" = not said)                   */
    WHY_HOST_AMBIGUOUS,    /* name, customer, where it was named                                   */
    WHY_HOSTS_DIFFER,      /* names                                                                */
    WHY_NO_LONGER_OPEN,    /* status                                                               */
    WHY_NEW_ALERT,         /* alerts that the run did not look at                                  */
    WHY_ALERTS_UNREADABLE, /* error: PagerDuty could not be asked before the resolve                */
    WHY_PERSON,            /* who, what they did                                                   */
    WHY_CLOSED,            /* who, what they did: resolved or merged by a person                     */
    WHY_STOP_SWITCH,       /* scope, key, who, why                                                 */
    WHY_RECURRENCE,        /* count, hours                                                         */
    WHY_NO_STANDBY,
    WHY_BLIND,             /* error: PagerDuty could not be asked before the recover                */
    WHY_GIVE_UP,           /* what it was doing (run_phases)                                       */
    WHY_DOUBT,             /* step title, host, why: a recover was begun, its outcome is not known */
    WHY_SSH,               /* step title, host, error                                              */
    WHY_MACHINE,           /* step title, host, what the machine said: fence, folder, sudo          */
    WHY_BUSY,              /* step title, host, holder                                             */
    WHY_SHADOW,            /* mode shadow reached what it may do                                    */
    WHY_MODE,              /* mode: suggest and approve are not available yet                       */
    WHY_FAULT,             /* error: something of ours is broken                                    */
    ENDING_REASONS,
};

/* One thing that was done, for the evidence. Texts borrowed, never NULL. */
struct story_step {
    enum step_verb verb;
    const char *title;
    const char *host;
    const char *become; /* "" = the login user */
    const char *login;  /* the login user */
    bool ended;         /* false: it was begun and its end is not known */
    enum judgement_outcome outcome; /* check, verify */
    const char *why;    /* as the judgement or story_look_why said it, in the story's language; "" = none */
    const char *doubt;  /* a recover: story_doubt's sentence; NULL = its outcome was never in doubt */
    int status;         /* -1: none */
    const char *signal; /* "" = none */
    bool timed_out;
    int left;           /* processes left running; 0, -1: none known */
    const char *output; /* bounded, repaired, secrets removed */
    bool cut;
    int64_t took_ms;
    int64_t started_wall_ms;
};

/* A recover that was begun and whose outcome is not written: what put it in doubt, and what asking the machine brought. */
enum story_cause {
    DOUBT_NO_CAUSE,
    DOUBT_WORKER,   /* the worker that had sent it was lost                 */
    DOUBT_SSH,      /* our own connection to the machine broke              */
    DOUBT_DATABASE, /* it is not known whether what we wrote was committed  */
};
enum story_found {
    DOUBT_ENDED,     /* status, signal, timed_out, took_ms                  */
    DOUBT_ENDED_NOW, /* it ran still, and was ended, as the scenario says   */
    DOUBT_RUNS,      /* it runs still, and is waited for                    */
    DOUBT_NEVER,     /* it never started, and now never will                */
    DOUBT_LOST,      /* it had begun, and left no record of its end         */
    DOUBT_FORGOTTEN, /* the machine has rebooted or lost its records        */
    DOUBT_UNREACHED, /* the machine could not be asked; why                 */
    DOUBT_FOUNDS,
};
struct story_doubt {
    enum story_cause cause;
    enum story_found found;
    const char *title, *on, *node; /* the recover, its machine, who asked */
    const char *lost;              /* DOUBT_WORKER: its name; "" = not known */
    enum unsure_rule then;         /* what follows; DOUBT_LOST, DOUBT_FORGOTTEN */
    int status;
    const char *signal, *why;      /* "" = none */
    bool timed_out;
    int64_t took_ms;               /* by the machine's record; 0 = not known */
};
/* One sentence for a person at 03:00: "Worker tokyo-1 was lost while "restart nginx" ran on web1; osaka-1 found that it had
 * ended with status 0 after 4 s." */
void story_doubt(enum policy_language language, const struct story_doubt *d, struct buf *out);

/* What a machine said at last about a recover whose run ended in doubt. doubt.found: DOUBT_ENDED, DOUBT_NEVER, DOUBT_LOST,
 * DOUBT_FORGOTTEN, or DOUBT_UNREACHED: it is asked no more. */
struct story_token {
    enum policy_language language;
    struct story_doubt doubt;  /* cause and then do not matter */
    int64_t age_ms;            /* since the hand-over */
    const char *run, *region;
    const char *output;        /* DOUBT_ENDED; as story_step */
    bool cut;
};
void story_token_sentence(const struct story_token *t, struct buf *out);
/* The same as a note, with the output. */
void story_token_note(const struct story_token *t, struct buf *out);

/* Whether a recover has begun whose end nobody knows as the run ends. */
enum story_open {
    OPEN_NONE,
    OPEN_MAY_START, /* the machine could not be asked: it may still start there, or run */
    OPEN_RUNS,      /* it runs; nothing else of the run can start                       */
};

#define STORY_DETAILS_MAX 4
struct story {
    enum policy_language language;
    const char *time_zone;
    const char *node, *region;
    const char *run;      /* id */
    const char *scenario; /* "" = none */
    const char *about;
    enum scenario_mode mode;
    const char *customer, *host, *title, *service;
    const char *set_hash; /* of the scenario set; the first 8 digits are shown */
    const struct value *values; /* borrowed; as used */
    int values_count;
    const struct story_step *steps;
    int steps_count;
    const char *const *would; /* shadow: titles of the recovers that would have been done, in order */
    int would_count;
    bool no_standby;      /* replication was not in force */
    const char *taken_from; /* name of the lost node this run was taken over from; "" = none */
    int64_t opened_wall_ms, now_wall_ms;

    enum ending ending;   /* for ending notes */
    enum ending_reason reason;
    const char *details[STORY_DETAILS_MAX]; /* arguments of the reason, "" where not used */
    const char *say;      /* the scenario's own sentence; "" = none */
    const char *const *doubts; /* sentences of story_doubt, in order */
    int doubts_count;
    enum story_open open;
    const char *open_step, *open_on; /* unless OPEN_NONE */
    int64_t may_run_ms;   /* how long it then runs at most; 0: not known */
};

/* The body of a note: plain text, at most STORY_NOTE_CHARS_MAX characters. Without the marker, which the outbox adds. */
#define STORY_NOTE_CHARS_MAX 20000
void story_start_note(const struct story *s, struct buf *out);
/* A sentence of story_doubt, as soon as it is known. */
void story_doubt_note(const struct story *s, const char *sentence, struct buf *out);
/* One step that just ended (the last of steps). */
void story_progress_note(const struct story *s, struct buf *out);
void story_ending_note(const struct story *s, struct buf *out);
/* One sentence: why it ended so; for the journal, the log and `firstline runs`. Always one line. */
void story_reason(const struct story *s, struct buf *out);

/* What a look brought, for story_step.why and the journal: what was found, and what the script said on its standard error
 * ("" = nothing). One line of valid UTF-8. */
void story_look_why(enum policy_language language, const char *found, const char *said, struct buf *out);

/* Title prefixes: "[firstline: checking]". */
enum story_title { TITLE_CHECKING, TITLE_RECOVERING, TITLE_VERIFYING, TITLE_SHADOW, TITLE_ENDING };
void story_title(enum policy_language language, enum story_title what, enum ending ending, struct buf *out);
/* The offset behind any prefixes of ours at the front of a title, in whatever language, however often; 0: there is none.
 * Only our own words count, since a scenario's keyword token may look alike. */
int story_title_strip(const char *title);

#endif
