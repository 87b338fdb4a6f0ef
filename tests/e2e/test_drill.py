# SPDX-License-Identifier: MIT
"""The failover drill itself: a region with the primary is killed under load and nothing is lost or done twice; what is
stopped or killed leaves nothing behind. Also that its own judgement can fail."""

import json
import os
import pathlib
import signal
import subprocess
import types

import pytest

from tests.drill import figures, network, report
from tests.drill.main import PREFIX, sweep
from tests.drill.modes import MODES
from tests.kit import processes, sshd
from tests.kit.node import ROOT

WHY_NOT = network.may_run() or sshd.may_run()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
PROGRAM = ["/usr/bin/python3", "-B", str(ROOT / "tests/drill/main.py")]


def of_drill(number):
    """Processes of the drill with this process id: all work in its folder or name it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != number:
            try:
                words = (entry / "cmdline").read_bytes() + os.fsencode(os.readlink(entry / "cwd"))
            except OSError:
                continue
            if f"{PREFIX}{number}-".encode() in words:
                found.append(words)
    return found


def folders(number):
    return list(pathlib.Path("/tmp").glob(f"{PREFIX}{number}-*"))


@pytest.fixture(name="building")
def fixture_building():
    """A drill that has begun to build its site: Patroni runs."""
    drill = processes.start([*PROGRAM, "kill"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes.wait_until(lambda: any(b"patroni-" in words for words in of_drill(drill.pid)), processes.PATIENCE_S, "Patroni to run", every_s=0.2)
    yield drill
    drill.kill()
    drill.wait()


def test_a_drill_that_is_interrupted_leaves_nothing(building):
    building.send_signal(signal.SIGINT)
    assert building.wait(processes.PATIENCE_S) == 130
    assert not of_drill(building.pid) and not folders(building.pid)


def test_a_drill_that_is_killed_leaves_nothing_but_its_folder(building):
    """The kernel ends its processes, and with them go the namespaces; the next drill sweeps the folder away."""
    building.kill()
    building.wait()
    processes.wait_until(lambda: not of_drill(building.pid), processes.PATIENCE_S, "its processes to end")
    assert folders(building.pid)
    sweep()
    assert not folders(building.pid)


def test_the_region_with_the_primary_is_killed(tmp_path):
    """No time is judged here: the machine may be busy."""
    report = tmp_path / "report.json"
    done = subprocess.run([*PROGRAM, "kill", "--short", "--within", "120", "--json", str(report)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    found = json.loads(report.read_text())[0]["rounds"][0]
    assert found["orphans"]["count"] + found["ended_as_it_happened"] >= 2
    assert found["orphans_lost"] == 0 and found["primary_after"] != found["primary"]
    assert found["packets"]["swallowed"] > 0 and found["judged"]["same-everywhere"]["rows"] > 0


@pytest.mark.parametrize("words", [["nonsense"], [], ["kill", "--rounds", "0"], ["all", "--evidence", "one.json"], ["kill", "--append"]])
def test_what_is_asked_wrongly_is_refused_before_anything_is_installed_or_built(words):
    environment = {name: value for name, value in os.environ.items() if name != "FIRSTLINE_BINARY"}
    done = subprocess.run([ROOT / "deploy/drill", *words], env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (2, "") and "deploy/drill: error: " in done.stderr


# --- what the drill judges beside the checker ----------------------------------------------------------------------------

def drilled(mode="kill", held=("run",), lost=(), failed=(), settled=True):
    return types.SimpleNamespace(
        mode=MODES[mode], needs_orphans=mode == "kill", home="tokyo", away="osaka", lost_nodes=["tokyo-1"] if mode == "kill" else [],
        orphans=types.SimpleNamespace(held=held, lost=lambda: list(lost)), load=types.SimpleNamespace(failed=failed), settled=settled)


GOOD = {"handed_on": {"count": 2, "max_s": 19.5}, "orphans_lost": 0, "orphans": {"count": 1, "max_s": 19.0}, "limit_s": 25, "probe_rows_missing": {"osaka in tokyo": 0},
        "taken_for_dead": [{"name": "tokyo-1", "after_s": 9.0, "why": "lease ended"}], "primary_after": "osaka"}
KEPT = {"promises": [{"name": "at-most-once", "violations": []}]}
BROKEN = {
    "a promise is broken": ({}, {}, {"promises": [{"name": "at-most-once", "violations": ["two starts"]}]}, "two starts"),
    "a run never went on": ({}, {"orphans_lost": 1}, KEPT, "never went on"),
    "a run went on late": ({}, {"orphans": {"count": 1, "max_s": 25.1}}, KEPT, "only 25.1 s"),
    "a run waited for a holder": ({"mode": "rolling"}, {"taken_for_dead": [], "primary_after": "tokyo", "handed_on": {"count": 1, "max_s": 25.2}},
                                  KEPT, "without a holder for 25.2 s"),
    "nothing was held": ({"held": ()}, {"orphans": {"count": 0}}, KEPT, "nothing was shown"),
    "an acknowledged row is missing": ({}, {"probe_rows_missing": {"osaka in tokyo": 2}}, KEPT, "2 acknowledged rows"),
    "a live worker was reaped": ({"mode": "standby"}, {"primary_after": "tokyo"}, KEPT, "and lived"),
    "nobody was promoted": ({}, {"primary_after": ""}, KEPT, "in no region"),
    "somebody was promoted": ({"mode": "witness"}, {"taken_for_dead": []}, KEPT, "not in tokyo"),
    "the load failed": ({"failed": ["refused"]}, {}, KEPT, "refused"),
    "something never ended": ({"settled": False}, {}, KEPT, "came to an end"),
}


def test_a_good_round_has_no_fault():
    assert figures.faults(drilled(), GOOD, KEPT) == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_is_found(name):
    made, changed, verdicts, words = BROKEN[name]
    faults = figures.faults(drilled(**made), {**GOOD, **changed}, verdicts)
    assert len(faults) == 1 and words in faults[0], faults


def test_the_summary_counts_what_the_checker_refused():
    """By the checker's own words: one that it does not know would count as nothing."""
    words = {word for _, where, words in figures.SUMMARY.values() if where != "counts" for word in words}
    text = "".join(path.read_text() for path in (ROOT / "tests/checker").glob("*.py"))
    assert [word for word in words if f'"{word}"' not in text] == []
    promises = {promise: {"name": promise, "judged": {}, "counts": {}, "violations": []} for promise, _, _ in figures.SUMMARY.values()}
    promises["lost-nothing"]["judged"] = {"events answered 2xx": 8, "incidents found": 3}
    promises["at-most-once"]["violations"] = ["marks: began 2 times", "starts on the machines: not alone"]
    found = figures.summary({"promises": list(promises.values())})
    assert (found["events_answered"], found["incidents_found"]) == (4, 3)
    assert (found["recovers_doubled"], found["recovers_overlapping"], found["runs_lost"]) == (1, 1, 0)


def test_a_round_that_broke_off_is_reported():
    row = {**figures.NONE, "primary": "tokyo", "seconds": 3.0, "faults": ["the round broke off: TimeoutError: nothing came"]}
    assert "FAILED" in report.of_round(row, "") and "TimeoutError" in report.of_round(row, "")
