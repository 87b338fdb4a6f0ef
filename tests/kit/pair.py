# SPDX-License-Identifier: MIT
"""Two real Postgres servers, the second a synchronous standby of the first, and what may happen to them.

    with Pair(folder) as pair:                       # pair.primary, pair.standby: tests.kit.postgres.Postgres
        world = World(folder, pair, machine, pd)     # conninfo() names both; query(), one(), wait() ask the primary of now
        pair.standby.pause()                         # silent: every commit waits; .resume()
        pair.primary.kill(); pair.promote()          # the standby takes over; pair.primary is now the survivor, alone
        pair.rejoin()                                # the old one comes back as its synchronous standby (a new base backup)
        pair.fail_over("kill")                       # kill | stop | pause | stale, then promote, in one word

    pair.promote(stale=True)   # the old primary lives on with what it knew: two primaries; it is pair.old
    pair.alone()               # the primary gives its standby up, as Patroni does: commits no longer wait; .together()
    pair.in_step()             # waits until the standby is synchronous
    pair.keep("early")         # a base backup of now ...
    pair.restore("early")      # ... becomes the data of both: acknowledged commits since then are gone
    pair.waiting()             # how many sessions of the primary wait for the standby
    pair.hosts[0].clock        # "+25s" before a start: that server's wall clock; Pair(folder, clocks=("", "+25s"))
    world.node("tokyo", clock="-1h")   # the same for a node (tests/kit/node.py)

A standby that is away makes commits wait for ever until alone() is called: nothing here decides that by itself. wal_sender
and receiver give up after 5 s, as the deployments do.
"""

import contextlib
import pathlib

from tests.kit import processes
from tests.kit.postgres import Postgres
from tests.kit.proxy import Proxy

SETTINGS = {"wal_log_hints": "on", "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s", "max_connections": 200,
            "hot_standby": "on", "wal_keep_size": "'256MB'"}
SYNC = "select coalesce((select sync_state from pg_stat_replication limit 1), '')"


class Pair:
    """settings: further lines of both servers' postgresql.conf. clocks: how much each server's wall clock is off. delay_s: of the
    stream to the standby, each way; not after a promotion."""

    def __init__(self, folder, settings=None, clocks=("", ""), delay_s=0.0):
        self.folder = pathlib.Path(folder)
        self.relay = None
        first = Postgres(self.folder / "one", {**SETTINGS, **(settings or {})}, clock=clocks[0])
        self.hosts = [first]
        try:
            self.hosts.append(Postgres(self.folder / "two", clock=clocks[1], of=first))
            self.primary, self.standby, self.old = first, self.hosts[1], None
            self.relay = Proxy(first.port, delay_s) if delay_s else None
            self._follow()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for host in reversed(self.hosts):
            with contextlib.suppress(Exception):
                host.kill()
        if self.relay:
            self.relay.__exit__()

    # --- who is who ------------------------------------------------------------------------------------------------

    def _follow(self):
        """The standby starts to stream from the primary, which from then on waits for it."""
        self.standby.write("standby.signal", "")
        conninfo = self.primary.conninfo("postgres")
        if self.relay and self.relay.target == self.primary.port:
            conninfo = conninfo.replace(f"port={self.primary.port}", f"port={self.relay.port}")
        self.standby.write("postgresql.auto.conf", f"primary_conninfo = '{conninfo} application_name=standby'\n")
        self.standby.start()
        self.together()

    def together(self):
        """The primary waits for its standby from now on."""
        self.primary.setting("synchronous_standby_names", "*")
        self.in_step()

    def in_step(self):
        processes.wait_until(lambda: self.primary.query(SYNC, database="postgres")[0][0] == "sync", processes.PATIENCE_S,
                             "the standby to be synchronous")

    def alone(self):
        self.primary.setting("synchronous_standby_names", "")

    def promote(self, stale=False):
        """The standby becomes the primary, alone. The old one must be down or paused, unless it is to live on as a second
        primary."""
        if not stale and self.primary.process is not None and not self.primary.paused:
            raise RuntimeError("the old primary runs: stop, kill or pause it first, or say stale=True")
        survivor = self.standby
        survivor.resume()
        survivor.query("select pg_promote(true, 60)", database="postgres")
        processes.wait_until(lambda: survivor.query("show transaction_read_only", database="postgres")[0][0] == "off", processes.PATIENCE_S,
                             "the survivor to accept writes")
        self.old, self.primary, self.standby = self.primary, survivor, None

    def fail_over(self, how="kill"):
        {"kill": self.primary.kill, "stop": self.primary.stop, "pause": self.primary.pause, "stale": lambda: None}[how]()
        self.promote(stale=how == "stale")

    def rejoin(self):
        """The old primary forgets what it had and follows the new one."""
        self.old.kill()
        self.standby, self.old = self.old, None
        self.standby.forget()
        self.primary.backup(self.standby.data)
        self._follow()

    # --- going back in time ----------------------------------------------------------------------------------------

    def keep(self, name):
        self.primary.backup(self.hosts[0].folder / name)

    def restore(self, name):
        """Both servers are stopped at once and go on from the backup, the first as primary."""
        self.primary, self.standby, self.old = self.hosts[0], self.hosts[1], None
        for host in self.hosts:
            host.kill()
        self.primary.restore(self.primary.folder / name)
        self.primary.write("postgresql.auto.conf", "")
        self.primary.start()
        self.standby.forget()
        self.primary.backup(self.standby.data)
        self._follow()

    # --- as one database -------------------------------------------------------------------------------------------

    def conninfo(self, database="firstline"):
        ports = ",".join(str(host.port) for host in self.hosts)
        return f"host=127.0.0.1,127.0.0.1 port={ports} user=postgres dbname={database}"

    def query(self, sql, *values, database="firstline"):
        return self.primary.query(sql, *values, database=database)

    def one(self, sql, *values):
        return self.primary.one(sql, *values)

    def wait(self, sql, *values, expected=True, longest_s=processes.PATIENCE_S):
        self.primary.wait(sql, *values, expected=expected, longest_s=longest_s)

    def waiting(self):
        return self.primary.one("select count(*) from pg_stat_activity where wait_event = 'SyncRep'")

    def dump(self, database="firstline"):
        return self.primary.dump(database)

    def read_log(self):
        return "".join(host.read_log() for host in self.hosts)
