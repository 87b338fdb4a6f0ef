# SPDX-License-Identifier: MIT
"""The control API under /control, for tests and demos: it plays monitoring, people, the network and the clock.

JSON in and out, no authorisation, loopback only. README.md in this folder describes each call for its users.
"""

import asyncio
import base64
import json
import time
import uuid

import aiohttp

from model import Actor, Problem, invalid, load_json, not_found
from rest_incidents import checked_title
from webhooks import new_event_id, sign
import render
import seed
import world as world_module

ROUTES = {}
DELIVERY_VIEW = ("n", "event_id", "event_type", "webhook_id", "subscription", "account", "url", "resource",
                 "queued_at", "state", "attempts", "body")


def on(method, template):
    def register(handler):
        ROUTES[(method, template)] = handler
        return handler
    return register


async def answer(world, method, path, query, raw):
    """Runs one control call. Returns (status, JSON); raises Problem."""
    parts = path.strip("/").split("/")[1:]
    try:
        body = load_json(raw) if raw else {}
    except ValueError as err:
        raise invalid("body is not JSON") from err
    if not isinstance(body, dict):
        raise invalid("body must be an object")
    for ids in ((), (1,), (1, 3)):
        template = "/".join("*" if n in ids else part for n, part in enumerate(parts))
        handler = ROUTES.get((method, template))
        if handler:
            found = handler(world, body, query, *[parts[n] for n in ids if n < len(parts)])
            return 200, await found if asyncio.iscoroutine(found) else found
    raise Problem(404, 2100, f"no control call {method} {path}", sorted(" /control/".join(key) for key in ROUTES))


def only(body, *names):
    unknown = sorted(set(body) - set(names))
    if unknown:
        raise invalid(f"unknown: {', '.join(unknown)}; known: {', '.join(names)}")


# --- set-up -----------------------------------------------------------------------------------------------------

@on("POST", "seed")
def post_seed(world, body, _):
    try:
        for name, value in body.get("settings", {}).items():
            world.settings[name] = world_module.setting_value(name, value)
        return {"accounts": seed.apply(world, body)}
    except (KeyError, TypeError, ValueError) as err:
        raise invalid(f"seed: {type(err).__name__}: {err}") from err


@on("GET", "settings")
def get_settings(world, *_):
    return world.settings


@on("POST", "settings")
def post_settings(world, body, _):
    checked = {name: world_module.setting_value(name, value) for name, value in body.items()}
    world.settings.update(checked)
    return world.settings


@on("GET", "clock")
def get_clock(world, *_):
    return {"speed": world.clock.speed, "policy_s": world.clock.policy(), "wall_s": world.clock.wall()}


@on("POST", "clock")
def post_clock(world, body, query):
    only(body, "speed", "advance_s")
    if not 0 <= body.get("speed", 0) <= 1e6 or not 0 <= body.get("advance_s", 0) <= 1e9:
        raise invalid("speed is 0 to 1e6, advance_s 0 to 1e9")
    if "speed" in body:
        world.clock.set_speed(float(body["speed"]))
    world.clock.advance(float(body.get("advance_s", 0)))
    return get_clock(world)


def the_account(world, name):
    if name is None and world.accounts:
        return next(iter(world.accounts.values()))
    if name not in world.accounts:
        raise invalid(f"no account {name}")
    return world.accounts[name]


# --- monitoring -------------------------------------------------------------------------------------------------

@on("POST", "incidents")
def post_incident(world, body, _):
    """An incident as if monitoring had triggered it, or, with `as`, as if that person had made it."""
    only(body, "account", "title", "service", "urgency", "priority", "alerts", "key", "body", "client", "age_s",
         "show_late_s", "as", "count")
    account = the_account(world, body.get("account"))
    service = seed.one("service", account.services, body["service"]) if body.get("service") \
        else next(iter(account.services.values()))
    actor = person(account, body["as"]) if body.get("as") else Actor.of_service(service, body.get("client"))
    alerts = [checked_alert(item) for item in body.get("alerts", [])]
    title, count = checked_title(body.get("title")), int(body.get("count", 1))
    if not 1 <= count <= 10_000:
        raise invalid("count is 1 to 10000")
    priority = seed.one("priority", account.priorities, body["priority"]) if body.get("priority") else None
    made = [world.lifecycle.trigger(
        service, title.replace("{n}", str(n)), actor, urgency=body.get("urgency", "high"), priority=priority,
        key=body.get("key"), body=body.get("body"), alerts=numbered(alerts, n), age_s=float(body.get("age_s", 0)),
        show_late_s=float(body.get("show_late_s", 0))) for n in range(1, count + 1)]
    answer_ = {"id": made[0].id, "number": made[0].number, "alerts": list(made[0].alerts),
               "html_url": account.html(f"/incidents-view/{made[0].id}")}
    return answer_ if count == 1 else {**answer_, "ids": [incident.id for incident in made]}


