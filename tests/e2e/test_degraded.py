# SPDX-License-Identifier: MIT
"""When parts are missing: each part is taken away and given back, and what /readyz and the log say of it is held against
docs/degraded.md. What a run does without it is tested where the run is (that page names the tests); here is what is left."""

import json
import re
import time

import pytest

from tests.kit import processes
from tests.kit.pair import Pair
from tests.kit.proxy import Proxy
from tests.kit.stage import Stage, scenario

# Long enough that a busy machine alone loses neither: each change must be told once.
QUICK = {"lease": {"renew": "500ms", "length": "5s", "gap": "2s"}, "database": {"answer_within": "3s"}}
SEEN_WITHIN_S = 60  # a twin that never sees it is waited for as long
GATE = "touch collecting; until test -e go; do sleep 0.1; done; touch collected"


@pytest.fixture(name="stage")
def fixture_stage(world):
    stage = Stage(world)
    world.scenario("broken", scenario(within="30s").replace("timeout: 20s", "timeout: 5m"))
    return stage


def ready(node):
    """(status, document)"""
    status, body = node.get("/readyz")
    return status, json.loads(body) if status else {}


def wait_part(node, state, part):
    """Waits until /readyz shows the part so; the document. part: picks it from the document, or gives None."""
    def seen():
        status, document = ready(node)
        found = part(document) if status else None
        return document if found and found["state"] == state else None
    return processes.wait_until(seen, SEEN_WITHIN_S, f"{node.name} to see it {state}", every_s=0.2)


def told(node, words):
    """How many lines of the log hold the words."""
    return sum(words in line for line in node.read_log().splitlines())


def wait_told(node, words, times=1):
    node.wait_log(words, times)
    assert told(node, words) == times, "a change is told once"


def test_the_database_away_briefly(stage):
    """Webhooks are answered 503 and come again; a look goes on; no recover starts, for the lease ends by the node's own clock;
    what was found out is written when the database is back."""
    with Proxy(stage.database.port) as way:
        conninfo = f"host=127.0.0.1 port={way.port} user=postgres dbname=firstline"
        tokyo = stage.world.node("tokyo", over={**QUICK, "database": {**QUICK["database"], "conninfo": conninfo}})
        stage.world.only("tokyo")
        stage.pagerduty.settings(webhook_timeout_s=40.0)  # a slow machine's answer counts, too
        host, later = stage.host(collect=GATE), stage.host()
        made = stage.trigger(host)
        stage.wait_file(host, "collecting")
        way.silence()
        document = wait_part(tokyo, "away", lambda d: d["database"])
        assert document["database"]["why"] and not document["ready"]
        document = wait_part(tokyo, "away", lambda d: d["lease"])
        assert any(why.startswith("lease: ") for why in document["why"])
        missed = stage.trigger(later)
        processes.wait_until(lambda: 503 in [a.get("status") for a in stage.pagerduty.deliveries(incident=missed)[0]["attempts"]],
                             60, "the webhook to be answered 503")
        stage.touch(host, "go")
        stage.wait_file(host, "collected")
        assert ready(tokyo)[0] == 503 and stage.starts(host) == 0
        way.heal()
        for part in ("database", "lease"):
            wait_part(tokyo, "there", lambda d, p=part: d[p])
        stage.ended(made, "resolved")
        stage.ended(missed, "resolved")
        assert (stage.starts(host), stage.starts(later)) == (1, 1)
        for words in ("the database is away: webhooks are answered 503", "the database is back", "this node cannot show a lease",
                      "this node holds a lease again"):
            wait_told(tokyo, words)


def test_the_other_region_away(make_stage):
    """It dies with the standby: the runs go on here, and both losses are seen, told once, and seen to end."""
    stage = make_stage(database=Pair)
    pair = stage.database
    tokyo, osaka = (stage.world.node(region, over=QUICK) for region in ("tokyo", "osaka"))

    def region(name):
        return lambda document: next((r for r in document["regions"] if r["region"] == name), None)

    document = wait_part(tokyo, "there", region("osaka"))
    assert region("osaka")(document)["live_nodes"] == 1 and region("osaka")(document)["lease_ms_left"] > 0
    assert {n["name"]: n["last_beat_ms_ago"] < 60000 for n in document["nodes"]} == {"tokyo": True, "osaka": True}
    wait_part(tokyo, "there", lambda d: d["replication"])
    osaka.kill()
    pair.alone()
    stage.world.only("tokyo")
    document = wait_part(tokyo, "away", region("osaka"))
    assert region("osaka")(document)["live_nodes"] == 0 and document["ready"], "this node can do its work"
    wait_part(tokyo, "away", lambda d: d["replication"])
    stage.ended(stage.trigger(stage.host()), "resolved", ["standby"])
    pair.together()
    osaka.start()
    wait_part(tokyo, "there", region("osaka"))
    wait_part(tokyo, "there", lambda d: d["replication"])
    for words in ("a region has no live node: its runs go on elsewhere", "a region has live nodes again",
                  "no synchronous standby is in force: recovers go on and say so", "a synchronous standby is in force again"):
        wait_told(tokyo, words)


