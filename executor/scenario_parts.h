/* SPDX-License-Identifier: MIT
 * What the files that build a scenario share: scenario_build.c (the whole, matching),
 * scenario_values.c, and scenario_steps.c. */
#ifndef EXECUTOR_SCENARIO_PARTS_H
#define EXECUTOR_SCENARIO_PARTS_H

#include "executor/scenario_schema.h"

struct builder {
    struct arena *arena;            /* borrowed */
    struct diag *diag;              /* borrowed */
    const struct yaml_node *root;   /* borrowed */
    const struct raw_scenario *raw; /* borrowed */
    struct scenario *s;             /* arena; being built */
    bool failed;
};

/* Adds an error at a node and remembers that there was one. */
void build_error(struct builder *b, const struct yaml_node *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* arena_alloc; on NULL the error has been told. */
void *build_alloc(struct builder *b, size_t bytes);

/* The place in the file of a byte of a scalar's text; exact where it stands plain on one line. */
int build_column(const struct yaml_node *node, size_t offset);

/* Parses a rule; NULL with the error told. */
const struct judgement *build_rule(struct builder *b, const struct yaml_node *node);

/* ", did you mean "x"?" or "": for the end of a message. Arena. words is NULL-ended. */
const char *build_nearest(struct builder *b, const char *word, const char *const *words);

/* The parts, in this order. Each tells all its errors. */
void build_match(struct builder *b);
void build_values(struct builder *b); /* and the target */
void build_steps(struct builder *b);

#endif
