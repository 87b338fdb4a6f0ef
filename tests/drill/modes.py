# SPDX-License-Identifier: MIT
"""What a drill does to a site. A mode is a block: at its `yield` the harm is done, behind it everything is healed.

A mode gives up the names of the nodes whose runs are orphans; `home` is the region of the database's primary, `away` the
other.
"""

import collections
import contextlib
import time

from tests.drill.places import WITNESS

STALL_S = 8
Mode = collections.namedtuple("Mode", "name about block region_dies hold_s blinds spared")


@contextlib.contextmanager
def kill(site, home, away, seconds):
    del away, seconds
    with site.history.fault("region", home):
        site.kill_site(home)
        yield
    site.revive_site(home)


@contextlib.contextmanager
def cut(site, home, away, seconds):
    del away, seconds
    with site.history.fault("cut", home):
        site.network.cut_site(home)
        yield
        site.network.heal_site(home)


@contextlib.contextmanager
def cut_db(site, home, away, seconds):
    del seconds
    nodes, databases = f"{home}-nodes", [f"{where}-db" for where in (home, away)]
    with site.history.fault("cut", nodes):
        for database in databases:
            site.network.cut(nodes, database)
        yield
        for database in databases:
            site.network.heal(nodes, database)


@contextlib.contextmanager
def pause(site, home, away, seconds):
    del away, seconds
    nodes = site.nodes_of(home)
    with site.history.fault("pause", home):
        for node in nodes:
            node.pause()
        yield
        for node in nodes:
            node.resume()


@contextlib.contextmanager
def standby(site, home, away, seconds):
    del home, seconds
    with site.history.fault("stall", f"{away}-db"):
        site.database.stall(away)
        time.sleep(STALL_S)
        site.database.resume(away)
    yield


@contextlib.contextmanager
def webhooks(site, home, away, seconds):
    del home, away, seconds
    with site.history.fault("webhooks", "pagerduty"):
        site.simulator.control("POST", "webhooks", {"mode": "off"})
        yield
        site.simulator.control("POST", "webhooks", {"mode": "on"})


@contextlib.contextmanager
def rolling(site, home, away, seconds):
    del home, away, seconds
    for node in site.nodes.values():
        with site.history.fault("stop", node.name):
            node.stop()
            node.start()
    yield


@contextlib.contextmanager
def witness(site, home, away, seconds):
    del home, away, seconds
    with site.history.fault("witness", WITNESS):
        site.kill_site(WITNESS)
        yield
    site.revive_site(WITNESS)


# region_dies: the nodes of home lose the database with its primary. hold_s: the harm lasts at least so long. spared: no node
# may be taken for dead.
MODES = {mode.name: mode for mode in (
    Mode("kill", "the region with the primary dies: silent, and everything in it killed", kill, True, 20, True, False),
    Mode("cut", "the region with the primary is silenced, and healed", cut, True, 30, True, False),
    Mode("cut-db", "the workers there lose only Postgres: they keep SSH and PagerDuty", cut_db, False, 20, False, False),
    Mode("pause", "the workers there stand still (SIGSTOP) and continue", pause, False, 20, False, False),
    Mode("standby", f"the synchronous standby stalls for {STALL_S} s and returns", standby, False, 10, True, True),
    Mode("webhooks", "no webhook arrives, for ten minutes", webhooks, False, 600, False, True),
    Mode("rolling", "all nodes are restarted, one after the other, under load", rolling, False, 5, False, True),
    Mode("witness", "the witness dies and returns: nothing happens", witness, False, 20, False, True),
)}
ORPHANING = ("kill", "cut", "cut-db", "pause")
