# SPDX-License-Identifier: MIT
"""A recover in doubt, at each point at which its worker can be lost or its connection can break, with the machine well,
rebooted, emptied or out of reach. A recorder on the host, which the fence does not know, says how often it really began: at most
once, and as the journal claims. docs/doubt.md is the table that these tests walk."""

import dataclasses

import pytest

from tests.kit import processes
from tests.kit.proxy import Proxy
from tests.kit.stage import scenario

QUICK = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}}
POINTS = ["before", "late", "running", "ended", "read"]
STATUS = 3
SAID = "begun by the recover\nGrüße, 終わり\n"
# Stays until it is told to go on; then says what it has to say, on both streams, and ends with a status of its own.
RECOVER = f"touch at; until test -e go; do sleep 0.1; done; printf '{SAID}'; touch up; exit {STATUS}"
AT_ONCE = f"printf '{SAID}'; touch up; exit {STATUS}"
FOLDER = "home/slow/.local/state/firstline/tests"

NEVER = "before \"start it\" began"
ENDED = f"found that it had ended with status {STATUS}"
RUNS = "found it running still, and waits for it"
FORGOT = "has rebooted or lost its records since"
UNREACHED = "has not been able to ask"


@dataclasses.dataclass
class Cell:
    """What must come of one point: the ending, how often the recover began, what the timeline says, the journal."""
    ending: str
    starts: int
    words: tuple
    journal: list


HEALED = [("ended", STATUS)]
ANEW = [("not_started", None), ("ended", STATUS)]
UNKNOWN = [("ended", None)]
WELL = {"before": Cell("resolved", 1, (NEVER,), ANEW), "late": Cell("resolved", 1, (NEVER,), ANEW),
        "running": Cell("resolved", 1, (RUNS, ENDED), HEALED), "ended": Cell("resolved", 1, (ENDED,), HEALED),
        "read": Cell("resolved", 1, (ENDED,), HEALED)}
EXPECTED = {
    "well": WELL,
    # The record of what had ended outlives a reboot; nothing else proves anything.
    "rebooted": {"before": Cell("handed_over", 0, (FORGOT,), UNKNOWN), "late": Cell("handed_over", 0, (FORGOT,), UNKNOWN),
                 "running": Cell("handed_over", 1, (FORGOT,), UNKNOWN), "ended": WELL["ended"], "read": WELL["read"]},
    "emptied": {"before": Cell("handed_over", 0, (FORGOT,), UNKNOWN), "late": Cell("handed_over", 0, (FORGOT,), UNKNOWN),
                "running": Cell("handed_over", 1, (FORGOT,), UNKNOWN), "ended": Cell("resolved", 1, (FORGOT,), UNKNOWN),
                "read": Cell("resolved", 1, (FORGOT,), UNKNOWN)},
    # Handed over at once; the journal is completed when the machine can be asked again.
    "unreachable": {point: Cell("handed_over", starts, (UNREACHED, "CAREFUL"), journal) for point, starts, journal in (
        ("before", 0, [("not_started", None)]), ("late", 0, [("not_started", None)]), ("running", 1, HEALED),
        ("ended", 1, HEALED), ("read", 1, HEALED))},
}
AT_LAST = {"before": "never started there", "late": "never started there", **{
    point: f"had ended with status {STATUS}" for point in ("running", "ended", "read")}}


