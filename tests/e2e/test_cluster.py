# SPDX-License-Identifier: MIT
"""The random faults of tests/cluster: a seed asks for the same faults, lane by lane, and a lane that fails says so."""

import pathlib
import sys
import threading

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))
from chaos import Lane  # noqa: E402


def asked(seed, name, most=40):
    """What a lane does, with the random numbers that its faults take."""
    over, done = threading.Event(), []

    def fault(word):
        def act(cluster, random_):
            done.append((word, random_.uniform(0, 9)))
            if len(done) == most:
                over.set()
        return act
    lane = Lane(None, name, seed, {"kill": (3, fault("kill")), "pause": (2, fault("pause")), "cut": (1, fault("cut"))}, 0, over)
    run(lane)
    assert lane.trouble is None and sum(lane.done.values()) == most
    return done


def run(lane):
    lane.leave.set()
    lane.start()
    lane.join(20)


def test_a_seed_asks_for_the_same_faults():
    assert asked(7, "tokyo") == asked(7, "tokyo")
    assert asked(7, "tokyo") != asked(8, "tokyo") and asked(7, "tokyo") != asked(7, "osaka")
    assert {word for word, _ in asked(7, "tokyo")} == {"kill", "pause", "cut"}


def test_a_lane_that_fails_says_so():
    """Else the run would go on milder than it says."""
    def broken(cluster, random_):
        raise RuntimeError("the database did not come back")
    lane = Lane(None, "database", 1, {"promote": (1, broken)}, 0, threading.Event())
    run(lane)
    assert lane.finished.is_set() and "did not come back" in lane.trouble
