/* SPDX-License-Identifier: MIT
 * The state of the whole. */
#include "lib/store/state.h"

enum { SCHEMA, STANDBY, RUNS, WRITES, TOKENS, NODES };

enum { WATCH_STANDBY, WATCH_REGIONS };

static uint64_t ask(struct store *s, const char *const *statements, int count, unsigned timeout_ms, pg_done *done, void *owner)
{
    struct pg_group *group = pg_group_new(store_lane(s, LANE_WORK));
    for (int i = 0; i < count; i++)
        (void)pg_group_add(group, statements[i], NULL, 0, NULL); /* failures stick to the group */
    return pg_group_send(group, timeout_ms, done, owner);
}

uint64_t state_ask(struct store *s, unsigned timeout_ms, pg_done *done, void *owner)
{
    static const char *const statements[] = {
        [SCHEMA] = "migration_newest",
        [STANDBY] = "replication_state",
        [RUNS] = "run_backlog",
        [WRITES] = "outbox_backlog",
        [TOKENS] = "token_backlog",
        [NODES] = "node_list",
    };
    return ask(s, statements, NODES + 1, timeout_ms, done, owner);
}

void state_read(const struct pg_answer *a, struct state_answer *out)
{
    *out = (struct state_answer){.answer = a, .schema = (int)pg_int(a, SCHEMA, 0, 0), .standby = pg_bool(a, STANDBY, 0, 0),
        .runs_waiting = pg_int(a, RUNS, 0, 0), .runs_held = pg_int(a, RUNS, 0, 1), .runs_oldest_ms = pg_int(a, RUNS, 0, 2),
        .writes_waiting = pg_int(a, WRITES, 0, 0), .writes_unknown = pg_int(a, WRITES, 0, 1),
        .writes_failed = pg_int(a, WRITES, 0, 2), .writes_oldest_ms = pg_int(a, WRITES, 0, 3),
        .tokens_owed = pg_int(a, TOKENS, 0, 0), .tokens_oldest_ms = pg_int(a, TOKENS, 0, 1)};
}

int state_nodes(const struct state_answer *s)
{
    return pg_rows(s->answer, NODES);
}

void state_node_at(const struct state_answer *s, int i, struct state_node *out)
{
#define TEXT(column) pg_text(s->answer, NODES, i, column)
    *out = (struct state_node){.name = TEXT(1), .region = TEXT(2), .roles = TEXT(3), .slots = pg_int(s->answer, NODES, i, 4),
        .held = pg_int(s->answer, NODES, i, 5), .lease_ms_left = pg_int(s->answer, NODES, i, 6), .scenario_set = TEXT(7),
        .inventory_set = TEXT(8), .version = TEXT(9), .beat_ms_ago = pg_int(s->answer, NODES, i, 10)};
#undef TEXT
}

uint64_t state_watch(struct store *s, unsigned timeout_ms, pg_done *done, void *owner)
{
    static const char *const statements[] = {[WATCH_STANDBY] = "replication_state", [WATCH_REGIONS] = "region_list"};
    return ask(s, statements, WATCH_REGIONS + 1, timeout_ms, done, owner);
}

bool state_watch_standby(const struct pg_answer *a)
{
    return pg_bool(a, WATCH_STANDBY, 0, 0);
}

int state_regions(const struct pg_answer *a)
{
    return pg_rows(a, WATCH_REGIONS);
}

void state_region_at(const struct pg_answer *a, int i, struct state_region *out)
{
    *out = (struct state_region){.name = pg_text(a, WATCH_REGIONS, i, 0), .live = pg_int(a, WATCH_REGIONS, i, 1),
        .beat_ms_ago = pg_int(a, WATCH_REGIONS, i, 2), .lease_ms_left = pg_int(a, WATCH_REGIONS, i, 3)};
}
