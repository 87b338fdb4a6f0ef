# SPDX-License-Identifier: MIT
"""A node that may open no more files and sockets: it says so, and once it may again everything goes on; nothing is lost."""

import contextlib
import os
import pathlib
import resource
import time

import pytest

from tests.e2e.test_reload import SCENARIO

HOSTS = 3
TRIES_S = 3


@contextlib.contextmanager
def scarce(node, spare):
    """The node may open so many descriptors more, and no others."""
    pid = node.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    opened = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = [number for number in range(len(opened) + spare + 1) if number not in opened]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[spare], before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def cpu_s(node):
    fields = pathlib.Path(f"/proc/{node.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(name="node")
def fixture_node(world):
    world.scenario("idle", SCENARIO.format(name="idle"))
    world.inventory({"acme": world.machine.hosts(HOSTS, apart=True)})
    return world.node("tokyo")


def trigger_all(world):
    return [world.trigger(f"[AMS:idle] web{n}", {"host": f"web{n}"}) for n in range(1, HOSTS + 1)]


def test_no_descriptor_for_a_webhook(world, node):
    """None at all: who connects waits and is served later, and the node does not spend its time on trying."""
    with scarce(node, 0):
        made = trigger_all(world)
        node.wait_log("no connection can be taken")
        before = cpu_s(node)
        time.sleep(TRIES_S)
        assert cpu_s(node) - before < TRIES_S / 10  # one that tries all the time takes what it gets
    assert [world.wait_ending(incident, 120) for incident in made] == ["self_healed"] * HOSTS
    node.wait_log("connections are taken again")
    for incident in made:
        world.wait_status(incident, "resolved")


def test_no_descriptor_for_pagerduty(world, node):
    """One, which a webhook takes: the run waits until PagerDuty can be asked."""
    with scarce(node, 1):
        made = trigger_all(world)
        node.wait_log("no socket: Too many open files")
    assert [world.wait_ending(incident, 120) for incident in made] == ["self_healed"] * HOSTS
    for incident in made:
        world.wait_status(incident, "resolved")
