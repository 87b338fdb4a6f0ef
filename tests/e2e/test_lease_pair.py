# SPDX-License-Identifier: MIT
"""The lease on two real servers: nobody alive is called dead, whatever the standby, a promotion, a clock or a lost answer do;
and a database that went back in time is noticed."""

import concurrent.futures
import time

import pytest
import yaml

from tests.kit import processes, webhooks
from tests.kit.fixtures import fixture_pair_stage  # noqa: F401
from tests.kit.node import program
from tests.kit.pair import Pair
from tests.kit.proxy import Proxy
from tests.kit.stage import scenario

SLOW = {"lease": {"renew": "1s", "length": "6s", "gap": "3s"}}
SILENT_S = 8
GATE = "touch at-{0}; until test -e go; do sleep 0.2; done; "
OVER = "this incarnation is over"
UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-"


def beats(stage):
    """{node: (incarnation, beat)} of the live ones."""
    return {name: (who, beat) for name, who, beat in stage.database.query("select name, incarnation, beat from node where not dead")}


def wait_steady(stage, names, rounds=8):
    """Until each has renewed so often that it may reap."""
    stage.database.wait("select count(*) from node where not dead and beat >= %s", rounds, expected=len(names))


def nobody_reaped(stage, before):
    """The same incarnations live, and each has renewed since."""
    processes.wait_until(lambda: {name: who for name, (who, _) in beats(stage).items()} == {name: who for name, (who, _) in before.items()}
                         and all(beats(stage)[name][1] >= beat + 3 for name, (_, beat) in before.items()), processes.PATIENCE_S, "every node to go on renewing")
    assert stage.database.one("select count(*) from node where dead") == 0
    for node in stage.world.nodes.values():
        assert OVER not in node.read_log() and "reaped a node" not in node.read_log(), node.read_log()[-3000:]


def set_out(stage, verbs=("collect", "recover")):
    """One incident that stands still in each verb: {verb: (host, incident)}."""
    made = {}
    for verb in verbs:
        host = stage.host(**{verb: GATE.format(verb) + ("touch up" if verb == "recover" else "")})
        made[verb] = (host, stage.trigger(host))
    for verb, (host, _) in made.items():
        stage.wait_file(host, f"at-{verb}")
    return made


def all_resolved(stage, made):
    for host, _ in made.values():
        stage.touch(host, "go")
    for verb, (host, incident) in made.items():
        stage.ended(incident, "resolved")
        assert stage.starts(host) == 1, f"{verb}: {stage.story(incident)}"


def test_a_standby_is_silent(stage):
    """For longer than a lease, with runs at a look and at a recover, at default times: every commit waits; nobody is reaped, no
    wait is cancelled, events get 503, and what waited goes on when it answers again."""
    pair = stage.database
    with Proxy(pair.hosts[0].port) as way:
        conninfo = f"host=127.0.0.1 port={way.port} user=postgres dbname=firstline"
        over = {**SLOW, "database": {"conninfo": conninfo, "answer_within": "500ms", "parked": 1}}
        nodes = {name: stage.world.node(region, name, over=over) for name, region in (("tokyo", "tokyo"), ("osaka", "osaka"), ("nara", "osaka"))}
        made = set_out(stage)
        wait_steady(stage, nodes)
        before = beats(stage)
        pair.standby.pause()
        since = time.monotonic()
        body = webhooks.event(webhooks.incident("QSILENT1"))
        most = 0
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            answers = [pool.submit(webhooks.post, nodes["tokyo"], body, limit_s=60)]
            for host, _ in made.values():
                stage.touch(host, "go")
            while time.monotonic() < since + SILENT_S or len(answers) < 20:
                other = webhooks.event(webhooks.incident(f"QSILENT{len(answers) + 1}"))
                answers.append(pool.submit(webhooks.post, nodes["tokyo"], other, limit_s=60))
                most = max(most, *(processes.connected(node.process.pid, way.port) for node in nodes.values()))
                time.sleep(0.3)
            assert {answer.result() for answer in answers} == {503}
        assert pair.waiting() > 0
        pair.standby.resume()
        nobody_reaped(stage, before)
        all_resolved(stage, made)
        assert 4 < most <= 8, "four lanes, each with its connection and one that is parked"
        processes.wait_until(lambda: webhooks.post(nodes["tokyo"], body) == 202, processes.PATIENCE_S, "the event to be taken")
        assert pair.one("select seen > 1 from event where incident_key = 'QSILENT1'")
        assert way.cancels == 0
        assert "canceling" not in pair.read_log()


