# SPDX-License-Identifier: MIT
"""Memory of one worker: a run that waits, an open SSH session, and 10,000 of the former with 1,000 of the latter.

A run waits in the worker while its verify has time left: its machine's answers, the evidence that was collected, and its position
are kept. (A run that waits for a slot, or whose worker is gone, is a row of the database and costs no worker anything.) Some runs are
lived through to that point on real machines; then the node stops as planned, which hands them back, their rows are copied until
there are as many as wanted, and the next node takes all of them over. Then it opens the sessions, by a check on each of as many hosts.
"""

import json
import resource
import time

from tests.bench.harness import cpu_s, status_kib
from tests.bench.sshd_farm import Farm
from tests.kit import processes, webhooks
from tests.kit.node import World, merge
from tests.kit.postgres import Postgres
from tests.kit.simulator import Simulator

TARGET_MIB, TARGET_RUN_KIB = 256, 16
LIMIT_S = 400
EVIDENCE = "seq 220"  # 770 bytes
WAITS = f"""\
scenario: waits
about: Does not become healthy for a long time.
mode: auto
match: {{ keyword: waits }}
target: {{ host: [keyword.host, alert.details.host] }}
healthy: result == "up"
steps:
  - check: is it up
    run: echo down
  - collect: its last lines
    run: {EVIDENCE}
  - recover: start it
    run: echo started
  - verify: is it up
    every: 10m
    within: 60m
recurs: {{ times: 1000, within: 1m }}
give_up_after: 1d
"""
HEALTHY = """\
scenario: healthy
about: Was well before anybody looked.
mode: auto
match: { keyword: healthy }
target: { host: [keyword.host, alert.details.host] }
healthy: result == "up"
steps:
  - check: is it up
    run: echo up
"""
SETTINGS = {"log": {"level": "warning"}, "ssh": {"idle": "1h", "keepalive": "10m"}, "outbox": {"rate": 10000}, "reconciler": {"every": "1h"},
            "node": {"drain": "5s"}}
VERIFIED = "select count(*) from step where verb = 'verify' and state = 'ended'"
# Copies of the runs that are there, with all that belongs to them, incidents of their own included.
COPY = """
create temp table copy on commit drop as
    select r.id as run, gen_random_uuid() as as_run, r.incident, nextval(pg_get_serial_sequence('incident', 'id')) as as_incident,
           r.incident_key || '-' || n as as_key
      from (select row_number() over () as at, * from run where ended_at is null) r, generate_series(1, 1000000) n
     where (n - 1) * (select count(*) from run where ended_at is null) + r.at <= {copies};
insert into incident overriding system value
    select (jsonb_populate_record(i, jsonb_build_object('id', c.as_incident, 'key', c.as_key))).* from incident i join copy c on c.incident = i.id;
insert into run_key
    select (jsonb_populate_record(k, jsonb_build_object('run', c.as_run, 'incident_key', c.as_key))).* from run_key k join copy c on c.run = k.run;
insert into run
    select (jsonb_populate_record(r, jsonb_build_object('id', c.as_run, 'incident', c.as_incident, 'incident_key', c.as_key))).*
      from run r join copy c on c.run = r.id;
insert into step select (jsonb_populate_record(s, jsonb_build_object('run', c.as_run))).* from step s join copy c on c.run = s.run;
"""


