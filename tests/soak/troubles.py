# SPDX-License-Identifier: MIT
"""Faults of a soak that leave the nodes alone: SSH ends, the database loses its connections or stands still, PagerDuty fails,
webhooks stop. One at a time, seeded, healed again."""

import random
import threading
import time
import traceback

PAGERDUTY = [("delay", {"ms": 2000}), ("429", {"seconds": 1}), ("500", {}), ("cut_before", {}), ("cut_after", {})]
CUT = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name like 'firstline %'"


def ssh(site, dice):
    site.machine.cut()
    if dice.random() < 0.5:
        site.machine.restart_sshd(away_s=dice.uniform(0, 2))


def database_cut(site, _):
    site.database.query(CUT, database="postgres")


def database_still(site, dice):
    site.database.pause()
    time.sleep(dice.uniform(0.5, 2))
    site.database.resume()


def pagerduty(site, dice):
    kind, more = dice.choice(PAGERDUTY)
    site.pagerduty.fault(kind, dice.choice(["POST", "PUT", "GET", "*"]), "/incidents", count=dice.randint(1, 10), **more)
    time.sleep(dice.uniform(1, 5))
    site.pagerduty.control("POST", "clear", {"what": ["faults"]})


def webhooks(site, dice):
    site.pagerduty.control("POST", "webhooks", {"mode": "paused"})
    time.sleep(dice.uniform(1, 5))
    site.pagerduty.control("POST", "webhooks", {"mode": "on"})


KINDS = [ssh, database_cut, database_still, pagerduty, webhooks]


class Troubles(threading.Thread):
    def __init__(self, site, seed, every_s):
        super().__init__(daemon=True)
        self.site, self.every_s = site, every_s
        self.dice = random.Random(f"{seed} troubles")
        self.done, self.trouble = {}, None
        self._over = threading.Event()

    def stop(self):
        self._over.set()
        self.join()

    def run(self):
        try:
            while not self._over.wait(self.every_s * self.dice.uniform(0.5, 1.5)):
                kind = self.dice.choice(KINDS)
                kind(self.site, self.dice)
                self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1
        except Exception:  # noqa: BLE001  faults that stop would make the run milder, unseen
            self.trouble = traceback.format_exc()