def checked_alert(item):
    only(item, "summary", "details", "key", "severity", "cef_details")
    return item


def numbered(alerts, n):
    """{n} in the alerts of a batch is the number in it."""
    return json.loads(json.dumps(alerts).replace("{n}", str(n))) if alerts else alerts


@on("POST", "incidents/*/alerts")
def post_alert(world, body, query, incident_id):
    incident = world.find_incident(incident_id, query.get("account"))
    if not incident.open():
        raise invalid("the incident is resolved; monitoring would open a new one")
    return {"id": world.lifecycle.add_alert(incident, **checked_alert(body)).id}


@on("POST", "incidents/*/clear")
def clear(world, body, query, incident_id):
    """Monitoring says it is over: one alert by id or key, else all; without any alert the incident itself."""
    only(body, "alert")
    incident = world.find_incident(incident_id, query.get("account"))
    actor = Actor.of_service(incident.service)
    alerts = [a for a in incident.alerts.values() if body.get("alert") in (None, a.id, a.key)]
    if body.get("alert") and not alerts:
        raise not_found()
    for alert in alerts:
        world.lifecycle.clear_alert(incident, alert, actor)
    if not alerts and incident.open():
        world.lifecycle.resolve(incident, actor)
    return summary(incident)


def summary(incident):
    return {"id": incident.id, "status": incident.status, "title": incident.title, "level": incident.level,
            "assignees": [user.email for _, user in incident.assignments]}


# --- people -----------------------------------------------------------------------------------------------------

def person(account, text):
    return Actor.of_user(seed.user(account, text), "website")


def act_escalate(life, incident, actor, body):
    life.escalate(incident, int(body.get("level", incident.level + 1)), actor)


def act_reassign(life, incident, actor, body):
    life.reassign(incident, [seed.user(incident.account, text) for text in body["to"]], actor)


def act_delegate(life, incident, actor, body):
    life.delegate(incident, seed.one("policy", incident.account.policies, body["policy"]), actor)


def act_priority(life, incident, actor, body):
    wanted = body.get("priority")
    life.set_priority(incident, seed.one("priority", incident.account.priorities, wanted) if wanted else None, actor)


def act_service(life, incident, actor, body):
    life.set_service(incident, seed.one("service", incident.account.services, body["service"]), actor)


def act_merge(life, incident, actor, body):
    """`incident` is merged into `into`."""
    life.merge(life.world.find_incident(body["into"], incident.account.name), [incident], actor)


def act_note(life, incident, actor, body):
    for n in range(int(body.get("count", 1))):
        life.add_note(incident, actor, str(body.get("content")).replace("{n}", str(n + 1)) if "count" in body else body.get("content"))


def act_delete_note(life, incident, _, body):
    found = next((note for note in incident.notes if note.id == body["note"]), None)
    if found is None:
        raise not_found()
    life.delete_note(incident, found)


ACTS = {
    "acknowledge": lambda life, i, a, b: life.acknowledge(i, a),
    "unacknowledge": lambda life, i, a, b: life.unacknowledge(i, a),
    "reassign": act_reassign, "escalate": act_escalate, "delegate": act_delegate, "priority": act_priority,
    "resolve": lambda life, i, a, b: life.resolve(i, a, b.get("note"), annotate=True),
    "reopen": lambda life, i, a, b: life.reopen(i, a) if not i.open() else None,
    "note": act_note,
    "delete_note": act_delete_note, "merge": act_merge, "service": act_service,
    "title": lambda life, i, a, b: life.set_title(i, checked_title(b.get("title")), a),
    "urgency": lambda life, i, a, b: life.set_urgency(i, b["urgency"], a),
    "snooze": lambda life, i, a, b: life.snooze(i, int(b["seconds"]), a),
}


@on("POST", "incidents/*/act")
def act(world, body, query, incident_id):
    """A person, the monitoring (`as`: "service") or the clockwork (`as`: null) does something."""
    incident = world.find_incident(incident_id, query.get("account"))
    if body.get("do") not in ACTS:
        raise invalid("do must be one of " + ", ".join(ACTS))
    who = body.get("as")
    actor = Actor() if who is None else Actor.of_service(incident.service) if who == "service" \
        else person(incident.account, who)
    try:
        ACTS[body["do"]](world.lifecycle, incident, actor, body)
    except (KeyError, TypeError, ValueError) as err:
        raise invalid(f"{body['do']}: {type(err).__name__}: {err}") from err
    if actor.user:
        world.record("person", incident=incident.id, who=actor.user.id, do=body["do"])
    return summary(incident)


