# SPDX-License-Identifier: MIT
"""A firstline node and the world around it: settings, inventory, scenarios, secrets, database, machine, PagerDuty.

    world.scenario("disk-full", TEXT)
    world.inventory({"acme": box.hosts(3)})
    tokyo = world.node("tokyo")
    made = world.trigger("[AMS:disk-full] web1", details={"host": "web1"})
    world.wait_status(made, "resolved")

The binary is FIRSTLINE_BINARY, else build/dev/firstline. What the settings look like is known here only.
"""

import contextlib
import http.client
import os
import pathlib
import signal
import subprocess

import yaml

from tests.kit import faults as faults_kit
from tests.kit import processes
from tests.kit.postgres import forget_clock, free_port, other_clock
from tests.kit.simulator import BOT, TOKEN

ROOT = pathlib.Path(__file__).resolve().parents[2]
# region: (subscription id, its secret) as in the simulator's seed
SUBSCRIPTIONS = {
    "tokyo": ("PHOOKTY", "demo-webhook-secret-tokyo-0000000000000000000000000000000000000001"),
    "osaka": ("PHOOKOS", "demo-webhook-secret-osaka-0000000000000000000000000000000000000001"),
}
SERVICES = [{"id": "PSVCEN1", "customer": "acme"},
            {"id": "PSVCJA1", "customer": "acme", "language": "ja", "time_zone": "Asia/Tokyo"}]


def binary():
    return os.path.abspath(os.environ.get("FIRSTLINE_BINARY", ROOT / "build/dev/firstline"))


def build():
    """The preset of that binary, for evidence."""
    return pathlib.Path(binary()).parent.name


def program(*words, **options):
    """Runs a subcommand to its end; (status, standard output, standard error)."""
    done = subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, errors="replace", check=False,
                          stdin=subprocess.DEVNULL, timeout=120, **options)
    return done.returncode, done.stdout, done.stderr


def merge(base, over):
    """Maps merged key by key; anything else is replaced."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merge(out[key], value) if both else value
    return out


class Node:
    """One `firstline node` process. settings: a file. faults, twin: what a node of the build `faults` is told
    (lib/base/fault.h); both None: the program under test."""

    def __init__(self, name, settings, port, log, faults=None, twin=None, clock=""):
        self.name = name
        self.settings = pathlib.Path(settings)
        self.port = port
        self.log = pathlib.Path(log)
        self.process = None
        self.faults = faults
        self.twin = twin
        self.clock = clock

    def start(self, ready=True):
        told = self.faults is not None or self.twin is not None
        environment = {**os.environ, **other_clock(self.clock)}
        if told:
            environment.update(FIRSTLINE_FAULT=self.faults or "", **({} if self.twin is None else {"FIRSTLINE_TWIN": self.twin}))
        with open(self.log, "ab") as log:
            self.process = processes.start([faults_kit.binary() if told else binary(), "node", "--config", str(self.settings)],
                                           cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        processes.wait_until(self._is_ready, processes.PATIENCE_S, f"node {self.name} to be ready")

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"node {self.name} ended with {self.process.returncode}: {self.read_log()[-4000:]}")
        return self.get("/readyz")[0] == 200

    def get(self, path):
        """(status, body), or (0, why) where nothing answers."""
        try:
            return self.request("GET", path)
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")

    def stop(self, longest_s=processes.PATIENCE_S):
        """The planned stop; its exit status."""
        if self.process is None:
            return None
        self.resume()
        self.process.terminate()
        try:
            return self.process.wait(longest_s)
        finally:
            self.kill()

    def kill(self):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            forget_clock(self.process.pid)
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def is_stopped(self):
        """Whether it stands still by SIGSTOP, from us or by a fault."""
        return processes.state(self.process.pid) == "T"

    def resume(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def wait_log(self, words, times=1, longest_s=processes.PATIENCE_S):
        """Waits until its log has that many lines with the words; the first. A log is written after what it tells of can be seen."""
        def told():
            lines = [line for line in self.read_log().splitlines(keepends=True) if words in line and line.endswith("\n")]
            return lines[0].rstrip("\n") if len(lines) >= times else None
        return processes.wait_until(told, longest_s, f"{words!r} in the log of {self.name}")

    def memory_kib(self, what="VmRSS"):
        """Resident memory of the process; VmHWM: its peak."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1])
        return 0


