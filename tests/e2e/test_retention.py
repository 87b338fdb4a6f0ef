# SPDX-License-Identifier: MIT
"""Old history leaves by the month, into the archive first: what is there is what was there, and nothing is dropped that is not."""

import contextlib
import gzip
import json
import os
import pathlib
import subprocess

import pytest

from tests.e2e.test_metrics import scrape
from tests.kit import processes
from tests.kit.node import World, program

KINDS = ("run", "step", "decision", "outbox", "event")
MONTH = "202401"
EVERY = "1s"
# A month as it comes to lie there: long and short, text in several languages, line breaks, quotes, raw bytes, JSON, nulls.
FILL = """
select history_month('{month}');
insert into run_history (incident, account, incident_key, title, opening, created_at, opened_at, give_up_at, state, facts, ending, ended_at)
  select i, 'demo', 'Q' || i, E'ディスク "full"\\t\\\\' || i || E'\\nline', at, at, at, at + interval '10 min', 'ended',
         jsonb_build_object('mount', '/var', 'used', i, 'text', E'a"b\\n'), 'resolved', at
    from (select i, timestamptz '{month}' + i * interval '1 min' as at from generate_series(1, {rows}) i) g;
create temp table filled as select * from run_history where to_char(ended_at, 'YYYY-MM') = left('{month}', 7);
insert into step_history (run, step, attempt, verb, title, state, epoch, started_at, status, output)
  select id, 1, 1, 'check', 'disk use', 'ended', 1, ended_at, 0, repeat(md5(id::text), 1 + incident::int % 60) from filled;
insert into decision_history (id, run, at, epoch, kind, text) select incident, id, ended_at, 1, 'ending', 'why' from filled;
insert into outbox_history (id, channel, account, incident, target, sequence, run, kind, body, marker, state, created_at)
  select incident, 'pagerduty', account, incident, incident_key, 1, id, 'ending', title, md5(id::text), 'sent', ended_at from filled;
insert into event_history (id, account, key, type, incident_key, received_at, body)
  select incident, account, 'E' || incident, 'incident.triggered', incident_key, ended_at,
         '\\x00ff0a22'::bytea || convert_to(title, 'UTF8') from filled;
"""


@pytest.fixture(name="archive")
def fixture_archive(scratch):
    folder = scratch / "archive"
    folder.mkdir()
    return folder


@pytest.fixture(name="world")
def fixture_world(scratch, postgres, simulator):
    """No machine: nothing runs here."""
    made = World(scratch, postgres, None, simulator)
    (scratch / "known_hosts").write_text("")
    made.inventory({"acme": {"web1": {"address": "127.0.0.1", "user": "ops", "key": "/no/key"}}})
    made.node("first", start=False)  # migrates
    yield made
    made.stop()


def over(archive, **more):
    return {"retention": {"history": "365d", "every": EVERY, **({"archive": str(archive)} if archive else {}), **more},
            "log": {"level": "info"}}


def fill(database, month="2024-01-01", rows=40):
    """Returns what lies in the month's partitions, as JSON by the database, {partition: [row, ...]}."""
    database.query(FILL.format(month=month, rows=rows))
    stamp = month[:7].replace("-", "")
    return {f"{kind}_history_{stamp}": [row for row, in database.query(f"select row_to_json(t) from {kind}_history_{stamp} t")]
            for kind in KINDS}


def there(database, month=MONTH):
    return sorted(name for name, in database.query("select name from history_partition where to_char(month, 'YYYYMM') = %s", month))


def wait_left(world, month=MONTH):
    world._wait(lambda: not there(world.database, month), processes.PATIENCE_S, f"{month} to leave")


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1]]


def part(node, name="retention"):
    return json.loads(node.get("/readyz")[1])[name]


def wait_away(world, node, words):
    world._wait(lambda: part(node)["state"] == "away" and words in part(node)["why"], processes.PATIENCE_S, f"/readyz to say {words!r}")


