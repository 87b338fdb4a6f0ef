/* SPDX-License-Identifier: MIT
 * One run for each opening of an incident, whatever order its events come in: random histories of an incident, each event
 * through both regions under ids of their own, with copies, in any order, runs ending in between, and the reconciler looking
 * at any moment. A failure names its seed; OPENINGS_SEED=N runs that one alone and tells it, OPENINGS_SEEDS=N runs so many. */
#include "lib/store/reconcile.h"
#include "tests/integration/store_world.h"

#define SEEDS 120
#define CYCLES_MAX 3
#define EVENTS_MAX (1 + 2 * CYCLES_MAX)
#define DELIVERIES_MAX (EVENTS_MAX * 6)
#define BASE_MS INT64_C(1767225600000) /* 2026-01-01 */
#define OLDEST "2025-01-01T00:00:00Z"

struct told {
    const char *type, *status;
    int64_t at_ms, reopened_ms; /* reopened_ms 0: never yet */
};

struct history {
    struct told events[EVENTS_MAX];
    int events_count, openings;
    bool tells_reopened_at; /* old forms of the event have none */
};

static uint64_t dice;
static int seed;

static int roll(int sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (int)(dice % (uint64_t)sides);
}

static int64_t second_of(int64_t ms)
{
    return ms - ms % 1000;
}

static void make_history(struct history *h)
{
    int64_t at = BASE_MS + roll(1000), reopened = 0;
    int changes = roll(2 * CYCLES_MAX + 1);
    *h = (struct history){.openings = 1, .tells_reopened_at = roll(3) > 0};
    h->events[h->events_count++] = (struct told){"incident.triggered", "triggered", at, 0};
    for (int i = 0; i < changes; i++) {
        at += 1 + roll(2500); /* often within the same second */
        bool reopens = i % 2 == 1;
        if (reopens)
            reopened = at;
        h->openings += reopens;
        h->events[h->events_count++] = (struct told){reopens ? "incident.reopened" : "incident.resolved",
            reopens ? "triggered" : "resolved", at, reopened};
    }
}

/* As coordinator/record.c makes rows. Times of REST answers are whole seconds and mean the second's end. */
static void take(const struct history *h, const char *key, const struct told *t, bool found)
{
    char at[CLOCK_TEXT_BYTES], created[CLOCK_TEXT_BYTES], reopened[CLOCK_TEXT_BYTES] = "";
    clock_wall_text(found ? second_of(t->at_ms) + 999 : t->at_ms, at);
    clock_wall_text(second_of(h->events[0].at_ms), created);
    if (t->reopened_ms && (found || h->tells_reopened_at))
        clock_wall_text(second_of(t->reopened_ms), reopened);
    bool reopen = strcmp(t->type, "incident.reopened") == 0, resolve = strcmp(t->status, "resolved") == 0;
    struct event_row e = {.account = "a", .key = key, .type = t->type, .incident = "Q1", .occurred_at = at, .subscription = "s",
        .delivery = "", .region = "", .hand = "person", .body = "{}", .body_bytes = 2, .see = true, .open = !resolve, .reopen = reopen,
        .triggered = strcmp(t->type, "incident.triggered") == 0, .title = "t", .status = t->status, .urgency = "high", .priority = "",
        .service_id = "S", .service_name = "", .html_url = "", .created_at = created, .reopened_at = reopened, .customer = "c",
        .give_up_ms = 600000, .oldest = OLDEST, .touch = resolve ? EVENT_CLOSE : EVENT_NO_HAND, .by = "", .how = "", .found = found};
    struct pg_group *group = pg_group_new(store_lane(store, LANE_INTAKE));
    event_add(group, &(struct event_entry){.row = &e}, 1);
    struct call c = {0};
    pg_group_send(group, 0, on_done, &c);
    expect_well(&c);
    if (getenv("OPENINGS_SEED")) { /* what happened, for whoever looks into a failure */
        char *now = kit_pg_ask(server, "select format('%s opening %s resolved %s runs %s', status, to_char(opening, 'SS.MS'), "
            "to_char(resolved_at, 'SS.MS'), (select string_agg(to_char(opening, 'SS.MS'), ',') from run_key)) from incident");
        print_message("%s %s at %s reopened %s -> %s\n", key, t->type, at, reopened, now);
        free(now);
    }
}

/* --- the reconciler, as coordinator/reconciler_*.c does it --------------------------------------------------------- */

static struct reconcile_row compared;
static char compared_what[16];

static void read_compared(struct call *c, const struct pg_answer *answer)
{
    c->rows = pg_rows(answer, 0);
    if (c->rows == 0)
        return;
    reconcile_page_row(answer, 0, 0, &compared);
    (void)snprintf(compared_what, sizeof compared_what, "%s", compared.what);
}

