# SPDX-License-Identifier: MIT
"""The checker of histories accepts a good history and refuses each doctored one, by the promise that was broken."""

import copy
import datetime
import json
import pathlib
import subprocess

import pytest

CHECK = pathlib.Path(__file__).resolve().parents[1] / "checker" / "check"
BEGAN = 1_763_840_000.0
BOT = {"id": "PBOT001", "type": "user_reference", "summary": "firstline"}
AIKO = {"id": "PAIKO01", "type": "user_reference", "summary": "Aiko Tanaka"}
SERVICE = {"id": "PSVCEN1", "type": "service_reference", "summary": "AMS web shop"}
WORDS = {"resolved": ("Recovered. web1 is healthy again.", "recovered"),
         "self_healed": ("Already healthy. web1 was healthy.", "healthy"),
         "handed_over": ("Handed over. web1 is still unhealthy.", "handed over")}


def iso(after):
    return datetime.datetime.fromtimestamp(BEGAN + after, datetime.timezone.utc).isoformat()


class Made:
    """A good history as values: incidents that ended in three ways, one of them taken over in between."""

    def __init__(self):
        self.files = {"about.json": {"what": "sample", "began": BEGAN, "ended": BEGAN + 100, "settled": True, "bots": ["PBOT001"],
                                     "databases": ["tokyo", "osaka"],
                                     "limits": {"found_s": 60, "doubles_most": 1, "race_s": 5, "give_up_late_s": 10, "goes_on_s": 25}}}
        self.hosts = {f"m{n}": [] for n in (1, 2, 3)}
        self.load, self.requests = [], []
        self.faults = [{"at": BEGAN + 11, "until": BEGAN + 20, "event": "kill", "target": "tokyo-1"}]
        self.incidents = {}
        self.tables = {name: [] for name in ("event", "incident", "run", "run_key", "step", "decision", "outbox", "machine", "control")}
        for number, ending in enumerate(("resolved", "self_healed", "handed_over"), 1):
            self._incident(number, ending)
        self.databases = None

    def _incident(self, number, ending):
        key, run, at, tag = f"Q{number}", f"run-{number}", 10 * (number - 1), f"t{number}"
        title = f"[AMS:broken tag={tag}] web{number}"
        self.load.append({"at": BEGAN + at, "event": "created", "incident": key, "tag": tag, "title": title, "machine": f"m{number}",
                          "recover": ending != "self_healed", "expect": [ending]})
        self.load.append({"at": BEGAN + at + 0.1, "event": "delivery", "event_id": f"E{number}", "type": "incident.triggered",
                          "incident": key, "subscription": "PHOOKTY", "status": 202})
        self.incidents[key] = {
            "id": key, "title": f"[firstline: {WORDS[ending][1]}] {title}", "status": "triggered" if ending == "handed_over" else "resolved",
            "notes": [], "deleted_notes": [], "title_history": [{"at": iso(at), "title": title, "by": "AMS web shop"}],
            "log": [{"type": "trigger_log_entry", "summary": "Triggered", "created_at": iso(at), "agent": SERVICE, "channel": {"type": "api"}}]}
        self.tables["event"].append({"account": "demo", "key": f"E{number}", "incident_key": key, "received_at": iso(at + 0.1), "hand": "service"})
        self.tables["incident"].append({"account": "demo", "key": key})
        self.tables["run_key"].append({"incident_key": key, "opening": iso(at), "run": run, "created_at": iso(at + 0.1)})
        self.tables["run"].append({"id": run, "incident_key": key, "title": title, "state": "ended", "holder": None, "epoch": 2,
                                   "created_at": iso(at + 0.1), "give_up_at": iso(at + 60), "ended_at": iso(at + 9), "ending": ending,
                                   "reason": WORDS[ending][0]})
        self._steps(number, run, at, ending)
        self._writes(number, run, key, at, ending)

    def _steps(self, number, run, at, ending):
        def step(place, verb, began, epoch, status, **more):
            self.tables["step"].append({"run": run, "step": place, "attempt": place + 1, "verb": verb, "title": f"{verb} it",
                                        "state": "ended", "epoch": epoch, "machine": f"m{number}", "started_at": iso(at + began),
                                        "ended_at": iso(at + began + 1), "status": status, "signal": None, **more})
        step(0, "check", 0.5, 1, 0)
        self.tables["decision"].append({"run": run, "at": iso(at + 9), "epoch": 2, "kind": "ending", "text": WORDS[ending][0]})
        if ending == "self_healed":
            return
        step(1, "recover", 2, 1, 0)
        step(2, "verify", 7, 2, 0)
        who = {"machine": f"m{number}", "tag": f"t{number}", "step": "recover it", "pid": 100 + number}
        self.hosts[f"m{number}"] += [{"at": BEGAN + at + 2.2, "event": "start", "alone": True, "mark": f"mark{number}", **who},
                                     {"at": BEGAN + at + 3.2, "event": "end", "status": 0, **who}]

    def _writes(self, number, run, key, at, ending):
        kinds = ["start", "ending", "ending_title", "hand_over" if ending == "handed_over" else "status"]
        texts = {"start": f"firstline is checking web{number}.", "ending": WORDS[ending][0]}
        incident = self.incidents[key]
        for sequence, kind in enumerate(kinds, 1):
            marker = f"{number:012d}{sequence:012d}"
            self.tables["outbox"].append({
                "target": key, "run": run, "sequence": sequence, "kind": kind, "marker": marker, "state": "sent", "error": None,
                "about": {"level": 2} if kind == "hand_over" else {}, "created_at": iso(at + sequence),
                "claimed_at": iso(at + 8.5), "settled_at": iso(at + sequence + 1)})
            if kind in texts:
                incident["notes"].append({"id": f"P{marker}", "content": f"{texts[kind]}\n[firstline {marker}]", "by": "firstline",
                                          "by_id": "PBOT001", "at": iso(at + sequence), "deleted_at": None})
        self.requests.append({"at": BEGAN + at + 8, "event": "request", "method": "GET", "path": f"/incidents/{key}", "status": 200})
        self.requests.append({"at": BEGAN + at + 9, "event": "request", "method": "PUT", "path": f"/incidents/{key}", "status": 200})
        kind = "escalate_log_entry" if ending == "handed_over" else "resolve_log_entry"
        incident["log"].append({"type": kind, "summary": "by firstline", "created_at": iso(at + 9), "agent": BOT, "channel": {"type": "api"}})

    def row(self, table, **where):
        return next(row for row in self.tables[table] if all(row[key] == value for key, value in where.items()))

    def write(self, folder):
        self.files["pagerduty.json"] = {"incidents": list(self.incidents.values())}
        both = self.databases or [self.tables, self.tables]
        for name, tables in zip(("tokyo", "osaka"), both):
            rows = {table: [{**row, "md5": json.dumps(row)} for row in rows] for table, rows in tables.items()}
            self.files[f"database-{name}.json"] = {"name": name, "tables": rows}
        for name, value in self.files.items():
            (folder / name).write_text(json.dumps(value))
        (folder / "hosts").mkdir()
        lines = {"load.jsonl": self.load, "load-pagerduty.jsonl": self.requests, "faults.jsonl": self.faults,
                 **{f"hosts/{name}.jsonl": rows for name, rows in self.hosts.items()}}
        for name, rows in lines.items():
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def judge(folder):
    done = subprocess.run([CHECK, folder, "--json", folder / "verdict.json"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def touch(made, key="Q1", at=5, read=False, **entry):
    """Aiko acknowledges it before our last write; read: we had looked after that."""
    log = made.incidents[key]["log"]
    log.insert(1, {"type": "acknowledge_log_entry", "summary": "Acknowledged by Aiko", "created_at": iso(at), "agent": AIKO,
                   "channel": {"type": "website"}, **entry})
    made.load.append({"at": BEGAN + at, "event": "person", "incident": key, "who": "PAIKO01", "do": "acknowledge"})
    if not read:
        made.requests[:] = [line for line in made.requests if not (line["path"] == f"/incidents/{key}" and line["method"] == "GET")]


def double(made, deleted=None, count=1):
    notes = made.incidents["Q1"]["notes"]
    for number in range(count):
        again = dict(notes[0], id=f"PAGAIN{number}", at=iso(6), deleted_at=deleted)
        made.incidents["Q1"]["deleted_notes" if deleted else "notes"].append(again)


# --- doctored ---------------------------------------------------------------------------------------------------------

def lost_event(made):
    made.tables["event"].remove(made.row("event", key="E2"))


def lost_on_one_side(made):
    other = copy.deepcopy(made.tables)
    other["outbox"].pop()
    made.databases = [made.tables, other]


def unknown_incident(made):
    for table, key in (("incident", "key"), ("event", "incident_key"), ("run", "incident_key"), ("run_key", "incident_key")):
        made.tables[table] = [row for row in made.tables[table] if row[key] != "Q2"]
    made.load = [line for line in made.load if line["event"] != "delivery" or line["incident"] != "Q2"]


def found_late(made):
    made.load[0]["at"] -= 90


def never_ended(made):
    made.row("run", id="run-2").update(ending=None, ended_at=None, state="checking", holder="gone")


def wrong_ending(made):
    made.row("run", id="run-1")["ending"] = "handed_over"


def doubled_recover(made):
    start, end = copy.deepcopy(made.hosts["m1"])
    made.hosts["m1"] += [dict(start, at=start["at"] + 2, mark="other"), dict(end, at=end["at"] + 2)]


def one_attempt_twice(made):
    start, end = copy.deepcopy(made.hosts["m1"])
    made.tables["step"].append(dict(made.row("step", run="run-1", verb="recover"), step=3, attempt=4, epoch=2))
    made.hosts["m1"] += [dict(start, at=start["at"] + 2), dict(end, at=end["at"] + 2)]


def overlap(made):
    start, end = made.hosts["m3"]
    made.hosts["m3"] = []
    made.hosts["m1"] += [dict(start, machine="m1", at=made.hosts["m1"][0]["at"] + 0.5, alone=False), dict(end, machine="m1")]


def overlap_by_time(made):
    overlap(made)
    made.hosts["m1"][2].pop("alone")


def start_before_its_row(made):
    made.row("step", run="run-1", verb="recover")["started_at"] = iso(4)


def start_of_nobody(made):
    made.row("step", run="run-1", verb="recover")["state"] = "not_started"


def end_no_host_saw(made):
    made.hosts["m1"] = []


def status_no_host_saw(made):
    made.hosts["m1"][1]["status"] = 3


def late_writer(made):
    made.row("step", run="run-1", verb="verify").update(epoch=0)


def goes_on_late(made):
    made.faults[0]["at"] = BEGAN + 3.5
    for row in (made.row("step", run="run-1", verb="verify"), made.row("decision", run="run-1")):
        row.update(started_at=iso(40), at=iso(40))


def doubled_note(made):
    double(made)


def doubles_over_the_bound(made):
    double(made, deleted=iso(8), count=2)


def order_broken(made):
    notes = made.incidents["Q1"]["notes"]
    notes[0]["at"], notes[1]["at"] = notes[1]["at"], notes[0]["at"]


def note_lost(made):
    made.incidents["Q1"]["notes"].pop()


def note_never_queued(made):
    made.incidents["Q1"]["notes"].append(dict(made.incidents["Q1"]["notes"][0], content="More.\n[firstline abcdefabcdefabcdefabcdef]"))


def note_without_marker(made):
    made.incidents["Q1"]["notes"].append(dict(made.incidents["Q1"]["notes"][0], content="firstline is checking web1."))


def write_failed(made):
    made.row("outbox", target="Q1", kind="ending")["state"] = "failed"


def write_left(made):
    made.row("outbox", target="Q1", kind="ending_title")["state"] = "unknown"


def two_endings(made):
    made.tables["outbox"].append(dict(made.row("outbox", target="Q1", kind="ending"), sequence=9, marker="f" * 24))


def title_lost(made):
    made.incidents["Q1"]["title"] = "[AMS:broken tag=t1] web1"


def status_lost(made):
    made.incidents["Q1"]["status"] = "triggered"


def resolved_after_a_person(made):
    touch(made, at=3)


def resolved_after_reading(made):
    touch(made, at=7, read=True)


def stop(made, key, at, stored):
    """A person's `firstline stop`, whose webhook was stored then."""
    touch(made, key, at=at, type="annotate_log_entry", channel={"type": "note", "summary": "firstline stop"})
    made.tables["event"].append({"account": "demo", "key": "E9", "incident_key": key, "received_at": iso(stored), "hand": "person"})


def resolved_after_a_stop(made):
    stop(made, "Q1", at=3, stored=4)


def resolved_after_the_log_was_read(made):
    touch(made, at=7)
    made.requests.append({"at": BEGAN + 8, "event": "request", "method": "GET", "path": "/incidents/Q1/log_entries?limit=100", "status": 200})


def resolved_after_a_stop_that_the_claim_saw(made):
    """Within the time of a race, and stored long enough before the claim at 8.5 s."""
    stop(made, "Q1", at=5, stored=6)


def acknowledged_after_a_person(made):
    touch(made, at=3)
    made.incidents["Q1"]["log"][-1]["type"] = "acknowledge_log_entry"


def not_told(made):
    made.incidents["Q3"]["log"].pop()


def given_up_late(made):
    made.row("run", id="run-3")["give_up_at"] = iso(1)
    made.row("run", id="run-3")["ended_at"] = iso(80)


DOCTORED = [
    (lost_event, "lost-nothing", "was answered 202 and is not in database tokyo"),
    (lost_on_one_side, "same-everywhere", "outbox: a row is only in tokyo"),
    (unknown_incident, "lost-nothing", "was never found"),
    (found_late, "lost-nothing", "was found only after 90"),
    (never_ended, "lost-nothing", "has not ended"),
    (never_ended, "goes-on", "is still held by gone"),
    (wrong_ending, "lost-nothing", "not resolved"),
    (doubled_recover, "at-most-once", "began 2 times on the machine for 1 attempts"),
    (one_attempt_twice, "at-most-once", "began 2 times on m1 in one attempt"),
    (overlap, "at-most-once", "while another recover ran there"),
    (overlap_by_time, "at-most-once", "while another recover ran there"),
    (start_before_its_row, "at-most-once", "when the journal had 0 attempts"),
    (start_of_nobody, "at-most-once", "began 1 times on the machine for 0 attempts"),
    (end_no_host_saw, "at-most-once", "the machine saw 0 starts"),
    (status_no_host_saw, "at-most-once", "which no machine saw"),
    (late_writer, "at-most-once", "one who had lost the run wrote on"),
    (goes_on_late, "goes-on", "went on only 36.5 s after the loss"),
    (doubled_note, "once-on-the-timeline", "stands there 2 times"),
    (doubles_over_the_bound, "once-on-the-timeline", "2 notes were written twice, the bound is 1"),
    (order_broken, "once-on-the-timeline", "the notes stand in the order [2, 1]"),
    (note_lost, "once-on-the-timeline", "counts as sent and is not shown"),
    (note_never_queued, "once-on-the-timeline", "was never queued"),
    (note_without_marker, "once-on-the-timeline", "has no marker"),
    (write_failed, "once-on-the-timeline", "failed"),
    (write_left, "once-on-the-timeline", "is still unknown"),
    (two_endings, "once-on-the-timeline", "has 2 endings"),
    (title_lost, "once-on-the-timeline", "the title is"),
    (status_lost, "once-on-the-timeline", "ended resolved and is triggered"),
    (resolved_after_a_person, "persons-first", "firstline resolved it"),
    (resolved_after_reading, "persons-first", "firstline resolved it"),
    (resolved_after_a_stop, "persons-first", "firstline resolved it"),
    (resolved_after_the_log_was_read, "persons-first", "firstline resolved it"),
    (resolved_after_a_stop_that_the_claim_saw, "persons-first", "firstline resolved it"),
    (acknowledged_after_a_person, "persons-first", "firstline acknowledged it"),
    (not_told, "told-in-time", "PagerDuty saw no escalation"),
    (given_up_late, "told-in-time", "after its give_up_at"),
]


@pytest.mark.parametrize("doctor, promise, words", DOCTORED, ids=[f"{row[0].__name__}-{row[1]}" for row in DOCTORED])
def test_a_doctored_history_is_refused(tmp_path, doctor, promise, words):
    made = Made()
    doctor(made)
    made.write(tmp_path)
    status, output = judge(tmp_path)
    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert status == 1 and promise in verdict["broken"], output
    violations = [line for each in verdict["promises"] if each["name"] == promise for line in each["violations"]]
    assert any(words in line for line in violations), output


def test_a_good_history_is_accepted(tmp_path):
    Made().write(tmp_path)
    status, output = judge(tmp_path)
    assert status == 0 and "all promises held" in output, output


def test_what_is_no_fault_is_accepted(tmp_path):
    """A doubled note that was deleted again; a person's act so close before our write that no read could show it, and a stop
    that was stored after the write's claim; a run that was blinded while its time passed; a recover that was killed, and the next one on that machine."""
    made = Made()
    double(made, deleted=iso(8))
    touch(made, at=7)
    stop(made, "Q2", at=16, stored=18.7)
    made.faults.append({"at": BEGAN + 20, "until": BEGAN + 95, "event": "restart", "target": "tokyo", "blinds": True})
    made.row("run", id="run-3").update(give_up_at=iso(25), ended_at=iso(95))
    made.hosts["m1"].pop()
    made.row("step", run="run-1", verb="recover").update(status=None, signal="KILL")
    start, end = made.hosts.pop("m3")
    made.hosts["m1"] += [dict(start, machine="m1"), dict(end, machine="m1")]
    made.write(tmp_path)
    status, output = judge(tmp_path)
    assert status == 0, output


def test_nothing_is_no_good_history(tmp_path):
    """No incident, no delivery, no start: judged as broken, promise by promise."""
    made = Made()
    made.hosts, made.load, made.requests, made.faults, made.incidents = {"m1": []}, [], [], [], {}
    made.tables = {name: [] for name in made.tables}
    made.write(tmp_path)
    status, output = judge(tmp_path)
    broken = json.loads((tmp_path / "verdict.json").read_text())["broken"]
    assert status == 1 and {"lost-nothing", "goes-on", "once-on-the-timeline", "persons-first", "told-in-time",
                            "same-everywhere"} <= set(broken), output


def test_no_starts_where_recovers_were_expected(tmp_path):
    made = Made()
    made.hosts = {"m1": []}
    made.write(tmp_path)
    status, output = judge(tmp_path)
    assert status == 1 and "nothing to judge: there is no starts on the machines" in output, output


@pytest.mark.parametrize("name", ["about.json", "pagerduty.json", "database-osaka.json", "load.jsonl", "faults.jsonl"])
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_a_missing_or_cut_file_is_no_history(tmp_path, name, how):
    Made().write(tmp_path)
    path = tmp_path / name
    if how == "missing":
        path.unlink()
    else:
        path.write_text(path.read_text()[:-9])
    status, output = judge(tmp_path)
    assert status == 2 and name in output, output
