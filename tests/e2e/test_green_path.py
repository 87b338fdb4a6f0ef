# SPDX-License-Identifier: MIT
"""The first whole path: a signed post, a row, a claim, one check over real SSH, a note, resolved."""

CHECK_ONLY = """\
scenario: still-there
about: Looks whether a file is there.
mode: auto
match: { keyword: still-there }
target: { host: [keyword.host, alert.details.host] }
steps:
  - check: the state file is there
    run: test -e /srv/state && echo present
healed: resolve
not_healed: { say: "The file is gone." }
"""


def test_a_healthy_check_resolves(world):
    world.scenario("still-there", CHECK_ONLY)
    world.machine.sh("echo ok >/srv/state")
    world.node("tokyo")
    made = world.trigger("[AMS:still-there] web1", details={"host": "web1"})
    world.wait_status(made, "resolved")
    assert world.wait_ending(made) == "self_healed"
    notes = world.simulator.notes(made)
    assert len(notes) == 2, notes
    assert world.incident(made)["title"].endswith("[AMS:still-there] web1")
