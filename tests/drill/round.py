# SPDX-License-Identifier: MIT
"""One round of a drill: a site of its own is made, loaded, harmed, healed, left to finish, and judged.

    result = Round(folder, MODES["kill"], options, say).run()
"""

import contextlib
import json
import pathlib
import subprocess
import time

import psycopg2

from tests.drill import figures
from tests.drill.load import Load
from tests.drill.modes import ORPHANING
from tests.drill.orphans import Orphans
from tests.drill.places import SITES
from tests.drill.probe import Probe
from tests.drill.site import Site
from tests.kit import evidence, processes

CHECKER = pathlib.Path(__file__).resolve().parents[1] / "checker" / "check"
WARM_LIMIT_S = 180
SETTLE_LIMIT_S = 900
ORPHAN_LIMIT_S = 240        # beside what is allowed: to say how late it was
HELD_LEAST = 2
AFTER_S = 5                 # of load behind the heal
LIMITS = {"found_s": 60, "doubles_most": 20, "race_s": 25, "give_up_late_s": 30}
OPEN_RUNS = "select count(*) from run where ended_at is null"
OPEN_WRITES = "select count(*) from outbox where settled_at is null"
STATE = """
select (select count(*) from run where ended_at is null), (select count(*) from run_key),
       (select count(*) from outbox where settled_at is null), (select count(*) from node where not dead and lease_until > clock_timestamp())"""


