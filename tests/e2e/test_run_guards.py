# SPDX-License-Identifier: MIT
"""What keeps a recover from starting: modes, stop switches, recurrence, time, and PagerDuty that cannot be asked."""

import time

import pytest

from tests.kit.node import program
from tests.kit.stage import scenario

WAITS = "touch collecting; until test -e go; do sleep 0.1; done"


@pytest.fixture(scope="module", name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    stage.world.scenario("other", scenario("other"))
    stage.world.scenario("short", scenario("short", more="give_up_after: 10s\n"))
    stage.world.scenario("policy", scenario("policy", more="not_healed: { hand_over: { policy: PPOL002 } }\n"))
    stage.world.scenario("plain", scenario("plain", more="", within="1s"))
    stage.pagerduty.control("POST", "seed", EXTRA)
    stage.world.inventory({"capped": {"capped1": dict(stage.entries["box1"], machine="capped-machine", aliases=["c1"])}})
    stage.world.node("tokyo", over={"customers": [{"name": "acme"}, {"name": "capped", "mode": "shadow"}],
                                    "services": [{"id": "PSVCEN1", "customer": "acme"},
                                                 {"id": "PSVCJA1", "customer": "acme", "first_responder": "bot"},
                                                 {"id": "PSVCCAP", "customer": "capped"}]})
    return stage


EXTRA = {"accounts": [{"name": "demo",
                       "escalation_policies": [{"id": "PPOL002", "name": "Databases", "levels": [
                           {"users": ["sam@demo.example"], "delay_s": 1800}]}],
                       "services": [
                           {"id": "PSVCCAP", "name": "capped service", "escalation_policy": "PPOL001", "routing_key": "demo0000000000000000000000000003", "integration_id": "PINTCA1"},
                           {"id": "PSVCNON", "name": "nobody's service", "escalation_policy": "PPOL001", "routing_key": "demo0000000000000000000000000004", "integration_id": "PINTNO1"}]}]}


def switch(stage, *words):
    status, out, error = program(*words, "--config", stage.world.nodes["tokyo"].settings)
    assert status == 0, out + error


@pytest.mark.parametrize("scope", ["global", "region tokyo", "customer acme", "scenario broken"])
def test_a_stop_switch(stage, scope):
    """firstline stop, thrown while the run collects: no recover, a journal row and a sentence; firstline go releases."""
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    switch(stage, "stop", *scope.split(), "--why", "the test says so")
    thrown = time.monotonic()
    stage.touch(host, "go")
    try:
        assert stage.ending(made) == "handed_over"
        print(f"stop {scope}: in force {time.monotonic() - thrown:.2f} s after the command ended")
        stage.ended(made, "handed_over", ["stop switch", "the test says so", "firstline go"])
        assert stage.starts(host) == 0
        assert any("stop switch" in text for _, text in stage.decisions(made)), stage.decisions(made)
    finally:
        switch(stage, "go", *scope.split())
    again = stage.host()
    stage.ended(stage.trigger(again), "resolved")


def test_a_stop_switch_of_others(stage):
    """Another region's, customer's or scenario's switch holds nothing up here."""
    for scope in ("region osaka", "customer capped", "scenario other"):
        switch(stage, "stop", *scope.split(), "--why", "not for this")
    try:
        stage.ended(stage.trigger(stage.host()), "resolved")
        host = stage.host()
        stage.ended(stage.trigger(host, "other"), "handed_over", ["stop switch"])
        assert stage.starts(host) == 0
    finally:
        for scope in ("region osaka", "customer capped", "scenario other"):
            switch(stage, "go", *scope.split())


def test_the_third_time_in_a_day(stage):
    """The same recover on the same machine a third time: handed over, and the timeline says that it keeps coming back."""
    host = stage.host()
    for _ in range(2):
        stage.ended(stage.trigger(host), "resolved")
        stage.machine.sh(f"rm /srv/{host}/up")
    made = stage.trigger(host)
    stage.ended(made, "handed_over", ["keeps coming back"])
    assert stage.starts(host) == 2
    other = stage.trigger(host, "other")
    stage.ended(other, "resolved")


def test_a_customer_that_is_capped_to_shadow(stage):
    """mode: shadow of the customer holds over a scenario with auto."""
    stage.host()
    stage.machine.sh("mkdir -p /srv/capped1; cd /srv/capped1; echo 'echo down' >check; echo true >collect; echo 'touch up' >recover")
    made = stage.world.trigger("[AMS:broken] capped1", {"host": "capped1"}, service="PSVCCAP")
    stage.ended(made, "shadowed", ["start it"], status="triggered")
    assert stage.starts("capped1") == 0


def test_a_service_without_customer(stage):
    """The service belongs to no customer: handed over, nothing contacted."""
    host = stage.host()
    made = stage.trigger(host, service="PSVCNON")
    stage.ended(made, "handed_over", ["belongs to no customer"], starts=False)


BOT_ENDINGS = {
    "handed_over": ({"check": "nosuchcommand"}, "plain", True),
    "unmatched": ({}, "nothing-like-it", False),
}


@pytest.mark.parametrize("ending", BOT_ENDINGS)
def test_with_the_bot_as_first_responder_what_is_not_healed_escalates(stage, ending):
    """first_responder: bot: level 2 at once."""
    scripts, keyword, starts = BOT_ENDINGS[ending]
    made = stage.trigger(stage.host(**scripts), keyword, service="PSVCJA1")
    stage.ended(made, ending, starts=starts)
    assert stage.world.incident(made)["level"] == 2


def test_with_the_bot_as_first_responder_what_is_healed_does_not(stage):
    """first_responder: bot, healed: nobody is called."""
    made = stage.trigger(stage.host(), service="PSVCJA1")
    stage.ended(made, "resolved")
    assert stage.world.incident(made)["level"] == 1


def test_with_people_as_first_responders_nothing_escalates(stage):
    """first_responder: people, and a scenario that does not say whom to call: the level stays."""
    made = stage.trigger(stage.host(recover="true"), "plain")
    stage.ended(made, "handed_over")
    assert stage.world.incident(made)["level"] == 1


def test_handed_over_to_another_policy(stage):
    """not_healed: { hand_over: { policy } }: the incident moves to that policy."""
    made = stage.trigger(stage.host(recover="true"), "policy")
    stage.ended(made, "handed_over")
    assert stage.world.incident(made)["escalation_policy"]["id"] == "PPOL002"


def test_pagerduty_is_down_while_reading(stage):
    """500 for some seconds at the start: the run waits for it and then heals."""
    host = stage.host()
    with stage.faults("500", "GET", "/incidents"):
        made = stage.trigger(host)
        stage.database.wait("select count(*) from run where incident_key = %s and holder is not null", made, expected=1)
        time.sleep(5)
    stage.ended(made, "resolved")
    assert stage.starts(host) == 1


def test_pagerduty_is_down_before_the_resolve(stage):
    """The alerts cannot be read again: not resolved until they can."""
    host = stage.host(recover="touch recovering; until test -e go; do sleep 0.1; done; touch up")
    made = stage.trigger(host)
    stage.wait_file(host, "recovering")
    with stage.faults("cut_before", "GET", "/incidents"):
        stage.touch(host, "go")
        stage.database.wait("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'verify' "
                            "and s.outcome = 'healthy'", made, expected=1)
        time.sleep(2)
        assert stage.world.incident(made)["status"] == "triggered"
    stage.ended(made, "resolved")


def test_a_note_whose_fate_is_unknown_is_written_once(stage):
    """The connection is cut after PagerDuty acted, and before it did: looked for, found or sent again, once in the end."""
    made = []
    for kind in ("cut_after", "cut_before"):
        with stage.faults(kind, "POST", "/notes", count=1):
            made.append(stage.trigger(stage.host()))
            assert stage.ending(made[-1]) == "resolved"
    for incident in made:
        stage.ended(incident, "resolved")
