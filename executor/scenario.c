/* SPDX-License-Identifier: MIT
 * Where a run goes after each step of a scenario, and the words of its enums. */
#include "executor/scenario.h"

#include <assert.h>
#include <string.h>

#include "executor/scenario_schema.h"

int64_t scenario_give_up_after_ms(const struct scenario *s, const char *priority)
{
    for (int i = 0; priority && i < s->give_up_count; i++)
        if (strcmp(s->give_up[i].priority, priority) == 0)
            return s->give_up[i].ms;
    return s->give_up_after_ms;
}

static struct flow to_step(const struct scenario *s, int step)
{
    if (step >= s->steps_count)
        return (struct flow){FLOW_NOT_HEALED, -1};
    return (struct flow){FLOW_STEP, step};
}

static struct flow ends(enum flow_kind kind)
{
    return (struct flow){kind, -1};
}

static bool is_last_check(const struct scenario *s, int step)
{
    for (int i = step + 1; i < s->steps_count; i++)
        if (s->steps[i].verb == STEP_CHECK)
            return false;
    return true;
}

/* The first step behind the try of `step`. */
static int after_try(const struct scenario *s, int step)
{
    int i = step + 1;
    while (i < s->steps_count && s->steps[i].try_index == s->steps[step].try_index)
        i++;
    return i;
}

static struct flow after_check(
    const struct scenario *s, int step, enum judgement_outcome outcome, bool sick_so_far)
{
    if (outcome == JUDGED_CANNOT_TELL)
        return ends(FLOW_CANNOT_TELL);
    if (outcome == JUDGED_HEALTHY && !sick_so_far && is_last_check(s, step))
        return ends(FLOW_SELF_HEALED);
    return to_step(s, step + 1);
}

static struct flow after_verify(const struct scenario *s, int step, enum judgement_outcome outcome)
{
    int behind = after_try(s, step);
    if (outcome == JUDGED_CANNOT_TELL)
        return ends(FLOW_CANNOT_TELL);
    if (outcome == JUDGED_UNHEALTHY)
        return to_step(s, behind);
    for (int i = step + 1; i < behind; i++)
        if (s->steps[i].verb == STEP_VERIFY)
            return to_step(s, step + 1);
    return ends(FLOW_HEALED);
}

struct flow scenario_after(
    const struct scenario *s, int step, enum judgement_outcome outcome, bool sick_so_far)
{
    assert(step >= 0 && step < s->steps_count);
    switch (s->steps[step].verb) {
    case STEP_CHECK:
        return after_check(s, step, outcome, sick_so_far);
    case STEP_VERIFY:
        return after_verify(s, step, outcome);
    default:
        return to_step(s, step + 1);
    }
}

struct flow scenario_gate(const struct scenario *s, int step, enum judgement_outcome when)
{
    assert(step >= 0 && step < s->steps_count);
    bool recover = s->steps[step].verb == STEP_RECOVER;
    if (when == JUDGED_HEALTHY || (when == JUDGED_CANNOT_TELL && !recover))
        return to_step(s, step);
    if (when == JUDGED_CANNOT_TELL)
        return ends(FLOW_CANNOT_TELL);
    return to_step(s, recover ? after_try(s, step) : step + 1);
}

const char *step_verb_name(enum step_verb verb)
{
    return step_verb_words[verb];
}

const char *scenario_mode_name(enum scenario_mode mode)
{
    return scenario_mode_words[mode];
}

const char *unsure_rule_name(enum unsure_rule rule)
{
    return unsure_rule_words[rule];
}

const char *value_type_name(enum value_type type)
{
    return value_type_words[type];
}

int scenario_mode_find(const char *word)
{
    for (int i = 0; i < SCENARIO_MODES; i++)
        if (strcmp(scenario_mode_words[i], word) == 0)
            return i;
    return -1;
}
