# SPDX-License-Identifier: MIT
"""Reads a folder as README.md describes it. What is missing or cannot be read is Unreadable, never empty."""

import collections
import datetime
import json
import pathlib

TABLES = ("event", "incident", "run", "run_key", "step", "decision", "outbox", "machine", "control")


class Unreadable(Exception):
    """There is no history here that could be judged."""


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path.name}: {error}") from None


def read_lines(path, keys):
    """The objects of a JSON Lines file; each must have the keys."""
    found = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            value = json.loads(line)
            missing = [key for key in keys if key not in value]
            if missing:
                raise Unreadable(f"{path.name}:{number}: has no {', '.join(missing)}")
            found.append(value)
    except (OSError, ValueError, TypeError) as error:
        raise Unreadable(f"{path.name}: {error}") from None
    return found


def seconds(stamp):
    """An ISO 8601 stamp as seconds since 1970, None for none."""
    if stamp is None:
        return None
    text = stamp.replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(text if "+" in text[10:] or "-" in text[10:] else text + "+00:00").timestamp()


class History:
    """about, starts and ends of recovers, PagerDuty's incidents, load lines, faults, and each database's tables."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.about = read_json(self.folder / "about.json")
        for key in ("began", "ended", "settled", "bots", "databases", "limits"):
            if key not in self.about:
                raise Unreadable(f"about.json has no {key}")
        self.limits = self.about["limits"]
        self._read_hosts()
        self._read_load()
        self.faults = read_lines(self.folder / "faults.jsonl", ("at", "event"))
        self._read_pagerduty()
        self._read_databases()

    def _read_hosts(self):
        folder = self.folder / "hosts"
        if not folder.is_dir():
            raise Unreadable("there is no folder hosts/")
        self.recorded = []
        for path in sorted(folder.glob("*.jsonl")):
            self.recorded += read_lines(path, ("at", "event", "machine", "tag", "step", "pid"))

    def _read_load(self):
        lines = []
        if not (self.folder / "load.jsonl").exists():
            raise Unreadable("there is no load.jsonl")
        for path in [self.folder / "load.jsonl", *sorted(self.folder.glob("load-*.jsonl"))]:
            lines += read_lines(path, ("at", "event"))
        self.created = [line for line in lines if line["event"] == "created"]
        self.deliveries = [line for line in lines if line["event"] == "delivery"]
        self.requests = sorted((line for line in lines if line["event"] == "request"), key=lambda line: line["at"])
        self.persons = [line for line in lines if line["event"] == "person"]
        self.incident_of_tag = {line["tag"]: line["incident"] for line in self.created if "tag" in line}
        self.tag_of_incident = {incident: tag for tag, incident in self.incident_of_tag.items()}

    def _read_pagerduty(self):
        state = read_json(self.folder / "pagerduty.json")
        if "incidents" not in state:
            raise Unreadable("pagerduty.json has no incidents")
        self.incidents = {incident["id"]: incident for incident in state["incidents"]}

    def _read_databases(self):
        self.databases = {}
        for name in self.about["databases"]:
            tables = read_json(self.folder / f"database-{name}.json").get("tables", {})
            missing = [table for table in TABLES if table not in tables]
            if missing:
                raise Unreadable(f"database-{name}.json lacks {', '.join(missing)}")
            self.databases[name] = tables
        if not self.databases:
            raise Unreadable("about.json names no database")
        self.tables = next(iter(self.databases.values()))
        self.runs_of = self._group("run", "incident_key", "created_at")
        self.steps_of = self._group("step", "run", "started_at")
        self.decisions_of = self._group("decision", "run", "at")
        self.outbox_of = self._group("outbox", "target", "created_at")
        for rows in self.outbox_of.values():
            rows.sort(key=lambda row: row["sequence"])

    def _group(self, table, key, order):
        groups = collections.defaultdict(list)
        for row in self.tables[table]:
            groups[row[key]].append(row)
        for rows in groups.values():
            rows.sort(key=lambda row: seconds(row[order]))
        return groups

    # --- time ------------------------------------------------------------------------------------------------------

    def blinded(self, begin, end):
        """How long of this span the database or PagerDuty answered nobody."""
        spans = sorted((max(begin, fault["at"]), min(end, fault.get("until", self.about["ended"])))
                       for fault in self.faults if fault.get("blinds"))
        total, reached = 0.0, begin
        for first, last in spans:
            if last > max(first, reached):
                total += last - max(first, reached)
                reached = last
        return total
