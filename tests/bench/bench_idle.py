# SPDX-License-Identifier: MIT
"""What a node costs that has nothing to do: CPU, wake-ups, transactions, memory, with a few and with 10,000 scenarios.

CPU is the scheduler's own account, in nanoseconds: a node that does nothing uses fewer than the clock has ticks. Wake-ups are voluntary
context switches of all its threads, so a figure of the kernel's for how often it had to be run. Of Postgres, what it uses by itself is
measured before, without a node (the row without scenarios). What is counted begins once each of the node's regular questions was asked
on its connection, since the first time costs Postgres hundreds of blocks of its catalogue. Statements are pg_stat_statements', of the whole database, which only this node uses. The reconciler and the outbox are there, PagerDuty is the
simulator, everything at its default; no webhook comes.
"""

import pathlib
import time

from tests.bench import statements
from tests.bench.bench_match import SCENARIO, kinds
from tests.bench.harness import status_kib, tree
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


def busy_ms(pid):
    """CPU of a process and all below it so far."""
    files = [file for one in tree([pid]) for file in pathlib.Path(f"/proc/{one}/task").glob("*/schedstat")]
    return sum(int(file.read_text(encoding="utf-8").split()[0]) for file in files) / 1e6


def watch_alone(database, seconds):
    before, began = busy_ms(database.process.pid), time.monotonic()
    time.sleep(seconds)
    return {"seconds": seconds, "postgres_ms_per_s": (busy_ms(database.process.pid) - before) / (time.monotonic() - began)}


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
    before = (busy_ms(pid), wake_ups(pid), busy_ms(database.process.pid))
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    found = {"cpu_ms_per_s": (busy_ms(pid) - before[0]) / took, "wake_ups_per_s": (wake_ups(pid) - before[1]) / took,
             "postgres_ms_per_s": (busy_ms(database.process.pid) - before[2]) / took}
    asked = statements.counted(database)
    return {**found, "statements_per_s": sum(calls for calls, *_ in asked.values()) / took,
            "wal_bytes_per_s": sum(numbers[3] for numbers in asked.values()) / took, "rss_kib": status_kib(pid, "VmRSS"),
            "peak_kib": status_kib(pid, "VmHWM")}, statements.named(asked)


def measure(bench):
    seconds, rows, asked = bench.count(40, 4), [], {}
    for scenarios in (10, bench.count(10_000, 200)):
        with Postgres(bench.scratch / f"pg{scenarios}", statements.SETTINGS) as database, Simulator() as simulator:
            if not rows:
                rows.append({"scenarios": None, **watch_alone(database, seconds / 2)})
            world = make_world(bench, bench.scratch / f"world{scenarios}", database, simulator, scenarios)
            node = world.node("tokyo", over={"log": {"level": "warning"}})
            time.sleep(bench.count(40, 2))  # what the start leaves to do, and a round of the reconciler
            found, asked = watch(node, database, seconds)
            rows.append({"scenarios": scenarios, "seconds": seconds, **found})
            world.stop()
    bench.table("an idle node", rows)
    bench.table("what it asks", sorted(({"statement": name, "per_s": calls / seconds, "blocks": blocks / calls}
                                        for name, (calls, blocks, *_) in asked.items()), key=lambda row: -row["per_s"]))
    bench.put(asked=seconds, reached=seconds)
