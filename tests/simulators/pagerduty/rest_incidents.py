# SPDX-License-Identifier: MIT
"""REST: incidents, their alerts, notes, log entries, status updates, merge and snooze."""

from datetime import datetime, timedelta, timezone

from model import TITLE_CHARS_MAX, Problem, invalid, not_found
from rest import route
import render

STATUSES = ("triggered", "acknowledged", "resolved")
URGENCIES = ("high", "low")
INCLUDES = ("acknowledgers", "agents", "assignees", "conference_bridge", "escalation_policies",
            "first_trigger_log_entries", "priorities", "services", "teams", "users", "custom_fields", "body")
SORTS = {"incident_number": lambda i: i.number, "created_at": lambda i: (i.created_at, i.number),
         "resolved_at": lambda i: (i.resolved_at or 0, i.number), "urgency": lambda i: (i.urgency, i.number)}
PAGING = ("limit", "offset", "total")
DAY_S = 86_400
BULK_MAX = 250


# --- reading ----------------------------------------------------------------------------------------------------

@route("GET", "incidents")
def list_incidents(call):
    call.know_query(*PAGING, "statuses[]", "since", "until", "date_range", "service_ids[]", "team_ids[]",
                    "user_ids[]", "urgencies[]", "incident_key", "time_zone", "sort_by", "include[]")
    statuses = call.many("statuses[]", STATUSES)
    wanted = picker(call, statuses)
    found = [i for i in candidates(call, statuses) if wanted(i)]
    for name, way in reversed(sorting(call)):
        found.sort(key=SORTS[name], reverse=way == "desc")
    include = call.many("include[]", INCLUDES)
    page = call.page("incidents", found)
    page["incidents"] = [render.incident_rest(i, include) for i in page["incidents"]]
    return 200, page


def candidates(call, statuses):
    """What is looked through: only what is open, or lately was, where that is all that is asked for."""
    account = call.account
    if statuses and "resolved" not in statuses:
        pool = {**account.open, **{i.id: i for i in account.veiled(call.now)}}
    else:
        pool = account.incidents
    return [i.shown(call.now) for i in pool.values() if i.visible_from <= call.now]


def picker(call, statuses):
    """The filter that the query asks for."""
    since, until = window(call)
    services, users = call.many("service_ids[]"), call.many("user_ids[]")
    teams, urgencies, key = call.many("team_ids[]"), call.many("urgencies[]", URGENCIES), call.one("incident_key")

    def wanted(incident):
        return ((not statuses or incident.status in statuses)
                and since <= incident.created_at <= until
                and (not services or incident.service.id in services)
                and (not users or any(user.id in users for _, user in incident.assignments))
                and (not teams or any(team.id in teams for team in incident.service.teams))
                and (not urgencies or incident.urgency in urgencies)
                and (key is None or incident.key == key))
    return wanted


def window(call):
    """since and until with PagerDuty's month by default and six months at most; date_range=all lifts both."""
    if call.one("date_range") == "all":
        return 0, float("inf")
    since, until = moment(call, "since"), moment(call, "until")
    month = timedelta(days=30).total_seconds()
    if since is None and until is None:
        since, until = call.now - month, float("inf")
    since = until - month if since is None else since
    until = since + month if until is None else until
    if until != float("inf") and until - since > 184 * DAY_S:
        raise invalid("The date range may not be longer than 6 months")
    return since, until


def moment(call, name):
    text = call.one(name)
    if text is None:
        return None
    try:
        stamp = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as err:
        raise Problem(400, 2004, "Invalid Date", [f"{name} is not a date"]) from err
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=timezone.utc)).timestamp()


def sorting(call):
    text = call.one("sort_by") or "created_at:asc"
    keys = [part.partition(":")[::2] for part in text.split(",")]
    if len(keys) > 2 or any(name not in SORTS or way not in ("", "asc", "desc") for name, way in keys):
        raise invalid("sort_by takes at most two of incident_number, created_at, resolved_at, urgency with :asc or :desc")
    return keys


@route("GET", "incidents/*")
def get_incident(call):
    call.know_query("include[]")
    return 200, {"incident": render.incident_rest(call.incident(truth=False), call.many("include[]", INCLUDES))}


@route("GET", "incidents/*/log_entries")
def list_log(call):
    call.know_query(*PAGING, "since", "until", "time_zone", "is_overview", "include[]")
    incident = call.incident(truth=False)
    page = call.page("log_entries", incident.log[::-1])
    page["log_entries"] = [render.log_entry_rest(incident, entry) for entry in page["log_entries"]]
    return 200, page


