# SPDX-License-Identifier: MIT
"""Thousands of hostile and odd requests: each gets what it should, good ones are answered meanwhile, memory stays flat, and
afterwards an incident is healed as ever. tests/hostile is the long form."""

import asyncio

from tests.kit import hostile
from tests.kit.hostile_kinds import KINDS

REQUESTS = 5000
SEED = 20_240
# So few requests are over while pools still fill; 100,000 are held to less (hostile.GROWTH_KIB_MAX).
GROWTH_KIB_MAX = 6 * 1024
IDLE = """\
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


def test_the_table_of_kinds_has_what_was_asked():
    assert len(KINDS) >= 25
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    order = hostile.plan(100_000, 1)
    assert len(order) == 100_000
    assert 0.18 <= sum(kind.signed for kind in order) / len(order) <= 0.25
    assert set(order) == set(KINDS)
    assert hostile.plan(1000, 5) == hostile.plan(1000, 5) != hostile.plan(1000, 6)


def test_a_node_serves_through_hostile_requests(world):
    world.scenario("idle", IDLE)
    node = world.node("tokyo", over={"log": {"level": "warning"}})
    result = asyncio.run(hostile.run(node, REQUESTS, SEED, good_within_s=hostile.ANSWER_LIMIT_S))
    stored = int(world.database.one("select coalesce(sum(seen), 0) from event"))
    assert hostile.faults(result, stored, GROWTH_KIB_MAX) == []
    assert sum(result.outcomes[kind.name].total() for kind in KINDS if kind.signed) >= REQUESTS * 0.18
    made = world.trigger("[AMS:idle] web1", {"host": "web1"})
    assert world.wait_ending(made) == "self_healed"
    assert node.stop() == 0, node.read_log()[-2000:]
