# SPDX-License-Identifier: MIT
"""The door: what is answered 202 is stored and runs once, whatever else comes in, and whatever happens to the database."""

import contextlib
import json
import time

import psycopg2
import pytest
import yaml

from tests.kit import processes, webhooks
from tests.kit.node import SUBSCRIPTIONS

IDLE = """\
scenario: idle
about: Looks, and finds it well.
mode: auto
match: { keyword: idle }
target: { host: [keyword.host, alert.details.host] }
healthy: result == "well"
steps:
  - check: it is well
    run: echo well
"""
DAY_S = 25 * 3600
OTHER = "another secret, made after the first"


@pytest.fixture
def ready(world):
    world.scenario("idle", IDLE)
    return world


def by_hand(world, title="[AMS:idle] web1", count=1):
    return webhooks.unannounced(world, [(title, {"host": "web1"})] * count)


def runs(world, incident):
    return world.database.one("select (select count(*) from run where incident_key = %s) + "
                              "(select count(*) from run_history where incident_key = %s)", incident, incident)


def edit_settings(node, change):
    settings = yaml.safe_load(node.settings.read_text())
    change(settings)
    node.settings.write_text(yaml.safe_dump(settings, sort_keys=False))


def set_secrets(world, node, *texts):
    """The node's subscription has these secrets from its next reading on."""
    hook = SUBSCRIPTIONS["tokyo"][0]
    paths = []
    for number, text in enumerate(texts):
        path = world.folder / "secrets" / f"rotated-{number}"
        path.write_text(text)
        path.chmod(0o600)
        paths.append(str(path))

    def change(settings):
        entry = next(s for s in settings["accounts"][0]["subscriptions"] if s["id"] == hook)
        entry["secret_files"] = paths
    edit_settings(node, change)


# --- the same event again -------------------------------------------------------------------------------------------

def age(world, incident, seconds):
    """As if all of it had happened so long ago."""
    earlier = "interval '1 s' * %s"
    for table, columns in (("incident", ("created_at", "opening", "seen_at")), ("run_key", ("opening", "created_at")),
                           ("run", ("opening", "created_at", "opened_at", "give_up_at", "claimed_at", "ended_at"))):
        key = "key" if table == "incident" else "incident_key"
        shift = ", ".join(f"{column} = {column} - {earlier}" for column in columns)
        world.database.query(f"update {table} set {shift} where {key} = %s", *[seconds] * len(columns), incident)


@pytest.mark.parametrize("title, ending", [("[AMS:idle] web1", "self_healed"), ("nothing we know", "unmatched")])
def test_a_late_copy_under_another_id_starts_nothing_a_day_after_the_run(ready, title, ending):
    node = ready.node("tokyo")
    (incident, event), (other, later) = by_hand(ready, title, 2)
    assert webhooks.post(node, event) == 202
    assert ready.wait_ending(incident) == ending
    ready.database.wait("select count(*) from outbox where target = %s and settled_at is null and kind <> 'mend'", incident, expected=0)
    age(ready, incident, DAY_S)
    ready.database.wait("select count(*) from run_history where incident_key = %s", incident, expected=1)
    assert ready.database.one("select count(*) from run where incident_key = %s", incident) == 0
    ready.database.query("delete from event")
    opening = ready.database.one("select to_char(opening at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from run_key "
                                 "where incident_key = %s", incident)
    event["event"].update(id=webhooks.new_id(), occurred_at=opening)
    event["event"]["data"]["created_at"] = opening
    assert webhooks.post(node, event) == 202
    assert webhooks.post(node, later) == 202  # behind it in the same door: when this one has run, that one would have
    assert ready.wait_ending(other) == ending
    assert ready.database.one("select count(*) from event where key = %s", event["event"]["id"]) == 1
    assert runs(ready, incident) == 1


def test_copies_at_the_same_time_open_one_run(ready):
    node = ready.node("tokyo")
    [(incident, event)] = by_hand(ready)
    copies = [json.loads(json.dumps(event)) for _ in range(20)]
    for copy in copies[10:]:
        copy["event"]["id"] = webhooks.new_id()
    assert webhooks.post_all(node, copies) == [202] * 20
    assert ready.wait_ending(incident) == "self_healed"
    assert ready.database.one("select seen from event where key = %s", event["event"]["id"]) == 10
    assert runs(ready, incident) == 1


