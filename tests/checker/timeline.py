# SPDX-License-Identifier: MIT
"""Promise 4: every start note, ending, title and status reached the incident, in order, once. PagerDuty's record is held
against the runs and against the rows that were to be written, and the words that a person reads are looked for as well."""

import re

from verdict import Verdict

MARKER = re.compile(r"\[firstline ([0-9A-Za-z_-]{16,})\]\s*$")
NOTES = ("start", "progress", "ending", "note")
CONDITIONAL = ("status", "acknowledge", "hand_over")
OPEN = ("waiting", "sending", "unknown")
STARTED = re.compile(r"firstline is checking|in shadow mode|の確認を始めました|シャドーモードで")
# ending: (how its note begins, what the title says; None: the title stays)
ENDINGS = {
    "resolved": (("Recovered.", "【復旧】"), ("recovered", "復旧済み")),
    "self_healed": (("Already healthy.", "【自然復旧】"), ("healthy", "自然復旧")),
    "handed_over": (("Handed over.", "【要対応】"), ("handed over", "要対応")),
    "stopped": (("Stopped.", "【中止】"), ("stopped", "中止")),
    "stale": (("Nothing to do.", "【対応不要】"), None),
    "unmatched": (("Not handled.", "【要対応】"), None),
    "shadowed": (("Shadow run, nothing was changed.", "【シャドー】"), ("shadow done", "シャドー完了")),
}
HEALED = ("resolved", "self_healed")


def check(history):
    verdict = Verdict("once-on-the-timeline", "start note, ending, title and status reach every incident, in order, once")
    doubles = {"notes there twice": 0, "doubles deleted again": 0}
    for key, incident in history.incidents.items():
        if history.runs_of.get(key):
            _Timeline(history, verdict, incident, doubles).check()
    total = sum(doubles.values())
    verdict.judge("doubled notes within the bound", total <= history.limits["doubles_most"],
                  f"{total} notes were written twice, the bound is {history.limits['doubles_most']}")
    verdict.counts.update(doubles)
    for state in ("sent", "superseded", "dropped", "failed"):
        verdict.counts[state] = sum(row["state"] == state for row in history.tables["outbox"])
    for what in ("start notes", "endings", "notes in order", "titles"):
        verdict.need(what)
    return verdict


