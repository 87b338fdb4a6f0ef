# SPDX-License-Identifier: MIT
"""A storm: 5,000 incidents in a minute over 500 hosts and 20 customers, one of which sends half; when each is ended, and who waits.

One node. Incidents are created at an even pace; PagerDuty's simulator posts the webhooks. Every fifth is repaired (check, recover,
verify), the others are found healthy. Hosts are names of several sshd, each a machine and a session of its own. Twice: without a
limit of requests, until every run has ended; and with PagerDuty's limit of 960 a minute in the simulator and in the node, for as many
seconds as --quick or not allows, where runs give up after one minute: then there is time for a few only, and the question is whose.
The times end with the ending's commit; what is then still to be written to PagerDuty is counted, and not waited for.
"""

import collections
import concurrent.futures
import json
import statistics
import time

from tests.bench.harness import ROOT, cell, cpu_s, peak_kib, percentile, status_kib
from tests.bench.sshd_farm import Farm
from tests.kit import processes
from tests.kit.node import World, merge
from tests.kit.postgres import Postgres
from tests.kit.simulator import Simulator
from tests.kit.storm import busiest_minute

CUSTOMERS, REPAIRED_EACH = 20, 5
NOISY = "c00"
LONGEST_S = 900
SENDERS = 8
SCENARIO = """\
scenario: {name}
about: A service is down. Starts it.
mode: auto
match: {{ keyword: {name} }}
target: {{ host: [keyword.host, alert.details.host] }}
values:
  tag: {{ type: word, from: [keyword.tag] }}
healthy: result == "up"
steps:
  - check: is it up
    run: {check}
    name: state
  - recover: start it
    run: touch "/srv/$tag.up"
  - verify: is it up
    every: 1s
    within: 3s
recurs: {{ times: 1000, within: 1m }}
"""
CHECKS = {"down": 'test -e "/srv/$tag.up" && echo up || echo down', "healthy": "echo up"}
OVER = {"log": {"level": "warning"}, "customers": [{"name": f"c{n:02}"} for n in range(CUSTOMERS)],
        "services": [{"id": f"PSVC{n:02}", "customer": f"c{n:02}"} for n in range(CUSTOMERS)]}
MODES = {"no limit of requests": (1.0, {"outbox": {"rate": 1_000_000}}, {"rate_limit": 0}),
         "960 requests a minute, runs give up after 1 minute": (0.4, {"runs": {"give_up_after": "1m"}}, {})}
RUNS = """
select customer, extract(epoch from ended_at - opened_at)::float8, extract(epoch from ended_at)::float8, ending, host is not null from (
    select customer, opened_at, ended_at, ending, host from run union all
    select customer, opened_at, ended_at, ending, host from run_history) r where ended_at is not null"""
LEFT = "select count(*) from run where ended_at is null"
KNOWN = "select count(*) from run_key"
UNWRITTEN = "select count(*) from outbox where state in ('waiting', 'sending', 'unknown') and kind <> 'mend'"
Run = collections.namedtuple("Run", "customer took ended ending begun")


def seed():
    """The demo's account with a service for each customer."""
    document = json.loads((ROOT / "tests/simulators/pagerduty/seed.json").read_text(encoding="utf-8"))
    account = document["accounts"][0]
    account["services"] = [{"id": f"PSVC{n:02}", "name": f"service {n:02}", "escalation_policy": "PPOL001", "teams": ["PTEAM01"],
                            "acknowledgement_timeout_s": 1800, "routing_key": f"demo00000000000000000000000{n:05}",
                            "integration_id": f"PINT{n:03}"} for n in range(CUSTOMERS)]
    return document


