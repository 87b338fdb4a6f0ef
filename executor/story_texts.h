/* SPDX-License-Identifier: MIT
 * Every sentence that a run shows to people, in one table with a column for each language, and the filling of its named
 * arguments. Composes no notes (story.c does). Internal to the executor.
 *
 * In a sentence {name} is an argument; a part in [brackets] is left out when one of the arguments in it is empty. */
#ifndef EXECUTOR_STORY_TEXTS_H
#define EXECUTOR_STORY_TEXTS_H

#include "executor/story.h"

enum story_text {
    /* titles: the word behind "firstline: " */
    TEXT_TITLE_CHECKING,
    TEXT_TITLE_RECOVERING,
    TEXT_TITLE_VERIFYING,
    TEXT_TITLE_SHADOW,
    TEXT_TITLE_ENDED, /* + enum ending */
    /* the first words of an ending note */
    TEXT_ENDED = TEXT_TITLE_ENDED + ENDINGS, /* + enum ending */
    /* why it ended */
    TEXT_WHY = TEXT_ENDED + ENDINGS, /* + enum ending_reason */
    TEXT_WHY_SHADOW_HEALTHY = TEXT_WHY + ENDING_REASONS,
    TEXT_WHY_NOT_BEGUN,
    TEXT_SOMEBODY,
    /* the start */
    TEXT_START,
    TEXT_START_SHADOW,
    TEXT_START_LATE,
    TEXT_START_TAKE_OVER,
    TEXT_VALUES,
    /* steps */
    TEXT_VERB, /* + enum step_verb */
    TEXT_STEP_JUDGED = TEXT_VERB + STEP_VERBS,
    TEXT_STEP_DONE,
    TEXT_PROGRESS_JUDGED,
    TEXT_PROGRESS_DONE,
    TEXT_OUTCOME, /* + enum judgement_outcome */
    TEXT_END_STATUS = TEXT_OUTCOME + JUDGEMENT_OUTCOMES,
    TEXT_END_SIGNAL,
    TEXT_END_TIMEOUT,
    TEXT_END_UNKNOWN,
    TEXT_LEFT_RUNNING,
    TEXT_LOOKS,
    TEXT_STEPS_LEFT_OUT,
    TEXT_OUTPUT_LEFT_OUT,
    TEXT_OUTPUT_CUT,
    TEXT_OUTPUT_OMITTED,
    TEXT_LINE_CUT,
    TEXT_IT_SAID,
    /* the parts of an ending note */
    TEXT_CHANGED_NOTHING,
    TEXT_CHANGED,
    TEXT_CHANGED_BY,
    TEXT_EFFECT,
    TEXT_TAKEN_OVER,
    TEXT_NO_STANDBY,
    TEXT_MAY_START,
    TEXT_RUNS_ON,
    TEXT_EVIDENCE,
    TEXT_SAY,
    TEXT_FOOTER,
    /* what the outbox adds: {n} is filled when progress was left out; the others are notes of their own */
    TEXT_LEFT_OUT,
    TEXT_NOT_RESOLVED,
    TEXT_NOT_HANDED_OVER,
    /* what to do next */
    TEXT_NEXT,
    TEXT_NEXT_SSH,
    TEXT_NEXT_SHOW,
    TEXT_NEXT_MATCH,
    TEXT_NEXT_SCENARIOS,
    TEXT_NEXT_CUSTOMER,
    TEXT_NEXT_VALUE,
    TEXT_NEXT_INVENTORY,
    TEXT_NEXT_AMBIGUOUS,
    TEXT_NEXT_HOSTS,
    TEXT_NEXT_NEW_ALERT,
    TEXT_NEXT_ALERTS,
    TEXT_NEXT_GO,
    TEXT_NEXT_CAUSE,
    TEXT_NEXT_STANDBY,
    TEXT_NEXT_BLIND,
    TEXT_NEXT_DOUBT,
    TEXT_NEXT_REACH,
    TEXT_NEXT_MACHINE,
    TEXT_NEXT_BUSY,
    TEXT_NEXT_LOG,
    /* doubt */
    TEXT_DOUBT, /* + enum story_found */
    TEXT_HOW_STATUS = TEXT_DOUBT + DOUBT_FOUNDS,
    TEXT_HOW_SIGNAL,
    TEXT_HOW_TIMEOUT,
    TEXT_THE_DATABASE,
    TEXT_SOME_WORKER,
    TEXT_THEN, /* + enum unsure_rule */
    TEXT_TOKEN_ENDED = TEXT_THEN + UNSURE_RULES,
    TEXT_TOKEN_NEVER,
    TEXT_TOKEN_LOST,
    TEXT_TOKEN_FORGOTTEN,
    TEXT_TOKEN_EXPIRED,
    /* durations */
    TEXT_TAKES_S,
    TEXT_TAKES_MIN,
    TEXT_TAKES_H,
    /* judgements */
    TEXT_FOUND_NAMED_IS,
    TEXT_FOUND_NAMED,
    TEXT_FOUND_RULE,
    TEXT_FOUND_RULE_NOT,
    TEXT_FOUND_QUOTED,
    TEXT_FOUND_STATUS,
    TEXT_FOUND_NOTHING,
    TEXT_FOUND_NEVER_RAN,
    TEXT_FOUND_TIMEOUT,
    TEXT_FOUND_LOST,
    TEXT_FOUND_SIGNAL,
    TEXT_FOUND_NO_COMMAND,
    TEXT_FOUND_NOT_EXECUTABLE,
    TEXT_FOUND_BAD_STATUS,
    TEXT_FOUND_CUT,
    TEXT_FOUND_NOT_A_NUMBER,
    TEXT_FOUND_UNIT,
    TEXT_FOUND_PATTERN_LIMIT,
    /* values */
    TEXT_VALUE,
    TEXT_VALUE_TARGET,
    TEXT_VALUE_NOT_FOUND,
    TEXT_VALUE_ODD,
    TEXT_VALUE_WRONG,
    TEXT_VALUE_DIFFERS,
    TEXT_MISS,
    TEXT_MISS_TOKEN,
    TEXT_MISS_NO_TOKEN,
    TEXT_MISS_TITLE,
    TEXT_MISS_NO_ALERT,
    TEXT_MISS_ONE_ALERT,
    TEXT_MISS_ALERTS,
    TEXT_MISS_NOT_SET,
    STORY_TEXTS,
};

