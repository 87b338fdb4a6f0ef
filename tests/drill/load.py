# SPDX-License-Identifier: MIT
"""A steady load: incidents about hosts in turn, most of which need a recover, whose script leaves a record of its own on the
machine. What it asked for and when is in the history; the same seed makes the same incidents.
"""

import collections
import random
import threading
import time

SCENARIO = """\
scenario: broken
about: A service of a host is down. Starts it.
mode: auto
match: { keyword: broken }
target: { host: [keyword.host, alert.details.host] }
values:
  tag: { type: word, from: [keyword.tag] }
  machine: { type: word, from: [host.machine] }
  kind: { type: word, from: [alert.details.kind] }
  look: { type: int, from: [alert.details.look], least: 0, most: 30 }
  work: { type: int, from: [alert.details.work], least: 0, most: 30 }
healthy: result == "up"
steps:
  - check: is it up
    run: test "$kind" = healthy || test -e "/srv/state/$tag" && echo up || echo down
    name: state
  - collect: its last lines
    run: sleep "$look"; uptime
  - recover: start it
    run: /srv/recorder "$machine" "$tag" "start it" "sleep $work; test $kind = stuck || touch /srv/state/$tag"
  - verify: is it up
    every: 1s
    within: 4s
healed: resolve
not_healed: { hand_over: { level: 2 } }
recurs: { times: 1000, within: 1m }
"""
Kind = collections.namedtuple("Kind", "name recover ending")
KINDS = [Kind("down", True, "resolved")] * 7 + [Kind("healthy", False, "self_healed"), Kind("stuck", True, "handed_over")]
LOOK_S, WORK_S = (2, 6), (2, 6)


class Load:
    """rate: incidents a second. expect_more: endings that are right beside the one that a kind has in quiet times."""

    def __init__(self, site, seed, rate, expect_more=()):
        self.site = site
        self.random = random.Random(seed)
        self.every_s = 1 / rate
        self.expect_more = list(expect_more)
        self.made = {}
        self.failed = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="load", daemon=True)

    @staticmethod
    def prepare(site):
        """Before the nodes start, which read it then."""
        site.world.scenario("broken", SCENARIO)

    def start(self):
        self._thread.start()

    def stop(self):
        self._over.set()
        self._thread.join()

    def _work(self):
        number, due = 0, time.monotonic()
        while not self._over.wait(max(0, due - time.monotonic())):
            number += 1
            due = max(due + self.every_s, time.monotonic() - 1)
            try:
                self._make(number)
            except OSError as error:  # the simulator is near and never cut: this would be a fault of the drill
                self.failed.append(str(error))

    def _make(self, number):
        kind = self.random.choice(KINDS)
        look, work = self.random.randint(*LOOK_S), self.random.randint(*WORK_S)
        host, machine = list(self.site.hosts.items())[number % len(self.site.hosts)]
        tag = f"t{number}"
        title = f"[AMS:broken tag={tag}] {host} is down"
        details = {"host": host, "kind": kind.name, "look": look, "work": work}
        made = self.site.simulator.trigger(title, alerts=[{"summary": title, "details": details}])
        self.made[made["id"]] = tag
        self.site.history.created(made["id"], tag=tag, title=title, machine=machine, recover=kind.recover,
                                  expect=[kind.ending, *self.expect_more])
