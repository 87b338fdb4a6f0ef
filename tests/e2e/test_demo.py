# SPDX-License-Identifier: MIT
"""The demo as a person runs it: each incident ends as it should, and nothing of it is left, however it ends."""

import os
import pathlib
import signal
import subprocess

import pytest

from tests.kit import processes
from tests.kit import sshd as sshd_kit

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FIRSTLINE_BINARY", str(ROOT / "build/dev/firstline"))
CASES = 11
LONGEST_S = 600

pytestmark = pytest.mark.skipif(bool(sshd_kit.may_run()), reason="the demo makes a private machine, which needs root")


class Demo:
    """`firstline dev` in a folder of its own."""

    def __init__(self, scratch, *options):
        self.folder = scratch / "demo"
        self.said = scratch / "said"
        with open(self.said, "wb") as out:
            self.process = processes.start([BINARY, "dev", "--folder", str(self.folder), *options], cwd="/",
                                           stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def text(self):
        return self.said.read_text(encoding="utf-8", errors="replace")

    def wait_text(self, words):
        def said():
            if self.process.poll() is not None:
                raise RuntimeError(f"the demo ended with {self.process.returncode}: {self.text()[-4000:]}")
            return words in self.text()
        processes.wait_until(said, 120, f"the demo to say {words!r}")

    def running(self):
        """Command lines that name its folder, other than its own."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or entry.name == str(self.process.pid):
                continue
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{self.folder}/" in words:
                found.append(words)
        return found

    def mounted(self):
        return [line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(self.folder) in line]


def test_each_incident_ends_as_it_should(scratch):
    demo = Demo(scratch, "--once")
    status = demo.process.wait(LONGEST_S)
    assert status == 0, demo.text()[-6000:]
    assert demo.text().count("it ended as it should") == CASES
    assert f"{CASES} of {CASES} ended as they should" in demo.text()
    assert "megacli: not found" in demo.text(), "why a check could not tell is not shown to its end"
    assert "more lines in the web view" not in demo.text() and demo.text().count("What to do next:") >= 4
    assert "\033" not in demo.text(), "colours in a file"
    assert demo.running() == []
    assert demo.mounted() == []
    assert not demo.folder.exists()


@pytest.mark.parametrize("words", ["started a private Postgres", "firstline is checking"])
def test_interrupted(scratch, words):
    """Ctrl-C while it starts, and in mid-run."""
    demo = Demo(scratch)
    demo.wait_text(words)
    assert demo.running() != []
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(processes.PATIENCE_S) == 130, demo.text()[-4000:]
    assert demo.running() == []
    assert demo.mounted() == []
    assert not demo.folder.exists()


def test_killed(scratch):
    """Nothing can be done on SIGKILL, and yet nothing goes on running."""
    demo = Demo(scratch)
    demo.wait_text("firstline looks at")
    demo.process.kill()
    demo.process.wait()
    processes.wait_until(lambda: not demo.running(), processes.PATIENCE_S, "all that it had started to end")
    assert demo.mounted() == []


def test_a_folder_that_is_in_use_is_left_alone(scratch):
    (scratch / "demo").mkdir()
    (scratch / "demo" / "mine").write_text("keep this")
    demo = Demo(scratch)
    assert demo.process.wait(processes.PATIENCE_S) == 1
    assert "must be new or empty" in demo.text()
    assert (scratch / "demo" / "mine").read_text() == "keep this"
