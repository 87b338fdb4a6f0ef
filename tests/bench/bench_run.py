# SPDX-License-Identifier: MIT
"""Whole incidents, from the signed webhook to resolved: rate, latency to the first SSH byte, cost of each stage, statements, commits.

One node with both roles, Postgres with fsync on, a real sshd of many addresses with sessions that are kept, the PagerDuty simulator
answering at once and without a limit of requests. A run has three steps: a check that finds the service down, a recover under the
fence, a verify. The first SSH byte and the trace are read from the wire by the kernel's time, one incident at a time; under load by
the node's own log (to the millisecond).
"""

import collections
import concurrent.futures
import contextlib
import datetime
import http.client
import re
import statistics
import time

from tests.bench import wire
from tests.bench.harness import Skip, cpu_s, percentile
from tests.kit import processes, sshd, webhooks
from tests.kit.node import ROOT, World
from tests.kit.postgres import Postgres
from tests.kit.simulator import Simulator

DURABLE = {"fsync": "on", "full_page_writes": "on", "max_connections": 100}
# The incidents are there before their webhooks: no reconciler may find them first.
OVER = {"outbox": {"rate": 1_000_000, "request": "5s"}, "ssh": {"idle": "10m", "keepalive": "10m"}, "reconciler": {"every": "1h"},
        "log": {"level": "debug"}}
SIMULATOR = {"rate_limit": 0, "requests_kept": 10}
PAGERDUTY_A_MINUTE = 960
STEPS = 3
POSTERS = 16
SCENARIO = """\
scenario: service-down
about: A service is down. Starts it.
mode: auto
match: { keyword: service-down }
target: { host: [keyword.host, alert.details.host] }
values:
  service: { type: word, from: [keyword.service] }
healthy: result == "up"
recurs: { times: 1000, within: 1m }
steps:
  - check: is it up
    run: test -e "/srv/$service.up" && echo up || echo down
  - recover: start it
    run: touch "/srv/$service.up"
  - verify: is it up
healed: resolve
not_healed: { hand_over: { level: 2 } }
give_up_after: 30m
"""


class Scene:
    """A node and its world. Each incident is about a service of its own, on one of so many hosts."""

    def __init__(self, bench, box, hosts, name, settings=None):
        self.box, self.hosts, self.name = box, hosts, name
        self._stack = contextlib.ExitStack()
        self.database = self._stack.enter_context(Postgres(bench.scratch / f"pg-{name}", {**DURABLE, **(settings or {})}))
        self.simulator = self._stack.enter_context(Simulator(settings=SIMULATOR))
        self.world = World(bench.scratch / name, self.database, box, self.simulator)
        self._stack.callback(self.world.stop)
        self.world.scenario("service-down", SCENARIO)
        entries = box.hosts(hosts)
        for number, entry in enumerate(entries.values()):
            entry["address"] = address(number)
        self.world.inventory({"acme": entries})
        self.made = 0
        self.node = self.world.node("tokyo", over=OVER)
        self.posted = {}   # incident: when its webhook was sent, ns by the wall clock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def incidents(self, count, up=False):
        """[(incident, headers, body)] that no webhook has told of yet."""
        names = [f"{self.name}-{self.made + n}" for n in range(count)]
        self.made += count
        if up:
            self.box.sh("chmod 777 /srv; touch " + " ".join(f"/srv/{name}.up" for name in names))
        titles = [(f"[AMS:service-down service={name}] web{n % self.hosts + 1}", {"host": f"web{n % self.hosts + 1}"})
                  for n, name in enumerate(names)]
        made = [(key, webhooks.raw(event)) for key, event in webhooks.unannounced(self.world, titles)]
        return [(key, webhooks.headers(body), body) for key, body in made]

    def warm(self):
        """A session to each host, all statements planned, all folders on the machine made."""
        for up in (True, False):
            self.run(self.incidents(self.hosts, up), rate=20)

    def run(self, incidents, rate):
        """Posts them at a rate and waits until each is ended and written; (seconds until ended, seconds until written, answers in s)."""
        began = time.monotonic()
        with Posters(self.node.port) as posters:
            took = posters.post(incidents, rate, self.posted)
        waits = ("select count(*) from run where ended_at is null",
                 "select count(*) from outbox where settled_at is null and kind <> 'mend'")
        over = []
        for statement in waits:
            processes.wait_until(lambda text=statement: self.database.one(text) == 0, 600, statement, every_s=0.1)
            over.append(time.monotonic() - began)
        return over[0], over[1], took

    def wait_mended(self):
        """Until also the last look for doubled notes is over."""
        self.database.wait("select count(*) from outbox where settled_at is null", expected=0, longest_s=120)

    def endings(self, incidents):
        keys = [key for key, *_ in incidents]
        return dict(self.database.query("select ending, count(*) from (select incident_key, ending from run union all "
                                        "select incident_key, ending from run_history) r where incident_key = any(%s) group by 1", keys))

    def runs(self):
        """{run: incident}"""
        return dict(self.database.query("select id::text, incident_key from run union all select id::text, incident_key from run_history"))

    def ports(self):
        return {"webhook": self.node.port, "postgres": self.database.port, "PagerDuty": self.simulator.port, "sshd": self.box.port}

    def pids(self):
        return {"firstline": self.node.process.pid, "postgres": self.database.process.pid, "sshd": self.box.process.pid,
                "simulator": self.simulator.process.pid}


