# SPDX-License-Identifier: MIT
"""The first path, end to end: a signed post, a row, a claim, a check over real SSH, a note, resolved."""

import pytest

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
def test_what_heals_itself_is_noted_and_resolved(world):
    world.scenario("idle", SCENARIO)
    world.node("tokyo")
    incident = world.trigger("[AMS:idle] web1", {"host": "web1"})
    assert world.wait_ending(incident) == "self_healed"
    world.wait_status(incident, "resolved")
    world.wait_note(incident, "well")