def test_a_promotion_with_clocks_apart(make_stage):
    """Two nodes whose wall clocks are an hour apart, two servers 25 s apart: the standby is promoted, once to the clock that is
    ahead and once back. Runs go on, nobody alive is reaped, and a node that is killed then is taken over."""
    stage = make_stage(database=lambda folder: Pair(folder, clocks=("", "+25s")))
    stage.world.scenario("broken", scenario(within="60s", timeout="5m"))
    pair = stage.database
    nodes = {name: stage.world.node(name, over=SLOW, clock=clock) for name, clock in (("tokyo", "-30m"), ("osaka", "+30m"))}
    for back in (False, True):
        made = set_out(stage)
        wait_steady(stage, nodes)
        before = beats(stage)
        pair.fail_over("pause")
        nobody_reaped(stage, before)
        all_resolved(stage, made)
        if not back:
            pair.rejoin()
    made = set_out(stage)
    name = stage.holder(made["collect"][1])
    nodes[name].kill()
    all_resolved(stage, made)
    other = nodes["osaka" if name == "tokyo" else "tokyo"]
    other.wait_log(f"reaped={name}")


@pytest.mark.parametrize("twin", [None, "reap-at-once"])
def test_a_node_that_was_silent_through_a_promotion_lives(make_stage, twin):
    """By the new primary's clock its lease ended long ago, by its own it holds: the other, which sees the new primary first, must
    not call it dead. A twin that reaps as soon as a row looks so does: this test would see it."""
    stage = make_stage(database=lambda folder: Pair(folder, clocks=("", "+40s")))
    pair = stage.database
    patient = {"lease": {"renew": "1s", "length": "30s", "gap": "15s"}}
    with Proxy(pair.hosts[0].port) as one, Proxy(pair.hosts[1].port) as two:
        conninfo = f"host=127.0.0.1,127.0.0.1 port={one.port},{two.port} user=postgres dbname=firstline"
        stage.world.node("tokyo", over=patient, twin=twin)
        stage.world.node("osaka", over={**patient, "database": {"conninfo": conninfo}})
        wait_steady(stage, ["tokyo", "osaka"], 2)
        before = beats(stage)
        for way in (one, two):
            way.silence()
        pair.fail_over("kill")
        assert pair.one("select lease_until < clock_timestamp() from node where name = 'osaka'"), "it looks dead"
        pair.wait("select beat > %s from node where name = 'tokyo'", before["tokyo"][1] + 2)
        dead = pair.one("select dead from node where name = 'osaka'")
        assert dead == (twin is not None)
        for way in (one, two):
            way.heal()
        if twin is None:
            nobody_reaped(stage, before)


