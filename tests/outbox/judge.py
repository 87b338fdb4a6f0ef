# SPDX-License-Identifier: MIT
"""Decides from records alone whether every write reached PagerDuty once, in order, and none against a person.

A record is a dict: `incidents` (PagerDuty's own dumps by id), `rows` (of outbox and outbox_history), `runs`, `reads` (by incident:
the seconds at which firstline read its log), `faults` (of the simulator, with their hits) and `pauses` (how often a node was stopped and
continued). Knows nothing of how firstline works but for the rows' kinds and the marker at the end of a note.
"""

import collections
import datetime
import re

MARKER = re.compile(r"\n\[firstline ([0-9a-f]{24})\]\s*$")
NOTES = ("start", "progress", "ending", "note")
TITLES = ("progress_title", "ending_title")
TITLE_CHARS = 255
BOT, PERSONS = "firstline", ("Aiko Tanaka", "Sam Rivera")
LATE_KINDS = ("show_late", "cut_after", "act_then_status")  # with seconds; and delay, when longer than the client waits
READ_LASTS_S = 5.0  # firstline's own limit between reading an incident and changing it
SLACK_S = 2.0       # from a request's begin to its being acted upon here


def seconds(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def copies(dump):
    """{marker: (notes that stand there, notes that were deleted)}."""
    found = collections.defaultdict(lambda: ([], []))
    for place, notes in enumerate((dump["notes"], dump["deleted_notes"])):
        for note in notes:
            marker = MARKER.search(note["content"])
            if marker and note["by"] == BOT:
                found[marker.group(1)][place].append(note)
    return found


class Judgement:
    """faults: a sentence each; numbers: what was counted."""

    def __init__(self, record):
        self.record = record
        self.faults = []
        self.numbers = collections.Counter()
        self.by_incident = collections.defaultdict(list)
        for row in sorted(record["rows"], key=lambda row: row["sequence"]):
            self.by_incident[row["target"]].append(row)
        self._runs()
        for incident, dump in record["incidents"].items():
            rows = self.by_incident.get(incident, [])
            self._rows(incident, rows)
            self._notes(incident, dump, rows)
            self._titles(incident, dump, rows)
            self._status(incident, dump, rows)
            self._persons(incident, dump, rows)
        self._bound()

    def fault(self, incident, text):
        self.faults.append(f"{incident}: {text}")

    # --- the rows themselves ----------------------------------------------------------------------------------------

    def _runs(self):
        kinds = collections.defaultdict(collections.Counter)
        for row in self.record["rows"]:
            kinds[row["run"]][row["kind"]] += 1
        for run in self.record["runs"]:
            self.numbers["runs"] += 1
            self.numbers[f"ended {run['ending']}"] += 1
            has = kinds[run["id"]]
            if run["ending"] is None:
                self.fault(run["incident"], f"run {run['id']} has not ended")
            if has["ending"] != 1 or has["start"] > 1:
                self.fault(run["incident"], f"run {run['id']} queued {has['start']} start notes and {has['ending']} endings")

    def _rows(self, incident, rows):
        for row in rows:
            if row["kind"] != "mend":
                self.numbers["rows"] += 1
                self.numbers[f"rows {row['state']}"] += 1
            self.numbers["writes"] += row["kind"] != "mend" and row["state"] == "sent"
            self.numbers["resent"] += row["resent"] if row["kind"] in NOTES else 0
            self.numbers["mended"] += row["mended"]
            if row["state"] not in ("sent", "superseded", "dropped"):
                self.fault(incident, f"the {row['kind']} of sequence {row['sequence']} is {row['state']}: {row['error']}")
            elif row["state"] == "superseded" and row["kind"] not in ("progress", "progress_title", "mend"):
                self.fault(incident, f"the {row['kind']} was left out")
            elif row["state"] == "dropped" and row["kind"] not in ("status", "hand_over", "acknowledge"):
                self.fault(incident, f"the {row['kind']} was dropped: {row['error']}")

    # --- what stands there ------------------------------------------------------------------------------------------

    def _notes(self, incident, dump, rows):
        found = copies(dump)
        wanted = [row for row in rows if row["kind"] in NOTES and row["state"] == "sent"]
        for row in wanted:
            live, gone = found[row["marker"]]
            if len(live) != 1:
                self.fault(incident, f"the {row['kind']} of sequence {row['sequence']} stands there {len(live)} times")
            extra = len(live) + len(gone) - 1
            self.numbers["doubled"] += max(extra, 0)
            self.numbers["doubled rows"] += extra > 0
            if extra > row["resent"]:
                self.fault(incident, f"the {row['kind']} came {extra} times too often and was sent again {row['resent']} times")
            if live and not live[0]["content"].startswith(row["body"]):
                self.fault(incident, f"the {row['kind']} reads otherwise than it was queued")
        known = {row["marker"] for row in wanted}
        for marker in set(found) - known:
            if found[marker][0]:
                self.fault(incident, f"a note has the marker {marker}, which no row that was sent has")
        standing = [MARKER.search(note["content"]).group(1) for note in dump["notes"]
                    if note["by"] == BOT and MARKER.search(note["content"])]
        order = [row["marker"] for row in wanted]
        if [marker for marker in standing if marker in known] != order and not self.faults_of(incident):
            self.fault(incident, "its notes do not stand in the order in which they were queued")

    def faults_of(self, incident):
        return [fault for fault in self.faults if fault.startswith(incident + ":")]

    def _titles(self, incident, dump, rows):
        sent = [row["body"] for row in rows if row["kind"] in TITLES and row["state"] == "sent"]
        plain = dump["title_history"][0]["title"]
        if sent and dump["title"] != f"{sent[-1]} {plain}"[:TITLE_CHARS]:
            self.fault(incident, f"its title is {dump['title']!r}, and {sent[-1]!r} was written last")
        place = 0
        for change in dump["title_history"][1:]:
            if change["by"] != BOT:
                continue
            body = next((n for n in range(place, len(sent)) if change["title"].startswith(sent[n] + " ")), None)
            if body is None:
                self.fault(incident, f"the title {change['title']!r} came after a newer one")
                return
            place = body

    def _status(self, incident, dump, rows):
        for row in rows:
            if row["kind"] == "status" and row["state"] == "sent":
                if not any(change["status"] == "resolved" for change in dump["status_history"]):
                    self.fault(incident, "a resolve was sent, and it never was resolved")
            if row["kind"] == "status" and row["state"] == "dropped":
                if not any(change["by"] in PERSONS for change in dump["status_history"]):
                    self.fault(incident, f"its resolve was dropped though no person had changed it: {row['error']}")
                if not any(other["kind"] == "note" and other["sequence"] > row["sequence"] for other in rows):
                    self.fault(incident, "its resolve was dropped and no note says so")
            if row["kind"] == "hand_over" and row["state"] == "sent" and dump["level"] < 2:
                self.fault(incident, "a hand-over was sent, and it is still at level 1")
        last = [row for row in rows if row["kind"] == "status"][-1:]
        untouched = not any(change["by"] in PERSONS for change in dump["status_history"])
        if last and last[0]["state"] == "sent" and untouched and dump["status"] != "resolved":
            self.fault(incident, f"its resolve was sent, and it is {dump['status']}")

    # --- persons ----------------------------------------------------------------------------------------------------

    def _persons(self, incident, dump, rows):
        """A change of ours right after a person's: allowed only where we had read its log before they acted, and acted at
        once; or, after a reopening, for a run of the new opening."""
        reads = self.record["reads"].get(incident, [])
        history = dump["status_history"]
        self.numbers["changed by persons"] += any(change["by"] in PERSONS for change in history)
        for before, change in zip(history, history[1:]):
            if change["by"] != BOT or before["by"] not in PERSONS:
                continue
            theirs, ours = seconds(before["at"]), seconds(change["at"])
            if before["status"] == "triggered" and any(
                    row["kind"] in ("status", "acknowledge") and row["state"] == "sent" and row["opening"] >= theirs - 1
                    for row in rows):
                continue
            if any(read <= theirs and ours - read <= READ_LASTS_S + SLACK_S for read in reads):
                self.numbers["crossed a person's change"] += 1
                continue
            self.fault(incident, f"it was {change['status']} by us {ours - theirs:.2f} s after {before['by']} made it "
                                 f"{before['status']}")

    # --- how many doubles there may be ------------------------------------------------------------------------------

    def _bound(self):
        """docs/outbox.md: one for each note request that was acted upon, or shown, later than it was looked for; one for each
        pause that began between the last look at the clock and the send."""
        late = sum(fault["hits"] for fault in self.record["faults"] if fault["late"] and "notes" in fault["path"])
        self.numbers["notes acted upon or shown late"] = late
        self.numbers["pauses"] = self.record["pauses"]
        self.numbers["bound of doubled notes"] = late + self.record["pauses"]
        if self.numbers["doubled"] > self.numbers["bound of doubled notes"]:
            self.faults.append(f"{self.numbers['doubled']} notes were doubled, and only {late} were late and "
                               f"{self.record['pauses']} pauses made")


def judge(record):
    """(faults, numbers)."""
    made = Judgement(record)
    return made.faults, dict(sorted(made.numbers.items()))
