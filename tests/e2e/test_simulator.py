# SPDX-License-Identifier: MIT
"""The simulator is as strict and as odd as PagerDuty is known to be. Tests wait for conditions, not for times.

Over 600 lines: one flat list of PagerDuty's rules, each with its test."""

import http.client
import json
import pathlib
import socket
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kit"))
from simulator import BOT, SERVER, TOKEN, Simulator, wait_for  # noqa: E402
from simulator_fixtures import (fixture_pd, fixture_shared, note, put)  # noqa: E402

SAM, AIKO = "sam@demo.example", "aiko@demo.example"
SHOWN_LATE_S = 4  # a slow machine asks before that
OPEN = "/incidents?statuses[]=triggered&statuses[]=acknowledged&date_range=all&sort_by=created_at:asc&limit=100"


# --- strictness -------------------------------------------------------------------------------------------------

HEADER_ROWS = [
    ({"Authorization": None}, 401, 2006),
    ({"Authorization": f"Bearer {TOKEN}"}, 401, 2006),
    ({"Authorization": f"token token={TOKEN}"}, 401, 2006),
    ({"Authorization": f"Token token={TOKEN} "[:-2]}, 401, 2006),
    ({"Authorization": f'Token token="{TOKEN}"'}, 401, 2006),
    ({"Accept": "application/json"}, 406, 2001),
    ({"Accept": None}, 406, 2001),
    ({"Accept": "application/vnd.pagerduty+json;version=2, application/json;q=0.9"}, 200, None),
    ({"From": None}, 400, 2001),
    ({"From": "nobody@demo.example"}, 400, 1008),
    ({"Content-Type": None}, 400, 2001),
    ({"Content-Type": "text/plain"}, 400, 2001),
    ({"Content-Type": "application/json; charset=utf-8"}, 200, None),
    ({"Authorization": "Token token=demo-read-only-token-01"}, 403, 2010),
]


@pytest.mark.parametrize("headers, status, code", HEADER_ROWS)
def test_headers_are_checked(pd, headers, status, code):
    made = pd.trigger("x")["id"]
    answer = note(pd, made, "hello", **headers)
    assert answer.status == status
    assert code is None or answer.code == code
    assert len(pd.notes(made)) == (1 if status == 200 else 0)


def test_every_error_has_pagerdutys_form(pd):
    answer = pd.api("GET", "/incidents/QNOTHERE")
    assert (answer.status, answer.json) == (404, {"error": {"message": "Not Found", "code": 2100}})
    assert pd.api("GET", "/no/such/place").status == 404
    missing_from = note(pd, pd.trigger("x")["id"], "y", sender=None)
    assert missing_from.json["error"]["message"] == (
        'You must specify a user\'s email address in the "From" header to perform this action')


CHANGE_ROWS = [
    ({"incident": {"status": "resolved"}}, 400, 2001, "type is required"),
    ({"incident": {"type": "thing", "status": "resolved"}}, 400, 2001, "type"),
    ({"incident": []}, 400, 2001, "incident must be an object"),
    ({}, 400, 2001, "no incident"),
    ({"incident": {"type": "incident", "status": "open"}}, 400, 2001, "no such status"),
    ({"incident": {"type": "incident", "title": "  "}}, 400, 2001, "blank title"),
    ({"incident": {"type": "incident", "title": "x" * 1025}}, 400, 2001, "long title"),
    ({"incident": {"type": "incident", "title": "x" * 1024}}, 200, None, "longest title"),
    ({"incident": {"type": "incident", "priority": "P9"}}, 400, 1020, "no such priority"),
    ({"incident": {"type": "incident", "priority": {"id": "PPRIO02"}}}, 400, 2001, "priority without type"),
    ({"incident": {"type": "incident", "priority": {"id": "PPRIO02", "type": "priority_reference"}}}, 200, None, ""),
    ({"incident": {"type": "incident", "priority": "P1"}}, 200, None, "priority by name"),
    ({"incident": {"type": "incident", "escalation_level": 3}}, 400, 1006, "the policy has two levels"),
    ({"incident": {"type": "incident", "escalation_level": "2"}}, 400, 2001, "level must be a number"),
    ({"incident": {"type": "incident", "escalation_level": 2}}, 200, None, ""),
    ({"incident": {"type": "incident", "assignments": [
        {"assignee": {"id": "PNOBODY", "type": "user_reference"}}]}}, 400, 1007, "no such user"),
    ({"incident": {"type": "incident", "urgency": "medium"}}, 400, 2001, "no such urgency"),
    ({"incident": {"type": "incident", "statsu": "resolved"}}, 200, None, "an unknown field changes nothing"),
]