struct story_sentence {
    const char *args; /* names that it may use, parted by blanks */
    const char *in[LANGUAGES];
};
extern const struct story_sentence story_sentences[STORY_TEXTS];

/* Words that other parts put into details in English, and the same in the other languages. Ends with a NULL row. */
struct story_phrase {
    const char *in[LANGUAGES];
};
extern const struct story_phrase story_phrases[];
/* The phrase in this language; the text itself where it is none of the table. */
const char *story_phrase(enum policy_language language, const char *english);

/* What a reason has for people beside its sentence. */
#define STORY_HINTS_MAX 3
struct story_reason_row {
    const char *details[STORY_DETAILS_MAX]; /* names of story.details in its sentences; NULL: unused */
    enum story_text hints[STORY_HINTS_MAX]; /* what to do next; 0: none */
};
extern const struct story_reason_row story_reasons[ENDING_REASONS];

struct story_arg {
    const char *name, *value;
};
#define STORY_ARGS_MAX 32
struct story_args {
    int count;
    struct story_arg items[STORY_ARGS_MAX]; /* texts borrowed until the sentence is said */
};
/* Replaces an argument of that name. value NULL is "". */
void story_args_set(struct story_args *a, const char *name, const char *value);

/* Appends a sentence. Arguments are put on one line, repaired and cut at STORY_VALUE_CHARS_MAX; one that the sentence
 * names and `a` lacks is empty. What does not fit into out is left off at a character boundary. a may be NULL. */
#define STORY_VALUE_CHARS_MAX 1600
void story_say(struct buf *out, enum policy_language language, enum story_text text, const struct story_args *a);
/* As it stands, for sentences without arguments; static. */
const char *story_words(enum policy_language language, enum story_text text);

/* Appends as much as fits, cut at a character boundary. */
void story_add(struct buf *out, const char *text, size_t bytes);

#endif
