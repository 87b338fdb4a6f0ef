# SPDX-License-Identifier: MIT
"""What makes a worker claim, and what it does when the answer to a claim is lost. No run here comes to a machine."""

import pytest

from tests.kit import webhooks
from tests.kit.node import World
from tests.kit.proxy import Proxy
from tests.kit.stage import scenario

QUICK = {"lease": {"renew": "500ms", "length": "3s", "gap": "2s"}}
HELD = "select count(*) from run r join node n on n.incarnation = r.holder where n.name = %s and r.ended_at is null"
ENDED = "select count(*) from (select ending from run union all select ending from run_history) r where r.ending = %s"
NOT_BY_ITSELF = "worker.claims=fail@*"  # nothing is claimed because time has passed
# An answer's row that begins with a run's id and the epoch 1: what a claim took.
CLAIMED = rb"\x00\x00\x00\x24[0-9a-f-]{36}\x00\x00\x00\x011"


@pytest.fixture(name="world")
def fixture_world(scratch, postgres, simulator):
    made = World(scratch, postgres, None, simulator)
    (scratch / "known_hosts").write_text("")
    made.inventory({"acme": {"web1": {"address": "127.0.0.1", "user": "ops", "key": "/no/key"}}})
    made.scenario("broken", scenario())
    yield made
    made.stop()


def announced(world, node, count, title):
    """Posts so many events at once: they share a commit, and what they wake comes to pass once. Returns the incidents."""
    made = webhooks.unannounced(world, [(f"{title} {n}", {"host": "nowhere"}) for n in range(count)])
    assert webhooks.post_all(node, [event for _, event in made]) == [202] * count
    return [incident for incident, _ in made]


def in_hand(world, node, count):
    """Runs that wait for PagerDuty."""
    world.simulator.fault("delay", "GET", "/incidents", ms=60000, count=-1)
    announced(world, node, count, "[AMS:broken] slow")
    world.database.wait(HELD, node.name, expected=count, longest_s=60)


def test_a_worker_is_woken(world):
    """It never claims by itself here. An event's run is claimed because the event came; of many the rest, because a claim came
    back full, and what finds no slot, because one is free again; a dead worker's, because it was declared dead."""
    tokyo = world.node("tokyo", over={**QUICK, "node": {"slots": 15}}, faults=NOT_BY_ITSELF)
    for count, of in ((1, 1), (14, 15), (40, 55)):
        announced(world, tokyo, count, "nothing we know")
        world.database.wait(ENDED, "unmatched", expected=of, longest_s=60)
    osaka = world.node("osaka", over=QUICK)
    in_hand(world, osaka, 3)
    osaka.kill()
    world.database.wait(HELD, "tokyo", expected=3, longest_s=60)


def test_the_answer_to_a_claim_is_lost(world):
    """With more runs in hand than a claim's batch: those that the database says it holds and that it does not have go on."""
    with Proxy(world.database.port) as way:
        over = {"database": {"conninfo": f"host=127.0.0.1 port={way.port} user=postgres dbname=firstline"}, "node": {"slots": 200}}
        tokyo = world.node("tokyo", over=over)
        in_hand(world, tokyo, 60)
        way.lose_answer(b"run_claim", CLAIMED)
        announced(world, tokyo, 12, "nothing we know")
        world.database.wait(ENDED, "unmatched", expected=12, longest_s=60)
        assert way.lost == 1
        found = tokyo.read_log().count("was not in hand; it goes on")
        assert 1 <= found <= 12 and world.database.one(HELD, "tokyo") == 60, f"{found} found"
