# SPDX-License-Identifier: MIT
"""From the incident to the scripts: hosts, values, variables, other hosts, conditions, several tries, and secrets."""

import gzip
import shlex

import pytest

from tests.kit import processes
from tests.kit.stage import scenario

VALUES = """\
scenario: values
mode: auto
match: { keyword: values }
target: { host: [keyword.host, alert.details.host] }
values:
  mount: { type: path, from: [keyword.mount, alert.details.mount] }
  count: { type: int, from: [alert.details.count], default: 7 }
  unit: { type: word, from: [host.unit], default: none }
  words: { type: text, from: [alert.details.words], default: "" }
healthy: status == 0
steps:
  - check: prints its values
    run: printf '%s|' "$mount" "$count" "$unit" "$words" >"/srv/$host/values"
"""
ON = """\
scenario: elsewhere
mode: auto
match: { keyword: elsewhere }
target: { host: [keyword.host, alert.details.host] }
values:
  peer: { type: host, from: [alert.details.peer] }
healthy: result == "up"
steps:
  - check: is it up
    run: cd "/srv/$host" && sh ./check
    name: state
  - collect: only when it is up
    run: touch "/srv/$host/never"
    when: state == "up"
  - collect: only when it is down
    run: touch "/srv/$host/always"
    when: state == "down"
  - recover: from the other host
    run: id -un >"/srv/$peer/here"; touch "/srv/$host/up"
    on: $peer
  - verify: is it up
"""
TRIES = """\
scenario: tries
mode: auto
match: { keyword: tries }
target: { host: [keyword.host, alert.details.host] }
healthy: result == "up"
steps:
  - check: is it up
    run: cd "/srv/$host" && sh ./check
  - recover: the first try
    run: cd "/srv/$host" && echo one >>starts && sh ./recover
  - verify: is it up
    every: 1s
    within: 2s
  - recover: the second try
    run: cd "/srv/$host" && echo two >>starts && touch up
  - verify: is it up
"""
# The third look after the recover finds it up.
THIRD = """\
if [ -e at ]; then echo look >>looks; fi
if [ -e looks ] && [ "$(wc -l <looks)" -ge 3 ]; then touch up; fi
test -e up && echo up || echo down"""


@pytest.fixture(scope="module", name="stage")
def fixture_stage(make_stage):
    stage = make_stage()
    for name, text in (("values", VALUES), ("elsewhere", ON), ("tries", TRIES)):
        stage.world.scenario(name, text)
    stage.world.scenario("late", scenario("late", within="60s"))
    # The last ones: the others are taken from the first on, in whatever order the tests come.
    stage.entries["box57"]["variables"] = {"unit": "nginx"}
    stage.entries["box58"]["user"] = "dashuser"
    stage.entries["twin"] = dict(stage.entries["box59"], machine="twin", aliases=["same.example"])
    stage.entries["box60"]["aliases"] = ["box60.example", "i-0a1b2c3d"]
    stage.world.inventory({"acme": stage.entries})
    stage.world.node("tokyo", over={"log": {"level": "debug"}})
    return stage


@pytest.mark.short
def test_values_arrive_as_they_are(stage):
    """From keyword, alert details, the inventory's variables and defaults; shell metacharacters stay text."""
    host = stage.host("box57")
    words = "a'b\"c $HOME `id` ; & | \\ 日本"
    made = stage.world.trigger(f"[AMS:values mount=/var/log] {host}", {"host": host, "words": words, "count": "12"})
    stage.ended(made, "self_healed")
    assert stage.machine.sh(f"cat /srv/{host}/values") == f"/var/log|12|nginx|{words}|"


def test_on_another_host_and_when(stage):
    """A recover on another host as its own user; a collect only where its condition holds."""
    peer, host = stage.host("box58"), stage.host()
    stage.machine.sh(f"chmod 777 /srv/{peer}")
    made = stage.world.trigger(f"[AMS:elsewhere] {host}", {"host": host, "peer": peer})
    stage.ended(made, "resolved", [peer, "from the other host"])
    assert stage.machine.sh(f"cat /srv/{peer}/here").strip() == "dashuser"
    assert stage.has(host, "always") and not stage.has(host, "never")


def test_an_alias_is_the_host(stage):
    """An instance id from the alert finds the host."""
    host = stage.host("box60")
    made = stage.world.trigger("[AMS:broken] the cloud says i-0a1b2c3d", {"host": "I-0A1B2C3D"})
    stage.ended(made, "resolved", [host])


