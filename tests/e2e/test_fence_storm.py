# SPDX-License-Identifier: MIT
"""Storms on one machine: thirty sessions at once, of two workers and many attempts, some of them sent again and again. A
recorder there, which the fence does not know, tells what ran: each attempt at most once, and never two at a time."""

import collections
import os
import threading

import pytest

from tests.kit.fixtures import fixture_nothing_left, fixture_wrapper_machine  # noqa: F401
from tests.kit.wrapper_world import Place

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="makes users and mounts in a namespace: needs root")

SESSIONS = 30
RUNS = 6
# BusyBox has no flock of its own in Debian: "flock" gives it the other one
MACHINES = [("dash", "all"), ("dash", "no-flock"), ("bash", "all"), ("bash", "no-flock"), ("busybox", "flock"), ("busybox", "all")]
NO_FENCE = (b"fl_main\n}\n", b"fl_begin() { [ -d \"$fl_dir\" ] || mkdir \"$fl_dir\"; }\nfl_look_up() { return 1; }\n"
            b"fl_holder() { return 1; }\nfl_let_lock() { :; }\nfl_ask_for_lock() { :; }\nfl_main\n}\n")
ANSWERS = {"ended", "running", "machine busy", "refused: a newer holder was there", "never started"}


def storm(machine, shell, variant, patch=None):
    """Thirty sessions: the requests (run, attempt, worker), their answers, and what the recorder saw: [(word, attempt)]."""
    place = Place(machine, shell=shell, variant=variant)
    seen = place.counter("seen")
    sessions = []
    for number in range(SESSIONS):
        run, attempt, worker = f"run-{number % RUNS}", number // RUNS % 2, number % 5 % 2  # most are sent by both, more than once
        name = f"{run}.{attempt}"
        script = f"{seen.add(f'start:{name}')}; sleep 0.2; {seen.add(f'end:{name}')}"
        sessions.append(((run, attempt, worker), place.start(
            "recover", run=run, attempt=attempt, script=script, epoch=5 + worker, incarnation=f"inc-{worker}", patch=patch)))
    answers = []
    threads = [threading.Thread(target=lambda a=asked, s=session: answers.append((a, s.finish(120)))) for asked, session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, [tuple(line.split(":")) for line in seen.lines()]


@pytest.mark.parametrize("shell,variant", MACHINES)
def test_thirty_sessions(machine, shell, variant):
    answers, seen = storm(machine, shell, variant)
    assert len(answers) == SESSIONS and {report.verdict for _, report in answers} <= ANSWERS, answers
    began = collections.Counter(name for word, name in seen if word == "start")
    assert began and max(began.values()) == 1, seen
    pairs = list(zip(seen[::2], seen[1::2]))
    assert len(seen) == 2 * len(pairs) and all(a == ("start", name) and b == ("end", name) for a, b in pairs for name in [b[1]]), seen
    firsts = collections.Counter(f"{run}.{attempt}" for (run, attempt, _), report in answers
                                 if report.verdict == "ended" and not report.already)
    assert firsts == began, "who was told that it ran its script did"


def test_the_recorder_sees_what_the_fence_prevents(machine):
    """Without the fence, attempts begin more than once, and overlap."""
    _, seen = storm(machine, "dash", "all", NO_FENCE)
    began = collections.Counter(name for word, name in seen if word == "start")
    assert max(began.values()) > 1 or [word for word, _ in seen] != ["start", "end"] * (len(seen) // 2), seen
