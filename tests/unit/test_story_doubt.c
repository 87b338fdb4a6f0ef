/* SPDX-License-Identifier: MIT
 * What people are told of a recover in doubt: each cause with each finding, in both languages, against files in
 * tests/golden/story (FIRSTLINE_GOLDEN=write writes them anew). */
#include "tests/kit/kit.h"

#include <string.h>

#include "executor/story_texts.h"
#include "lib/base/text.h"

#define SIZE(a) (sizeof(a) / sizeof(a)[0])
#define FOLDER "tests/golden/story/"

/* Each cause with each finding, and what a machine says at last, in one file a language. */
static void every_doubt(void **state)
{
    (void)state;
    static const enum unsure_rule then[DOUBT_FOUNDS] = {[DOUBT_LOST] = UNSURE_VERIFY, [DOUBT_FORGOTTEN] = UNSURE_RERUN};
    static const enum story_found at_last[] = {DOUBT_ENDED, DOUBT_NEVER, DOUBT_LOST, DOUBT_FORGOTTEN, DOUBT_UNREACHED};
    for (enum policy_language l = 0; l < LANGUAGES; l++) {
        struct buf all;
        buf_init(&all, 65536);
        struct story_doubt d = {.title = "restart nginx", .on = "web1", .node = "osaka-1", .lost = "tokyo-1", .signal = "",
            .took_ms = 4000, .why = "connection refused"};
        for (int cause = DOUBT_WORKER; cause <= DOUBT_DATABASE; cause++)
            for (int found = 0; found < DOUBT_FOUNDS; found++) {
                d.cause = (enum story_cause)cause;
                d.found = (enum story_found)found;
                d.then = then[found];
                story_doubt(l, &d, &all);
                story_add(&all, "\n", 1);
            }
        d = (struct story_doubt){.cause = DOUBT_WORKER, .found = DOUBT_ENDED, .title = d.title, .on = d.on, .node = d.node,
            .lost = "", .signal = "KILL", .why = ""};
        story_doubt(l, &d, &all);
        story_add(&all, "\n", 1);
        d.timed_out = true;
        story_doubt(l, &d, &all);
        d.timed_out = false;
        d.signal = "";
        struct story_token t = {.language = l, .doubt = d, .age_ms = 750000, .run = "5e6f7a8b-1111-4222-8333-444455556666",
            .region = "osaka", .output = "done\n"};
        for (size_t i = 0; i < SIZE(at_last); i++) {
            t.doubt.found = at_last[i];
            t.doubt.took_ms = 4000;
            story_add(&all, "\n\n", 2);
            story_token_note(&t, &all);
        }
        assert_true(!all.over && text_valid(buf_text(&all), all.bytes));
        assert_null(strpbrk(buf_text(&all), "{}"));
        kit_golden(l == LANGUAGE_JA ? FOLDER "doubts.ja.txt" : FOLDER "doubts.en.txt", buf_text(&all));
        buf_done(&all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_doubt)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