class Scene:
    """A stage whose hosts are reached through a relay, by a login shell that may be late."""

    def __init__(self, make_stage, machine, way):
        self.way = way
        machine.write_known_hosts(names=[f"[127.0.0.1]:{port}" for port in (machine.port, way.port)])
        self.stage = make_stage(most=80, user="slow", port=way.port)
        self.machine = machine
        self.stage.machine.sh("mkdir -p /srv/hold; chmod 777 /srv/hold")
        self.stage.world.scenario("broken", scenario(within="6s"))
        self.count = 0

    def hosts(self):
        """{point: host}; the one whose bytes will be late is told so."""
        made = {point: self.stage.host(recover=AT_ONCE if point in ("before", "late", "read") else RECOVER) for point in POINTS}
        self.stage.machine.sh(f"touch /srv/hold/{self.entry(made['late'])}; chmod 666 /srv/hold/*")
        return made

    def entry(self, host):
        return self.stage.entries[host]["machine"]

    def node(self, region, hosts=None, over=None, **faults):
        """A node of its own name; hosts: it stands still with the runs of "before" and "read" at their points."""
        self.count += 1
        told = hosts and ",".join(f"recover.{place}/{hosts[point]}=fail" for place, point in
                                  (("journaled", "before"), ("answered", "read")) if point in hosts)
        return self.stage.world.node(region, f"{region}-{self.count}", over=over or QUICK, faults=told or None, **faults)

    def journal(self, incident):
        return self.stage.database.query("select s.state, s.status, s.output, s.doubt from step s join run r on r.id = s.run "
                                         "where r.incident_key = %s and s.verb = 'recover' order by s.attempt", incident)

    def notes(self, incident):
        return "\n".join(note["content"] for note in self.stage.world.incident(incident)["notes"])

    def record(self, host, words):
        """Waits until the machine's own record of the host says so."""
        folder = f"{self.machine.folder}/{FOLDER}/{self.entry(host)}"
        processes.wait_until(lambda: words in self.machine.sh(f"cat {folder}/r.*/*.record 2>/dev/null || true"), 40,
                             f"the record of {host} to say {words!r}")

    def release_late(self, host):
        """The late bytes arrive; returns when what they began has ended."""
        self.machine.sh(f"rm -f /srv/hold/{self.entry(host)}.held")
        done = f"test -e /srv/hold/{self.entry(host)}.done && echo yes || true"
        processes.wait_until(lambda: self.machine.sh(done).strip() == "yes", 40, "the late request to end")

    def at_their_points(self, hosts, node):
        """Brings one incident of each host to its point; {point: incident}."""
        made = {point: self.stage.trigger(host) for point, host in hosts.items()}
        database = self.stage.database
        started = ("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'recover' "
                   "and s.state = 'started'")
        for point, incident in made.items():
            database.wait(started, incident, expected=1)
            if point in ("running", "ended"):
                self.stage.wait_file(hosts[point], "at")
            elif point == "late":
                held = f"test -e /srv/hold/{self.entry(hosts[point])}.held && echo yes || true"
                processes.wait_until(lambda h=held: self.machine.sh(h).strip() == "yes", 40, "the late request")
            elif point == "read":
                processes.wait_until(lambda p=point: f"place=recover.answered/{hosts[p]}" in node.read_log().replace('"', ''), 40, "the answer")
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


def once(scene, make):
    """What make(key) gives, made once; where that fails, each test that asks fails with its reason, at once."""
    done = {}

    def get(*key):
        if key not in done:
            try:
                done[key] = make(*key)
            except Exception as error: # told by every test of the group
                done[key] = error
            scene.way.admit()
            for node in scene.stage.world.nodes.values():
                node.kill()
        if isinstance(done[key], Exception):
            raise RuntimeError(f"the group {key} failed") from done[key]
        return done[key]
    return get


@pytest.fixture(scope="module", name="scene")
def fixture_scene(make_stage, machine):
    with Proxy(machine.port) as way:
        yield Scene(make_stage, machine, way)


def settle(scene, state, hosts, made):
    """What the test does while the runs go on: lets what runs end, and the late bytes arrive, once it is known what was found."""
    if state == "well":
        scene.stage.world.wait_note(made["running"], RUNS)
        scene.stage.touch(hosts["running"], "go")
    for incident in made.values():
        scene.stage.ending(incident, 90)
        scene.stage.wait_delivered(incident)
    if state == "unreachable":
        scene.stage.touch(hosts["running"], "go")
        scene.way.admit()
        for point, incident in made.items():
            scene.stage.world.wait_note(incident, AT_LAST[point], 90)
    if state != "rebooted": # which has ended them
        scene.release_late(hosts["late"])
    if state == "emptied":
        scene.stage.touch(hosts["running"], "go")
        scene.stage.wait_file(hosts["running"], "up")


def check(scene, cell, host, incident, at_last=None):
    story = scene.stage.story(incident)
    assert scene.stage.ending(incident) == cell.ending, story
    assert scene.stage.starts(host) == cell.starts, story
    journal = scene.journal(incident)
    assert [(state, status) for state, status, _, _ in journal] == cell.journal, (journal, story)
    notes = scene.notes(incident)
    for word in (*cell.words, *([at_last] if at_last else [])):
        assert word in notes, (word, story)
    for state, status, output, doubt in journal:
        if status == STATUS: # what nobody heard is kept to the byte
            assert output == SAID, output
            assert "  | begun by the recover\n  | Grüße, 終わり\n" in notes, story
        assert doubt or journal[0][3], journal
    return notes


GROUPS = [("killed", "well"), ("killed", "rebooted"), ("killed", "emptied"), ("killed", "unreachable"), ("paused", "well"),
          ("paused", "unreachable")]