PROBLEMS = {
    "unknown host": ({"host": "nowhere"}, "broken", ["nowhere", "never contacted"]),
    "ambiguous host": ({"host": "127.0.0.1"}, "broken", ["127.0.0.1"]),
    "no host": ({}, "broken", ["host"]),
    "missing": ({"host": "box56"}, "values", ["mount", "alert.details.mount"]),
    "ill-typed": ({"host": "box56", "mount": "/var", "count": "many"}, "values", ["count", "many"]),
    "a path that is none": ({"host": "box56", "mount": "var/../x"}, "values", ["mount", "var/../x"]),
    "unknown other host": ({"host": "box56", "peer": "nobody-there"}, "elsewhere", ["nobody-there"]),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_is_not_known_is_handed_over(stage, what):
    """A host or a value that is missing, unknown, ambiguous or of the wrong type: handed over, saying which and what was
    seen, and nothing is contacted."""
    details, keyword, words = PROBLEMS[what]
    stage.machine.sh("mkdir -p /srv/box56; echo 'touch looked; echo down' >/srv/box56/check")
    made = stage.world.trigger(f"[AMS:{keyword}] something", details)
    starts = what == "unknown other host"
    print(stage.ended(made, "handed_over", words, starts=starts))
    assert starts or not stage.has("box56", "looked")


def test_the_second_try_heals(stage):
    """The first recover does not help, the second does; both are told."""
    host = stage.host(recover="true")
    made = stage.trigger(host, "tries")
    stage.ended(made, "resolved", ["the first try", "the second try"])
    assert stage.machine.sh(f"cat /srv/{host}/starts") == "one\ntwo\n"


def test_the_first_try_heals(stage):
    """The first recover helps: the rest is skipped."""
    host = stage.host()
    made = stage.trigger(host, "tries")
    assert "the second try" not in stage.ended(made, "resolved", ["the first try"])
    assert stage.machine.sh(f"cat /srv/{host}/starts") == "one\n"


def test_healed_within_its_time(stage):
    """verify looks every second within its time, and takes the first healthy look."""
    host = stage.host(recover="touch at", check=THIRD)
    made = stage.trigger(host, "late")
    stage.ended(made, "resolved")
    looks = stage.database.one("select count(*) from step s join run r on r.id = s.run where r.incident_key = %s and s.verb = 'verify'", made)
    assert looks == 3, stage.story(made)


SECRETS = {"token": "demo-account-token-0001", "github": "ghp_" + "c4nAryC4naryc4narYcanAryC4naryc4narY",
           "key": "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABcanary"}


def archived(stage, incident):
    """All that the archive holds of it: it ended years ago, and its month leaves the database."""
    stage.database.wait("select count(*) from outbox where target = %s and settled_at is null and kind <> 'mend'", incident, expected=0)
    run = stage.database.one("select id from run where incident_key = %s", incident)
    stage.database.query("update outbox set state = 'sent' where kind = 'mend' and target = %s", incident)
    for table, column, whose in (("step", "started_at", "run"), ("decision", "at", "run"), ("outbox", "created_at", "run"), ("run", "ended_at", "id")):
        stage.database.query(f"update {table} set {column} = '2024-01-15' where {whose} = %s", run)
    stage.database.wait("select count(*) from run_history where id = %s", run, expected=1)
    folder = stage.world.folder / "archive"
    folder.mkdir()
    stage.world.node("osaka", "archivist", over={"retention": {"archive": str(folder), "every": "1s"}, "node": {"roles": ["coordinator"]}})
    files = {kind: folder / f"{kind}_history_202401.jsonl.gz" for kind in ("run", "step", "decision", "outbox")}
    processes.wait_until(lambda: all(path.exists() for path in files.values()), 60, "its month to be archived")
    stage.world.nodes.pop("archivist").kill()
    found = {kind: gzip.open(path, "rt", encoding="utf-8").read() for kind, path in files.items()}
    assert "before" in found["step"] and "before" in found["outbox"], found
    return "".join(found.values())


@pytest.mark.short
def test_a_secret_that_a_host_echoes_is_nowhere(stage):
    """Configured secrets, tokens and private keys on stdout and stderr, also byte by byte: not in the database, the log,
    the notes, the archive."""
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + SECRETS["key"] + "\n-----END OPENSSH PRIVATE KEY-----"
    slow = "; sleep 0.02; ".join(f"printf {shlex.quote(c)}" for c in SECRETS["token"])
    spill = f"echo before; echo {SECRETS['token']}; {slow}; echo; echo {SECRETS['github']} >&2; printf '%s\\n' {shlex.quote(key)}; echo after"
    host = stage.host(collect=f"{spill}; exit 3", check=f"({spill}) >&2; test -e up && echo up || echo down",
                      recover=f"{spill}; ({spill}) >&2; false")
    made = stage.trigger(host)
    note = stage.ended(made, "handed_over", ["before", "after"])
    places = {"database": stage.database.dump(), "log": stage.world.nodes["tokyo"].read_log(), "note": note,
              "simulator": str(stage.world.incident(made)),
              "requests": str([r.get("body") for r in stage.pagerduty.requests()]), "archive": archived(stage, made)}
    spilt = [(place, name) for place, text in places.items() for name, secret in SECRETS.items()
             if secret in text or name != "token" and secret[:30] in text]
    assert spilt == []
