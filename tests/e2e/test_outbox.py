# SPDX-License-Identifier: MIT
"""Once on the timeline: each way in which a write can go wrong, with a request's time of 3 s and a lease of 2 s, so that a doubtful
row is looked for 5 s after its claim. tests/outbox/run is the long form of the last test."""

import contextlib
import copy
import time

import pytest
import yaml

from tests.kit import processes, webhooks
from tests.kit.node import World
from tests.kit.simulator import Simulator
from tests.kit.stage import HANDS, NOT_HEALED, scenario
from tests.outbox.judge import BOT, PERSONS, judge
from tests.outbox.load import SIMULATOR, Load, Timing

TIMING = Timing(request_s=3, lease_s=2)
QUICK = {**TIMING.settings(), "log": {"level": "debug"}}
UNRECONCILED = {"reconciler": {"every": "1h"}}  # what no webhook tells of stays untold
LATE_S = TIMING.late_s
AIKO = "PAIKO01"
DOWN = "test -e up && echo up || echo down"


@pytest.fixture(name="stage", scope="module")
def fixture_stage(make_stage):
    """With one node, and a key for alarms about ourselves."""
    stage = make_stage(settings=SIMULATOR)
    stage.world.scenario("broken", scenario(within="2s", more=NOT_HEALED + "give_up_after: 24h\n"))
    (stage.world.folder / "secrets" / "alarm").write_text("demo0000000000000000000000000001\n")
    accounts = yaml.safe_load(stage.world.settings("tokyo", "plain", 1, {}).read_text())["accounts"]
    accounts[0]["alarm_routing_key_file"] = "secrets/alarm"
    stage.world.node("tokyo", over={**QUICK, **UNRECONCILED, "accounts": accounts, "runs": {"give_up_after": "24h"}})
    return stage


@pytest.fixture(name="load_world")
def fixture_load_world(scratch, postgres, machine):
    with Simulator(settings=SIMULATOR) as simulator:
        world = World(scratch, postgres, machine, simulator)
        yield world
        world.stop()


def rows(stage, incident, columns="kind, state, resent"):
    return stage.database.query(
        f"select {columns} from (select * from outbox union all select * from outbox_history) o where target = %s and kind <> 'mend' "
        "order by sequence", incident)


def announce(stage, made):
    for _, event in made.values():
        assert webhooks.post(stage.world.nodes["tokyo"], event) == 202


def prepare(stage, names, **scripts):
    """Incidents that no webhook has told of, so that what shall go wrong can be set first: {name: (incident, event)}."""
    hosts = [stage.host(**scripts) for _ in names]
    return dict(zip(names, webhooks.unannounced(stage.world, [(f"[AMS:broken] {host} is down", {"host": host}) for host in hosts])))


def mended(stage, incident):
    """Waits until all is written and looked at; (notes that stand there, notes that were deleted)."""
    processes.wait_until(lambda: stage.database.one(
        "select count(*) from outbox where target = %s and settled_at is null", incident) == 0, 120, "all to be written and looked at")
    shown = stage.world.incident(incident)
    assert len({note["content"] for note in shown["notes"]}) == len(shown["notes"]), stage.story(incident)
    return shown["notes"], shown["deleted_notes"]


# name: (kind, method, path, more, the start note's `resent`, notes deleted)
WAYS = {
    "cut before it acted": ("cut_before", "POST", "notes", {}, 1, 0),
    "cut after it acted": ("cut_after", "POST", "notes", {}, 0, 0),
    "cut with RST after it acted": ("cut_after", "POST", "notes", {"reset": True}, 0, 0),
    "cut, and shown late": ("cut_after", "POST", "notes", {"seconds": LATE_S}, 1, 1),
    "acted upon late": ("delay", "POST", "notes", {"ms": int(1000 * LATE_S)}, 1, 1),
    "answered late": ("delay_after", "POST", "notes", {"ms": 8000}, 0, 0),
    "502 after it acted": ("act_then_status", "POST", "notes", {"status": 502, "text": "bad"}, 0, 0),
    "500 without acting": ("500", "POST", "notes", {}, 1, 0),
    "429": ("429", "POST", "notes", {"count": 2}, 0, 0),
    "429 without headers": ("429", "POST", "notes", {"headers": False, "body": False}, 0, 0),
    "title cut before": ("cut_before", "PUT", "", {}, 0, 0),
    "title cut after": ("cut_after", "PUT", "", {}, 0, 0),
    "status cut before": ("cut_before", "PUT", "", {"skip": 2}, 0, 0),
    "status acted upon, 503": ("act_then_status", "PUT", "", {"skip": 2, "status": 503, "text": ""}, 0, 0),
    "reads refused": ("429", "GET", "", {"count": 3}, 0, 0),
    "reads cut": ("cut_before", "GET", "", {"count": 3}, 0, 0),
}


