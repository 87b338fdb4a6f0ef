# SPDX-License-Identifier: MIT
"""give_up_at is kept whatever hangs, and a recover waits for PagerDuty, or not, as the settings say."""

import time

import pytest

from tests.kit.stage import scenario

WAITS = "touch collecting; until test -e go; do sleep 0.1; done"


@pytest.fixture(name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    stage.world.scenario("broken", scenario(more="give_up_after: 60s\n").replace("timeout: 20s", "timeout: 50s"))
    stage.world.scenario("short", scenario("short", more="give_up_after: 12s\n").replace("timeout: 20s", "timeout: 11s"))
    return stage


def age_s(stage, incident):
    """How long after its creation the incident's run ended."""
    return float(stage.database.one("select extract(epoch from ended_at - opened_at) from (select * from run union all "
                                    "select * from run_history) r where incident_key = %s", incident))


def test_no_free_worker(stage):
    """One slot, taken: the second incident is handed over in time by the same node."""
    stage.world.node("tokyo", over={"node": {"slots": 1}, "runs": {"give_up_after": "10s"}})
    busy, waits = stage.host(collect=WAITS), stage.host()
    one = stage.trigger(busy)
    stage.wait_file(busy, "collecting")
    two = stage.trigger(waits, "short")
    stage.ended(two, "handed_over", ["Time is up"], starts=False)
    print(f"no free worker: handed over {age_s(stage, two):.1f} s after its creation, the limit was 10 s")
    assert stage.starts(waits) == 0
    stage.touch(busy, "go")
    stage.ended(one, "resolved")


def test_all_ssh_hangs(stage):
    """The machine stands still, before the first step and in the middle of a recover: both are handed over in time; the
    second says that the command may still be running."""
    stage.world.node("tokyo")
    before, during = stage.host(), stage.host(recover=WAITS)
    two = stage.trigger(during, "short")
    stage.wait_file(during, "collecting")
    stage.machine.pause()
    try:
        one = stage.trigger(before, "short")
        note = stage.ended(one, "handed_over")
        assert "Time is up" in note or "could not be reached" in note, note
        stage.ended(two, "handed_over", ["may still start or be running"])
        for name, incident in (("in the check", one), ("in the recover", two)):
            print(f"all SSH hangs {name}: handed over {age_s(stage, incident):.1f} s after its creation, the limit was 12 s")
            assert age_s(stage, incident) < 60
    finally:
        stage.machine.resume()
    assert stage.starts(during) == 1


@pytest.mark.parametrize("rule", ["hold", "go"])
def test_pagerduty_cannot_be_asked_before_the_recover(make_stage, rule):
    """recover_blind: hold waits until it can be asked, go goes; in both cases the recover begins once."""
    stage = make_stage()
    stage.world.node("tokyo", over={"runs": {"recover_blind": rule}})
    host = stage.host(collect=WAITS)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    time.sleep(15)  # what the webhook said counts as known for so long
    with stage.faults("500", "GET", "/incidents"):
        stage.touch(host, "go")
        if rule == "go":
            stage.wait_file(host, "up")
        else:
            stage.world.nodes["tokyo"].wait_log("could not be asked before a recover")
            assert stage.starts(host) == 0
    stage.ended(made, "resolved")
    assert stage.starts(host) == 1