@route("GET", "log_entries")
def list_all_log(call):
    call.know_query(*PAGING, "since", "until", "time_zone", "is_overview", "include[]", "team_ids[]")
    shown = [i.shown(call.now) for i in call.account.incidents.values() if i.visible_from <= call.now]
    entries = [(entry["created_at"], i, entry) for i in shown for entry in i.log]
    entries.sort(key=lambda item: item[0], reverse=True)
    page = call.page("log_entries", entries)
    page["log_entries"] = [render.log_entry_rest(i, entry) for _, i, entry in page["log_entries"]]
    return 200, page


# --- changing one or many ---------------------------------------------------------------------------------------

@route("POST", "incidents", needs_from=True)
def create_incident(call):
    item = call.part("incident")
    call.know(item, "type", "title", "service", "priority", "urgency", "body", "incident_key", "assignments",
              "escalation_policy", at="incident")
    if item.get("type") != "incident":
        raise invalid("incident.type must be incident")
    service = by_reference(call, item.get("service"), call.account.services, "service")
    key = item.get("incident_key")
    if key and any(i.key == key and i.service is service for i in call.account.open.values()):
        raise invalid("Open incident with matching dedup key already exists on this service")
    if item.get("assignments") and item.get("escalation_policy"):
        raise invalid("assignments cannot be given together with an escalation policy")
    body = item.get("body") or {}
    made = call.world.lifecycle.trigger(
        service, checked_title(item.get("title")), call.actor, key=key, body=body.get("details"),
        urgency=checked(item, "urgency", URGENCIES) or "high", priority=find_priority(call, item.get("priority")),
        policy=optional_policy(call, item), assignees=assignees(call, item))
    return 201, {"incident": render.incident_rest(made)}


@route("PUT", "incidents/*", needs_from=True)
def put_incident(call):
    incident = call.incident()
    change = plan(call, incident, call.part("incident"), "incident")
    apply_change(call, incident, change)
    return 200, {"incident": render.incident_rest(incident)}


@route("PUT", "incidents", needs_from=True)
def put_incidents(call):
    items = call.part("incidents", list)
    if len(items) > BULK_MAX:
        raise Problem(413, 2001, "Payload Too Large", [f"at most {BULK_MAX} incidents"])
    plans = []
    for item in items:
        incident = call.account.find(item.get("id", "")) if isinstance(item, dict) else None
        if incident is None:
            raise invalid("each incident must have the id of an incident")
        plans.append((incident, plan(call, incident, {k: v for k, v in item.items() if k != "id"}, "incidents")))
    for incident, change in plans:
        apply_change(call, incident, change)
    return 200, {"incidents": [render.incident_rest(incident) for incident, _ in plans]}


def plan(call, incident, item, at):
    """Checks the whole change before any of it is done. Raises Problem."""
    call.know(item, "type", "status", "title", "priority", "resolution", "escalation_level", "assignments",
              "escalation_policy", "urgency", "service", at=at)
    if item.get("type") not in ("incident", "incident_reference"):
        raise invalid("incident.type is required and must be incident_reference")
    change = {"status": checked(item, "status", STATUSES), "urgency": checked(item, "urgency", URGENCIES),
              "title": checked_title(item["title"]) if item.get("title") is not None else None,
              "level": item.get("escalation_level"), "policy": optional_policy(call, item),
              "assignees": assignees(call, item), "resolution": item.get("resolution"), "has_priority": "priority" in item,
              "priority": find_priority(call, item.get("priority")),
              "service": by_reference(call, item["service"], call.account.services, "service")
              if item.get("service") is not None else None}
    if change["resolution"] is not None and not isinstance(change["resolution"], str):
        raise invalid("resolution must be text")
    check_possible(incident, change)
    return change


def check_possible(incident, change):
    moves = change["level"] is not None or change["policy"] or change["assignees"]
    if not incident.open() and (change["status"] == "resolved" or (moves and change["status"] is None)):
        raise Problem(400, 1001, "Incident Already Resolved", ["Incident Already Resolved"])
    if change["status"] == "resolved" and moves:
        raise invalid("A resolved incident cannot be assigned")
    level = change["level"]
    if level is None:
        return
    if isinstance(level, bool) or not isinstance(level, int):
        raise invalid("escalation_level must be an integer")
    if not 1 <= level <= len((change["policy"] or incident.policy).levels):
        raise Problem(400, 1006, "Incident Cannot Be Escalated", [f"Escalation level {level} does not exist"])


