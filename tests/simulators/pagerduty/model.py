# SPDX-License-Identifier: MIT
"""What the simulator knows: accounts, users, services, incidents, alerts, notes; and how they look in JSON.

No behaviour is here: what happens to an incident is in lifecycle.py, what a request may ask is in rest*.py.
"""

import collections
import copy
import json
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from clock import iso

ALNUM = string.ascii_uppercase + string.digits
API = "https://api.pagerduty.com"

# The most that is kept of each thing; the oldest that is closed goes first.
NOTES_PER_INCIDENT_MAX = 2_000
NOTE_CHARS_MAX = 65_535
ALERTS_PER_INCIDENT_MAX = 1_000
LOG_ENTRIES_PER_INCIDENT_MAX = 10_000
HISTORY_MAX = 5_000
TITLE_CHARS_MAX = 1_024
SUBSCRIPTIONS_PER_SCOPE_MAX = 10


def new_id(first, length):
    return first + "".join(secrets.choice(ALNUM) for _ in range(length - len(first)))


def load_json(raw):
    """The JSON of a body. ValueError for what cannot be JSON again: NaN, lone surrogates, endless nesting."""
    def no_constant(name):
        raise ValueError(name)
    try:
        value = json.loads(raw, parse_constant=no_constant)
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as err:
        raise ValueError("nested too deeply") from err
    return value


class Problem(Exception):
    """An answer in PagerDuty's error form."""

    def __init__(self, status, code, message, errors=None):
        super().__init__(message)
        self.status, self.code, self.message, self.errors = status, code, message, errors

    def body(self):
        error = {"message": self.message, "code": self.code}
        if self.errors:
            error["errors"] = self.errors
        return {"error": error}


def invalid(*errors):
    return Problem(400, 2001, "Invalid Input Provided", list(errors))


def not_found():
    return Problem(404, 2100, "Not Found")


@dataclass
class Thing:
    """What users, services, policies, teams and priorities have in common. `path` is its place in API and web view."""

    account: "Account"
    id: str
    name: str
    kind = ""
    path = ""

    def ref(self):
        return {"id": self.id, "type": self.kind + "_reference", "summary": self.name,
                "self": f"{API}/{self.path}/{self.id}",
                "html_url": f"https://{self.account.subdomain}.pagerduty.com/{self.path}/{self.id}"}

    def full(self):
        return {**self.ref(), "type": self.kind, "name": self.name}


@dataclass
class User(Thing):
    email: str = ""
    role: str = "user"
    time_zone: str = "Etc/UTC"
    kind, path = "user", "users"

    def full(self):
        return {**super().full(), "email": self.email, "time_zone": self.time_zone, "color": "green",
                "role": self.role, "description": None, "invitation_sent": False, "job_title": "", "teams": [],
                "contact_methods": [], "notification_rules": []}


@dataclass
class Team(Thing):
    kind, path = "team", "teams"


@dataclass
class Priority(Thing):
    description: str = ""
    kind, path = "priority", "priorities"

    def full(self):
        return {**super().full(), "description": self.description, "html_url": None}


@dataclass
class Policy(Thing):
    """levels: list of {"delay_s": seconds until the next level, "users": [User]}."""

    levels: list = field(default_factory=list)
    num_loops: int = 0
    kind, path = "escalation_policy", "escalation_policies"

    def full(self):
        rules = [{"id": f"{self.id}L{n}", "escalation_delay_in_minutes": max(1, round(level["delay_s"] / 60)),
                  "targets": [user.ref() for user in level["users"]]} for n, level in enumerate(self.levels, 1)]
        services = [s.ref() for s in self.account.services.values() if s.policy is self]
        return {**super().full(), "description": None, "num_loops": self.num_loops, "escalation_rules": rules,
                "on_call_handoff_notifications": "if_has_services", "services": services, "teams": []}


@dataclass
class Service(Thing):
    policy: Policy = None
    routing_key: str = ""
    description: str = ""
    teams: list = field(default_factory=list)
    acknowledgement_timeout_s: float = 0
    auto_resolve_timeout_s: float = 0
    integration_id: str = ""
    last_incident_at: float = 0
    kind, path = "service", "services"

    def status(self):
        open_here = [i.status for i in self.account.open.values() if i.service is self]
        return "critical" if "triggered" in open_here else "warning" if open_here else "active"

    def full(self):
        last = iso(self.last_incident_at) if self.last_incident_at else None
        return {**super().full(), "description": self.description, "created_at": iso(self.account.created_at),
                "status": self.status(), "escalation_policy": self.policy.ref(),
                "teams": [team.ref() for team in self.teams],
                "acknowledgement_timeout": self.acknowledgement_timeout_s or None,
                "auto_resolve_timeout": self.auto_resolve_timeout_s or None, "last_incident_timestamp": last,
                "alert_creation": "create_alerts_and_incidents", "integrations": [self.integration_ref()],
                "addons": [], "scheduled_actions": [], "support_hours": None,
                "incident_urgency_rule": {"type": "constant", "urgency": "high"}}

    def integration_ref(self):
        return {"id": self.integration_id, "type": "events_api_v2_inbound_integration_reference",
                "summary": "Events API V2", "self": f"{API}/services/{self.id}/integrations/{self.integration_id}",
                "html_url": None}


@dataclass
class Token:
    value: str
    name: str
    user: User = None      # set: a user's own key, which needs no From
    read_only: bool = False


@dataclass
class Actor:
    """Whose hand a change is: a user, a service (monitoring), or nobody (PagerDuty's clockwork)."""

    ref: dict = None
    user: User = None
    channel: str = "auto"
    client: dict = None

    @classmethod
    def of_user(cls, user, channel="api"):
        return cls(user.ref(), user, channel)

    @classmethod
    def of_service(cls, service, client=None):
        return cls(service.ref(), None, "api", client)

    def name(self):
        return self.ref["summary"] if self.ref else "PagerDuty"


