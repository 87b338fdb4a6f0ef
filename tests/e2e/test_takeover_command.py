# SPDX-License-Identifier: MIT
"""The measurement of takeovers, in its short form: three kills, of each node once, in looks and in a recover."""

import pathlib
import subprocess
import sys

import pytest

from tests.kit import sshd as sshd_kit

COMMAND = pathlib.Path(__file__).resolve().parents[1] / "takeover" / "run"


def test_killed_workers_runs_go_on_elsewhere():
    why = sshd_kit.may_run()
    if why:
        pytest.skip(why)
    done = subprocess.run([sys.executable, "-B", COMMAND, "--kills", "3", "--seed", "1", "--no-evidence"], capture_output=True,
                          text=True, check=False, timeout=900)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 kills" in done.stdout and "FAIL" not in done.stdout
