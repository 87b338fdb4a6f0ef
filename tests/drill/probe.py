# SPDX-License-Identifier: MIT
"""A writer of its own in each region: one row each 100 ms, and a note of each that was acknowledged. It shows how long the
database took no writes, and after the heal whether every acknowledged row is on both of its nodes."""

import contextlib
import threading
import time

import psycopg2

EVERY_S = 0.1
DATABASE = "probe"


class Probe:
    def __init__(self, database, site):
        self.database, self.site = database, site
        self.acknowledged = []      # (key, at)
        self.warned = 0             # told "canceling wait for synchronous replication": not acknowledged
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"probe-{site}", daemon=True)

    @staticmethod
    def prepare(database):
        database.query("create table probe (key text primary key, at timestamptz not null default clock_timestamp())", database=DATABASE)
        database.query("grant all on probe to firstline", database=DATABASE)

    def start(self):
        self._thread.start()

    def stop(self):
        """A write that hangs in a cut is not waited for."""
        self._over.set()
        self._thread.join(10)

    def _work(self):
        connection, number = None, 0
        with self.database.network.inside(f"{self.site}-nodes"):
            while not self._over.wait(EVERY_S):
                number += 1
                try:
                    connection = connection or self._connect()
                    self._write(connection, f"{self.site}-{number}")
                except psycopg2.Error:
                    with contextlib.suppress(psycopg2.Error, AttributeError):
                        connection.close()
                    connection = None
            if connection:
                connection.close()

    def _connect(self):
        connection = psycopg2.connect(self.database.conninfo(DATABASE))
        connection.autocommit = True
        return connection

    def _write(self, connection, key):
        del connection.notices[:]
        with connection.cursor() as cursor:
            cursor.execute("insert into probe (key) values (%s)", (key,))
        if any("synchronous replication" in notice for notice in connection.notices):
            self.warned += 1
        else:
            self.acknowledged.append((key, time.time()))

    def longest_gap(self, since, until):
        """The longest time without an acknowledged row that touches the span, in seconds."""
        times = [at for _, at in self.acknowledged]
        ends = [*times, until]
        gaps = [after - before for before, after in zip(times, ends[1:]) if after >= since and before <= until]
        return round(max(gaps, default=until - since), 2)

    def silences(self, since, least_s=1.0):
        """Spans without an acknowledged row: the database answered nobody here. [(from, until)]"""
        times = [at for _, at in self.acknowledged]
        return [(before, after) for before, after in zip(times, times[1:]) if after >= since and after - before >= least_s]

    def missing(self, site):
        """Acknowledged rows that the site's server does not have."""
        there = {row[0] for row in self.database.query("select key from probe", site=site, database=DATABASE)}
        return [key for key, _ in self.acknowledged if key not in there]
