# SPDX-License-Identifier: MIT
"""The soak command in its short form: flat as it should be, not flat for a node that leaks; and its rule by itself."""

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest

from tests.kit import sshd as sshd_kit

SOAK = pathlib.Path(__file__).resolve().parents[1] / "soak"
sys.path.insert(0, str(SOAK))
from flat import Tolerance, judge  # noqa: E402

NOISE = random.Random(1)


def soak(*words):
    why = sshd_kit.may_run()
    if why:
        pytest.skip(why)
    done = subprocess.run([sys.executable, "-B", SOAK / "run", "--seed", "1", *words], capture_output=True, text=True, check=False,
                          timeout=900)
    print(done.stdout, done.stderr)
    return done


def test_nothing_grows_in_half_a_minute_with_faults():
    done = soak("--minutes", "0.5", "--faults")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS soak: 0.5 minutes" in done.stdout and "GROWS" not in done.stdout


def test_a_leak_is_found():
    """Each run that ends keeps 256 KiB and a descriptor."""
    done = soak("--minutes", "0.5", "--rate", "3", "--plant", "run.over=leak@*")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "descriptors is not flat" in done.stdout and "anonymous_kib is not flat" in done.stdout
    assert "runs ended of" not in done.stdout  # it did its work all the same


def series(shape, count=120, noise=0.0):
    return [(second, shape(second / count) + NOISE.uniform(-noise, noise)) for second in range(count)]


@pytest.mark.parametrize("what, samples, flat", [
    ("constant", series(lambda t: 100), True),
    ("noise about one level", series(lambda t: 100, noise=20), True),
    ("a start that climbs", series(lambda t: 100 - 80 * max(0, 0.25 - t)), True),
    ("falls", series(lambda t: 100 - 50 * t), True),
    ("within the tolerance", series(lambda t: 100 + 15 * t), True),
    ("climbs steadily", series(lambda t: 100 + 30 * t), False),
    ("climbs beneath noise", series(lambda t: 100 + 40 * t, noise=10), False),
    ("a step that stays", series(lambda t: 100 if t < 0.6 else 115), False),
    ("a peak that passes", series(lambda t: 300 if 0.6 < t < 0.65 else 100), True),
    ("climbs and is cut at the very end", series(lambda t: 100 + 40 * t if t < 0.85 else 100), False),
    ("too few", series(lambda t: 100, count=7), False),
    ("a quarter without samples", [(s, 100) for s in (0, 1, 2, 3, 4, 5, 6, 7, 100)], False)])
def test_the_rule(what, samples, flat):
    assert judge(samples, Tolerance(0.05, 5))["flat"] == flat, (what, judge(samples, Tolerance(0.05, 5)))


def test_evidence_of_a_soak_can_be_judged_again():
    """The verdict in an evidence file follows from the figures beside it."""
    for path in (SOAK.parents[1] / "docs/evidence").glob("soak*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        assert all(row["flat"] == (row["grew"] <= row["allowed"]) for row in document["verdicts"]), path
        assert os.path.basename(document["command"].split()[0]) == "run", path
