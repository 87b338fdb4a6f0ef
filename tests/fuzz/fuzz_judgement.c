/* SPDX-License-Identifier: MIT
 * A judgement and the output it judges, both from any bytes (the first NUL is between them). What has not ended is never
 * healthy, and what is written as parsed parses again. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "executor/judgement.h"

static void ignore(void *owner, const char *name, size_t offset)
{
    (void)owner;
    MUST(name[0]);
    (void)offset;
}

static void judge(const struct judgement *j, const char *output, size_t bytes)
{
    static const int statuses[] = {0, 1, 3, 126, 127, 255};
    for (int state = 0; state < RESULT_STATES; state++) {
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            struct judgement_result own = {.name = "used", .state = (enum result_state)state,
                .status = statuses[i], .output = output, .output_bytes = bytes};
            struct judgement_facts facts = {.own = &own, .named = &own, .named_count = 1};
            struct judgement_why why;
            enum judgement_outcome got = judgement_eval(j, &facts, &why);
            MUST(got < JUDGEMENT_OUTCOMES && why.reason < JUDGEMENT_REASONS);
            MUST(memchr(why.text, '\0', sizeof why.text) && memchr(why.found, '\0', sizeof why.found));
            MUST(!strpbrk(why.found, "\n\r\x1b"));
            got = judgement_eval(NULL, &facts, &why);
            MUST(got != JUDGED_HEALTHY || (state == RESULT_ENDED && statuses[i] == 0));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const uint8_t *split = bytes ? memchr(data, '\0', bytes) : NULL;
    size_t rule_bytes = split ? (size_t)(split - data) : bytes;
    const char *output = split ? (const char *)split + 1 : "";
    size_t output_bytes = split ? bytes - rule_bytes - 1 : 0;
    struct arena *a = arena_new(FUZZ_ARENA_BYTES_MAX);
    struct judgement_mistake mistake = {0};
    MUST(a);
    struct judgement *j = judgement_parse(a, (const char *)data, rule_bytes, &mistake);
    if (!j) {
        MUST(mistake.text[0] && mistake.offset <= rule_bytes);
    } else {
        judgement_names(j, ignore, NULL);
        const char *text = judgement_text(j);
        struct judgement *again = judgement_parse(a, text, strlen(text), &mistake);
        MUST(again && strcmp(judgement_text(again), text) == 0);
        judge(j, output, output_bytes);
    }
    arena_free(a);
    return 0;
}
