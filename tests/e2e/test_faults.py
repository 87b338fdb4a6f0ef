# SPDX-License-Identifier: MIT
"""Faults on command: the build that has them says so and does them, and the program under test has no trace of them."""

import os
import signal
import subprocess

import pytest

from tests.kit import faults, node, processes


def version(binary, **environment):
    done = subprocess.run([binary, "version"], capture_output=True, text=True, check=False, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def test_the_program_has_none():
    """Neither names nor variables; the same search finds every one of them in the build that has them."""
    assert faults.names()
    assert faults.traces(node.binary()) == []
    assert faults.traces(faults.binary()) == [*faults.VARIABLES, *faults.names()]
    assert "FAULTS" not in version(node.binary(), FIRSTLINE_FAULT="a=kill", FIRSTLINE_TWIN="no-fence")[1]


def test_the_build_says_so():
    status, out, _ = version(faults.binary(), FIRSTLINE_FAULT="a=kill", FIRSTLINE_TWIN="no-fence")
    assert status == 0 and "WITH FAULTS" in out and "a=kill" in out and "no-fence" in out


@pytest.mark.parametrize("wrong", ["a", "a=", "a=jump", "a=stop@x", "a=stop@-1", "a=touch", "a=stop:/x", "a=stop,b"])
def test_a_wrong_wish_is_refused(wrong):
    status, _, error = version(faults.binary(), FIRSTLINE_FAULT=wrong)
    assert status == 70 and "is not place=action" in error


def test_a_place_is_passed(world, scratch):
    """A node stops at a place once it has told so, waits there for a file, and is killed at the third passing of another."""
    tokyo = world.node("tokyo", faults=f"node.started=touch:{scratch}/here,node.started=stop,node.started=wait:{scratch}/go,"
                                       "worker.claims=kill@3", ready=False)
    processes.wait_until((scratch / "here").exists, processes.PATIENCE_S, "the place to be passed")
    processes.wait_until(lambda: tokyo.is_stopped(), processes.PATIENCE_S, "the node to stop")
    assert "WITH FAULTS" in tokyo.read_log()
    tokyo.resume()
    processes.wait_until(lambda: not tokyo.is_stopped(), processes.PATIENCE_S, "the node to go on")
    assert tokyo.process.poll() is None
    (scratch / "go").touch()
    assert tokyo.process.wait(40) == -signal.SIGKILL
    assert tokyo.read_log().count("place=worker.claims") == 1
