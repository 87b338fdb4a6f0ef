# SPDX-License-Identifier: MIT
"""A long past costs nothing: what a run, the node beside it and a person's question read of it is a few rows, however many there are."""

from tests.bench import history
from tests.kit import processes
from tests.kit.node import program

RUNS = 4000
SCENARIO = """
scenario: again
about: Was recovered often, long ago.
mode: auto
match: { keyword: again }
target: { host: [keyword.host] }
healthy: result == "well"
recurs: { times: 3, within: 24h }
steps:
  - check: is it well
    run: cat /srv/again 2>/dev/null || echo ill
  - recover: make it well
    run: echo well > /srv/again
  - verify: is it well
"""
# Rows of history, keys and webhooks that were read, by whatever way.
READ = """
select relname, seq_tup_read, coalesce(idx_tup_fetch, 0), n_live_tup from pg_stat_user_tables
 where relname ~ '_history_' or relname in ('run_key', 'event', 'incident')"""
LOOKED = "select coalesce(sum(idx_scan), 0)::bigint from pg_stat_user_tables where relname like 'step_history%%'"


def rows_read(database):
    """{table: rows that were read of it, in its order and by an index}, of those that hold many."""
    return {table: (seq, idx) for table, seq, idx, rows in database.query(READ) if rows >= RUNS / 100}


def questions(world, node):
    run, incident = world.database.query("select id::text as run, incident_key from run_history order by id limit 1")[0]
    for words in ([], ["--open"], ["show", run[:9]], ["show", run], ["show", incident]):
        status, out, _ = program("runs", *words, "--config", node.settings)
        assert status == 0 and (words[:1] != ["show"] or incident in out), (words, out)


def test_a_long_past_is_not_read(world):
    world.scenario("again", SCENARIO)
    world.machine.sh("rm -f /srv/again; chmod 777 /srv")
    node = world.node("tokyo", start=False)
    assert history.fill(world.database, RUNS) == RUNS
    # So few rows are read from begin to end where that is cheapest: with this, only where no index serves.
    world.database.query("alter database firstline set enable_seqscan = off")
    node.start()
    world.point("tokyo", node)
    first = world.trigger("[AMS:again host=web1] it is ill")
    assert world.wait_ending(first) == "resolved"
    # As if the same had been done on this machine in each of these months, only not lately.
    world.database.query("update step_history set scenario = 'again', title = 'make it well', verb = 'recover', machine = "
                         "(select machine from step where verb = 'recover' limit 1) where started_at < now() - interval '2 days'")
    world.database.query("vacuum analyze")
    world.machine.sh("rm -f /srv/again")
    before, looked = rows_read(world.database), world.database.one(LOOKED)
    second = world.trigger("[AMS:again host=web1] it is ill again")
    assert world.wait_ending(second) == "resolved"
    questions(world, node)
    processes.wait_until(lambda: world.database.one(LOOKED) > looked, processes.PATIENCE_S, "the server's counters to come")
    after = rows_read(world.database)
    assert {"run_key", "event", "incident"} < set(after) and len(after) > 20
    much = {table: (seq - before[table][0], idx - before[table][1]) for table, (seq, idx) in after.items()}
    assert not {table: read for table, read in much.items() if sum(read) > RUNS / 40}