@pytest.mark.parametrize("body, status, code, about", CHANGE_ROWS, ids=[row[3] or "good" for row in CHANGE_ROWS])
def test_changes_are_checked(pd, body, status, code, about):
    made = pd.trigger("x")["id"]
    answer = pd.api("PUT", f"/incidents/{made}", body)
    assert answer.status == status, answer.text
    assert code is None or answer.code == code
    assert pd.incident(made)["status"] == "triggered"


def test_a_bad_part_spoils_the_whole_change(pd):
    made = pd.trigger("x")["id"]
    assert put(pd, made, title="y", priority="P9").status == 400
    assert pd.incident(made)["title"] == "x"


def test_what_is_ignored_is_counted(pd):
    made = pd.trigger("x")["id"]
    put(pd, made, statsu="resolved", summary="z")
    note(pd, made, "a")
    pd.api("GET", "/incidents?status[]=triggered&date_range=all")
    assert pd.ignored() == {"PUT /incidents/* incident.statsu": 1, "PUT /incidents/* incident.summary": 1,
                            "GET /incidents ?status[]": 1}


# --- incidents --------------------------------------------------------------------------------------------------

def test_resolving_twice_is_1001_and_resolves_alerts(pd):
    made = pd.trigger("x", alerts=[{"details": {"host": "a"}}, {"details": "b"}])["id"]
    assert put(pd, made, status="resolved").json["incident"]["assignments"] == []
    again = put(pd, made, status="resolved")
    assert (again.status, again.code, again.json["error"]["message"]) == (400, 1001, "Incident Already Resolved")
    counts = pd.api("GET", f"/incidents/{made}").json["incident"]["alert_counts"]
    assert counts == {"all": 2, "triggered": 0, "resolved": 2}


@pytest.mark.parametrize("status, assignee", [("triggered", AIKO), ("acknowledged", BOT)])
def test_writing_an_open_status_to_a_resolved_incident_reopens_it(pd, status, assignee):
    made = pd.trigger("x")["id"]
    put(pd, made, status="resolved")
    assert put(pd, made, status=status).json["incident"]["status"] == status
    state = pd.incident(made)
    assert state["assignees"] == [assignee] and state["reopened_at"] and state["resolved_at"] is None
    assert [row["status"] for row in state["status_history"]] == ["triggered", "resolved", status]


def test_an_acknowledge_moves_the_incident_to_who_asked(pd):
    made = pd.trigger("x")["id"]
    got = put(pd, made, status="acknowledged").json["incident"]
    assert [a["assignee"]["id"] for a in got["assignments"]] == ["PBOT001"]
    assert [a["acknowledger"]["id"] for a in got["acknowledgements"]] == ["PBOT001"]
    assert [action["type"] for action in got["pending_actions"]] == ["unacknowledge"]


def test_a_persons_own_key_needs_no_from():
    seed = json.loads((SERVER.parent / "seed.json").read_text())
    seed["accounts"][0]["tokens"].append({"name": "sam", "value": "sams-own-key", "user": SAM})
    with Simulator(seed=seed) as pd:
        made = pd.trigger("x")["id"]
        assert note(pd, made, "hello", token="sams-own-key", From=None).status == 200
        assert pd.incident(made)["notes"][0]["by"] == "Sam Rivera"


def test_escalating_reassigning_and_delegating(pd):
    made = pd.trigger("x")["id"]
    put(pd, made, status="acknowledged")
    got = put(pd, made, escalation_level=2).json["incident"]
    assert (got["status"], got["assignments"][0]["assignee"]["id"]) == ("triggered", "PSAMR01")
    to = [{"assignee": {"id": "PAIKO01", "type": "user_reference"}}]
    assert put(pd, made, assignments=to).json["incident"]["assigned_via"] == "direct_assignment"
    policy = {"id": "PPOL001", "type": "escalation_policy_reference"}
    assert put(pd, made, escalation_policy=policy).json["incident"]["assigned_via"] == "escalation_policy"
    put(pd, made, status="resolved")
    assert put(pd, made, escalation_level=2).code == 1001


