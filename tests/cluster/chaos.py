# SPDX-License-Identifier: MIT
"""Faults by lanes: each lane is a thread that breaks one kind of thing at a time, heals it, and goes on. What it does next comes
from its own random numbers (seed and lane), so the same seed asks for the same faults in the same order; when they fall into
the work is the machine's affair."""

import random
import threading
import time
import traceback

from cluster import REGIONS

PAGERDUTY_FAULTS = [("delay", {"ms": 3000}), ("delay_after", {"ms": 3000}), ("429", {"seconds": 1}), ("500", {}), ("cut_before", {}),
                    ("cut_after", {}), ("act_then_status", {"status": 502, "text": "bad gateway"}), ("show_late", {"seconds": 2})]


class Lane(threading.Thread):
    """faults: {name: (weight, function(cluster, random))}. pause_s: between two. Ends when over is set."""

    def __init__(self, cluster, name, seed, faults, pause_s, over):
        super().__init__(daemon=True)
        self.cluster, self.lane, self.over = cluster, name, over
        self.random = random.Random(f"{seed} {name}")
        self.faults, self.pause_s = faults, pause_s
        self.done = {}
        self.trouble = None
        self.finished = threading.Event()
        self.leave = threading.Event()

    def run(self):
        """A node dies with the thread that started it, so the thread stays until it may leave."""
        try:
            names, weights = list(self.faults), [weight for weight, _ in self.faults.values()]
            while not self.over.is_set():
                name = self.random.choices(names, weights)[0]
                self.faults[name][1](self.cluster, self.random)
                self.done[name] = self.done.get(name, 0) + 1
                self.over.wait(self.random.uniform(0.5, 1.5) * self.pause_s)
        except Exception:  # noqa: BLE001  a lane that stops would make the run milder, unseen
            self.trouble = traceback.format_exc()
        self.finished.set()
        self.leave.wait()


# --- nodes --------------------------------------------------------------------------------------------------------------

def _node(cluster, random_, region):
    """One of the region's nodes, running: one that died by itself is noted and started."""
    name = random_.choice(REGIONS[region])
    node = cluster.nodes[name]
    if cluster.died(name) or node.process is None:
        node.start(ready=False)
    return name, node


def kill(region):
    def act(cluster, random_):
        name, node = _node(cluster, random_, region)
        away = random_.uniform(0.1, 1.5)
        with cluster.history.fault("kill", name):
            node.kill()
            time.sleep(away)
            node.start(ready=False)
    return act


def pause(region):
    def act(cluster, random_):
        name, node = _node(cluster, random_, region)
        with cluster.history.fault("pause", name):
            node.pause()
            time.sleep(random_.choice([random_.uniform(0.3, 2), random_.uniform(4.5, 7)]))  # around the lease of 4 s
            node.resume()
    return act


def cut(region):
    def act(cluster, random_):
        name, _ = _node(cluster, random_, region)
        with cluster.history.fault("cut", name):
            cluster.silence(name)
            time.sleep(random_.choice([random_.uniform(0.5, 3), random_.uniform(4, 9)]))
            cluster.hear(name)
    return act


def lose(region):
    """The answer to a commit is lost, and the connection with it."""
    def act(cluster, random_):
        name, _ = _node(cluster, random_, region)
        word = random_.choice([b"node_renew", b"run_claim", b"run_write", b"recover_start", b"event_take", b"outbox_next"])
        cluster.history.broke(time.time(), "lose", f"{name} {word.decode()}")
        for door in cluster.doors[name]:
            door.lose_answer(word)
    return act


def nodes_of(region):
    return {"kill": (5, kill(region)), "pause": (4, pause(region)), "cut": (1, cut(region)), "lose": (2, lose(region))}


# --- the database -------------------------------------------------------------------------------------------------------

def restart(cluster, random_):
    with cluster.history.fault("restart", "primary", blinds=True):
        cluster.pair.primary.stop(random_.choice(["fast", "immediate"]))
        time.sleep(random_.uniform(0, 2))
        cluster.pair.primary.start()
        cluster.pair.in_step()


def promote(cluster, random_):
    """The primary is lost in one of four ways; some seconds later the old one comes back as a standby with a new base backup."""
    how = random_.choice(["kill", "stop", "pause", "stale"])
    with cluster.history.fault("promote", how, blinds=True):
        cluster.pair.fail_over(how)
    time.sleep(random_.uniform(0, 3))
    with cluster.history.fault("rejoin", "the old primary"):
        cluster.pair.rejoin()


def stall(cluster, random_):
    """The standby is silent: every commit waits."""
    with cluster.history.fault("stall", "standby", blinds=True):
        cluster.pair.standby.pause()
        time.sleep(random_.uniform(1, 5))
        cluster.pair.standby.resume()


def freeze(cluster, random_):
    with cluster.history.fault("freeze", "primary", blinds=True):
        cluster.pair.primary.pause()
        time.sleep(random_.uniform(1, 5))
        cluster.pair.primary.resume()


DATABASE = {"restart": (2, restart), "promote": (2, promote), "stall": (2, stall), "freeze": (2, freeze)}


# --- PagerDuty and SSH ----------------------------------------------------------------------------------------------------

def pagerduty(cluster, random_):
    kind, more = random_.choice(PAGERDUTY_FAULTS)
    method = random_.choice(["POST", "PUT", "GET", "*"])
    with cluster.history.fault("pagerduty " + kind, method):
        number = cluster.pagerduty.fault(kind, method, "/incidents", count=random_.randint(1, 6), **more)
        time.sleep(random_.uniform(0.5, 3))
        cluster.pagerduty.control("DELETE", f"faults/{number}")


def webhooks(cluster, random_):
    with cluster.history.fault("webhooks", "paused"):
        cluster.pagerduty.control("POST", "webhooks", {"mode": "paused"})
        time.sleep(random_.uniform(0.5, 4))
        cluster.pagerduty.control("POST", "webhooks", {"mode": "on"})


def sshd(cluster, random_):
    """Every SSH connection ends, what was started over them goes on; and every second time sshd itself is started anew."""
    with cluster.history.fault("sshd", "restart"):
        cluster.machine.cut()
        if random_.random() < 0.5:
            cluster.machine.restart_sshd(random_.uniform(0, 2))


def machine(cluster, random_):
    """Everything on the hosts stands still."""
    with cluster.history.fault("machine", "stopped"):
        cluster.machine.pause()
        time.sleep(random_.uniform(0.5, 4))
        cluster.machine.resume()


OUTSIDE = {"pagerduty": (5, pagerduty), "webhooks": (1, webhooks), "sshd": (3, sshd), "machine": (1, machine)}


def lanes(cluster, seed, over, pause_s=0.3):
    """A lane for each region's nodes, one for the database, one for all else."""
    made = [Lane(cluster, region, seed, nodes_of(region), pause_s, over) for region in REGIONS]
    return made + [Lane(cluster, "database", seed, DATABASE, 8, over), Lane(cluster, "outside", seed, OUTSIDE, 2, over)]
