# SPDX-License-Identifier: MIT
"""SIGHUP: everything is read and checked whole, then swapped, or the old set stays and the log says why. And what a node
tells of itself in /healthz and /readyz."""

import json

import pytest
import yaml

from tests.kit import processes
from tests.kit.node import Node, program
from tests.kit.postgres import free_port

SCENARIO = """\
scenario: {name}
about: Looks, and finds it well.
mode: auto
match: {{ keyword: {name} }}
target: {{ host: [keyword.host, alert.details.host] }}
healthy: result == "well"
steps:
  - check: it is well
    run: echo well
"""


@pytest.fixture
def ready(world):
    world.scenario("idle", SCENARIO.format(name="idle"))
    return world


def document(node):
    return json.loads(node.get("/readyz")[1])


def wait_ready_is(node, wanted, longest_s=processes.PATIENCE_S):
    """Waits until the document of /readyz is as wanted(status, document); the document."""
    def asked():
        status, body = node.get("/readyz")
        return json.loads(body) if status and wanted(status, json.loads(body)) else None
    return processes.wait_until(asked, longest_s, f"/readyz of {node.name}")


# --- what is wrong stays out ----------------------------------------------------------------------------------------

def break_scenario(world, _node):
    world.scenario("idle", SCENARIO.format(name="idle").replace("mode: auto", "mood: auto"))
    return "scenarios/idle.yaml:3:1"


def break_inventory(world, _node):
    (world.folder / "inventory" / "acme.yaml").write_text("customers:\n  acme:\n    hosts:\n      web1: { adress: 127.0.0.1 }\n")
    return "inventory/acme.yaml:4:15"


def break_settings(_world, node):
    text = node.settings.read_text().replace("log:\n", "log:\n  colour: red\n")
    node.settings.write_text(text)
    line = text.splitlines().index("  colour: red") + 1
    return f"{node.settings.name}:{line}:3"


def break_known_hosts(world, node):
    node.settings.write_text(node.settings.read_text().replace(str(world.machine.known_hosts), str(world.folder / "nowhere")))
    return f"{world.folder}/nowhere"


def break_secret(world, _node):
    (world.folder / "secrets" / "token").unlink()
    return "tokyo.yaml:"


@pytest.mark.parametrize("spoil", [break_scenario, break_inventory, break_settings, break_known_hosts, break_secret])
def test_a_broken_file_leaves_the_old_set_in_force(ready, spoil):
    node = ready.node("tokyo")
    before = document(node)
    place = spoil(ready, node)
    node.reload()
    line = node.wait_log("the old files stay in force")
    assert place in line, line
    after = document(node)
    assert after["ready"]
    assert [after[k] for k in ("scenario_set", "inventory_set")] == [before[k] for k in ("scenario_set", "inventory_set")]
    made = ready.trigger("[AMS:idle] web1", {"host": "web1"})
    assert ready.wait_ending(made) == "self_healed"
    ready.wait_status(made, "resolved")


def test_a_line_of_known_hosts_that_cannot_be_read_is_told_and_skipped(ready):
    node = ready.node("tokyo")
    with open(ready.machine.known_hosts, encoding="utf-8") as good:
        text = good.read()
    mixed = ready.folder / "known_hosts"
    mixed.write_text("web1 ssh-ed25519 this-is-no-key\n" + text)
    node.settings.write_text(node.settings.read_text().replace(str(ready.machine.known_hosts), str(mixed)))
    node.reload()
    assert f"{mixed}:1:" in node.wait_log("event=reloaded")
    made = ready.trigger("[AMS:idle] web1", {"host": "web1"})
    assert ready.wait_ending(made) == "self_healed"


# --- what is right is used ------------------------------------------------------------------------------------------

@pytest.mark.threads
def test_good_files_are_swapped_in_and_seen_from_the_other_node(ready):
    tokyo, osaka = ready.node("tokyo"), ready.node("osaka")
    ready.only("tokyo")
    wait_ready_is(tokyo, lambda _, d: [n["same_scenarios"] for n in d["nodes"]] == [True, True])
    before = document(tokyo)
    early = ready.trigger("[AMS:busy] web1", {"host": "web9"})
    assert ready.wait_ending(early) == "unmatched"

    ready.scenario("busy", SCENARIO.format(name="busy"))
    ready.inventory({"acme": ready.machine.hosts(9)})
    tokyo.reload()
    after = wait_ready_is(tokyo, lambda _, d: d["scenario_set"] != before["scenario_set"])
    assert after["inventory_set"] != before["inventory_set"]
    assert osaka.stop() == 0  # else it may claim the next run, with its own sets
    made = ready.trigger("[AMS:busy] web1", {"host": "web9"})
    assert ready.wait_ending(made) == "self_healed"
    used = "select scenario_set, inventory_set, host from run where incident_key = %s"
    assert ready.database.query(used, made) == [(after["scenario_set"], after["inventory_set"], "web9")]