# --- odd ones among good ones ---------------------------------------------------------------------------------------

def odd_bodies():
    def changed(**fields):
        made = webhooks.event(webhooks.incident("QODD", "odd"))
        made["event"].update(fields)
        return made
    absent = changed()
    del absent["event"]["data"], absent["event"]["id"]
    return [changed(data=webhooks.incident("QODDNUL", "a\0b")), changed(id="\0"), changed(id=webhooks.new_id(64) * 192), absent,
            changed(event_type="incident.eaten"), changed(event_type=None), changed(data=[]), changed(occurred_at="yesterday"),
            changed(data=dict(webhooks.incident("Q" * 5000))), {"event": {}}, {}, b"", b"\xff\0{", b"[" * 9000]


def test_odd_events_do_not_hinder_those_beside_them(ready):
    node = ready.node("tokyo")
    good = by_hand(ready, count=49)
    bodies = [event for _, event in good]
    for number, body in enumerate(odd_bodies()):
        bodies.insert(number * 4, body)
    assert webhooks.post_all(node, bodies, at_once=len(bodies)) == [202] * len(bodies)
    assert ready.database.one("select count(*) from event") >= len(bodies)  # our own writes are announced too
    assert ready.database.one("select count(*) from event where odd is not null") == len(odd_bodies()) - 3  # but the NULs and the id
    for incident, _ in good:
        assert ready.wait_ending(incident) == "self_healed"
    assert [runs(ready, incident) for incident, _ in good] == [1] * 49


# --- the database ---------------------------------------------------------------------------------------------------

def refused_in_time(node, event):
    """Whether each of five gets 503 within what PagerDuty waits."""
    with contextlib.suppress(TimeoutError):
        return webhooks.post_all(node, [event] * 5, limit_s=webhooks.PAGERDUTY_WAITS_S) == [503] * 5
    return False


@pytest.mark.parametrize("gone", ["stopped", "hanging"])
def test_without_the_database_503_within_5_s_and_nothing_is_lost(ready, gone):
    node = ready.node("tokyo")
    (incident, event), (before, earlier) = by_hand(ready, count=2)
    assert webhooks.post(node, earlier) == 202
    ready.database.stop() if gone == "stopped" else ready.database.pause()
    assert any(refused_in_time(node, event) for _ in range(3)), "a slow machine's own time counts: one of three must be right"
    assert node.get("/healthz")[0] == 200
    status, body = node.get("/readyz")
    assert status == 503
    assert any(why.startswith("database: ") for why in json.loads(body)["why"]), body
    ready.database.start() if gone == "stopped" else ready.database.resume()
    node.wait_ready()
    assert webhooks.post(node, event) == 202
    assert ready.wait_ending(incident) == "self_healed"
    assert ready.wait_ending(before) == "self_healed"
    assert (runs(ready, incident), runs(ready, before)) == (1, 1)


# --- who may post ---------------------------------------------------------------------------------------------------

def test_who_is_refused_and_how(ready):
    node = ready.node("tokyo")
    body = webhooks.raw(webhooks.event(webhooks.incident("QREFUSED")))
    right, osaka = (webhooks.sign(body, SUBSCRIPTIONS[region][1]) for region in ("tokyo", "osaka"))
    for signature, status in (("", 401), ("v1=", 401), ("v1=" + "g" * 64, 401), ("v2=" + "a" * 64, 401), (right[3:], 401),
                              ("v1=" + "a" * 64, 503), (osaka, 503)):
        assert webhooks.post(node, body, signature=signature) == status, signature
    assert webhooks.post(node, body, subscription="PNOBODY") == 401
    assert webhooks.post(node, body + b" ", signature=right) == 503
    assert ready.database.one("select count(*) from event") == 0
    assert "PHOOKTY" in node.wait_log("matches no secret")
    assert "level=error" in node.wait_log("matches no secret")
    counts = json.loads(node.get("/readyz")[1])["counts"]
    assert (counts["webhooks_refused"], counts["webhooks_wrong_signature"], counts["webhooks_accepted"]) == (6, 3, 0)
    assert webhooks.post(node, body) == 202


