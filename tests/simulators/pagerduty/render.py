# SPDX-License-Identifier: MIT
"""How incidents, alerts, notes and log entries look in REST answers and in webhook events."""

from clock import iso
from model import API


def when(seconds):
    return iso(seconds) if seconds else None


def incident_rest(incident, expand=()):
    """The REST form. `expand` names what include[] asked to be given whole."""
    account = incident.account
    full = {"id": incident.id, "type": "incident", "summary": incident.summary(),
            "self": f"{API}/incidents/{incident.id}", "html_url": account.html(f"/incidents-view/{incident.id}"),
            "incident_number": incident.number, "title": incident.title, "created_at": iso(incident.created_at),
            "updated_at": iso(incident.updated_at), "status": incident.status, "incident_key": incident.key,
            "service": whole(incident.service, "services", expand),
            "assignments": [{"at": iso(at), "assignee": whole(user, "assignees", expand)}
                            for at, user in incident.assignments],
            "assigned_via": incident.assigned_via, "last_status_change_at": iso(incident.changed_at),
            "last_status_change_by": incident.changed_by, "resolved_at": when(incident.resolved_at),
            "first_trigger_log_entry": first_entry(incident, expand), "alert_counts": incident.alert_counts(),
            "is_mergeable": incident.open(), "incident_type": {"name": "incident_default"},
            "escalation_policy": whole(incident.policy, "escalation_policies", expand),
            "teams": [team.ref() for team in incident.service.teams], "impacted_services": [incident.service.ref()],
            "pending_actions": pending(incident),
            "acknowledgements": [{"at": iso(at), "acknowledger": ref} for at, ref in incident.acknowledgements],
            "basic_alert_grouping": None, "alert_grouping": None, "incidents_responders": [],
            "responder_requests": [], "subscriber_requests": [], "urgency": incident.urgency,
            "priority": incident.priority.full() if incident.priority else None,
            "resolve_reason": incident.resolve_reason(), "conference_bridge": None}
    if "body" in expand:
        full["body"] = {"type": "incident_body", "details": incident.body}
    return full


def whole(thing, word, expand):
    return thing.full() if word in expand else thing.ref()


def first_entry(incident, expand):
    entry = incident.log[0] if incident.log else None
    if entry is None:
        return None
    if "first_trigger_log_entries" in expand:
        return log_entry_rest(incident, entry)
    return {"id": entry["id"], "type": entry["type"] + "_reference", "summary": entry["summary"],
            "self": f"{API}/log_entries/{entry['id']}?incident_id={incident.id}", "html_url": None}


def pending(incident):
    clock = incident.account.world.clock
    found = [(timer.due, name) for name, timer in incident.timers.items() if not timer.cancelled]
    return [{"type": name, "at": iso(clock.wall_of(due))} for due, name in sorted(found)]


def log_entry_rest(incident, entry):
    return {"self": f"{API}/log_entries/{entry['id']}?incident_id={incident.id}",
            "html_url": incident.account.html(f"/incidents-view/{incident.id}#{entry['id']}"), **entry,
            "service": incident.service.ref(), "incident": incident.ref(),
            "teams": [team.ref() for team in incident.service.teams], "contexts": []}


def note_rest(account, note):
    return {"id": note.id, "user": note.author, "channel": {"summary": "The PagerDuty website or APIs"},
            "content": note.content, "created_at": account.note_time(note.created_at),
            "updated_at": account.note_time(note.updated_at)}


def alert_rest(incident, alert):
    body = {"type": "alert_body", "contexts": [], "details": alert.details}
    if alert.cef_details is not None:
        body["cef_details"] = {"details": alert.cef_details}
    html = incident.account.html(f"/incidents-view/{incident.id}#{alert.id}")
    return {"id": alert.id, "type": "alert", "summary": alert.summary,
            "self": f"{API}/incidents/{incident.id}/alerts/{alert.id}", "html_url": html,
            "created_at": iso(alert.created_at), "resolved_at": when(alert.resolved_at), "status": alert.status,
            "alert_key": alert.key, "suppressed": False, "severity": alert.severity, "service": incident.service.ref(),
            "incident": incident.ref(), "first_trigger_log_entry": first_entry(incident, ()), "body": body,
            "integration": incident.service.integration_ref(), "privilege": None}


def incident_event(incident):
    """The `data` of a webhook about the incident itself."""
    return {"id": incident.id, "type": "incident", "self": f"{API}/incidents/{incident.id}",
            "html_url": incident.account.html(f"/incidents-view/{incident.id}"), "number": incident.number,
            "status": incident.status, "incident_key": incident.key, "created_at": iso(incident.created_at),
            "title": incident.title, "incident_type": {"name": "incident_default"},
            "service": incident.service.ref(), "assignees": [user.ref() for _, user in incident.assignments],
            "escalation_policy": incident.policy.ref(), "teams": [team.ref() for team in incident.service.teams],
            "priority": incident.priority.ref() if incident.priority else None, "urgency": incident.urgency,
            "conference_bridge": None, "resolve_reason": incident.resolve_reason(),
            "reopened_at": when(incident.reopened_at)}


def note_event(incident, note, trimmed_at):
    return {"incident": incident.ref(), "id": note.id, "content": note.content[:trimmed_at],
            "trimmed": len(note.content) > trimmed_at, "type": "incident_note"}


def status_update_event(incident, update, trimmed_at):
    return {"incident": incident.ref(), "id": update["id"], "message": update["message"][:trimmed_at],
            "trimmed": len(update["message"]) > trimmed_at, "type": "incident_status_update"}


def incident_dump(incident):
    """Everything about an incident, for tests."""
    account = incident.account
    return {"account": account.name, **incident_rest(incident), "level": incident.level,
            "reopened_at": when(incident.reopened_at),
            "assignees": [user.email for _, user in incident.assignments],
            "notes": [note_dump(note) for note in incident.notes],
            "deleted_notes": [note_dump(note) for note in incident.deleted_notes],
            "alerts": [alert_rest(incident, alert) for alert in incident.alerts.values()],
            "log": incident.log, "status_updates": incident.status_updates,
            "title_history": incident.title_history, "status_history": incident.status_history}


def note_dump(note):
    return {"id": note.id, "content": note.content, "by": note.author["summary"], "by_id": note.author["id"],
            "at": iso(note.created_at, True), "updated_at": iso(note.updated_at, True),
            "deleted_at": iso(note.deleted_at, True) if note.deleted_at else None, "edits": note.edits}
