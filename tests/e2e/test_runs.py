# SPDX-License-Identifier: MIT
"""`firstline runs show` as the person reads it who is called at 03:00: what was done, when, by whom, and what came of it."""

import json
import re

from tests.kit.node import program

SCENARIO = r"""scenario: loud
mode: auto
match: { keyword: loud }
target: { host: keyword.host }
healthy: said == "well"
steps:
  - check: the state
    run: cat /srv/loud 2>/dev/null || echo ill
    name: said
  - recover: make it well
    run: printf 'one\n\033[2J\033]0;mine\007two\n'; echo well >/srv/loud
  - verify: the state
"""


def test_show_tells_each_step_and_steers_no_terminal(world):
    world.scenario("loud", SCENARIO)
    world.machine.sh("rm -f /srv/loud; chmod 777 /srv")
    node = world.node("tokyo")
    incident = world.trigger("[AMS:loud host=web1] it \x1b[31mis ill")
    assert world.wait_ending(incident) == "resolved"
    status, out, error = program("runs", "show", incident, "--config", node.settings)
    assert (status, error) == (0, ""), error
    assert "\x1b" not in out and "\a" not in out and "it [31mis ill" in out, repr(out)
    for line in (rf"^incident  {incident} of ", "^state     ended: resolved ", "^worker    tokyo$", "^why       .*make it well",
                 r'^\d\d:\d\d:\d\dZ  1\.1 check "the state" on web1: ended, unhealthy, exit status 0 \(.* s\): "ill", healthy is == "well"$',
                 r'^\d\d:\d\d:\d\dZ  2\.\d recover "make it well" on web1: ended, .*exit status 0 ', r"^  \| one$"):
        assert re.search(line, out, re.M), f"{line}\n{out}"
    assert len(re.findall("is healthy again", out)) == 1, out
    status, out, _ = program("runs", "show", incident, "--format", "json", "--config", node.settings)
    run, = json.loads(out)
    assert [step["verb"] for step in run["steps"]] == ["check", "recover", "verify"] and "ending" in [d["kind"] for d in run["decisions"]]
    assert re.match(r"\d{4}-\d\d-\d\dT.*Z$", run["steps"][0]["started_at"])
