# SPDX-License-Identifier: MIT
"""Two nodes of two regions on one database, one machine that poses as many hosts, PagerDuty; and a steady load of mixed incidents.

Each region has its own webhook, so each event comes twice. A person resolves what was handed over. SSH sessions are given up
after a few idle seconds, so that they come and go all the time.
"""

import collections
import contextlib
import random
import threading
import time
import traceback

from tests.kit.node import World
from tests.kit.postgres import Postgres
from tests.kit.simulator import ControlError, Simulator
from tests.kit.sshd import Sshd

REGIONS = ("tokyo", "osaka")
HOSTS = 24
AIKO = "aiko@demo.example"
PERSON_COMES_S = 60
SETTINGS = {"log": {"level": "warning"}, "ssh": {"idle": "5s"}, "outbox": {"rate": 10000}}
# The simulator must not be what grows.
PAGERDUTY = {"rate_limit": 0, "events_rate_limit": 0, "deliveries_kept": 1000, "requests_kept": 1000, "request_body_kept": 0,
             "incidents_kept": 2000}
SCENARIO = """\
scenario: {name}
about: Something on a host is down.
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
  - collect: what runs
    run: ps aux | head -n {lines}
  - recover: start it
    run: {recover}
    timeout: {deadline}
  - verify: is it up
    every: 1s
    within: {within}
healed: resolve
not_healed: {{ hand_over: {{ level: 2, priority: P2 }} }}
recurs: {{ times: 1000, within: 1m }}
"""
CHECK = 'test -e "/srv/$tag.up" && echo up || echo down'
HEAL = 'touch "/srv/$tag.up"'
Kind = collections.namedtuple("Kind", "weight endings scenario", defaults=(None,))
# endings: those that are right; in faults a person may be asked for help anywhere, or find it healed.
KINDS = {
    "down": Kind(40, ["resolved"], {"recover": HEAL}),
    "slow": Kind(10, ["resolved"], {"recover": f"sleep 3; {HEAL}"}),
    "wordy": Kind(10, ["resolved"], {"recover": f"seq 20000; {HEAL}", "lines": 200}),
    "stuck": Kind(10, ["handed_over"], {"recover": "exit 3"}),
    "late": Kind(5, ["handed_over"], {"recover": "sleep 20", "deadline": "2s"}),
    "healthy": Kind(15, ["self_healed"], {"check": "echo up", "recover": "uptime"}),
    "unheard": Kind(5, ["unmatched"]),
    "nowhere": Kind(5, ["handed_over"], {"recover": "uptime"}),
}
MORE_ENDINGS = ["handed_over", "self_healed", "resolved", "stopped"]
ENDED = """
select substring(title from '\\[AMS:([a-z]+)'), ending, count(*) from (
    select title, ending, ended_at from run union all select title, ending, ended_at from run_history) r
 where ended_at is not null group by 1, 2"""
BUSY = ("select (select count(*) from run where ended_at is null) + "
        "(select count(*) from outbox where state in ('waiting', 'sending', 'unknown'))")


class Site:
    def __init__(self, folder, faults):
        self._stack = contextlib.ExitStack()
        self.nodes = {}
        try:
            enter = self._stack.enter_context
            self.database = enter(Postgres(folder / "pg"))
            self.machine = enter(Sshd(folder / "box"))
            self.pagerduty = enter(Simulator(settings=PAGERDUTY))
            self.world = World(folder, self.database, self.machine, self.pagerduty)
            self._stack.callback(self.world.stop)
            self._describe()
            for region in REGIONS:
                self.nodes[region] = self.world.node(region, over=SETTINGS, faults=faults)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stack.close()

    def _describe(self):
        defaults = {"check": CHECK, "lines": 5, "deadline": "30s", "within": "3s"}
        for name, kind in KINDS.items():
            if kind.scenario:
                self.world.scenario(name, SCENARIO.format(name=name, **{**defaults, **kind.scenario}))
        self.world.inventory({"acme": self.machine.hosts(HOSTS, apart=True)})
        self.machine.sh("rm -rf /srv/*; chmod 777 /srv")

    def live(self):
        return all(node.process.poll() is None for node in self.nodes.values())

    def settled(self):
        return self.database.one(BUSY) == 0

    def endings(self):
        """{kind: {ending: count}}"""
        found = collections.defaultdict(dict)
        for kind, ending, count in self.database.query(ENDED):
            found[kind or "?"][ending] = count
        return dict(found)

    def stop_nodes(self):
        """{name: exit status}; a sanitizer that found something says so by 99."""
        return {name: node.stop() for name, node in self.nodes.items()}


class Load(threading.Thread):
    """rate: incidents a second."""

    def __init__(self, site, seed, rate):
        super().__init__(daemon=True)
        self.site, self.every_s = site, 1 / rate
        self.random = random.Random(seed)
        self.made, self.trouble = 0, None
        self._handed = collections.deque()  # (when a person comes, incident)
        self._over = threading.Event()

    def stop(self):
        self._over.set()
        self.join()

    def run(self):
        try:
            due = time.monotonic()
            while not self._over.wait(max(0, due - time.monotonic())):
                due = max(due + self.every_s, time.monotonic() - 1)
                self._one()
                self._person()
        except Exception:  # noqa: BLE001  a load that stops would look like a node that rests
            self.trouble = traceback.format_exc()

    def _one(self):
        self.made += 1
        name = self.random.choices(list(KINDS), [kind.weight for kind in KINDS.values()])[0]
        host = "nowhere" if name == "nowhere" else f"web{self.made % HOSTS + 1}"
        made = self.site.world.trigger(f"[AMS:{name} tag=t{self.made}] {host}", {"host": host})
        if "resolved" not in KINDS[name].endings and "self_healed" not in KINDS[name].endings:
            self._handed.append((time.monotonic() + PERSON_COMES_S, made))

    def _person(self):
        while self._handed and self._handed[0][0] <= time.monotonic():
            with contextlib.suppress(ControlError):  # it is resolved by now
                self.site.pagerduty.act(self._handed.popleft()[1], AIKO, "resolve")
