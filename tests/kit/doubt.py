# SPDX-License-Identifier: MIT
"""Runs in doubt, made on purpose: a stage whose machine can be cut off, can forget and can reboot, and on which one request's
bytes may arrive late.

    with Proxy(machine.port) as way:
        scene = Scene(make_stage, machine, way)
        hosts = scene.hosts()
        node = scene.node("tokyo", hosts)
        made = scene.at_their_points(hosts, node)     # one run stands at each of POINTS
"""

from tests.kit import processes
from tests.kit.stage import scenario

QUICK = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}}
# Where a worker is lost: `started` is committed and nothing sent; sent, and still on its way; it runs on the machine; it has
# ended there; the worker has read how it ended, and not written it.
POINTS = ["before", "late", "running", "ended", "read"]
STATUS = 3
SAID = "begun by the recover\nGrüße, 終わり\n"
# Stays until it is told to go on; then says what it has to say and ends with a status of its own.
RECOVER = f"touch at; until test -e go; do sleep 0.1; done; printf '{SAID}'; touch up; exit {STATUS}"
AT_ONCE = f"printf '{SAID}'; touch up; exit {STATUS}"
DEADLINE = "4m"  # of the recover, on the machine: none here is to meet it, however slow the machine is
WAIT_S = 120
FOLDER = "home/slow/.local/state/firstline/tests"


class Scene:
    """A stage whose hosts are reached through a relay, by a login shell that may be late."""

    def __init__(self, make_stage, machine, way):
        self.way = way
        machine.write_known_hosts(names=[f"[127.0.0.1]:{port}" for port in (machine.port, way.port)])
        self.stage = make_stage(most=80, user="slow", port=way.port)
        self.machine = machine
        self.stage.machine.sh("mkdir -p /srv/hold; chmod 777 /srv/hold")
        self.stage.world.scenario("broken", scenario(within="6s", timeout=DEADLINE))
        self.count = 0

    def hosts(self):
        """{point: host}; the one whose bytes will be late is told so."""
        made = {point: self.stage.host(recover=AT_ONCE if point in ("before", "late", "read") else RECOVER) for point in POINTS}
        self.stage.machine.sh(f"touch /srv/hold/{self.entry(made['late'])}; chmod 666 /srv/hold/*")
        return made

    def entry(self, host):
        return self.stage.entries[host]["machine"]

    def node(self, region, hosts=None, over=None, faults=None, **more):
        """A node of its own name; hosts: it stands still with the runs of "before" and "read" at their points."""
        self.count += 1
        if hosts:
            faults = ",".join(f"recover.{place}/{hosts[point]}=fail" for place, point in
                              (("journaled", "before"), ("answered", "read")) if point in hosts)
        return self.stage.world.node(region, f"{region}-{self.count}", over=over or QUICK, faults=faults or None, **more)

    def journal(self, incident):
        return self.stage.database.query("select s.state, s.status, s.output, s.doubt from step s join run r on r.id = s.run "
                                         "where r.incident_key = %s and s.verb = 'recover' order by s.attempt", incident)

    def notes(self, incident):
        return "\n".join(note["content"] for note in self.stage.world.incident(incident)["notes"])

    def record(self, host, words):
        """Waits until the machine's own record of the host says so."""
        folder = f"{self.machine.folder}/{FOLDER}/{self.entry(host)}"
        processes.wait_until(lambda: words in self.machine.sh(f"cat {folder}/r.*/*.record 2>/dev/null || true"), WAIT_S,
                             f"the record of {host} to say {words!r}")

    def release_late(self, host):
        """The late bytes arrive; returns when what they began has ended."""
        self.machine.sh(f"rm -f /srv/hold/{self.entry(host)}.held")
        done = f"test -e /srv/hold/{self.entry(host)}.done && echo yes || true"
        processes.wait_until(lambda: self.machine.sh(done).strip() == "yes", WAIT_S, "the late request to end")

    def at_their_points(self, hosts, node):
        """Brings one incident of each host to its point; {point: incident}."""
        made = {point: self.stage.trigger(host) for point, host in hosts.items()}
        database = self.stage.database
        started = ("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'recover' "
                   "and s.state = 'started'")
        for point, incident in made.items():
            database.wait(started, incident, expected=1, longest_s=WAIT_S)
            if point in ("running", "ended"):
                self.stage.wait_file(hosts[point], "at", WAIT_S)
            elif point == "late":
                held = f"test -e /srv/hold/{self.entry(hosts[point])}.held && echo yes || true"
                processes.wait_until(lambda h=held: self.machine.sh(h).strip() == "yes", WAIT_S, "the late request")
            elif point == "read":
                processes.wait_until(lambda p=point: f"place=recover.answered/{hosts[p]}" in node.read_log().replace('"', ''), WAIT_S, "the answer")
        return made

    def end_unheard(self, hosts, node):
        """The recover of "ended" ends while its worker stands still."""
        node.pause()
        self.stage.touch(hosts["ended"], "go")
        self.record(hosts["ended"], "state ended")

    def strike(self, state, hosts):
        if state == "rebooted":
            self.machine.reboot()
        elif state == "emptied":
            for host in hosts.values():
                self.machine.sh(f"rm -rf {self.machine.folder}/{FOLDER}/{self.entry(host)}")
        elif state == "unreachable":
            self.way.refuse()

    def hasten(self, made, seconds=8):
        """Time is nearly up for these runs."""
        self.stage.database.query("update run set give_up_at = clock_timestamp() + %s * interval '1 s' where incident_key = any(%s)",
                                    seconds, list(made.values()))
