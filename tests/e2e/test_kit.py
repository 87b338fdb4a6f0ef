# SPDX-License-Identifier: MIT
"""The kit that the other tests stand on: the private Postgres and the private machine do what they say."""

import pathlib

import pytest

from tests.kit import processes
from tests.kit import sshd as sshd_kit


@pytest.mark.short
def test_a_database_comes_back_after_a_kill(postgres):
    postgres.query("create table kept (n int)")
    postgres.query("insert into kept values (1)")
    postgres.kill()
    postgres.start()
    postgres.wait("select count(*) from kept", expected=1)


@pytest.mark.parametrize("user", sorted(sshd_kit.USERS))
def test_each_user_logs_in_with_their_own_shell(machine, user):
    status, output = machine.ssh("id -un; id -u", user=user)
    assert (status, output.split()) == (0, [user, str(sshd_kit.USERS[user][0])])


def test_sudo_needs_no_password_where_it_is_allowed(machine):
    assert machine.ssh("sudo -n id -u") == (0, "0\n")
    status, output = machine.ssh("sudo -n id -u", user="plain")
    assert status == 1, output


def test_the_machine_below_sees_nothing_of_it(machine):
    machine.sh("echo x >/etc/only-there; echo x >/run/only-there; echo x >/srv/only-there; mkdir /srv/small; "
               "mount -t tmpfs -o size=1m tmpfs /srv/small")
    assert machine.ssh("cat /etc/only-there /srv/only-there; df -P /srv/small | tail -1")[1].startswith("x\nx\ntmpfs")
    assert not pathlib.Path("/etc/only-there").exists()
    assert not pathlib.Path("/srv/only-there").exists()
    assert "ops:" not in pathlib.Path("/etc/passwd").read_text()


def test_nothing_outlives_the_machine(scratch):
    with sshd_kit.Sshd(scratch / "box") as box:
        box.ssh("setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
        processes.wait_until(lambda: "sleep" in box.pids().values(), processes.PATIENCE_S, "the sleeper")
        pids = box.pids()
    processes.wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), processes.PATIENCE_S, "all of it to be gone")
