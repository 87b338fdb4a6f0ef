# SPDX-License-Identifier: MIT
"""Signed, distinct webhooks answered 202 after they are durable, beside nginx, webhook and pgbench.

firstline: a node with the role coordinator, Postgres with fsync on; its CPU and Postgres' are told apart. nginx answers 204 and
looks at nothing: a bound. webhook (Debian's) checks an HMAC and starts /bin/true, keeps nothing; it answers before that has run,
or, told to send its output along, when it has. Its CPU is counted until the last has ended. pgbench does the same three statements
with a body of the same size, one event a commit and ten, each event by statements of its own, and ten by statements that take all, as
the node does: bounds for whoever wants durability; its plans are made for full tables.
The same once more on a server that waits for a standby, whose stream is 15 ms late each way.
"""

import json
import re

from tests.bench.harness import RELEASE, Skip, checked, cpu_s, peak_kib, ratios, run, spread, tree
from tests.kit import processes
from tests.kit.node import ROOT, SUBSCRIPTIONS, World
from tests.kit.pair import Pair
from tests.kit.postgres import Postgres, free_port, programs
from tests.kit.simulator import Simulator

DURABLE = {"fsync": "on", "full_page_writes": "on", "max_connections": 100}
CONNECTIONS = (1, 32, 256)
AT_RATE = 2000
PGBENCH_CLIENTS_MAX = 32
ONE_WAY_S = 0.015
QUIET_LIMIT_S = 60
# events a commit, and whether one statement takes them
PGBENCH_WAYS = {"pgbench, 1 a commit": (1, False), "pgbench, 10 a commit": (10, False), "pgbench, 10 a commit at once": (10, True)}
HOOK, SECRET = SUBSCRIPTIONS["tokyo"]


class Side:
    """A server that takes posts. pids: whose CPU it is. beside: whose it is, too, but another program's."""

    def __init__(self, port, path, kind, pids, beside=(), faster=1):
        self.port, self.path, self.kind, self.pids, self.beside, self.faster = port, path, kind, pids, beside, faster

    def load(self, bench, connections, count, body, rate=0):
        count = max(1, int(count * self.faster))
        before, others = cpu_s(*self.pids), cpu_s(*self.beside)
        word = f"{bench.chance.getrandbits(48):x}x"
        done = checked([RELEASE / "tests/webhook_load", self.port, self.path, self.kind, connections, count, body, rate, HOOK, SECRET, word])
        got = json.loads(done["out"])
        if got["good"] != count:
            raise RuntimeError(f"{self.kind} on {self.path}: {got}")
        if self.kind == "webhook":
            processes.wait_until(lambda: tree(self.pids) == set(self.pids), QUIET_LIMIT_S, "the commands that webhook started")
        got["cpu_us"] = (cpu_s(*self.pids) - before) / count * 1e6
        got["all_cpu_us"] = got["cpu_us"] + (cpu_s(*self.beside) - others) / count * 1e6
        got["peak_kib"] = peak_kib(*self.pids)
        return got


def make_world(bench, name, database, simulator):
    world = World(bench.scratch / name, database, None, simulator)
    (world.folder / "known_hosts").write_text("")
    world.scenario("never", "scenario: never\nabout: Never asked for.\nmatch: { keyword: never }\ntarget: { host: [keyword.host] }\n"
                            "steps:\n  - check: nothing\n    run: 'true'\n")
    world.inventory({"acme": {"web1": {"address": "127.0.0.1", "user": "ops", "key": "/no/key"}}})
    return world


def start_firstline(bench, name, database, simulator):
    world = make_world(bench, name, database, simulator)
    node = world.node("tokyo", over={"node": {"roles": ["coordinator"]}, "log": {"level": "warning"}})
    servers = [host.process.pid for host in getattr(database, "hosts", [database])]
    return Side(node.port, "/webhooks/pagerduty", "firstline", [node.process.pid], servers)


def start_nginx(bench):
    port, folder = free_port(), bench.scratch / "nginx"
    folder.mkdir()
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\nevents {{ worker_connections 2048; }}\n"
        f"http {{ access_log off; keepalive_requests 1000000; {paths}\n  server {{ listen 127.0.0.1:{port} backlog=2048; location / {{ return 204; }} }} }}\n")
    child = processes.start(["nginx", "-c", folder / "conf", "-p", folder])
    return Side(port, "/", "plain", [child.pid], faster=1 if bench.quick else 4)


