# SPDX-License-Identifier: MIT
"""What follows a doubt: the step's own rules, a person's hand, the token that is owed, a change that the database refuses, and
a node whose clock is wrong."""

import json
import re
import signal

import pytest

from tests.kit import processes
from tests.kit.doubt import DEADLINE, QUICK, RECOVER, SAID, STATUS, WAIT_S, Scene
from tests.kit.node import program
from tests.kit.proxy import Proxy
from tests.kit.stage import scenario

AIKO = "PAIKO01"
LONG = {"lease": {"renew": "1s", "length": "60s", "gap": "20s"}}  # outlives a pause by SIGSTOP


@pytest.fixture(scope="module", name="scene")
def fixture_scene(make_stage, machine):
    with Proxy(machine.port) as way:
        scene = Scene(make_stage, machine, way)
        for rule in ("verify", "rerun", "hand_over"):
            name = rule.replace("_", "-")
            scene.stage.world.scenario(name, scenario(name, within="4s", unsure=rule, timeout=DEADLINE))
        scene.stage.world.scenario("end", scenario("end", within="2s", unsure="verify\n    running: end", timeout=DEADLINE))
        scene.stage.world.scenario("patient", scenario("patient", within="60s", timeout=DEADLINE))
        yield scene


@pytest.fixture(autouse=True)
def _clean(scene):
    yield
    scene.way.admit()
    for node in scene.stage.world.nodes.values():
        node.kill()


def begin(scene, keyword="broken", recover=RECOVER):
    """A run whose recover is on the machine: (host, incident)."""
    host = scene.stage.host(recover=recover)
    made = scene.stage.trigger(host, keyword)
    scene.stage.wait_file(host, "at", WAIT_S)
    return host, made


def run_of(scene, incident):
    return scene.stage.database.one("select id::text from run where incident_key = %s", incident)


@pytest.mark.parametrize("place", ["settling.begun", "settling.answered"])
def test_a_worker_is_killed_while_it_settles(scene, place):
    """A successor dies with the question on its lips, or with the answer in its hands and nothing written; the next one asks
    again. The recover has begun once, and what it said is in the journal to the byte."""
    tokyo = scene.node("tokyo")
    host, made = begin(scene)
    tokyo.kill()
    osaka = scene.node("osaka", faults=f"{place}=kill", ready=False)
    assert osaka.process.wait(WAIT_S) == -signal.SIGKILL
    assert f"place={place}" in osaka.read_log()
    scene.node("tokyo")
    scene.stage.touch(host, "go")
    scene.stage.ended(made, "resolved", longest_s=WAIT_S)
    assert scene.stage.starts(host) == 1
    assert [row[:3] for row in scene.journal(made)] == [("ended", STATUS, SAID)]


def test_the_machine_has_forgotten_and_unsure_decides(scene):
    """verify: looked whether it helped. rerun: a new attempt, which begins once. hand_over: the ending is in the transaction that
    says that the outcome will not be known, so that no successor can come between."""
    node = scene.node("tokyo", over=LONG)
    made = {rule: begin(scene, rule) for rule in ("verify", "rerun", "hand-over")}
    node.pause()
    for host, _ in made.values():
        scene.stage.touch(host, "go")
        scene.record(host, "state ended")
        scene.strike("emptied", {"one": host})
    scene.way.cut()
    node.resume()
    database = scene.stage.database
    for rule, ending, starts, words in (
            ("verify", "resolved", 1, "it is now checked whether it helped"), ("rerun", "resolved", 2, "it is started once more"),
            ("hand-over", "handed_over", 1, "a person goes on from here")):
        host, incident = made[rule]
        note = scene.stage.ended(incident, ending, [words, "has rebooted or lost its records since"], longest_s=WAIT_S)
        assert scene.stage.starts(host) == starts, scene.stage.story(incident)
        assert "CAREFUL" not in note
    assert [row[:2] for row in scene.journal(made["rerun"][1])] == [("ended", None), ("ended", STATUS)]
    same = "select r.xmin = s.xmin and not r.doubt from run r join step s on s.run = r.id where r.incident_key = %s and s.verb = 'recover'"
    assert database.one(same, made["hand-over"][1]), "the ending is not in the transaction of the doubt's end"
    keys = [incident for _, incident in made.values()]
    assert database.one("select count(*) from token_debt d join run r on r.id = d.run where r.incident_key = any(%s)", keys) == 0


