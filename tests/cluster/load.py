# SPDX-License-Identifier: MIT
"""Incidents, so many at a time, of random kinds on random hosts; and persons who now and then acknowledge, resolve, escalate,
say stop, or reopen what was resolved."""

import heapq
import random
import threading
import time
import traceback

import psycopg2

from tests.kit.simulator import ControlError

KINDS = {"down": 60, "slow": 8, "stuck": 12, "healthy": 20}
AIKO = "aiko@demo.example"
# what: (weight, how long after the incident at most)
ACTS = {"acknowledge": (4, 6), "resolve": (2, 6), "escalate": (2, 6), "stop": (2, 6), "reopen": (2, 25)}
TOUCHED = 0.04  # of the incidents
UNFINISHED = ("select (select count(*) from run where ended_at is null) + %s - (select count(distinct incident_key) from run_key)")


class Load(threading.Thread):
    """at_once: how many may be unfinished at a time. over: no further ones."""

    def __init__(self, cluster, seed, at_once, over):
        super().__init__(daemon=True)
        self.cluster, self.at_once, self.over = cluster, at_once, over
        self.random = random.Random(f"{seed} load")
        self.made, self.acts, self.trouble, self._due = 0, 0, None, []
        self.finished = threading.Event()

    def run(self):
        try:
            while not self.over.is_set():
                for _ in range(min(self.room(), 10)):
                    self._one()
                self._persons()
                self.over.wait(0.3)
        except Exception:  # noqa: BLE001  a load that stops would make the run milder, unseen
            self.trouble = traceback.format_exc()
        self.finished.set()

    def room(self):
        """How many more may be begun; none while the database does not say."""
        try:
            return max(0, self.at_once - self.cluster.pair.one(UNFINISHED, self.made))
        except (psycopg2.Error, AttributeError):
            return 0

    def _one(self):
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        made = self.cluster.load.trigger(kind, self.random.choice(list(self.cluster.load.entries)))
        self.made += 1
        if self.random.random() < TOUCHED:
            act = self.random.choices(list(ACTS), [weight for weight, _ in ACTS.values()])[0]
            heapq.heappush(self._due, (time.monotonic() + self.random.uniform(0.1, ACTS[act][1]), made, act))

    def _persons(self):
        while self._due and self._due[0][0] <= time.monotonic():
            _, incident, act = heapq.heappop(self._due)
            do, more = {"stop": ("note", {"content": "firstline stop"}), "escalate": ("escalate", {"level": 2})}.get(act, (act, {}))
            if do == "reopen" and self.cluster.pagerduty.incident(incident)["status"] != "resolved":
                continue
            try:
                self.cluster.pagerduty.act(incident, AIKO, do, **more)
                self.acts += 1
            except ControlError:
                continue  # it is resolved by now
