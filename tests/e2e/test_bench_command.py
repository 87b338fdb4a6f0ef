# SPDX-License-Identifier: MIT
"""tests/bench/run says of each benchmark whether it worked, and fails when one did not."""

import argparse
import importlib.machinery
import importlib.util
import sys
import types

import pytest

from tests.bench import harness
from tests.kit.node import ROOT


@pytest.fixture(scope="module")
def command():
    loader = importlib.machinery.SourceFileLoader("bench_command", str(ROOT / "tests/bench/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_command", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Other tests' servers live on, and the figures go nowhere."""
    monkeypatch.setattr(harness.processes, "end_all", lambda: None)
    monkeypatch.setattr(harness, "ROOT", tmp_path)


def measured(command, monkeypatch, capsys, measure):
    """What run_one says and answers of a benchmark whose measure() is this."""
    planted = types.ModuleType("tests.bench.bench_planted", "What is planted.")
    planted.measure = measure
    monkeypatch.setitem(sys.modules, planted.__name__, planted)
    good = command.run_one("planted", argparse.Namespace(quick=True, rounds=None, seed=1, finished=None))
    return good, capsys.readouterr().out


def breaks(_bench):
    raise RuntimeError("a side did not answer")


def is_not_for_here(_bench):
    raise harness.Skip("there is no such peer here")


def works(bench):
    found = bench.pairs({"one": lambda: {"cpu_s": 2.0}, "other": lambda: {"cpu_s": 1.0}})
    bench.goal("twice", "at most", 3, harness.ratios(found, "one", "other", "cpu_s"))
    bench.goal("half", "at most", 1, harness.ratios(found, "one", "other", "cpu_s"))


def test_a_benchmark_that_breaks_fails_and_says_where(command, monkeypatch, capsys):
    good, said = measured(command, monkeypatch, capsys, breaks)
    assert not good
    assert "\nFAIL planted\n" in said and "a side did not answer" in said


def test_one_that_is_not_for_this_machine_says_why(command, monkeypatch, capsys):
    good, said = measured(command, monkeypatch, capsys, is_not_for_here)
    assert good
    assert "\nSKIP planted: there is no such peer here\n" in said


def test_a_goal_is_judged_by_the_median(command, monkeypatch, capsys):
    good, said = measured(command, monkeypatch, capsys, works)
    assert good and "\nPASS planted\n" in said
    rows = {line.split()[0]: line.split()[-1] for line in said.splitlines() if line.split()[:1] in (["twice"], ["half"])}
    assert rows == {"twice": "yes", "half": "no"}


def test_those_that_run_at_once_are_told_apart(command, capsys):
    """What one says comes in one piece; one that dies without a word fails."""
    says = {name: ["sh", "-c", f"echo == {name}; sleep 0.2; echo PASS {name}; exit 0"] for name in ("one", "two", "three")}
    assert command.run_apart(says, 2)
    said = capsys.readouterr().out
    assert all(f"== {name}\nPASS {name}\n" in said for name in says)
    assert not command.run_apart({**says, "dies": ["sh", "-c", "kill -KILL $$"], "fails": ["sh", "-c", "echo FAIL fails; exit 1"]}, 2)
    said = capsys.readouterr().out
    assert said.count("PASS") == 3 and said.count("FAIL dies") == 1 and said.count("FAIL fails") == 1


def test_what_is_measured_runs_alone(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tests/bench/run", "--jobs", "2", "match"])
    with pytest.raises(SystemExit) as refused:
        command.main()
    assert refused.value.code == 2 and "runs alone" in capsys.readouterr().err
