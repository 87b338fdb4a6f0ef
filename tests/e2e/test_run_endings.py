# SPDX-License-Identifier: MIT
"""Every ending with its notes, title and status, in both languages, and nothing twice."""

import pytest

from tests.kit.stage import scenario


@pytest.fixture(scope="module", name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    stage.world.scenario("shadowed", scenario("shadowed", mode="shadow"))
    for name, script in CANNOT_TELL.items():
        check = f'cd "/srv/$host" && touch data && {script[0]}'
        stage.world.scenario(name, scenario(name, check=check).replace("timeout: 20s", "timeout: 2s"))
    stage.world.scenario("number", scenario("number").replace('result == "up"', "state < 85"))
    stage.world.node("tokyo")
    return stage


CANNOT_TELL = {
    "missing": ("nosuchcommand", "a command was not found"),
    "no-program": ("./data", "exit status 126"),
    "hangs": ("sleep 60", "time ran out"),
}


@pytest.mark.short
def test_a_broken_host_is_recovered(stage):
    """check unhealthy, collect, recover, verify healthy: resolved, with what was found before and after."""
    host = stage.host()
    made = stage.trigger(host)
    stage.ended(made, "resolved", ["start it", "up"])
    assert stage.starts(host) == 1


@pytest.mark.short
def test_a_healthy_host_is_resolved_untouched(stage):
    """The check finds it healthy: self_healed, and no recover."""
    host = stage.host(check="echo up")
    made = stage.trigger(host)
    stage.ended(made, "self_healed", [host, "Changed on", "nothing"])
    assert stage.starts(host) == 0


def test_what_does_not_heal_is_handed_over_with_level_priority_and_say(stage):
    """Not healed: level 2, priority P2, the scenario's sentence and the evidence."""
    host = stage.host(recover="echo it fails >&2; exit 3", collect="echo evidence-line")
    made = stage.trigger(host, priority="P4")
    stage.ended(made, "handed_over", ["It does not start.", "evidence-line", "exit status 3"], status="triggered")
    shown = stage.world.incident(made)
    assert (shown["level"], shown["priority"]["name"]) == (2, "P2"), shown
    assert stage.starts(host) == 1


@pytest.mark.parametrize("what", CANNOT_TELL)
def test_what_cannot_be_told_is_handed_over(stage, what):
    """Neither healthy nor unhealthy: handed over without a recover."""
    host = stage.host()
    made = stage.trigger(host, what)
    stage.ended(made, "handed_over", CANNOT_TELL[what][1])
    assert stage.starts(host) == 0


def test_no_number_is_not_a_judgement(stage):
    """Text where a number is compared: cannot tell."""
    host = stage.host(check="echo lots")
    made = stage.trigger(host, "number")
    stage.ended(made, "handed_over", ["lots", "is not one number"])
    assert stage.starts(host) == 0


def test_a_shadow_says_what_it_would_do(stage):
    """mode shadow: checked, collected, said, nothing changed, neither status nor level."""
    host = stage.host()
    made = stage.trigger(host, "shadowed")
    stage.ended(made, "shadowed", ["start it"], status="triggered")
    assert stage.world.incident(made)["level"] == 1
    assert stage.starts(host) == 0


def test_a_healthy_shadow_resolves_nothing(stage):
    """mode shadow over a healthy host: says that it would have been resolved."""
    made = stage.trigger(stage.host(check="echo up"), "shadowed")
    stage.ended(made, "shadowed", ["would have resolved"], status="triggered")


def test_no_scenario(stage):
    """Nothing matches: one note, no title, the incident stays as it is."""
    made = stage.world.trigger("disk is strange on box1", {"host": "box1"})
    stage.ended(made, "unmatched", ["No scenario matches"], status="triggered", starts=False)


def test_resolved_before_the_claim_is_stale(stage):
    """The incident was closed while no worker was free to look at it."""
    tokyo = stage.world.nodes["tokyo"]
    host = stage.host()
    with stage.faults("500", "GET", "/incidents"):  # nobody can look
        made = stage.trigger(host)
        stage.database.wait("select count(*) from run where incident_key = %s", made, expected=1)
        stage.pagerduty.control("POST", "webhooks", {"mode": "paused"})
        stage.pagerduty.clear(made)
    stage.ended(made, "stale", ["no longer open"], starts=False)
    stage.pagerduty.control("POST", "webhooks", {"mode": "on"})
    assert tokyo.process.poll() is None
    assert stage.starts(host) == 0


JAPANESE = {
    "resolved": ({}, ["正常に戻りました"]),
    "self_healed": ({"check": "echo up"}, ["確認した時点で正常でした"]),
    "handed_over": ({"recover": "true"}, ["異常のままで", "It does not start."]),
}


@pytest.mark.parametrize("ending", JAPANESE)
def test_in_japanese(stage, ending):
    """The same endings for a service whose people read Japanese."""
    scripts, words = JAPANESE[ending]
    made = stage.trigger(stage.host(**scripts), service="PSVCJA1")
    stage.ended(made, ending, words, language="ja")


def test_a_shadow_in_japanese(stage):
    """mode shadow for a Japanese service."""
    made = stage.trigger(stage.host(), "shadowed", service="PSVCJA1")
    stage.ended(made, "shadowed", ["変更は行っていません"], language="ja")


def test_no_scenario_in_japanese(stage):
    """Unmatched for a Japanese service."""
    made = stage.world.trigger("ディスクの様子がおかしい", {"host": "box1"}, service="PSVCJA1")
    stage.ended(made, "unmatched", ["該当するシナリオがありません"], starts=False, language="ja")


def test_progress_that_waited_is_superseded(stage):
    """Notes cannot be written until the ending is decided: then the start note and the ending are, and nothing between."""
    host = stage.host()
    with stage.faults("429", "POST", "/notes"):
        made = stage.trigger(host)
        assert stage.ending(made) == "resolved"
    stage.ended(made, "resolved")
    kinds = stage.database.query("select kind, state from outbox where target = %s and kind like 'progress%%'", made)
    assert ("progress", "superseded") in kinds, kinds
    notes = [note for note in stage.pagerduty.notes(made) if "[firstline " in note]
    assert len(notes) == 2, notes
