# SPDX-License-Identifier: MIT
"""Promise 4, its other half: no incident is acknowledged or resolved by us after a person changed it. Only PagerDuty's own log,
whose order is the order of events, is believed."""

from history import seconds
from verdict import Verdict

TOUCHES = {"acknowledge_log_entry", "assign_log_entry", "escalate_log_entry", "delegate_log_entry", "snooze_log_entry",
           "resolve_log_entry", "priority_change_log_entry"}
OURS = {"acknowledge_log_entry": "acknowledged", "resolve_log_entry": "resolved"}
WRITES = ("status", "acknowledge", "hand_over")
STORED_S = 2  # from a webhook's insert to its effect on the incident: one transaction, which may have waited for a lock


def check(history):
    verdict = Verdict("persons-first", "no incident is acknowledged or resolved by us after a person changed it")
    races = []
    for key, incident in history.incidents.items():
        if history.runs_of.get(key):
            _incident(history, verdict, incident, races)
    verdict.need("incidents with a timeline")
    verdict.counts["incidents changed by persons"] = len({line["incident"] for line in history.persons})
    verdict.counts["races that PagerDuty's API cannot exclude"] = len(races)
    return verdict


def _is_touch(entry, bots):
    agent = entry["agent"] or {}
    if agent.get("type") != "user_reference" or agent["id"] in bots:
        return False
    if entry["type"] == "field_value_change_log_entry":
        return any(field["name"] == "priority" for field in entry["channel"]["changeset"]["application_fields"])
    if entry["type"] == "annotate_log_entry":
        return entry["channel"].get("summary", "").strip().lower() == "firstline stop"
    return entry["type"] in TOUCHES


def _gives_back(entry):
    """A reopening begins anew; so does a person's `firstline go`."""
    if entry["type"] == "annotate_log_entry":
        return entry["channel"].get("summary", "").strip().lower() == "firstline go"
    return entry["type"] == "assign_log_entry" and entry["summary"].startswith("Reopened by")


def _incident(history, verdict, incident, races):
    bots = set(history.about["bots"])
    touched = None
    verdict.judge("incidents with a timeline", incident["log"], f"{incident['id']} has no log")
    for entry in incident["log"]:
        if _gives_back(entry):
            touched = None
        elif _is_touch(entry, bots):
            touched = entry
        elif entry["type"] in OURS and (entry["agent"] or {}).get("id") in bots:
            late = touched is not None and not _race(history, incident["id"], touched)
            if touched is not None and not late:
                races.append(incident["id"])
            verdict.judge("statuses of ours", not late, lambda e=entry, t=touched: (
                f"{incident['id']}: firstline {OURS[e['type']]} it at {e['created_at']} after: {t['summary']} ({t['created_at']})"))


def _race(history, key, touched):
    """Whether our write followed the person's act so closely that we could not know of it: PagerDuty's API has no conditional
    write. A read of the incident or of its log in between makes it no race; of a note, which no such read shows, its webhook
    does that was stored before the write was claimed."""
    acts = [line["at"] for line in history.persons if line["incident"] == key]
    writes = [line["at"] for line in history.requests if line["method"] == "PUT" and 200 <= line["status"] < 300
              and line["path"].split("?")[0] == f"/incidents/{key}"]
    last = max((at for at in acts if any(write > at for write in writes)), default=None)
    if last is None:
        return False
    write = max(at for at in writes if at > last)
    if touched["type"] == "annotate_log_entry":
        claimed = max((seconds(row["claimed_at"]) for row in history.outbox_of.get(key, [])
                       if row["kind"] in WRITES and row["claimed_at"] and seconds(row["claimed_at"]) < write), default=write)
        known = any(last < at < claimed - STORED_S for at in _webhooks(history, key))
    else:
        known = any(last < at < write for at in _reads(history, key))
    return write - last <= history.limits["race_s"] and not known


def _reads(history, key):
    return [line["at"] for line in history.requests if line["method"] == "GET" and not line.get("fault")
            and line["path"].split("?")[0] in (f"/incidents/{key}", f"/incidents/{key}/log_entries") and line["status"] == 200]


def _webhooks(history, key):
    return [seconds(row["received_at"]) for row in history.tables["event"]
            if row["incident_key"] == key and row["hand"] == "person"]