def test_each_way_in_which_a_write_goes_wrong(stage):
    """Every note once, in order, the title and the status: looked for, sent again, mended."""
    made = prepare(stage, WAYS, check="echo up")
    for name, (kind, method, path, more, _, _) in WAYS.items():
        at = f"/incidents/{made[name][0]}" + (f"/{path}$" if path else "$" if method == "PUT" else r"($|\?)")
        stage.pagerduty.fault(kind, method, at, **more)
    announce(stage, made)
    for name, (_, _, _, _, resent, deleted) in WAYS.items():
        incident = made[name][0]
        stage.ended(incident, "self_healed")
        assert rows(stage, incident)[0] == ("start", "sent", resent), f"{name}: {stage.story(incident)}"
        assert len(mended(stage, incident)[1]) == deleted, f"{name}: {stage.story(incident)}"


# Persons between the run's end and its resolve. name: (acts, whether webhooks tell of them, the resolve's state, the status then)
PERSONS_ACTS = {
    "told": (["acknowledge"], True, "dropped", "acknowledged"),
    "not told": (["acknowledge"], False, "dropped", "acknowledged"),
    "escalated, not told": (["escalate"], False, "dropped", "triggered"),
    "reassigned, not told": (["reassign"], False, "dropped", "triggered"),
    "priority, not told": (["priority"], False, "dropped", "triggered"),
    "resolved, not told": (["resolve"], False, "sent", "resolved"),
    "escalated and given back": (["escalate", "go"], True, "sent", "resolved"),
    "nobody": ([], True, "sent", "resolved"),
    "clockwork, not told": (["clockwork"], False, "sent", "resolved"),
}
ACTS = {**{name: (AIKO, name, more) for name, (more, _) in HANDS.items()}, "resolve": (AIKO, "resolve", {}),
        "go": (AIKO, "note", {"content": "firstline go"}), "clockwork": (None, "escalate", {"level": 2})}


def test_a_status_is_not_written_over_a_person(stage):
    """The run has ended and its resolve waits; a person does something, and maybe no webhook tells of it: the resolve is dropped, and
    a note says so. PagerDuty's clockwork takes nothing from us."""
    made = prepare(stage, PERSONS_ACTS, check="echo up")
    with contextlib.ExitStack() as held:
        for incident, _ in made.values():  # the ending, behind which the status waits
            held.enter_context(stage.faults("cut_before", "POST", f"/incidents/{incident}/notes$", skip=1))
        announce(stage, made)
        for incident, _ in made.values():
            assert stage.ending(incident) == "self_healed"
        for told in (True, False):
            stage.pagerduty.control("POST", "webhooks", {"mode": "on" if told else "off"})
            for name, (acts, by_webhook, _, _) in PERSONS_ACTS.items():
                for act in acts if by_webhook == told else ():
                    who, do, more = ACTS[act]
                    stage.pagerduty.act(made[name][0], who, do, **more)
                    next_second()
        stage.pagerduty.control("POST", "webhooks", {"mode": "on"})
        stage.database.wait("select untouched_at is not null from incident where key = %s", made["escalated and given back"][0])
    for name, (_, _, state, status) in PERSONS_ACTS.items():
        incident = made[name][0]
        stage.wait_delivered(incident)
        assert [row[:2] for row in rows(stage, incident) if row[0] == "status"] == [("status", state)], f"{name}: {stage.story(incident)}"
        assert stage.world.incident(incident)["status"] == status
        said = [note for note in stage.pagerduty.notes(incident) if "did not resolve this incident" in note]
        assert len(said) == (state == "dropped"), stage.story(incident)