# --- webhooks ---------------------------------------------------------------------------------------------------

def the_subscription(world, key):
    for account in world.accounts.values():
        if key in account.subscriptions:
            return account.subscriptions[key]
    raise Problem(404, 2100, f"no subscription {key}")


@on("GET", "webhooks")
def get_webhooks(world, *_):
    hooks = world.webhooks
    return {"mode": hooks.mode, "waiting": hooks.waiting, "counters": dict(hooks.counters),
            "subscriptions": [{**s.rest(), "account": a.name, "secrets": s.secrets, "drops_in_a_row": s.drops_in_a_row}
                              for a in world.accounts.values() for s in a.subscriptions.values()]}


@on("POST", "webhooks")
def post_webhooks(world, body, _):
    only(body, "mode")
    if body.get("mode") not in ("on", "paused", "off"):
        raise invalid("mode is on, paused (kept until on) or off (lost)")
    world.webhooks.set_mode(body["mode"])
    return get_webhooks(world)


@on("POST", "subscriptions")
def post_subscription(world, body, _):
    """Like an entry of the seed; `account` names where."""
    account = the_account(world, body.pop("account", None))
    made = seed.add_subscription(account, body)
    return {**made.rest(), "secrets": made.secrets}


@on("POST", "subscriptions/*")
def change_subscription(world, body, query, key):
    """url, active, secrets (two or more while a rotation lasts), events; `ping`, `enable`, `disable`: true."""
    only(body, "url", "active", "secrets", "events", "ping", "enable", "disable")
    found = the_subscription(world, key)
    for name in ("url", "active", "secrets", "events"):
        if name in body:
            setattr(found, name, body[name])
    if body.get("enable"):
        world.webhooks.enable(found)
    if body.get("disable"):
        world.webhooks.disable(found)
    if body.get("ping"):
        world.webhooks.ping(found)
    return {**found.rest(), "secrets": found.secrets}


@on("DELETE", "subscriptions/*")
def delete_subscription(world, body, query, key):
    world.webhooks.remove(the_subscription(world, key))
    return {}


@on("GET", "deliveries")
def get_deliveries(world, body, query):
    """Newest last; ?since=n, ?incident=, ?subscription=, ?event_type=, ?state=, ?limit= (default 1000)."""
    since = int(query.get("since", 0))
    found = [d for d in world.webhooks.log if d["n"] > since
             and all(query.get(name) in (None, d[field]) for name, field in (
                 ("incident", "resource"), ("subscription", "subscription"), ("event_type", "event_type"),
                 ("state", "state")))]
    limit = int(query.get("limit", 1000))
    return {"total": world.webhooks.log.total, "waiting": world.webhooks.waiting,
            "deliveries": [{name: d[name] for name in DELIVERY_VIEW} for d in found[-limit:]]}


@on("POST", "deliveries/*/resend")
async def resend(world, body, query, key):
    """A delivery once more, now and once: verbatim, or as another event (`event_id`: "new" or an id)."""
    only(body, "event_id", "subscription", "webhook_id")
    found = next((d for d in world.webhooks.log if key in (str(d["n"]), d["event_id"])
                  and body.get("subscription") in (None, d["subscription"])), None)
    if found is None:
        raise not_found()
    text, webhook_id = found["body"], body.get("webhook_id", found["webhook_id"])
    if body.get("event_id"):
        event = json.loads(text)
        event["event"]["id"] = new_event_id() if body["event_id"] == "new" else body["event_id"]
        text, webhook_id = json.dumps(event, ensure_ascii=False, separators=(",", ":")), str(uuid.uuid4())
    return await post_now(world, the_subscription(world, found["subscription"]), text.encode(), webhook_id, {})


@on("POST", "webhooks/raw")
async def raw(world, body, _):
    """Any body, signed or not, to a subscription's URL, once; the receiver's answer comes back."""
    only(body, "subscription", "body", "body_base64", "json", "headers", "signature", "secrets", "url", "webhook_id")
    subscription = the_subscription(world, body.get("subscription", ""))
    if "json" in body:
        data = json.dumps(body["json"], ensure_ascii=False, separators=(",", ":")).encode()
    elif "body_base64" in body:
        data = base64.b64decode(body["body_base64"])
    else:
        data = body.get("body", "").encode("utf-8", "surrogatepass")
    headers = dict(body.get("headers", {}))
    if "signature" in body:
        headers["X-PagerDuty-Signature"] = body["signature"]
    elif "secrets" in body:
        headers["X-PagerDuty-Signature"] = sign(body["secrets"], data)
    return await post_now(world, subscription, data, body.get("webhook_id", str(uuid.uuid4())), headers,
                          body.get("url"))


