# SPDX-License-Identifier: MIT
"""Real runs on two nodes while PagerDuty, the nodes and persons misbehave, all from one seed; and the record of what happened.

    load = Load(world, seed=1, timing=Timing(request_s=20, lease_s=6))
    load.start()
    load.until(writes=10_000, longest_s=3600)
    record = load.finish(600)
"""

import dataclasses
import random
import threading
import time

from tests.kit import processes
from tests.outbox import judge

SCENARIO = """\
scenario: {name}
about: Looks at nothing in particular.
mode: auto
match: {{ keyword: {name} }}
target: {{ host: [keyword.host, alert.details.host] }}
healthy: result == "well"
steps:
  - check: is it well
    run: echo {says}
  - collect: what there is
    run: echo nothing
{more}give_up_after: 60m
"""
FIXES = """\
  - recover: do nothing
    run: "true"
  - verify: is it well
"""
HAND_OVER = 'not_healed: { hand_over: { level: 2 }, say: "It is as it was." }\n'
# keyword: how often of 100
KINDS = {"well": 80, "ill": 20}
PERSONS = ("PAIKO01", "PSAMR01")
SIMULATOR = {"requests_kept": 200_000, "deliveries_kept": 100_000, "request_body_kept": 0}
ACTS = ("acknowledge", "resolve", "reopen")


@dataclasses.dataclass
class Timing:
    request_s: float
    lease_s: float

    @property
    def doubt_s(self):
        """After so long a doubtful row is looked for."""
        return self.request_s + self.lease_s

    @property
    def late_s(self):
        """Later than both looks, 5 s apart, on a busy machine too."""
        return 1.25 * self.doubt_s + 12

    def settings(self):
        return {"lease": {"length": f"{int(self.lease_s * 1000)}ms", "renew": f"{int(self.lease_s * 300)}ms",
                          "gap": f"{int(self.lease_s * 500)}ms"},
                "outbox": {"request": f"{int(self.request_s * 1000)}ms", "rate": 10000}, "log": {"level": "info"},
                "node": {"slots": 60}}


