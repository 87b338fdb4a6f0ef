# SPDX-License-Identifier: MIT
"""The files of deploy/ha, in use: three etcd and two Postgres under Patroni on addresses of the loopback, with certificates
made by deploy/ha/certificates, and a node that reaches them by TLS and scram alone.

Debian 12's Patroni 3.0.2 is what there is here, so etcd's v2 API is used (docs/ha.md); its time to live is left as it is.
"""

import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile

import psycopg2
import pytest

from tests.kit import processes
from tests.kit.node import World
from tests.kit.simulator import Simulator

HA = pathlib.Path(__file__).resolve().parents[2] / "deploy/ha"
NAMES = ("db-tokyo", "db-osaka", "witness")
PORTS = (2379, 2380, 5432, 8008)  # of the templates
LIMIT_S = 180


def is_free(address):
    for port in PORTS:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((address, port))
            except OSError:
                return False
    return True


def free_places():
    """Addresses in 127/8 on which nobody uses the ports of the templates."""
    while True:
        net = f"127.{random.randint(64, 250)}.{random.randint(1, 250)}"
        places = {name: f"{net}.{number + 10}" for number, name in enumerate(NAMES)}
        if all(is_free(address) for address in places.values()):
            return places


PLACES = free_places()
SITES = [f"{name.split('-')[-1].upper()}={address}" for name, address in PLACES.items()]


def render(template, path, **values):
    words = [*SITES, *(f"{name}={value}" for name, value in values.items())]
    done = subprocess.run([HA / "render", HA / template, *words], capture_output=True, text=True, check=True)
    path.write_text(done.stdout, encoding="utf-8")
    return path


class Cluster:
    def __init__(self, folder):
        self.folder, self.pki, self.running = folder, folder / "pki", {}
        subprocess.run([HA / "certificates", self.pki, *(f"{n}={a},127.0.0.1" for n, a in PLACES.items())],
                       check=True)  # on a loopback all come from 127.0.0.1
        self.drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
        folder.chmod(0o755)
        self._give(self.pki)
        for name, address in PLACES.items():
            self._etcd(name, address)
        for name in ("db-tokyo", "db-osaka"):
            self._patroni(name, PLACES[name])
        self._wait(self.standby_in_force, "a synchronous standby")
        self.psql("create role firstline login password 'node secret' in role pg_monitor")
        self.psql("create database firstline owner firstline")

    def _give(self, path):
        if os.getuid() == 0:
            entry = pwd.getpwnam("postgres")
            for each in (path, *path.rglob("*")):
                os.chown(each, entry.pw_uid, entry.pw_gid)

    def _start(self, name, command):
        log = open(self.folder / f"{name}.log", "w", encoding="utf-8")
        home = dict(os.environ, HOME=str(self.folder))  # libpq looks there for certificates
        self.running[name] = processes.start([*self.drop, *command], cwd=self.folder, stdout=log, stderr=log, env=home,
                                             stdin=subprocess.DEVNULL)

    def pause(self, name):
        self.running[name].send_signal(signal.SIGSTOP)

    def resume(self, name):
        self.running[name].send_signal(signal.SIGCONT)

    def _etcd(self, name, address):
        data = self.folder / f"{name}-etcd"
        data.mkdir(mode=0o700)
        self._give(data)
        path = render("etcd.yml.in", self.folder / f"{name}-etcd.yml", NAME=name, ADDRESS=address, PKI=self.pki, DATA=data,
                      V2="true")
        self._start(f"{name}-etcd", ["etcd", "--config-file", path])

    def _patroni(self, name, address):
        run = self.folder / name
        run.mkdir(mode=0o700)
        self._give(run)
        path = render("patroni.yml.in", self.folder / f"{name}.yml", NAME=name, ADDRESS=address, PKI=self.pki, RUN=run,
                      DATA=run / "data", DCS="etcd", WATCHDOG="off", SUPERUSER="s1", REPLICATION="s2", REWIND="s3")
        self._start(name, ["patroni", path])

    def reconfigure(self, change):
        base = ["curl", "-sS", "-m", "20", "--cacert", self.pki / "ca.crt", "--cert", self.pki / "db-tokyo.crt", "--key",
                self.pki / "db-tokyo.key", "-X", "PATCH", "-d", json.dumps(change), f"https://{PLACES['db-tokyo']}:8008/config"]
        subprocess.run([str(word) for word in base], capture_output=True, check=True)

    def _wait(self, true, what):
        processes.wait_until(true, LIMIT_S, f"{what}; {self.logs()}")

    def logs(self):
        return "\n".join(f"{p.name}: {p.read_text(errors='replace')[-800:]}" for p in sorted(self.folder.glob("*.log")))

    def psql(self, text):
        """As the superuser, over TLS, on whichever is primary."""
        with_words = self.conninfo(user="postgres", password="s1", dbname="postgres") + " target_session_attrs=read-write"
        connection = psycopg2.connect(with_words)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(text)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows

    def standby_in_force(self):
        try:
            return self.psql("select 1 from pg_stat_replication where sync_state = 'sync'") != []
        except psycopg2.OperationalError:
            return False

    def conninfo(self, user="firstline", password=None, dbname="firstline", mode="verify-full", authority=None):
        words = (f"host={PLACES['db-tokyo']},{PLACES['db-osaka']} port=5432 dbname={dbname} user={user} sslmode={mode} "
                 f"connect_timeout=5")
        words += f" sslrootcert={authority or self.pki / 'ca.crt'}" if mode.startswith("verify") else ""
        return words + (f" password='{password}'" if password else "")

    def query(self, text):
        connection = psycopg2.connect(self.conninfo(password="node secret") + " target_session_attrs=read-write")
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall()
        finally:
            connection.close()

    def refused(self, **words):
        with pytest.raises(psycopg2.OperationalError) as error:
            psycopg2.connect(self.conninfo(**words))
        return str(error.value)

    def etcd_answers(self, *words):
        command = ["curl", "-sS", "-m", "10", *map(str, words), f"https://{PLACES['witness']}:2379/health"]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def cluster():
    if not (shutil.which("patroni") and shutil.which("etcd")):
        pytest.fail("patroni and etcd are missing; deploy/install test")
    # Not pytest's own: each further pytest makes the folder above all of those private again, and Postgres' user is shut out.
    with tempfile.TemporaryDirectory(prefix="firstline-ha-", dir="/tmp") as name:
        yield Cluster(pathlib.Path(name))
        processes.end_all()


