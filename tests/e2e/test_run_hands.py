# SPDX-License-Identifier: MIT
"""Whose hand it was: people stop a run, the monitor and PagerDuty's clockwork and we ourselves do not; what the run did not
look at is not hidden by resolving."""

import time

import pytest

from tests.kit.stage import HANDS, NOT_HEALED, scenario

AIKO = "PAIKO01"
# The collect waits for the test, so that a hand comes surely after the check and before the recover.
WAITS = "touch collecting; until test -e go; do sleep 0.1; done"
RECOVER_WAITS = "touch recovering; until test -e go; do sleep 0.1; done; touch up"


@pytest.fixture(scope="module", name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    stage.world.scenario("slow-verify", scenario("slow-verify", within="40s"))
    stage.world.node("tokyo", over={"services": [
        {"id": "PSVCEN1", "customer": "acme"},
        {"id": "PSVCJA1", "customer": "acme", "acknowledge": "while-running", "language": "ja"}]})
    return stage


@pytest.mark.parametrize("do", HANDS)
def test_a_person_before_the_recover_stops_it(stage, do):
    """No recover starts, the run is stopped, the timeline says who and how, nobody else is called."""
    more, words = HANDS[do]
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    level = 2 if do == "escalate" else 1
    stage.pagerduty.act(made, AIKO, do, **more)
    stage.ended(made, "stopped", ["Aiko Tanaka", words])
    assert stage.starts(host) == 0
    assert stage.world.incident(made)["level"] == level


@pytest.mark.short
def test_a_person_during_the_recover(stage):
    """What runs, ends; then the run is stopped, and says what was done."""
    host = stage.host(recover=RECOVER_WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "recovering")
    stage.pagerduty.act(made, AIKO, "acknowledge")
    stage.database.wait("select touched_by from incident where key = %s", made, expected="Aiko Tanaka")
    stage.touch(host, "go")
    stage.ended(made, "stopped", ["Aiko Tanaka", "start it"], status="acknowledged")
    assert stage.starts(host) == 1


def test_a_person_who_resolves_stops_it(stage):
    """A resolve that is not ours, before the recover: stopped, the person named."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    stage.pagerduty.act(made, AIKO, "resolve")
    stage.ended(made, "stopped", ["Aiko Tanaka"], status="resolved")
    assert stage.starts(host) == 0


def test_a_merge_stops_it(stage):
    """Merged into another incident by a person: stopped, and says so."""
    other = stage.world.trigger("something else", {})
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    stage.pagerduty.act(made, AIKO, "merge", into=other)
    stage.ended(made, "stopped", ["Aiko Tanaka", "merg"], status="resolved")
    assert stage.starts(host) == 0


def test_the_clockwork_is_no_hand(stage):
    """PagerDuty's escalation by timeout, in mid-run, stops nothing."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    stage.pagerduty.act(made, None, "escalate", level=2)
    stage.database.wait("select count(*) from event where incident_key = %s and type = 'incident.escalated'", made, expected=1)
    stage.touch(host, "go")
    stage.ended(made, "resolved")
    assert stage.starts(host) == 1


def test_our_own_hand_stops_nothing(stage):
    """acknowledge: while-running: our acknowledge, titles and notes come back as webhooks and are not taken for a person's."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host, service="PSVCJA1")
    stage.world.wait_status(made, "acknowledged")
    stage.database.wait("select count(*) from event where incident_key = %s and type = 'incident.acknowledged'", made, expected=1)
    stage.touch(host, "go")
    stage.ended(made, "resolved", language="ja")
    assert stage.starts(host) == 1


def test_the_monitor_clears_before_the_recover(stage):
    """self_healed, nobody is blamed, no recover."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    stage.pagerduty.clear(made)
    note = stage.ended(made, "self_healed", ["monitor cleared"], status="resolved")
    assert "took over" not in note and "closed the incident" not in note, note
    assert stage.starts(host) == 0


@pytest.mark.short
def test_the_monitor_clears_during_the_recover(stage):
    """The recover ends, verify still runs, and the ending is resolved."""
    host = stage.host(recover=RECOVER_WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "recovering")
    stage.pagerduty.clear(made)
    stage.database.wait("select closed_at is not null from incident where key = %s", made, expected=True)
    stage.touch(host, "go")
    stage.ended(made, "resolved", ["monitor cleared", "start it"], status="resolved")
    assert stage.starts(host) == 1
    assert stage.database.one("select count(*) from step s join run r on r.id = s.run where s.verb = 'verify' and "
                              "s.outcome = 'healthy' and r.incident_key = %s", made) == 1


def test_the_monitor_clears_during_verify(stage):
    """After a recover the verify still tells; resolved, and nobody is blamed."""
    host = stage.host(recover="touch verifying", check="test -e go && touch up; test -e up && echo up || echo down")
    made = stage.trigger(host, "slow-verify")
    stage.wait_file(host, "verifying")
    stage.pagerduty.clear(made)
    stage.database.wait("select closed_at is not null from incident where key = %s", made, expected=True)
    stage.touch(host, "go")
    stage.ended(made, "resolved", ["start it"], status="resolved")
    assert stage.starts(host) == 1


def test_a_new_alert_is_not_hidden(stage):
    """An alert that came during the run: not resolved, handed over, named."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    stage.pagerduty.add_alert(made, summary="the other thing", details={"host": "elsewhere"})
    stage.touch(host, "go")
    stage.ended(made, "handed_over", ["the other thing", "Resolving would hide"], status="triggered")
    assert stage.starts(host) == 1


def test_alerts_that_name_different_hosts(stage):
    """Two alerts, two hosts: handed over, listing both."""
    one, two = stage.host(), stage.host()
    made = stage.pagerduty.trigger("[AMS:broken] two hosts", alerts=[{"summary": host, "details": {"host": host}} for host in (one, two)])["id"]
    stage.ended(made, "handed_over", [one, two, "different hosts"], starts=False)
    assert (stage.starts(one), stage.starts(two)) == (0, 0)


def test_acknowledged_before_the_run_looks(stage):
    """A person was faster than the webhook's run: nothing starts, and the person has a name."""
    host = stage.host()
    with stage.faults("500", "GET", "/incidents"):  # nobody can look
        made = stage.trigger(host)
        stage.database.wait("select count(*) from run where incident_key = %s", made, expected=1)
        stage.pagerduty.act(made, AIKO, "acknowledge")
    stage.ended(made, "stopped", ["Aiko Tanaka"], starts=False, status="acknowledged")
    assert stage.starts(host) == 0


# Hands of which the webhook comes after the recover was due. name: (who, act, more, the ending, what it says)
LATE = {
    **{do: (AIKO, do, more, "stopped", ["Aiko Tanaka", words]) for do, (more, words) in HANDS.items() if do != "note"},
    "clockwork": (None, "escalate", {"level": 2}, "resolved", []),
    "nobody": (None, None, {}, "resolved", []),
}
TOLD = "select count(*) from event where incident_key = %s and type not in ('incident.triggered', 'incident.annotated')"


def escalated_and_given_back(stage, incident):
    """No webhook tells of the escalation, and one of the `firstline go` a second later (PagerDuty's log knows whole seconds)."""
    stage.pagerduty.control("POST", "webhooks", {"mode": "off"})
    stage.pagerduty.act(incident, AIKO, "escalate", level=2)
    time.sleep(1.1)
    stage.pagerduty.control("POST", "webhooks", {"mode": "on"})
    stage.pagerduty.act(incident, AIKO, "note", content="firstline go")
    stage.database.wait("select untouched_at is not null from incident where key = %s", incident, expected=True)


def test_a_hand_whose_webhook_is_late(make_stage):
    """The opening is older than 15 s: before the recover the incident and its log are asked, each once. A person's hand that shows
    only there stops the run and is named; what a person gave back, and the clockwork, stop nothing. The webhooks that come then
    change nothing."""
    stage = make_stage()
    stage.world.node("tokyo", over={"reconciler": {"every": "1h"}})
    hosts = {name: stage.host(collect=WAITS) for name in (*LATE, "given back")}
    made = {name: stage.trigger(host, age_s=60) for name, host in hosts.items()}
    for host in hosts.values():
        stage.wait_file(host, "collecting")
    escalated_and_given_back(stage, made["given back"])
    stage.pagerduty.control("POST", "webhooks", {"mode": "paused"})
    for name, (who, do, more, _, _) in LATE.items():
        if do:
            stage.pagerduty.act(made[name], who, do, **more)
    for host in hosts.values():
        stage.touch(host, "go")
    stage.ended(made["given back"], "resolved")
    for name, (_, _, _, ending, words) in LATE.items():
        stage.ended(made[name], ending, words, status="acknowledged" if name == "acknowledge" else None)
        assert stage.starts(hosts[name]) == (ending == "resolved"), name
        assert stage.database.one(TOLD, made[name]) == 0, "its webhook was not late"
        looks = stage.pagerduty.requests(method="GET", path=f"/incidents/{made[name]}/log_entries")
        assert len(looks) == 1 + (ending == "resolved"), looks  # before the recover; before the resolve
    stage.pagerduty.control("POST", "webhooks", {"mode": "on"})
    for name, (_, do, _, ending, _) in LATE.items():
        if do:
            stage.database.wait(TOLD.replace("count(*)", "count(*) > 0"), made[name], expected=True)
        assert stage.starts(hosts[name]) == (ending == "resolved"), name


def test_a_person_gives_it_back(stage):
    """`firstline go` as a note after `firstline stop`, both before the recover is due: the run may go on or has stopped,
    but no webhook makes it hang."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    stage.pagerduty.act(made, AIKO, "note", content="firstline stop")
    stage.ending(made)
    stage.pagerduty.act(made, AIKO, "note", content="firstline go")
    stage.database.wait("select touched_at is null from incident where key = %s", made, expected=True)
    stage.ended(made, "stopped", ["Aiko Tanaka"])
    assert NOT_HEALED and stage.starts(host) == 0
