# SPDX-License-Identifier: MIT
"""A stage for tests of runs: hosts whose check, collect and recover are scripts that the test writes, and what to ask of
a timeline. Many tests share one world: each takes hosts of its own, so that neither state nor guards are shared.

    host = stage.host(recover="touch up")               # starts broken; every recover leaves a line in `starts`
    made = stage.trigger(host)
    stage.ended(made, "resolved")                       # the ending, and all that PagerDuty shows of it
"""

import contextlib

from tests.kit import processes

SCENARIO = """\
scenario: {name}
about: Something on a host is down. Does what its own scripts say.
mode: {mode}
match: {{ keyword: {name} }}
target: {{ host: [keyword.host, alert.details.host] }}
healthy: result == "up"
steps:
  - check: is it up
    run: {check}
    name: state
    timeout: {timeout}
  - collect: its last lines
    run: {collect}
    timeout: {timeout}
  - recover: start it
    run: {recover}
    become: root
    timeout: {timeout}
    unsure: {unsure}
  - verify: is it up
    every: 1s
    within: {within}
{more}"""
NOT_HEALED = 'not_healed: { hand_over: { level: 2, priority: P2 }, say: "It does not start." }\n'
# The recorder stands outside of the fence: a line for each time that the script really began.
RECOVER = 'cd "/srv/$host" && echo begun >>starts && sh ./recover'
DEFAULTS = {"check": "test -e up && echo up || echo down", "collect": "cat starts 2>/dev/null", "recover": "touch up"}

START = {"en": "firstline is checking", "ja": "の確認を始めました"}
START_SHADOW = {"en": "in shadow mode", "ja": "シャドーモードで"}
ENDINGS = {
    "resolved": ("Recovered.", "【復旧】", "recovered", "復旧済み"),
    "self_healed": ("Already healthy.", "【自然復旧】", "healthy", "自然復旧"),
    "handed_over": ("Handed over.", "【要対応】", "handed over", "要対応"),
    "stopped": ("Stopped.", "【中止】", "stopped", "中止"),
    "stale": ("Nothing to do.", "【対応不要】", None, None),
    "unmatched": ("Not handled.", "【要対応】", None, None),
    "shadowed": ("Shadow run, nothing was changed.", "【シャドー】", "shadow done", "シャドー完了"),
}
TITLE = {"en": "[firstline: ", "ja": "[firstline: "}

# A person's acts that stop a run: what the simulator is told, and what the timeline says of it.
HANDS = {
    "acknowledge": ({}, "acknowledged it"),
    "reassign": ({"to": ["sam@demo.example"]}, "reassigned it"),
    "escalate": ({"level": 2}, "escalated it"),
    "priority": ({"priority": "P1"}, "changed its priority"),
    "note": ({"content": "firstline stop"}, "firstline stop"),
}


def scenario(name="broken", mode="auto", within="5s", unsure="verify", more=NOT_HEALED, recover=RECOVER, timeout="20s", **scripts):
    """The one scenario that most tests need. timeout: of its check, collect and recover, longer for steps that wait for a test."""
    words = {verb: f'cd "/srv/$host" && sh ./{verb}' for verb in ("check", "collect")}
    return SCENARIO.format(name=name, mode=mode, within=within, unsure=unsure, more=more, recover=recover, timeout=timeout,
                           **{**words, **scripts})


