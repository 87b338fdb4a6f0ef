# SPDX-License-Identifier: MIT
"""What no webhook tells is found by asking: incidents, hands, notes, reopenings, and subscriptions that were switched off. Each
hand of test_run_hands.py again, with PagerDuty silent."""

import contextlib
import time

import pytest

from tests.kit import processes, webhooks
from tests.kit.node import SUBSCRIPTIONS
from tests.kit.stage import HANDS

AIKO = "PAIKO01"
WAITS = "touch collecting; until test -e go; do sleep 0.1; done"
RECOVER_WAITS = "touch recovering; until test -e go; do sleep 0.1; done; touch up"
EVERY_S = 2


@pytest.fixture(scope="module", name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    stage.world.node("tokyo", over={"reconciler": {"every": f"{EVERY_S}s"}})
    return stage


@pytest.fixture(autouse=True)
def heard(stage):
    """Webhooks are on again after each test."""
    yield
    stage.pagerduty.control("POST", "webhooks", {"mode": "on"})


def silence(stage):
    """From now on no webhook comes; those of before count as lost."""
    stage.pagerduty.control("POST", "webhooks", {"mode": "off"})


def runs(stage, incident):
    return stage.database.one("select count(*) from run_key where incident_key = %s", incident)


def found_log(stage, words):
    return any("found by the reconciler" in line and words in line
               for node in stage.world.nodes.values() for line in node.read_log().splitlines())


@pytest.mark.short
def test_an_incident_that_no_webhook_announced(stage):
    """It gets its run, whose journal says how; the webhooks that come late open no second one."""
    silence(stage)
    host = stage.host()
    made = stage.trigger(host)
    stage.ended(made, "resolved")
    assert ("found", "found by the reconciler: open at PagerDuty, and no run had been opened") in stage.decisions(made)
    assert found_log(stage, made)
    told = webhooks.event(dict(webhooks.incident(made, f"[AMS:broken] {host} is down"),
                               created_at=stage.world.incident(made)["created_at"]))
    node = stage.world.nodes["tokyo"]
    assert [webhooks.post(node, told), webhooks.post(node, told), webhooks.post(node, told, region="osaka")] == [202] * 3
    assert runs(stage, made) == 1 and stage.starts(host) == 1


@pytest.mark.parametrize("do", HANDS)
def test_a_person_stops_it(stage, do):
    """Each hand that stops a run, told by nobody: found, the recover does not start, the timeline says who and how."""
    more, words = HANDS[do]
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    silence(stage)
    stage.pagerduty.act(made, AIKO, do, **more)
    stage.database.wait("select touched_by from incident where key = %s", made, expected="Aiko Tanaka")
    stage.touch(host, "go")
    stage.ended(made, "stopped", ["Aiko Tanaka", words])
    assert stage.starts(host) == 0


@pytest.mark.parametrize("do, words", [("resolve", "resolved it"), ("merge", "merg")])
def test_a_person_closes_it(stage, do, words):
    """Resolved or merged by a person, unseen: stopped, and the person named."""
    more = {"into": stage.world.trigger("something else", {})} if do == "merge" else {}
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    silence(stage)
    stage.pagerduty.act(made, AIKO, do, **more)
    stage.database.wait("select closed_by from incident where key = %s", made, expected="Aiko Tanaka")
    stage.touch(host, "go")
    stage.ended(made, "stopped", ["Aiko Tanaka", words], status="resolved")
    assert stage.starts(host) == 0


def test_the_monitor_clears_it(stage):
    """Its alert is over, unseen, during the recover: verify still runs, the ending is resolved, nobody is blamed."""
    host = stage.host(recover=RECOVER_WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "recovering")
    silence(stage)
    stage.pagerduty.clear(made)
    stage.database.wait("select closed_at is not null and closed_by = '' from incident where key = %s", made, expected=True)
    stage.touch(host, "go")
    stage.ended(made, "resolved", ["monitor cleared"], status="resolved")
    assert stage.starts(host) == 1


def test_the_clockwork_is_no_hand(stage):
    """An escalation by timeout, unseen, is read and stops nothing; nor does our own acknowledging."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    before = stage.database.one("select coalesce(shown, '') from incident where key = %s", made)
    silence(stage)
    stage.pagerduty.act(made, None, "escalate", level=2)
    stage.pagerduty.act(made, "firstline@demo.example", "acknowledge")
    stage.database.wait("select shown <> %s and shown like '%%|acknowledged|%%' from incident where key = %s", before, made, expected=True)
    stage.touch(host, "go")
    stage.ended(made, "resolved")
    assert stage.database.one("select touched_at is null from incident where key = %s", made)
    assert stage.starts(host) == 1


def test_a_person_gives_it_back(stage):
    """`firstline stop`, then `firstline go`, both unseen and found at once: the go counts, and the stop is not found again
    after it."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    silence(stage)
    with stage.faults("500", "GET", f"/incidents/{made}/notes$"):
        stage.pagerduty.act(made, AIKO, "note", content="firstline stop")
        stage.pagerduty.act(made, AIKO, "note", content="firstline go")
    stage.database.wait("select touched_at is null and untouched_at is not null from incident where key = %s", made, expected=True)
    looked = stage.database.one("select looked_at::text from incident where key = %s", made)
    stage.database.wait("select looked_at > %s::timestamptz and touched_at is null from incident where key = %s", looked, made, expected=True)
    stage.touch(host, "go")
    stage.ended(made, "resolved")


@pytest.mark.parametrize("seen", [True, False])
def test_a_reopening(stage, seen):
    """Ended, then reopened by a person, announced or not: a second run, and no third from late copies."""
    host = stage.host()
    made = stage.trigger(host)
    stage.ended(made, "resolved")
    if not seen:
        silence(stage)
    processes.wait_until(lambda: webhooks.stamp()[:19] > stage.world.incident(made)["created_at"][:19], 5,
                         "a second that is not the creation's: PagerDuty's log tells no less")
    stage.pagerduty.act(made, AIKO, "reopen")
    stage.database.wait("select count(*) from run_key where incident_key = %s", made, expected=2)
    stage.world.wait_status(made, "resolved")
    stage.pagerduty.control("POST", "webhooks", {"mode": "on"})
    at = stage.world.incident(made)["reopened_at"]
    late = webhooks.event(dict(webhooks.incident(made), reopened_at=at), "incident.reopened")
    late["event"]["occurred_at"] = at
    assert webhooks.post(stage.world.nodes["tokyo"], late) == 202
    rounds(stage, 2)
    assert runs(stage, made) == 2


def test_a_reopening_while_the_run_is_not_over(stage):
    """Resolved and reopened while the recover runs: never two at once, and the reopening gets its run when the first has
    ended."""
    host = stage.host(recover=RECOVER_WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "recovering")
    stage.pagerduty.act(made, AIKO, "resolve")
    stage.database.wait("select status from incident where key = %s", made, expected="resolved")
    stage.pagerduty.act(made, AIKO, "reopen")
    stage.database.wait("select status from incident where key = %s", made, expected="triggered")
    rounds(stage, 2)
    assert runs(stage, made) == 1 and stage.database.one("select count(*) from run where incident_key = %s", made) == 1
    stage.touch(host, "go")
    stage.database.wait("select count(*) from run_key where incident_key = %s", made, expected=2)
    stage.database.wait("select count(*) from (select ending from run where incident_key = %s union all "
                        "select ending from run_history where incident_key = %s) r where ending is not null", made, made, expected=2)
    assert stage.starts(host) == 1


def test_a_resolve_that_is_shown_late(stage):
    """PagerDuty's reads lag behind our resolve, and its times are whole seconds: an incident that is still listed open as of
    the second in which it was resolved was not reopened."""
    host = stage.host(check="echo up")
    for _ in range(30):  # until a run begins and ends within one second
        processes.wait_until(lambda: time.time() % 1 < 0.1, what="the beginning of a second", every_s=0.01)
        made = stage.trigger(host)
        fault = stage.pagerduty.fault("show_late", "PUT", f"/incidents/{made}", seconds=4 * EVERY_S, count=-1)
        assert stage.ending(made) == "self_healed"
        stage.database.wait("select status from incident where key = %s", made, expected="resolved")
        seconds = stage.database.one("select date_trunc('second', resolved_at) - created_at from incident where key = %s", made)
        if not seconds:
            rounds(stage, 2)
        stage.pagerduty.control("DELETE", f"faults/{fault}")
        assert runs(stage, made) == 1, stage.story(made)
        if not seconds:
            return
    pytest.fail("no run began and ended within one second")


def rounds(stage, more):
    """Waits for so many further rounds."""
    statement = "select coalesce(max(round), 0) from turn where name = 'reconcile demo'"  # no row before the first round
    until = stage.database.one(statement) + more
    processes.wait_until(lambda: stage.database.one(statement) >= until, processes.PATIENCE_S, "the reconciler's rounds")


def test_a_disabled_subscription_is_enabled(stage):
    """PagerDuty has switched it off for a day: on again, and alarmed; what a person switched off stays so."""
    hook = SUBSCRIPTIONS["tokyo"][0]
    other = SUBSCRIPTIONS["osaka"][0]
    stage.pagerduty.control("POST", f"subscriptions/{other}", {"active": False})
    stage.pagerduty.control("POST", f"subscriptions/{hook}", {"disable": True})

    def shown(which):
        found = stage.pagerduty.api("GET", f"/webhook_subscriptions/{which}").json["webhook_subscription"]
        return found["active"], found["delivery_method"]["temporarily_disabled"]
    processes.wait_until(lambda: shown(hook) == (True, False), processes.PATIENCE_S, "the subscription to be enabled")
    for words in ("PagerDuty had disabled a webhook subscription", "is enabled again"):
        stage.world.nodes["tokyo"].wait_log(words)
    rounds(stage, 2)
    assert shown(other) == (False, False)
    stage.pagerduty.control("POST", f"subscriptions/{other}", {"active": True})


def test_an_outage_of_webhooks(stage):
    """Twenty incidents while nothing is delivered: all are found; then the webhooks of both regions come, twice,
    in any order: one run each."""
    hosts = [stage.host() for _ in range(20)]
    made = webhooks.unannounced(stage.world, [(f"[AMS:broken] {host} is down", {"host": host}) for host in hosts])
    silence(stage)
    keys = [key for key, _ in made]
    stage.database.wait("select count(*) from run_key where incident_key = any(%s)", keys, expected=len(keys))
    late = [event for _, event in made]
    node = stage.world.nodes["tokyo"]
    for region in ("osaka", "tokyo", "osaka"):
        assert set(webhooks.post_all(node, late[::-1], at_once=10, region=region)) == {202}
    for key in keys:
        stage.world.wait_ending(key)
    assert stage.database.one("select count(*) from run_key where incident_key = any(%s)", keys) == len(keys)
    assert [stage.starts(host) for host in hosts] == [1] * len(hosts)


def test_the_next_node_takes_over(stage):
    """Of two nodes one reconciles at a time; when it is killed the other does."""
    osaka = stage.world.node("osaka", over={"reconciler": {"every": f"{EVERY_S}s"}})
    holder = "select n.name from turn t join node n on n.incarnation = t.holder where t.name = 'reconcile demo'"
    first = processes.wait_until(lambda: stage.database.one(holder), what="a first round")
    dying = stage.world.nodes[first]
    with contextlib.ExitStack() as again:
        again.callback(dying.start)
        dying.kill()
        silence(stage)
        host = stage.host()
        made = stage.trigger(host)
        stage.ended(made, "resolved")
        assert stage.database.one(holder) != first
    osaka.stop()
