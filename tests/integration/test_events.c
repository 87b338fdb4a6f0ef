/* SPDX-License-Identifier: MIT
 * Many events as one group: each is told what became of it, and none of another. */
#include "lib/store/event.h"
#include "tests/integration/store_world.h"

static struct event_row row_of(const char *key, const char *incident, const char *type, const char *at)
{
    bool triggered = strcmp(type, "incident.triggered") == 0;
    return (struct event_row){.account = "a", .key = key, .type = type, .incident = incident, .occurred_at = at, .subscription = "s",
        .delivery = "d", .region = "tokyo", .hand = "none", .body = key, .body_bytes = strlen(key), .see = true, .open = triggered,
        .triggered = triggered, .title = key, .status = triggered ? "triggered" : "resolved", .urgency = "high", .priority = "",
        .service_id = "S", .service_name = "", .html_url = "", .created_at = "2026-01-01T00:00:00Z", .reopened_at = "", .customer = "c",
        .give_up_ms = 600000, .oldest = "2020-01-01T00:00:00Z", .by = "", .how = "by hand"};
}

/* What is read when the answer comes. */
static struct {
    struct event_entry *entries;
    struct event_result *results;
    size_t count;
} asked;

static void read_results(struct call *c, const struct pg_answer *answer)
{
    (void)c;
    for (size_t i = 0; i < asked.count; i++)
        event_result(answer, &asked.entries[i], &asked.results[i]);
}

static void take_together(struct event_entry *entries, size_t count, struct event_result *results)
{
    asked.entries = entries, asked.results = results, asked.count = count;
    struct call c = {.read = read_results};
    struct pg_group *group = pg_group_new(store_lane(store, LANE_INTAKE));
    event_add(group, entries, count);
    pg_group_send(group, 0, on_done, &c);
    expect_well(&c);
}

/* Copies of an event, further events of an incident, and what only touches: each is told its own, whatever they are sent with. */
static void events_of_one_group_do_not_mix(void **state)
{
    (void)state;
    static const char t0[] = "2026-01-01T00:00:00Z", t1[] = "2026-01-01T00:01:00Z", t2[] = "2026-01-01T00:02:00Z";
    struct event_row known = row_of("known", "Q1", "incident.triggered", t0); /* its run is open */
    struct event_result first;
    take_together(&(struct event_entry){.row = &known}, 1, &first);
    assert_true(first.fresh && first.opened);
    struct event_row rows[] = {row_of("e5", "Q5", "incident.triggered", t0), row_of("e2", "Q2", "incident.triggered", t0),
        row_of("e2", "Q2", "incident.triggered", t0), row_of("known", "Q1", "incident.triggered", t0),
        row_of("e2 end", "Q2", "incident.resolved", t2), row_of("e4", "Q4", "incident.triggered", t1),
        row_of("stop", "Q1", "incident.annotated", t1), row_of("e3", "Q3", "incident.triggered", t0)};
    rows[4].touch = EVENT_CLOSE;
    rows[6].touch = EVENT_TOUCH;
    rows[6].see = false;
    rows[6].by = "Aiko";
    enum { COUNT = sizeof rows / sizeof rows[0] };
    static const struct event_result expected[COUNT] = {{true, true, false}, {true, true, false}, {false, false, false},
        {false, false, false}, {true, false, true}, {true, true, false}, {true, false, true}, {true, true, false}};
    struct event_entry entries[COUNT];
    struct event_result results[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        entries[i] = (struct event_entry){.row = &rows[i]};
    entries[7].as = EVENT_RAW;
    take_together(entries, COUNT, results);
    int fresh = 0, opened = 0;
    for (size_t i = 0; i < COUNT; i++) {
        bool twin = i == 1 || i == 2; /* which of two copies was first does not matter */
        fresh += twin && results[i].fresh;
        opened += twin && results[i].opened;
        if (!twin && i != 7) {
            assert_int_equal(results[i].fresh, expected[i].fresh);
            assert_int_equal(results[i].opened, expected[i].opened);
            assert_int_equal(results[i].handed, expected[i].handed);
        }
    }
    assert_int_equal(fresh, 1);
    assert_int_equal(opened, 1);
    assert_true(results[7].fresh && !results[7].opened); /* its bytes only */
    assert_int_equal(ask_number("select count(*) from event"), 7);
    assert_int_equal(ask_number("select count(*) from event where seen = 2 and key in ('e2', 'known')"), 2);
    assert_int_equal(ask_number("select count(*) from event where convert_from(body, 'UTF8') = key"), 7);
    assert_int_equal(ask_number("select count(*) from event where key = 'e3' and odd <> '' and incident_key is null"), 1);
    assert_int_equal(ask_number("select count(*) from run where incident_key in ('Q1', 'Q2', 'Q4', 'Q5')"), 4);
    assert_int_equal(ask_number("select count(*) from incident where key = 'Q2' and status = 'resolved' and closed_at is not null "
        "and title_triggered = 'e2'"), 1);
    assert_int_equal(ask_number("select count(*) from incident where key = 'Q1' and touched_by = 'Aiko'"), 1);
}

/* One bad event among good ones: nothing of the group is there, and the good ones are taken without it. */
static void a_bad_event_takes_none_with_it_that_is_sent_again(void **state)
{
    (void)state;
    struct event_row rows[] = {row_of("good", "Q1", "incident.triggered", "2026-01-01T00:00:00Z"),
        row_of("bad", "Q2", "incident.triggered", "2026-01-01T00:00:00Z")};
    rows[1].created_at = "no time";
    struct event_entry entries[] = {{.row = &rows[0]}, {.row = &rows[1]}};
    struct pg_group *group = pg_group_new(store_lane(store, LANE_INTAKE));
    event_add(group, entries, 2);
    struct call c = {0};
    pg_group_send(group, 0, on_done, &c);
    wait_call(&c);
    assert_int_equal(c.err.kind, ERROR_INPUT);
    assert_int_equal(ask_number("select count(*) from event"), 0);
    struct event_result result;
    take_together(entries, 1, &result);
    assert_true(result.fresh && result.opened);
    entries[1].as = EVENT_RAW;
    take_together(entries + 1, 1, &result);
    assert_int_equal(ask_number("select count(*) from event"), 2);
    assert_int_equal(ask_number("select count(*) from run"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_of_one_group_do_not_mix, clean),
        cmocka_unit_test_setup(a_bad_event_takes_none_with_it_that_is_sent_again, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
