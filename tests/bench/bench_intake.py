# SPDX-License-Identifier: MIT
"""Signed, distinct webhooks answered 202 after they are durable, beside nginx, webhook and pgbench.

firstline: a node with the role coordinator, Postgres with fsync on; its CPU and Postgres' are told apart. nginx answers 204 and
looks at nothing: a bound. webhook (Debian's) checks an HMAC, starts /bin/true, and keeps nothing. pgbench does the same three
statements with a body of the same size, one event a commit and ten: a bound for whoever wants durability.
"""

import json
import re

from tests.bench.harness import RELEASE, Skip, checked, cpu_s, peak_kib, ratios, run, spread
from tests.kit import processes
from tests.kit.node import ROOT, SUBSCRIPTIONS, World
from tests.kit.postgres import Postgres, free_port, programs
from tests.kit.simulator import Simulator

DURABLE = {"fsync": "on", "full_page_writes": "on", "max_connections": 100}
CONNECTIONS = (1, 32, 256)
AT_RATE = 2000
TARGETS = {"rate_over_webhook": 4, "cpu_over_webhook": 0.25, "rate_over_pgbench_in_tens": 0.7, "p99_ms_at_2000": 50}
HOOK, SECRET = SUBSCRIPTIONS["tokyo"]


class Side:
    """A server that takes posts. pids: whose CPU it is."""

    def __init__(self, port, path, kind, pids, beside=()):
        self.port, self.path, self.kind, self.pids, self.beside = port, path, kind, pids, beside

    def load(self, bench, connections, count, body, rate=0):
        before, others = cpu_s(*self.pids), cpu_s(*self.beside)
        word = f"{bench.chance.getrandbits(48):x}x"
        done = checked([RELEASE / "tests/webhook_load", self.port, self.path, self.kind, connections, count, body, rate, HOOK, SECRET, word])
        got = json.loads(done["out"])
        if got["good"] != count:
            raise RuntimeError(f"{self.kind} on {self.path}: {got}")
        got["cpu_us"] = (cpu_s(*self.pids) - before) / count * 1e6
        got["all_cpu_us"] = got["cpu_us"] + (cpu_s(*self.beside) - others) / count * 1e6
        return got


def make_world(bench, name, database, simulator):
    world = World(bench.scratch / name, database, None, simulator)
    (world.folder / "known_hosts").write_text("")
    world.scenario("never", "scenario: never\nabout: Never asked for.\nmatch: { keyword: never }\ntarget: { host: [keyword.host] }\n"
                            "steps:\n  - check: nothing\n    run: 'true'\n")
    world.inventory({"acme": {"web1": {"address": "127.0.0.1", "user": "ops", "key": "/no/key"}}})
    return world


def start_firstline(bench, database, simulator):
    world = make_world(bench, "world", database, simulator)
    node = world.node("tokyo", over={"node": {"roles": ["coordinator"]}, "log": {"level": "warning"}})
    return node, Side(node.port, "/webhooks/pagerduty", "firstline", [node.process.pid], [database.process.pid])


def start_nginx(bench):
    port, folder = free_port(), bench.scratch / "nginx"
    folder.mkdir()
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\nevents {{ worker_connections 2048; }}\n"
        f"http {{ access_log off; keepalive_requests 1000000; {paths}\n  server {{ listen 127.0.0.1:{port} backlog=2048; location / {{ return 204; }} }} }}\n")
    child = processes.start(["nginx", "-c", folder / "conf", "-p", folder])
    return Side(port, "/", "plain", [child.pid])


