/* SPDX-License-Identifier: MIT
 * The table of phases: named, reachable, leading to an end; and the page that is drawn from it. */
#include "tests/kit/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "executor/run_phases.h"

/* Every phase that can be reached from `from`, as bits; backwards: every phase from which it can be reached. */
static unsigned closure(enum run_phase from, bool backwards)
{
    unsigned seen = 1u << from;
    for (int round = 0; round < RUN_PHASES; round++)
        for (int a = 0; a < RUN_PHASES; a++)
            for (int b = 0; b < RUN_PHASES; b++)
                if (run_phases[a].next & (1u << b)) {
                    int known = backwards ? b : a, other = backwards ? a : b;
                    if (seen & (1u << known))
                        seen |= 1u << other;
                }
    return seen;
}

static void the_table(void **state)
{
    (void)state;
    unsigned from_loading = closure(RUN_LOADING, false), to_done = closure(RUN_DONE, true);
    for (int i = 0; i < RUN_PHASES; i++) {
        const struct run_phase_row *row = &run_phases[i];
        if (!row->name || row->name[0] == '\0' || !row->doing || row->doing[0] == '\0')
            fail_msg("phase %d has no name or no words", i);
        for (int k = 0; k < i; k++)
            if (strcmp(run_phases[k].name, row->name) == 0 || strcmp(run_phases[k].doing, row->doing) == 0)
                fail_msg("\"%s\" stands twice", row->name);
        if (!(from_loading & (1u << i)))
            fail_msg("%s is not reached from loading", row->name);
        if (!(to_done & (1u << i)))
            fail_msg("%s does not lead to done", row->name);
        if (row->next & (1u << i))
            fail_msg("%s follows itself: that is no move", row->name);
        if (row->next >> RUN_PHASES)
            fail_msg("%s leads outside of the table", row->name);
        if (i != RUN_DONE && !(row->next & (1u << RUN_DONE)))
            fail_msg("%s cannot be dropped", row->name);
    }
    assert_int_equal(run_phases[RUN_DONE].next, 0);
    /* What changes the machine or is being committed is never interrupted. */
    static const enum run_phase whole[] = {RUN_GUARDING, RUN_RECORDING, RUN_SETTLING, RUN_ENDING, RUN_BEGINNING};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        assert_false(run_phases[whole[i]].may_interrupt);
}

static void states_of_steps(void **state)
{
    (void)state;
    static const char *const expected[] = {"checking", "collecting", "recovering", "verifying"};
    for (int verb = 0; verb < STEP_VERBS; verb++)
        assert_string_equal(run_state_of((enum step_verb)verb), expected[verb]);
}

/* docs/run.md holds the drawing between ```mermaid and ```. */
static void the_page_is_drawn_from_the_table(void **state)
{
    (void)state;
    struct buf drawn;
    buf_init(&drawn, 65536);
    run_phases_draw(&drawn);
    assert_false(drawn.over);
    char *page = kit_read("docs/run.md", NULL);
    const char *begin = strstr(page, "```mermaid\n");
    assert_non_null(begin);
    begin += strlen("```mermaid\n");
    const char *end = strstr(begin, "```");
    assert_non_null(end);
    if ((size_t)(end - begin) != drawn.bytes || memcmp(begin, buf_text(&drawn), drawn.bytes) != 0)
        fail_msg("docs/run.md shows another machine than the table; it should be:\n%s", buf_text(&drawn));
    for (int i = 0; i < RUN_PHASES; i++) { /* and each phase has its line in the page's table, in the table's words */
        char line[200];
        (void)snprintf(line, sizeof line, "| `%s` | %s |", run_phases[i].name, run_phases[i].doing);
        if (!strstr(page, line))
            fail_msg("docs/run.md lacks the line \"%s ...\"", line);
    }
    free(page);
    buf_done(&drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(states_of_steps),
        cmocka_unit_test(the_page_is_drawn_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
