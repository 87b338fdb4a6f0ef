# SPDX-License-Identifier: MIT
"""What is sampled, of which is asked to be flat, and within which tolerance. One table for the samples, the verdict and the docs."""

import collections
import contextlib
import os
import pathlib
import re
import time

from flat import Tolerance, judge

MIB = 1 << 20
Figure = collections.namedtuple("Figure", "name unit tolerance about")
# Of each node. Sessions and descriptors follow the load, which comes by chance; the others have no reason to move.
NODE = [
    Figure("rss_kib", "KiB", Tolerance(0.05, 2048), "resident memory"),
    Figure("anonymous_kib", "KiB", Tolerance(0.05, 2048), "of it, what is no file: heap and stacks"),
    Figure("descriptors", "", Tolerance(0.1, 10), "open descriptors"),
    Figure("threads", "", Tolerance(0, 0), "threads"),
    Figure("database_connections", "", Tolerance(0, 1), "connections that the database counts for this node"),
    Figure("ssh_sessions", "", Tolerance(0.1, 10), "SSH sessions, by its metrics"),
]
# Tables that hold only what is going on: with their indexes and dead rows, which autovacuum clears in waves.
HOT = ("run", "step", "decision", "outbox", "node", "turn", "budget", "control", "guard", "token_debt", "version", "machine")
# Tables that keep what happened, for as long as docs/settings.md says under retention: told, not judged.
KEPT = ("event", "incident", "run_key", "run_history", "step_history", "decision_history", "outbox_history", "event_history")
TABLE = Tolerance(0.5, MIB)
SIZES = """
select t.name, coalesce(sum(pg_total_relation_size(p.relid)), pg_total_relation_size(t.name::regclass))::bigint
  from unnest(%s::text[]) t (name) left join lateral pg_partition_tree(t.name::regclass) p on p.isleaf group by 1"""
CONNECTIONS = """
select split_part(application_name, ' ', 2), count(*) from pg_stat_activity where application_name like 'firstline %' group by 1"""


def status_kib(pid, *keys):
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB$", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.M))
    return [int(found[key]) for key in keys]


def metric(text, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


class Samples:
    def __init__(self, site):
        self.site = site
        self.began = time.monotonic()
        self.series = {}   # (who, figure): [(second, value)]
        self.missed = 0

    def take(self):
        """One of everything; a database that a fault has taken away is a sample less."""
        at = round(time.monotonic() - self.began, 2)
        found = {}
        try:
            for name, node in self.site.nodes.items():
                found.update({(name, figure): value for figure, value in self._node(node).items()})
            counted = dict(self.site.database.query(CONNECTIONS))
            found.update({(name, "database_connections"): counted.get(name, 0) for name in self.site.nodes})
            found.update({("database", table): size for table, size in self.site.database.query(SIZES, [*HOT, *KEPT])})
        except Exception:  # noqa: BLE001  whatever a fault may do to a connection
            self.missed += 1
            return {}
        for key, value in found.items():
            self.series.setdefault(key, []).append((at, value))
        return found

    @staticmethod
    def _node(node):
        pid = node.process.pid
        rss, anonymous = status_kib(pid, "VmRSS", "RssAnon")
        return {"rss_kib": rss, "anonymous_kib": anonymous, "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
                "threads": len(os.listdir(f"/proc/{pid}/task")), "ssh_sessions": metric(node.get("/metrics")[1], "firstline_ssh_sessions")}

    def verdicts(self):
        """A row for each figure of each node and each hot table."""
        wanted = [(name, figure.name, figure.tolerance) for name in self.site.nodes for figure in NODE]
        wanted += [("database", table, TABLE) for table in HOT]
        return [{"of": who, "figure": figure, **judge(self.series.get((who, figure), []), tolerance)} for who, figure, tolerance in wanted]

    def kept(self, incidents):
        """What the tables that keep history have grown by for each incident."""
        grown = {table: self.series[("database", table)] for table in KEPT if ("database", table) in self.series}
        return {table: round((values[-1][1] - values[0][1]) / max(incidents, 1)) for table, values in grown.items()}

    def thinned(self, most):
        """The series, at most so many samples of each: {"who figure": [[second, value]]}."""
        return {f"{who} {figure}": values[::max(1, -(-len(values) // most))] for (who, figure), values in self.series.items()}


def line(found, nodes):
    """One sample as a line of progress."""
    words = []
    for name in nodes:
        with contextlib.suppress(KeyError):
            words.append(f"{name} {found[(name, 'rss_kib')] / 1024:.1f} MiB, {found[(name, 'descriptors')]} descriptors, "
                         f"{found[(name, 'ssh_sessions')]:.0f} sessions, {found[(name, 'database_connections')]} to the database")
    return "; ".join(words) or "no sample: the database does not answer"
