# SPDX-License-Identifier: MIT
"""Promise 2: an attempt of a recover starts on a machine at most once, and two never overlap there. What the recorder on the
machine saw is held against the journal."""

import collections

from history import seconds
from verdict import Verdict

CLOCK_S = 0.5  # between the recorder's clock and the database's, where about.json does not say


def check(history):
    verdict = Verdict("at-most-once", "each attempt of a recover starts at most once, and no two overlap on a machine")
    starts = [line for line in history.recorded if line["event"] == "start"]
    _marks(starts, verdict)
    _overlaps(history, verdict)
    _journal(history, starts, verdict)
    _epochs(history, verdict)
    if any(line.get("recover") for line in history.created):
        verdict.need("starts on the machines")
    _counts(history, starts, verdict)
    return verdict


def _marks(starts, verdict):
    """The mark is random for each time that the wrapper lets an attempt begin."""
    marks = collections.Counter((line["machine"], line["mark"], line["step"]) for line in starts if line.get("mark"))
    for (machine, mark, step), count in marks.items():
        verdict.judge("marks", count == 1, f"\"{step}\" began {count} times on {machine} in one attempt (mark {mark})")


def _overlaps(history, verdict):
    by_machine = collections.defaultdict(list)
    for line in history.recorded:
        by_machine[line["machine"]].append(line)
    for machine, lines in by_machine.items():
        running = {}
        for line in sorted(lines, key=lambda line: line["at"]):
            who = (line["pid"], line["tag"], line["step"])
            if line["event"] == "end":
                running.pop(who, None)
                continue
            alone = line.get("alone", True)
            if alone and "alone" in line:
                running.clear()  # the kernel's lock was free: what has no end was killed
            verdict.judge("starts on the machines", alone and not running, lambda m=machine, l=line, r=dict(running): (
                f"\"{l['step']}\" of {l['tag']} began on {m} at {l['at']:.3f} while another recover ran there: "
                f"{', '.join(f'{step} of {tag}' for _, tag, step in r) or 'its lock was held'}"))
            running[who] = line


def _journal(history, starts, verdict):
    """Starts and ends that the machines saw against the attempts that the journal has, for each incident and step."""
    clock_s = history.limits.get("clock_s", CLOCK_S)
    seen = collections.defaultdict(list)
    for line in starts:
        seen[history.incident_of_tag.get(line["tag"], line["tag"]), line["step"]].append(line)
    statuses = collections.defaultdict(collections.Counter)
    for line in history.recorded:
        if line["event"] == "end":
            statuses[history.incident_of_tag.get(line["tag"], line["tag"]), line["step"]][line["status"]] += 1
    attempts = _attempts(history)
    for key in sorted({*seen, *attempts}):
        began = sorted(seen.get(key, []), key=lambda line: line["at"])
        rows = attempts.get(key, [])
        possible = [row for row in rows if row["state"] != "not_started"]
        verdict.judge("steps of incidents", len(began) <= len(possible), lambda k=key, b=began, p=possible, r=rows: (
            f"\"{k[1]}\" of {k[0]} began {len(b)} times on the machine for {len(p)} attempts that may have started "
            f"(the journal has {len(r)})"))
        for number, line in enumerate(began, 1):
            before = sum(seconds(row["started_at"]) <= line["at"] + clock_s for row in rows)
            verdict.judge("starts after their journal row", number <= before, lambda k=key, l=line, n=number, b=before: (
                f"start {n} of \"{k[1]}\" of {k[0]} at {l['at']:.3f}, when the journal had {b} attempts"))
        _claims(key, rows, began, statuses[key], verdict)


def _attempts(history):
    attempts = collections.defaultdict(list)
    for incident, runs in history.runs_of.items():
        for run in runs:
            for row in history.steps_of.get(run["id"], []):
                if row["verb"] == "recover":
                    attempts[incident, row["title"]].append(row)
    return attempts


def _claims(key, rows, began, statuses, verdict):
    """What the journal says of an end must have been seen on the machine."""
    ended = [row for row in rows if row["state"] == "ended" and (row["status"] is not None or row["signal"])]
    verdict.judge("ends that the journal claims", len(ended) <= len(began), lambda: (
        f"\"{key[1]}\" of {key[0]}: the journal has the end of {len(ended)} attempts, the machine saw {len(began)} starts"))
    said = collections.Counter(row["status"] for row in ended if row["status"] is not None)
    verdict.judge("statuses that the journal claims", not said - statuses, lambda: (
        f"\"{key[1]}\" of {key[0]}: the journal says it ended with {dict(said - statuses)}, which no machine saw"))


def _epochs(history, verdict):
    """Within a run a later attempt never carries an earlier epoch, and no attempt stands there twice."""
    for run, rows in history.steps_of.items():
        by_attempt = sorted(rows, key=lambda row: row["attempt"])
        epochs = [row["epoch"] for row in by_attempt]
        verdict.judge("journals in order of epochs", epochs == sorted(epochs), lambda r=run, e=epochs: (
            f"run {r}: the attempts carry the epochs {e}: one who had lost the run wrote on"))
        keys = {(row["step"], row["attempt"]) for row in rows}
        verdict.judge("journals without doubles", len(keys) == len(rows), f"run {run}: an attempt stands there twice")


def _counts(history, starts, verdict):
    verdict.counts["starts"] = len(starts)
    verdict.counts["starts without an end"] = len(starts) - sum(line["event"] == "end" for line in history.recorded)
    recovers = [row for rows in history.steps_of.values() for row in rows if row["verb"] == "recover"]
    verdict.counts["attempts in the journal"] = len(recovers)
    verdict.counts["never started"] = sum(row["state"] == "not_started" for row in recovers)
    verdict.counts["taken over"] = sum(run["epoch"] > 1 for run in history.tables["run"])
    verdict.counts["in doubt"] = sum(row["kind"] in ("unsure", "doubt") for row in history.tables["decision"])
    needed = {line["incident"] for line in history.created if line.get("recover")}
    seen = {history.incident_of_tag.get(line["tag"]) for line in starts}
    for key in sorted(needed):
        for run in history.runs_of.get(key, []):
            if run["ending"] == "resolved":
                verdict.judge("recovered by a recover", key in seen,
                              f"{key} ended resolved, and no machine saw the recover that it needed")
