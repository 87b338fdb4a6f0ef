# SPDX-License-Identifier: MIT
"""The database of two regions: Postgres in each under Patroni, and etcd there and at a witness.

    pair = Pair(network, folder, ttl=10)
    pair.start()
    pair.query("select 1")                      # on whichever takes writes, as seen from the observer
    pair.kill("tokyo"); pair.start_site("tokyo")

Patroni of Debian 12 (3.0.2) speaks etcd's v2 API here: over v3 it splits the brain when a cut heals. No passwords and no
TLS, which a drill in namespaces of its own does not need; deploy/ha is for production.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.request

import psycopg2
import yaml

from tests.drill.places import SITES, WITNESS
from tests.kit import processes
from tests.kit.postgres import programs

# Patroni's ttl: (loop_wait, retry_timeout). 3.0.2 needs loop_wait + 2 * retry_timeout <= ttl.
QUICK = {10: (2, 3), 20: (2, 3)}
START_LIMIT_S = 180
POSTGRES, PATRONI, ETCD, ETCD_PEERS = 5432, 8008, 2379, 2380
PARAMETERS = {
    "wal_level": "replica", "hot_standby": "on", "wal_log_hints": "on", "synchronous_commit": "on", "max_connections": 200,
    "max_wal_senders": 8, "max_replication_slots": 8, "shared_buffers": "64MB", "log_line_prefix": "%m [%p] %a ",
    "wal_sender_timeout": "5s", "wal_receiver_timeout": "5s", "tcp_user_timeout": "5s",
}
# The first process of a namespace of processes: when it is killed, the kernel kills all of them at once. Process ids
# start at a random place, so that what a killed one left behind names no living process.
FIRST = """
echo $(($$ + $(od -An -N2 -tu2 /dev/urandom))) >/proc/sys/kernel/ns_last_pid
exec setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig=KILL -- "$@"
"""


class Member:
    """One process and all below it, in a place of the network, in a process namespace of its own."""

    def __init__(self, network, place, command, folder, log):
        self.network, self.place, self.command = network, place, [str(word) for word in command]
        self.folder, self.log = folder, pathlib.Path(log)
        self.process = None

    def start(self):
        command = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c", FIRST, "sh", *self.command]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        with self.network.inside(self.place), open(self.log, "ab") as log:
            self.process = processes.start(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        """SIGKILL to the first process, and so to all; returns when none is left."""
        if self.process is None:
            return
        for pid in processes.descendants(self.process.pid):
            if self._is_first(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    @staticmethod
    def _is_first(pid):
        with contextlib.suppress(OSError):
            return "\nNSpid:\t" + str(pid) + "\t1\n" in pathlib.Path(f"/proc/{pid}/status").read_text()
        return False

    def signal(self, number):
        """To all of it but the first process, which takes none that could stop it."""
        for pid in processes.descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


class Pair:
    def __init__(self, network, folder, ttl=10):
        self.network = network
        self.folder = pathlib.Path(folder)
        self.ttl = ttl
        self.folder.mkdir(parents=True)
        shutil.chown(self.folder, "postgres", "postgres")
        self.etcd = {site: self._etcd(site) for site in (*SITES, WITNESS)}
        self.patroni = {site: self._patroni(site) for site in SITES}

    # --- making ----------------------------------------------------------------------------------------------------

    @staticmethod
    def place(site):
        return site if site == WITNESS else f"{site}-db"

    def address(self, site):
        return self.network.address(self.place(site))

    def _etcd(self, site):
        def url(where, port):
            return f"http://{self.address(where)}:{port}"
        members = ",".join(f"{where}={url(where, ETCD_PEERS)}" for where in (*SITES, WITNESS))
        command = ["etcd", "--name", site, "--data-dir", self.folder / f"etcd-{site}", "--enable-v2", "--logger", "zap",
                   "--heartbeat-interval", "100", "--election-timeout", "1000",
                   "--listen-peer-urls", url(site, ETCD_PEERS), "--initial-advertise-peer-urls", url(site, ETCD_PEERS),
                   "--listen-client-urls", url(site, ETCD), "--advertise-client-urls", url(site, ETCD),
                   "--initial-cluster", members, "--initial-cluster-token", "drill", "--initial-cluster-state", "new"]
        return Member(self.network, self.place(site), command, self.folder, self.folder / f"etcd-{site}.log")

    def _patroni(self, site):
        path = self.folder / f"patroni-{site}.yaml"
        path.write_text(yaml.safe_dump(self._settings(site)))
        return Member(self.network, self.place(site), ["patroni", path], self.folder, self.folder / f"patroni-{site}.log")

    def _settings(self, site):
        loop_wait, retry_timeout = QUICK[self.ttl]
        sockets = self.folder / f"sockets-{site}"
        sockets.mkdir()
        shutil.chown(sockets, "postgres", "postgres")
        trust = [f"{kind} all 0.0.0.0/0 trust" for kind in ("host all", "host replication")]
        dcs = {"ttl": self.ttl, "loop_wait": loop_wait, "retry_timeout": retry_timeout, "maximum_lag_on_failover": 1 << 20,
               "synchronous_mode": True, "synchronous_mode_strict": False, "primary_start_timeout": 10, "primary_stop_timeout": 5,
               "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": PARAMETERS}}
        where = f"{self.address(site)}:{POSTGRES}"
        return {
            "scope": "drill", "name": site,
            "restapi": {"listen": f"{self.address(site)}:{PATRONI}", "connect_address": f"{self.address(site)}:{PATRONI}"},
            "etcd": {"hosts": [f"{self.address(other)}:{ETCD}" for other in (*SITES, WITNESS)]},
            "bootstrap": {"dcs": dcs, "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
                          "pg_hba": ["local all all trust", *trust]},
            "postgresql": {
                "listen": where, "connect_address": where, "data_dir": str(self.folder / f"data-{site}"),
                "bin_dir": str(programs()), "pgpass": str(self.folder / f"pgpass-{site}"),
                "remove_data_directory_on_rewind_failure": True, "remove_data_directory_on_diverged_timelines": True,
                "authentication": {role: {"username": name} for role, name in
                                   (("superuser", "postgres"), ("replication", "replicator"), ("rewind", "rewinder"))},
                "parameters": {"unix_socket_directories": str(sockets)}, "basebackup": [{"checkpoint": "fast"}]},
            "watchdog": {"mode": "off"},
        }

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self, first="tokyo", databases=("firstline",)):
        """Brings up all of it: the first site is the primary, the other its synchronous standby. The databases are made before
        there is a standby: libpq would stop at one that has not replayed that yet."""
        for member in self.etcd.values():
            member.start()
        self.wait_quorum(WITNESS)
        self.patroni[first].start()
        self._wait(lambda: self.primary() == first, f"the primary in {first}")
        self.query("create role firstline login", database="postgres")
        self.query("grant pg_monitor to firstline", database="postgres")
        for name in databases:
            self.query(f'create database "{name}" owner firstline', database="postgres")
        for site in SITES:
            if site != first:
                self.patroni[site].start()
        self.wait_synchronous()

    def start_site(self, site):
        """Starts what is not running there: after a kill, on the data that were left."""
        for members in (self.etcd, self.patroni):
            if site in members and members[site].process is None:
                members[site].start()

    def kill(self, site):
        for members in (self.patroni, self.etcd):
            if site in members:
                members[site].kill()

    def stop(self):
        for site in (*SITES, WITNESS):
            self.kill(site)

    def stall(self, site):
        """Everything of the site's Postgres and its Patroni stands still; sockets stay open."""
        self.patroni[site].signal(signal.SIGSTOP)

    def resume(self, site):
        self.patroni[site].signal(signal.SIGCONT)

    def wait_quorum(self, site):
        self._wait(lambda: self._get(site, ETCD, "/health").get("health") == "true", f"etcd in {site} to have a quorum")

    def wait_synchronous(self, longest_s=START_LIMIT_S):
        self._wait(lambda: self.health()["synchronous"], "a primary with a synchronous standby", longest_s)

    def _wait(self, true, what, longest_s=START_LIMIT_S):
        try:
            return processes.wait_until(true, longest_s, what, every_s=0.2)
        except TimeoutError as error:
            logs = "\n".join(f"--- {member.log.name}\n{member.read_log()[-1500:]}"
                             for member in (*self.etcd.values(), *self.patroni.values()))
            raise TimeoutError(f"{error}\n{logs}") from None

    # --- looking ---------------------------------------------------------------------------------------------------

    def _get(self, site, port, path):
        """A JSON answer of etcd or Patroni, {} where there is none."""
        try:
            with self.network.inside("observer"), \
                    urllib.request.urlopen(f"http://{self.address(site)}:{port}{path}", timeout=2) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}

    def primary(self):
        """The site whose Patroni says that it leads and whose Postgres takes writes; "" while none does, both names while
        two do."""
        leading = []
        for site in SITES:
            seen = self._get(site, PATRONI, "/patroni")
            if seen.get("role") == "master" and seen.get("state") == "running" and self._writable(site):
                leading.append(site)
        return "+".join(leading)

    def _writable(self, site):
        with contextlib.suppress(psycopg2.Error):
            return self.query("select not pg_is_in_recovery()", site=site, database="postgres") == [(True,)]
        return False

    def health(self):
        """{"primary": site, "synchronous": whether its standby is in force, "timeline": number}."""
        primary = self.primary()
        found = {"primary": primary, "synchronous": False, "timeline": 0}
        if primary in SITES:
            with contextlib.suppress(psycopg2.Error):
                rows = self.query("select current_setting('synchronous_standby_names') <> '' and exists (select from pg_stat_replication "
                                  "where sync_state in ('sync', 'quorum')), timeline_id from pg_control_checkpoint()",
                                  site=primary, database="postgres")
                found.update(synchronous=rows[0][0], timeline=rows[0][1])
        return found

    # --- use -------------------------------------------------------------------------------------------------------

    def conninfo(self, database="firstline", site=None, user="firstline"):
        """Of one site's server, or of whichever takes writes: as the nodes have it."""
        hosts = ",".join(self.address(where) for where in ([site] if site else SITES))
        writes = "" if site else " target_session_attrs=read-write"
        return (f"host={hosts} port={POSTGRES} user={user} dbname={database}{writes} connect_timeout=2 tcp_user_timeout=2000 "
                "keepalives_idle=1 keepalives_interval=1 keepalives_count=2")

    def query(self, sql, *values, named=None, database="firstline", site=None, place="observer"):
        """Rows of one statement in its own transaction, asked from a place of the network. named: values by name."""
        with self.network.inside(place):
            connection = psycopg2.connect(self.conninfo(database, site, "postgres"))
            try:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(sql, named or values or None)
                    return cursor.fetchall() if cursor.description else []
            finally:
                connection.close()

    def one(self, sql, *values, **more):
        rows = self.query(sql, *values, **more)
        return rows[0][0] if rows else None

    def wait(self, sql, *values, expected=True, longest_s=60):
        """Waits until the statement's one value is the expected one."""
        def is_so():
            with contextlib.suppress(psycopg2.Error):
                return self.one(sql, *values) == expected
            return False
        processes.wait_until(is_so, longest_s, sql, every_s=0.2)
