/* SPDX-License-Identifier: MIT
 * A scenario's values: looked for in the keyword token, the title's named groups, the alerts, the
 * incident and the inventory's host, strictly typed. Knows no JSON: what is in alerts is read
 * through a callback (values_alerts.h has the usual one). Does not quote for the shell; the wrapper
 * does. */
#ifndef EXECUTOR_VALUES_H
#define EXECUTOR_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "executor/match.h"
#include "executor/scenario.h"
#include "lib/base/arena.h"
#include "lib/base/policy.h"

enum value_read {
    VALUE_READ_NONE, /* there is nothing at that place */
    VALUE_READ_TEXT, /* *out_text, *out_bytes are set */
    VALUE_READ_ODD,  /* there is something that is no text or number; *out_text says what ("a list")
                      */
};

/* Reads what a source of kind ALERT, INCIDENT or HOST names.
 * alert  0 .. alerts_count - 1 for SOURCE_ALERT, else 0
 * The text is borrowed until the call that asked returns. */
typedef enum value_read values_read_fn(void *owner, const struct value_source *source, int alert,
    const char **out_text, size_t *out_bytes);

struct values_input {
    const struct match_result *match; /* borrowed */
    int alerts_count;
    values_read_fn *read; /* NULL: nothing beyond the match */
    void *owner;          /* borrowed; handed to read */
    enum policy_language language; /* of values_problem.text */
};

struct value {
    const char *name; /* arena of the scenario */
    const char
        *text; /* arena; in the script's form: a percent without its sign, a duration in seconds */
    const char *source; /* arena of the scenario; "keyword.mount", or "default" */
};

/* The words for a hand-over: which value, where it was looked for, what was seen. */
struct values_problem {
    const char *name; /* borrowed from the scenario; "" when memory was short */
    char text[768];
};

/* Extracts all values of a scenario, in order of their specs. A value that has sources in several
 * alerts which disagree is a problem, not a choice. out_values  receives s->values_count entries of
 * the arena Returns 0, or -1 with the first problem. */
int values_extract(const struct scenario *s, const struct values_input *in, struct arena *a,
    const struct value **out_values, struct values_problem *out_problem) MUST_USE;

/* The names that the target may have: from the first source that has something, each different name
 * once (alerts may name several; whether they are one host is the inventory's to say). Returns 0
 * with at least one name, or -1 with the problem. */
struct target_names {
    const char *const *names; /* arena */
    int count;
    const char *source; /* arena of the scenario */
};
int values_target(const struct scenario *s, const struct values_input *in, struct arena *a,
    struct target_names *out, struct values_problem *out_problem) MUST_USE;

/* Checks one text against a spec and brings it into the script's form.
 * out_text  arena
 * why       receives what is wrong, in English: "is not an absolute path", one of story_phrases
 * Returns 0 or -1. */
int value_check(const struct value_spec *spec, const char *text, size_t bytes, struct arena *a,
    const char **out_text, char *why, size_t why_bytes) MUST_USE;

#endif