def customers_of(bench, incidents):
    """Whose each incident is, mixed: every second is the noisy one's."""
    others = [f"c{n:02}" for n in range(1, CUSTOMERS)]
    mixed = [NOISY if n % 2 else others[n // 2 % len(others)] for n in range(incidents)]
    bench.chance.shuffle(mixed)
    return mixed


def trigger(world, number, customer, hosts):
    mine = hosts[customer]
    host = mine[number // CUSTOMERS % len(mine)]
    keyword = "down" if number % REPAIRED_EACH == 0 else "healthy"
    world.trigger(f"[AMS:{keyword} tag=t{number}] {host}", {"host": host}, service=f"PSVC{customer[1:]}")


def storm(world, order, hosts, seconds):
    """Creates them at an even pace; how long that took."""
    began = time.monotonic()

    def one(number):
        time.sleep(max(0, began + number * seconds / len(order) - time.monotonic()))
        trigger(world, number, order[number], hosts)
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(one, range(len(order))))
    return time.monotonic() - began


def jain(values):
    """1: all have the same; 1/n: one has all."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else None


def by_customer(runs):
    found = collections.defaultdict(list)
    for run in runs:
        found[run.customer].append(run)
    return found


def fairness(runs):
    """While the other customers still waited (until nine in ten of their runs had ended): whose runs ended; and the medians."""
    mine = by_customer(runs)
    others = [run for run in runs if run.customer != NOISY]
    until = percentile([run.ended for run in others], 0.9)
    ended = {name: sum(run.ended <= until for run in mine[name]) for name in mine}
    medians = {name: statistics.median(run.took for run in mine[name]) for name in mine}
    rest = [medians[name] for name in medians if name != NOISY]
    return {"median_noisy_s": medians[NOISY], "median_others_s": statistics.median(rest), "slowest_other_median_s": max(rest),
            "noisy_over_others": medians[NOISY] / statistics.median(rest), "jain_of_others_medians": jain(rest),
            "ended_while_others_wait_noisy": ended[NOISY], "ended_while_others_wait_others": sum(ended.values()) - ended[NOISY]}


def shares(runs):
    """Under scarcity: of which customers' incidents somebody looked at the machine."""
    mine = by_customer(runs)
    begun = {name: sum(run.begun for run in mine[name]) for name in mine}
    rest = [begun[name] for name in begun if name != NOISY]
    return {"begun_noisy": begun[NOISY], "begun_others_median": statistics.median(rest), "begun_others_least": min(rest),
            "begun_others_most": max(rest), "jain_of_others_begun": jain(rest)}


def prepare(bench, folder, database, simulator, farm, over):
    world = World(folder, database, farm, simulator)
    for name, check in CHECKS.items():
        world.scenario(name, SCENARIO.format(name=name, check=check))
    hosts = collections.defaultdict(dict)
    for number, (name, entry) in enumerate(farm.hosts(farm.names).items()):
        hosts[f"c{number % CUSTOMERS:02}"][name] = entry
    world.inventory(hosts)
    for box in farm.boxes:
        box.sh("chmod 777 /srv")
    node = world.node("tokyo", over=merge(OVER, over))
    world.only("tokyo")
    return world, node, {customer: list(mine) for customer, mine in hosts.items()}


def one_mode(bench, name, share, over, simulator_settings):
    incidents, seconds = int(bench.count(5000, 100) * share), bench.count(60, 5) * share
    folder = bench.scratch / f"{share}"
    with Postgres(folder / "pg") as database, Farm(folder / "farm", bench.count(8, 2), bench.count(500, 40)) as farm, Simulator(
            seed=seed(), settings={"requests_kept": 200_000, "request_body_kept": 0, "webhook_timeout_s": 5, **simulator_settings}) as simulator:
        world, node, hosts = prepare(bench, folder / "world", database, simulator, farm, over)
        trees = {"node": node.process.pid, "database": database.process.pid, "pagerduty simulator": simulator.process.pid}
        before = {**{tree: cpu_s(pid) for tree, pid in trees.items()}, "sshd": cpu_s(*(box.process.pid for box in farm.boxes))}
        idle = status_kib(node.process.pid, "VmRSS")
        began = time.monotonic()
        took = storm(world, customers_of(bench, incidents), hosts, seconds)
        database.wait(KNOWN, expected=incidents, longest_s=LONGEST_S)
        bench.say(f"{incidents} incidents were created in {took:.0f} s; {database.one(LEFT)} have not ended yet")
        database.wait(LEFT, expected=0, longest_s=LONGEST_S)
        wall = time.monotonic() - began
        runs = [Run(*row) for row in database.query(RUNS)]
        after = {**{tree: cpu_s(pid) for tree, pid in trees.items()}, "sshd": cpu_s(*(box.process.pid for box in farm.boxes))}
        row = {"mode": name, "incidents": incidents, "created_in_s": took, "all_ended_after_s": wall,
               "p50_s": percentile([run.took for run in runs], 0.5), "p99_s": percentile([run.took for run in runs], 0.99),
               "endings": dict(collections.Counter(run.ending for run in runs)), "writes_left": database.one(UNWRITTEN),
               "busiest_minute": busiest_minute(simulator), "node_idle_kib": idle, "node_peak_kib": peak_kib(node.process.pid),
               **{f"cpu_s, {tree}": after[tree] - before[tree] for tree in after}}
        world.stop()
        return row, runs


def measure(bench):
    rows, fair, whose = [], [], []
    for name, (share, over, simulator_settings) in MODES.items():
        row, runs = one_mode(bench, name, share, over, simulator_settings)
        rows.append(row)
        fair.append({"mode": name, **fairness(runs)})
        whose.append({"mode": name, **shares(runs)})
        bench.put(**{f"by customer, {name}": [
            {"customer": customer, "incidents": len(mine), "begun": sum(run.begun for run in mine),
             "p50_s": percentile([run.took for run in mine], 0.5), "p99_s": percentile([run.took for run in mine], 0.99)}
            for customer, mine in sorted(by_customer(runs).items())]})
        processes.reap()
    bench.table("the storm", rows)
    bench.table("fairness, in time", fair)
    bench.table("fairness, in what was begun", whose)
    limited = rows[1]["busiest_minute"]
    bench.put(asked=[row["incidents"] for row in rows], reached=[sum(row["endings"].values()) for row in rows],
              budget=960, budget_kept=limited <= 960)
    if limited > 960:
        raise RuntimeError(f"{cell(limited)} requests in a minute, and 960 are allowed")