def test_pagerdutys_api_away(stage):
    """Events come in and runs go on; what is to be written waits, and is delivered, in order, when the API is back."""
    tokyo = stage.world.node("tokyo")
    host = stage.host(collect=GATE)
    made = stage.trigger(host)
    stage.wait_file(host, "collecting")
    healthy = stage.host(check="touch checking; until test -e go; do sleep 0.1; done; echo up")
    beside = stage.trigger(healthy)
    stage.wait_file(healthy, "checking")
    with stage.faults("500"):
        stage.touch(healthy, "go")
        stage.touch(host, "go")
        stage.database.wait("select s.outcome from step s join run r on r.id = s.run where r.incident_key = %s", beside,
                            expected="healthy")
        document = wait_part(tokyo, "away", lambda d: d["pagerduty"][0])
        assert document["pagerduty"][0]["account"] == "demo" and document["pagerduty"][0]["why"] and document["ready"]
        processes.wait_until(lambda: sum(ready(tokyo)[1].get(key, 0) for key in ("writes_waiting", "writes_in_doubt")) > 0, 60,
                             "what is to be written to wait")
    wait_part(tokyo, "there", lambda d: d["pagerduty"][0])
    stage.ended(beside, "self_healed")
    stage.ended(made, "resolved")
    assert stage.starts(host) == 1
    wait_told(tokyo, "PagerDuty's API is away: writes wait, recovers are held (recover_blind: hold)")
    wait_told(tokyo, "PagerDuty's API is back: what waits is written")


def test_what_many_runs_meet_at_once_is_told_once_a_minute(stage):
    """Each run that begins reads its incident, in vain; the log has a line a minute, which says how often."""
    tokyo, words, many = stage.world.node("tokyo"), "PagerDuty could not be asked about the incident", 5
    began = time.monotonic()
    with stage.faults("500", path="/alerts"):
        incidents = [stage.trigger(stage.host()) for _ in range(many)]
        for incident in incidents:
            processes.wait_until(lambda i=incident: len(stage.pagerduty.requests(method="GET", path=f"/incidents/{i}/alerts")) >= 2, processes.PATIENCE_S, f"{incident} to be read again")
    for incident in incidents:
        stage.ended(incident, "resolved")
    tokyo.stop()
    minutes = (time.monotonic() - began) / 60
    lines = [line for line in tokyo.read_log().splitlines() if words in line]
    assert sum("500" in line for line in lines) <= 2 + minutes, lines
    assert sum(int(re.search(r" times=(\d+)", line)[1]) for line in lines) >= many, lines


def test_ssh_to_a_host_away(stage):
    """A look is tried again within its time, and a host that comes back is looked at; one that does not is handed over with what
    SSH said. The others are not touched by it."""
    box = stage.machine
    with Proxy(box.port) as way:
        box.write_known_hosts(names=[f"[127.0.0.1]:{port}" for port in (box.port, way.port)])
        try:
            gone, beside = stage.host(), stage.host()
            stage.entries[gone]["port"] = way.port
            stage.world.inventory({"acme": stage.entries})
            way.silence()
            tokyo = stage.world.node("tokyo", over={"ssh": {"handshake_within": "5s"}})
            made, other = stage.trigger(gone), stage.trigger(beside)
            stage.ended(other, "resolved")
            document = wait_part(tokyo, "away", lambda d: d["ssh"])
            assert [h["host"] for h in document["ssh"]["hosts_away"]] == [gone] and document["ready"]
            note = stage.ended(made, "handed_over", [gone, "shaking hands"])
            assert document["ssh"]["hosts_away"][0]["why"] in note, note
            way.heal()
            stage.ended(stage.trigger(gone), "resolved")
            wait_part(tokyo, "there", lambda d: d["ssh"])
            wait_told(tokyo, "a host is not reached by SSH")
            wait_told(tokyo, "a host is reached by SSH again")
        finally:
            box.write_known_hosts()
