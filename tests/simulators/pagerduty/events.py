# SPDX-License-Identifier: MIT
"""Events API v2: what monitoring sends with a service's routing key. An accepted event only means "queued"."""

import secrets

from clock import iso
from model import Actor, load_json

SUMMARY_CHARS_MAX = 1_024
DEDUP_CHARS_MAX = 255
BODY_BYTES_MAX = 512 * 1024
KEYS_MAX = 50_000
SEVERITIES = ("critical", "error", "warning", "info")
ACTIONS = ("trigger", "acknowledge", "resolve")


def refused(*errors):
    return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}


def enqueue(world, raw):
    """Runs one /v2/enqueue. Returns (status, JSON)."""
    if len(raw) > BODY_BYTES_MAX:
        return 413, {"status": "invalid event", "message": "Event is too large", "errors": []}
    try:
        event = load_json(raw)
    except ValueError:
        return refused("JSON is invalid")
    if not isinstance(event, dict):
        return refused("JSON must be an object")
    errors = faults_of(event)
    if errors:
        return refused(*errors)
    service = world.routing_keys.get(event["routing_key"])
    if service is None:
        return refused("'routing_key' is not a valid integration key")
    limit = world.settings["events_rate_limit"]
    if limit and not world.take_from_budget(("events", event["routing_key"]), limit, 60.0)[0]:
        return 429, {"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}
    key = event.get("dedup_key") or secrets.token_hex(16)
    apply(world, service, event, key)
    return 202, {"status": "success", "message": "Event processed", "dedup_key": key}


def faults_of(event):
    errors = []
    key, action = event.get("routing_key"), event.get("event_action")
    if not isinstance(key, str) or len(key) != 32:
        errors.append("'routing_key' is missing or not 32 characters long")
    if action not in ACTIONS:
        errors.append("'event_action' is missing or invalid (must be one of trigger, acknowledge, resolve)")
    dedup = event.get("dedup_key")
    if dedup is not None and (not isinstance(dedup, str) or not 0 < len(dedup) <= DEDUP_CHARS_MAX):
        errors.append("'dedup_key' must be text of at most 255 characters")
    if action in ("acknowledge", "resolve") and not dedup:
        errors.append("'dedup_key' is missing")
    if action == "trigger":
        errors += faults_of_payload(event.get("payload"))
    return errors


def faults_of_payload(payload):
    if not isinstance(payload, dict):
        return ["'payload' is missing"]
    errors = [f"'payload.{name}' is missing or blank" for name in ("summary", "source")
              if not isinstance(payload.get(name), str) or not payload[name].strip()]
    if len(str(payload.get("summary", ""))) > SUMMARY_CHARS_MAX:
        errors.append("'payload.summary' is too long (maximum is 1024 characters)")
    if payload.get("severity") not in SEVERITIES:
        errors.append("'payload.severity' is missing or invalid")
    return errors


def apply(world, service, event, key):
    """What an accepted event does. An end for what is not open does nothing."""
    account, life = service.account, world.lifecycle
    incident, alert = account.by_key.get((service.id, key), (None, None))
    open_alert = alert is not None and alert.status != "resolved" and incident.open()
    client = {"name": event["client"]} if isinstance(event.get("client"), str) else None
    actor = Actor.of_service(service, client)
    if event["event_action"] == "trigger":
        if open_alert:
            return update(life, incident, alert, event["payload"], actor)
        return trigger(life, service, event["payload"], key, actor)
    if not open_alert:
        return None
    if event["event_action"] == "resolve":
        return life.clear_alert(incident, alert, actor)
    return life.acknowledge(incident, actor) if incident.status == "triggered" else None


def trigger(life, service, payload, key, actor):
    """A new alert in a new incident, also after an earlier one with this key was resolved."""
    alert = {"summary": payload["summary"], "details": payload.get("custom_details"), "key": key,
             "severity": payload["severity"],
             "cef_details": {name: payload.get(name) for name in ("source", "component", "group", "class")}}
    incident = life.trigger(service, payload["summary"], actor, alerts=[alert])
    table = service.account.by_key
    table[(service.id, key)] = (incident, next(iter(incident.alerts.values())))
    if len(table) > KEYS_MAX:
        for old in [k for k, (_, a) in table.items() if a.status == "resolved"]:
            del table[old]


def update(life, incident, alert, payload, actor):
    alert.summary, alert.severity = payload["summary"], payload["severity"]
    alert.details = payload.get("custom_details", alert.details)
    alert.updates += 1
    life.touched(incident)
    life.log(incident, "trigger", f"Updated through {actor.name()} at {iso(life.clock.wall())}", actor)


def change(world, raw):
    """/v2/change/enqueue: checked for its key, counted, not kept."""
    try:
        event = load_json(raw)
    except ValueError:
        return refused("JSON is invalid")
    if not isinstance(event, dict) or event.get("routing_key") not in world.routing_keys:
        return refused("'routing_key' is not a valid integration key")
    world.counters["change events"] += 1
    return 202, {"status": "success", "message": "Change event processed"}
