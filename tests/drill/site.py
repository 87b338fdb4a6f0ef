# SPDX-License-Identifier: MIT
"""All that a drill needs, each in its place: the database of two regions, two nodes in each, PagerDuty, and the customers'
machines behind one sshd.

    with Site(folder, ttl=10) as site:
        site.start("tokyo")
        site.nodes["tokyo-1"].kill()
"""

import contextlib
import os
import pathlib
import signal

from tests.drill import probe
from tests.drill.database import Pair
from tests.drill.network import Network
from tests.drill.places import SITES, WITNESS
from tests.kit import processes
from tests.kit.history import History, RECORDER
from tests.kit.node import SUBSCRIPTIONS, Node, World, program
from tests.kit.simulator import Simulator
from tests.kit.sshd import Sshd

HOSTS = 20
NODES_PER_SITE = 2
FIRST_PORT = 8481
# As long as PagerDuty waits for an answer, and repeats that a person can still wait for.
PAGERDUTY = {"webhook_timeout_s": 5.0, "retry_base_s": 1.0, "retry_max_s": 5.0, "rate_limit": 960}


class Placed:
    """What the kit starts and asks, started and asked in a place of the network."""

    network = place = None

    def where(self):
        return self.network.inside(self.place)


class PlacedNode(Placed, Node):
    def __init__(self, network, site, *words):
        super().__init__(*words)
        self.network, self.site, self.place = network, site, f"{site}-nodes"

    def start(self, ready=True):
        with self.where():
            return super().start(ready)

    def request(self, *words, **more):
        with self.where():
            return super().request(*words, **more)

    def alive(self):
        return self.process is not None and self.process.poll() is None


class PagerDuty(Placed, Simulator):
    def __init__(self, network, **more):
        self.network, self.place = network, "pagerduty"
        with self.where():
            super().__init__(**more)
        self.url = f"http://{network.address(self.place)}:{self.port}"

    def request(self, *words, **more):
        with self.where():
            return super().request(*words, **more)


class Site:
    """What is started ends with stop(), and at the latest with this process."""

    def __init__(self, folder, ttl=10):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self._stack = contextlib.ExitStack()
        self.history = History(self.folder / "history")
        self.network = self._stack.enter_context(Network())
        self.database = Pair(self.network, self.folder / "database", ttl)
        self._stack.callback(self.database.stop)
        self.nodes = {}
        self.simulator = self.machine = self.world = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for node in self.nodes.values():
            node.kill()
        self._stack.close()

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self, first):
        """All of it; the first region has the database's primary."""
        self.database.start(first, ("firstline", probe.DATABASE))
        with self.network.inside("customers"):
            self.machine = self._stack.enter_context(Sshd(self.folder / "machine", address=self.network.address("customers")))
        self.machine.sh("mkdir -p /srv/record /srv/state; chmod 777 /srv/record /srv/state")
        self.machine.write("/srv/recorder", RECORDER)
        self.simulator = self._stack.enter_context(PagerDuty(
            self.network, settings=PAGERDUTY, arguments=["--address", "0.0.0.0", *self.history.simulator_arguments()]))
        self.world = World(self.folder / "nodes", self.database, self.machine, self.simulator)
        self._hosts()
        for site in SITES:
            for number in range(1, NODES_PER_SITE + 1):
                self._node(site, number)

    def _hosts(self):
        """The last two names are one machine: what is done there under both must not overlap."""
        entries = self.machine.hosts(HOSTS)
        for number, (name, entry) in enumerate(entries.items(), 1):
            entry["machine"] = name if number < HOSTS else f"web{HOSTS - 1}"
            entry["variables"] = {"machine": entry["machine"]}
        self.world.inventory({"acme": entries})
        self.hosts = {name: entry["machine"] for name, entry in entries.items()}

    def _node(self, site, number):
        name, port = f"{site}-{number}", FIRST_PORT + number - 1
        over = {"http": {"address": "0.0.0.0"}, "log": {"level": "info"}, "cluster": "drill",
                "database": {"conninfo": self.database.conninfo()}}
        path = self.world.settings(site, name, port, over)
        node = PlacedNode(self.network, site, name, path, port, self.folder / f"{name}.log")
        self.nodes[name] = node

    def start_nodes(self):
        """Their tables, then all of them; each region's webhooks go to its first node."""
        first = next(iter(self.nodes.values()))
        with first.where():
            status, out, error = program("migrate", "--config", first.settings)
        if status != 0:
            raise RuntimeError(f"migrate: {status}: {out}{error}")
        for node in self.nodes.values():
            node.start(ready=False)
        for node in self.nodes.values():
            node.wait_ready()
        for site, (hook, _) in SUBSCRIPTIONS.items():
            url = f"http://{self.network.address(f'{site}-nodes')}:{FIRST_PORT}/webhooks/pagerduty"
            self.simulator.control("POST", f"subscriptions/{hook}", {"url": url})

    def nodes_of(self, site):
        return [node for node in self.nodes.values() if node.site == site]

    # --- what may happen to it -------------------------------------------------------------------------------------

    def kill_site(self, site):
        """The region dies: first it is silent, so that no closing socket tells anybody, then nothing there lives."""
        self.network.cut_site(site)
        for node in self.nodes_of(site) if site != WITNESS else ():
            node.process.send_signal(signal.SIGKILL)
        self.database.kill(site)
        for node in self.nodes_of(site) if site != WITNESS else ():
            node.kill()

    def revive_site(self, site):
        self.network.heal_site(site)
        self.database.start_site(site)
        self.database.wait_quorum(site)
        for node in self.nodes_of(site) if site != WITNESS else ():
            node.start(ready=False)

    def errors(self):
        """What the simulator says went wrong in it."""
        return self.simulator.errors() if self.simulator else ""

    def left(self):
        """Processes that still live below us, by name."""
        return sorted(set(processes.descendants(os.getpid()).values()))