class Load:
    def __init__(self, world, seed, timing, hosts=20):
        self.world, self.timing = world, timing
        self.dice = {name: random.Random(f"{seed} {name}") for name in ("incidents", "nodes", "persons")}
        self.seed = seed
        self.counts = {"kills": 0, "pauses": 0, "acts": 0, "acts_refused": 0}
        self.made = []
        self._over = threading.Event()   # no more disturbance
        self._quiet = threading.Event()  # the nodes are left alone
        self._ended = threading.Event()  # all is recorded
        self._failed = []
        self.hosts = hosts
        world.scenario("well", SCENARIO.format(name="well", says="well", more=""))
        world.scenario("ill", SCENARIO.format(name="ill", says="ill", more=FIXES + HAND_OVER))
        world.inventory({"acme": world.machine.hosts(hosts)})
        world.simulator.settings(rate_limit=0, retry_base_s=0.5, retry_max_s=5)

    # --- what misbehaves --------------------------------------------------------------------------------------------

    def _faults(self):
        """(kind, method, path, chance, more). A note that is acted upon or shown late is one that may be doubled."""
        late = self.timing.late_s
        longer = {"ms": int(1000 * late)}  # than the client waits: acted upon after both looks
        short = {"ms": int(1000 * self.timing.request_s / 2)}
        notes, incident = ("POST", "/notes$"), ("PUT", r"/incidents/\w+$")
        return [("cut_before", *notes, 0.02, {}), ("cut_after", *notes, 0.03, {}), ("cut_after", *notes, 0.02, {"seconds": late}),
                ("act_then_status", *notes, 0.01, {"status": 502, "text": "Bad Gateway"}), ("500", *notes, 0.01, {}),
                ("act_then_status", *notes, 0.003, {"status": 500, "text": "late", "seconds": late}),
                ("show_late", *notes, 0.02, {"seconds": late}), ("delay", *notes, 0.01, longer),
                ("delay_after", *notes, 0.005, longer), ("429", *notes, 0.01, {}),
                ("429", *notes, 0.01, {"headers": False, "body": False}),
                ("cut_before", *incident, 0.015, {}), ("cut_after", *incident, 0.015, {"reset": True}), ("429", *incident, 0.01, {}),
                ("500", *incident, 0.005, {}), ("act_then_status", *incident, 0.005, {"status": 503, "text": ""}),
                ("delay", *incident, 0.005, short), ("delay_after", *incident, 0.005, longer),
                ("cut_before", "GET", "", 0.005, {}), ("429", "GET", "", 0.005, {}), ("500", "GET", "", 0.005, {}),
                ("cut_before", "DELETE", "", 0.05, {}), ("cut_after", "DELETE", "", 0.05, {})]

    def _set_faults(self):
        self.faults = []
        for n, (kind, method, path, chance, more) in enumerate(self._faults()):
            number = self.world.simulator.fault(kind, method, path, count=-1, chance=chance, seed=self.seed * 1000 + n, **more)
            late = bool(more.get("seconds")) or (kind == "delay" and more["ms"] > 1000 * self.timing.request_s)
            self.faults.append({"id": number, "kind": kind, "method": method, "path": path, "chance": chance, "late": late})

    def _thread(self, work):
        def run():
            try:
                work()
            except Exception as error:  # pylint: disable=broad-except
                self._failed.append(f"{work.__name__}: {type(error).__name__}: {error}")
        thread = threading.Thread(target=run, daemon=True)
        thread.start()

    def _disturb_nodes(self):
        """Kills and pauses, shorter and longer than the lease and than the doubt, one node or the other."""
        dice = self.dice["nodes"]
        while not self._over.wait(dice.uniform(0.5, 1.0) * self.timing.doubt_s / 4):
            node = self.nodes[dice.randrange(2)]
            if dice.random() < 0.4:
                node.kill()
                self.counts["kills"] += 1
                self._over.wait(dice.uniform(0, self.timing.lease_s))
                node.start()
            else:
                node.pause()
                self.counts["pauses"] += 1
                self._over.wait(dice.choice((0.3, 1.2 * self.timing.lease_s, 1.5 * self.timing.doubt_s)))
                node.resume()
        self._quiet.set()
        self._ended.wait()  # what a thread has started dies with it

    def _disturb_incidents(self):
        dice, seen = self.dice["persons"], 0
        while not self._over.wait(0.5):
            while seen < len(self.made):
                incident, seen = self.made[seen], seen + 1
                if dice.random() < 0.12:
                    threading.Timer(dice.uniform(0, 12), self._act, (incident, dice.choice(PERSONS), dice.choice(ACTS))).start()

    def _act(self, incident, who, what):
        if self._over.is_set():
            return
        try:
            self.world.simulator.act(incident, who, what)
            self.counts["acts"] += 1
        except Exception:  # pylint: disable=broad-except
            self.counts["acts_refused"] += 1  # nothing to reopen, or resolved already

    # --- its course -------------------------------------------------------------------------------------------------

    def start(self):
        self.nodes = [self.world.node(region, over=self.timing.settings()) for region in ("tokyo", "osaka")]
        self._set_faults()
        self._thread(self._disturb_nodes)
        self._thread(self._disturb_incidents)

    def _trigger(self):
        dice = self.dice["incidents"]
        keyword = dice.choices(list(KINDS), list(KINDS.values()))[0]
        host = f"web{dice.randrange(self.hosts) + 1}"
        self.made.append(self.world.trigger(f"[AMS:{keyword}] {host}", {"host": host}))

    def _count(self, condition):
        return self.world.database.one(f"select (select count(*) from outbox where {condition}) + "
                                       f"(select count(*) from outbox_history where {condition})")

    def until(self, writes, longest_s, open_most=150, tell=None):
        """Triggers incidents until so many rows are written; at most `open_most` runs are open at a time."""
        deadline = time.monotonic() + longest_s
        while True:
            written = self._count("state = 'sent' and kind <> 'mend'")
            unended = self.world.database.one("select count(*) from run where ended_at is null")
            if tell:
                tell(f"{len(self.made)} incidents, {written} writes, {unended} runs open, {self.counts}")
            if self._failed:
                raise RuntimeError("; ".join(self._failed))
            if written >= writes or time.monotonic() > deadline:
                return written
            for _ in range(max(0, min(25, open_most - unended))):
                self._trigger()
            self._over.wait(1.0)

    def finish(self, longest_s):
        """Ends all disturbance, waits until everything is written and looked at, and returns the record."""
        self._over.set()
        try:
            if not self._quiet.wait(120) or self._failed:
                raise RuntimeError("the nodes were not left alone: " + "; ".join(self._failed))
            return self._finish(longest_s)
        finally:
            self._ended.set()

    def _finish(self, longest_s):
        hits = {fault["id"]: fault["hits"] for fault in self._active()}
        self.world.simulator.control("DELETE", "faults")
        processes.wait_until(lambda: self.world.database.one(
            "select (select count(*) from run where ended_at is null) + (select count(*) from outbox where settled_at is null)") == 0,
            longest_s, "everything to be written", every_s=1)
        return self._record(hits)

    def _active(self):
        return self.world.simulator.control("GET", "faults")["active"]

    def _rows(self, columns, table):
        names = [column.split(" as ")[-1].strip() for column in columns.split(",")]
        return [dict(zip(names, row)) for row in self.world.database.query(
            f"select {columns} from {table} union all select {columns} from {table}_history")]

    def _record(self, hits):
        rows = self._rows("id, target, sequence, run::text as run, kind, body, marker, state, tries, resent, mended, error, "
                          "extract(epoch from opening)::float as opening", "outbox")
        runs = self._rows("id::text as id, incident_key as incident, ending", "run")
        reads = {}
        for request in self.world.simulator.requests(method="GET", limit=1_000_000):
            path = request["path"].split("?")[0].split("/")
            if len(path) == 4 and path[3] == "log_entries" and request["status"] == 200:
                reads.setdefault(path[2], []).append(judge.seconds(request["at"]))
        faults = [{**fault, "hits": hits.get(fault["id"], 0)} for fault in self.faults]
        return {"incidents": {key: self.world.incident(key) for key in self.made}, "rows": rows, "runs": runs, "reads": reads,
                "faults": faults, "pauses": self.counts["pauses"], "counts": self.counts}
