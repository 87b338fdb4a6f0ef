# SPDX-License-Identifier: MIT
"""A recover in doubt, at each point at which its worker can be lost or its connection can break, with the machine well,
rebooted, emptied or out of reach. A recorder on the host, which the fence does not know, says how often it really began: at most
once, and as the journal claims. docs/doubt.md is the table that these tests walk."""

import dataclasses

import pytest

from tests.kit import processes
from tests.kit.doubt import POINTS, QUICK, RECOVER, SAID, STATUS, WAIT_S, Scene
from tests.kit.proxy import Proxy

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
        scene.stage.world.wait_note(made["running"], RUNS, WAIT_S)
        scene.stage.touch(hosts["running"], "go")
    for incident in made.values():
        scene.stage.ending(incident, WAIT_S)
        scene.stage.wait_delivered(incident, WAIT_S)
    if state == "unreachable":
        scene.stage.touch(hosts["running"], "go")
        scene.way.admit()
        for point, incident in made.items():
            scene.stage.world.wait_note(incident, AT_LAST[point], WAIT_S)
    if state != "rebooted": # which has ended them
        scene.release_late(hosts["late"])
    if state == "emptied":
        scene.stage.touch(hosts["running"], "go")
        scene.stage.wait_file(hosts["running"], "up", WAIT_S)


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
            processes.wait_until(lambda: "run dropped here" in lost.read_log(), WAIT_S, "the late worker to drop its runs")
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
        host = scene.stage.host(recover=RECOVER, collect="touch collecting; until test -e collected; do sleep 0.1; done")
        made = scene.stage.trigger(host)
        scene.stage.wait_file(host, "collecting", WAIT_S)
        if "guards" in what:
            getattr(way, how)(word)
        scene.stage.touch(host, "collected")
        scene.stage.wait_file(host, "at", WAIT_S) if what != "the guards' answer" else None
        if "outcome" in what:
            getattr(way, how)(word)
        scene.stage.touch(host, "go")
        scene.stage.ended(made, "resolved", longest_s=WAIT_S)
        assert way.lost == 1, what
        node.stop()
    assert scene.stage.starts(host) == 1, scene.stage.story(made)
    assert [row[:2] for row in scene.journal(made)] == journal, scene.stage.story(made)
    assert scene.journal(made)[-1][2] == SAID
    assert sentence is None or ("The connection to the database broke" in scene.notes(made) and sentence in scene.notes(made))
