# SPDX-License-Identifier: MIT
"""Incidents whose recovers are recorded on the machine, outside of the fence, and the history of it all for the checker.

    scene = Recorded(folder, world, history, hosts=4)
    made = scene.trigger("down")            # a kind of KINDS; on any host, or host="web2"
    scene.wait_settled(120)
    status, output = scene.judge("what this was", databases={"only": postgres.query})
"""

import collections
import itertools
import pathlib
import subprocess

from tests.kit import processes
from tests.kit.history import RECORDER

CHECK = pathlib.Path(__file__).resolve().parents[1] / "checker" / "check"
KNOWN = "select count(distinct incident_key) from run_key"
BUSY = ("select (select count(*) from run where ended_at is null) + "
        "(select count(*) from outbox where state in ('waiting', 'sending', 'unknown'))")
SCENARIO = """\
scenario: {name}
about: Something on a host is down. Its recover is recorded by the host itself.
mode: auto
match: {{ keyword: {name} }}
target: {{ host: [keyword.host, alert.details.host] }}
values:
  tag: {{ type: word, from: [keyword.tag] }}
healthy: result == "up"
steps:
  - check: is it up
    run: case $tag in h*) echo up ;; *) test -e "/srv/state/$tag.up" && echo up || echo down ;; esac
    name: state
    timeout: 20s
  - recover: start it
    run: /srv/recorder "$host" "$tag" "start it" '{work}'
    timeout: {deadline}
    unsure: {unsure}
  - verify: is it up
    every: 1s
    within: {within}
healed: resolve
not_healed: {{ hand_over: {{ level: 2 }}, say: "It does not start." }}
recurs: {{ times: 1000, within: 1m }}
give_up_after: {give_up}
"""
Kind = collections.namedtuple("Kind", "work expect recover", defaults=(True,))
KINDS = {
    "down": Kind("sleep 0.2; touch $STATE", ["resolved"]),
    "slow": Kind("sleep 3; touch $STATE", ["resolved"]),
    "stuck": Kind("sleep 0.2; exit 3", ["handed_over"]),
    "healthy": Kind("true", ["self_healed"], False),
}


class Recorded:
    """world: with a machine and no scenario yet. kinds: further ones, over KINDS. more: over the scenario's settings."""

    def __init__(self, world, history, hosts=4, kinds=None, sure=True, **more):
        self.world, self.history, self.sure = world, history, sure
        self.machine, self.pagerduty, self.database = world.machine, world.simulator, world.database
        self.kinds = {**KINDS, **(kinds or {})}
        # A machine is called as its host, so that the recorder knows it.
        self.entries = {name: {**entry, "machine": name} for name, entry in self.machine.hosts(hosts).items()}
        self._numbers = itertools.count(1)
        self._tags = {}
        settings = {"deadline": "30s", "unsure": "verify", "within": "3s", "give_up": "10m", **more}
        for name, kind in self.kinds.items():
            world.scenario(name, SCENARIO.format(name=name, work=kind.work.replace("$STATE", "/srv/state/$tag.up"), **settings))
        world.inventory({"acme": self.entries})
        self.machine.sh("rm -rf /srv/*; mkdir -p /srv/state /srv/record; chmod 777 /srv /srv/state /srv/record")
        self.machine.write("/srv/recorder", RECORDER)

    def trigger(self, kind, host=None, **more):
        """An incident of this kind; its id. more: of the simulator's."""
        number = next(self._numbers)
        names = list(self.entries)
        host, tag = host or names[number % len(names)], f"{kind[0]}{number}"  # what begins with h is healthy
        title = f"[AMS:{kind} tag={tag}] {host}"
        made = self.pagerduty.trigger(title, alerts=[{"summary": title, "details": {"host": host}}], **more)["id"]
        expected = {"expect": self.kinds[kind].expect} if self.sure else {}
        self.history.created(made, tag=tag, title=title, machine=host, kind=kind,
                             recover=self.sure and self.kinds[kind].recover, **expected)
        self._tags[made] = tag
        return made

    def starts(self, incident):
        """How often its recover began, by the machine's own record."""
        lines = self.machine.sh("cat /srv/record/*.jsonl 2>/dev/null || true").splitlines()
        return sum(f'"tag": "{self._tags[incident]}"' in line and '"start"' in line for line in lines)

    def wait_settled(self, longest_s, known_within_s=60):
        """Until every incident is known (or that time is over), every run has ended and everything is written."""
        processes.wait_until(lambda: self.database.one(KNOWN) >= len(self._tags), known_within_s, "all to be known", quiet=True)
        self.database.wait(BUSY, expected=0, longest_s=longest_s)

    def write(self, what, databases, settled=True, **limits):
        """databases: {name: query}."""
        self.history.hosts_from(self.machine)
        for name, query in databases.items():
            self.history.write_database(name, query)
        self.history.write_pagerduty(self.pagerduty)
        self.history.write_about(what, settled, list(databases), {
            "found_s": 60, "doubles_most": 0, "race_s": 25, "give_up_late_s": 30, **limits})

    def judge(self, what, databases, **more):
        """Writes the history; the checker's exit status and what it says."""
        self.write(what, databases, **more)
        done = subprocess.run([CHECK, self.history.folder, "--json", self.history.folder / "verdict.json"], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def wait_started(self, incident, longest_s=processes.PATIENCE_S):
        processes.wait_until(lambda: self.starts(incident) > 0, longest_s, f"the recover of {incident} to begin", every_s=0.1)