def world_of(cluster, tmp_path, simulator):
    """(a world on the cluster, what its nodes' settings need to log in)"""
    (tmp_path / "world").mkdir()
    (tmp_path / "world/known_hosts").touch()
    (tmp_path / "password").write_text("node secret\n")
    (tmp_path / "password").chmod(0o600)
    over = {"database": {"password_file": str(tmp_path / "password")}}
    return World(tmp_path / "world", cluster, None, simulator), over


def test_a_node_works_on_the_cluster_of_deploy_ha_and_nothing_else_gets_in(cluster, tmp_path):
    with Simulator() as simulator:
        world, over = world_of(cluster, tmp_path, simulator)
        world.node("tokyo", over=over)
        rows = cluster.query("select s.ssl, s.version from pg_stat_ssl s join pg_stat_activity a using (pid) "
                             "where a.usename = 'firstline' and a.application_name like 'firstline%'")
        assert rows and all(ssl for ssl, _ in rows), rows
        assert cluster.query("select dead from node") == [(False,)]
        world.stop()

    assert "no pg_hba.conf entry" in cluster.refused(password="node secret", mode="disable")
    assert "password authentication failed" in cluster.refused(password="wrong")
    other = tmp_path / "other"
    subprocess.run([HA / "certificates", other, f"db-tokyo={PLACES['db-tokyo']}"], check=True)
    assert "certificate verify failed" in cluster.refused(password="node secret", authority=other / "ca.crt")
    ours, theirs = cluster.pki / "db-tokyo", other / "db-tokyo"
    authority = ["--cacert", cluster.pki / "ca.crt"]
    assert '"true"' in cluster.etcd_answers(*authority, "--cert", f"{ours}.crt", "--key", f"{ours}.key").stdout
    assert cluster.etcd_answers(*authority).returncode != 0  # no certificate
    assert cluster.etcd_answers(*authority, "--cert", f"{theirs}.crt", "--key", f"{theirs}.key").returncode != 0


def looked(cluster):
    """(exit status, {kind: lines}) of deploy/ha/check"""
    command = [HA / "check", "--patroni", cluster.folder / "db-tokyo.yml"]
    done = subprocess.run([*cluster.drop, *command], capture_output=True, text=True, check=False, timeout=LIMIT_S)
    lines = {kind: [line for line in done.stdout.splitlines() if line.startswith(kind)] for kind in ("OK", "CARE", "WRONG")}
    assert lines["OK"], done.stdout + done.stderr
    return done.returncode, lines


def wait_wrong(cluster, *words):
    """Until exactly these are wrong: each of the words in one line, and no other line."""
    def seen():
        status, lines = looked(cluster)
        wrong = lines["WRONG"]
        found = len(wrong) == len(words) and all(any(word in line for line in wrong) for word in words)
        return found and status == (1 if words else 0)
    processes.wait_until(seen, LIMIT_S, f"only {words} to be wrong: {looked(cluster)}; {cluster.logs()}", every_s=1)


