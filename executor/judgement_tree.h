/* SPDX-License-Identifier: MIT
 * The inside of a judgement, shared by its parser and its evaluation only. */
#ifndef EXECUTOR_JUDGEMENT_TREE_H
#define EXECUTOR_JUDGEMENT_TREE_H

#include "executor/judgement.h"
#include "executor/pattern.h"
#include "executor/quantity.h"

enum node_kind { NODE_TERM, NODE_NOT, NODE_AND, NODE_OR };

enum term_operator {
    IS_LESS,
    IS_AT_MOST,
    IS_GREATER,
    IS_AT_LEAST,
    IS_EQUAL,
    IS_NOT_EQUAL,
    DOES_CONTAIN,
    DOES_MATCH,
    TERM_OPERATORS,
};

enum term_operand { OPERAND_NUMBER, OPERAND_TEXT, OPERAND_PATTERN };

struct term {
    const char *name;    /* arena; the named result, NULL: the judged step's own */
    const char *subject; /* arena; as written: "used.status" */
    bool of_status;      /* reads the exit status, not the output */
    enum term_operator operator;
    enum term_operand operand;
    struct quantity number;
    const char *text; /* arena; OPERAND_TEXT */
    size_t text_bytes;
    const struct pattern *pattern; /* arena */
    const char *rule;              /* arena; operator and operand as written: "< 85" */
    size_t offset;                 /* of the subject in the judgement's text */
};

struct node {
    enum node_kind kind;
    int a, b;                /* indexes of what it joins; b is -1 for NOT */
    const struct term *term; /* arena */
};

struct judgement {
    const char *text; /* arena; trimmed */
    size_t bytes;
    const struct node
        *nodes; /* arena; a node stands behind what it joins, the last one is the root */
    int nodes_count;
    int terms_count;
};

#endif