def test_several_secrets_and_several_signatures(ready):
    node = ready.node("tokyo", start=False)
    old = SUBSCRIPTIONS["tokyo"][1]
    set_secrets(ready, node, old, OTHER)
    node.start()
    bodies = [webhooks.raw(webhooks.event(webhooks.incident(f"QROTATE{n}"))) for n in range(4)]
    headers = [webhooks.sign(bodies[0], old), webhooks.sign(bodies[1], OTHER),
               f"{webhooks.sign(bodies[2], 'gone')},{webhooks.sign(bodies[2], OTHER)}",
               f"v2={'0' * 64}, v1=bad, {webhooks.sign(bodies[3], old)}, {webhooks.sign(bodies[3], 'next')}"]
    assert [webhooks.post(node, body, signature=header) for body, header in zip(bodies, headers)] == [202] * 4
    assert webhooks.post(node, bodies[0], signature=webhooks.sign(bodies[0], "gone")) == 503


@pytest.mark.parametrize("told", [True, False])
def test_a_rotated_secret_is_taken_up(ready, told):
    """With SIGHUP, and without: a signature that does not match makes the node read its secrets once."""
    node = ready.node("tokyo")
    body = webhooks.raw(webhooks.event(webhooks.incident("QROTATED")))
    new = webhooks.sign(body, OTHER)
    (ready.folder / "secrets" / "webhook-tokyo").write_text(OTHER + "\n")
    if told:
        node.reload()
        node.wait_log("event=reloaded")
    assert webhooks.post(node, body, signature=new) == 202
    assert webhooks.post(node, body) == 503
    assert node.read_log().count("event=reloaded") == 1 + told


def test_a_flood_of_wrong_signatures_reads_broken_files_once(ready):
    node = ready.node("tokyo")
    node.settings.write_text(node.settings.read_text() + "colour: red\n")
    body = webhooks.raw(webhooks.event(webhooks.incident("QFLOOD")))
    assert webhooks.post_all(node, [body] * 50, signature="v1=" + "b" * 64) == [503] * 50
    assert node.read_log().count("the old files stay in force") == 1


def test_a_table_that_grows_is_analyzed_within_seconds(ready):
    """A plan that was made while `run` was empty reads every open run: only fresh statistics make it anew, and autovacuum's
    come after a minute (and are another column)."""
    node = ready.node("tokyo", over={"node": {"roles": ["coordinator"]}})
    assert set(webhooks.post_all(node, [webhooks.event(webhooks.incident(webhooks.new_id(14))) for _ in range(320)])) == {202}
    ready.database.wait("select last_analyze is not null from pg_stat_user_tables where relname = 'run'")


def test_a_role_that_owns_no_table_analyzes_none(ready):
    """It says so once and asks no more; all else goes on."""
    database = ready.database
    ready.node("owner", start=False)  # migrates
    database.query("create role guest login; grant select, insert, update, delete on all tables in schema public to guest; "
                   "grant all on all sequences in schema public to guest; grant pg_monitor to guest")
    node = ready.node("tokyo", over={"node": {"roles": ["coordinator"]}, "database": {"conninfo": database.conninfo().replace("postgres", "guest", 1)}})
    words = "owns neither its tables nor the database"
    for n in (1, 2):
        assert set(webhooks.post_all(node, [webhooks.event(webhooks.incident(webhooks.new_id(14))) for _ in range(320)])) == {202}
        processes.wait_until(lambda: words in node.read_log(), 60, "the node to say that it may not analyze")
    assert database.one("select count(*) from event") == 640
    assert node.read_log().count(words) == 1
    assert "can analyze it" not in database.read_log()


def test_what_comes_during_a_commit_goes_together_with_the_next(ready):
    """Else each 2 ms of a steady stream would wait for the commits of all before it."""
    node = ready.node("tokyo", over={"node": {"roles": ["coordinator"]}})
    bodies = [webhooks.event(webhooks.incident(webhooks.new_id(14))) for _ in range(15)]
    with contextlib.closing(psycopg2.connect(ready.database.conninfo())) as held:
        held.cursor().execute("lock table event in access exclusive mode")
        sent = [webhooks.send(node, bodies[0])]
        ready.database.wait("select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%into event%'")
        for body in bodies[1:]:
            sent.append(webhooks.send(node, body))
            time.sleep(0.01)  # apart: they do not come in one turn of the loop
        processes.wait_until(lambda: processes.unread_bytes(node.port) == 0, what="the node to have read them")
    assert {webhooks.read(connection) for connection in sent} == {202}
    assert ready.database.one("select count(distinct xmin::text) from event") <= 3
