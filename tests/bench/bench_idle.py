# SPDX-License-Identifier: MIT
"""What a node costs that has nothing to do: CPU, wake-ups, transactions, memory, with a few and with 10,000 scenarios.

Wake-ups are voluntary context switches of all its threads; transactions are those of the whole database, which only this node uses.
"""

import pathlib
import time

from tests.bench.bench_match import SCENARIO, kinds
from tests.bench.harness import cpu_s, status_kib
from tests.kit.node import World
from tests.kit.postgres import Postgres
from tests.kit.simulator import Simulator

TRANSACTIONS = "select xact_commit from pg_stat_database where datname = current_database()"


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
    world.inventory({"acme": {f"web{i}": {"address": "127.0.0.1", "user": "ops", "key": "/no/key"} for i in range(bench.count(10_000, 100))}})
    return world


def watch(node, database, seconds):
    pid = node.process.pid
    before = (cpu_s(pid), wake_ups(pid), database.one(TRANSACTIONS))
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {"cpu_ms_per_s": (cpu_s(pid) - before[0]) * 1000 / took, "wake_ups_per_s": (wake_ups(pid) - before[1]) / took,
            "transactions_per_s": (database.one(TRANSACTIONS) - before[2] - 1) / took, "rss_kib": status_kib(pid, "VmRSS"),
            "peak_kib": status_kib(pid, "VmHWM")}


def measure(bench):
    seconds, rows = bench.count(60, 4), []
    for scenarios in (10, bench.count(10_000, 200)):
        with Postgres(bench.scratch / f"pg{scenarios}") as database, Simulator() as simulator:
            world = make_world(bench, bench.scratch / f"world{scenarios}", database, simulator, scenarios)
            node = world.node("tokyo", over={"log": {"level": "warning"}})
            time.sleep(bench.count(10, 2))  # what the start leaves to do
            rows.append({"scenarios": scenarios, "seconds": seconds, **watch(node, database, seconds)})
            world.stop()
    bench.table("an idle node", rows)
    bench.put(asked=seconds, reached=seconds)
