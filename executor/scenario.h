/* SPDX-License-Identifier: MIT
 * A scenario as it was written, checked and made easy to follow: what it matches, which values it
 * needs, its steps, and where a run goes after each. Read-only once parsed. Pure: reads no file, no
 * clock, runs nothing. */
#ifndef EXECUTOR_SCENARIO_H
#define EXECUTOR_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/judgement.h"
#include "lib/base/arena.h"
#include "lib/base/diag.h"
#include "lib/base/yaml.h"

enum step_verb { STEP_CHECK, STEP_COLLECT, STEP_RECOVER, STEP_VERIFY, STEP_VERBS };
enum scenario_mode { MODE_SHADOW, MODE_SUGGEST, MODE_APPROVE, MODE_AUTO, SCENARIO_MODES };
/* What to do about a recover whose outcome cannot be learnt. */
enum unsure_rule { UNSURE_VERIFY, UNSURE_RERUN, UNSURE_HAND_OVER, UNSURE_RULES };
/* What to do about a recover that is found still running by a successor. */
enum running_rule { RUNNING_WAIT, RUNNING_END, RUNNING_RULES };
enum healed_action { HEALED_RESOLVE, HEALED_ACTIONS };

enum value_type {
    VALUE_HOST, /* a name or address: letters, digits, '.', '-', ':', at most 253 bytes */
    VALUE_WORD, /* letters, digits and . _ @ : + - , beginning with a letter or digit, at most 128
                   bytes */
    VALUE_PATH, /* absolute, no `..` part, no control characters, at most 1024 bytes */
    VALUE_INT,  /* decimal, 64 bits */
    VALUE_DURATION, /* "90s"; the script gets whole seconds */
    VALUE_PERCENT,  /* 0 to 100, '%' allowed; the script gets the number */
    VALUE_TEXT,     /* valid UTF-8 without NUL, at most `bytes_max` bytes */
    VALUE_TYPES,
};

enum source_kind {
    SOURCE_KEYWORD, /* keyword.NAME: inline value of the matched token */
    SOURCE_TITLE,   /* title.NAME: named group of the matched pattern */
    SOURCE_ALERT, /* alert.details.A.B, or alert.FIELD (summary, source, severity, component, group,
                     class, key) */
    SOURCE_INCIDENT, /* incident.FIELD (title, service, service_id, priority, urgency, customer,
                        number, id) */
    SOURCE_HOST,     /* host.NAME: a variable of the inventory's host; not for the target itself */
    SOURCE_KINDS,
};

struct value_source {
    enum source_kind kind;
    const char *text;        /* arena; as written: "alert.details.host" */
    const char *const *path; /* arena; the parts behind the kind: {"details", "host"}, {"mount"} */
    int path_count;
    int line;
};

struct value_spec {
    const char *name; /* arena; the shell variable: [a-z][a-z0-9_]*, "host" for the target */
    enum value_type type;
    const struct value_source *sources; /* arena; in order, the first that has something is taken */
    int sources_count;
    const char
        *fallback; /* arena; `default`, already checked and in the script's form; NULL: none */
    const char *const *one_of; /* arena; the only words allowed, NULL-ended; NULL: any */
    int64_t least, most;       /* INT, PERCENT, DURATION (ms) */
    size_t bytes_max;          /* TEXT */
    int line;
};

struct step {
    int index;
    enum step_verb verb;
    const char *title; /* arena; the words after the verb: what the timeline shows */
    const char *run;   /* arena; the script. Never NULL: a verify without `run` has its check's */
    const char *
        name; /* arena; the result's name, NULL: none. Inherited by a verify that repeats a check */
    const char *become;   /* arena; the user for sudo, NULL: the login user */
    const char *on_host;  /* arena; literal name in the inventory, NULL: not given */
    const char *on_value; /* arena; `on: $name`: the value that holds the host, NULL: not given.
                             Neither: the target */
    int64_t timeout_ms;
    int64_t every_ms;        /* verify: pause between looks; 0 when it looks once */
    int64_t within_ms;       /* verify: from the end of the recover (its verify may look again until
                                then); 0: once */
    enum unsure_rule unsure; /* recover */
    enum running_rule running;    /* recover */
    const struct judgement *when; /* arena; collect and recover: NULL: always */
    const struct judgement
        *healthy;   /* arena; check and verify: own, else the scenario's, else NULL (exit status) */
    int check_step; /* verify: the check it repeats, -1 when it has its own script */
    int try_index;  /* which try it belongs to, from 0; -1 before the first recover. A recover and
                       everything up to the  next recover or its collects is one try */
    int line;
};

struct pattern;

struct text_list {
    const char *const *items; /* arena */
    int count;
};

