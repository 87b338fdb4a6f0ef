# SPDX-License-Identifier: MIT
"""PagerDuty's v3 webhooks made by hand: events as in the captures, signatures, and posting them as PagerDuty would."""

import concurrent.futures
import contextlib
import datetime
import hashlib
import hmac
import http.client
import json
import secrets
import string

from tests.kit import processes
from tests.kit.node import SUBSCRIPTIONS

PATH = "/webhooks/pagerduty"
PAGERDUTY_WAITS_S = 5  # for the answer, before it counts a delivery as failed
_LETTERS = string.ascii_uppercase + string.digits


def stamp(age_s=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age_s)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id(letters=26):
    return "".join(secrets.choice(_LETTERS) for _ in range(letters))


def incident(key, title="something is strange", status="triggered", age_s=0.0, service="PSVCEN1", **more):
    return {"id": key, "type": "incident", "html_url": f"https://demo.example/incidents/{key}", "number": 1, "title": title,
            "status": status, "urgency": "high", "priority": None, "created_at": stamp(age_s), "reopened_at": None,
            "service": {"id": service, "type": "service_reference", "summary": "AMS web shop"},
            "resolve_reason": None, **more}


def event(data, kind="incident.triggered", event_id=None, agent=None, age_s=0.0):
    return {"event": {"id": event_id or new_id(), "event_type": kind, "resource_type": "incident",
                      "occurred_at": stamp(age_s), "agent": agent, "client": None, "data": data}}


def raw(body):
    """A body's bytes; bytes stay as they are."""
    return body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()


def sign(body, secret):
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body, region="tokyo", signature=None, subscription=None):
    """Those of a delivery. signature: instead of the right one; None is right, "" leaves it out."""
    hook, secret = SUBSCRIPTIONS[region]
    made = {"Content-Type": "application/json", "User-Agent": "PagerDuty-Webhook/V3.0", "X-Webhook-Id": new_id(),
            "X-Webhook-Subscription": subscription or hook}
    signature = sign(body, secret) if signature is None else signature
    return {**made, "X-PagerDuty-Signature": signature} if signature else made


def send(node, body, limit_s=processes.PATIENCE_S, **how):
    """Sends one delivery whole; the connection, whose answer may be read()."""
    body = raw(body)
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=limit_s)
    connection.request("POST", PATH, body, headers(body, **how))
    return connection


def read(connection):
    """The status of the answer. Raises where none comes within the limit."""
    with contextlib.closing(connection):
        answer = connection.getresponse()
        answer.read()
        return answer.status


def post(node, body, limit_s=processes.PATIENCE_S, **how):
    """Posts one delivery; the answer's status. Raises where none comes within the limit."""
    return read(send(node, body, limit_s, **how))


def post_all(node, bodies, at_once=50, **how):
    """Posts them at once; the statuses in the order of the bodies."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda body: post(node, body, **how), bodies))


def unannounced(world, wanted):
    """Makes incidents in the simulator of which no webhook tells. wanted: [(title, details)]; the events that would have
    told: [(incident, event)]."""
    world.simulator.control("POST", "webhooks", {"mode": "off"})
    made = []
    for title, details in wanted:
        key = world.trigger(title, details)
        made.append((key, event(dict(incident(key, title), created_at=world.incident(key)["created_at"]))))
    world.simulator.control("POST", "webhooks", {"mode": "on"})
    return made