def start_webhook(bench):
    port, hooks = free_port(), bench.scratch / "hooks.json"
    rule = {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": {"source": "header", "name": "X-Signature"}}}
    hooks.write_text(json.dumps([{"id": name, "execute-command": "/bin/true", "trigger-rule": rule,
                                  "include-command-output-in-response": name == "waits"} for name in ("starts", "waits")]))
    log = open(bench.scratch / "webhook.log", "wb")  # pylint: disable=consider-using-with
    child = processes.start(["webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", str(port)], stdout=log, stderr=log)
    processes.wait_until(lambda: run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"])["status"] == 0, QUIET_LIMIT_S, "webhook")
    return {"webhook": Side(port, "/hooks/starts", "webhook", [child.pid]),
            "webhook, answers when done": Side(port, "/hooks/waits", "webhook", [child.pid], faster=0.2)}


# --- pgbench --------------------------------------------------------------------------------------------------------

EVENT = {1: "'demo'", 2: "'E' || :n{i}", 3: "'incident.triggered'", 4: "'Q' || :n{i}", 5: "clock_timestamp()", 6: f"'{HOOK}'", 7: "''",
         8: "'tokyo'", 9: "''", 10: "null", 11: "convert_to(:body, 'UTF8')"}
INCIDENT = {1: "'demo'", 2: "'Q' || :n{i}", 3: "1", 4: "'nothing that a scenario knows'", 5: "'triggered'", 6: "'high'", 7: "''",
            8: "'PSVCEN1'", 9: "'AMS web shop'", 10: "'https://demo.example/incidents/1'", 11: "clock_timestamp()", 12: "null",
            13: "clock_timestamp()", 14: "true"}
RUN = {1: "'demo'", 2: "'Q' || :n{i}", 3: "'acme'", 4: "0", 5: "600000", 6: "clock_timestamp() - interval '3 days'", 7: "false"}


def statements(numbers):
    """The statements of intake for these events, all at once."""
    for name, values in (("event_take", EVENT), ("incident_see", INCIDENT), ("run_open", RUN)):
        text = re.sub(r"^--.*\n", "", (ROOT / f"sql/statements/{name}.sql").read_text(), flags=re.M)
        arrays = {number: "array[" + ", ".join(value.replace("{i}", str(i)) for i in numbers) + "]" for number, value in values.items()}
        yield re.sub(r"\$(\d+)", lambda found, of=arrays: of[int(found[1])], text).strip()


def script(group, together):
    """For so many events in one commit: by the statements that take all, or each by its own."""
    parts = [range(group)] if together else [[i] for i in range(group)]
    lines = [f"\\set n{i} random(1, 4000000000000000000)" for i in range(group)]
    return "\n".join([*lines, "\\startpipeline", *(text for part in parts for text in statements(part)), "\\endpipeline", ""])


def pgbench(bench, database, way, clients, count, body):
    """So many events, or a few more: whole transactions of each client."""
    group, together = PGBENCH_WAYS[way]
    path = bench.scratch / f"inserts-{group}-{together}.sql"
    path.write_text(script(group, together))
    servers = [host.process.pid for host in getattr(database, "hosts", [database])]
    before = cpu_s(*servers)
    done = checked([programs() / "pgbench", "-n", "-M", "prepared", "-f", path, "-c", clients, "-j", 1, "-t", -(-count // (group * clients)), "-D", "body=" + "x" * body,
                    database.conninfo()])
    used = (cpu_s(*servers) - before) / (int(re.search(r"actually processed: (\d+)", done["out"])[1]) * group) * 1e6
    return {"rate": float(re.search(r"tps = ([\d.]+)", done["out"])[1]) * group, "postgres_us": used}


# --- the measurement ------------------------------------------------------------------------------------------------

def row(name, connections, body, figures, over=None):
    def of(key):
        values = [one[key] for one in figures if one.get(key) is not None]
        return spread(values) if values else None
    postgres = of("postgres_us")
    if name == "firstline":
        postgres = spread([one["all_cpu_us"] - one["cpu_us"] for one in figures])
    return {"side": name, "connections": connections, "body": body, "rate_per_s": of("rate"), "p50_ms": of("p50_ms"), "p99_ms": of("p99_ms"),
            "cpu_us": of("cpu_us"), "postgres_us": postgres, "our_rate_over_its": over,
            "peak_kib": max((one["peak_kib"] for one in figures if "peak_kib" in one), default=None)}


class Measurement:
    """ours, others: servers that take posts. bound: the database that pgbench fills. singly: how many over one connection."""

    def __init__(self, bench, ours, others, bound, singly=1000):
        self.bench, self.bound, self.singly = bench, bound, singly
        self.posts = {"firstline": ours, **others}
        for way in PGBENCH_WAYS:
            pgbench(bench, bound, way, 4, bench.count(2000, 400), 2048)
        bound.query("analyze")

    def at(self, body, connections):
        """{side: figures of each round}"""
        bench = self.bench
        count = bench.count(5000 if connections > 1 else self.singly, 300 if connections > 1 else 50)
        sides = {name: lambda s=side: s.load(bench, connections, count, body) for name, side in self.posts.items()}
        for way in PGBENCH_WAYS:
            sides[way] = lambda w=way: pgbench(bench, self.bound, w, min(connections, PGBENCH_CLIENTS_MAX), count, body)
        return bench.pairs(sides)

    def rows(self, cases):
        """The table's rows, and what was found at 32 connections."""
        rows, found = [], {}
        for body, connections in cases:
            found[body, connections] = self.at(body, connections)
            for name, figures in found[body, connections].items():
                rows.append(row(name, connections, body, figures, ratios(found[body, connections], "firstline", name, "rate")))
        return rows, found[2048, 32]

    def paced(self):
        """At a steady rate, each request timed from when it was due."""
        ours = self.posts["firstline"]
        return [ours.load(self.bench, 32, self.bench.count(10_000, 1000), 2048, AT_RATE) for _ in range(self.bench.rounds)]


def alone(bench, simulator):
    with Postgres(bench.scratch / "pg", DURABLE) as database, Postgres(bench.scratch / "bound", DURABLE) as bound:
        ours = start_firstline(bench, "world", database, simulator)
        make_world(bench, "tables", bound, simulator).node("tokyo", start=False)  # which migrates
        it = Measurement(bench, ours, {"nginx 204": start_nginx(bench), **start_webhook(bench)}, bound)
        rows, found = it.rows(bench.count([(body, connections) for body in (2048, 4096) for connections in CONNECTIONS],
                                     [(2048, 1), (2048, 32), (4096, 256)]))
        bench.table("as fast as it goes", rows)
        paced = it.paced()
        bench.table(f"at {AT_RATE} a second", [row("firstline", 32, 2048, paced)])
    bench.goal("rate over webhook's, which answers before its command has run", "at least", 4, ratios(found, "firstline", "webhook", "rate"))
    bench.goal("rate over webhook's, which answers when it has", "at least", 4, ratios(found, "firstline", "webhook, answers when done", "rate"))
    bench.goal("the node's CPU over webhook's", "at most", 0.25, ratios(found, "firstline", "webhook", "cpu_us"))
    bench.goal("rate over pgbench's, ten a commit", "at least", 0.7, ratios(found, "firstline", "pgbench, 10 a commit", "rate"))
    bench.goal("rate over pgbench's, ten a commit at once", "at least", 0.7, ratios(found, "firstline", "pgbench, 10 a commit at once", "rate"))
    bench.goal(f"p99 in ms at {AT_RATE} a second", "below", 50, spread([one["p99_ms"] for one in paced]))


def with_standby(bench, simulator):
    with Pair(bench.scratch / "pair", DURABLE, delay_s=ONE_WAY_S) as database, \
            Pair(bench.scratch / "boundpair", DURABLE, delay_s=ONE_WAY_S) as bound:
        ours = start_firstline(bench, "pairworld", database, simulator)
        make_world(bench, "pairtables", bound, simulator).node("tokyo", start=False)
        it = Measurement(bench, ours, {}, bound, singly=100)
        rows, found = it.rows([(2048, connections) for connections in bench.count(CONNECTIONS, (32,))])
        bench.table(f"with a synchronous standby, {2000 * ONE_WAY_S:g} ms away and back", rows)
        paced = it.paced()
        bench.table(f"with that standby, at {AT_RATE} a second", [row("firstline", 32, 2048, paced)])
    bench.goal("with that standby: rate over pgbench's, ten a commit", "at least", 0.7,
               ratios(found, "firstline", "pgbench, 10 a commit", "rate"))


def measure(bench):
    for program in ("nginx", "webhook"):
        if run(["sh", "-c", f"command -v {program}"])["status"] != 0:
            raise Skip(f"{program} is not installed (deploy/install test bench)")
    with Simulator() as simulator:
        alone(bench, simulator)
        with_standby(bench, simulator)
    bench.put(asked=bench.rounds, reached=bench.rounds)