static bool resolved_since(const struct history *h, int64_t opening_ms)
{
    for (int i = 0; i < h->events_count; i++)
        if (strcmp(h->events[i].status, "resolved") == 0 && second_of(h->events[i].at_ms) > opening_ms)
            return true;
    return false;
}

static void reconcile_open(const struct history *h, const struct told *last)
{
    char listed[300], changed[CLOCK_TEXT_BYTES], created[CLOCK_TEXT_BYTES];
    clock_wall_text(second_of(last->at_ms), changed);
    clock_wall_text(second_of(h->events[0].at_ms), created);
    (void)snprintf(listed, sizeof listed, "[{\"k\":\"Q1\",\"c\":\"%s\",\"h\":\"%s\",\"f\":\"%s|triggered\"}]", created, changed, changed);
    struct pg_group *group = pg_group_new(lane);
    reconcile_add_page(group, "a", listed, OLDEST, 0, 1000);
    struct call c = {.read = read_compared};
    pg_group_send(group, 0, on_done, &c);
    expect_well(&c);
    if (c.rows == 0)
        return;
    bool reopened = strcmp(compared_what, "reopened") == 0 ||
                    (strcmp(compared_what, "changed") == 0 && resolved_since(h, compared.opening_wall_ms));
    bool opens = strcmp(compared_what, "unknown") == 0 || strcmp(compared_what, "unopened") == 0;
    if (reopened || opens)
        take(h, "found", &(struct told){reopened ? "incident.reopened" : "incident.triggered", "triggered", last->at_ms,
            reopened ? last->at_ms : 0}, true);
}

static void reconcile(const struct history *h)
{
    const struct told *last = &h->events[h->events_count - 1];
    if (strcmp(last->status, "resolved") != 0)
        reconcile_open(h, last);
    else if (ask_number("select count(*) from incident where status <> 'resolved'") > 0)
        take(h, "gone", last, true);
}

/* --- the property ------------------------------------------------------------------------------------------------- */

static void end_runs(void)
{
    kit_pg_run(server, "update run set ending = 'resolved', ended_at = clock_timestamp(), state = 'ended' where ended_at is null");
}

static void deliver_all(const struct history *h)
{
    int order[DELIVERIES_MAX], n = 0;
    for (int i = 0; i < h->events_count; i++)
        for (int region = 0; region < 2; region++)
            for (int copies = 1 + roll(3); copies > 0; copies--)
                order[n++] = 2 * i + region;
    for (int i = n - 1; i > 0; i--) {
        int other = roll(i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    bool lost = roll(4) == 0; /* webhooks off: some never come */
    for (int i = 0; i < n; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%s-%d", order[i] % 2 ? "osaka" : "tokyo", order[i] / 2);
        if (!lost || roll(3) == 0)
            take(h, key, &h->events[order[i] / 2], false);
        if (roll(4) == 0)
            end_runs();
        if (roll(5) == 0)
            reconcile(h);
    }
}

static void check(const struct history *h)
{
    const struct told *last = &h->events[h->events_count - 1];
    long keys = ask_number("select count(*) from run_key");
    if (keys > h->openings)
        fail_msg("seed %d: %ld runs for %d openings", seed, keys, h->openings);
    if (ask_number("select count(*) from run") != keys)
        fail_msg("seed %d: keys and runs differ", seed);
    char sql[300];
    (void)snprintf(sql, sizeof sql, "select count(*) from incident where status = '%s'", last->status);
    bool unheard = strcmp(last->status, "resolved") == 0 && ask_number("select count(*) from incident") == 0;
    if (!unheard && ask_number(sql) != 1)
        fail_msg("seed %d: the incident is not %s", seed, last->status);
    if (strcmp(last->status, "resolved") == 0)
        return;
    if (ask_number("select count(*) from incident i join run_key k on k.incident_key = i.key and k.opening = i.opening") != 1)
        fail_msg("seed %d: the last opening has no run", seed);
    (void)snprintf(sql, sizeof sql, "select count(*) from incident where opening - to_timestamp(%lld / 1000.0) between "
        "interval '-1.001 s' and interval '1.001 s'", (long long)(last->reopened_ms ? last->reopened_ms : last->at_ms));
    if (ask_number(sql) != 1)
        fail_msg("seed %d: the opening is another one", seed);
}

static void one_run_an_opening_in_any_order(void **state)
{
    const char *only = getenv("OPENINGS_SEED"), *many = getenv("OPENINGS_SEEDS");
    int last = only ? atoi(only) : many ? atoi(many) : SEEDS;
    for (seed = only ? last : 1; seed <= last; seed++) {
        clean(state);
        dice = (uint64_t)seed * UINT64_C(0x9e3779b97f4a7c15);
        struct history h;
        make_history(&h);
        deliver_all(&h);
        for (int i = 0; i < 3; i++) { /* reopenings that came while a run was not over */
            reconcile(&h);
            end_runs();
        }
        check(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run_an_opening_in_any_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