class Stage:
    """world: with a machine, no scenario yet. Hosts are made as they are asked for, up to `most`."""

    def __init__(self, world, most=60, **entry):
        self.world = world
        self.machine = world.machine
        self.pagerduty = world.simulator
        self.database = world.database
        self.entries = world.machine.hosts(most, prefix="box", **entry)
        self._free = list(self.entries)
        self.machine.sh("rm -rf /srv/*; chmod 755 /srv")
        world.scenario("broken", scenario())
        world.inventory({"acme": self.entries})

    # --- hosts -----------------------------------------------------------------------------------------------------

    def host(self, name=None, **scripts):
        """A broken host of its own, the next or the named one; scripts over DEFAULTS, run in /srv/HOST."""
        name = name or self._free[0]
        self._free.remove(name)
        # Another stage of the same machine may have had a host of this name.
        parts = [f"rm -rf /srv/{name}; mkdir -p /srv/{name}; chmod 777 /srv/{name}; cd /srv/{name}"]
        for verb, text in {**DEFAULTS, **scripts}.items():
            parts.append(f"cat >{verb} <<'END-OF-SCRIPT'\n{text}\nEND-OF-SCRIPT")
        self.machine.sh("\n".join(parts))
        return name

    def path(self, host, name):
        """A file of the host as seen from outside of it (the machine's folder is private: through /proc)."""
        return f"/srv/{host}/{name}"

    def has(self, host, name):
        return self.machine.sh(f"test -e /srv/{host}/{name} && echo yes || true").strip() == "yes"

    def touch(self, host, name):
        self.machine.sh(f"touch /srv/{host}/{name}")

    def wait_file(self, host, name, longest_s=processes.PATIENCE_S):
        processes.wait_until(lambda: self.has(host, name), longest_s, f"{name} of {host}", every_s=0.1)

    def starts(self, host):
        """How often its recover really began."""
        return int(self.machine.sh(f"cat /srv/{host}/starts 2>/dev/null | wc -l"))

    # --- incidents -------------------------------------------------------------------------------------------------

    def trigger(self, host, keyword="broken", title=None, **more):
        return self.world.trigger(title or f"[AMS:{keyword}] {host} is down", {"host": host}, **more)

    def ending(self, incident, longest_s=processes.PATIENCE_S):
        return self.world.wait_ending(incident, longest_s)

    def wait_delivered(self, incident, longest_s=processes.PATIENCE_S):
        """Waits until nothing of the incident is left to be written."""
        statement = "select count(*) from outbox where target = %s and settled_at is null and kind <> 'mend'"
        self.world._wait(lambda: self.database.one(statement, incident) == 0, longest_s, f"the outbox of {incident}")

    def ended(self, incident, ending, words=(), status=None, starts=True, language="en", longest_s=processes.PATIENCE_S):
        """Waits for the ending and checks all of its timeline: one start note, one ending, in order, nothing twice, the
        title and the status. Returns the ending's note. starts: whether there is a start note."""
        assert self.ending(incident, longest_s) == ending, self.story(incident)
        self.wait_delivered(incident, longest_s)
        shown = self.world.incident(incident)
        notes = [note["content"] for note in shown["notes"] if "[firstline " in note["content"]]
        english, japanese, title_en, title_ja = ENDINGS[ending]
        opening = START_SHADOW if ending == "shadowed" else START
        first = [n for n, note in enumerate(notes) if opening[language] in note or START_SHADOW[language] in note]
        last = [n for n, note in enumerate(notes) if note.startswith(english if language == "en" else japanese)]
        assert first == ([0] if starts else []), self.story(incident)
        assert last == [len(notes) - 1], self.story(incident)
        assert len(notes) == len(set(notes)), self.story(incident)
        title = title_en if language == "en" else title_ja
        assert shown["title"].startswith(TITLE[language] + title) if title else "[firstline" not in shown["title"], shown["title"]
        expected = status or ("resolved" if ending in ("resolved", "self_healed") else None)
        if expected:
            assert shown["status"] == expected, self.story(incident)
        else:
            assert shown["status"] != "resolved" or ending in ("stale", "stopped"), self.story(incident)
        for word in [words] if isinstance(words, str) else words:
            assert word in notes[-1], f"{word!r} is not in:\n{notes[-1]}"
        return notes[-1]

    def story(self, incident):
        """All that is known of it, for a failure's message."""
        shown = self.world.incident(incident)
        rows = self.database.query("select kind, state, tries, error from outbox where target = %s order by sequence", incident)
        steps = self.database.query("select s.step, s.attempt, s.verb, s.state, s.outcome, s.why from step s join run r on r.id = s.run "
                                    "where r.incident_key = %s order by s.started_at", incident)
        notes = "\n----\n".join(note["content"] for note in shown["notes"])
        logs = "\n".join(f"--- {node.name}\n" + "\n".join(line for line in node.read_log().splitlines() if "warning" in line or "error" in line)[-3000:]
                         for node in self.world.nodes.values())
        return f"{shown['status']} {shown['title']!r}\n{notes}\noutbox {rows}\nsteps {steps}\n{logs}"

    def decisions(self, incident):
        """The journal's decisions of its runs: [(kind, text)]."""
        return self.database.query("select d.kind, d.text from decision d join run r on r.id = d.run where r.incident_key = %s "
                                   "order by d.id", incident)

    def holder(self, incident):
        """The name of the node that holds the incident's run."""
        return self.database.one("select n.name from run r join node n on n.incarnation = r.holder "
                                 "where r.incident_key = %s and r.ended_at is null", incident)

    @contextlib.contextmanager
    def faults(self, kind, method="*", path="", **more):
        """PagerDuty misbehaves so long."""
        number = self.pagerduty.fault(kind, method, path, **{"count": -1, **more})
        try:
            yield number
        finally:
            self.pagerduty.control("DELETE", f"faults/{number}")
