# SPDX-License-Identifier: MIT
"""What a node costs that has nothing to do: CPU, wake-ups, transactions, memory, with a few and with 10,000 scenarios.

Wake-ups are voluntary context switches of all its threads, so a figure of the kernel's for how often it had to be run. Statements
are pg_stat_statements', of the whole database, which only this node uses. The reconciler and the outbox are there, PagerDuty is the
simulator, everything at its default; no webhook comes.
"""

import pathlib
import time

from tests.bench import statements
from tests.bench.bench_match import SCENARIO, kinds
from tests.bench.harness import cpu_s, status_kib
from tests.kit.node import World
from tests.kit.postgres import Postgres
from tests.kit.simulator import Simulator


def wake_ups(pid):
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def make_world(bench, folder, database, simulator, scenarios):
    world = World(folder, database, None, simulator)
    (world.folder / "known_hosts").write_text("")
    made = list(kinds(scenarios))
    for name, match, _, _ in made:
        world.scenario(name, SCENARIO.format(name=name, match=match))
    world.order(*(name for name, *_ in made))
    world.inventory({"acme": {f"web{i}": {"address": f"10.1.{i >> 8}.{i & 255}", "user": "ops", "key": "/no/key"}
                              for i in range(bench.count(10_000, 100))}})
    return world


def watch(node, database, seconds):
    pid = node.process.pid
    statements.begin(database)
    before = (cpu_s(pid), wake_ups(pid), cpu_s(database.process.pid))
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    found = {"cpu_ms_per_s": (cpu_s(pid) - before[0]) * 1000 / took, "wake_ups_per_s": (wake_ups(pid) - before[1]) / took,
             "postgres_ms_per_s": (cpu_s(database.process.pid) - before[2]) * 1000 / took}
    asked = statements.counted(database)
    return {**found, "statements_per_s": sum(calls for calls, *_ in asked.values()) / took,
            "wal_bytes_per_s": sum(numbers[3] for numbers in asked.values()) / took, "rss_kib": status_kib(pid, "VmRSS"),
            "peak_kib": status_kib(pid, "VmHWM")}, statements.named(asked)


def measure(bench):
    seconds, rows, asked = bench.count(40, 4), [], {}
    for scenarios in (10, bench.count(10_000, 200)):
        with Postgres(bench.scratch / f"pg{scenarios}", statements.SETTINGS) as database, Simulator() as simulator:
            world = make_world(bench, bench.scratch / f"world{scenarios}", database, simulator, scenarios)
            node = world.node("tokyo", over={"log": {"level": "warning"}})
            time.sleep(bench.count(10, 2))  # what the start leaves to do
            found, asked = watch(node, database, seconds)
            rows.append({"scenarios": scenarios, "seconds": seconds, **found})
            world.stop()
    bench.table("an idle node", rows)
    bench.table("what it asks", sorted(({"statement": name, "per_s": calls / seconds, "blocks": blocks / calls}
                                        for name, (calls, blocks, *_) in asked.items()), key=lambda row: -row["per_s"]))
    bench.put(asked=seconds, reached=seconds)
