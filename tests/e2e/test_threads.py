# SPDX-License-Identifier: MIT
"""One node in which everything that has a thread works at once. `threads` marks the tests of the suite `tsan`; here they only
show that nothing is lost by it, the sanitizer says whether two of them meet in one place."""

import pytest

from tests.e2e.test_reload import SCENARIO
from tests.e2e.test_retention import fill, lines, there

HOSTS = 12
MANY = 50_000  # more of them, so that reading takes a while
EDITS = 4  # of the files, each read anew by a thread


@pytest.mark.threads
def test_everything_that_has_a_thread_at_once(world, scratch):
    """Names looked up, keys and files read, old history archived, while runs go on; and a planned stop while files are read."""
    archive = scratch / "archive"
    archive.mkdir()
    world.scenario("idle", SCENARIO.format(name="idle"))
    world.inventory({"acme": world.machine.hosts(HOSTS, apart=True, address="localhost")})
    retention = {"history": "365d", "every": "1s", "archive": str(archive)}
    node = world.node("tokyo", over={"retention": retention})
    kept = fill(world.database, rows=2000)
    made = []
    for n in range(1, HOSTS + 1):
        made.append(world.trigger(f"[AMS:idle] web{n}", {"host": f"web{n}"}))
        if n % (HOSTS // EDITS) == 0:
            world.scenario(f"more{n}", SCENARIO.format(name=f"more{n}"))
            node.reload()
    assert [world.wait_ending(incident) for incident in made] == ["self_healed"] * HOSTS
    world._wait(lambda: "event=reloaded" in node.read_log(), 60, "the files to be read anew")
    world._wait(lambda: not there(world.database), 60, "the old month to leave")
    assert {name: len(rows) for name, rows in kept.items()} == {name: len(lines(archive / f"{name}.jsonl.gz")) for name in kept}
    many = "".join(f"      many{n}: {{ address: 127.0.0.1, user: ops, key: /no/key }}\n" for n in range(MANY))
    with open(world.folder / "inventory" / "acme.yaml", "a", encoding="utf-8") as file:
        file.write(many)
    for _ in range(3):  # one while another is under way
        node.reload()
        assert node.get("/healthz")[0] == 200
    assert node.stop() == 0  # long before all these are read
