# SPDX-License-Identifier: MIT
"""The wrapper as it is sent, unchanged, over a real sshd: every login shell, sudo, and connections that break."""

import json
import pathlib
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kit"))
from wrapper_world import Report, tool, wait_for  # noqa: E402

USERS = ["ops", "dashuser", "tcshuser", "fishuser", "svc"]


class Client:
    """One user of the machine, and the fields its fenced requests name."""

    def __init__(self, box, user):
        self.box = box
        self.user = user
        self.task = {"cluster": "c1", "machine": f"m-{user}", "timeout": 60, "run": f"run-{time.monotonic_ns()}", "step": 1,
                     "attempt": 1, "timeline": 1, "epoch": 1, "incarnation": "inc-a", "kill_after": 1}
        got = self.ask(act="contact")
        assert got.verdict == "done", got
        self.folder = got.folder
        self.task.update(folder=got.folder, memory=got.memory, sent_memory=got.memory, boot=got.boot)

    def start(self, **changes):
        task = {**self.task, **changes}
        made = subprocess.run([tool(), "compose"], input=json.dumps(task).encode(), capture_output=True, check=True)
        command = subprocess.run([tool(), "command"], capture_output=True, check=True, text=True).stdout.rstrip("\n")
        words = ["ssh", "-F", "none", "-p", str(self.box.port), "-i", str(self.box.keys["ed25519"]), "-o", "BatchMode=yes",
                 "-o", f"UserKnownHostsFile={self.box.known_hosts}", "-o", "LogLevel=ERROR", f"{self.user}@127.0.0.1", command]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(made.stdout)
        process.stdin.close()
        process.stdin = None
        return process, made.stderr.decode().split("\n")[0]

    def parse(self, out, nonce):
        done = subprocess.run([tool(), "parse", nonce], input=out, capture_output=True, check=True)
        report = Report(json.loads(done.stdout))
        report["out"] = bytes.fromhex(report["out"])
        return report

    def ask(self, **changes):
        process, nonce = self.start(**changes)
        out, err = process.communicate(timeout=60)
        report = self.parse(out, nonce)
        report["err"] = err
        return report


@pytest.mark.parametrize("user", USERS)
def test_every_login_shell(machine, user):
    client = Client(machine, user)
    assert client.folder == ("/dev/shm/firstline.999" if user == "svc"
                             else f"{machine.folder}/home/{user}/.local/state/firstline")
    value = b"a'b\"c $HOME `id` !x \\ \xff\n"
    for act in ("look", "recover"):
        got = client.ask(act=act, script='printf %s "$v"; exit 3', values={"v": value.hex()})
        assert (got.verdict, got.status, got.out) == ("ended", 3, value), got
    for attempt, become in enumerate(["root", user], start=2):
        got = client.ask(act="recover", attempt=attempt, script="id -un", become=become)
        assert got.out == f"{become}\n".encode(), got


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("how", ["client killed", "server's connection cut"])
def test_a_connection_that_breaks(machine, user, how):
    client = Client(machine, user)
    mark = f"/srv/mark-{client.task['run']}"
    process, _ = client.start(act="recover", become="root",
                              script=f"echo begun >>{mark}; for i in 1 2 3 4 5 6 7 8 9 10; do seq 1 2000; sleep 0.1; done; exit 4")
    wait_for(lambda: machine.sh(f"cat {mark}", check=False), "the script")
    if how == "client killed":
        process.kill()
    else:
        machine.cut()
    process.communicate()
    got = wait_for(lambda: (r := client.ask(act="ask")).verdict != "running" and r, "its end")
    assert (got.verdict, got.status, got.total) == ("ended", 4, 10 * 8893), got
    assert got.out.endswith(b"1999\n2000\n"), "the output did not go with the connection"
    again = client.ask(act="recover", become="root", script=f"echo begun >>{mark}")
    assert again.already and again.status == 4
    assert machine.sh(f"grep -c begun {mark}").strip() == "1"


@pytest.mark.parametrize("user", ["ops", "tcshuser"])
def test_an_init_script_and_its_daemon(machine, user):
    """The daemon keeps our output open; the channel ends all the same, the daemon lives on and may write."""
    client = Client(machine, user)
    beat = f"/srv/beat-{client.task['run']}"
    got = client.ask(act="recover", become="root", timeout=300,
                     script=f"(while :; do echo beat; echo x >>{beat}; sleep 0.05; done) &\necho started")
    assert (got.verdict, got.status) == ("ended", 0) and got.left >= 1 and b"started" in got.out

    def count():
        return int(machine.sh(f"wc -l <{beat}"))

    seen = count()
    wait_for(lambda: count() > seen + 10, "the daemon to live on")


def test_ended_from_elsewhere(machine):
    client = Client(machine, "ops")
    process, nonce = client.start(act="recover", become="root", script="trap '' TERM; sleep 1231; sleep 1231")
    wait_for(lambda: "sleep 1231" in machine.sh("ps ax -o args"), "the script")
    got = client.ask(act="end", become="root", epoch=2, incarnation="inc-b")
    assert got.verdict == "ended" and got.ended_by_us, got
    out, _ = process.communicate(timeout=30)
    assert client.parse(out, nonce).ended_by_us
    assert "sleep 1231" not in machine.sh("ps ax -o args")