def raise_limit():
    """Descriptors, of this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))


def announce(world, node, keyword, hosts, count):
    wanted = [(f"[AMS:{keyword}] {hosts[n % len(hosts)]}", {"host": hosts[n % len(hosts)]}) for n in range(count)]
    made = webhooks.unannounced(world, wanted)
    statuses = set(webhooks.post_all(node, [event for _, event in made]))
    if statuses != {202}:
        raise RuntimeError(f"webhooks were answered {statuses}")


def at_rest(node):
    """Its memory when it has nothing left to do: it uses next to no CPU for two seconds."""
    pid = node.process.pid

    def rests():
        before = cpu_s(pid)
        time.sleep(2)
        return cpu_s(pid) - before < 0.1
    processes.wait_until(rests, LIMIT_S, "the node to rest", every_s=0)
    return {"rss_kib": status_kib(pid, "VmRSS"), "anonymous_kib": status_kib(pid, "RssAnon"), "peak_kib": status_kib(pid, "VmHWM")}


def held(node, count):
    processes.wait_until(lambda: json.loads(node.get("/readyz")[1])["runs_held"] == count, LIMIT_S, f"{count} runs to be held", every_s=0.5)


def sessions(node):
    return sum(float(line.split()[-1]) for line in node.get("/metrics")[1].splitlines() if line.startswith("firstline_ssh_sessions"))


def live_through(world, node, hosts, lived):
    """Runs that get to their verify here, in five waves: what each after the first wave adds, which has opened the sessions."""
    wave, kib = lived // 5, []
    for number in range(5):
        announce(world, node, "waits", hosts, wave)
        world.database.wait(VERIFIED, expected=(number + 1) * wave, longest_s=LIMIT_S)
        if number in (0, 4):
            kib.append(at_rest(node)["anonymous_kib"])
    return (kib[1] - kib[0]) / (4 * wave)


def hand_back(node):
    status = node.stop()
    if status != 0:
        raise RuntimeError(f"the node ended with {status}")


def open_sessions(world, node, hosts):
    """A check on each host, after which its session stays."""
    announce(world, node, "healthy", hosts, len(hosts))
    world.database.wait("select count(*) from run where ending = 'self_healed'", expected=len(hosts), longest_s=LIMIT_S)
    if sessions(node) != len(hosts):
        raise RuntimeError(f"{sessions(node)} sessions are open, not {len(hosts)}")


def measure(bench):
    raise_limit()
    waiting, count, lived, few = bench.count(10_000, 300), bench.count(1000, 20), bench.count(500, 40), bench.count(20, 5)
    with Postgres(bench.scratch / "pg") as database, Simulator(settings={"rate_limit": 0}) as simulator, \
            Farm(bench.scratch / "farm", bench.count(8, 2), count) as farm:
        world = World(bench.scratch / "world", database, farm, simulator)
        world.scenario("waits", WAITS)
        world.scenario("healthy", HEALTHY)
        hosts = farm.hosts(count)
        world.inventory({"acme": hosts})
        node = world.node("tokyo", over=merge(SETTINGS, {"node": {"slots": waiting + count}}))
        rows = [{"worker": "no run, no session", **at_rest(node)}]
        lived_kib = live_through(world, node, list(hosts)[:few], lived)
        bench.say(f"{lived} runs wait for their next verify; the node is stopped and hands them back")
        hand_back(node)
        database.query(COPY.format(copies=waiting - lived))
        database.query("vacuum analyze")
        node.start()
        held(node, waiting)
        rows.append({"worker": f"{waiting} waiting runs", **at_rest(node)})
        bench.say(f"{waiting} runs are held; {count} sessions follow")
        open_sessions(world, node, list(hosts))
        rows.append({"worker": f"{waiting} waiting runs and {count} open sessions", **at_rest(node)})
        world.stop()
    report(bench, rows, waiting, count, lived_kib)


def report(bench, rows, waiting, count, lived_kib):
    idle, runs, both = rows
    bench.table("memory of the worker", rows)
    bench.table("memory of each", [
        {"one": "waiting run, taken over", "kib": (runs["anonymous_kib"] - idle["anonymous_kib"]) / waiting, "target_kib": TARGET_RUN_KIB},
        {"one": "waiting run, lived through here", "kib": lived_kib, "target_kib": TARGET_RUN_KIB},
        {"one": "open session", "kib": (both["anonymous_kib"] - runs["anonymous_kib"]) / count, "target_kib": None}])
    bench.put(asked={"waiting": 10_000, "sessions": 1000}, reached={"waiting": waiting, "sessions": count}, target_mib=TARGET_MIB,
              reached_mib=both["rss_kib"] / 1024, target_reached=not bench.quick and both["peak_kib"] < TARGET_MIB * 1024)