def next_second():
    """PagerDuty's log knows whole seconds."""
    second = int(time.time())
    processes.wait_until(lambda: int(time.time()) > second, 40, "the next second", every_s=0.05)


def test_a_stop_that_is_stored_after_the_claim(stage):
    """The resolve is claimed and the incident being read when a person's `firstline stop` comes: the database is asked once more,
    right before the change, and it is dropped. Where the machine was too slow to have it stored by then: once more. All is
    within the 2 s that a claim lasts here, so that nothing but this question can show the stop."""
    for _ in range(6):
        (incident, _), = (made := prepare(stage, ["one"], check="echo up")).values()
        with stage.faults("delay", "GET", f"/incidents/{incident}/log_entries", ms=1500):
            announce(stage, made)
            stage.database.wait("select count(*) from outbox where target = %s and kind = 'status' and state <> 'waiting'", incident,
                                expected=1)
            stage.pagerduty.act(incident, AIKO, "note", content="firstline stop")
            stage.database.wait("select touched_by from incident where key = %s", incident, expected="Aiko Tanaka")
            in_time = stage.world.incident(incident)["status"] != "resolved"
        stage.wait_delivered(incident)
        if in_time:
            break
    assert in_time, "the stop was never stored before the change"
    assert ("status", "dropped", 0) in rows(stage, incident), stage.story(incident)
    assert stage.world.incident(incident)["status"] == "triggered"


def test_near_2000_notes_only_endings_are_written(stage):
    """An old incident's notes are counted first; at the limit itself the ending cannot be written: failed, alarmed, shown."""
    tokyo = stage.world.nodes["tokyo"]
    hosts = [stage.host(check="echo up") for _ in range(2)]
    stage.pagerduty.control("POST", "webhooks", {"mode": "off"})
    made = [stage.trigger(host, age_s=7200) for host in hosts]
    for incident, notes in zip(made, (1900, 2000)):
        stage.pagerduty.act(incident, AIKO, "note", content="{n}", count=notes)
    stage.pagerduty.control("POST", "webhooks", {"mode": "on"})
    for incident, host in zip(made, hosts):
        shown = stage.world.incident(incident)
        event = webhooks.event(dict(webhooks.incident(incident, shown["title"]), created_at=shown["created_at"]))
        assert webhooks.post(tokyo, event) == 202
    for incident in made:
        assert stage.ending(incident) == "self_healed"
        stage.wait_delivered(incident)
    near, full = (dict((kind, state) for kind, state, _ in rows(stage, incident)) for incident in made)
    assert (near["start"], near["ending"]) == ("dropped", "sent"), stage.story(made[0])
    assert len(stage.pagerduty.notes(made[0])) == 1901
    assert full["ending"] == "failed", stage.story(made[1])
    processes.wait_until(lambda: any("can never be delivered" in row["title"] for row in stage.pagerduty.rows()), processes.PATIENCE_S,
                         "an incident about ourselves")
    processes.wait_until(lambda: '"writes_failed_lately": 1' in tokyo.get("/readyz")[1], what="/readyz to count it")


def test_progress_that_was_left_out_is_counted_in_the_ending(stage):
    """The start note waits for PagerDuty, progress behind it; the ending takes its place and says so."""
    made = prepare(stage, ["one"])
    incident = made["one"][0]
    stage.pagerduty.fault("429", "POST", f"/incidents/{incident}/notes$", seconds=8)
    announce(stage, made)
    stage.ended(incident, "resolved", "Left out: 2 of the progress notes")
    assert ("progress", "superseded") in [(kind, state) for kind, state, _ in rows(stage, incident)]


