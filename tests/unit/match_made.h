/* SPDX-License-Identifier: MIT
 * A set of scenarios that a test writes line by line: begin, add each, make, and done. */
#ifndef TESTS_UNIT_MATCH_MADE_H
#define TESTS_UNIT_MATCH_MADE_H

#include "tests/kit/kit.h"

#include <stdio.h>
#include <string.h>

#include "executor/match.h"
#include "lib/base/limits.h"

#define ARENA_BYTES (16 * 1024 * 1024)
#define REST "target: { default: h }\nsteps:\n  - { check: c, run: a }\n"

struct made {
    struct pack *pack;
    struct diag *diag;
    struct scenario_set *set;
    struct buf text;
};

static inline void add(struct made *m, const char *name, const char *match)
{
    char file[80], text[2000];
    (void)snprintf(file, sizeof file, "%s.yaml", name);
    int n = strcmp(name, "order") == 0 ? snprintf(text, sizeof text, "%s", match)
                                       : snprintf(text, sizeof text, "scenario: %s\nmatch: %s\n" REST, name, match);
    assert_int_equal(pack_add(m->pack, file, text, (size_t)n, NULL), 0);
}

static inline struct made begin(void)
{
    struct made m = {.pack = pack_new(SCENARIO_SET_BYTES_MAX), .diag = diag_new()};
    buf_init(&m.text, 1024 * 1024);
    return m;
}

static inline void make(struct made *m, const char *token)
{
    struct scenario_set_options options = {token};
    m->set = scenario_set_from_pack(m->pack, &options, m->diag);
    diag_print(m->diag, DIAG_TEXT, false, &m->text);
}

static inline void done(struct made *m)
{
    scenario_set_free(m->set);
    pack_free(m->pack);
    diag_free(m->diag);
    buf_done(&m->text);
}

#endif
