# SPDX-License-Identifier: MIT
"""Promise 1: an event answered with 2xx is never lost; every incident is found; each has its run, and the run its end."""

from history import seconds
from verdict import Verdict


def check(history):
    verdict = Verdict("lost-nothing", "every event answered 2xx is stored, every incident is found and worked to its end")
    _events(history, verdict)
    _incidents(history, verdict)
    _endings(history, verdict)
    for what in ("events answered 2xx", "incidents found", "runs ended"):
        verdict.need(what)
    verdict.counts["deliveries refused or unanswered"] = sum(
        not 200 <= line["status"] < 300 for line in history.deliveries)
    return verdict


def _events(history, verdict):
    answered = {line["event_id"]: line for line in history.deliveries if 200 <= line["status"] < 300}
    for name, tables in history.databases.items():
        stored = {row["key"] for row in tables["event"]}
        for event, line in answered.items():
            verdict.judge("events answered 2xx", event in stored, lambda e=event, l=line, n=name: (
                f"event {e} ({l['type']} of {l['incident']}) was answered {l['status']} and is not in database {n}"))


def _known_at(history):
    """When we first knew of each incident: the first event stored, or its run's key."""
    known = {}
    for table, stamp in (("event", "received_at"), ("run_key", "created_at")):
        for row in history.tables[table]:
            at = seconds(row[stamp])
            if row["incident_key"] and at < known.get(row["incident_key"], at + 1):
                known[row["incident_key"]] = at
    return known


def _incidents(history, verdict):
    known = _known_at(history)
    rows = {row["key"] for row in history.tables["incident"]}
    most = 0.0
    for line in history.created:
        key = line["incident"]
        if line.get("about_us"):
            continue
        verdict.judge("incidents in PagerDuty", key in history.incidents, f"{key} was made and PagerDuty has no record of it")
        if not verdict.judge("incidents known", key in rows and key in known and history.runs_of.get(key),
                             f"{key} ({line.get('title')}) was never found: no incident, event or run of it"):
            continue
        took = known[key] - line["at"] - history.blinded(line["at"], known[key])
        most = max(most, took)
        verdict.judge("incidents found", took <= history.limits["found_s"],
                      f"{key} was found only after {took:.1f} s (limit {history.limits['found_s']} s)")
    verdict.counts["longest until found, s"] = round(most, 1)


def _endings(history, verdict):
    expected = {line["incident"]: line["expect"] for line in history.created if "expect" in line}
    for line in history.persons:
        expected.pop(line["incident"], None)  # a person's act may end it otherwise
    runs = {row["id"]: row for row in history.tables["run"]}
    verdict.judge("runs are there once", len(runs) == len(history.tables["run"]), "a run stands in the tables twice")
    for row in history.tables["run_key"]:
        verdict.judge("openings with their run", row["run"] in runs,
                      f"the opening {row['opening']} of {row['incident_key']} has a key and no run")
    for run in runs.values():
        late = seconds(run["give_up_at"]) < history.about["ended"]
        if run["ending"] is None:
            verdict.judge("runs ended", not history.about["settled"] and not late,
                          f"run {run['id']} of {run['incident_key']} has not ended: {run['state']}, give up at {run['give_up_at']}")
            continue
        right = expected.get(run["incident_key"])
        verdict.judge("runs ended", not right or run["ending"] in right, lambda r=run, e=right: (
            f"run {r['id']} of {r['incident_key']} ended {r['ending']} ({r['reason']}), not {' or '.join(e)}"))
