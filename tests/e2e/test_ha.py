# SPDX-License-Identifier: MIT
"""The files of deploy/ha, in use: three etcd and two Postgres under Patroni on addresses of the loopback, with certificates
made by deploy/ha/certificates, and a node that reaches them by TLS and scram alone.

Debian 12's Patroni 3.0.2 is what there is here, so etcd's v2 API is used (docs/ha.md); its time to live is left as it is.
"""

import os
import pathlib
import pwd
import shutil
import subprocess

import psycopg2
import pytest

from tests.kit import processes
from tests.kit.node import World
from tests.kit.simulator import Simulator

HA = pathlib.Path(__file__).resolve().parents[2] / "deploy/ha"
# a net of its own in 127/8, so that the fixed ports of the templates meet nobody
PLACES = {"db-tokyo": "127.77.1.10", "db-osaka": "127.77.2.10", "witness": "127.77.3.10"}
SITES = [f"{name.split('-')[-1].upper()}={address}" for name, address in PLACES.items()]
LIMIT_S = 180


def render(template, path, **values):
    words = [*SITES, *(f"{name}={value}" for name, value in values.items())]
    done = subprocess.run([HA / "render", HA / template, *words], capture_output=True, text=True, check=True)
    path.write_text(done.stdout, encoding="utf-8")
    return path


class Cluster:
    def __init__(self, folder):
        self.folder, self.pki, self.running = folder, folder / "pki", []
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
        self.running.append(processes.start([*self.drop, *command], cwd=self.folder, stdout=log, stderr=log, env=home,
                                            stdin=subprocess.DEVNULL))

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


@pytest.fixture
def cluster(tmp_path_factory):
    if not (shutil.which("patroni") and shutil.which("etcd")):
        pytest.fail("patroni and etcd are missing; deploy/install test")
    folder = tmp_path_factory.mktemp("ha")
    for each in (folder, *folder.parents):
        if str(each).startswith("/tmp/"):
            each.chmod(0o755)
    yield Cluster(folder)
    processes.end_all()


def test_a_node_works_on_the_cluster_of_deploy_ha_and_nothing_else_gets_in(cluster, tmp_path):
    with Simulator() as simulator:
        (tmp_path / "world").mkdir()
        (tmp_path / "world/known_hosts").touch()
        world = World(tmp_path / "world", cluster, None, simulator)
        (tmp_path / "password").write_text("node secret\n")
        (tmp_path / "password").chmod(0o600)
        world.node("tokyo", over={"database": {"password_file": str(tmp_path / "password")}})
        rows = cluster.query("select s.ssl, s.version from pg_stat_ssl s join pg_stat_activity a using (pid) "
                             "where a.usename = 'firstline' and a.application_name like 'firstline%'")
        assert rows and all(ssl for ssl, _ in rows), rows
        assert cluster.query("select dead from node") == [(False,)]
        world.stop()

    assert "no pg_hba.conf entry" in cluster.refused(password="node secret", mode="disable")
    assert "password authentication failed" in cluster.refused(password="wrong")
    other = tmp_path / "other"
    subprocess.run([HA / "certificates", other, "db-tokyo=127.77.1.10"], check=True)
    assert "certificate verify failed" in cluster.refused(password="node secret", authority=other / "ca.crt")
    ours, theirs = cluster.pki / "db-tokyo", other / "db-tokyo"
    authority = ["--cacert", cluster.pki / "ca.crt"]
    assert '"true"' in cluster.etcd_answers(*authority, "--cert", f"{ours}.crt", "--key", f"{ours}.key").stdout
    assert cluster.etcd_answers(*authority).returncode != 0  # no certificate
    assert cluster.etcd_answers(*authority, "--cert", f"{theirs}.crt", "--key", f"{theirs}.key").returncode != 0


def test_render_refuses_a_template_with_a_value_missing():
    done = subprocess.run([HA / "render", HA / "etcd.yml.in", "NAME=x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no value for @ADDRESS@" in done.stderr