@pytest.mark.parametrize("who", ["a successor", "the same worker"])
def test_running_end(scene, who):
    """`running: end`: what is found running still is ended on the machine, and counts as failed."""
    node = scene.node("tokyo", over=QUICK if who == "a successor" else LONG)
    host, made = begin(scene, "end")
    if who == "a successor":
        node.kill()
        scene.node("osaka")
    else:
        scene.way.cut()
    note = scene.stage.ended(made, "handed_over", ["found it running still and ended it", "as the scenario says"], longest_s=WAIT_S)
    assert scene.stage.starts(host) == 1 and not scene.stage.has(host, "up"), note
    assert [row[0] for row in scene.journal(made)] == ["ended"]
    assert scene.stage.database.one("select s.signal from step s join run r on r.id = s.run where r.incident_key = %s and "
                                    "s.verb = 'recover'", made) in ("TERM", "KILL"), scene.stage.story(made)


def test_a_person_takes_over_while_it_is_in_doubt_and_runs(scene):
    """What runs, ends, and is not cut off: then the run is stopped, and says who took over and how it ended."""
    scene.node("tokyo", over=LONG)
    host, made = begin(scene)
    scene.way.cut()
    scene.stage.world.wait_note(made, "found it running still, and waits for it", WAIT_S)
    scene.stage.pagerduty.act(made, AIKO, "acknowledge")
    scene.stage.database.wait("select touched_by from incident where key = %s", made, expected="Aiko Tanaka", longest_s=WAIT_S)
    scene.stage.touch(host, "go")
    scene.stage.ended(made, "stopped", ["Aiko Tanaka", f"had ended with status {STATUS}"], status="acknowledged", longest_s=WAIT_S)
    assert scene.stage.starts(host) == 1 and scene.stage.has(host, "up")


def test_a_person_resolves_during_the_verify(scene):
    """It still says what our recover did; the ending is the person's."""
    scene.node("tokyo", over=LONG)
    host = scene.stage.host(recover="touch done", check="test -e healed && echo up || echo down")
    made = scene.stage.trigger(host, "patient")
    scene.stage.wait_file(host, "done", WAIT_S)
    scene.stage.pagerduty.act(made, AIKO, "resolve")
    scene.stage.database.wait("select closed_by from incident where key = %s", made, expected="Aiko Tanaka", longest_s=WAIT_S)
    assert scene.stage.database.one("select ended_at is null from run where incident_key = %s", made)
    scene.stage.touch(host, "healed")
    scene.stage.ended(made, "stopped", ["Aiko Tanaka", "resolved it", 'After: "up"'], status="resolved", longest_s=WAIT_S)


def test_a_change_that_the_database_refuses(scene):
    """Its content is one that Postgres does not take: the run ends at once, with what is known, instead of waiting for its time;
    the outcome that could not be written is asked for once more."""
    names = [f"box{80 - n}" for n in (0, 1)]  # the last ones
    scene.node("tokyo", over=LONG, faults=f"change.refused/{names[0]}=fail@2,change.refused/{names[1]}=fail@4")
    made = []
    for name in names:
        scene.stage.host(name, recover=f"printf '{SAID}'; exit {STATUS}")
        made.append(scene.stage.trigger(name))
    scene.stage.ended(made[0], "handed_over", ["Something in firstline itself is broken", "Changed on box"], longest_s=WAIT_S)
    assert scene.stage.starts(names[0]) == 0
    scene.stage.world.wait_note(made[1], f"had ended with status {STATUS}", WAIT_S)
    notes = scene.notes(made[1])
    assert "Something in firstline itself is broken" in notes and "Handed over." in notes, scene.stage.story(made[1])
    assert [(row[0], row[1], row[2]) for row in scene.journal(made[1])] == [("ended", STATUS, SAID)]
    assert scene.stage.starts(names[1]) == 1


