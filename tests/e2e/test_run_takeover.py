# SPDX-License-Identifier: MIT
"""What a run survives: its node killed at each kind of step, stopped by plan, or late; the database away. Nothing is lost,
and no recover is done twice."""

import time

import pytest

from tests.kit import processes
from tests.kit.stage import scenario

QUICK = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}, "outbox": {"request": "10s"}}
GATE = "touch at-{0}; until test -e go; do sleep 0.1; done; "
DOWN = "test -e up && echo up || echo down"
# name: (scripts, the file that says that it has come so far)
PLACES = {
    "check": ({"check": f"test -e go || {{ {GATE.format('check')} }}; {DOWN}"}, "at-check"),
    "collect": ({"collect": GATE.format("collect")}, "at-collect"),
    "recover": ({"recover": GATE.format("recover") + "touch up"}, "at-recover"),
    "verify": ({"recover": "touch at-verify", "check": f"test -e at-verify && test -e go && touch up; {DOWN}"}, "at-verify"),
}


@pytest.fixture(name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    stage.world.scenario("broken", scenario(within="60s"))
    return stage


def set_out(stage, places=tuple(PLACES)):
    """One incident at each place: {place: (host, incident)}."""
    made = {}
    for place in places:
        host = stage.host(**PLACES[place][0])
        made[place] = (host, stage.trigger(host))
    for place, (host, _) in made.items():
        stage.wait_file(host, PLACES[place][1])
    return made


def all_resolved(stage, made, words=()):
    for place, (host, incident) in made.items():
        stage.ended(incident, "resolved", words)
        assert stage.starts(host) == 1, f"{place}: {stage.story(incident)}"


@pytest.mark.short
def test_a_node_is_killed_at_each_kind_of_step(stage):
    """SIGKILL while runs are in check, collect, recover, verify, before the resolve, and while a note is being written: the
    other node goes on with each, the recover of each began once."""
    tokyo = stage.world.node("tokyo", over=QUICK)
    made = set_out(stage)
    for place, method, path in (("resolve", "GET", "alerts"), ("note", "POST", "notes")):
        host = stage.host(collect=GATE.format("collect"))
        incident = stage.trigger(host)
        stage.wait_file(host, "at-collect")
        stage.wait_delivered(incident)
        stage.pagerduty.fault("delay" if method == "GET" else "delay_after", method, f"/incidents/{incident}/{path}", ms=9000)
        stage.touch(host, "go")
        stage.database.wait("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'verify' "
                            "and s.outcome = 'healthy'", incident, expected=1)
        made[place] = (host, incident)
    stage.world.node("osaka", over=QUICK)
    tokyo.kill()
    killed = time.monotonic()
    stage.touch(made["recover"][0], "go")  # it ends while nobody looks
    stage.database.wait("select count(*) from run r join node n on n.incarnation = r.holder where n.name = 'tokyo' and r.ended_at is null",
                        expected=0)
    print(f"taken over {time.monotonic() - killed:.1f} s after the kill")
    for host, _ in made.values():
        stage.touch(host, "go")
    all_resolved(stage, made)


def test_a_node_is_killed_as_a_recover_starts(stage):
    """SIGKILL at the moment in which `started` is in the journal: before the command left, or after. The
    successor learns from the machine which it was, and the recover begins once."""
    nodes = {name: stage.world.node(name, over=QUICK) for name in ("tokyo", "osaka")}
    for _ in range(2):
        host = stage.host(recover=GATE.format("recover") + "touch up")
        made = stage.trigger(host)
        started = "select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'recover'"
        processes.wait_until(lambda: stage.database.one(started, made), processes.PATIENCE_S, "the recover's row", every_s=0.005)
        name = stage.holder(made)
        nodes[name].kill()
        stage.touch(host, "go")  # not before: a slow machine would find the run ended
        stage.ending(made)
        nodes[name].start()
        stage.world.point(name, nodes[name])
        stage.ended(made, "resolved")
        assert stage.starts(host) == 1, stage.story(made)


def test_a_recover_that_runs_on_is_waited_for(stage):
    """The successor finds the recover still running on the machine: it waits, and takes its outcome."""
    tokyo = stage.world.node("tokyo", over=QUICK)
    made = set_out(stage, ["recover"])
    stage.world.node("osaka", over=QUICK)
    tokyo.kill()
    host, incident = made["recover"]
    processes.wait_until(lambda: stage.holder(incident) == "osaka", processes.PATIENCE_S, "osaka to take it over")
    time.sleep(2)
    stage.touch(host, "go")
    all_resolved(stage, made, ["tokyo"])


def test_a_planned_stop(stage):
    """A node is asked to leave while runs look and wait: it leaves well, the other goes on, also with a verify that has
    time left."""
    tokyo = stage.world.node("tokyo", over=QUICK)
    made = set_out(stage, ["collect", "verify"])
    stage.world.node("osaka", over=QUICK)
    tokyo.process.terminate()
    stage.database.wait("select count(*) from run r join node n on n.incarnation = r.holder where n.name = 'osaka' and r.incident_key = %s",
                        made["verify"][1], expected=1)
    time.sleep(2)
    for host, _ in made.values():
        stage.touch(host, "go")
    assert tokyo.process.wait(processes.PATIENCE_S) == 0, tokyo.read_log()[-3000:]
    all_resolved(stage, made)


def test_a_late_worker_does_nothing(stage):
    """SIGSTOP for longer than the lease: the other node goes on; the late one wakes, and its commands and writes go nowhere."""
    tokyo = stage.world.node("tokyo", over=QUICK)
    made = set_out(stage, ["collect", "recover", "verify"])
    osaka = stage.world.node("osaka", over=QUICK)
    tokyo.pause()
    for _, incident in made.values():
        processes.wait_until(lambda i=incident: stage.holder(i) == "osaka", processes.PATIENCE_S, "osaka to take it over")
    for host, _ in made.values():
        stage.touch(host, "go")
    stage.database.wait("select count(*) from step where verb = 'recover' and state = 'ended'", expected=3)
    tokyo.resume()
    all_resolved(stage, made)
    tokyo.wait_log("run dropped here")
    assert osaka.process.poll() is None and tokyo.process.poll() is None


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_the_database_is_away_for_some_seconds(stage, how):
    """In mid-run, at each kind of step: the runs go on when it is back, and nothing is done twice."""
    stage.world.node("tokyo", over={**QUICK, "database": {"answer_within": "1s"}})
    made = set_out(stage)
    if how == "stopped":
        stage.database.stop("immediate")
    else:
        stage.database.pause()
    for host, _ in made.values():
        stage.touch(host, "go")
    time.sleep(4)
    if how == "stopped":
        stage.database.start()
    else:
        stage.database.resume()
    all_resolved(stage, made)