def test_titles_leave_a_history_and_a_log_entry(pd):
    made = pd.trigger("x")["id"]
    put(pd, made, title="[firstline: checking] x")
    put(pd, made, title="[firstline: checking] x")
    assert [row["title"] for row in pd.incident(made)["title_history"]] == ["x", "[firstline: checking] x"]
    entries = pd.api("GET", f"/incidents/{made}/log_entries").json["log_entries"]
    assert [e["type"] for e in entries].count("field_value_change_log_entry") == 1


def test_the_log_tells_the_whole_story_newest_first(pd):
    made = pd.trigger("x")["id"]
    put(pd, made, status="acknowledged")
    note(pd, made, "n")
    put(pd, made, priority="P2")
    put(pd, made, escalation_level=2)
    put(pd, made, status="resolved", resolution="done")
    entries = pd.api("GET", f"/incidents/{made}/log_entries?limit=100").json["log_entries"]
    assert [e["type"].removesuffix("_log_entry") for e in entries] == [
        "resolve", "escalate", "field_value_change", "annotate", "acknowledge", "assign", "assign", "trigger"]
    assert entries[0]["note"] == "done" and entries[0]["agent"]["id"] == "PBOT001"


def test_alerts_can_come_later_and_their_end_ends_the_incident(pd):
    made = pd.trigger("x", alerts=[{"details": {"host": "a"}, "key": "ka"}])["id"]
    pd.add_alert(made, details={"host": "b"}, key="kb")
    alerts = pd.api("GET", f"/incidents/{made}/alerts?statuses[]=triggered").json["alerts"]
    assert [a["body"]["details"]["host"] for a in alerts] == ["a", "b"]
    assert pd.clear(made, "ka")["status"] == "triggered"
    assert pd.clear(made, "kb")["status"] == "resolved"
    assert pd.incident(made)["last_status_change_by"]["type"] == "service_reference"


def test_an_alert_can_be_resolved_by_request(pd):
    made = pd.trigger("x", alerts=[{"details": {}}])
    path = f"/incidents/{made['id']}/alerts/{made['alerts'][0]}"
    assert pd.api("PUT", path, {"alert": {"status": "resolved"}}).status == 400
    assert pd.api("PUT", path, {"alert": {"type": "alert", "status": "resolved"}}).status == 200
    assert pd.incident(made["id"])["status"] == "resolved"


def test_merging(pd):
    target, source = pd.trigger("t", alerts=[{}])["id"], pd.trigger("s", alerts=[{}])["id"]
    body = {"source_incidents": [{"id": source, "type": "incident_reference"}]}
    assert pd.api("PUT", f"/incidents/{target}/merge", body).json["incident"]["type"] == "incident_reference"
    assert len(pd.incident(target)["alerts"]) == 2
    state = pd.incident(source)
    assert state["status"] == "resolved" and state["resolve_reason"]["incident"]["id"] == target
    put(pd, target, status="resolved")
    assert pd.api("PUT", f"/incidents/{target}/merge", body).status == 400


def test_snoozing_ends_by_the_clock(pd):
    made = pd.trigger("x")["id"]
    assert pd.api("POST", f"/incidents/{made}/snooze", {"duration": 0}).status == 400
    assert pd.api("POST", f"/incidents/{made}/snooze", {"duration": 3600}).status == 201
    assert pd.incident(made)["status"] == "acknowledged"
    pd.control("POST", "clock", {"advance_s": 3601})
    wait_for(lambda: pd.incident(made)["status"] == "triggered", "the snooze is over")


# --- notes ------------------------------------------------------------------------------------------------------

