# SPDX-License-Identifier: MIT
"""Who takes what a lost or leaving worker held: any other, also one without a scenario of its own; in doubt first, beyond its
slots by half; and at a planned stop at once, one node after the other, with nothing lost and nothing looked at twice."""

import json
import threading
import time

from tests.kit import processes
from tests.kit.fixtures import fixture_pair_stage  # noqa: F401

QUICK = {"lease": {"renew": "500ms", "length": "3s", "gap": "2s"}}
STEADY = {"lease": {"renew": "1s", "length": "30s", "gap": "15s"}}  # nobody is reaped while a test asks who does what
GATE = "touch at-{0}; until test -e go; do sleep 0.2; done; "
HELD = "select count(*) from run r join node n on n.incarnation = r.holder where n.name = %s and r.ended_at is null"


def test_a_worker_without_scenarios_takes_over_in_doubt_first(stage):
    """One node of four slots is killed with its own eight runs, two of them in a recover; the other has room for four and a
    half more, so it takes six at once, the two in doubt among them, and the rest when it has room."""
    pair = stage.database
    (stage.world.folder / "none").mkdir()
    tokyo = stage.world.node("tokyo", over={**QUICK, "node": {"slots": 8}})
    hosts = {}
    for n in range(8):
        verb = "recover" if n in (3, 7) else "collect"
        host = stage.host(**{verb: GATE.format(verb) + ("touch up" if verb == "recover" else "")})
        hosts[host] = (verb, stage.trigger(host))
    for host, (verb, _) in hosts.items():
        stage.wait_file(host, f"at-{verb}")
    stage.world.node("osaka", over={**QUICK, "node": {"slots": 4}, "files": {"scenarios": "none"}})
    stage.world.only("tokyo")
    tokyo.kill()
    pair.wait(HELD, "osaka", expected=6)
    time.sleep(2.5)  # twice as long as it waits between its claims
    assert pair.one(HELD, "osaka") == 6
    held = {key for key, in pair.query("select r.incident_key from run r join node n on n.incarnation = r.holder where n.name = 'osaka'")}
    doubtful = {incident for verb, incident in hosts.values() if verb == "recover"}
    assert doubtful <= held
    for host, (_, incident) in hosts.items():
        stage.touch(host, "go")
    for host, (_, incident) in hosts.items():
        stage.ended(incident, "resolved")
        assert stage.starts(host) == 1, stage.story(incident)


def gaps(pair):
    """Between the end of a step and the start of the next of the same run, where another worker went on: seconds."""
    rows = pair.query("""
        select extract(epoch from s.started_at - b.ended_at)::float8
          from (select * from step union all select * from step_history) s
          join lateral (select * from (select * from step union all select * from step_history) p
                         where p.run = s.run and p.attempt < s.attempt and p.ended_at is not null
                         order by p.attempt desc limit 1) b on true
         where s.epoch <> b.epoch order by 1""")
    return [gap for gap, in rows]


def test_a_rolling_restart_under_load(stage):
    """Three nodes leave and come back one after the other while runs are at each kind of step. Nobody's lease runs out; each run
    goes on at a boundary: no look is left without its outcome, no recover is asked about, everything is done once."""
    pair = stage.database
    names = ("tokyo", "osaka", "nara")
    few = {**STEADY, "node": {"slots": 2}}  # so that all three have work
    nodes = {name: stage.world.node("osaka" if name == "nara" else name, name, over=few) for name in names}
    made = {}
    enough = threading.Event()

    def load():
        while not enough.wait(0.7) and len(made) < 50:
            host = stage.host(check="sleep 0.5; test -e up && echo up || echo down", collect="sleep 1.5", recover="sleep 1; touch up")
            made[host] = stage.trigger(host)
    loader = threading.Thread(target=load, daemon=True)
    loader.start()
    for name, node in nodes.items():
        pair.wait(f"select ({HELD}) > 0", name)
        node.process.terminate()
        assert node.process.wait(60) == 0, node.read_log()[-3000:]
        assert pair.one("select count(*) from node where name = %s and not dead", name) == 0
        node.start()
    enough.set()
    loader.join()
    for host, incident in made.items():
        stage.ended(incident, "resolved")
        assert stage.starts(host) == 1, stage.story(incident)
    logs = "".join(node.read_log() for node in nodes.values())
    assert "reaped a node" not in logs and "in doubt" not in logs
    assert pair.one("select count(*) from node where dead and dead_why <> 'left'") == 0
    journal = "(select * from step union all select * from step_history) s"
    assert pair.query(f"select * from {journal} where s.state = 'started'") == []
    given = pair.one("select count(*) from (select * from decision union all select * from decision_history) d where kind = 'handed_back'")
    assert given >= 1, "no run was handed back: the load was too thin to say anything"
    print(f"{len(made)} runs, {given} handed back; from a step's end to the successor's next: {', '.join(f'{gap:.2f}' for gap in gaps(pair))} s")