def start_webhook(bench):
    port, hooks = free_port(), bench.scratch / "hooks.json"
    rule = {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": {"source": "header", "name": "X-Signature"}}}
    hooks.write_text(json.dumps([{"id": "bench", "execute-command": "/bin/true", "trigger-rule": rule}]))
    log = open(bench.scratch / "webhook.log", "wb")  # pylint: disable=consider-using-with
    child = processes.start(["webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", str(port)], stdout=log, stderr=log)
    return Side(port, "/hooks/bench", "webhook", [child.pid])


# --- pgbench --------------------------------------------------------------------------------------------------------

EVENT = {1: "'demo'", 2: "('E' || :n{i})", 3: "'incident.triggered'", 4: "('Q' || :n{i})", 5: "clock_timestamp()", 6: f"'{HOOK}'", 7: "''",
         8: "'tokyo'", 9: "''", 10: "null", 11: "convert_to(:body, 'UTF8')"}
INCIDENT = {1: "'demo'", 2: "('Q' || :n{i})", 3: "1", 4: "'nothing that a scenario knows'", 5: "'triggered'", 6: "'high'", 7: "''",
            8: "'PSVCEN1'", 9: "'AMS web shop'", 10: "'https://demo.example/incidents/1'", 11: "clock_timestamp()", 12: "null",
            13: "clock_timestamp()", 14: "true"}
RUN = {1: "'demo'", 2: "('Q' || :n{i})", 3: "'acme'", 4: "0::smallint", 5: "600000::bigint", 6: "clock_timestamp() - interval '3 days'", 7: "false"}


def script(group):
    """The statements of intake for so many events in one commit."""
    lines = [f"\\set n{i} random(1, 4000000000000000000)" for i in range(group)] + ["\\startpipeline"]
    for i in range(group):
        for name, values in (("event_take", EVENT), ("incident_see", INCIDENT), ("run_open", RUN)):
            text = re.sub(r"^--.*\n", "", (ROOT / f"sql/statements/{name}.sql").read_text(), flags=re.M)
            lines.append(re.sub(r"\$(\d+)", lambda found, v=values, i=i: v[int(found[1])].replace("{i}", str(i)), text).strip())
    return "\n".join([*lines, "\\endpipeline", ""])


def pgbench(bench, database, group, clients, seconds, body):
    path = bench.scratch / f"inserts-{group}.sql"
    path.write_text(script(group))
    done = checked([programs() / "pgbench", "-n", "-M", "prepared", "-f", path, "-c", clients, "-j", 1, "-T", seconds, "-D", "body=" + "x" * body,
                    database.conninfo()])
    rate = float(re.search(r"tps = ([\d.]+)", done["out"])[1]) * group
    return {"rate": rate, "p50_ms": None, "p99_ms": None, "cpu_us": None, "all_cpu_us": None}


# --- the measurement ------------------------------------------------------------------------------------------------

def row(name, connections, body, figures, over=None):
    def of(key):
        values = [one[key] for one in figures if one[key] is not None]
        return spread(values) if values else None
    return {"side": name, "connections": connections, "body": body, "rate_per_s": of("rate"), "p50_ms": of("p50_ms"), "p99_ms": of("p99_ms"),
            "cpu_us": of("cpu_us"), "with_postgres_us": of("all_cpu_us"), "ours_over_its_rate": over}


def measure(bench):
    for program in ("nginx", "webhook"):
        if run(["sh", "-c", f"command -v {program}"])["status"] != 0:
            raise Skip(f"{program} is not installed (deploy/install test bench)")
    with Postgres(bench.scratch / "pg", DURABLE) as database, Postgres(bench.scratch / "bound", DURABLE) as bound, Simulator() as simulator:
        node, ours = start_firstline(bench, database, simulator)
        make_world(bench, "tables", bound, simulator).node("tokyo", start=False)  # which migrates
        others = {"nginx 204": start_nginx(bench), "webhook": start_webhook(bench)}
        rows, reached = [], {}
        for body in (2048, 4096):
            for connections in CONNECTIONS:
                count = bench.count(20_000 if connections > 1 else 3000, 300)
                sides = {"firstline": lambda c=connections, n=count, b=body: ours.load(bench, c, n, b)}
                for name, side in others.items():
                    sides[name] = lambda s=side, c=connections, n=count, b=body: s.load(bench, c, n, b)
                for group in (1, 10):
                    sides[f"pgbench, {group} a commit"] = lambda g=group, c=connections, b=body: pgbench(
                        bench, bound, g, min(c, 32), bench.count(5, 1), b)
                found = bench.pairs(sides)
                over = {name: ratios(found, "firstline", name, "rate") for name in found}
                rows += [row(name, connections, body, figures, over[name]) for name, figures in found.items()]
                if (body, connections) == (2048, 32):
                    reached = {"rate_over_webhook": over["webhook"], "cpu_over_webhook": ratios(found, "firstline", "webhook", "cpu_us"),
                               "rate_over_pgbench_in_tens": over["pgbench, 10 a commit"]}
        bench.table("as fast as it goes", rows)
        paced = [ours.load(bench, 32, bench.count(20_000, 1000), 2048, AT_RATE) for _ in range(bench.rounds)]
        reached["p99_ms_at_2000"] = spread([one["p99_ms"] for one in paced])
        bench.table(f"at {AT_RATE} a second", [row("firstline", 32, 2048, paced)])
        bench.put(asked=bench.rounds, reached=bench.rounds, targets=TARGETS, reached_targets=reached, peak_kib=peak_kib(node.process.pid))
        bench.table("targets", [{"target": name, "wanted": TARGETS[name], "reached": value} for name, value in reached.items()])
