/* SPDX-License-Identifier: MIT
 * Judgements: the small rules that say whether what a step found is healthy, such as `used < 85`,
 * `status == 0 and output contains "ready"`. Parsed once, read-only afterwards. Pure: runs nothing,
 * reads no clock.
 *
 * Three outcomes. Only HEALTHY ever resolves. A term cannot be told when what it reads is missing:
 * the step ran out of time, its connection was lost, a signal ended it, its status was 126 or 127
 * (the command was not there), its output was cut, a number was asked for and the trimmed output is
 * not one number (or has a unit of another sort), or the step never ran.
 *
 * `and`, `or`, `not` go by Kleene's logic: one unhealthy term makes an `and` unhealthy, one healthy
 * term makes an `or` healthy, whatever the others are; else one term that cannot be told makes the
 * whole cannot be told.
 *
 * A step that ended with another status than 0 cannot be called healthy by its output: a number in
 * it is not believed (cannot tell), and a text rule can find it unhealthy (`result == "active"`
 * where systemctl printed "inactive" and ended with 3) but never healthy. Who means to allow other
 * statuses names the status in the rule. */
#ifndef EXECUTOR_JUDGEMENT_H
#define EXECUTOR_JUDGEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/policy.h"

enum judgement_outcome { JUDGED_HEALTHY, JUDGED_UNHEALTHY, JUDGED_CANNOT_TELL, JUDGEMENT_OUTCOMES };

/* How the step that a term reads came to its end. */
enum result_state {
    RESULT_NONE,    /* it never ran, or was skipped: everything about it cannot be told */
    RESULT_ENDED,   /* status and output are known */
    RESULT_SIGNAL,  /* its shell was ended by a signal (`status` is that signal's number) */
    RESULT_TIMEOUT, /* its deadline passed and it was ended */
    RESULT_LOST,    /* the connection broke, or it could not be started */
    RESULT_STATES,
};

struct judgement_result {
    const char *name; /* borrowed; the step's `name`, NULL when it has none */
    enum result_state state;
    int status;         /* exit status where state is RESULT_ENDED */
    const char *output; /* borrowed; as it came, trimming is done here; may hold any byte; may be
                           NULL when empty */
    size_t output_bytes;
    bool cut; /* not all of the output was kept */
};

struct judgement_facts {
    const struct judgement_result
        *own; /* borrowed; the judged step: `result`, `output`, `status`, and its own name.
                 NULL for a `when`, which has no step of its own */
    const struct judgement_result
        *named; /* borrowed; the latest result of each named step; own's name goes first */
    int named_count;
    enum policy_language language; /* of judgement_why.text */
};

/* Why it came out so, for texts in any language. The first term that decided. */
enum judgement_reason {
    REASON_FOUND,      /* it was compared: found and rule tell */
    REASON_NEVER_RAN,  /* the step has no result */
    REASON_TIMEOUT,    /* its time ran out */
    REASON_LOST,       /* no connection */
    REASON_SIGNAL,     /* found is the signal's number */
    REASON_NO_COMMAND, /* status 126 or 127; found is that number */
    REASON_STATUS, /* another status than 0, so the output is not believed; found is the status */
    REASON_CUT,    /* the output was longer than is kept */
    REASON_NO_OUTPUT,    /* a number was asked for and there was no output */
    REASON_NOT_A_NUMBER, /* found is the output, shortened */
    REASON_UNIT, /* a number, but of another sort: "3GiB" where a percentage was asked for */
    REASON_PATTERN_LIMIT, /* the pattern took too long on this output */
    JUDGEMENT_REASONS,
};

#define JUDGEMENT_TEXT_BYTES 400

struct judgement_why {
    enum judgement_reason reason;
    char subject[64];                /* "used", "result", "used.status" */
    char found[128];                 /* one line, valid UTF-8, shortened with "..." */
    char rule[160];                  /* the term as written: "< 85", "contains \"ok\"" */
    char text[JUDGEMENT_TEXT_BYTES]; /* "97, healthy is < 85"; several terms: "used is 97, healthy
                                        is < 85; ..." */
};

struct judgement; /* arena */

struct judgement_mistake {
    size_t offset; /* in bytes, into the text */
    char text[256];
};

/* Parses a rule.
 * a         everything lives there: nothing to free
 * out       what is wrong; may be NULL
 * Returns NULL when the text is no judgement (out says why and where) or memory is short. */
struct judgement *judgement_parse(
    struct arena *a, const char *text, size_t bytes, struct judgement_mistake *out);
/* The rule where none is written: exit status 0 is healthy, 126 and 127 cannot be told, others are
 * unhealthy. */
const struct judgement *judgement_default(void);

/* Judges.
 * j    NULL means judgement_default()
 * why  filled always; may be NULL */
enum judgement_outcome judgement_eval(
    const struct judgement *j, const struct judgement_facts *facts, struct judgement_why *why);

/* Calls back for each name of another step that the rule reads (not result, output, status), in
 * order of writing, with its place in the text. For checking a scenario. */
void judgement_names(const struct judgement *j,
    void (*take)(void *owner, const char *name, size_t offset), void *owner);
/* Whether the rule reads result, output or status: those of the judged step itself. */
bool judgement_reads_own(const struct judgement *j, size_t *out_offset);
/* Whether the rule reads the result of that name. */
bool judgement_reads(const struct judgement *j, const char *name);
/* As written, trimmed; arena. */
const char *judgement_text(const struct judgement *j);

/* "healthy", "unhealthy", "cannot tell"; static. */
const char *judgement_outcome_name(enum judgement_outcome outcome);

#endif