def test_a_stop_frees_each_run_at_its_own_boundary(stage):
    """A node that leaves with one run in a long look and one that waits between two looks: the second goes on elsewhere while the
    first still holds the node up."""
    pair = stage.database
    tokyo = stage.world.node("tokyo", over=STEADY)
    long = stage.host(collect=GATE.format("collect"))
    waits = stage.host(recover="touch done", check="test -e go && touch up; test -e up && echo up || echo down")
    made = {host: stage.trigger(host) for host in (long, waits)}
    stage.wait_file(long, "at-collect")
    stage.wait_file(waits, "done")
    stage.world.node("osaka", over=STEADY)
    tokyo.process.terminate()
    processes.wait_until(lambda: stage.holder(made[waits]) == "osaka", processes.PATIENCE_S, "osaka to have the run that waits")
    assert tokyo.process.poll() is None and stage.holder(made[long]) == "tokyo"
    assert ("handed_back", "tokyo is stopping") in [(kind, text[:17]) for kind, text in stage.decisions(made[waits])]
    for host in made:
        stage.touch(host, "go")
    assert tokyo.process.wait(60) == 0
    for host, incident in made.items():
        stage.ended(incident, "resolved")
        assert stage.starts(host) == 1, stage.story(incident)


def test_a_node_without_scenarios_leaves_new_runs(make_stage):
    """Its folder was not mounted: it takes in events and waits for a node that has scenarios, and says so. When no node has had any
    for a minute, also after a reload, people are told of each incident."""
    stage = make_stage()
    database, world = stage.database, stage.world
    (world.folder / "none").mkdir()
    world.node("tokyo", "before").stop()
    database.query("update node set renewed_at = renewed_at + interval '1 hour'")  # it is restarted: however slow this machine is
    bare = world.node("osaka", over={"files": {"scenarios": "none"}})
    world.only("osaka")
    host = stage.host()
    incident = stage.trigger(host)
    waits(stage, incident)
    status, shown = bare.get("/readyz")
    assert status == 200 and json.loads(shown)["scenarios"]["state"] == "away", shown
    bare.wait_log("leaves new runs to nodes that have")
    tokyo = world.node("tokyo")
    stage.ended(incident, "resolved")
    assert "run ended" not in bare.read_log() and stage.starts(host) == 1
    for path in (world.folder / "scenarios").glob("*.yaml"):
        path.unlink()
    tokyo.reload()
    processes.wait_until(lambda: json.loads(tokyo.get("/readyz")[1])["scenarios"]["state"] == "away", processes.PATIENCE_S, "the reload to be told of")
    database.wait("select count(*) from node where not dead and scenario_set = ''", expected=2)
    database.query("update node set renewed_at = renewed_at + interval '1 hour' where dead")
    incident = stage.trigger(stage.host())
    waits(stage, incident)
    database.query("update node set renewed_at = renewed_at - interval '2 hours' where dead")
    database.query("update run set created_at = created_at - interval '1 min' where ended_at is null")
    stage.ended(incident, "unmatched", "No node has any scenario", starts=False)


def waits(stage, incident):
    """Through some looks for work of every live node."""
    stage.database.wait("select count(*) from run where incident_key = %s and state = 'waiting'", incident, expected=1)
    before = stage.database.one("select min(beat) from node where not dead")
    stage.database.wait("select min(beat) >= %s from node where not dead", before + 3)
    assert stage.database.one("select state from run where incident_key = %s", incident) == "waiting", stage.story(incident)
