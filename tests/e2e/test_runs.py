# SPDX-License-Identifier: MIT
"""Whole incidents on real parts: each ending, what it writes, and what it does on the machine."""

import pytest

from tests.kit.simulator import wait_for

SERVICE = """\
scenario: service-down
about: A service is down. Starts it.
mode: {mode}
match: {{ keyword: service-down }}
target: {{ host: [keyword.host, alert.details.host] }}
values:
  service: {{ type: word, from: [keyword.service, alert.details.service], default: web }}
healthy: result == "up"
steps:
  - check: is it up
    run: test -e "/srv/$service.up" && echo up || echo down
    name: state
  - collect: its last log lines
    run: tail -n 5 "/srv/$service.log"
  - recover: start it
    run: echo started >>"/srv/$service.log"; {recover}
    become: root
    timeout: 20s
  - verify: is it up
    every: 1s
    within: 5s
healed: resolve
not_healed: {{ hand_over: {{ level: 2, priority: P2 }}, say: "It does not start." }}
"""
STARTS = 'touch "/srv/$service.up"'


def service(mode="auto", recover=STARTS):
    return SERVICE.format(mode=mode, recover=recover)


@pytest.fixture
def tokyo(world):
    world.machine.sh("rm -rf /srv/*; chmod 777 /srv")
    world.scenario("service-down", service())
    return world


def starts(world, name="web"):
    return world.machine.sh(f"grep -c started /srv/{name}.log 2>/dev/null || true").strip()


def test_a_stopped_service_is_started_and_the_incident_resolved(tokyo):
    tokyo.node("tokyo")
    made = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
    tokyo.wait_status(made, "resolved")
    assert tokyo.wait_ending(made) == "resolved"
    assert starts(tokyo) == "1"
    for note in tokyo.simulator.notes(made):
        print(note, "\n----")
    print(tokyo.incident(made)["title"])


def test_shadow_changes_nothing(tokyo):
    tokyo.scenario("service-down", service(mode="shadow"))
    tokyo.node("tokyo")
    made = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
    assert tokyo.wait_ending(made) == "shadowed"
    tokyo.wait_note(made, "start it")
    assert starts(tokyo) in ("0", "")
    assert tokyo.incident(made)["status"] == "triggered"


def test_what_does_not_heal_is_handed_over(tokyo):
    tokyo.scenario("service-down", service(recover="true"))
    tokyo.node("tokyo")
    made = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
    assert tokyo.wait_ending(made) == "handed_over"
    assert starts(tokyo) == "1"
    assert tokyo.incident(made)["status"] == "triggered"


def test_no_scenario_and_unknown_host(tokyo):
    tokyo.node("tokyo")
    one = tokyo.trigger("disk is strange on web1", details={"host": "web1"})
    two = tokyo.trigger("[AMS:service-down] nowhere", details={"host": "nowhere"})
    assert tokyo.wait_ending(one) == "unmatched"
    assert tokyo.wait_ending(two) == "handed_over"
    tokyo.wait_note(two, "nowhere")


def test_a_person_who_acknowledges_stops_it(tokyo):
    tokyo.scenario("service-down", service().replace("tail -n 5", "sleep 4; tail -n 5"))
    tokyo.node("tokyo")
    made = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
    wait_for(lambda: tokyo.database.one("select count(*) from step where verb = %s", "collect"), "the collect to begin")
    tokyo.simulator.act(made, "PAIKO01", "acknowledge")
    assert tokyo.wait_ending(made) == "stopped"
    assert starts(tokyo) in ("0", "")


def test_a_killed_node_is_taken_over_and_nothing_is_done_twice(tokyo):
    tokyo.scenario("service-down", service(recover=f"sleep 6; {STARTS}"))
    quick = {"lease": {"renew": "500ms", "length": "2s", "gap": "1s"}}
    one = tokyo.node("tokyo", over=quick)
    two = tokyo.node("osaka", over=quick)
    made = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
    wait_for(lambda: starts(tokyo) == "1", "the recover to begin", 30)
    holder = tokyo.database.one("select n.name from run r join node n on n.incarnation = r.holder where ended_at is null")
    (one if holder == "tokyo" else two).kill()
    assert tokyo.wait_ending(made, 90) == "resolved"
    tokyo.wait_status(made, "resolved")
    assert starts(tokyo) == "1"


def test_no_free_worker_and_hanging_ssh_are_handed_over(tokyo):
    tokyo.scenario("service-down", service().replace("give_up", "") + "give_up_after: 12s\n")
    tokyo.node("tokyo", over={"node": {"slots": 1}})
    tokyo.machine.pause()
    try:
        one = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
        assert tokyo.wait_ending(one, 60) == "handed_over"
    finally:
        tokyo.machine.resume()
    assert starts(tokyo) in ("0", "")


def test_a_planned_stop_ends_well_and_runs_go_on_elsewhere(tokyo):
    tokyo.scenario("service-down", service().replace("tail -n 5", "sleep 3; tail -n 5"))
    one = tokyo.node("tokyo")
    made = tokyo.trigger("[AMS:service-down] web1", details={"host": "web1"})
    wait_for(lambda: tokyo.database.one("select count(*) from step where verb = %s", "collect"), "the collect to begin")
    assert one.stop() == 0
    assert "Sanitizer" not in one.read_log()
    tokyo.node("osaka")
    assert tokyo.wait_ending(made) == "resolved"
    assert starts(tokyo) == "1"
    assert tokyo.nodes["osaka"].stop() == 0
    assert "Sanitizer" not in tokyo.nodes["osaka"].read_log()