def test_the_check_tells_what_is_wrong_and_only_that(cluster, tmp_path):
    with Simulator() as simulator:
        world, over = world_of(cluster, tmp_path, simulator)
        nodes = {region: world.node(region, over=over) for region in ("tokyo", "osaka")}
        wait_wrong(cluster)
        assert any("v2 API: for tests" in line for line in looked(cluster)[1]["CARE"])

        nodes["osaka"].stop()
        wait_wrong(cluster, "nodes do not live in two regions: 1 in tokyo")
        nodes["osaka"].start()
        wait_wrong(cluster)

        cluster.psql("set password_encryption = md5; create role weak login password 'weak'; revoke pg_monitor from firstline")
        wait_wrong(cluster, "not kept as scram for: weak", "firstline is no member of pg_monitor")
        cluster.psql("drop role weak; grant pg_monitor to firstline")

        cluster.pause("witness-etcd")
        wait_wrong(cluster, "etcd witness does not answer")
        cluster.resume("witness-etcd")

        rules = cluster.folder / "db-osaka/data/pg_hba.conf"  # the view tells the file, loaded or not
        kept = rules.read_text()
        line = len(kept.splitlines())
        rules.write_text(kept.rstrip("\n") + "\nhost all all 127.0.0.0/8 scram-sha-256\nhostssl all all all md5\nlocal all all trust\n")
        wait_wrong(cluster, f"pg_hba.conf on db-osaka: line {line + 1} (host scram-sha-256); line {line + 2} (hostssl md5); line {line + 3} (local trust)")
        rules.write_text(kept)

        cluster.reconfigure({"synchronous_mode": False, "synchronous_mode_strict": True, "pause": True})
        wait_wrong(cluster, "synchronous_mode is off", "synchronous_mode_strict is on", "Patroni is paused", "has no synchronous standby",
                   "waits for no standby")
        cluster.reconfigure({"synchronous_mode": True, "synchronous_mode_strict": False, "pause": None})
        wait_wrong(cluster)
        world.stop()


def serial(cluster, name, port, postgres=False):
    """Of the certificate that is shown there now; None: nobody answers, as while Patroni takes a new one."""
    words = ["openssl", "s_client", "-connect", f"{PLACES[name]}:{port}", *(["-starttls", "postgres"] if postgres else []),
             "-CAfile", cluster.pki / "ca.crt", "-cert", cluster.pki / f"{name}.crt", "-key", cluster.pki / f"{name}.key"]
    shown = subprocess.run([str(word) for word in words], input="", capture_output=True, text=True, check=False, timeout=120).stdout
    if "BEGIN CERTIFICATE" not in shown:
        return None
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown, capture_output=True, text=True, check=True).stdout


def test_certificates_made_anew_are_shown_without_a_restart(cluster):
    """etcd reads its files at each connection, Patroni and Postgres when Patroni is told to reload."""
    asked = {"etcd": ("witness", 2379), "etcd's peers": ("witness", 2380), "Patroni": ("db-tokyo", 8008),
             "Postgres": ("db-tokyo", 5432, True)}
    before = {what: serial(cluster, *where) for what, where in asked.items()}
    assert None not in before.values(), before
    subprocess.run([HA / "certificates", cluster.pki, *(f"{n}={a},127.0.0.1" for n, a in PLACES.items())], check=True)
    cluster._give(cluster.pki)
    for what in ("etcd", "etcd's peers"):
        assert serial(cluster, *asked[what]) not in (None, before[what]), what
    for what in ("Patroni", "Postgres"):
        assert serial(cluster, *asked[what]) == before[what], what
    for name in ("db-tokyo", "db-osaka"):
        cluster.running[name].send_signal(signal.SIGHUP)
    for what in ("Patroni", "Postgres"):
        processes.wait_until(lambda w=what: serial(cluster, *asked[w]) not in (None, before[w]), processes.PATIENCE_S, f"{what} to show the new one", every_s=1)
    assert cluster.query("select 1") == [(1,)]


def test_each_unit_is_right(tmp_path):
    """By systemd's own judgement; of the program firstline, which is not installed here, another one stands in its place."""
    for unit in HA.glob("*.service"):
        text = unit.read_text().replace("/usr/local/bin/firstline", "/bin/true")
        (tmp_path / unit.name).write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", tmp_path / unit.name], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
        (tmp_path / unit.name).write_text(text.replace("[Service]", "[Service]\nRestartsec=x"))
        done = subprocess.run(["systemd-analyze", "verify", tmp_path / unit.name], capture_output=True, text=True, check=False)
        assert "Restartsec" in done.stderr, "a mistake is seen"


def test_render_refuses_a_template_with_a_value_missing():
    done = subprocess.run([HA / "render", HA / "etcd.yml.in", "NAME=x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no value for @ADDRESS@" in done.stderr
