# SPDX-License-Identifier: MIT
"""What a person reads who mistypes a command: what was wrong, in which word, and where to read on; never silence."""

import re
import subprocess

import pytest

from tests.kit.node import ROOT, binary, program

WRONG = [
    (["check", "--bogus"], '"--bogus"'),
    (["check", "--strict=yes", "scenarios"], '"--strict=yes"'),
    (["match", "--title"], '"--title"'),
    (["match", "-x"], '"-x"'),
    (["node", "--bogus"], '"--bogus"'),
    (["migrate", "extra"], '"extra"'),
    (["dev", "--port", "http"], '"http"'),
    (["runs", "--format", "xml"], '"xml"'),
    (["runs", "--most", "5x"], '"5x"'),
    (["runs", "--most", "0"], '"0"'),
    (["runs", "one", "two"], '"two"'),
    (["runs", "show"], "show wants a run"),
    (["check", "/etc/passwd"], 'not "/etc/passwd"'),
    (["match", "--title", "x", "/nope"], 'no folder "/nope"'),
    (["stop", "region"], '"region"'),
    (["stop", "galaxy", "far"], '"galaxy"'),
    (["go", "region", "tokyo", "osaka"], '"osaka"'),
]


@pytest.mark.short
@pytest.mark.parametrize(("words", "named"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_wrong_command_line_is_named_with_where_to_read_on(words, named):
    status, out, error = program(*words)
    assert (status, out) == (2, "")
    assert error.startswith(f"firstline {words[0]}: ") and named in error, error
    assert error.endswith(f"; see: firstline {words[0]} --help\n"), error


def test_a_switch_for_a_name_that_nobody_has_is_set_and_says_so(world):
    """A slip of the finger must not look like a stop."""
    settings = world.node("tokyo", start=False).settings
    world.database.query("insert into node (incarnation, name, region, roles, version, slots, lease_ms, lease_until)"
                         " values (gen_random_uuid(), 'n', 'tokyo', '{executor}', '0', 1, 6000, clock_timestamp())")
    for words, careful in ((["region", "tokio"], 'no node of region "tokio" is known; those of the nodes: tokyo'), (["region", "tokyo"], ""),
                           (["customer", "amce"], 'the settings have no customer "amce"'), (["customer", "acme"], ""),
                           (["scenario", "disk-full"], ""), ([], "")):
        status, out, error = program("stop", "--config", settings, *words)
        assert (status, "stopped" in out) == (0, True), out + error
        assert (careful in error and f"firstline go {' '.join(words)}" in error) if careful else error == "", error
    status, out, error = program("stop", "--config", settings, "--list")
    assert (status, error, "region tokio" in out) == (0, "", True), out + error


def test_a_database_that_is_not_ours_says_what_makes_it_ours(world):
    settings = world.settings("tokyo", "tokyo", 1, {})
    for words in (["runs"], ["stop"], ["go"]):
        status, out, error = program(*words, "--config", settings)
        assert (status, out) == (1, "") and f"firstline {words[0]}: database: " in error and "firstline migrate" in error, error
    bare = 'mount -t tmpfs none /etc && exec "$0" runs'  # the default settings: libpq's own
    done = subprocess.run(["unshare", "-m", "sh", "-c", bare, binary()], capture_output=True, text=True, check=False, timeout=60, env={
        "PGHOST": "127.0.0.1", "PGPORT": str(world.database.port), "PGUSER": "postgres", "PGDATABASE": "postgres"})
    assert done.returncode == 1 and "no --config was given and there is no /etc/firstline/firstline.yaml" in done.stderr, done.stderr
    assert program("migrate", "--config", settings)[0] == 0
    status, out, error = program("runs", "--config", settings, "show", "nothing")
    assert (status, out) == (1, "") and '"nothing"' in error, error


def test_without_config_the_installed_settings_are_read(tmp_path):
    """In a mount namespace of its own, where /etc holds nothing else."""
    place = "mount -t tmpfs none /etc && mkdir /etc/firstline && "
    wrong = place + 'printf "htpp: {}\\n" >/etc/firstline/firstline.yaml && exec "$0" runs'
    done = subprocess.run(["unshare", "-m", "sh", "-c", wrong, binary()], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith("/etc/firstline/firstline.yaml:1:1: error: unknown key"), done.stderr
    done = subprocess.run(["unshare", "-m", "sh", "-c", wrong.replace("runs", "check"), binary()], cwd=tmp_path, capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 2 and done.stdout.startswith("/etc/firstline/firstline.yaml:1:1: error: unknown key"), done.stdout


@pytest.mark.parametrize(("words", "named"), [
    (["deploy/demo", "--bogus"], '"--bogus"'),
    (["deploy/demo", "--port"], '"--port"'),
    (["deploy/ha/render", "/nope"], '"/nope"'),
    (["deploy/ha/render", "deploy/ha/etcd.yml.in", "NAME"], '"NAME"'),
    (["deploy/ha/check", "--patroni", "/etc/hostname"], "/etc/hostname"),
    (["tests/gates/run", "/nope"], '"/nope"'),
    (["tests/fuzz/run", "nope"], '"nope"'),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_script_refuses_wrong_use_before_it_does_anything(words, named):
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith(f"{words[0]}: ") and named in done.stderr, done.stderr


def test_the_demos_help_is_told_before_anything_is_installed_and_names_every_option():
    done = subprocess.run(["deploy/demo", "--help"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("usage: deploy/demo "), done.stderr
    assert set(re.findall(r"--[a-z]+", program("dev", "--help")[1])) == set(re.findall(r"--[a-z]+", done.stdout))


def test_the_demo_on_a_full_disk_says_so_before_it_begins():
    small = 'mount -t tmpfs -o size=1m none /mnt && exec "$0" dev --once --folder /mnt/demo'
    done = subprocess.run(["unshare", "-m", "sh", "-c", small, binary()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and re.search(r"the disk of /mnt/demo has \d MiB left; the demo wants \d+\n  hint: --folder", done.stderr), done.stderr


def test_a_node_that_waits_for_its_database_says_for_what_each_time_that_changes(world):
    world.node("tokyo", start=False)  # makes the schema, of another database
    where = world.database.conninfo("later").replace("user=postgres", "user=late")
    node = world.node("tokyo", start=False, over={"database": {"conninfo": where, "answer_within": "1s"}})
    node.start(ready=False)
    node.wait_log('role \\"late\\" does not exist')
    world.database.query("create role late login")
    node.wait_log('database \\"later\\" does not exist')
    assert node.process.poll() is None
