# SPDX-License-Identifier: MIT
"""What only one server has is not done: on two real servers, with the standby silent and its wait ended by an operator's
pg_cancel_backend, which the server answers with success and a warning."""

import contextlib
import threading
import time

import psycopg2
import pytest

from tests.kit import processes, webhooks
from tests.kit.pair import Pair
from tests.kit.stage import scenario

PATIENT = {"lease": {"renew": "1s", "length": "60s", "gap": "30s"}, "database": {"answer_within": "60s"}}
GATE = "touch at-{0}; until test -e go; do sleep 0.2; done; "
LOCAL = "not replicated"
WAITING = "select pid from pg_stat_activity where wait_event = 'SyncRep' and application_name = %s"


@pytest.fixture(name="stage", scope="module")
def fixture_stage(make_stage):
    stage = make_stage(database=Pair)
    stage.world.scenario("broken", scenario(within="60s", timeout="5m"))
    return stage


@pytest.fixture(autouse=True)
def nodes_end(stage):
    yield
    stage.world.stop()
    pair = stage.database
    if pair.standby is None:
        pair.rejoin()
    else:
        pair.standby.resume()


def end_waits(stage, node, lane):
    """Cancels that lane's commits that wait for the standby now."""
    for pid, in stage.database.query(WAITING, f"firstline {node.name} {lane}"):
        stage.database.query("select pg_cancel_backend(%s)", pid)


def end_the_wait(stage, node, lane, *words):
    """The same, until the node's log has a line with all the words."""
    def told():
        end_waits(stage, node, lane)
        return any(all(word in line for word in words) for line in node.read_log().splitlines())
    processes.wait_until(told, processes.PATIENCE_S, f"a wait of {node.name}'s lane {lane} to be cancelled", every_s=0.2)


@contextlib.contextmanager
def locked(stage, table):
    """Nobody writes to the table so long; reading it takes no commit that a standby must see."""
    connection = psycopg2.connect(stage.database.primary.conninfo())
    try:
        connection.cursor().execute(f"lock table {table} in share row exclusive mode")
        yield
    finally:
        connection.rollback()
        connection.close()


def resolved_once(stage, host, incident):
    stage.ended(incident, "resolved")
    assert stage.starts(host) == 1, stage.story(incident)


def test_an_event_is_not_acknowledged(stage):
    """Neither the one whose wait was ended nor its copies, which find it on the primary: 202 only when the standby has it."""
    pair = stage.database
    tokyo = stage.world.node("tokyo", over=PATIENT)
    body = webhooks.event(webhooks.incident("QLOCAL1"))
    pair.standby.pause()
    answers = []
    late = threading.Thread(target=lambda: answers.append(webhooks.post(tokyo, body, limit_s=30)), daemon=True)
    late.start()
    end_the_wait(stage, tokyo, "intake", LOCAL)
    late.join(40)
    assert answers == [503]
    assert pair.one("select count(*) from event where incident_key = 'QLOCAL1'") == 1, "it is there, on this server only"
    assert webhooks.post(tokyo, body, limit_s=30) == 503
    odd = webhooks.event(webhooks.incident("QLOCAL1"), "incident.of_a_kind_to_come")  # stored, and nothing beside
    answers.append(webhooks.post(tokyo, odd, limit_s=30))
    processes.wait_until(lambda: end_waits(stage, tokyo, "intake") or pair.one("select count(*) from event where incident_key = 'QLOCAL1'") == 2, processes.PATIENCE_S, "its row")
    assert webhooks.post(tokyo, odd, limit_s=30) == 503
    assert answers == [503, 503]
    pair.standby.resume()
    processes.wait_until(lambda: webhooks.post(tokyo, body, limit_s=30) == 202, processes.PATIENCE_S, "the event to be taken")
    pair.fail_over("kill")
    assert pair.one("select count(*) from event where incident_key = 'QLOCAL1'") == 2
    assert pair.one("select count(*) from run where incident_key = 'QLOCAL1'") == 1


def test_a_claim_is_not_taken(stage):
    pair = stage.database
    stage.world.node("tokyo", over={**PATIENT, "node": {"roles": ["coordinator"]}})
    osaka = stage.world.node("osaka", over={**PATIENT, "node": {"roles": ["executor"]}})
    stage.world.only("tokyo")
    host = stage.host(check="touch looked; test -e up && echo up || echo down")
    osaka.pause()
    incident = stage.trigger(host)
    pair.wait("select count(*) from run where state = 'waiting'", expected=1)
    pair.standby.pause()
    osaka.resume()
    end_the_wait(stage, osaka, "work", "claiming runs", LOCAL)
    assert pair.one("select n.name from run r join node n on n.incarnation = r.holder where r.incident_key = %s", incident) == "osaka"
    time.sleep(2)
    assert not stage.has(host, "looked")
    pair.standby.resume()
    resolved_once(stage, host, incident)


def test_a_recover_does_not_begin(stage):
    pair = stage.database
    tokyo = stage.world.node("tokyo", over=PATIENT)
    host = stage.host(collect=GATE.format("collect"))
    incident = stage.trigger(host)
    stage.wait_file(host, "at-collect")
    with locked(stage, "guard"):
        stage.touch(host, "go")
        pair.wait("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'firstline tokyo work'",
                  expected=1)
        pair.standby.pause()
    end_the_wait(stage, tokyo, "work", "whether the recover may begin", LOCAL)
    started = "select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'recover'"
    assert pair.one(started, incident) == 1, "it is in the journal, on this server only"
    time.sleep(3)
    assert stage.starts(host) == 0
    pair.standby.resume()
    resolved_once(stage, host, incident)


def test_an_ending_that_went_with_its_primary_is_written_again(stage):
    """The primary showed it as ended, so the node let the run go; the survivor has never heard of it. The node finds that it
    holds the run, and ends it from the journal: no second recover."""
    pair = stage.database
    tokyo = stage.world.node("tokyo", over=PATIENT)
    host = stage.host(collect=GATE.format("collect"))
    incident = stage.trigger(host)
    stage.wait_file(host, "at-collect")
    stage.wait_delivered(incident)
    stage.pagerduty.fault("delay", "GET", f"/incidents/{incident}/alerts", ms=9000)
    stage.touch(host, "go")
    pair.wait("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'verify' "
              "and s.outcome = 'healthy'", incident, expected=1)
    pair.standby.pause()
    end_the_wait(stage, tokyo, "work", "it is read again", LOCAL)
    assert pair.one("select ending from run where incident_key = %s", incident) == "resolved"
    end_the_wait(stage, tokyo, "work", "run dropped here")  # what else waits on that lane is before its reading
    pair.fail_over("kill")
    assert pair.one("select ending from run where incident_key = %s", incident) is None
    resolved_once(stage, host, incident)
    tokyo.wait_log("was not in hand")


@pytest.mark.parametrize("rule", ["hold", "run"])
def test_without_a_standby(stage, rule):
    """The primary has given its standby up: `hold` hands over at the recover, `run` goes on and says so. With the standby back
    both go on."""
    pair = stage.database
    stage.world.node("tokyo", over={**PATIENT, "runs": {"without_standby": rule}})
    pair.alone()
    host = stage.host()
    if rule == "hold":
        stage.ended(stage.trigger(host), "handed_over", ["standby"])
        assert stage.starts(host) == 0
    else:
        stage.ended(stage.trigger(host), "resolved", ["standby"])
        assert stage.starts(host) == 1
    pair.together()
    host = stage.host()
    note = stage.ended(stage.trigger(host), "resolved")
    assert stage.starts(host) == 1 and "standby" not in note