def ordered(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_what_is_archived_is_what_was_there(world, archive):
    """Two nodes at once, several months and one that lay in the default partitions; the files read back into tables by psql."""
    kept = {**fill(world.database, rows=400), **fill(world.database, month="2024-02-01")}
    world.database.query("insert into decision_history (id, run, at, epoch, kind, text) values (7, gen_random_uuid(), "
                         "'2023-12-31 23:59:59.999999+00', 1, 'ending', 'why') ")
    now = fill(world.database, month=world.database.one("select to_char(now(), 'YYYY-MM-01')"), rows=5)
    nodes = [world.node("tokyo", over=over(archive)), world.node("osaka", over=over(archive))]
    wait_left(world, "202312")
    wait_left(world)
    wait_left(world, "202402")
    for name, rows in kept.items():
        assert ordered(lines(archive / f"{name}.jsonl.gz")) == ordered(rows), name
    assert lines(archive / "decision_history_202312.jsonl.gz")[0]["at"] == "2023-12-31T23:59:59.999999+00:00"
    assert len(list(archive.glob("*"))) == 15, sorted(archive.glob("*"))
    assert world.database.one("select count(*) from run_history") == len(now[min(n for n in now if n.startswith("run"))])
    processes.wait_until(lambda: sum(scrape(node)["firstline_history_left_total", 'how="archived"'] for node in nodes) == 15,
                         what="15 partitions to be counted")
    assert all(part(node)["state"] in ("there", "unknown") for node in nodes)
    # The way back that docs/retention.md shows.
    manual = (pathlib.Path(__file__).resolve().parents[2] / "docs/retention.md").read_text()
    script = manual.split("```sh\n# into a table\n")[1].split("```")[0]
    subprocess.run(["bash", "-euc", script], check=True, cwd=archive, capture_output=True,
                   env={**os.environ, "DATABASE": world.database.conninfo(), "FILE": "event_history_202401"})
    back = [row for row, in world.database.query("select row_to_json(t) from event_history_202401 t")]
    assert ordered(back) == ordered(kept["event_history_202401"])


@pytest.mark.parametrize("place", ["archive.page=kill@3", "archive.written=kill", "archive.kept=kill"])
def test_killed_on_the_way(world, archive, place):
    """Nothing has left that is not whole in the archive; the next node does it all again, and no half file stays."""
    kept = fill(world.database, rows=3000)
    node = world.node("tokyo", over=over(archive), faults=place, ready=False)
    processes.wait_until(lambda: node.process.poll() is not None, processes.PATIENCE_S, "the node to be killed")
    gone = set(kept) - set(there(world.database))
    assert all(ordered(lines(archive / f"{name}.jsonl.gz")) == ordered(kept[name]) for name in gone)
    assert len(gone) < 5
    world.node("tokyo", over=over(archive))
    wait_left(world)
    assert sorted(path.name for path in archive.glob("*")) == sorted(f"{name}.jsonl.gz" for name in kept)
    assert all(ordered(lines(archive / f"{name}.jsonl.gz")) == ordered(rows) for name, rows in kept.items())


def test_a_full_disk(world, archive):
    """The month stays until there is room; the log, /readyz and a metric say so. And of 50 MB of rows only a few pages are ever in
    memory."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", archive], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    with contextlib.ExitStack() as held:
        held.callback(subprocess.run, ["umount", "-l", str(archive)], check=False)
        kept = fill(world.database, rows=20000)
        node = world.node("tokyo", over=over(archive))
        began = node.memory_kib()
        wait_away(world, node, "No space left on device")
        assert "run_history_202401" in there(world.database)
        node.wait_log("old history cannot leave the database")
        assert scrape(node)["firstline_history_stays", None] == 1 and scrape(node)["firstline_history_failed_total", None] >= 1
        subprocess.run(["mount", "-o", "remount,size=64M", archive], check=True)
        wait_left(world)
        world._wait(lambda: part(node)["state"] == "there", processes.PATIENCE_S, "/readyz to say that history leaves")
        assert all(ordered(lines(archive / f"{name}.jsonl.gz")) == ordered(rows) for name, rows in kept.items())
        assert sum(len(json.dumps(row)) for rows in kept.values() for row in rows) > 40e6
        assert node.memory_kib("VmHWM") - began < 16 * 1024
        node.stop()


def test_no_folder(world, archive):
    """A folder that is missing is told before anything is to leave; a node without one drops nothing beside one that has one;
    and where no node has one, old months are dropped."""
    archive.rmdir()
    tokyo = world.node("tokyo", over=over(archive))
    wait_away(world, tokyo, "No such file or directory")
    archive.mkdir()
    world._wait(lambda: part(tokyo)["state"] == "there", processes.PATIENCE_S, "the folder to be found")
    tokyo.stop()
    fill(world.database)
    osaka = world.node("osaka", over=over(None))
    wait_away(world, osaka, "another node has an archive")
    assert len(there(world.database)) == 5
    world.database.query("delete from turn where name = 'archive'")  # as docs/retention.md says
    wait_left(world)
    assert not list(archive.glob("*"))


def late_row(database):
    database.query("insert into run_history (incident, account, incident_key, title, opening, opened_at, give_up_at, ending, ended_at) "
                   "values (1, 'demo', 'QLATE', 'late', now(), now(), now(), 'resolved', '2024-01-31 12:00+00')")


def test_that_there_is_no_archive_is_said(world, archive):
    """By each node that could drop a month, when it starts, and by `firstline check`; where there is one nothing is said."""
    for name, folder, role in (("tokyo", None, "coordinator"), ("osaka", archive, "coordinator"), ("nara", None, "executor")):
        node = world.node("osaka" if name == "nara" else name, name, over={**over(folder), "node": {"roles": [role]}})
        said = "there is no retention.archive" in node.read_log() and "days=365" in node.read_log()
        assert said == (name == "tokyo"), node.read_log()
        status, shown, _ = program("check", "--config", node.settings)
        assert status == 0 and ("365 days after its end a month of history is dropped" in shown) == (folder is None), shown


def test_what_changed_meanwhile(world, archive, scratch):
    """A row that came in while the file was written is counted before anything is dropped; the next file holds it, and the first
    one stays beside it. Of a table that the server rewrote meanwhile no place is trusted; the same file comes out again."""
    kept = fill(world.database)
    here, go = [scratch / f"here{n}" for n in (4, 6)], [scratch / f"go{n}" for n in (4, 6)]  # the run's files: after three others
    node = world.node("tokyo", over=over(archive), faults=",".join(
        f"archive.kept=touch:{here[i]}@{n},archive.kept=wait:{go[i]}@{n}" for i, n in enumerate((4, 5))))
    processes.wait_until(here[0].exists, processes.PATIENCE_S, "the file to be kept")
    assert there(world.database) == ["run_history_202401", "step_history_202401"]
    late_row(world.database)
    go[0].touch()
    processes.wait_until(here[1].exists, processes.PATIENCE_S, "the next file to be kept")
    wait_away(world, node, "it changed while it was archived")
    world.database.query("vacuum full run_history_202401")
    go[1].touch()
    wait_left(world)
    assert scrape(node)["firstline_history_failed_total", None] == 2
    assert ordered(lines(archive / "run_history_202401.jsonl.gz")) == ordered(kept["run_history_202401"])
    assert len(lines(archive / "run_history_202401.2.jsonl.gz")) == len(kept["run_history_202401"]) + 1
    assert len(list(archive.glob("*"))) == 6


@pytest.mark.parametrize("damage, words", [(lambda path: os.truncate(path, path.stat().st_size // 2), "was read back and"),
                                           (lambda path: path.write_bytes(gzip.compress(b"{}\n")), "lines instead of")])
def test_a_file_that_the_disk_did_not_keep(world, archive, scratch, damage, words):
    """What was written is read back before anything is dropped."""
    fill(world.database)
    here, go = scratch / "here", scratch / "go"
    node = world.node("tokyo", over=over(archive), faults=f"archive.written=touch:{here}@4,archive.written=wait:{go}@4")
    processes.wait_until(here.exists, processes.PATIENCE_S, "the file to be written")
    damage(next(archive.glob("run_history_202401.jsonl.gz.*.partial")))
    go.touch()
    wait_away(world, node, words)
    assert "run_history_202401" in there(world.database)
    wait_left(world)
    assert len(lines(archive / "run_history_202401.jsonl.gz")) == 40
