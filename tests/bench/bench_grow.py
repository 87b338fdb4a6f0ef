# SPDX-License-Identifier: MIT
"""What a run, a claim, an idle node and a person's question cost when ten thousand runs have ended before, and when a million have.

Two worlds side by side on this machine, asked in turns: each a Postgres with fsync on, a node with both roles and a simulator, and
a past of its own (tests/bench/history.py). A run is a whole incident of three steps, from the webhook to resolved; claims are
lib/store alone, as in bench_claims. Statements, blocks of the buffers and WAL are pg_stat_statements' of all that was asked in that
time, so what a node does in the background is in the cost of a run on both sides. --finished sets the larger past.
"""

import contextlib
import json
import time

from tests.bench import bench_claims, bench_run, history, statements
from tests.bench.harness import RELEASE, Skip, checked, cpu_s, percentile, ratios, spread
from tests.kit import sshd
from tests.kit.node import program

SETTINGS = {"shared_buffers": "'512MB'", "max_wal_size": "'8GB'", "checkpoint_timeout": "'30min'", "maintenance_work_mem": "'256MB'",
            **statements.SETTINGS}
RATE = 10  # incidents a second
FLAT = 1.2  # how much more is still flat


class Side:
    """A node with a past."""

    def __init__(self, bench, held, box, hosts, count):
        self.bench = bench
        self.scene = held.enter_context(bench_run.Scene(bench, box, hosts, f"past{count}", SETTINGS))
        self.database, self.node = self.scene.database, self.scene.node
        self.node.stop()
        began, used = time.monotonic(), cpu_s(self.database.process.pid)
        self.finished = history.fill(self.database, count)
        if self.finished != count:
            raise RuntimeError(f"{self.finished} of {count} finished runs")
        size = self.database.one("select pg_database_size('firstline')") >> 20
        bench.say(f"{count:,} finished runs, {size:,} MiB, in {time.monotonic() - began:.0f} s with "
                  f"{cpu_s(self.database.process.pid) - used:.0f} s of CPU")
        statements.begin(self.database)
        self.node.start()

    def counted(self):
        return statements.counted(self.database)

    def costs(self, before, per):
        return statements.costs(self.database, before, per)

    def run(self, count):
        incidents = self.scene.incidents(count)
        before, node, server = self.counted(), cpu_s(self.node.process.pid), cpu_s(self.database.process.pid)
        self.scene.run(incidents, RATE)
        cost = {"node_ms": (cpu_s(self.node.process.pid) - node) * 1000 / count,
                "postgres_ms": (cpu_s(self.database.process.pid) - server) * 1000 / count, **self.costs(before, count)}
        if self.scene.endings(incidents) != {"resolved": count}:
            raise RuntimeError(f"not all resolved: {self.scene.endings(incidents)}")
        ended = dict(self.database.query("select incident_key, (extract(epoch from ended_at) * 1e9)::bigint from run where incident_key = any(%s)",
                                         [key for key, *_ in incidents]))
        took = [(ended[key] - self.scene.posted[key]) / 1e6 for key, *_ in incidents if key in ended]
        return {**cost, "p50_ms": percentile(took, 0.5), "p99_ms": percentile(took, 0.99)}

    def idle(self, seconds):
        before, node, server = self.counted(), cpu_s(self.node.process.pid), cpu_s(self.database.process.pid)
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        return {"node_ms": (cpu_s(self.node.process.pid) - node) * 1000 / took,
                "postgres_ms": (cpu_s(self.database.process.pid) - server) * 1000 / took, **self.costs(before, took)}

    def ask(self, run, incident):
        """What people ask, of the newest runs and of an old one."""
        figures = {}
        for name, words in (("list", []), ("open", ["--open"]), ("by id", ["show", run[:8]]), ("by incident", ["show", incident])):
            before, began = self.counted(), time.monotonic()
            status, out, error = program("runs", *words, "--config", self.node.settings)
            figures[f"{name}, ms"] = (time.monotonic() - began) * 1000
            figures[f"{name}, blocks"] = self.costs(before, 1)["blocks"]
            if status != 0 or (words[:1] == ["show"] and incident not in out):
                raise RuntimeError(f"firstline runs {words}: {status}: {out}{error}")
        return figures

    def old_run(self):
        return self.database.query("select id::text as run, incident_key from run_history where id > (select gen_random_uuid()) order by id limit 1")[0]

    def claims(self, count):
        """The node has stopped."""
        self.database.query(bench_claims.CLEAN)
        self.database.query(bench_claims.WAITING.format(count=count, customers=bench_claims.CUSTOMERS))
        self.database.query("analyze run")
        before = self.counted()
        got = json.loads(checked([RELEASE / "tests/claims_bench", self.database.conninfo(), "queue", 4, count, "-"])["out"].splitlines()[-1])
        return {"rate": got["rate"], "p50_ms": got["p50_ms"], "client_us": got["client_cpu_us"], **self.costs(before, count)}