def address(number):
    return f"127.0.1.{number + 1}"


class Posters:
    """Connections that post webhooks as PagerDuty does, at a rate."""

    def __init__(self, port):
        self._port = port
        self._free = collections.deque()
        self._pool = concurrent.futures.ThreadPoolExecutor(POSTERS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown()
        while self._free:
            self._free.pop().close()

    def _post(self, incident, headers, body, posted):
        connection = self._free.pop() if self._free else http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        posted[incident] = time.time_ns()
        began = time.monotonic()
        connection.request("POST", webhooks.PATH, body, headers)
        answer = connection.getresponse()
        answer.read()
        took = time.monotonic() - began
        self._free.append(connection)
        if answer.status != 202:
            raise RuntimeError(f"a webhook was answered {answer.status}")
        return took

    def post(self, incidents, rate, posted):
        """How long each answer took, in s."""
        began, answers = time.monotonic(), []
        for number, one in enumerate(incidents):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            answers.append(self._pool.submit(self._post, *one, posted))
        return [answer.result() for answer in answers]


# --- the node's own log ---------------------------------------------------------------------------------------------

MOVE = re.compile(r'^at=(\S+) level=debug event="run moves" .*run=(\S+) .*from=(\S+) to=(\S+)$')
CLAIMED = re.compile(r'^at=(\S+) level=info event="run claimed" .*run=(\S+) ')
STAGES = ("webhook to claimed", "loading", "reading", "beginning", "working", "recording", "contacting", "guarding", "asking", "rereading",
          "ending")


def ms_of(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000


def moves(log):
    """{run: [(ms, phase it came to)]}"""
    found = collections.defaultdict(list)
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            claimed, move = CLAIMED.match(line), MOVE.match(line)
            if claimed:
                found[claimed[2]].append((ms_of(claimed[1]), "loading"))
            elif move:
                found[move[2]].append((ms_of(move[1]), move[4]))
    return found


def stage_means(scene, incidents):
    """(mean ms in each stage, ms from each webhook to its first command)"""
    wanted = {key for key, *_ in incidents}
    spent, first = collections.defaultdict(list), []
    runs = scene.runs()
    for run, steps in moves(scene.node.log).items():
        if runs.get(run) not in wanted:
            continue
        posted = scene.posted[runs[run]] / 1e6
        mine = collections.Counter({"webhook to claimed": steps[0][0] - posted})
        for (at, phase), (after, _) in zip(steps, steps[1:]):
            mine[phase] += after - at
        for stage in STAGES:
            spent[stage].append(mine[stage])
        first.append(next(at for at, phase in steps if phase == "working") - posted)
    return {stage: statistics.mean(values) for stage, values in spent.items()}, first


# --- one at a time --------------------------------------------------------------------------------------------------

def arrivals(scene, incidents, said):
    """When each webhook of ours came, by the wire: what the simulator tells of our writes comes there, too."""
    all_of_them = [one.at_ns for one in said if one.peer == "webhook" and one.to_peer and one.data.startswith(b"POST")]
    return [next(at for at in all_of_them if at >= scene.posted[key]) for key, *_ in incidents]


def first_bytes(said, came):
    """ms from each webhook to the next SSH byte of ours."""
    ours = [one.at_ns for one in said if one.peer == "sshd" and one.to_peer]
    return [(next(at for at in ours if at > begin) - begin) / 1e6 for begin in came]


def trace(said, came, until):
    """Rows of one run: what was asked, when, of whom, and how long the answer took."""
    rows = [(came, "webhook", "POST", None)]
    rows += [(t.began_ns, "postgres", " + ".join(t.statements), t.ended_ns) for t in wire.transactions(said)]
    rows += [(c.began_ns, "PagerDuty", c.what, c.ended_ns) for c in wire.calls(said, "PagerDuty")]
    ssh = [one for one in said if one.peer == "sshd"]
    rows += [(one.at_ns, "sshd", f"{len(one.data)} bytes {'to' if one.to_peer else 'from'} it", None) for one in ssh]
    rows += [(one.at_ns, "webhook", "answered", None) for one in said if one.peer == "webhook" and not one.to_peer]
    return [{"at_ms": round((at - came) / 1e6, 2), "with": who, "what": what, "answered_after_ms": round((end - at) / 1e6, 2) if end else None}
            for at, who, what, end in sorted(rows, key=lambda row: row[0]) if came <= at < until]


def one_by_one(bench, scene, count):
    """Idle: each incident comes when the one before is written and the node is quiet."""
    incidents = scene.incidents(count)
    with wire.Wire(scene.ports()) as tap:
        for number, one in enumerate(incidents):
            scene.run([one], rate=1000)
            time.sleep(bench.chance.uniform(0.05, 0.25))  # not in step with the node's timers
        scene.wait_mended()
        said = tap.said()
    if scene.endings(incidents) != {"resolved": count}:
        raise RuntimeError(f"not all resolved: {scene.endings(incidents)}")
    return incidents, said


# --- statements and commits -----------------------------------------------------------------------------------------

WRITES = re.compile(r"\b(insert into|update|delete from|budget_take)\b")
OURS_AGAIN = "webhooks of our own writes"
WHOSE = {  # of a transaction, by its first statement; whatever is not here the node does without any run
    "event_take": "run", "run_claim": "run", "run_claim_orphans": "run", "run_claim_expired": "run", "run_load": "run", "run_write": "run",
    "machine_read": "run", "machine_contact": "run", "guard_lock": "run", "budget_take": "budget", "outbox_claim": "delivery",
    "outbox_next": "delivery", "outbox_release": "delivery", "outbox_claim_again": "delivery"}


def whose(statements):
    if statements[0] == "event_take" and "run_open" not in statements:
        return OURS_AGAIN
    return WHOSE.get(statements[0], "background")


def modifying():
    texts = {path.stem: re.sub(r"--.*", "", path.read_text()) for path in (ROOT / "sql/statements").glob("*.sql")}
    return {name for name, text in texts.items() if WRITES.search(text)}


def commits_of(transaction, writers):
    """1 where it wrote something: a statement that changes rows and found some."""
    nothing = all(tag.endswith(" 0") for tag in transaction.tags) and transaction.statements != ["outbox_next"]  # which settles first
    return int(not nothing and any(name in writers for name in transaction.statements))


def count_statements(transactions):
    """{(whose, statements of a transaction): [transactions, statements, commits]}"""
    writers, found = modifying(), collections.defaultdict(lambda: [0, 0, 0])
    for one in transactions:
        mine = found[whose(one.statements), " + ".join(dict.fromkeys(one.statements))]
        mine[0] += 1
        mine[1] += len(one.statements)
        mine[2] += commits_of(one, writers)
    return found


def per_run(busy, busy_s, idle, idle_s, runs):
    """Rows of what a run costs, less what the idle node does in that time."""
    rows = []
    for (owner, kind), counts in sorted(busy.items(), key=lambda item: (item[0][0], -item[1][0])):
        less = [n * busy_s / idle_s for n in idle.get((owner, kind), [0, 0, 0])]
        each = [(n - away) / runs for n, away in zip(counts, less)]
        if each[0] >= 0.05:
            rows.append({"one_transaction": kind, "whose": owner, "transactions": each[0], "statements": each[1], "commits": each[2]})
    return rows


def measure_statements(bench, said, idle_said, busy_s, idle_s, runs):
    rows = per_run(count_statements(wire.transactions(said)), busy_s, count_statements(wire.transactions(idle_said)), idle_s, runs)
    bench.table("statements and commits of one run", rows)
    sums = {owner: sum(row["commits"] for row in rows if row["whose"] == owner) for owner in ("run", "budget", "delivery", OURS_AGAIN)}
    return {**sums, "requests to PagerDuty": len(wire.calls(said, "PagerDuty")) / runs}


# --- the measurement ------------------------------------------------------------------------------------------------

def measure_idle(bench, box, hosts):
    count, seconds = bench.count(100, 4), bench.count(10, 3)
    with Scene(bench, box, hosts, "idle") as scene:
        scene.warm()
        scene.wait_mended()
        with wire.Wire(scene.ports()) as tap:
            time.sleep(seconds)
            quiet = tap.said()
        began = time.monotonic()
        incidents, said = one_by_one(bench, scene, count)
        took = time.monotonic() - began
        came = arrivals(scene, incidents, said)
        ms = first_bytes(said, came)
        stages, logged = stage_means(scene, incidents)
        bench.table("idle: ms from the webhook to the first SSH byte on a kept session", [
            {"read from": "the wire", "incidents": count, "p50": percentile(ms, 0.5), "p99": percentile(ms, 0.99), "max": max(ms)},
            {"read from": "the log", "incidents": count, "p50": percentile(logged, 0.5), "p99": percentile(logged, 0.99), "max": max(logged)}])
        bench.table("trace of one run", trace(said, came[-2], came[-1]))
        sums = measure_statements(bench, said, quiet, took, seconds, count)
        return ms, stages, sums


def measure_rate(bench, box, hosts, rate, count):
    with Scene(bench, box, hosts, f"rate{rate}") as scene:
        scene.warm()
        incidents = scene.incidents(count)
        before = {name: cpu_s(pid) for name, pid in scene.pids().items()}
        own = time.process_time()
        ended_s, written_s, answers = scene.run(incidents, rate)
        cpu = {name: (cpu_s(pid) - before[name]) * 1000 / count for name, pid in scene.pids().items()}
        stages, first = stage_means(scene, incidents)
        endings = scene.endings(incidents)
        if endings != {"resolved": count}:
            raise RuntimeError(f"not all resolved: {endings}")
        row = {"asked_per_s": rate, "incidents": count, "ended_per_s": count / ended_s, "written_per_s": count / written_s,
               "answer_p50_ms": percentile(answers, 0.5) * 1000, "answer_p99_ms": percentile(answers, 0.99) * 1000,
               "first_byte_p50_ms": percentile(first, 0.5), "first_byte_p99_ms": percentile(first, 0.99),
               **{f"{name}_cpu_ms": value for name, value in cpu.items()}, "load_cpu_ms": (time.process_time() - own) * 1000 / count,
               "cores_used": (sum(cpu.values()) / 1000 * count + time.process_time() - own) / written_s}
        return row, {"asked_per_s": rate, **stages}


def measure(bench):
    why = sshd.may_run()
    if why:
        raise Skip(why)
    hosts = bench.count(32, 4)
    with sshd.Sshd(bench.scratch / "box", address="0.0.0.0") as box:
        box.write_known_hosts(names=[f"[{address(number)}]:{box.port}" for number in range(hosts)])
        ms, stages, sums = measure_idle(bench, box, hosts)
        rows, spent = [], [{"asked_per_s": "idle", **stages}]
        for rate, count in ((1, bench.count(20, 2)), (50, bench.count(250, 8)), (200, bench.count(300, 8))):
            row, stages = measure_rate(bench, box, hosts, rate, count)
            rows.append(row)
            spent.append(stages)
    bench.table("incidents from the webhook to resolved, three steps; CPU in ms for each", rows)
    bench.table("mean ms of a run in each stage", spent)
    bench.table("commits and requests of one run", [sums])
    bench.goal("webhook to first SSH byte, idle, p50 ms", "below", 30, percentile(ms, 0.5))
    bench.goal("webhook to first SSH byte, idle, p99 ms", "below", 100, percentile(ms, 0.99))
    bench.goal("commits of a run besides its steps' two each", "at most", 4, sums["run"] - 2 * STEPS)
    bench.put(asked=bench.count(100, 4), reached=len(ms),
              runs_a_minute_within_pagerdutys_limit=PAGERDUTY_A_MINUTE * 7 / 8 / sums["requests to PagerDuty"])
