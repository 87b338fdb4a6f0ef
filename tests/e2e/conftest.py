# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests. Everything started dies with the test that started it, and at the latest with us.

`short` marks the tests that also run against the build `asan`, `threads` those that run against the build `tsan`.
"""

import contextlib
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.kit import processes  # noqa: E402
from tests.kit import sshd as sshd_kit  # noqa: E402
from tests.kit.node import World  # noqa: E402
from tests.kit.postgres import Postgres  # noqa: E402
from tests.kit.simulator import Simulator  # noqa: E402
from tests.kit.stage import Stage  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "short: also run against the build asan")
    config.addinivalue_line("markers", "threads: also run against the build tsan")


def pytest_unconfigure(config):
    del config
    processes.end_all()


@pytest.fixture
def scratch():
    """A folder with a short path that every user may enter (socket paths end at 107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="firstline-", dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def postgres(scratch):
    with Postgres(scratch / "pg") as server:
        yield server


@pytest.fixture(scope="module")
def shared_folder():
    with tempfile.TemporaryDirectory(prefix="firstline-", dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def machine(shared_folder):
    """One private machine with an sshd, for all tests of a file."""
    why = sshd_kit.may_run()
    if why:
        pytest.skip(why)
    with sshd_kit.Sshd(shared_folder / "box") as box:
        yield box


@pytest.fixture
def simulator():
    with Simulator() as pd:
        yield pd


@pytest.fixture
def world(scratch, postgres, machine, simulator):
    """Everything wired: database, machine, PagerDuty, secrets, an inventory of three hosts; no node and no scenario yet."""
    made = World(scratch, postgres, machine, simulator)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def make_stage(machine):
    """stage = make_stage(**entry): a stage of its own for all tests of a file, with a database and a PagerDuty; no node
    runs yet. entry: over each host's inventory entry. database: Postgres, or Pair of tests/kit/pair.py."""
    with contextlib.ExitStack() as held:
        def make(most=60, settings=None, database=Postgres, **entry):
            folder = pathlib.Path(held.enter_context(tempfile.TemporaryDirectory(prefix="firstline-", dir="/tmp")))
            folder.chmod(0o755)
            server = held.enter_context(database(folder / "pg"))
            pagerduty = held.enter_context(Simulator(settings=settings))
            world = World(folder, server, machine, pagerduty)
            held.callback(world.stop)
            return Stage(world, most, **entry)
        yield make
