# SPDX-License-Identifier: MIT
"""What a database was asked, by pg_stat_statements: calls, blocks of the buffers, WAL; by the names of sql/statements."""

from tests.bench.harness import ROOT

SETTINGS = {"shared_preload_libraries": "'pg_stat_statements'"}
COSTS = ("statements", "blocks", "blocks_read", "wal_bytes", "wal_full_pages")
ASKED = """
select left(query, 120), sum(calls), sum(shared_blks_hit + shared_blks_read), sum(shared_blks_read), sum(wal_bytes), sum(wal_fpi)
  from pg_stat_statements s join pg_database d on d.oid = s.dbid
 where d.datname = current_database() and query not like '%pg_stat_statements%' group by 1"""


def begin(database):
    database.query("create extension if not exists pg_stat_statements; select pg_stat_statements_reset()")


def counted(database):
    """{beginning of a statement's text: [calls, blocks, ...]} since the begin."""
    return {text: [float(n) for n in numbers] for text, *numbers in database.query(ASKED)}


def costs(database, before, per):
    """What was asked since `before`, per so many of something: {of COSTS: number}."""
    sums = [sum(column) for column in zip(*counted(database).values())]
    less = [sum(column) for column in zip(*before.values())] or [0] * len(sums)
    return {name: (n - away) / per for name, n, away in zip(COSTS, sums, less)}


def named(found):
    """Of counted(): {name of a statement: [calls, blocks, ...]}; what is not ours is not there."""
    names = {path.read_text(encoding="utf-8")[:60]: path.stem for path in (ROOT / "sql/statements").glob("*.sql")}
    return {names[text[:60]]: numbers for text, numbers in found.items() if text[:60] in names}
