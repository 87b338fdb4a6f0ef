# SPDX-License-Identifier: MIT
"""What the random faults are let loose on: two Postgres servers, the second a synchronous standby; four nodes in two regions,
each behind doors of its own to the database; one machine that poses as many hosts; PagerDuty."""

import contextlib
import pathlib

from tests.kit import processes
from tests.kit.history import History
from tests.kit.node import World, merge
from tests.kit.pair import Pair
from tests.kit.proxy import Proxy
from tests.kit.recorded import Kind, Recorded
from tests.kit.simulator import Simulator
from tests.kit.sshd import Sshd

REGIONS = {"tokyo": ("tokyo-1", "tokyo-2"), "osaka": ("osaka-1", "osaka-2")}
HOSTS = 24
# Requests are given up after 6 s, so that what is doubtful is settled, and looked at for the last time, before long.
REQUEST_S = 6
SETTINGS = {"lease": {"renew": "1s", "length": "4s", "gap": "2s"}, "outbox": {"rate": 10000, "request": f"{REQUEST_S}s"},
            "log": {"level": "info"}, "database": {"answer_within": "2s"}}
PAGERDUTY = {"rate_limit": 0, "events_rate_limit": 0, "webhook_timeout_s": 5.0, "retry_max_s": 1.0, "deliveries_kept": 2000,
             "requests_kept": 2000}
# In the storm of faults a person may be asked for help where nothing was wrong with the host: a hand-over is no broken
# promise, and how many there were is counted. What may never be is an ending that is not true.
KINDS = {
    "down": Kind("sleep 0.2; touch $STATE", ["resolved", "handed_over"]),
    "slow": Kind("sleep 3; touch $STATE", ["resolved", "handed_over"]),
    "stuck": Kind("sleep 0.2; exit 3", ["handed_over"]),
    "healthy": Kind("true", ["self_healed", "handed_over"], False),
}


class Cluster:
    """Everything, started; stop() ends it. folder holds it and, in history/, what the checker reads."""

    def __init__(self, folder):
        self._stack = contextlib.ExitStack()
        self.folder = pathlib.Path(folder)
        self.history = History(self.folder / "history")
        self.nodes, self.doors = {}, {}
        self.deaths = []
        try:
            self._make()
        except BaseException:
            self.stop()
            raise

    def _make(self):
        enter = self._stack.enter_context
        self.pair = enter(Pair(self.folder / "db"))
        self.machine = enter(Sshd(self.folder / "box"))
        self.pagerduty = enter(Simulator(settings=PAGERDUTY, arguments=self.history.simulator_arguments()))
        self.world = World(self.folder, self.pair, self.machine, self.pagerduty)
        self._stack.callback(self.world.stop)
        self.load = Recorded(self.world, self.history, HOSTS, KINDS)
        for region, names in REGIONS.items():
            for name in names:
                self.doors[name] = [enter(Proxy(host.port)) for host in self.pair.hosts]
                ports = ",".join(str(door.port) for door in self.doors[name])
                over = merge(SETTINGS, {"database": {"conninfo": f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname=firstline"}})
                self.nodes[name] = self.world.node(region, name, over=over)
        for region, names in REGIONS.items():
            self.world.point(region, self.nodes[names[0]])

    def stop(self):
        self._stack.close()

    # --- nodes -----------------------------------------------------------------------------------------------------

    def died(self, name):
        """Whether a node ended that nobody killed: a fault of the program, kept with the end of its log."""
        node = self.nodes[name]
        if node.process is None or node.process.poll() is None:
            return False
        self.deaths.append(f"{name} ended by itself with {node.process.returncode}: {node.read_log()[-1500:]}")
        node.process = None
        return True

    def silence(self, name):
        """Nothing passes between the node and either database, though nothing is closed."""
        for door in self.doors[name]:
            door.silence()

    def hear(self, name):
        for door in self.doors[name]:
            door.heal()

    # --- the end ---------------------------------------------------------------------------------------------------

    def settle(self, longest_s):
        """Whether every incident was known, ended and written in that time."""
        try:
            self.load.wait_settled(longest_s, known_within_s=longest_s)
        except TimeoutError:
            return False
        return True

    def same_place(self):
        """Waits until the standby has replayed all."""
        processes.wait_until(lambda: self.pair.primary.query(
            "select bool_and(pg_current_wal_lsn() = replay_lsn) from pg_stat_replication", database="postgres")[0][0], 60,
            "the standby to have replayed all")

    def judge(self, what, settled, **limits):
        """The nodes are stopped first, so that nothing moves while both databases are read."""
        for node in self.nodes.values():
            node.kill()
        self.same_place()
        return self.load.judge(what, {"primary": self.pair.primary.query, "standby": self.pair.standby.query}, settled=settled, **limits)

    def logs(self):
        return {name: node.read_log() for name, node in self.nodes.items()}


