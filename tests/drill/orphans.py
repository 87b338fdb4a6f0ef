# SPDX-License-Identifier: MIT
"""The runs that a lost worker held, and when each went on: the first row of the journal that a successor wrote, be it the
outcome of what its predecessor had begun."""

import collections

HELD = """
select r.id::text, r.incident_key, r.epoch, r.state, n.name from run r join node n on n.incarnation = r.holder
 where r.ended_at is null and n.name = any(%s)"""
# The journal in two tables each: what has ended is moved to history.
WENT_ON = """
select id::text, epoch, ended_at is not null, (
    select extract(epoch from min(at)) from (
        select case when epoch > %(epoch)s then started_at else ended_at end as at
          from (select * from step where run = r.id union all select * from step_history where run = r.id) s
         where epoch > %(epoch)s or (r.epoch > %(epoch)s and ended_at >= r.claimed_at)
        union all select at from decision where run = r.id and epoch > %(epoch)s
        union all select at from decision_history where run = r.id and epoch > %(epoch)s) j)::float
  from (select id, epoch, ended_at, claimed_at from run where id = %(run)s
        union all select id, epoch, ended_at, claimed_at from run_history where id = %(run)s) r"""
RECOVERS = """
select title, state, outcome, why, status, extract(epoch from started_at)::float, extract(epoch from ended_at)::float
  from (select * from step where run = %(run)s union all select * from step_history where run = %(run)s) s
 where verb = 'recover' and epoch <= %(epoch)s order by attempt desc limit 1"""
DECIDED = """
select kind, text from (select * from decision where run = %(run)s union all select * from decision_history where run = %(run)s) d
 where epoch > %(epoch)s order by id"""
Orphan = collections.namedtuple("Orphan", "run incident epoch state holder")


class Orphans:
    """database: a Pair. nodes: names of the nodes that are about to be lost."""

    def __init__(self, database, nodes):
        self.database = database
        self.held = [Orphan(*row) for row in database.query(HELD, list(nodes))] if nodes else []
        self.times = {}             # run: seconds since the event
        self.finished = set()       # their outcome was committed before the event: no orphans
        self.at = 0.0

    def look(self):
        """Asks what became of those that have not gone on; true when all have."""
        for orphan in self.held:
            if orphan.run in self.times or orphan.run in self.finished:
                continue
            _, epoch, ended, at = self._one(WENT_ON, orphan) or (None, orphan.epoch, False, None)
            if at is not None:
                self.times[orphan.run] = max(0.0, at - self.at)
            elif ended and epoch == orphan.epoch:
                self.finished.add(orphan.run)
        return len(self.times) + len(self.finished) == len(self.held)

    def _one(self, sql, orphan):
        rows = self._rows(sql, orphan)
        return rows[0] if rows else None

    def _rows(self, sql, orphan):
        return self.database.query(sql, named={"run": orphan.run, "epoch": orphan.epoch})

    def lost(self):
        return [orphan for orphan in self.held if orphan.run not in self.times and orphan.run not in self.finished]

    def in_doubt(self):
        """Recovers that were under way when their worker was lost: [{run, step, settled}]."""
        found = []
        for orphan in self.held:
            recover = self._one(RECOVERS, orphan)
            if orphan.run in self.finished or recover is None or not self._was_open(orphan, recover):
                continue
            title, state, outcome, why, status, _, _ = recover
            said = [text for kind, text in self._rows(DECIDED, orphan) if kind == "unsure"]
            settled = {"started": "handed over without an outcome", "not_started": "had not started"}.get(
                state, f"had ended with status {status}" if status is not None else f"{outcome}: {why}")
            found.append({"run": orphan.run, "step": title, "settled": "; ".join([settled, *said])})
        return found

    def _was_open(self, orphan, recover):
        started, ended = recover[5], recover[6]
        return started <= self.at and (ended is None or ended >= self.at)
