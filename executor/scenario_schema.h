/* SPDX-License-Identifier: MIT
 * What a scenario file may hold, as one table, and the plain structs that the table fills. The
 * parser, the guide and the JSON Schema come from it. What the fields mean together is
 * scenario_build.c's business. */
#ifndef EXECUTOR_SCENARIO_SCHEMA_H
#define EXECUTOR_SCENARIO_SCHEMA_H

#include "executor/scenario.h"
#include "lib/base/schema.h"

/* All texts: of the file's arena; NULL where absent. */
struct raw_match {
    struct schema_texts keyword, title, not, read, service, priority, customer;
};

struct raw_value {
    const char *name;
    const struct yaml_node *node;
    int type;
    struct schema_texts from;
    struct schema_texts one_of;
    int64_t longest; /* bytes */
};

struct raw_target {
    struct schema_texts host;
    const char *fallback;
};

struct raw_step {
    const char *words[STEP_VERBS]; /* behind each verb; exactly one may be there */
    const struct yaml_node *node;
    const char *run, *name, *become, *on, *when, *healthy;
    int64_t timeout_ms, every_ms, within_ms; /* 0: absent */
    int unsure, running;
};

struct raw_hand_over {
    int64_t level;
    const char *policy, *priority;
};

struct raw_not_healed {
    struct raw_hand_over hand_over;
    const char *say;
};

struct raw_recurs {
    int64_t times;
    int64_t within_ms;
};

struct raw_scenario {
    const char *name, *about, *healthy;
    int mode, healed;
    struct raw_match match;
    struct raw_target target;
    struct schema_list values; /* struct raw_value */
    struct schema_list steps;  /* struct raw_step */
    int64_t give_up_after_ms;
    struct schema_pairs give_up_by_priority;
    struct raw_not_healed not_healed;
    struct raw_recurs recurs;
};

extern const struct schema scenario_schema;
/* order.yaml */
struct raw_order {
    struct schema_texts order;
};
extern const struct schema order_schema;

/* Which verbs a step's key goes with. */
#define WITH(verb) (1U << (verb))
struct step_place {
    const char *key;
    unsigned verbs;
};
extern const struct step_place step_places[]; /* ends with a NULL key */

extern const char *const step_verb_words[];
extern const char *const scenario_mode_words[];
extern const char *const unsure_rule_words[];
extern const char *const running_rule_words[];
extern const char *const value_type_words[];

#endif
