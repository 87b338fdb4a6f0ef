# SPDX-License-Identifier: MIT
"""Many incidents at once on one node: all end right, nothing twice. tests/storm is the long form."""

from tests.kit.storm import Storm

RAISED = {"outbox": {"rate": 10000}, "log": {"level": "info"}}


def test_forty_incidents_on_twenty_hosts_all_end_right(world):
    storm = Storm(world, incidents=40, hosts=20)
    world.simulator.settings(rate_limit=0)
    node = world.node("tokyo", over=RAISED)
    assert storm.post(node) == [202] * 40
    storm.wait(240)
    assert storm.faults() == []