@pytest.mark.parametrize("twin", [None, "no-own-lease"])
def test_a_worker_that_cannot_show_its_lease_starts_nothing(make_stage, twin):
    """It stood still for longer than its lease right after the guards let its recover begin, and nobody was there to take over:
    it does not send the command, says so in the journal, renews, and asks the guards anew."""
    stage = make_stage()
    stage.world.scenario("broken", scenario(within="60s", timeout="5m"))
    host = stage.host()
    here = stage.world.folder / "granted"
    lease = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}}
    tokyo = stage.world.node("tokyo", over=lease, twin=twin, faults=f"recover.granted=touch:{here},recover.granted=stop")
    incident = stage.trigger(host)
    processes.wait_until(here.exists, processes.PATIENCE_S, "the guards to let it begin")
    time.sleep(3)
    tokyo.resume()
    stage.ended(incident, "resolved")
    assert stage.starts(host) == 1
    why = [why for why, in stage.database.query("select why from step s join run r on r.id = s.run where r.incident_key = %s "
                                                "and s.verb = 'recover' order by s.attempt", incident)]
    assert (why[0] == "this worker could not show its lease") == (twin is None), why


def test_an_answer_is_lost(stage):
    """The connection breaks after the server did it and before its answer came: of a renewal, a claim that took a run, the start
    of a recover, a step's outcome. The node lives on, and everything is done once."""
    pair = stage.database
    with Proxy(pair.hosts[0].port) as way:
        over = {"database": {"conninfo": f"host=127.0.0.1 port={way.port} user=postgres dbname=firstline"}}
        stage.world.node("tokyo", over=over)
        wait_steady(stage, ["tokyo"], 2)
        before = beats(stage)
        for lost, (word, matching) in enumerate(((b"node_renew", b""), (b"run_claim", UUID), (b"recover_start", b""), (b"run_write", b"")), 1):
            way.lose_answer(word, matching)
            host = stage.host()
            incident = stage.trigger(host)
            stage.ended(incident, "resolved")
            assert stage.starts(host) == 1, f"{word}: {stage.story(incident)}"
            processes.wait_until(lambda n=lost: way.lost == n, processes.PATIENCE_S, f"the answer to {word} to be lost")
        nobody_reaped(stage, before)


@pytest.mark.parametrize("kept", ["an old beat", "no row"])
def test_history_is_lost(make_stage, kept):
    """Both servers go on from an old backup: the node notices by its own row, sets the switch before it joins again, alarms, and
    no recover starts until a person releases it."""
    stage = make_stage(database=Pair, settings=None)
    stage.world.scenario("broken", scenario(within="60s", timeout="5m"))
    pair = stage.database
    secret = stage.world.folder / "secrets" / "alarm"
    secret.write_text("demo0000000000000000000000000001\n")
    secret.chmod(0o600)
    over = {**SLOW, "accounts": alarmed(stage)}
    tokyo = stage.world.node("tokyo", start=False, over=over)
    if kept == "no row":
        pair.keep("early")
    tokyo.start()
    stage.world.point("tokyo", tokyo)
    wait_steady(stage, ["tokyo"], 2)
    if kept == "an old beat":
        pair.keep("early")
    made = set_out(stage, ["collect"])
    wait_steady(stage, ["tokyo"], 8)
    pair.restore("early")
    pair.wait("select count(*) from control where scope = 'history-lost' and set_by = 'tokyo'", expected=1)
    host = stage.host()
    incident = stage.trigger(host)
    note = stage.ended(incident, "handed_over")
    assert "history-lost" in note and stage.starts(host) == 0
    for gone, _ in made.values():
        stage.touch(gone, "go")
    processes.wait_until(lambda: any("acknowledged commits are gone" in shown["title"] for shown in stage.pagerduty.state()["incidents"]), processes.PATIENCE_S,
                         "an alarm")
    tokyo.wait_log(OVER)
    status, out, error = program("go", "history-lost", "--config", tokyo.settings)
    assert status == 0 and "released" in out, out + error
    host = stage.host()
    stage.ended(stage.trigger(host), "resolved")
    assert stage.starts(host) == 1


def alarmed(stage):
    """The accounts of a node's settings, with a key for alarms about itself."""
    path = stage.world.settings("tokyo", "plain", 1, {})
    accounts = yaml.safe_load(path.read_text())["accounts"]
    accounts[0]["alarm_routing_key_file"] = "secrets/alarm"
    return accounts