class World:
    """Everything a node needs, in one folder. Nodes are started by node(); all of them end with stop()."""

    def __init__(self, folder, database, machine, simulator):
        self.folder = pathlib.Path(folder)
        self.database = database
        self.machine = machine
        self.simulator = simulator
        self.nodes = {}
        for name in ("scenarios", "inventory", "secrets"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._secret("token", TOKEN)
        for region, (_, secret) in SUBSCRIPTIONS.items():
            self._secret(f"webhook-{region}", secret)
        if machine is not None:
            self.inventory({"acme": machine.hosts(3)})

    def _secret(self, name, text):
        path = self.folder / "secrets" / name
        path.write_text(text + "\n")
        path.chmod(0o600)

    # --- files -----------------------------------------------------------------------------------------------------

    def scenario(self, name, text):
        (self.folder / "scenarios" / f"{name}.yaml").write_text(text)

    def order(self, *names):
        (self.folder / "scenarios" / "order.yaml").write_text(yaml.safe_dump({"order": list(names)}))

    def inventory(self, customers):
        """customers: {customer: {host: entry}}."""
        for customer, hosts in customers.items():
            text = yaml.safe_dump({"customers": {customer: {"hosts": hosts}}}, allow_unicode=True)
            (self.folder / "inventory" / f"{customer}.yaml").write_text(text)

    def settings(self, region, name, port, over):
        known_hosts = str(self.machine.known_hosts) if self.machine is not None else str(self.folder / "known_hosts")
        base = {
            "cluster": "tests",
            "node": {"name": name, "region": region},
            "database": {"conninfo": self.database.conninfo()},
            "http": {"address": "127.0.0.1", "port": port},
            "files": {"scenarios": "scenarios", "inventory": ["inventory"], "known_hosts": known_hosts},
            "accounts": [{
                "name": "demo", "api_url": self.simulator.url, "events_url": self.simulator.url,
                "token_file": "secrets/token", "from": BOT, "bot_user_ids": ["PBOT001"],
                "subscriptions": [{"id": hook, "secret_files": [f"secrets/webhook-{where}"]}
                                  for where, (hook, _) in SUBSCRIPTIONS.items()],
            }],
            "customers": [{"name": "acme"}],
            "services": SERVICES,
            "log": {"level": "debug"},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(merge(base, over), allow_unicode=True, sort_keys=False))
        return path

    # --- nodes -----------------------------------------------------------------------------------------------------

    def node(self, region="tokyo", name=None, start=True, over=None, faults=None, twin=None,
             ready=True, clock=""):
        """Starts a node of a region and points that region's webhooks at it. over: settings on top. faults, twin, clock: as
        in Node; ready: whether to wait for it."""
        name = name or region
        port = free_port()
        path = self.settings(region, name, port, over or {})
        node = Node(name, path, port, self.folder / f"{name}.log", faults, twin, clock)
        self.nodes[name] = node
        if not self.database.query("select to_regclass('run')")[0][0]:
            status, out, error = program("migrate", "--config", path)
            if status != 0:
                raise RuntimeError(f"migrate: {status}: {out}{error}")
        if start:
            node.start(ready)
            self.point(region, node)
        return node

    def point(self, region, node):
        """The region's webhook subscription delivers to this node from now on."""
        hook = SUBSCRIPTIONS[region][0]
        self.simulator.control("POST", f"subscriptions/{hook}", {"url": f"http://127.0.0.1:{node.port}/webhooks/pagerduty"})

    def only(self, *regions):
        """A person switches off the webhook subscriptions of all other regions (one that PagerDuty disabled by itself would be
        enabled again by the nodes)."""
        for region, (hook, _) in SUBSCRIPTIONS.items():
            self.simulator.control("POST", f"subscriptions/{hook}", {"active": region in regions})

    def stop(self):
        for node in self.nodes.values():
            node.resume() if node.process else None
            node.kill()

    # --- incidents -------------------------------------------------------------------------------------------------

    def trigger(self, title, details=None, **more):
        """Monitoring triggers an incident with one alert; its id."""
        alert = {"summary": title, "details": details or {}}
        return self.simulator.trigger(title, alerts=[alert], **more)["id"]

    def incident(self, incident):
        return self.simulator.incident(incident)

    def wait_status(self, incident, status, longest_s=processes.PATIENCE_S):
        return self._wait(lambda: self.incident(incident)["status"] == status, longest_s,
                          f"incident {incident} to be {status}")

    def wait_note(self, incident, words, longest_s=processes.PATIENCE_S):
        """Waits for a note that holds the words; its text."""
        def found():
            return next((note for note in self.simulator.notes(incident) if words in note), None)
        return self._wait(found, longest_s, f"a note with {words!r} on incident {incident}")

    def wait_ending(self, incident, longest_s=processes.PATIENCE_S):
        """Waits until the last run of the incident has ended; its ending."""
        statement = ("select ending from (select ending, created_at from run where incident_key = %s union all "
                     "select ending, created_at from run_history where incident_key = %s) r "
                     "order by created_at desc limit 1")
        return self._wait(lambda: self.database.one(statement, incident, incident), longest_s,
                          f"the run of incident {incident} to end")

    def _wait(self, true, longest_s, what):
        try:
            return processes.wait_until(true, longest_s, what, every_s=0.1)
        except TimeoutError as error:
            logs = "\n".join(f"--- {node.name}\n{node.read_log()[-3000:]}" for node in self.nodes.values())
            raise TimeoutError(f"{error}\n{logs}") from None
