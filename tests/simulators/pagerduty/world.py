# SPDX-License-Identifier: MIT
"""Everything one simulator holds: settings, accounts, lifecycle, webhooks, faults, records of what was asked."""

import collections
import json

from clock import Clock
from faults import Faults
from lifecycle import Lifecycle
from model import Problem, Ring
from webhooks import Webhooks

# name: (default, least, most, what it is). Seed files and POST /control/settings may change these.
SETTINGS = {
    "rate_limit": (960, 0, 10_000_000, "API requests a token may make in one window; 0 = no limit"),
    "rate_window_s": (60.0, 0.05, 3600, "length of the rate limit's window"),
    "events_rate_limit": (120, 0, 10_000_000, "Events API calls a routing key may make in 60 s; 0 = no limit"),
    "webhook_timeout_s": (5.0, 0.05, 60, "a receiver's answer must come within this"),
    "webhook_delay_ms": (0, 0, 600_000, "wait before the first try of each delivery"),
    "webhook_copies": (1, 1, 10, "how often each delivery is made (at-least-once made visible)"),
    "delivery_connections_per_host": (32, 1, 1000, "deliveries to one subscription at once (set in the seed)"),
    "retry_base_s": (1.0, 0.01, 3600, "wait after the first failed try"),
    "retry_factor": (2.0, 1.0, 10.0, "each further wait is this much longer"),
    "retry_max_s": (60.0, 0.01, 3600, "longest wait between tries"),
    "retry_for_s": (48 * 3600.0, 0.1, 48 * 3600, "a delivery is tried for this long"),
    "drops_to_disable": (3, 1, 1000, "drops in a row that disable a subscription"),
    "disabled_for_s": (24 * 3600.0, 0.1, 24 * 3600, "policy time for which it stays disabled"),
    "note_trim_chars": (1000, 1, 65_535, "longest note text in a webhook; more sets `trimmed`"),
    "deliveries_kept": (10_000, 10, 100_000, "deliveries remembered (set in the seed)"),
    "requests_kept": (20_000, 10, 200_000, "API requests remembered (set in the seed)"),
    "incidents_kept": (50_000, 10, 1_000_000, "incidents remembered; the oldest that are resolved go first"),
    "request_body_kept": (4_096, 0, 65_536, "characters of each request's body remembered"),
    "check_accept": (True, None, None, "refuse requests without PagerDuty's Accept header"),
}
IGNORED_MAX = 1_000


def setting_value(name, value):
    """The value, checked; raises Problem."""
    if name not in SETTINGS:
        raise Problem(400, 2001, f"unknown setting {name}", sorted(SETTINGS))
    default, least, most, about = SETTINGS[name]
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise Problem(400, 2001, f"{name} must be true or false ({about})")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise Problem(400, 2001, f"{name} must be a number from {least} to {most} ({about})")
    return type(default)(value)


class World:
    """One simulator. `web_base` is where its own web view is reached."""

    def __init__(self, settings=None):
        self.settings = {name: row[0] for name, row in SETTINGS.items()}
        for name, value in (settings or {}).items():
            self.settings[name] = setting_value(name, value)
        self.clock = Clock()
        self.web_base = ""
        self.accounts, self.tokens, self.routing_keys = {}, {}, {}
        self.webhooks = Webhooks(self)
        self.lifecycle = Lifecycle(self, self.webhooks.publish)
        self.faults = Faults()
        self.requests = Ring(self.settings["requests_kept"])
        self.ignored = {}
        self.counters = collections.Counter()
        self.windows = {}
        self.record_file = None

    def record(self, event, **more):
        """One line of what happened, kept without a limit, where --record asked for it."""
        if self.record_file:
            line = {"at": round(self.clock.wall(), 4), "event": event, **more}
            self.record_file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def find_incident(self, incident_id, account=None):
        """By id in any account, or by number in the one named. Raises Problem."""
        for candidate in self.accounts.values():
            if account in (None, candidate.name):
                found = candidate.find(incident_id)
                if found:
                    return found
        raise Problem(404, 2100, f"no incident {incident_id}")

    def note_ignored(self, where, name):
        """Counts a field or parameter that the API silently ignores."""
        key = (where, name)
        if key in self.ignored or len(self.ignored) < IGNORED_MAX:
            self.ignored[key] = self.ignored.get(key, 0) + 1

    def take_from_budget(self, key, limit, window_s):
        """(allowed, remaining, seconds until the window ends) in fixed windows of real time."""
        now = self.clock.wall()
        ends, used = self.windows.get(key, (0, 0))
        if now >= ends:
            ends, used = now + window_s, 0
            if len(self.windows) > 1000:
                self.windows = {k: v for k, v in self.windows.items() if v[0] > now}
        allowed = used < limit
        self.windows[key] = (ends, used + 1 if allowed else used)
        return allowed, max(0, limit - used - 1), ends - now