def test_a_sender_that_was_stopped(make_stage, scratch):
    """Stopped before it looks at its clock the last time: it sends nothing on waking. Stopped after: the note comes late and twice,
    after the ending, and the later one is deleted."""
    stage = make_stage(settings=SIMULATOR)
    stopped, made = {}, {}
    for region, place in (("tokyo", "granted"), ("osaka", "begun")):
        told = f"outbox.{place}=touch:{scratch}/{place},outbox.{place}=stop"
        stopped[place] = stage.world.node(region, over=QUICK, faults=told)
        made[place], event = prepare(stage, [place], check="echo up")[place]
        assert webhooks.post(stopped[place], event, region=region) == 202
        processes.wait_until((scratch / place).exists, processes.PATIENCE_S, f"the sender to come to {place}")
    stage.world.node("tokyo", name="successor", over=QUICK)
    for incident in made.values():
        stage.ended(incident, "self_healed")
    for node in stopped.values():
        node.resume()
    processes.wait_until(lambda: len(stage.pagerduty.requests(method="POST", path=f"/incidents/{made['begun']}/notes")) == 3, processes.PATIENCE_S,
                         "the late note")
    for place, copies in (("granted", 1), ("begun", 2)):
        live, gone = mended(stage, made[place])
        assert (len(live), len(gone)) == (2, copies - 1), stage.story(made[place])
        assert len(stage.pagerduty.requests(method="POST", path=f"/incidents/{made[place]}/notes")) == 1 + copies


# --- many at once -------------------------------------------------------------------------------------------------------

def some(record, kind):
    """The first row of that kind that was sent for an incident that no person changed; with PagerDuty's own record of it."""
    for row in record["rows"]:
        dump = record["incidents"][row["target"]]
        if row["kind"] == kind and row["state"] == "sent" and {change["by"] for change in dump["status_history"]}.isdisjoint(PERSONS):
            return row, dump
    raise LookupError(kind)


def note_of(row, dump):
    return next(note for note in dump["notes"] if row["marker"] in note["content"])


def lose_note(record):
    row, dump = some(record, "ending")
    dump["notes"].remove(note_of(row, dump))


def double_note(record):
    row, dump = some(record, "start")
    dump["notes"].append(note_of(row, dump))


def double_and_mend_more_often_than_possible(record):
    row, dump = some(record, "start")
    dump["deleted_notes"].append(note_of(row, dump))
    row["resent"] = 0


def pass_the_bound(record):
    for row in record["rows"]:
        dump = record["incidents"][row["target"]]
        if row["kind"] == "ending" and row["state"] == "sent":
            row["resent"] += 5
            dump["deleted_notes"] += 5 * [note_of(row, dump)]


def swap_notes(record):
    _, dump = some(record, "ending")
    dump["notes"].reverse()


def invent_note(record):
    row, dump = some(record, "start")
    dump["notes"].append({**note_of(row, dump), "content": "x\n[firstline 0123456789abcdef01234567]"})


def older_title(record):
    _, dump = some(record, "ending_title")
    dump["title"] = dump["title"].replace("[firstline: ", "[firstline: not ")


def late_title(record):
    _, dump = some(record, "ending_title")
    dump["title_history"].append({**dump["title_history"][-1], "title": f"[firstline: checking] {dump['title_history'][0]['title']}",
                                  "by": BOT})
    dump["title_history"].append(dict(dump["title_history"][-2]))


def lose_status(record):
    _, dump = some(record, "status")
    dump["status"] = "triggered"


def resolve_over_a_person(record):
    _, dump = some(record, "status")
    last = dump["status_history"][-1]
    dump["status_history"].insert(-1, {"at": last["at"], "status": "acknowledged", "by": PERSONS[0]})
    record["reads"][dump["id"]] = []


def drop_for_nothing(record):
    some(record, "status")[0]["state"] = "dropped"


def leave_waiting(record):
    some(record, "ending")[0]["state"] = "waiting"


def leave_out_start(record):
    some(record, "start")[0]["state"] = "superseded"


def lose_row(record):
    record["rows"].remove(some(record, "ending")[0])


DOCTORED = (lose_note, double_note, double_and_mend_more_often_than_possible, pass_the_bound, swap_notes, invent_note, older_title,
            late_title, lose_status, resolve_over_a_person, drop_for_nothing, leave_waiting, leave_out_start, lose_row)


def test_writes_while_all_goes_wrong(load_world):
    """A short form of tests/outbox/run, and that its judgement refuses what is not so."""
    load = Load(load_world, seed=7, timing=TIMING)
    load.start()
    assert load.until(writes=300, longest_s=300) >= 300
    record = load.finish(300)
    faults, numbers = judge(record)
    print(numbers, load.counts)
    assert faults == []
    assert numbers["writes"] >= 300
    for doctor in DOCTORED:
        doctored = copy.deepcopy(record)
        doctor(doctored)
        assert judge(doctored)[0], f"not refused: {doctor.__name__}"
