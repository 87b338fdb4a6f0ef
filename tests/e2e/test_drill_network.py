# SPDX-License-Identifier: MIT
"""The drill's network: far places are 15 ms apart, near ones are not, and a cut is silent and only where it was made."""

import contextlib
import socket
import time

import pytest

from tests.drill import network

WHY_NOT = network.may_run()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
PORT = 9000
LONGEST_S = 60  # for what passes; what does not is waited for 1 s


@pytest.fixture(name="wan", scope="module")
def fixture_wan():
    with network.Network() as wan:
        yield wan


class Pair:
    """A connection from one place to another, with its far end."""

    def __init__(self, wan, a, b):
        with contextlib.ExitStack() as stack, wan.inside(b):
            listener = stack.enter_context(socket.create_server((wan.address(b), PORT)))
            with wan.inside(a):
                began = time.monotonic()
                self.near = socket.create_connection((wan.address(b), PORT), timeout=LONGEST_S)
                self.round_trip_ms = (time.monotonic() - began) * 1000
            self.far = listener.accept()[0]
            self.far.settimeout(LONGEST_S)

    def carries(self, seconds=LONGEST_S):
        self.far.settimeout(seconds)
        self.near.sendall(b"x")
        try:
            return self.far.recv(10) != b""
        except TimeoutError:
            return False

    def close(self):
        self.near.close()
        self.far.close()


@pytest.fixture(name="pair")
def fixture_pair(wan):
    pairs = []

    def make(a, b):
        pairs.append(Pair(wan, a, b))
        return pairs[-1]
    yield make
    for made in pairs:
        made.close()


def test_far_places_are_30_ms_there_and_back(pair):
    """A delay can be longer on a busy machine, never shorter."""
    for a, b in (("tokyo-db", "osaka-db"), ("osaka-nodes", "witness"), ("tokyo-nodes", "pagerduty")):
        assert pair(a, b).round_trip_ms >= 30, (a, b)
    least = min(pair("tokyo-nodes", "tokyo-db").round_trip_ms for _ in range(5))
    assert least < 30, "two places of one site are near"


def test_a_cut_is_silent_and_heals(wan, pair):
    """What was sent into the cut arrives after it, by TCP's own repeats: nobody was told that anything was wrong."""
    made = pair("tokyo-db", "osaka-db")
    assert made.carries()
    before = wan.counts()["swallowed"]
    wan.cut("tokyo-db", "osaka-db")
    assert not made.carries(1)
    assert wan.counts()["swallowed"] > before
    wan.heal("tokyo-db", "osaka-db")
    made.far.settimeout(LONGEST_S)
    assert made.far.recv(10) == b"x"


def test_a_pair_is_cut_alone(wan, pair):
    """The nodes of a region can lose the database and keep PagerDuty and the machines."""
    made = {there: pair("tokyo-nodes", there) for there in ("tokyo-db", "osaka-db", "pagerduty", "customers")}
    for there in ("tokyo-db", "osaka-db"):
        wan.cut("tokyo-nodes", there)
    try:
        assert [there for there, one in made.items() if one.carries(1 if there.endswith("-db") else LONGEST_S)] == ["pagerduty", "customers"]
    finally:
        for there in ("tokyo-db", "osaka-db"):
            wan.heal("tokyo-nodes", there)


def test_a_site_is_cut_from_all_others_only(wan, pair):
    inside, outside = pair("tokyo-nodes", "tokyo-db"), pair("tokyo-db", "witness")
    wan.cut_site("tokyo")
    try:
        assert inside.carries() and not outside.carries(1)
    finally:
        wan.heal_site("tokyo")


def test_what_is_no_command_is_refused(wan):
    with pytest.raises(RuntimeError, match="refused"):
        wan.delay("tokyo-db", "tokyo-db", 1)
    with pytest.raises(RuntimeError, match="refused"):
        wan.cut("tokyo-db", 99)