def owed(node):
    return json.loads(node.get("/readyz")[1])["tokens_owed"]


def test_a_token_is_owed_until_it_is_there(scene):
    """The run ends while the machine cannot be reached; every worker that saw it is lost; another one delivers the token, and
    the journal, the timeline, /readyz and `firstline runs` say so. What never can be delivered is given up after a week."""
    tokyo = scene.node("tokyo")
    host, made = begin(scene)
    other_host, other = begin(scene)
    tokyo.kill()
    scene.way.refuse()
    scene.hasten({"one": made, "other": other}, 5)
    osaka = scene.node("osaka")
    for incident in (made, other):
        scene.stage.ended(incident, "handed_over", ["CAREFUL", "may still start", "firstline goes on asking"], longest_s=WAIT_S)
    scene.stage.touch(host, "go")
    scene.stage.touch(other_host, "go")
    processes.wait_until(lambda: owed(osaka) == 2, WAIT_S, "two tokens to be owed")
    run = run_of(scene, made)
    scene.stage.database.wait("select error <> '' from token_debt where run::text = %s", run)
    status, out, error = program("runs", run, "--config", osaka.settings)
    assert status == 0 and "token owed" in out and f"may still start on {host}" in out, out + error
    osaka.kill()
    scene.stage.database.query("update token_debt set created_at = created_at - interval '8 days' where run::text = %s",
                               run_of(scene, other))
    third = scene.node("tokyo")
    scene.stage.world.wait_note(other, "firstline asks no more", WAIT_S)
    scene.way.admit()
    scene.stage.world.wait_note(made, "Nothing of this run can start there any more", WAIT_S)
    processes.wait_until(lambda: owed(third) == 0, WAIT_S, "no token to be owed")
    assert [row[:3] for row in scene.journal(made)] == [("ended", STATUS, SAID)]
    assert [row[:2] for row in scene.journal(other)] == [("started", None)]
    status, out, error = program("runs", run, "--config", third.settings)
    assert "token owed" not in out and f"had ended with status {STATUS}" in out, out + error
    notes = scene.notes(made)
    assert third.name in notes and "  | begun by the recover\n" in notes, notes
    assert scene.stage.starts(host) == 1


@pytest.mark.parametrize("clock", ["-60m", "+60m"])
def test_a_clock_that_is_wrong_gives_nothing_up(scene, clock):
    """An hour off: neither give_up_at nor the verify's window passes too early, for the first holder as for the successor, and what
    is told of times is told by the database's clock."""
    scene.node("tokyo", clock=clock)
    host = scene.stage.host(recover="touch at", check="test -e healed && echo up || echo down")
    made = scene.stage.trigger(host, "patient")
    scene.stage.wait_file(host, "at", WAIT_S)
    looks = "select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'verify' and s.state = 'ended'"
    processes.wait_until(lambda: scene.stage.database.one(looks, made) >= 1, WAIT_S, "a first look")
    next(reversed(scene.stage.world.nodes.values())).kill()
    scene.node("osaka", clock=clock)
    seen = scene.stage.database.one(looks, made)
    processes.wait_until(lambda: scene.stage.database.one(looks, made) >= seen + 2, WAIT_S, "the successor to look on")
    scene.stage.touch(host, "healed")
    note = scene.stage.ended(made, "resolved", longest_s=WAIT_S)
    times = note.split("What was done")[1].splitlines()[0]
    assert " h " not in times, note
    off_s = ("select extract(epoch from ended_at at time zone 'UTC' - (ended_at at time zone 'UTC')::date - %s::interval)::int %% 86400 from "
             "(select incident_key, ended_at from run union all select incident_key, ended_at from run_history) r where incident_key = %s")
    told = re.search(r"ended (\d\d:\d\d:\d\d)", times).group(1)
    assert min(off := scene.stage.database.one(off_s, told, made), 86400 - off) < 1800, f"an hour off: {note}"
