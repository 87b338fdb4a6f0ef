# SPDX-License-Identifier: MIT
"""Promises 3 and 5: what a dead worker held goes on elsewhere, and what cannot be done goes to a person in time and is told."""

from history import seconds
from verdict import Verdict

LOSSES = ("kill", "pause", "cut", "promote", "restart", "region")


def check_going_on(history):
    verdict = Verdict("goes-on", "what a lost worker held goes on elsewhere")
    dead = {row["id"]: row for row in history.tables["run"] if row["ending"] is None and row["holder"]}
    for run in history.tables["run"]:
        verdict.judge("runs", run["id"] not in dead or not history.about["settled"],
                      f"run {run['id']} of {run['incident_key']} is still held by {run['holder']}")
    times = sorted(time for run in history.tables["run"] for time in _gaps(history, run))
    limit = history.limits.get("goes_on_s")
    if limit is not None:
        for time in times:
            verdict.judge("takeovers within their time", time <= limit, f"a run went on only {time:.1f} s after the loss (limit {limit} s)")
    verdict.need("runs")
    verdict.counts["takeovers timed"] = len(times)
    if times:
        verdict.counts["p50, s"] = round(times[len(times) // 2], 2)
        verdict.counts["p99, s"] = round(times[min(len(times) - 1, len(times) * 99 // 100)], 2)
        verdict.counts["longest, s"] = round(times[-1], 2)
    return verdict


def _gaps(history, run):
    """From the newest fault before a takeover to the successor's first row, for each change of the epoch in the journal."""
    rows = [(seconds(row["started_at"]), row["epoch"]) for row in history.steps_of.get(run["id"], [])]
    rows += [(seconds(row["at"]), row["epoch"]) for row in history.decisions_of.get(run["id"], [])]
    rows.sort()
    for (before, old), (after, new) in zip(rows, rows[1:]):
        losses = [fault["at"] for fault in history.faults if before <= fault["at"] <= after and fault["event"] in LOSSES]
        if new > old and losses:
            yield after - losses[-1]


def check_handed_over(history):
    verdict = Verdict("told-in-time", "what cannot be done safely or in time goes to a person, with the reason")
    for run in history.tables["run"]:
        _in_time(history, verdict, run)
        if run["ending"] == "handed_over":
            _told(history, verdict, run)
    verdict.need("runs that ended in time")
    return verdict


def _in_time(history, verdict, run):
    if not run["ended_at"]:
        return
    give_up, ended = seconds(run["give_up_at"]), seconds(run["ended_at"])
    late = ended - give_up - history.blinded(give_up, max(ended, give_up))
    # A run that was opened after its time (found late) is judged by when it was known.
    late = min(late, ended - seconds(run["created_at"]))
    verdict.judge("runs that ended in time", late <= history.limits["give_up_late_s"],
                  f"run {run['id']} of {run['incident_key']} ended {late:.1f} s after its give_up_at")


def _told(history, verdict, run):
    key = run["incident_key"]
    verdict.judge("hand-overs with a reason", run["reason"], f"run {run['id']} of {key} was handed over without a reason")
    rows = [row for row in history.outbox_of.get(key, []) if row["run"] == run["id"] and row["kind"] == "hand_over"]
    incident = history.incidents.get(key)
    if not rows or incident is None or not history.about["settled"]:
        return
    row = rows[-1]
    bots = set(history.about["bots"])
    persons = any((entry["agent"] or {}).get("type") == "user_reference" and entry["agent"]["id"] not in bots
                  for entry in incident["log"])
    if row["state"] == "dropped":
        verdict.judge("hand-overs that were dropped", persons or incident["status"] == "resolved",
                      f"{key}: its hand-over was dropped ({row['error']}), and nobody had touched it")
    elif (row["about"] or {}).get("level"):
        done = any(entry["type"] == "escalate_log_entry" and (entry["agent"] or {}).get("id") in bots for entry in incident["log"])
        verdict.judge("hand-overs that escalate", done, f"{key}: its hand-over counts as {row['state']}, and PagerDuty saw no escalation")
