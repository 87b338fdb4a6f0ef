# SPDX-License-Identifier: MIT
"""Many incidents at once on one node: all end right, nothing twice. tests/storm is the long form."""

import json

from tests.kit import webhooks
from tests.kit.node import merge
from tests.kit.storm import Storm

RAISED = {"outbox": {"rate": 10000}, "log": {"level": "info"}}


def test_forty_incidents_on_twenty_hosts_all_end_right(world):
    storm = Storm(world, incidents=40, hosts=20)
    world.simulator.settings(rate_limit=0)
    node = world.node("tokyo", over=RAISED)
    assert storm.post(node) == [202] * 40
    storm.wait(240)
    assert storm.faults() == []


WAITS = """\
scenario: waits
about: Looks until it is told that all is well.
mode: auto
match: { keyword: waits }
target: { host: [keyword.host, alert.details.host] }
healthy: result == "well"
steps:
  - check: it is well
    run: until test -e /srv/go; do sleep 2; done; echo well
    timeout: 4m
give_up_after: 20m
"""
HELD = "select count(*) from run where holder is not null and ended_at is null"


def test_a_worker_holds_five_hundred_runs_at_once(world):
    """All are claimed by it, and their checks run, at the same time."""
    count, hosts = 520, 10
    world.machine.sh("rm -rf /srv/*")
    world.scenario("waits", WAITS)
    world.inventory({"acme": world.machine.hosts(hosts)})
    world.simulator.settings(rate_limit=0)
    made = webhooks.unannounced(world, [(f"[AMS:waits] web{n % hosts + 1}", {"host": f"web{n % hosts + 1}"})
                                        for n in range(count)])
    node = world.node("tokyo", over=merge(RAISED, {"node": {"slots": 600}}))
    assert set(webhooks.post_all(node, [event for _, event in made])) == {202}
    in_check = "select count(*) from step s join run r on r.id = s.run where s.verb = 'check' and s.state = 'started' " \
               "and r.holder is not null and r.ended_at is null"
    world.database.wait(in_check, expected=count, longest_s=180)
    assert world.database.query("select count(*), count(distinct holder) from run where ended_at is null") == [(count, 1)]
    assert world.database.one(HELD) >= 500
    assert json.loads(node.get("/readyz")[1])["runs_held"] == count
    print(f"\nholds {world.database.one(HELD)} runs with {node.memory_kib()} KiB; "
          f"{world.machine.sh('pgrep -c sleep || true').strip()} processes sleep on the machine")
    assert webhooks.post(node, webhooks.event(webhooks.incident("QBESIDE"), "incident.acknowledged")) == 202
    world.machine.sh("touch /srv/go")
    world.database.wait(HELD, expected=0, longest_s=240)
    assert world.database.query("select ending, count(*) from (select ending from run union all select ending from "
                                "run_history) r group by 1") == [("self_healed", count)]
    assert world.database.one("select count(*) from node") == 1  # it never lost its lease
