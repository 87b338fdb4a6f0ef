/* SPDX-License-Identifier: MIT
 * Which notes stand there twice: only ours, only the same, and of two the later goes. */
#include "tests/kit/kit.h"

#include <string.h>

#include "coordinator/writer_inside.h"

#define MARK_A "\n[firstline 0123456789abcdef01234567]"
#define MARK_B "\n[firstline 76543210fedcba9876543210]"
#define BOT "PBOT001"
#define NOTE(i, text, at, by) {.id = (i), .content = (text), .created_at = (at), .user_id = (by)}

static void expect(const struct pagerduty_note *notes, size_t count, const char *wanted)
{
    const char *ids[8];
    int n = writer_doubles(notes, count, ids, 8);
    char found[64] = "";
    for (int i = 0; i < n; i++)
        (void)strcat(strcat(found, ids[i]), " ");
    assert_string_equal(found, wanted);
}

static void the_later_of_two_goes(void **state)
{
    (void)state;
    expect((struct pagerduty_note[]){NOTE("1", "a" MARK_A, "2026-01-01T00:00:02Z", BOT), NOTE("2", "b" MARK_B, "2026-01-01T00:00:01Z", BOT),
        NOTE("3", "a" MARK_A, "2026-01-01T00:00:01+00:00", BOT)}, 3, "1 ");
    expect((struct pagerduty_note[]){NOTE("1", "a" MARK_A, "2026-01-01T00:00:02Z", BOT), NOTE("2", "a" MARK_A, "2026-01-01T00:00:02Z", BOT),
        NOTE("3", "a" MARK_A, "2026-01-01T00:00:02Z", BOT)}, 3, "2 3 ");
    expect((struct pagerduty_note[]){NOTE("1", "a" MARK_A "\n ", NULL, BOT), NOTE("2", "a" MARK_A "\n ", "soon", BOT)}, 2, "2 ");
}

static void what_is_not_the_same_or_not_ours_stays(void **state)
{
    (void)state;
    const struct pagerduty_note first = NOTE("1", "a" MARK_A, "2026-01-01T00:00:01Z", BOT);
    const struct pagerduty_note others[] = {
        NOTE("2", "edited" MARK_A, "2026-01-01T00:00:02Z", BOT),
        NOTE("2", "a" MARK_A, "2026-01-01T00:00:02Z", "PAIKO01"), /* a person's copy */
        NOTE("2", "a" MARK_B, "2026-01-01T00:00:02Z", BOT),
        NOTE("2", NULL, "2026-01-01T00:00:02Z", BOT),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect((struct pagerduty_note[]){first, others[i]}, 2, "");
    static const char *const unmarked[] = {"same text", "", "x\n[firstline 0123456789abcdef0123456]", "x\n[firstline 0123456789ABCDEF01234567]",
        "x" MARK_A " and more", "[firstline: checking]"};
    for (size_t i = 0; i < sizeof unmarked / sizeof unmarked[0]; i++)
        expect((struct pagerduty_note[]){NOTE("1", unmarked[i], "2026-01-01T00:00:01Z", BOT), NOTE("2", unmarked[i], "2026-01-01T00:00:02Z", BOT)}, 2, "");
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    struct pagerduty_note notes[20];
    for (int i = 0; i < 20; i++)
        notes[i] = (struct pagerduty_note)NOTE("n", "a" MARK_A, NULL, BOT);
    expect(notes, 20, "n n n n n n n n ");
    expect(notes, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_later_of_two_goes),
        cmocka_unit_test(what_is_not_the_same_or_not_ours_stays),
        cmocka_unit_test(no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
