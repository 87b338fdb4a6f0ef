# SPDX-License-Identifier: MIT
"""GET /metrics: the form, what moves it, and the page that is made of the same table."""

import re

import pytest

from tests.e2e.test_first_path import SCENARIO
from tests.kit import processes, webhooks
from tests.kit.node import ROOT, SUBSCRIPTIONS, program

LINE = re.compile(r'([a-z_]+)(?:\{([^}]*)\})? (-?[0-9.e+-]+)')


def scrape(node):
    """{(name, labels): value}; each sample belongs to the metric named above it."""
    status, text = node.get("/metrics")
    assert status == 200, text
    found, current = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == current and line.split()[3] in ("counter", "gauge")
        else:
            name, labels, value = LINE.fullmatch(line).groups()
            assert name == current and (name, labels) not in found
            found[name, labels] = float(value)
    return found


@pytest.fixture(name="node")
def fixture_node(world):
    world.scenario("idle", SCENARIO)  # a node without any takes no new run
    return world.node("tokyo", over={"reconciler": {"every": "1s"}})


def test_what_moves(world, node):
    """Webhooks by their answer, silence by subscription, what the reconciler found, runs and writes by state; the database
    away leaves out what only it knows."""
    hook = f'account="demo",subscription="{SUBSCRIPTIONS["tokyo"][0]}"'
    before = scrape(node)
    assert before["firstline_node", 'node="tokyo",region="tokyo"'] == 1
    assert before["firstline_webhooks_total", 'answer="new"'] == 0
    told = webhooks.event(webhooks.incident("QMETRIC", "nothing that matches"))
    assert [webhooks.post(node, told), webhooks.post(node, told), webhooks.post(node, told, signature="")] == [202, 202, 401]
    assert webhooks.post(node, b"{") == 202
    after = scrape(node)
    assert [after["firstline_webhooks_total", f'answer="{answer}"'] for answer in ("new", "duplicate", "refused")] == [2, 1, 1]
    assert after["firstline_webhooks_odd_total", None] == 1
    assert after["firstline_webhook_silence_seconds", hook] < after["firstline_webhook_silence_seconds", hook.replace("PHOOKTY", "PHOOKOS")]
    assert after["firstline_lease_left_seconds", None] > 0 and after["firstline_database_answers", None] == 1
    assert after["firstline_http_connections", None] >= 1
    world.simulator.control("POST", "webhooks", {"mode": "off"})
    made = world.trigger("nothing that matches either")
    world.wait_ending(made)
    processes.wait_until(lambda: scrape(node)["firstline_reconciler_rounds_total", 'ended="whole"'] >= 1, what="the end of a round")
    after = scrape(node)
    assert after["firstline_reconciler_found_total", 'what="run"'] == 1
    processes.wait_until(lambda: scrape(node).get(("firstline_outbox", 'state="sent"'), 0) >= 1, processes.PATIENCE_S, "a note to be sent")
    assert any(name == "firstline_budget_left" for name, _ in after)
    world.database.stop()
    processes.wait_until(lambda: scrape(node)["firstline_database_answers", None] == 0, processes.PATIENCE_S, "the database's going to be seen")
    away = scrape(node)
    assert not any(name in ("firstline_outbox", "firstline_runs", "firstline_budget_left") for name, _ in away)
    assert away["firstline_webhooks_total", 'answer="new"'] == after["firstline_webhooks_total", 'answer="new"']


def test_the_pages_are_the_tables():
    status, out, _ = program("help", "metrics-page")
    assert status == 0 and (ROOT / "docs/metrics.md").read_text() == out, "run: firstline help metrics-page > docs/metrics.md"
    status, out, _ = program("help", "hands-page")
    assert status == 0 and out in (ROOT / "docs/intake.md").read_text(), "docs/intake.md does not hold what firstline help hands-page prints"