class Round:
    """options: ttl, seed, rate, seconds (or None), within (or None). say(text): shows progress."""

    def __init__(self, folder, mode, options, say):
        self.folder, self.mode, self.options, self.say = pathlib.Path(folder), mode, options, say
        self.home = SITES[options.seed % 2]
        self.away = SITES[1 - options.seed % 2]
        self.hold_s = options.seconds if options.seconds is not None else mode.hold_s
        self.began = time.time()
        self.at = self.healed_at = 0.0
        self.site = self.load = self.orphans = None
        self.probes = {}
        self.settled = False
        self.needs_orphans = mode.name in ORPHANING
        self.lost_nodes = []        # names of the nodes that the mode takes away
        self.verdict_text = ""

    def run(self):
        with Site(self.folder, self.options.ttl) as site:
            self.site = site
            self._build()
            self._warm()
            self._harm()
            self._settle()
            self._record()
            verdicts = self._check()
            return self._result(figures.of_round(self, verdicts))

    # --- phases ----------------------------------------------------------------------------------------------------

    def _phase(self, text):
        self.say(f"{time.time() - self.began:6.1f} s  {text}")

    def _build(self):
        self._phase(f"building: two regions and a witness; the primary is in {self.home}")
        self.site.start(self.home)
        Load.prepare(self.site)
        self.site.start_nodes()
        Probe.prepare(self.site.database)
        self.probes = {where: Probe(self.site.database, where) for where in SITES}
        more = ["handed_over"] if self.needs_orphans else []
        if self.needs_orphans:
            self.lost_nodes = [node.name for node in self.site.nodes_of(self.home)]
        self.load = Load(self.site, self.options.seed, self.options.rate, more)

    def _warm(self):
        self._phase(f"load: {self.options.rate:g} incidents a second")
        for probe in self.probes.values():
            probe.start()
        self.load.start()
        processes.wait_until(self._is_warm, WARM_LIMIT_S, "runs to be under way", every_s=0.1)

    def _is_warm(self):
        self._show("warming")
        ended = self.site.database.one("select count(*) from run_key k where not exists (select from run r where r.id = k.run and r.ended_at is null)")
        if ended < HELD_LEAST:
            return False
        held = Orphans(self.site.database, self.lost_nodes).held
        return not self.needs_orphans or len(held) >= HELD_LEAST and any(run.state == "recovering" for run in held)

    def _harm(self):
        self.orphans = Orphans(self.site.database, self.lost_nodes)
        self.at = self.orphans.at = time.time()
        self._phase(f"{self.mode.name}: {self.mode.about}; {len(self.orphans.held)} runs are held there")
        with self.mode.block(self.site, self.home, self.away, self.hold_s):
            self._watch()
            self._phase("healing")
        self.healed_at = time.time()

    def _watch(self):
        """Until the harm has lasted long enough and every orphan went on."""
        done = False
        while time.time() < self.at + self.hold_s or not done:
            with contextlib.suppress(psycopg2.Error):
                done = self.orphans.look()
            if time.time() > self.at + self.hold_s + ORPHAN_LIMIT_S:
                return
            self._show("harmed")
            time.sleep(0.5)

    def _settle(self):
        self.site.database.wait_synchronous()
        self._phase("healed: a primary with a synchronous standby")
        time.sleep(AFTER_S)
        self.load.stop()
        self._phase("load ended; waiting for all runs and writes to end")
        try:
            processes.wait_until(self._is_settled, SETTLE_LIMIT_S, every_s=0.5)
            self.settled = True
        except TimeoutError:
            self.settled = False  # judged, and said in the report
        for probe in self.probes.values():
            probe.stop()
        for node in self.site.nodes.values():
            node.stop()

    def _is_settled(self):
        self._show("settling")
        with contextlib.suppress(psycopg2.Error):
            return self.site.database.one(OPEN_RUNS) == 0 and self.site.database.one(OPEN_WRITES) == 0 and not self._unknown()
        return False

    def _unknown(self):
        """Incidents that the database does not know yet."""
        known = {row[0] for row in self.site.database.query("select incident_key from run_key")}
        return [incident for incident in self.load.made if incident not in known]

    def _show(self, phase):
        with contextlib.suppress(psycopg2.Error):
            open_runs, keys, writes, live = self.site.database.query(STATE)[0]
            self.say(f"{time.time() - self.began:6.1f} s  {phase}: {len(self.load.made)} incidents, {keys} known, {open_runs} runs open, "
                     f"{writes} writes open, {live} workers live", often=True)
            return
        self.say(f"{time.time() - self.began:6.1f} s  {phase}: {len(self.load.made)} incidents; no database takes writes", often=True)

    # --- judging ---------------------------------------------------------------------------------------------------

    def _record(self):
        """The history, from both database nodes once they have the same."""
        history, database = self.site.history, self.site.database
        self._phase("reading both database nodes, PagerDuty and the machines")
        primary = database.primary()
        for start, end in self.probes[self.away].silences(since=self.at - 1):
            history.broke(start, "silent", "database", until=end, blinds=True)
        database.wait("select bool_and(pg_current_wal_lsn() = replay_lsn) from pg_stat_replication", expected=True)
        history.hosts_from(self.site.machine)
        history.write_pagerduty(self.site.simulator)
        for where in SITES:
            history.write_database(where, lambda sql, s=where: database.query(sql, site=s))
        history.write_about(f"drill {self.mode.name}", settled=self.settled, databases=SITES, limits=LIMITS,
                            seed=self.options.seed, ttl=self.options.ttl, primary=primary)

    def _check(self):
        path = self.folder / "verdicts.json"
        done = subprocess.run([str(CHECKER), str(self.site.history.folder), "--json", str(path)], capture_output=True, text=True, check=False)
        self.verdict_text = done.stdout + done.stderr
        if done.returncode not in (0, 1) or not path.exists():
            raise RuntimeError(f"the checker ended with {done.returncode}: {self.verdict_text}")
        return json.loads(path.read_text(encoding="utf-8"))

    def _result(self, found):
        ended = time.time()
        return {"mode": self.mode.name, "seed": self.options.seed, "ttl": self.options.ttl, "rate": self.options.rate,
                "primary": self.home, "commit": evidence.commit(), "start": evidence.at(self.began), "end": evidence.at(ended),
                "seconds": round(ended - self.began, 1), **found}

    def broke_off(self, error):
        """The result of a round that came to no verdict: it counts as failed."""
        self.verdict_text = ""
        return self._result({**figures.NONE, "faults": [f"the round broke off: {type(error).__name__}: {error}"]})
