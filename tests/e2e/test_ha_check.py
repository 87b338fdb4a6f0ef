# SPDX-License-Identifier: MIT
"""What deploy/ha/check says of a site of which one thing is wrong: each row doctors what a healthy site answers. That it asks a real
one rightly is shown in test_ha.py."""

import copy
import datetime
import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

PATH = pathlib.Path(__file__).resolve().parents[2] / "deploy/ha/check"
LEADER, STANDBY = "db-tokyo", "db-osaka"
HEALTHY = {
    "etcd": {name: f"https://{name}:2379" for name in (LEADER, STANDBY, "witness")},
    "leaders": {name: "1" for name in (LEADER, STANDBY, "witness")},
    "strangers": [],  # URLs that answer who shows no certificate
    "cluster": {"members": [
        {"name": STANDBY, "role": "sync_standby", "state": "streaming", "host": STANDBY, "port": 5432, "api_url": f"https://{STANDBY}:8008/patroni"},
        {"name": LEADER, "role": "leader", "state": "running", "host": LEADER, "port": 5432, "api_url": f"https://{LEADER}:8008/patroni"}]},
    "config": {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "synchronous_mode": True},
    "patroni": {LEADER: "4.0.6", STANDBY: "4.0.6"},
    "postgres": {LEADER: 150018, STANDBY: 150018},
    "show": {name: {"ssl": "on", "synchronous_commit": "on", "password_encryption": "scram-sha-256", "fsync": "on", "full_page_writes": "on"}
             for name in (LEADER, STANDBY)},
    "pg_hba_file_rules": {LEADER: [], STANDBY: []},
    "rolpassword": [], "pg_stat_replication": [(STANDBY, True)], "pg_stat_activity": [],
    "from node": [("osaka", 2), ("tokyo", 2)], "pg_has_role": [("firstline", True)],
    "ahead_s": {LEADER: 0, STANDBY: 0}, "days": 300,
}


def put(*path):
    """Changes the value at a path of HEALTHY, the last word of which is the new one."""
    def change(site):
        *way, last, value = path
        for word in way:
            site = site[word]
        site[last] = value
    return change


# what is wrong: (how, the lines that say so, each by its beginning)
WRONG = {
    "pg_hba without TLS": (put("pg_hba_file_rules", STANDBY, [(7, "host", "scram-sha-256")]),
                           ["pg_hba.conf on db-osaka: line 7 (host scram-sha-256)"]),
    "pg_hba with trust and md5": (put("pg_hba_file_rules", LEADER, [(3, "hostssl", "trust"), (9, "hostssl", "md5")]),
                                  ["pg_hba.conf on db-tokyo: line 3 (hostssl trust); line 9 (hostssl md5)"]),
    "Postgres' TLS off": (put("show", STANDBY, "ssl", "off"), ["Postgres on db-osaka: ssl is off, not on"]),
    "replication without TLS": (put("pg_stat_replication", [(STANDBY, False)]), ["replication goes without TLS"]),
    "a client without TLS": (put("pg_stat_activity", [("firstline", "10.1.0.20")]), ["connections without TLS: [('firstline', '10.1.0.20')]"]),
    "etcd's TLS off": (put("etcd", "witness", "http://witness:2379"), ["etcd witness answers without TLS"]),
    "etcd answers strangers": (put("strangers", ["https://witness:2379/health"]), ["etcd witness answers who shows no certificate"]),
    "Patroni's TLS off": (put("cluster", "members", 0, "api_url", "http://db-osaka:8008/patroni"), ["Patroni on db-osaka answers without TLS"]),
    "Patroni answers strangers": (put("strangers", ["https://db-tokyo:8008/health"]), ["Patroni on db-tokyo answers who shows no certificate"]),
    "Patroni 3.0.2 with etcd3": (put("patroni", STANDBY, "3.0.2"), ["Patroni 3.0.2 on db-osaka with etcd3 splits the brain"]),
    "Patroni 4.0.5 with etcd3": (put("patroni", LEADER, "4.0.5"), ["Patroni 4.0.5 on db-tokyo with etcd3 splits the brain"]),
    "Postgres 14": (put("postgres", LEADER, 140012), ["Postgres on db-tokyo is older than 15"]),
    "a clock ahead": (put("ahead_s", STANDBY, 3), ["clocks differ from this machine's: db-tokyo by 0.0 s, db-osaka by "]),
    "a clock behind": (put("ahead_s", LEADER, -3600), ["clocks differ from this machine's: db-tokyo by 3600"]),
    "a certificate near its end": (put("days", 29), ["this machine's certificate ends in 29 days"]),
    "a certificate past its end": (put("days", -1), ["this machine's certificate ends in -1 days"]),
    "two members of etcd": (lambda site: site["etcd"].pop("witness"), ["etcd has 2 members, not three: db-tokyo, db-osaka"]),
    "two leaders of etcd": (put("leaders", "witness", "2"), ["etcd sees 2 leaders"]),
    "two leaders": (put("cluster", "members", 0, "role", "leader"), ["Patroni has 2 leaders", "Patroni has no synchronous standby"]),
    "a short ttl": (put("config", "ttl", 29), ["Patroni's ttl (29 s) is below 20 s or below its loop and two retries (30 s)"]),
    "acknowledged without the standby": (put("show", LEADER, "synchronous_commit", "local"), ["Postgres on db-tokyo: synchronous_commit is local"]),
    "no fsync": (put("show", STANDBY, "fsync", "off"), ["Postgres on db-osaka: fsync is off, not on"]),
    "md5 passwords": (put("rolpassword", [("weak",)]), ["the password is not kept as scram for: weak"]),
    "a member of etcd away": (lambda site: site["leaders"].pop("witness"), ["etcd witness does not answer"]),
    "no synchronous mode": (put("config", "synchronous_mode", False), ["synchronous_mode is off"]),
    "strict synchronous mode": (put("config", "synchronous_mode_strict", True), ["synchronous_mode_strict is on"]),
    "Patroni paused": (put("cluster", "pause", True), ["Patroni is paused"]),
    "the primary alone": (put("pg_stat_replication", []), ["the primary waits for no standby"]),
    "nodes in one region": (put("from node", [("tokyo", 2)]), ["nodes do not live in two regions: 2 in tokyo"]),
    "nodes see no standby": (put("pg_has_role", [("firstline", False)]), ["firstline is no member of pg_monitor"]),
}