async def post_now(world, subscription, data, webhook_id, headers, url=None):
    """One POST outside of any queue. A header given as null is left out."""
    hooks = world.webhooks
    full = {**hooks.headers(subscription, {"webhook_id": webhook_id}, data), **headers}
    full = {name: value for name, value in full.items() if value is not None}
    began = time.monotonic()
    try:
        status, text = await hooks.post(url or subscription.url, full, data)
    except asyncio.TimeoutError:
        return {"status": None, "error": "timeout"}
    except (aiohttp.ClientError, OSError, ValueError) as err:
        return {"status": None, "error": f"{type(err).__name__}: {err}"}
    return {"status": status, "answer": text, "ms": round((time.monotonic() - began) * 1000)}


# --- faults -----------------------------------------------------------------------------------------------------

@on("GET", "faults")
def get_faults(world, *_):
    return {"active": [f.view() for f in world.faults.active], "done": [f.view() for f in world.faults.done]}


@on("POST", "faults")
def post_fault(world, body, _):
    return world.faults.add(body).view()


@on("DELETE", "faults")
def delete_faults(world, *_):
    return {"cleared": world.faults.clear()}


@on("DELETE", "faults/*")
def delete_fault(world, body, query, fault_id):
    return {"cleared": world.faults.clear(int(fault_id))}


# --- looking ----------------------------------------------------------------------------------------------------

@on("GET", "state")
def get_state(world, body, query):
    """Everything; ?account= and ?open=true narrow it."""
    accounts = [a for a in world.accounts.values() if query.get("account") in (None, a.name)]
    pick = "open" if query.get("open") == "true" else "incidents"
    return {"accounts": [{"name": a.name,
                          "users": [u.full() for u in a.users.values()],
                          "services": [s.full() for s in a.services.values()],
                          "escalation_policies": [p.full() for p in a.policies.values()],
                          "priorities": [p.full() for p in a.priorities.values()]} for a in accounts],
            "incidents": [render.incident_dump(i) for a in accounts for i in getattr(a, pick).values()],
            "webhooks": get_webhooks(world), "ignored": get_ignored(world)["ignored"],
            "counters": get_counters(world)}


@on("GET", "incidents/*")
def get_incident(world, body, query, incident_id):
    return render.incident_dump(world.find_incident(incident_id, query.get("account")))


@on("GET", "incidents")
def get_incidents(world, body, query):
    """One short row for each incident."""
    return {"incidents": [{**summary(i), "number": i.number, "account": a.name, "notes": len(i.notes),
                           "created_at": i.created_at} for a in world.accounts.values() for i in a.incidents.values()]}


@on("GET", "requests")
def get_requests(world, body, query):
    """API requests, newest last; ?since=n, ?method=, ?path= (part of it), ?limit= (default 1000)."""
    since, part = int(query.get("since", 0)), query.get("path", "")
    found = [r for r in world.requests if r["n"] > since and part in r["path"]
             and query.get("method") in (None, r["method"])]
    return {"total": world.requests.total, "matching": len(found),
            "requests": found[-int(query.get("limit", 1000)):]}


@on("GET", "ignored")
def get_ignored(world, *_):
    return {"ignored": [{"where": where, "field": field, "count": count}
                        for (where, field), count in world.ignored.items()]}


@on("GET", "counters")
def get_counters(world, *_):
    return {"requests": dict(world.counters), "webhooks": dict(world.webhooks.counters),
            "incidents": sum(len(a.incidents) for a in world.accounts.values()),
            "open": sum(len(a.open) for a in world.accounts.values())}


@on("POST", "clear")
def post_clear(world, body, _):
    """Forgets records: any of requests, deliveries, ignored, counters, faults, budgets, incidents; default the first six."""
    only(body, "what")
    what = body.get("what", ["requests", "deliveries", "ignored", "counters", "faults", "budgets"])
    for name in what:
        if name not in CLEARS:
            raise invalid("what may be " + ", ".join(CLEARS))
        CLEARS[name](world)
    return {"cleared": what}


def clear_incidents(world):
    for account in world.accounts.values():
        for incident in account.incidents.values():
            for timer in incident.timers.values():
                timer.cancel()
        for table in (account.incidents, account.by_number, account.open, account.by_key, account.veiled_until):
            table.clear()


CLEARS = {
    "requests": lambda w: w.requests.clear(), "deliveries": lambda w: w.webhooks.log.clear(),
    "ignored": lambda w: w.ignored.clear(), "faults": lambda w: w.faults.clear(),
    "counters": lambda w: (w.counters.clear(), w.webhooks.counters.clear()),
    "budgets": lambda w: w.windows.clear(), "incidents": clear_incidents,
}
