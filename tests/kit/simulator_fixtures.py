# SPDX-License-Identifier: MIT
"""pytest fixtures around the PagerDuty simulator, and the two requests that its tests make most."""

import pytest
from simulator import Receiver, Simulator

TOKYO, OSAKA = "PHOOKTY", "PHOOKOS"


@pytest.fixture(name="shared", scope="module")
def fixture_shared():
    with Simulator() as shared:
        yield shared


@pytest.fixture(name="pd")
def fixture_pd(shared):
    """The module's simulator, emptied; its webhooks go nowhere."""
    everything = ["requests", "deliveries", "ignored", "counters", "faults", "budgets", "incidents"]
    shared.control("POST", "clear", {"what": everything})
    shared.control("POST", "webhooks", {"mode": "off"})
    yield shared
    assert shared.errors() == ""


@pytest.fixture(name="fresh")
def fixture_fresh():
    with Simulator() as fresh:
        yield fresh


@pytest.fixture(name="receiver")
def fixture_receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(name="hooked")
def fixture_hooked(receiver):
    """A simulator with one subscription, which delivers to `receiver`."""
    with Simulator(urls={TOKYO: receiver.url}) as pd:
        pd.control("DELETE", f"subscriptions/{OSAKA}")
        yield pd
        assert pd.errors() == ""


def put(pd, incident, **change):
    return pd.api("PUT", f"/incidents/{incident}", {"incident": {"type": "incident_reference", **change}})


def note(pd, incident, content, **headers):
    return pd.api("POST", f"/incidents/{incident}/notes", {"note": {"content": content}}, **headers)
