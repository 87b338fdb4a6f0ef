# SPDX-License-Identifier: MIT
"""A node comes up, says how it is, takes webhooks, and leaves."""

import signal
import socket

import pytest

from tests.kit.node import program

SCENARIO = """
scenario: idle
about: Looks, and finds it well.
mode: auto
match: { keyword: idle }
target: { host: [keyword.host, alert.details.host] }
healthy: result == "well"
steps:
  - check: it is well
    run: echo well
"""


@pytest.mark.short
def test_a_node_is_ready_and_leaves_when_asked(world):
    world.scenario("idle", SCENARIO)
    node = world.node("tokyo")
    assert node.get("/healthz")[0] == 200
    assert node.stop() == 0, node.read_log()


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_is_told(world, scratch, monkeypatch, abstract):
    """sd_notify: READY when it serves, STOPPING when it begins to stop."""
    name = f"{scratch}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(40)
        manager.bind("\0" + name if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        tokyo = world.node("tokyo")
        assert manager.recv(100) == b"READY=1"
        tokyo.process.send_signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert tokyo.process.wait(40) == 0


@pytest.mark.short
def test_an_unsigned_webhook_is_refused(world):
    world.scenario("idle", SCENARIO)
    node = world.node("tokyo")
    status, _ = node.request("POST", "/webhooks/pagerduty", b"{}", {"Content-Type": "application/json"})
    assert status == 401
    assert world.database.one("select count(*) from run") == 0


@pytest.mark.short
def test_a_signed_webhook_is_stored_and_opens_a_run(world):
    world.scenario("idle", SCENARIO)
    world.node("tokyo")
    incident = world.trigger("[AMS:idle] web1", {"host": "web1"})
    world.database.wait("select count(*) from run where incident_key = %s", incident, expected=1)


def test_migrate_may_be_repeated(world):
    node = world.node("tokyo", start=False)
    assert program("migrate", "--config", node.settings)[0] == 0
    assert program("migrate", "--config", node.settings)[0] == 0
