# SPDX-License-Identifier: MIT
"""What may happen to an incident: one function for each thing, each writing log, history, timers and events.

Who may ask for it and in which form is checked by the callers (REST, Events API, control). Nothing here waits.
"""

import secrets

from clock import iso
from model import (ALERTS_PER_INCIDENT_MAX, LOG_ENTRIES_PER_INCIDENT_MAX, NOTE_CHARS_MAX, NOTES_PER_INCIDENT_MAX,
                   Actor, Alert, Incident, Note, Problem, bounded_append, invalid, new_id)
import render

CLOCKWORK = Actor(None, None, "timeout")


class Lifecycle:
    """All changes to incidents of one world. Events go to `publish(account, service, resource id, event body)`."""

    def __init__(self, world, publish):
        self.world, self.clock, self.publish = world, world.clock, publish

    # --- what every change writes -------------------------------------------------------------------------------

    def log(self, incident, kind, summary, actor, **more):
        entry = {"id": new_id("R", 26), "type": kind + "_log_entry", "summary": summary,
                 "created_at": iso(self.clock.wall()), "agent": actor.ref, "channel": {"type": actor.channel}, **more}
        bounded_append(incident.log, entry, LOG_ENTRIES_PER_INCIDENT_MAX)

    def emit(self, incident, kind, actor, data=None):
        event = {"id": new_id("0", 26), "event_type": kind, "resource_type": "incident",
                 "occurred_at": iso(self.clock.wall(), True), "agent": actor.ref, "client": actor.client,
                 "data": data or render.incident_event(incident)}
        self.publish(incident.account, incident.service, incident.id, event)

    def touched(self, incident):
        incident.updated_at = self.clock.wall()

    def _status(self, incident, status, actor):
        now = self.clock.wall()
        incident.status, incident.changed_at, incident.updated_at = status, now, now
        incident.changed_by = actor.ref or incident.service.ref()
        bounded_append(incident.status_history, {"at": iso(now, True), "status": status, "by": actor.name()})
        if status == "resolved":
            incident.account.open.pop(incident.id, None)
        else:
            incident.account.open[incident.id] = incident

    def _assign(self, incident, users, via):
        now = self.clock.wall()
        incident.assignments = [(now, user) for user in users]
        incident.assigned_via = via

    # --- timers on policy time ----------------------------------------------------------------------------------

    def _stop_timers(self, incident, *names):
        for name in names or list(incident.timers):
            timer = incident.timers.pop(name, None)
            if timer:
                timer.cancel()

    def _start_timer(self, incident, name, seconds, act):
        self._stop_timers(incident, name)
        if seconds:
            incident.timers[name] = self.clock.after(seconds, lambda: self._fire(incident, name, act))

    @staticmethod
    def _fire(incident, name, act):
        incident.timers.pop(name, None)
        act(incident)

    def _await_escalation(self, incident):
        if incident.status != "triggered" or incident.assigned_via != "escalation_policy" or not incident.policy.levels:
            return self._stop_timers(incident, "escalate")
        delay = incident.policy.levels[incident.level - 1]["delay_s"]
        return self._start_timer(incident, "escalate", delay, self._escalate_by_timeout)

    def _escalate_by_timeout(self, incident):
        if incident.level < len(incident.policy.levels):
            return self._to_level(incident, incident.level + 1, CLOCKWORK, "Escalated")
        if incident.loops < incident.policy.num_loops:
            incident.loops += 1
            self.log(incident, "repeat_escalation_path", "Repeated the escalation policy", CLOCKWORK)
            return self._to_level(incident, 1, CLOCKWORK, "Escalated")
        return self.log(incident, "exhaust_escalation_path", "Exhausted the escalation policy", CLOCKWORK)

    def _unacknowledge_by_timeout(self, incident):
        self.unacknowledge(incident, CLOCKWORK)

    def _resolve_by_timeout(self, incident):
        self.resolve(incident, CLOCKWORK)

    # --- birth --------------------------------------------------------------------------------------------------

    def trigger(self, service, title, actor, *, urgency="high", priority=None, key=None, body=None, alerts=(),
                policy=None, assignees=None, age_s=0.0, show_late_s=0.0):
        """A new incident. `age_s` sets its creation back; `show_late_s` hides it from GETs for that long."""
        account = service.account
        now = self.clock.wall() - age_s
        incident = Incident(account, new_id("Q", 14), account.next_number, title, service, policy or service.policy,
                            urgency, key or secrets.token_hex(16), now, client=actor.client, body=body,
                            priority=priority, visible_from=self.clock.wall() + show_late_s if show_late_s else 0)
        account.next_number += 1
        account.keep(incident)
        service.last_incident_at = now
        self._status(incident, "triggered", actor)
        incident.changed_at = incident.updated_at = now
        bounded_append(incident.title_history, {"at": iso(now, True), "title": title, "by": actor.name()})
        self.log(incident, "trigger", f"Triggered through {'the API' if actor.user else actor.name()}", actor,
                 event_details={"description": title})
        users = assignees or (incident.policy.levels[0]["users"] if incident.policy.levels else [])
        self._assign(incident, users, "direct_assignment" if assignees else "escalation_policy")
        self.log(incident, "assign", "Assigned to " + names(users), actor, assignees=[u.ref() for u in users])
        for alert in alerts:
            self.add_alert(incident, **alert)
        self._await_escalation(incident)
        self._start_timer(incident, "resolve", service.auto_resolve_timeout_s, self._resolve_by_timeout)
        self.emit(incident, "incident.triggered", actor)
        return incident

    # --- status -------------------------------------------------------------------------------------------------

    def acknowledge(self, incident, actor, user=None):
        """Acknowledged; with a user the incident becomes theirs. On a resolved incident this reopens it."""
        user = user or actor.user
        was_resolved = not incident.open()
        if was_resolved:
            self._reopen_state(incident)
        now = self.clock.wall()
        self._status(incident, "acknowledged", actor)
        if user and (was_resolved or user not in [assigned for _, assigned in incident.assignments]):
            self._assign(incident, [user], incident.assigned_via)
            self.log(incident, "assign", f"Assigned to {user.name}", actor, assignees=[user.ref()])
        reference = user.ref() if user else actor.ref
        incident.acknowledgements = [a for a in incident.acknowledgements if a[1] != reference] + [(now, reference)]
        self._stop_timers(incident, "escalate")
        self._start_timer(incident, "unacknowledge", incident.service.acknowledgement_timeout_s,
                          self._unacknowledge_by_timeout)
        self.log(incident, "acknowledge", f"Acknowledged by {actor.name()}", actor)
        if was_resolved:
            self.emit(incident, "incident.reopened", actor)
        self.emit(incident, "incident.acknowledged", actor)

    def unacknowledge(self, incident, actor):
        if incident.status != "acknowledged":
            return
        incident.acknowledgements = []
        self._stop_timers(incident, "unacknowledge")
        self._status(incident, "triggered", actor)
        self.log(incident, "unacknowledge", f"Unacknowledged by {actor.name()}", actor)
        self._await_escalation(incident)
        self.emit(incident, "incident.unacknowledged", actor)

    def _reopen_state(self, incident):
        incident.reopened_at, incident.resolved_at, incident.merged_into = self.clock.wall(), None, None
        incident.level, incident.loops = 1, 0

    def reopen(self, incident, actor, assignees=None, policy=None):
        """Resolved to triggered, assigned as asked, else to the policy's first level."""
        self._reopen_state(incident)
        incident.policy = policy or incident.policy
        users = assignees or (incident.policy.levels[0]["users"] if incident.policy.levels else [])
        self._status(incident, "triggered", actor)
        self._assign(incident, users, "direct_assignment" if assignees else "escalation_policy")
        self.log(incident, "assign", f"Reopened by {actor.name()}, assigned to {names(users)}", actor,
                 assignees=[u.ref() for u in users])
        self._await_escalation(incident)
        self.emit(incident, "incident.reopened", actor)

    def resolve(self, incident, actor, resolution=None, merged_into=None, annotate=False):
        """Resolved, with all its alerts. `annotate` announces the resolution as the web page does."""
        if not incident.open():
            raise Problem(400, 1001, "Incident Already Resolved", ["Incident Already Resolved"])
        now = self.clock.wall()
        self._stop_timers(incident)
        for alert in incident.alerts.values():
            if alert.status != "resolved":
                alert.status, alert.resolved_at = "resolved", now
        incident.assignments, incident.acknowledgements = [], []
        incident.merged_into = merged_into
        incident.resolved_at = now
        self._status(incident, "resolved", actor)
        more = {"note": resolution} if resolution else {}
        self.log(incident, "resolve", f"Resolved by {actor.name()}", actor, **more)
        self.emit(incident, "incident.resolved", actor)
        if annotate and resolution:
            self.add_note(incident, actor, "Resolution Note: " + resolution)

    # --- whose it is --------------------------------------------------------------------------------------------

    def _must_be_open(self, incident):
        if not incident.open():
            raise Problem(400, 1001, "Incident Already Resolved", ["Incident Already Resolved"])

    def _back_to_triggered(self, incident, actor):
        """A new assignee has not acknowledged yet."""
        self._stop_timers(incident, "unacknowledge")
        incident.acknowledgements = []
        if incident.status == "acknowledged":
            self._status(incident, "triggered", actor)

    def _to_level(self, incident, level, actor, verb):
        incident.level = level
        users = incident.policy.levels[level - 1]["users"]
        self._back_to_triggered(incident, actor)
        self._assign(incident, users, "escalation_policy")
        self.touched(incident)
        self.log(incident, "escalate", f"{verb} to {names(users)} (level {level})", actor,
                 assignees=[u.ref() for u in users])
        self._await_escalation(incident)
        self.emit(incident, "incident.escalated", actor)

    def escalate(self, incident, level, actor):
        self._must_be_open(incident)
        if not 1 <= level <= len(incident.policy.levels):
            raise Problem(400, 1006, "Incident Cannot Be Escalated", [f"Escalation level {level} does not exist"])
        self._to_level(incident, level, actor, "Escalated by " + actor.name())

    def reassign(self, incident, users, actor):
        self._must_be_open(incident)
        self._back_to_triggered(incident, actor)
        self._stop_timers(incident, "escalate")
        self._assign(incident, users, "direct_assignment")
        self.touched(incident)
        self.log(incident, "assign", f"Assigned to {names(users)} by {actor.name()}", actor,
                 assignees=[u.ref() for u in users])
        self.emit(incident, "incident.reassigned", actor)

    def delegate(self, incident, policy, actor):
        self._must_be_open(incident)
        incident.policy, incident.level, incident.loops = policy, 1, 0
        users = policy.levels[0]["users"] if policy.levels else []
        self._back_to_triggered(incident, actor)
        self._assign(incident, users, "escalation_policy")
        self.touched(incident)
        self.log(incident, "delegate", f"Delegated to {policy.name} by {actor.name()}", actor,
                 escalation_policy=policy.ref(), assignees=[u.ref() for u in users])
        self._await_escalation(incident)
        self.emit(incident, "incident.delegated", actor)

    def snooze(self, incident, seconds, actor):
        """Acknowledged by the actor until the snooze ends; then triggered again."""
        self._must_be_open(incident)
        if incident.status != "acknowledged":
            self.acknowledge(incident, actor)
        self._start_timer(incident, "unacknowledge", seconds, self._unacknowledge_by_timeout)
        self.touched(incident)
        self.log(incident, "snooze", f"Snoozed by {actor.name()} for {seconds} s", actor,
                 changed_actions=render.pending(incident))

    # --- what it is called and how grave it is ------------------------------------------------------------------

    def _field_changed(self, incident, field, old, new, actor):
        self.touched(incident)
        fields = [{"name": field, "namespace": "incidents", "value": new, "old_value": old}]
        self.log(incident, "field_value_change", f"{field} changed by {actor.name()}", actor,
                 changeset=[f"Updated {field} to {new}"],
                 channel={"type": actor.channel, "changeset": {"application_fields": fields}})

    def set_title(self, incident, title, actor):
        """No event announces this. The same title again changes nothing."""
        if title == incident.title:
            return
        old, incident.title = incident.title, title
        bounded_append(incident.title_history,
                       {"at": iso(self.clock.wall(), True), "title": title, "by": actor.name()})
        self._field_changed(incident, "title", old, title, actor)

    def set_priority(self, incident, priority, actor):
        if priority is incident.priority:
            return
        old = incident.priority.name if incident.priority else None
        incident.priority = priority
        self._field_changed(incident, "priority", old, priority.name if priority else None, actor)
        self.emit(incident, "incident.priority_updated", actor)

    def set_service(self, incident, service, actor):
        if service is incident.service:
            return
        old, incident.service = incident.service, service
        self._field_changed(incident, "service", old.id, service.id, actor)
        self.emit(incident, "incident.service_updated", actor)

    def set_urgency(self, incident, urgency, actor):
        """No event announces this."""
        if urgency != incident.urgency:
            incident.urgency = urgency
            self.touched(incident)
            self.log(incident, "urgency_change", f"Urgency changed to {urgency} by {actor.name()}", actor)

    # --- notes and status updates -------------------------------------------------------------------------------

    def add_note(self, incident, actor, content):
        check_note(content)
        if len(incident.notes) >= NOTES_PER_INCIDENT_MAX:
            raise invalid(f"Incident may have at most {NOTES_PER_INCIDENT_MAX} notes")
        now = self.clock.wall()
        author = dict(actor.ref or incident.service.ref())
        if not actor.user:
            author["type"] = "bot_user_reference"
        note = Note(new_id("P", 7), content, author, now, now)
        incident.notes.append(note)
        self.touched(incident)
        self.log(incident, "annotate", f"Note added by {actor.name()}", actor, note_id=note.id,
                 channel={"type": "note", "summary": content[:1024]})
        self.emit(incident, "incident.annotated", actor,
                  render.note_event(incident, note, self.world.settings["note_trim_chars"]))
        return note

    def edit_note(self, incident, note, content):
        """No event announces this, nor a deletion."""
        check_note(content)
        note.content, note.updated_at = content, self.clock.wall()
        note.edits += 1
        self.touched(incident)

    def delete_note(self, incident, note):
        incident.notes.remove(note)
        note.deleted_at = self.clock.wall()
        bounded_append(incident.deleted_notes, note)
        self.touched(incident)

    def add_status_update(self, incident, actor, message, more):
        update = {"id": new_id("P", 7), "message": message, "created_at": iso(self.clock.wall()),
                  "sender": actor.ref, **more}
        bounded_append(incident.status_updates, update)
        self.emit(incident, "incident.status_update_published", actor,
                  render.status_update_event(incident, update, self.world.settings["note_trim_chars"]))
        return update

    # --- alerts -------------------------------------------------------------------------------------------------

    def add_alert(self, incident, summary=None, details=None, key=None, severity="critical", cef_details=None):
        """A further alert of an open incident. No event announces it."""
        if len(incident.alerts) >= ALERTS_PER_INCIDENT_MAX:
            raise invalid(f"Incident may have at most {ALERTS_PER_INCIDENT_MAX} alerts")
        now = incident.created_at if not incident.alerts else self.clock.wall()
        alert = Alert(new_id("Q", 14), summary or incident.title, key or secrets.token_hex(16), severity, details, now,
                      cef_details=cef_details)
        incident.alerts[alert.id] = alert
        self.touched(incident)
        return alert

    def clear_alert(self, incident, alert, actor):
        """The alert is over; when it was the last, the incident is resolved in the actor's name."""
        if alert.status == "resolved":
            return
        alert.status, alert.resolved_at = "resolved", self.clock.wall()
        self.touched(incident)
        if incident.open() and all(a.status == "resolved" for a in incident.alerts.values()):
            self.resolve(incident, actor)

    def merge(self, target, sources, actor):
        if not target.open():
            raise Problem(400, 1001, "Incident Already Resolved", ["Target incident is resolved"])
        for source in sources:
            if source is target or source.merged_into is not None:
                raise Problem(400, 1019, "Incident Already Merged", [f"{source.id} cannot be merged"])
        for source in sources:
            target.alerts.update(source.alerts)
            source.alerts = {}
            if source.open():
                self.resolve(source, actor, merged_into=target)
            else:
                source.merged_into = target
            self.log(target, "annotate", f"{source.summary()} merged into this by {actor.name()}", actor)
        self.touched(target)


def names(users):
    return ", ".join(user.name for user in users) or "nobody"


def check_note(content):
    if not isinstance(content, str) or not content.strip():
        raise invalid("Note content cannot be blank")
    if len(content) > NOTE_CHARS_MAX:
        raise invalid(f"Note content is too long (maximum is {NOTE_CHARS_MAX} characters)")