def apply_change(call, incident, change):
    life, actor = call.world.lifecycle, call.actor
    if change["title"] is not None:
        life.set_title(incident, change["title"], actor)
    if change["has_priority"]:
        life.set_priority(incident, change["priority"], actor)
    if change["service"]:
        life.set_service(incident, change["service"], actor)
    if change["urgency"]:
        life.set_urgency(incident, change["urgency"], actor)
    if change["status"] in ("triggered", "acknowledged") and not incident.open():
        reopen(life, incident, change, actor)
    elif change["status"] == "triggered":
        life.unacknowledge(incident, actor)
    elif change["status"] == "acknowledged":
        life.acknowledge(incident, actor)
    move(life, incident, change, actor)
    if change["status"] == "resolved":
        life.resolve(incident, actor, change["resolution"])


def reopen(life, incident, change, actor):
    if change["status"] == "acknowledged":
        life.acknowledge(incident, actor)
    else:
        life.reopen(incident, actor, change["assignees"], change["policy"])
        change["assignees"] = change["policy"] = None


def move(life, incident, change, actor):
    if change["policy"]:
        life.delegate(incident, change["policy"], actor)
    if change["level"] is not None:
        life.escalate(incident, change["level"], actor)
    if change["assignees"]:
        life.reassign(incident, change["assignees"], actor)


# --- checks of values -------------------------------------------------------------------------------------------

def checked(item, name, allowed):
    value = item.get(name)
    if value is not None and value not in allowed:
        raise invalid(f"{name} must be one of {', '.join(allowed)}")
    return value


def checked_title(title):
    if not isinstance(title, str) or not title.strip():
        raise invalid("Title cannot be blank")
    if len(title) > TITLE_CHARS_MAX:
        raise invalid(f"Title is too long (maximum is {TITLE_CHARS_MAX} characters)")
    return title


def by_reference(call, value, table, kind):
    if not isinstance(value, dict) or value.get("type") not in (kind, kind + "_reference"):
        raise invalid(f"{kind} must be an object with id and type {kind}_reference")
    found = table.get(value.get("id"))
    if found is None:
        raise invalid(f"{kind} {value.get('id')} not found")
    return found


def optional_policy(call, item):
    value = item.get("escalation_policy")
    return by_reference(call, value, call.account.policies, "escalation_policy") if value is not None else None


def assignees(call, item):
    value = item.get("assignments")
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise invalid("assignments must be a list of objects with an assignee")
    found = []
    for one in value:
        reference = one.get("assignee")
        if not isinstance(reference, dict) or reference.get("type") not in ("user", "user_reference"):
            raise invalid("assignee must be an object with id and type user_reference")
        if reference.get("id") not in call.account.users:
            raise Problem(400, 1007, "Assignee User Not Found", [f"{reference.get('id')} is not a user"])
        found.append(call.account.users[reference["id"]])
    return found


def find_priority(call, value):
    """By object or by name; None takes the priority away."""
    if value is None:
        return None
    table = call.account.priorities
    if isinstance(value, str):
        found = next((p for p in table.values() if p.name == value), None)
    elif isinstance(value, dict) and value.get("type") in ("priority", "priority_reference"):
        found = table.get(value.get("id"))
    else:
        raise invalid("priority must be a name or an object with id and type priority_reference")
    if found is None:
        raise Problem(400, 1020, "Invalid Priority", ["Priority not found"])
    return found


# --- notes and status updates -----------------------------------------------------------------------------------

@route("GET", "incidents/*/notes")
def list_notes(call):
    call.know_query()
    incident = call.incident(truth=False)
    return 200, {"notes": [render.note_rest(call.account, note) for note in incident.notes if note.visible_from <= call.now]}


@route("POST", "incidents/*/notes", needs_from=True)
def post_note(call):
    item = call.part("note")
    call.know(item, "content", at="note")
    note = call.world.lifecycle.add_note(call.incident(), call.actor, item.get("content"))
    return 200, {"note": render.note_rest(call.account, note)}


def note_of(call, incident):
    found = next((note for note in incident.notes if note.id == call.ids[1]), None)
    if found is None:
        raise not_found()
    return found


@route("PUT", "incidents/*/notes/*", needs_from=True)
def put_note(call):
    item = call.part("note")
    call.know(item, "content", at="note")
    incident = call.incident()
    note = note_of(call, incident)
    call.world.lifecycle.edit_note(incident, note, item.get("content"))
    return 200, {"note": render.note_rest(call.account, note)}