@pytest.fixture(scope="module", name="check")
def fixture_check():
    loader = importlib.machinery.SourceFileLoader("ha_check", str(PATH))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("ha_check", loader))
    loader.exec_module(module)
    return module


def certificate(folder, days):
    """A certificate that ends in so many days, and some hours."""
    (folder / "index").touch()
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=6 if days >= 0 else -6)
    config = folder / "ca.cnf"
    config.write_text("[ca]\ndefault_ca=one\n[one]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n"
                      "[any]\ncommonName=supplied\n")
    for words in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key", "-out", "csr", "-subj", "/CN=db-tokyo"],
                  ["ca", "-batch", "-notext", "-config", config, "-selfsign", "-keyfile", "key", "-in", "csr", "-out", "crt", "-startdate",
                   "20200101000000Z", "-enddate", f"{ends:%Y%m%d%H%M%SZ}"]):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return str(folder / "crt")


def doctored(check, told, folder):
    """A site that answers so; the class of the check itself asks it."""
    class Site(check.Site):
        def __init__(self):
            self.store = "etcd3"
            self.etcd = {"hosts": ["db-tokyo:2379"], "cert": certificate(folder, told["days"])}
            self.settings = {"restapi": {"connect_address": "db-tokyo:8008"}}

        def ask(self, url, body=None):
            if url.endswith("/member/list"):
                return {"members": [{"name": name, "ID": name, "clientURLs": [at]} for name, at in told["etcd"].items()]}
            if url.endswith("/maintenance/status"):
                name = next(name for name, at in told["etcd"].items() if url.startswith(at))
                return {"leader": told["leaders"][name], "version": "3.5.21"}
            return told[url.rsplit("/", 1)[1]]

        def status(self, url):
            name = url.split("//")[1].split(":")[0]
            return {"patroni": {"version": told["patroni"][name]}, "server_version": told["postgres"][name]}

        def answers_strangers(self, url):
            return url in told["strangers"]

        def rows(self, host, text, database="postgres"):
            name = host.split(":")[0]
            if text.startswith("show "):
                return [(told["show"][name][text.split()[1]],)]
            if "clock_timestamp()" == text.split()[-1]:
                return [(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=told["ahead_s"][name]),)]
            word = next(word for word in ("pg_hba_file_rules", "rolpassword", "pg_stat_replication", "pg_stat_activity", "from node",
                                          "pg_has_role") if word in text)
            return told[word][name] if word == "pg_hba_file_rules" else told[word]
    return Site()


def lines(check, told, folder, capsys):
    """(exit status, what it says is wrong)"""
    status = check.look(doctored(check, told, folder), "firstline")
    said = capsys.readouterr().out.splitlines()
    wrong = [line.removeprefix("WRONG ") for line in said if line.startswith("WRONG ")]
    assert said[-1] == (f"{len(wrong)} wrong" if wrong else "nothing is wrong"), said
    return status, wrong


def test_of_a_healthy_site_nothing_is_wrong(check, tmp_path, capsys):
    assert lines(check, HEALTHY, tmp_path, capsys) == (0, [])


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_and_nothing_else(check, tmp_path, capsys, what):
    change, words = WRONG[what]
    told = copy.deepcopy(HEALTHY)
    change(told)
    status, wrong = lines(check, told, tmp_path, capsys)
    assert status == 1
    assert len(wrong) == len(words) and all(line.startswith(begin) for line, begin in zip(wrong, words)), wrong


def test_wrong_use(tmp_path):
    (tmp_path / "patroni.yml").write_text("scope: firstline\n")
    for words, status in ((["--patroni", tmp_path / "none.yml"], 2), (["--nothing"], 2), (["--patroni", tmp_path / "patroni.yml"], 2)):
        done = subprocess.run([PATH, *map(str, words)], capture_output=True, text=True, check=False)
        assert done.returncode == status and "check" in done.stderr, done