def test_a_large_inventory_is_read_beside_the_loop(ready):
    """Reading it takes seconds: renewals go on meanwhile, and the incarnation stays."""
    node = ready.node("tokyo", over={"lease": {"renew": "200ms", "length": "10s", "gap": "5s"}})
    beats = "select beat from node where name = 'tokyo' and not dead"
    hosts = ready.machine.hosts(3)
    many = "".join(f"      many{i}: {{ address: 127.0.0.1, user: ops, key: /no/key }}\n" for i in range(150_000))
    head = yaml.safe_dump({"customers": {"acme": {"hosts": hosts}}}, allow_unicode=True)
    (ready.folder / "inventory" / "acme.yaml").write_text(head + many)
    before = ready.database.one(beats)
    node.reload()
    node.wait_log("event=reloaded", longest_s=300)
    assert ready.database.one(beats) - before >= 5
    assert "this incarnation is over" not in node.read_log()
    made = ready.trigger("[AMS:idle] web1", {"host": "many149999"})
    ready.database.wait("select host from run where incident_key = %s", made, expected="many149999")


def test_each_node_shows_the_others_sets(ready):
    tokyo, osaka = ready.node("tokyo"), ready.node("osaka")
    ready.scenario("busy", SCENARIO.format(name="busy"))
    old = document(tokyo)["scenario_set"]
    tokyo.reload()

    def seen(name, same):
        return lambda _, d: {n["name"]: n["same_scenarios"] for n in d["nodes"]} == {name: True, **{
            other: same for other in ("tokyo", "osaka") if other != name}}
    told = wait_ready_is(tokyo, seen("tokyo", False))
    assert {n["name"]: n["scenario_set"] == old for n in told["nodes"]} == {"tokyo": False, "osaka": True}
    wait_ready_is(osaka, seen("osaka", False))
    osaka.reload()
    wait_ready_is(osaka, seen("osaka", True))
    wait_ready_is(tokyo, seen("tokyo", True))


# --- what it tells of itself ----------------------------------------------------------------------------------------

def test_the_documents(ready):
    node = ready.node("tokyo")
    assert node.get("/healthz") == (200, '{"alive":true}\n')
    status, body = node.get("/readyz")
    told = json.loads(body)
    assert (status, told["ready"], told["why"], told["node"], told["region"]) == (200, True, [], "tokyo", "tokyo")
    assert (told["synchronous_standby"], told["runs_waiting"], told["runs_held"]) == (False, 0, 0)
    assert told["migration"] == ready.database.one("select count(*) from migration")
    assert [(n["name"], n["slots"], n["runs"]) for n in told["nodes"]] == [("tokyo", 500, 0)]
    assert 0 < told["lease_ms_left"] <= 6000
    hashes = ready.database.query("select kind, hash from version")
    assert {("scenarios", told["scenario_set"]), ("inventory", told["inventory_set"])} <= set(hashes)


def test_an_unmigrated_database_is_waited_for(ready):
    port = free_port()
    node = Node("tokyo", ready.settings("tokyo", "tokyo", port, {}), port, ready.folder / "tokyo.log")
    ready.nodes["tokyo"] = node
    node.start(ready=False)
    assert "found=0" in node.wait_log("waiting for migrations")
    assert node.process.poll() is None
    assert program("migrate", "--config", node.settings)[0] == 0
    node.wait_ready()
    assert document(node)["ready"]


def test_without_standby_hold_makes_a_node_unready(ready):
    node = ready.node("tokyo", start=False, over={"runs": {"without_standby": "hold"}})
    node.start(ready=False)
    told = wait_ready_is(node, lambda status, d: status == 503 and d["lease_ms_left"] > 0)
    assert told["why"] == ["replication: no synchronous standby, and without_standby is hold"]
    assert told["ready"] is False
    assert node.get("/healthz")[0] == 200