def test_notes_have_no_idempotency_and_can_be_edited_and_deleted(pd):
    made = pd.trigger("x")["id"]
    first, second = (note(pd, made, "same").json["note"]["id"] for _ in range(2))
    assert first != second
    assert pd.api("PUT", f"/incidents/{made}/notes/{first}", {"note": {"content": "other"}}).status == 200
    assert pd.api("DELETE", f"/incidents/{made}/notes/{second}", sender=None).status == 204
    assert pd.api("DELETE", f"/incidents/{made}/notes/{second}").status == 404
    state = pd.incident(made)
    assert [n["content"] for n in state["notes"]] == ["other"]
    assert [n["content"] for n in state["deleted_notes"]] == ["same"]
    assert [n["id"] for n in pd.api("GET", f"/incidents/{made}/notes").json["notes"]] == [first]


@pytest.mark.parametrize("content, status", [("x" * 65_535, 200), ("x" * 65_536, 400), ("", 400), (" \n", 400),
                                             (7, 400), (None, 400), ("日本語\u2028<b>", 200)])
def test_note_contents(pd, content, status):
    assert note(pd, pd.trigger("x")["id"], content).status == status


def test_an_incident_takes_2000_notes():
    with Simulator(settings={"rate_limit": 0}) as pd:
        pd.control("POST", "webhooks", {"mode": "off"})
        made = pd.trigger("x")["id"]
        connection = http.client.HTTPConnection("127.0.0.1", pd.port)
        headers = {"Authorization": f"Token token={TOKEN}", "From": BOT, "Content-Type": "application/json",
                   "Accept": "application/vnd.pagerduty+json;version=2"}
        statuses = []
        for n in range(2001):
            connection.request("POST", f"/incidents/{made}/notes", json.dumps({"note": {"content": str(n)}}), headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        assert statuses == [200] * 2000 + [400]
        assert put(pd, made, status="resolved").status == 200


def test_notes_carry_the_accounts_own_offset():
    seed = json.loads((SERVER.parent / "seed.json").read_text())
    seed["accounts"][0]["note_utc_offset_minutes"] = -300
    with Simulator(seed=seed) as pd:
        assert note(pd, pd.trigger("x")["id"], "n").json["note"]["created_at"].endswith("-05:00")


# --- lists ------------------------------------------------------------------------------------------------------

def test_paging_of_incidents(pd):
    made = pd.trigger("x {n}", count=7)["ids"]
    put(pd, made[0], status="resolved")
    first = pd.api("GET", OPEN.replace("limit=100", "limit=4")).json
    assert [i["id"] for i in first["incidents"]] == made[1:5]
    assert (first["more"], first["total"], first["limit"], first["offset"]) == (True, None, 4, 0)
    rest = pd.api("GET", OPEN.replace("limit=100", "limit=4&offset=4&total=true")).json
    assert [i["id"] for i in rest["incidents"]] == made[5:] and (rest["more"], rest["total"]) == (False, 6)
    assert len(pd.api("GET", "/incidents?date_range=all").json["incidents"]) == 7
    assert pd.api("GET", "/incidents?statuses[]=resolved").json["incidents"][0]["id"] == made[0]
    backwards = pd.api("GET", "/incidents?sort_by=incident_number:desc").json["incidents"]
    assert [i["id"] for i in backwards] == made[::-1]


@pytest.mark.parametrize("query, status, code", [
    ("limit=101", 400, 2001), ("limit=x", 400, 2001), ("offset=-1", 400, 2001), ("statuses[]=open", 400, 2001),
    ("offset=9901&limit=100", 400, 2002), ("offset=9900&limit=100", 200, None), ("sort_by=title", 400, 2001),
    ("since=yesterday", 400, 2004), ("since=2026-01-01T00:00:00Z&until=2026-12-01T00:00:00Z", 400, 2001),
    ("sort_by=created_at:asc,urgency:desc,resolved_at:asc", 400, 2001), ("urgencies[]=high", 200, None),
    ("service_ids[]=PSVCEN1&user_ids[]=PAIKO01", 200, None)])
def test_list_queries_are_checked(pd, query, status, code):
    answer = pd.api("GET", "/incidents?" + query)
    assert answer.status == status and (code is None or answer.code == code)


def test_without_date_range_only_the_last_month_is_listed(pd):
    pd.trigger("old", age_s=40 * 86_400)
    pd.trigger("new")
    assert [i["title"] for i in pd.api("GET", "/incidents").json["incidents"]] == ["new"]
    assert [i["title"] for i in pd.api("GET", OPEN).json["incidents"]] == ["old", "new"]


@pytest.mark.parametrize("path, name, count", [
    ("/users", "users", 3), ("/services", "services", 2), ("/priorities", "priorities", 5),
    ("/escalation_policies", "escalation_policies", 1), ("/webhook_subscriptions", "webhook_subscriptions", 2)])
def test_other_lists(pd, path, name, count):
    got = pd.api("GET", path).json
    assert len(got[name]) == count and got["more"] is False
    assert pd.api("GET", path + "?limit=1").json["more"] is (count > 1)


# --- rate limits ------------------------------------------------------------------------------------------------

def test_the_rate_limit_and_its_headers():
    with Simulator(settings={"rate_limit": 3, "rate_window_s": 60}) as pd:
        answers = [pd.api("GET", "/priorities") for _ in range(4)]
        assert [a.status for a in answers] == [200, 200, 200, 429]
        assert [a.headers["ratelimit-remaining"] for a in answers] == ["2", "1", "0", "0"]
        assert answers[3].json == {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
        assert 0 < int(answers[3].headers["ratelimit-reset"]) <= 60
        assert pd.api("GET", "/priorities", token="demo-read-only-token-01").status == 200
        pd.control("POST", "clear", {"what": ["budgets"]})
        assert pd.api("GET", "/priorities").status == 200


def test_the_default_is_pagerdutys_960_a_minute(pd):
    assert pd.api("GET", "/priorities").headers["ratelimit-limit"] == "960"


# --- faults -----------------------------------------------------------------------------------------------------

def test_cut_before_does_nothing_and_cut_after_has_acted(pd):
    made = pd.trigger("x")["id"]
    for kind, notes in (("cut_before", 0), ("cut_after", 1)):
        pd.fault(kind, "POST", f"^/incidents/{made}/notes$")
        with pytest.raises((http.client.HTTPException, OSError)):
            note(pd, made, kind)
        assert len(pd.notes(made)) == notes
    assert note(pd, made, "the fault is used up").status == 200


def test_429_500_and_odd_answers_on_command(pd):
    made = pd.trigger("x")["id"]
    pd.fault("429", "POST", "/notes", headers=False, body=False)
    pd.fault("500", "POST", "/notes")
    pd.fault("status", "POST", "/notes", status=502, text="<html>bad gateway</html>")
    pd.fault("act_then_status", "POST", "/notes", status=504, text="")
    answers = [note(pd, made, "n") for _ in range(5)]
    assert [a.status for a in answers] == [429, 500, 502, 504, 200]
    assert answers[0].text == "" and "ratelimit-limit" not in answers[0].headers
    assert answers[2].headers["content-type"].startswith("text/html")
    assert len(pd.notes(made)) == 2


def test_faults_can_skip_and_count_and_be_cleared(pd):
    made = pd.trigger("x")["id"]
    pd.fault("500", "POST", "/notes", skip=1, count=2)
    assert [note(pd, made, "n").status for _ in range(4)] == [200, 500, 500, 200]
    pd.fault("500", "POST", "/notes", count=-1)
    assert [note(pd, made, "n").status for _ in range(3)] == [500] * 3
    pd.control("DELETE", "faults")
    assert note(pd, made, "n").status == 200
    assert [r["fault"] for r in pd.requests(path="/notes")] == [None, "500", "500", None, "500", "500", "500", None]


def test_a_delayed_request_acts_late_and_a_delayed_answer_early(pd):
    made = pd.trigger("x")["id"]
    pd.fault("delay_after", "POST", "/notes", ms=60_000)
    thread = threading.Thread(target=lambda: pytest.raises(Exception, note, pd, made, "n"), daemon=True)
    thread.start()
    wait_for(lambda: pd.notes(made) == ["n"], "the note is there though its answer is not")
    assert pd.requests(path="/notes")[0]["status"] is None


def test_cut_and_shown_late(pd):
    """It acted, the asker does not know, and the note is not in the list yet; the incident itself is as it is."""
    made = pd.trigger("x")["id"]
    pd.fault("cut_after", "POST", "/notes$", seconds=SHOWN_LATE_S)
    with pytest.raises((OSError, http.client.HTTPException)):
        pd.api("POST", f"/incidents/{made}/notes", {"note": {"content": "hidden"}})
    pd.act(made, "PAIKO01", "acknowledge")
    assert pd.notes(made) == ["hidden"]
    assert pd.api("GET", f"/incidents/{made}/notes").json["notes"] == []
    assert pd.api("GET", f"/incidents/{made}").json["incident"]["status"] == "acknowledged"
    pd.wait_for(lambda: pd.api("GET", f"/incidents/{made}/notes").json["notes"], "the note to show")


def test_a_fault_by_chance_is_repeatable(pd):
    def fares():
        number = pd.fault("500", "GET", "/incidents", count=-1, chance=0.5, seed=3)
        statuses = [pd.api("GET", "/incidents").status for _ in range(20)]
        pd.control("DELETE", f"faults/{number}")
        return statuses
    first = fares()
    assert set(first) == {200, 500} and fares() == first


def test_show_late(pd):
    made = pd.trigger("x")["id"]
    pd.fault("show_late", "POST", "/notes", seconds=SHOWN_LATE_S)
    pd.fault("show_late", "PUT", f"/incidents/{made}", seconds=SHOWN_LATE_S)
    assert note(pd, made, "n").status == 200
    assert put(pd, made, status="resolved", title="y").json["incident"]["title"] == "y"
    assert pd.notes(made) == ["n"] and pd.incident(made)["status"] == "resolved"
    assert pd.api("GET", f"/incidents/{made}/notes").json["notes"] == []
    assert pd.api("GET", f"/incidents/{made}").json["incident"]["title"] == "x"
    assert [i["id"] for i in pd.api("GET", OPEN).json["incidents"]] == [made]
    wait_for(lambda: pd.api("GET", f"/incidents/{made}").json["incident"]["status"] == "resolved", "it shows")
    wait_for(lambda: pd.api("GET", f"/incidents/{made}/notes").json["notes"], "the note shows")
    assert pd.api("GET", OPEN).json["incidents"] == []


@pytest.mark.parametrize("spec", [{"kind": "oops"}, {"kind": "delay", "mss": 3}, {"kind": "500", "path": "("},
                                  {"kind": "delay", "ms": "3"}, {"kind": "500", "chance": 0}])
def test_a_fault_that_is_not_understood_is_refused(pd, spec):
    assert pd.request("POST", "/control/faults", spec).status == 400


# --- Events API, controls, view, process ------------------------------------------------------------------------

def test_events_api(pd):
    payload = {"summary": "db down", "source": "db-1", "severity": "critical", "custom_details": {"host": "db-1"}}
    event = {"routing_key": "demo0000000000000000000000000002", "event_action": "trigger", "dedup_key": "k",
             "payload": payload}

    def send(**change):
        return pd.request("POST", "/v2/enqueue", {**event, **change})
    assert send().status == 202 and send(payload={**payload, "severity": "error"}).status == 202
    state = pd.state()["incidents"]
    assert [(i["title"], i["service"]["id"], len(i["alerts"])) for i in state] == [("db down", "PSVCJA1", 1)]
    assert state[0]["alerts"][0]["severity"] == "error"
    assert state[0]["alerts"][0]["body"]["cef_details"]["details"]["source"] == "db-1"
    send(event_action="acknowledge")
    assert pd.incident(state[0]["id"])["status"] == "acknowledged"
    send(event_action="resolve")
    assert pd.incident(state[0]["id"])["status"] == "resolved"
    assert send(event_action="resolve").status == 202 and send().status == 202
    assert [i["status"] for i in pd.state()["incidents"]] == ["resolved", "triggered"]


@pytest.mark.parametrize("change, status", [
    ({"routing_key": "short"}, 400), ({"routing_key": "x" * 32}, 400), ({"event_action": "fire"}, 400),
    ({"payload": {"summary": "x", "source": "y"}}, 400), ({"payload": None}, 400), ({"dedup_key": "k" * 256}, 400),
    ({"payload": {"summary": "x" * 1025, "source": "y", "severity": "info"}}, 400),
    ({"event_action": "resolve", "dedup_key": None}, 400), ({}, 202)])
def test_events_api_is_strict(pd, change, status):
    event = {"routing_key": "demo0000000000000000000000000001", "event_action": "trigger",
             "payload": {"summary": "s", "source": "y", "severity": "info"}, **change}
    answer = pd.request("POST", "/v2/enqueue", event)
    assert answer.status == status and answer.json["status"] == ("success" if status == 202 else "invalid event")


def test_requests_and_counters_are_kept_and_cleared(pd):
    made = pd.trigger("x")["id"]
    note(pd, made, "hello")
    got = pd.requests(method="POST")[0]
    assert (got["path"], got["status"], got["token"], got["from"]) == (f"/incidents/{made}/notes", 200, "demo", BOT)
    assert json.loads(got["body"]) == {"note": {"content": "hello"}}
    assert pd.state()["counters"]["requests"] == {"POST 200": 1}
    pd.control("POST", "clear")
    assert pd.requests() == []


@pytest.mark.parametrize("method, path, body", [
    ("POST", "incidents", {"titel": "x"}), ("POST", "incidents", {"title": ""}), ("POST", "settings", {"nope": 1}),
    ("POST", "settings", {"rate_limit": "x"}), ("GET", "nothing", None), ("POST", "clear", {"what": ["all"]}),
    ("POST", "incidents/QX/act", {"do": "note", "as": SAM}), ("POST", "webhooks", {"mode": "maybe"})])
def test_controls_are_strict_too(pd, method, path, body):
    assert pd.request(method, "/control/" + path, body).status in (400, 404)


def test_the_web_view_escapes_everything(pd):
    made = pd.trigger("<script>alert(1)</script> 東京")["id"]
    pd.act(made, SAM, "note", content="</pre><img src=x onerror=alert(2)>")
    for path in ("/", f"/incidents-view/{made}", f"/incidents-view/{made}?part=1"):
        text = pd.request("GET", path).text
        assert "<script>alert" not in text and "<img" not in text and "&lt;script&gt;alert(1)" in text
    assert "&lt;/pre&gt;&lt;img" in pd.request("GET", f"/incidents-view/{made}").text
    assert pd.request("GET", "/incidents-view/nothing").status == 404


def test_it_ends_when_its_stdin_is_closed():
    process = subprocess.Popen(["/usr/bin/python3", str(SERVER), "--port", "0"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["ready"] is True
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


def test_it_ends_when_its_parent_is_gone():
    parent = subprocess.Popen(["sleep", "600"])
    process = subprocess.Popen(["/usr/bin/python3", str(SERVER), "--port", "0", "--parent-pid", str(parent.pid)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert json.loads(process.stdout.readline())["ready"] is True
        parent.kill()
        parent.wait()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.stdout.close()


def test_a_bad_seed_says_what_is_wrong():
    with pytest.raises(RuntimeError, match="unknown key nmae"):
        Simulator(seed={"accounts": [{"nmae": "x"}]})


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"', b'{"note": {"content": "\\ud800"}}', b'{"note": {"content": NaN}}',
                                 b'{"note": {"content": "\xff"}}', b'{"note":' * 5000, b"\x00"])
def test_bodies_that_are_no_json_are_refused(pd, raw):
    made = pd.trigger("x")["id"]
    answer = pd.api("POST", f"/incidents/{made}/notes", raw)
    assert (answer.status, answer.code) == (400, 2001) and pd.notes(made) == []


def test_a_request_that_breaks_off_does_no_harm(pd):
    head = f"POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", pd.port)) as connection:
            connection.sendall(head.encode())
    assert pd.api("GET", "/priorities").status == 200


def test_a_body_over_the_limit_is_413(pd):
    assert note(pd, pd.trigger("x")["id"], "x" * 2_000_000).status == 413


def test_moving_an_incident_to_another_service(pd):
    made = pd.trigger("x")["id"]
    assert put(pd, made, service={"id": "PSVCJA1", "type": "service_reference"}).json["incident"]["service"]["id"] == (
        "PSVCJA1")
    assert put(pd, made, service={"id": "PNOPE", "type": "service_reference"}).status == 400
