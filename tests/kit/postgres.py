# SPDX-License-Identifier: MIT
"""A private Postgres for a test: initdb in a folder of its own, a unix socket there and a free port on 127.0.0.1.

    with Postgres(folder) as db:
        db.query("select 1")

Postgres refuses to run as root, so as root it runs as the user postgres. It dies with the process that started it. Two
of them, the second a synchronous standby, are in tests/kit/pair.py.
"""

import collections
import contextlib
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess

import psycopg2

from tests.kit import processes

CLAIMS_MAX = 100  # a descriptor each; the oldest are of tests long over
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
SETTINGS = {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "on", "max_connections": 100,
    "log_line_prefix": "'%m [%p] %a '", "lc_messages": "'C'", "timezone": "'UTC'", "shared_buffers": "'64MB'",
    "dynamic_shared_memory_type": "mmap",  # nothing is left in /dev/shm when it is killed
}

_claims = collections.deque(maxlen=CLAIMS_MAX)


def programs():
    """The folder of the server's programs: the newest version that is installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found:
        raise RuntimeError("no Postgres server in /usr/lib/postgresql; deploy/install run")
    return found[-1].parent


def other_clock(offset):
    """The environment of a program whose wall clock is off by so much: "+25s", "-1h". Its monotonic clocks stay right, as
    on a machine whose wall clock is wrong. Empty for an empty offset."""
    if not offset:
        return {}
    if not os.path.exists(FAKETIME):
        raise RuntimeError(f"{FAKETIME} is missing; deploy/install test")
    return {"LD_PRELOAD": FAKETIME, "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}


def forget_clock(pid):
    """Removes what libfaketime keeps in memory for a process that could not do it itself."""
    for name in (f"sem.faketime_sem_{pid}", f"faketime_shm_{pid}"):
        pathlib.Path("/dev/shm", name).unlink(missing_ok=True)


def free_port():
    """A port on 127.0.0.1 that is free now. Below the range from which the system takes ports for outgoing connections, so
    that it stays free until it is used, and for a restart; random, and claimed by a name that the kernel gives to one process
    only, until that ends: others, who ask before it is used or while its server is away, get another (kit_free_port in
    kit_port.c claims likewise)."""
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as s, contextlib.suppress(OSError):
            claim.bind(f"\0firstline-port-{port}")
            s.bind(("127.0.0.1", port))
            _claims.append(claim)
            return port
        claim.close()
    raise RuntimeError("no free port on 127.0.0.1 between 10000 and 32000")


class Postgres:
    """settings: further lines of postgresql.conf. The database `firstline` exists and is empty. clock: how much the
    server's wall clock is off ("+25s"). of: another server, of whose data a base backup is taken instead of initdb; then
    nothing is made nor started."""

    def __init__(self, folder, settings=None, start=True, clock="", of=None):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "postgres.log"
        self.port = free_port()
        self.process = None
        self.paused = False
        self.clock = clock
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._own_folder()
        if of is not None:
            of.backup(self.data)
            return
        self._make(settings or {})
        if start:
            self.start()
            self.create("firstline")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop("immediate")

    def _as_user(self, *command):
        if os.geteuid() != 0:
            return [str(w) for w in command]
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=KILL", "--",
                *(str(w) for w in command)]

    def _own_folder(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.folder.chmod(0o755)

    def _run(self, *command):
        done = subprocess.run(self._as_user(*command), cwd="/", capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")

    def _make(self, settings):
        self._run(programs() / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
                  "--locale=C")
        lines = dict(SETTINGS, listen_addresses="'127.0.0.1'", **settings)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in lines.items())

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self):
        clock = [f"{name}={value}" for name, value in other_clock(self.clock).items()]  # as the user that will run it
        command = self._as_user("env", *clock, programs() / "postgres", "-D", self.data, "-c", f"port={self.port}", "-c",
                                f"unix_socket_directories={self.folder}")
        with open(self.log, "ab") as log:
            self.process = processes.start(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        processes.wait_until(self._answers, processes.PATIENCE_S, "Postgres to answer")

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"Postgres ended with {self.process.returncode}: {self.read_log()[-2000:]}")
        with contextlib.suppress(psycopg2.OperationalError):
            psycopg2.connect(self.conninfo("postgres"), connect_timeout=2).close()
            return True
        return False

    def stop(self, mode="fast"):
        """smart, fast or immediate; nothing when it is not running."""
        if self.process is None:
            return
        self.resume()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal({"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self):
        """SIGKILL to all its processes, as when the machine loses power. Nothing when it is not running."""
        if self.process is None:
            return
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.clock:
            forget_clock(self.process.pid)
        self.process = None
        self.paused = False

    def pause(self):
        """SIGSTOP to all its processes: sockets stay open, nothing answers."""
        self.paused = True
        self._signal(signal.SIGSTOP)

    def resume(self):
        if self.process is not None:
            self._signal(signal.SIGCONT)
        self.paused = False

    def _pids(self):
        return [self.process.pid, *processes.descendants(self.process.pid)]

    def _signal(self, number):
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    # --- copies ----------------------------------------------------------------------------------------------------

    def backup(self, data):
        """A base backup of this running server into a folder that is not there yet."""
        self._run(programs() / "pg_basebackup", "-d", self.conninfo("postgres"), "-D", data, "-X", "stream", "-c", "fast",
                  "--no-sync")

    def write(self, name, text):
        """A file in the server's data folder."""
        path = self.data / name
        path.write_text(text, encoding="utf-8")
        shutil.chown(path, self.user)

    def forget(self):
        """This stopped server's data are gone."""
        if self.process is not None:
            raise RuntimeError("a running server does not forget")
        shutil.rmtree(self.data, ignore_errors=True)

    def restore(self, data):
        """This stopped server's data become a copy of a base backup: whatever came after it is forgotten."""
        self.forget()
        self._run("cp", "-a", data, self.data)

    def setting(self, name, value):
        """Changes a setting of the running server, also of a standby, for good."""
        self.query(f"alter system set {name} = %s", value, database="postgres")
        self.query("select pg_reload_conf()", database="postgres")
        processes.wait_until(lambda: self.query(f"show {name}", database="postgres")[0][0] == value, processes.PATIENCE_S,
                             f"{name} to be {value!r}")

    # --- use -------------------------------------------------------------------------------------------------------

    def conninfo(self, database="firstline"):
        return f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"

    def create(self, database):
        self.query(f'create database "{database}"', database="postgres")

    def query(self, sql, *values, database="firstline"):
        """Rows of one statement in its own transaction ([] where it gives none)."""
        connection = psycopg2.connect(self.conninfo(database), connect_timeout=30)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def one(self, sql, *values, database="firstline"):
        """The first column of the first row, or None."""
        rows = self.query(sql, *values, database=database)
        return rows[0][0] if rows else None

    def wait(self, sql, *values, expected=True, longest_s=processes.PATIENCE_S):
        """Waits until the statement's one value is the expected one."""
        last = [None]

        def is_so():
            last[0] = self.one(sql, *values)
            return last[0] == expected
        try:
            processes.wait_until(is_so, longest_s, sql)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: expected {expected!r}, last seen {last[0]!r}") from None

    def dump(self, database="firstline"):
        """The whole database as text, to search what must not be in it."""
        done = subprocess.run([programs() / "pg_dump", "--inserts", "-d", self.conninfo(database)], capture_output=True,
                              text=True, errors="replace", check=True)
        return done.stdout

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