struct scenario_match {
    struct text_list keywords;             /* any of them */
    struct text_list phrases;              /* any of them; contained in the title */
    struct text_list patterns;             /* without "re:"; any of them */
    const struct pattern *const *compiled; /* arena; of each pattern */
    struct text_list not_phrases;
    struct text_list not_patterns;
    const struct pattern *const *not_compiled; /* arena */
    struct text_list readers; /* patterns that decide nothing: only their named groups are read */
    const struct pattern *const *readers_compiled; /* arena */
    struct text_list services;                     /* id or name; empty: any */
    struct text_list priorities;                   /* "P1"; empty: any */
    struct text_list customers;                    /* empty: any */
};

struct scenario_not_healed {
    int level; /* escalation level to hand over to; 0: not given, the service's setting decides */
    const char *policy;   /* arena; escalation policy (id or name) instead; NULL */
    const char *priority; /* arena; priority to set; NULL: leave */
    const char *say;      /* arena; a sentence for the ending note; NULL */
};

struct give_up_by_priority {
    const char *priority; /* arena */
    int64_t ms;
};

struct scenario {
    const char *name;  /* arena; equals the file's name */
    const char *about; /* arena; "" when absent */
    const char *file;  /* arena; path in its set, for messages */
    int index;         /* position in its set's order; -1 outside of a set */
    enum scenario_mode mode;
    struct scenario_match match;
    struct value_spec target;        /* name "host", type HOST */
    const struct value_spec *values; /* arena */
    int values_count;
    const struct judgement *healthy; /* arena; NULL: exit status */
    const struct step *steps;        /* arena */
    int steps_count;
    int tries_count;
    int64_t give_up_after_ms; /* from the incident's creation; 0: not given, the settings decide */
    const struct give_up_by_priority *give_up; /* arena; exceptions */
    int give_up_count;
    enum healed_action healed;
    struct scenario_not_healed not_healed;
    int recurs_count;         /* this many-th recover of the scenario on one machine ... */
    int64_t recurs_within_ms; /* ... in this time is not done but handed over */
    int line;
};

/* Builds a scenario from a file's tree. Every mistake is added to d with its place; all are looked
 * for, not only the first. a     everything lives there: nothing to free root  borrowed; texts are
 * not copied, so the tree's arena must outlive the scenario (give the same arena) stem  the file's
 * name without folder and suffix, which `scenario:` must equal Returns NULL when an error was
 * added. */
struct scenario *scenario_parse(
    struct arena *a, const struct yaml_node *root, const char *stem, struct diag *d);

/* give_up_after for an incident of this priority (NULL: none). 0: the scenario does not say;
 * policy_give_up_after_ms does. */
int64_t scenario_give_up_after_ms(const struct scenario *s, const char *priority);

/* --- Where a run goes
 * -------------------------------------------------------------------------------------------- */

enum flow_kind {
    FLOW_STEP,        /* do step `step` */
    FLOW_SELF_HEALED, /* every check found it healthy, nothing was done */
    FLOW_HEALED,      /* every verify of a try was healthy */
    FLOW_NOT_HEALED,  /* nothing is left to try */
    FLOW_CANNOT_TELL, /* a person must look */
    FLOW_KINDS,
};
struct flow {
    enum flow_kind kind;
    int step; /* FLOW_STEP: its index, else -1 */
};

/* Where the run goes when step `step` is over (a verify: when it was healthy, or its time is up).
 *
 * outcome      check, verify: as judged. collect, recover: JUDGED_HEALTHY for a status of 0; it
 * does not matter here sick_so_far  an earlier check of this run was unhealthy
 *
 *            healthy                        unhealthy         cannot tell
 * check      next; last check and none      next              CANNOT_TELL
 *            was sick: SELF_HEALED
 * collect    next                           next              next
 * recover    next                           next              next (its doubt was cleared by
 * `unsure` before) verify     next verify of the try, else   the next try,     CANNOT_TELL HEALED
 * else NOT_HEALED `next` behind the last step is NOT_HEALED. */
struct flow scenario_after(
    const struct scenario *s, int step, enum judgement_outcome outcome, bool sick_so_far);

/* Asked before a step that has a `when`, with what the judgement said. Healthy ("it holds"):
 * FLOW_STEP with this step. Not: a collect is skipped, a recover is skipped with its whole try.
 * Cannot tell: a collect is done (it only looks), a recover is CANNOT_TELL. */
struct flow scenario_gate(const struct scenario *s, int step, enum judgement_outcome when);

/* "check", ...; static. */
const char *step_verb_name(enum step_verb verb);
const char *scenario_mode_name(enum scenario_mode mode);
const char *unsure_rule_name(enum unsure_rule rule);
const char *value_type_name(enum value_type type);
/* -1 for an unknown word; else the enum. For rows read back from the database. */
int scenario_mode_find(const char *word);

#endif