def compare(bench, title, sides, measured, judged):
    """A row a side and one for the ratio, the larger over the smaller; judged: figures that must be flat."""
    rows = bench.pairs({name: lambda side=side: measured(side) for name, side in sides.items()})
    small, large = sides
    over = {key: ratios(rows, large, small, key) for key in rows[small][0] if all(one[key] for one in rows[small])}
    bench.table(title, [*({"finished": name, **{key: spread([one[key] for one in found]) for key in found[0]}} for name, found in rows.items()),
                        {"finished": "ratio", **over}])
    for key in judged:
        if key == "rate":
            bench.goal(f"{title}: {key}, {large} over {small}", "at least", 1 / FLAT, over[key])
        else:
            bench.goal(f"{title}: {key}, {large} over {small}", "at most", FLAT, over[key])


def measure_statements(bench, sides):
    """Blocks a call of every statement that both sides asked, where the larger past costs most more."""
    small, large = sides
    few, many = (statements.named(side.counted()) for side in sides.values())
    rows = [{"statement": name, "calls": int(many[name][0]), small: few[name][1] / few[name][0], large: many[name][1] / many[name][0],
             "more": many[name][1] / many[name][0] - few[name][1] / few[name][0]} for name in few if name in many]
    rows.sort(key=lambda row: -row["more"])
    bench.put(statements_compared=len(rows))
    bench.table("blocks a call, the statements that grew most", rows[:12])


def measure(bench):
    why = sshd.may_run()
    if why:
        raise Skip(why)
    large, small = bench.finished or bench.count(1_000_000, 2000), bench.count(10_000, 200)
    hosts, bench.rounds = bench.count(16, 2), min(bench.rounds, 4)
    with contextlib.ExitStack() as held:
        box = held.enter_context(sshd.Sshd(bench.scratch / "box", address="0.0.0.0"))
        box.write_known_hosts(names=[f"[{bench_run.address(number)}]:{box.port}" for number in range(hosts)])
        sides = {f"{count:,}": Side(bench, held, box, hosts, count) for count in (small, large)}
        runs, seconds, claims = bench.count(40, 4), bench.count(6, 2), bench.count(1000, 50)
        time.sleep(bench.count(5, 1))  # what a start leaves to do
        compare(bench, "an idle node, a second", sides, lambda side: side.idle(seconds), ("statements", "blocks"))
        for side in sides.values():
            side.scene.warm()
        compare(bench, "a run", sides, lambda side: side.run(runs), ("node_ms", "postgres_ms", "statements", "blocks", "p50_ms"))
        compare(bench, "a person's question", sides, lambda side: side.ask(*side.old_run()), ())
        measure_statements(bench, sides)
        for side in sides.values():
            side.node.stop()
        compare(bench, "claims, 4 at once", sides, lambda side: side.claims(claims), ("rate", "blocks"))
    bench.put(asked=large, reached=large, settings=SETTINGS, hot={"incidents": history.HOT_INCIDENTS, "events": history.HOT_EVENTS},
              runs_a_round=runs, claims_a_round=claims, idle_seconds=seconds)