@pytest.fixture(scope="module", name="successor_groups")
def fixture_successor_groups(scene):
    def group(how, state):
        """All five points at once: one worker stands at each of them, is lost, and another goes on."""
        hosts = scene.hosts()
        lost = scene.node("tokyo", hosts)
        made = scene.at_their_points(hosts, lost)
        scene.end_unheard(hosts, lost)
        if how == "killed":
            lost.kill()
        scene.strike(state, hosts)
        if state == "unreachable":
            scene.hasten(made)
        successor = scene.node("osaka")
        settle(scene, state, hosts, made)
        if how == "paused":
            lost.resume() # its incarnation is over: it does nothing any more
            processes.wait_until(lambda: "run dropped here" in lost.read_log(), 40, "the late worker to drop its runs")
        return hosts, made, lost.name, successor.name
    return once(scene, group)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("how,state", GROUPS)
def test_a_successor_finds_out(scene, successor_groups, how, state, point):
    hosts, made, lost, successor = successor_groups(how, state)
    notes = check(scene, EXPECTED[state][point], hosts[point], made[point], AT_LAST[point] if state == "unreachable" else None)
    assert f"Worker {lost} was lost" in notes and successor in notes, notes


SAME = ["well", "rebooted", "unreachable"]


@pytest.fixture(scope="module", name="broken_groups")
def fixture_broken_groups(scene):
    def group(state):
        """The worker lives on, and its connections break: while it stands still, so that all points are struck at once."""
        hosts = {point: host for point, host in scene.hosts().items() if point in ("late", "running", "ended")}
        long = {"lease": {"renew": "1s", "length": "60s", "gap": "20s"}}
        node = scene.node("tokyo", over=long)
        made = scene.at_their_points(hosts, node)
        scene.end_unheard(hosts, node)
        if state == "unreachable":
            scene.way.refuse()
        else:
            scene.way.cut()
            scene.strike(state, hosts)
        node.resume()
        if state == "unreachable":
            for incident in made.values(): # its own time is short: the run's row is not read again
                scene.stage.pagerduty.act(incident, "PAIKO01", "acknowledge")
        settle(scene, state, hosts, made)
        return hosts, made, node.name
    return once(scene, group)


@pytest.mark.parametrize("point", ["late", "running", "ended"])
@pytest.mark.parametrize("state", SAME)
def test_the_same_worker_finds_out(scene, broken_groups, state, point):
    """Where the machine stays out of reach, a person takes over meanwhile: they are told at once that it may still start."""
    hosts, made, node = broken_groups(state)
    cell = EXPECTED[state][point]
    if state == "unreachable":
        cell = dataclasses.replace(cell, ending="stopped", words=(*cell.words, "Aiko Tanaka"))
    notes = check(scene, cell, hosts[point], made[point], AT_LAST[point] if state == "unreachable" else None)
    assert f"The connection to {hosts[point]} broke" in notes and node in notes, notes


LOST_COMMITS = {
    "the outcome's request": ("lose_request", b'"doubt":false', ENDED, HEALED),
    "the outcome's answer": ("lose_answer", b'"doubt":false', None, HEALED),
    "the guards' request": ("lose_request", b"recover_start", None, HEALED),
    "the guards' answer": ("lose_answer", b"recover_start", NEVER, ANEW),
}


@pytest.mark.parametrize("what", LOST_COMMITS)
def test_the_database_is_lost_at_a_commit(scene, what):
    """The same worker does not know whether it wrote: it reads its run again, and asks the machine where the journal is open."""
    how, word, sentence, journal = LOST_COMMITS[what]
    database = scene.stage.database
    with Proxy(database.port) as way:
        over = {**QUICK, "database": {"conninfo": database.conninfo().replace(f"port={database.port}", f"port={way.port}")}}
        node = scene.node("tokyo", over=over)
        host = scene.stage.host(recover=RECOVER)
        made = scene.stage.trigger(host)
        scene.stage.database.wait("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s "
                                  "and s.verb = 'collect'", made, expected=1)
        if "guards" in what:
            getattr(way, how)(word)
        scene.stage.wait_file(host, "at") if what != "the guards' answer" else None
        if "outcome" in what:
            getattr(way, how)(word)
        scene.stage.touch(host, "go")
        scene.stage.ended(made, "resolved", longest_s=90)
        assert way.lost == 1, what
        node.stop()
    assert scene.stage.starts(host) == 1, scene.stage.story(made)
    assert [row[:2] for row in scene.journal(made)] == journal, scene.stage.story(made)
    assert scene.journal(made)[-1][2] == SAID
    assert sentence is None or ("The connection to the database broke" in scene.notes(made) and sentence in scene.notes(made))