@route("DELETE", "incidents/*/notes/*")
def delete_note(call):
    incident = call.incident()
    call.world.lifecycle.delete_note(incident, note_of(call, incident))
    return 204, None


@route("POST", "incidents/*/status_updates", needs_from=True)
def post_status_update(call):
    call.know(call.body, "message", "subject", "html_message", at="")
    message = call.body.get("message")
    if not isinstance(message, str) or not message.strip():
        raise invalid("Message cannot be blank")
    more = {name: call.body[name] for name in ("subject", "html_message") if name in call.body}
    update = call.world.lifecycle.add_status_update(call.incident(), call.actor, message, more)
    return 200, {"status_update": update}


# --- alerts, merge, snooze --------------------------------------------------------------------------------------

@route("GET", "incidents/*/alerts")
def list_alerts(call):
    call.know_query(*PAGING, "alert_key", "statuses[]", "sort_by", "include[]")
    incident = call.incident(truth=False)
    statuses, key = call.many("statuses[]", ("triggered", "resolved")), call.one("alert_key")
    found = [a for a in incident.alerts.values()
             if (not statuses or a.status in statuses) and key in (None, a.key)]
    way = call.one("sort_by", "created_at:asc")
    if way.partition(":")[0] not in ("created_at", "resolved_at"):
        raise invalid("sort_by takes created_at or resolved_at")
    found.sort(key=lambda a: a.created_at, reverse=way.endswith(":desc"))
    page = call.page("alerts", found)
    page["alerts"] = [render.alert_rest(incident, alert) for alert in page["alerts"]]
    return 200, page


@route("GET", "incidents/*/alerts/*")
def get_alert(call):
    incident = call.incident(truth=False)
    if call.ids[1] not in incident.alerts:
        raise not_found()
    return 200, {"alert": render.alert_rest(incident, incident.alerts[call.ids[1]])}


def change_alert(call, incident, item, at):
    """Resolves an alert or moves it to another incident."""
    call.know(item, "type", "status", "id", "incident", at=at)
    alert = incident.alerts.get(item.get("id"))
    if alert is None:
        raise not_found()
    if item.get("type") not in ("alert", "alert_reference"):
        raise invalid("alert.type is required and must be alert")
    if checked(item, "status", ("resolved", "triggered")) == "resolved":
        call.world.lifecycle.clear_alert(incident, alert, call.actor)
    if item.get("incident") is not None:
        target = by_reference(call, item["incident"], call.account.incidents, "incident")
        del incident.alerts[alert.id]
        target.alerts[alert.id] = alert
        call.world.lifecycle.touched(incident)
        call.world.lifecycle.touched(target)
        incident = target
    return render.alert_rest(incident, alert)


@route("PUT", "incidents/*/alerts/*", needs_from=True)
def put_alert(call):
    item = {**call.part("alert"), "id": call.ids[1]}
    return 200, {"alert": change_alert(call, call.incident(), item, "alert")}


@route("PUT", "incidents/*/alerts", needs_from=True)
def put_alerts(call):
    items = call.part("alerts", list)
    if len(items) > BULK_MAX:
        raise Problem(413, 2001, "Payload Too Large", [f"at most {BULK_MAX} alerts"])
    incident = call.incident()
    if not all(isinstance(item, dict) and item.get("id") in incident.alerts for item in items):
        raise invalid("each alert must have the id of an alert of this incident")
    done = [change_alert(call, incident, item, "alerts") for item in items]
    return 200, {"alerts": done, "limit": len(done), "offset": 0, "more": False, "total": None}


@route("PUT", "incidents/*/merge", needs_from=True)
def merge(call):
    sources = [by_reference(call, item, call.account.incidents, "incident")
               for item in call.part("source_incidents", list)]
    if not sources:
        raise invalid("source_incidents cannot be empty")
    target = call.incident()
    call.world.lifecycle.merge(target, sources, call.actor)
    return 200, {"incident": target.ref()}


@route("POST", "incidents/*/snooze", needs_from=True)
def snooze(call):
    call.know(call.body, "duration", at="")
    duration = call.body.get("duration")
    if isinstance(duration, bool) or not isinstance(duration, int) or not 1 <= duration <= 604_800:
        raise invalid("duration must be a number of seconds from 1 to 604800")
    incident = call.incident()
    call.world.lifecycle.snooze(incident, duration, call.actor)
    return 201, {"incident": render.incident_rest(incident)}