class _Timeline:
    """One incident."""

    def __init__(self, history, verdict, incident, doubles):
        self.history, self.verdict, self.incident, self.doubles = history, verdict, incident, doubles
        self.key = incident["id"]
        self.rows = history.outbox_of.get(self.key, [])
        self.runs = history.runs_of[self.key]
        self.ended = [run for run in self.runs if run["ending"]]
        self.bots = set(history.about["bots"])
        self.notes = [note for note in incident["notes"] if note["by_id"] in self.bots]
        self.deleted = [note for note in incident["deleted_notes"] if note["by_id"] in self.bots]

    def judge(self, what, true, sentence):
        return self.verdict.judge(what, true, lambda: f"{self.key}: {sentence() if callable(sentence) else sentence}")

    def check(self):
        self._rows()
        self._markers()
        self._order()
        for run in self.runs:
            self._of_run(run)
        self._words()
        if self.ended and self.ended[-1] is self.runs[-1]:
            self._last()

    def _rows(self):
        """Nothing waits for ever, nothing failed, and only what depends on a condition was dropped."""
        for row in self.rows:
            self.judge("writes settled", row["state"] not in OPEN or not self.history.about["settled"],
                       lambda r=row: f"{r['kind']} (sequence {r['sequence']}) is still {r['state']}: {r['error']}")
            self.judge("writes that did not fail", row["state"] != "failed",
                       lambda r=row: f"{r['kind']} (sequence {r['sequence']}) failed: {r['error']}")
            if row["state"] == "dropped":
                self.judge("dropped writes", row["kind"] in CONDITIONAL, lambda r=row: f"{r['kind']} was dropped: {r['error']}")
            if row["state"] == "superseded":
                self.judge("superseded writes", row["kind"].startswith("progress") or row["kind"] == "mend", lambda r=row: f"{r['kind']} was superseded")

    def _markers(self):
        """Each note is one that was queued; each one that counts as sent is shown once."""
        self.copies = {}
        for note in sorted([*self.notes, *self.deleted], key=lambda note: note["at"]):
            found = MARKER.search(note["content"])
            if self.judge("notes with a marker", found, f"a note of ours has no marker: {note['content'][:80]!r}"):
                self.copies.setdefault(found[1], []).append(note)
        queued = {row["marker"]: row for row in self.rows if row["kind"] in NOTES}
        for marker, copies in self.copies.items():
            shown = sum(note["deleted_at"] is None for note in copies)
            self.doubles["notes there twice"] += max(0, shown - 1)
            self.doubles["doubles deleted again"] += len(copies) - max(1, shown)
            self.judge("notes that were queued", marker in queued, f"a note with the marker {marker} was never queued")
            self.judge("notes that stand there once", shown == 1, lambda c=copies, s=shown: (
                f"the note {c[0]['content'][:60]!r} stands there {s} times"))
        for marker, row in queued.items():
            if row["state"] == "sent":
                self.judge("notes that are shown", marker in self.copies,
                           lambda r=row: f"{r['kind']} (sequence {r['sequence']}) counts as sent and is not shown")

    def _order(self):
        """As they were queued, by the first showing of each."""
        sequence = {row["marker"]: row["sequence"] for row in self.rows}
        shown = [sequence[marker] for marker in self.copies if marker in sequence]
        self.judge("notes in order", shown == sorted(shown), f"the notes stand in the order {shown} of their sequence numbers")

    def _of_run(self, run):
        rows = [row for row in self.rows if row["run"] == run["id"]]
        starts = [row for row in rows if row["kind"] == "start"]
        endings = [row for row in rows if row["kind"] == "ending"]
        if self.history.steps_of.get(run["id"]):
            self.judge("start notes", len(starts) == 1 and starts[0]["state"] in ("sent", *OPEN),
                       f"run {run['id']} has {len(starts)} start notes: {[row['state'] for row in starts]}")
        if run["ending"]:
            self.judge("endings", len(endings) == 1 and endings[0]["state"] in ("sent", *OPEN),
                       f"run {run['id']} ended {run['ending']} and has {len(endings)} endings: {[row['state'] for row in endings]}")
            last = max((row["sequence"] for row in rows if row["kind"] in ("start", "progress", "ending")), default=None)
            self.judge("endings after all else", not endings or endings[-1]["sequence"] == last,
                       f"run {run['id']}: its start or progress was queued behind its ending")

    def _words(self):
        """What a person reads, without our numbers: as many starts and endings as there were, each start before its ending."""
        first = {marker: copies[0]["content"] for marker, copies in self.copies.items()}
        begun = [run for run in self.runs if self.history.steps_of.get(run["id"])]
        told = [number for number, text in enumerate(first.values()) if STARTED.search(text)]
        self.judge("start notes that a person reads", len(told) >= len(begun) or not self.history.about["settled"],
                   f"{len(begun)} runs began and {len(told)} start notes are shown")
        for run in self.ended:
            words, _ = ENDINGS[run["ending"]]
            found = [number for number, text in enumerate(first.values()) if text.startswith(words)]
            same = sum(other["ending"] == run["ending"] for other in self.ended)
            if not self.history.about["settled"]:
                continue
            self.judge("endings that a person reads", len(found) == same,
                       lambda r=run, f=found, s=same: f"{s} runs ended {r['ending']} and {len(f)} notes say so")
            if run in begun and told and found:
                self.judge("start before ending", told[0] < found[-1], f"the ending of run {run['id']} stands before its start note")

    def _last(self):
        """The title and the status that the last ending left."""
        run = self.ended[-1]
        word = ENDINGS[run["ending"]][1]
        titles = [row for row in self.rows if row["run"] == run["id"] and row["kind"] == "ending_title"]
        if not self.history.about["settled"]:
            return
        title, original = self.incident["title"], run["title"]
        if word and titles:
            wanted = [f"[firstline: {each}] {original}" for each in word]
            self.judge("titles", title in [text[:255] for text in wanted] or self._renamed(),
                       lambda: f"the title is {title!r}, not {wanted[0]!r}")
        else:
            self.judge("titles", not word, f"run {run['id']} ended {run['ending']} and queued no title")
        self._status(run)

    def _renamed(self):
        return any(entry["by"] != "firstline" for entry in self.incident["title_history"][1:])

    def _status(self, run):
        rows = [row for row in self.rows if row["run"] == run["id"] and row["kind"] == "status"]
        if run["ending"] in HEALED:
            dropped = bool(rows) and rows[-1]["state"] == "dropped"
            self.judge("statuses", self.incident["status"] == "resolved" or dropped, f"ended {run['ending']} and is {self.incident['status']}")
            if dropped:
                self.judge("dropped statuses", _by_person(self.incident, self.bots), "its resolve was dropped, and no person had touched it")
        resolves = [entry for entry in self.incident["log"]
                    if entry["type"] == "resolve_log_entry" and (entry["agent"] or {}).get("id") in self.bots]
        healed = sum(each["ending"] in HEALED for each in self.ended)
        self.judge("resolves of ours", len(resolves) <= healed, f"we resolved it {len(resolves)} times, {healed} runs were healed")


def _by_person(incident, bots):
    return any((entry["agent"] or {}).get("type") == "user_reference" and entry["agent"]["id"] not in bots
               for entry in incident["log"])