@dataclass
class Alert:
    id: str
    summary: str
    key: str
    severity: str
    details: object
    created_at: float
    status: str = "triggered"
    resolved_at: float = None
    cef_details: object = None
    updates: int = 0


@dataclass
class Note:
    id: str
    content: str
    author: dict
    created_at: float
    updated_at: float
    deleted_at: float = None
    edits: int = 0
    visible_from: float = 0     # wall second before which GETs do not show it


@dataclass
class Incident:
    """One incident. `timers` are on policy time; `veils` are older looks of it that GETs still show."""

    account: "Account"
    id: str
    number: int
    title: str
    service: Service
    policy: Policy
    urgency: str
    key: str
    created_at: float
    client: dict = None
    body: str = None
    priority: Priority = None
    status: str = "triggered"
    assigned_via: str = "escalation_policy"
    level: int = 1
    loops: int = 0
    updated_at: float = 0
    changed_at: float = 0
    changed_by: dict = None
    resolved_at: float = None
    reopened_at: float = None
    merged_into: "Incident" = None
    visible_from: float = 0
    assignments: list = field(default_factory=list)       # [(at, User)]
    acknowledgements: list = field(default_factory=list)  # [(at, ref)]
    alerts: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    deleted_notes: list = field(default_factory=list)
    log: list = field(default_factory=list)
    status_updates: list = field(default_factory=list)
    title_history: list = field(default_factory=list)
    status_history: list = field(default_factory=list)
    timers: dict = field(default_factory=dict)
    veils: list = field(default_factory=list)             # [(wall second until, frozen Incident)]

    def frozen(self):
        """A copy that later changes do not reach."""
        twin = copy.copy(self)
        twin.assignments, twin.acknowledgements = list(self.assignments), list(self.acknowledgements)
        twin.alerts = {key: copy.copy(alert) for key, alert in self.alerts.items()}
        twin.notes = [copy.copy(note) for note in self.notes]
        twin.log, twin.timers, twin.veils = list(self.log), dict(self.timers), []
        return twin

    def shown(self, now):
        """What a GET shows now: the oldest look that is still veiled over, else the truth."""
        if not self.veils:
            return self
        self.veils = [veil for veil in self.veils if veil[0] > now]
        return self.veils[0][1] if self.veils else self

    def open(self):
        return self.status != "resolved"

    def summary(self):
        return f"[#{self.number}] {self.title}"

    def ref(self):
        return {"id": self.id, "type": "incident_reference", "summary": self.summary(),
                "self": f"{API}/incidents/{self.id}", "html_url": self.account.html(f"/incidents-view/{self.id}")}

    def alert_counts(self):
        triggered = sum(1 for alert in self.alerts.values() if alert.status == "triggered")
        return {"all": len(self.alerts), "triggered": triggered, "resolved": len(self.alerts) - triggered}

    def resolve_reason(self):
        if self.merged_into is None:
            return None
        return {"type": "merge_resolve_reason", "incident": self.merged_into.ref()}


class Account:
    """One PagerDuty account: everything in it is apart from every other account."""

    def __init__(self, world, name, subdomain, created_at):
        self.world, self.name, self.subdomain, self.created_at = world, name, subdomain, created_at
        self.abilities = ["teams", "coordinated_responding", "urgencies"]
        self.note_utc_offset_minutes = 0
        self.users, self.teams, self.policies, self.services, self.priorities = {}, {}, {}, {}, {}
        self.subscriptions = {}
        self.incidents, self.by_number, self.open, self.by_key = {}, {}, {}, {}
        self.veiled_until = {}   # incident id -> wall second until which an older look of it is shown
        self.next_number = 1

    def html(self, path):
        return self.world.web_base + path

    def user_by_email(self, email):
        email = email.strip().lower()
        return next((u for u in self.users.values() if u.email.lower() == email), None)

    def keep(self, incident):
        self.incidents[incident.id] = incident
        self.by_number[incident.number] = incident
        self.open[incident.id] = incident
        if len(self.incidents) > self.world.settings["incidents_kept"]:
            self._drop_oldest_closed()

    def _drop_oldest_closed(self):
        for key, incident in self.incidents.items():
            if not incident.open():
                del self.incidents[key]
                self.by_number.pop(incident.number, None)
                return

    def veil(self, incident, before, until):
        """GETs go on showing `before` until that wall second."""
        incident.veils.append((until, before))
        self.veiled_until[incident.id] = max(until, self.veiled_until.get(incident.id, 0))

    def veiled(self, now):
        self.veiled_until = {key: until for key, until in self.veiled_until.items() if until > now}
        return [self.incidents[key] for key in self.veiled_until if key in self.incidents]

    def find(self, incident_id):
        """By id or by number."""
        found = self.incidents.get(incident_id)
        if found is None and incident_id.isdigit():
            found = self.by_number.get(int(incident_id))
        return found

    def note_time(self, seconds):
        """Notes carry the account's own offset, as the real API does."""
        if not self.note_utc_offset_minutes:
            return iso(seconds)
        zone = timezone(timedelta(minutes=self.note_utc_offset_minutes))
        return datetime.fromtimestamp(int(seconds), zone).isoformat()


def bounded_append(items, item, most=HISTORY_MAX):
    items.append(item)
    if len(items) > most:
        del items[0]


class Ring(collections.deque):
    """The newest n of something, and how many there ever were."""

    def __init__(self, most):
        super().__init__(maxlen=most)
        self.total = 0

    def add(self, item):
        self.total += 1
        item["n"] = self.total
        self.append(item)
        return item
