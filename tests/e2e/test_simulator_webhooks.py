# SPDX-License-Identifier: MIT
"""The simulator delivers webhooks as PagerDuty does. Tests wait for conditions, not for times."""

import hashlib
import hmac
import json
import pathlib
import re
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kit"))
from simulator import Receiver, Simulator, wait_for  # noqa: E402
from simulator_fixtures import (OSAKA, TOKYO, fixture_fresh, fixture_hooked, fixture_receiver, note,
                                put)  # noqa: E402

SAM, AIKO = "sam@demo.example", "aiko@demo.example"
TOKYO_SECRET = "demo-webhook-secret-tokyo-0000000000000000000000000000000000000001"
SHOWN_LATE_S = 4  # a slow machine asks before that
OPEN = "/incidents?statuses[]=triggered&statuses[]=acknowledged&date_range=all"


def test_a_delivery_is_signed_and_has_all_headers(hooked, receiver):
    made = hooked.trigger("[AMS:x] 東京", alerts=[{"details": {}}])["id"]
    wait_for(lambda: receiver.received, "a webhook")
    request = receiver.received[0]
    headers = request["headers"]
    wanted = hmac.new(TOKYO_SECRET.encode(), request["raw"], hashlib.sha256).hexdigest()
    assert headers["x-pagerduty-signature"] == "v1=" + wanted
    assert headers["x-webhook-subscription"] == TOKYO
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-webhook-id"])
    assert (headers["user-agent"], headers["content-type"], headers["accept"]) == (
        "PagerDuty-Webhook/V3.0", "application/json", "application/json")
    event = receiver.events()[0]
    assert sorted(event) == ["agent", "client", "data", "event_type", "id", "occurred_at", "resource_type"]
    assert re.fullmatch(r"[A-Z0-9]{26}", event["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["occurred_at"])
    assert (event["data"]["id"], event["data"]["type"], event["data"]["title"]) == (made, "incident", "[AMS:x] 東京")
    assert event["agent"]["type"] == "service_reference"
    assert not {"body", "alerts", "custom_details", "updated_at"} & set(event["data"])


def test_who_did_it_is_in_the_event(hooked, receiver):
    made = hooked.trigger("x")["id"]
    hooked.act(made, SAM, "acknowledge")
    hooked.act(made, None, "escalate", level=2)
    hooked.act(made, AIKO, "reassign", to=[AIKO])
    hooked.act(made, AIKO, "note", content="firstline stop")
    hooked.act(made, AIKO, "priority", priority="P1")
    hooked.act(made, AIKO, "resolve", note="fixed")
    hooked.act(made, AIKO, "reopen")
    wait_for(lambda: len(receiver.received) == 9, "nine events")
    assert [(e["event_type"].removeprefix("incident."), (e["agent"] or {}).get("id")) for e in receiver.events()] == [
        ("triggered", "PSVCEN1"), ("acknowledged", "PSAMR01"), ("escalated", None), ("reassigned", "PAIKO01"),
        ("annotated", "PAIKO01"), ("priority_updated", "PAIKO01"), ("resolved", "PAIKO01"), ("annotated", "PAIKO01"),
        ("reopened", "PAIKO01")]
    assert receiver.events()[4]["data"]["content"] == "firstline stop"
    assert receiver.events()[4]["data"]["incident"]["id"] == made
    assert receiver.events()[8]["data"]["reopened_at"]


def test_clockwork_escalates_and_unacknowledges_in_nobodys_name(hooked, receiver):
    made = hooked.trigger("x")["id"]
    hooked.control("POST", "clock", {"advance_s": 1801})
    wait_for(lambda: receiver.types()[1:] == ["incident.escalated"], "the escalation")
    assert receiver.events()[1]["agent"] is None
    assert hooked.incident(made)["assignees"] == [SAM]
    hooked.act(made, SAM, "acknowledge")
    hooked.control("POST", "clock", {"advance_s": 1801})
    wait_for(lambda: receiver.types()[2:] == ["incident.acknowledged", "incident.unacknowledged"], "the end of the ack")
    assert receiver.events()[3]["agent"] is None


def test_titles_urgencies_alerts_and_note_edits_are_not_announced(hooked, receiver):
    made = hooked.trigger("x")["id"]
    put(hooked, made, title="y", urgency="low")
    hooked.add_alert(made, details={})
    first = note(hooked, made, "n").json["note"]["id"]
    hooked.api("PUT", f"/incidents/{made}/notes/{first}", {"note": {"content": "m"}})
    hooked.api("DELETE", f"/incidents/{made}/notes/{first}")
    put(hooked, made, status="resolved")
    wait_for(lambda: "incident.resolved" in receiver.types(), "the last event")
    assert receiver.types() == ["incident.triggered", "incident.annotated", "incident.resolved"]


def test_retries_keep_the_webhook_id_and_hold_back_later_events(hooked, receiver):
    receiver.answers = [503, 429, 500]
    made = hooked.trigger("x")["id"]
    put(hooked, made, status="acknowledged")
    put(hooked, made, status="resolved")
    wait_for(lambda: len(receiver.received) == 6, "three tries, then the rest")
    assert receiver.types() == ["incident.triggered"] * 4 + ["incident.acknowledged", "incident.resolved"]
    assert len({r["headers"]["x-webhook-id"] for r in receiver.received[:4]}) == 1
    assert len({r["raw"] for r in receiver.received[:4]}) == 1
    first = hooked.deliveries(incident=made)[0]
    assert [a["status"] for a in first["attempts"]] == [503, 429, 500, 202] and first["state"] == "delivered"


def test_another_incident_does_not_wait_behind_a_retry(hooked, receiver):
    receiver.answers = lambda request: 503 if b"stuck" in request["raw"] else 202
    hooked.trigger("stuck")
    free = hooked.trigger("free")["id"]
    wait_for(lambda: hooked.deliveries(incident=free)[0]["state"] == "delivered", "the free one")
    assert hooked.deliveries()[0]["state"] in ("retrying", "sending")


def test_a_slow_answer_and_a_closed_port_are_retried(receiver):
    gate = threading.Event()
    receiver.answers = lambda request: 202 if gate.is_set() or gate.wait(20) else 202
    with Simulator(urls={TOKYO: receiver.url, OSAKA: "http://127.0.0.1:1/x"}, settings={"webhook_timeout_s": 0.5}) as pd:
        made = pd.trigger("x")["id"]
        wait_for(lambda: all(len(d["attempts"]) > 2 for d in pd.deliveries(incident=made)), "tries on both")
        gate.set()
        wait_for(lambda: pd.deliveries(subscription=TOKYO)[0]["state"] == "delivered", "the slow one")
        assert pd.deliveries(subscription=TOKYO)[0]["attempts"][0]["error"] == "timeout"
        assert "Connect" in pd.deliveries(subscription=OSAKA)[0]["attempts"][0]["error"]


def test_three_drops_in_a_row_disable_the_subscription(hooked, receiver):
    receiver.answers = [400, 202, 401, 400, 404]
    for n in range(5):
        made = hooked.trigger(f"x {n}")["id"]
        wait_for(lambda: hooked.deliveries(incident=made)[0]["state"] in ("delivered", "dropped"), "an end")
    path = f"/webhook_subscriptions/{TOKYO}"
    method = hooked.api("GET", path).json["webhook_subscription"]["delivery_method"]
    assert method["temporarily_disabled"] is True and method["secret"] is None
    lost = hooked.trigger("lost")["id"]
    assert hooked.deliveries(incident=lost)[0]["state"] == "lost while disabled"
    assert hooked.api("POST", path + "/enable", sender=None).status == 200
    seen = hooked.trigger("seen")["id"]
    wait_for(lambda: hooked.deliveries(incident=seen)[0]["state"] == "delivered", "it works again")
    assert [e["data"]["title"] for e in receiver.events()] == [f"x {n}" for n in range(5)] + ["seen"]


def test_a_disabled_subscription_throws_its_queue_away_and_comes_back_after_a_day(hooked, receiver):
    receiver.answers = lambda request: 503
    waiting = hooked.trigger("waiting")["id"]
    put(hooked, waiting, status="acknowledged")
    wait_for(lambda: len(receiver.received) > 1, "it is being retried")
    hooked.control("POST", f"subscriptions/{TOKYO}", {"disable": True})
    wait_for(lambda: [d["state"] for d in hooked.deliveries()] == ["thrown away with the queue"] * 2, "queue is gone")
    hooked.control("POST", "clock", {"advance_s": 24 * 3600 + 1})
    path = f"/webhook_subscriptions/{TOKYO}"
    wait_for(lambda: not hooked.api("GET", path).json["webhook_subscription"]["delivery_method"]
             ["temporarily_disabled"], "the day is over")


def test_the_other_subscription_gets_the_same_event_in_its_own_signature(receiver):
    with Receiver() as osaka, Simulator(urls={TOKYO: receiver.url, OSAKA: osaka.url}) as pd:
        pd.trigger("x")
        wait_for(lambda: receiver.received and osaka.received, "both regions")
        here, there = receiver.received[0], osaka.received[0]
        assert here["raw"] == there["raw"]
        assert here["headers"]["x-webhook-id"] != there["headers"]["x-webhook-id"]
        assert here["headers"]["x-pagerduty-signature"] != there["headers"]["x-pagerduty-signature"]


def test_off_loses_events_and_paused_keeps_them(hooked, receiver):
    hooked.control("POST", "webhooks", {"mode": "off"})
    hooked.trigger("lost")
    hooked.control("POST", "webhooks", {"mode": "paused"})
    hooked.trigger("kept")
    assert receiver.received == []
    hooked.control("POST", "webhooks", {"mode": "on"})
    wait_for(lambda: receiver.received, "the kept one")
    assert [e["data"]["title"] for e in receiver.events()] == ["kept"]


def test_subscriptions_by_request(fresh, receiver):
    body = {"webhook_subscription": {
        "type": "webhook_subscription", "events": ["incident.triggered"], "filter": {"type": "service_reference",
        "id": "PSVCJA1"}, "delivery_method": {"type": "http_delivery_method", "url": receiver.url,
                                              "custom_headers": [{"name": "X-Own", "value": "mine"}]}}}
    made = fresh.api("POST", "/webhook_subscriptions", body, sender=None).json["webhook_subscription"]
    secret, path = made["delivery_method"]["secret"], f"/webhook_subscriptions/{made['id']}"
    again = fresh.api("GET", path).json["webhook_subscription"]["delivery_method"]
    assert secret and again["secret"] is None and again["custom_headers"][0]["value"] == "<redacted>"
    fresh.trigger("not this service")
    fresh.trigger("this one", service="東京受注システム")
    wait_for(lambda: receiver.received, "a webhook")
    request = receiver.received[0]
    wanted = hmac.new(secret.encode(), request["raw"], hashlib.sha256).hexdigest()
    assert request["headers"]["x-pagerduty-signature"] == "v1=" + wanted and request["headers"]["x-own"] == "mine"
    assert receiver.events()[0]["data"]["title"] == "this one"
    change = {"webhook_subscription": {"active": False, "delivery_method": {"url": "http://127.0.0.1:2/"}}}
    put_ = fresh.api("PUT", path, change).json["webhook_subscription"]
    assert put_["active"] is False and put_["delivery_method"]["url"] == receiver.url
    assert fresh.ignored()["PUT /webhook_subscriptions/* webhook_subscription.delivery_method"] == 1
    assert fresh.api("DELETE", path).status == 204 and fresh.api("GET", path).status == 404


def test_ten_subscriptions_to_a_scope(fresh):
    body = {"webhook_subscription": {
        "type": "webhook_subscription", "events": ["incident.triggered"], "filter": {"type": "account_reference"},
        "delivery_method": {"type": "http_delivery_method", "url": "http://127.0.0.1:1/"}}}
    assert [fresh.api("POST", "/webhook_subscriptions", body).status for _ in range(9)] == [200] * 8 + [400]


def test_ping_rotation_resend_and_raw_bodies(hooked, receiver):
    assert hooked.api("POST", f"/webhook_subscriptions/{TOKYO}/ping").status == 202
    wait_for(lambda: receiver.types() == ["pagey.ping"], "the ping")
    hooked.control("POST", f"subscriptions/{TOKYO}", {"secrets": ["new", "old"]})
    hooked.trigger("x")
    wait_for(lambda: len(receiver.received) == 2, "the event")
    assert receiver.received[1]["headers"]["x-pagerduty-signature"].count("v1=") == 2
    number = hooked.deliveries(event_type="incident.triggered")[0]["n"]
    assert hooked.control("POST", f"deliveries/{number}/resend")["status"] == 202
    assert receiver.received[2]["raw"] == receiver.received[1]["raw"]
    hooked.control("POST", f"deliveries/{number}/resend", {"event_id": "new"})
    assert receiver.events()[3]["id"] != receiver.events()[1]["id"]
    assert receiver.events()[3]["data"] == receiver.events()[1]["data"]
    hooked.control("POST", "webhooks/raw", {"subscription": TOKYO, "body": "{not json", "signature": "v1=00"})
    assert receiver.received[4]["raw"] == b"{not json"
    assert receiver.received[4]["headers"]["x-pagerduty-signature"] == "v1=00"


def test_a_new_incident_can_be_shown_late(hooked, receiver):
    made = hooked.trigger("x", show_late_s=SHOWN_LATE_S)["id"]
    wait_for(lambda: receiver.types() == ["incident.triggered"], "the webhook is there")
    assert hooked.api("GET", f"/incidents/{made}").status == 404
    assert hooked.api("GET", OPEN).json["incidents"] == []
    wait_for(lambda: hooked.api("GET", f"/incidents/{made}").status == 200, "the incident shows")


def recorded(record, deliveries):
    """Its lines, once so many deliveries are among them."""
    whole, _, _ = record.read_text().rpartition("\n")
    lines = [json.loads(line) for line in whole.splitlines()]
    return lines if sum(line["event"] == "delivery" for line in lines) >= deliveries else None


def test_a_record_of_all_that_happened(tmp_path):
    """--record: a line for each request that acted, each try of a delivery, each act of a person; a refusal is none."""
    record = tmp_path / "record.jsonl"
    with Receiver([503]) as receiver, Simulator(urls={TOKYO: receiver.url}, arguments=["--record", str(record)]) as pd:
        pd.control("DELETE", f"subscriptions/{OSAKA}")
        made = pd.trigger("x")["id"]
        wait_for(lambda: len(receiver.received) == 2, "the second try")
        pd.act(made, "aiko@demo.example", "acknowledge")
        pd.fault("500", "POST", "/notes$")
        note(pd, made, "refused")
        note(pd, made, "written")
        lines = wait_for(lambda: recorded(record, 4), "all deliveries to be recorded: each is when its answer has come")
    assert [(line["type"], line["status"]) for line in lines if line["event"] == "delivery"] == [
        ("incident.triggered", 503), ("incident.triggered", 202), ("incident.acknowledged", 202), ("incident.annotated", 202)]
    assert [(line["method"], line["status"]) for line in lines if line["event"] == "request"] == [("POST", 200)]
    assert [(line["incident"], line["who"], line["do"]) for line in lines if line["event"] == "person"] == [
        (made, "PAIKO01", "acknowledge")]
    assert all(line["at"] for line in lines)
