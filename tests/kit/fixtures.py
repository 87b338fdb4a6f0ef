# SPDX-License-Identifier: MIT
"""Fixtures that several files of end-to-end tests import by name: a machine for the wrapper, a stage on two real servers."""

import pytest

from tests.kit.pair import Pair
from tests.kit.stage import scenario
from tests.kit.wrapper_world import Machine


@pytest.fixture(scope="module", name="machine")
def fixture_wrapper_machine():
    """One namespace for all tests of a file."""
    made = Machine()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fixture_nothing_left(machine):
    """No process of a test outlives it."""
    yield
    machine.kill_all()


@pytest.fixture(name="stage")
def fixture_pair_stage(make_stage):
    """Its steps may wait for the test."""
    stage = make_stage(database=Pair)
    stage.world.scenario("broken", scenario(within="5m", timeout="5m"))
    return stage
