# SPDX-License-Identifier: MIT
"""A machine for the wrapper's tests: a mount namespace with users, sudo rules and small filesystems of its own, so that
the real machine is not touched. Whatever runs in that namespace was started by us and is killed at the end.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
USERS = {"ops": 4801, "app": 4802, "plain": 4803, "system": 483}
GROUP = 4800

# What the wrapper asks of a machine, and what the tests' scripts use beside.
TOOLS = ("cat chmod date dd env find grep head id kill ln ls mkdir mkfifo mv printf readlink rm sed seq sh sleep tail "
         "touch tr true wc yes").split()
VARIANTS = {"all": ("setsid", "flock", "timeout"), "no-timeout": ("setsid", "flock"), "no-setsid": ("flock", "timeout"),
            "no-flock": ("setsid", "timeout"), "bare": (), "flock": ("setsid", "timeout")}
SHELLS = {"dash": "/bin/dash", "bash": "/bin/bash", "busybox": None}


def tool():
    """The program that composes and parses."""
    program = os.environ.get("FIRSTLINE_BINARY", ROOT / "build" / "dev" / "firstline")
    return pathlib.Path(program).parent / "tests" / "wrapper_tool"


def wait_for(true, what, longest_s=120.0):
    """Waits for a condition, never for a time."""
    deadline = time.monotonic() + longest_s
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {longest_s:g} s for {what}")
        time.sleep(0.02)


class Report(dict):
    """What the parser made of an answer."""

    def __getattr__(self, name):
        return self[name]


class Session:
    """One request under way: the pipes stand for the SSH channel."""

    def __init__(self, machine, process, payload, nonce):
        self.machine = machine
        self.process = process
        self.payload = payload
        self.nonce = nonce
        self.err = b""

    def send(self, upto=None):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(self.payload[:upto])
            self.process.stdin.flush()

    def hang_up(self):
        """What a lost connection does: the pipes go, no signal comes."""
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def finish(self, timeout=120):
        self.send()
        self.process.stdin.close()
        self.process.stdin = None
        out, self.err = self.process.communicate(timeout=timeout)
        return self.machine.parse(out, self.nonce)

    def read_until_complete(self, timeout=120):
        """As the SSH layer does: reads until the last line of the answer, not until the channel ends."""
        self.send()
        self.process.stdin.close()
        out = b""
        deadline = time.monotonic() + timeout
        end = f"\n{self.nonce} end\n".encode()
        while end not in out:
            assert time.monotonic() < deadline, out
            got = os.read(self.process.stdout.fileno(), 65536)
            assert got, out
            out += got
        return self.machine.parse(out, self.nonce)


class Machine:
    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="firstline-wrapper-"))
        self.base.chmod(0o755)
        self.work = self.base / "work"
        self.work.mkdir()
        self.work.chmod(0o1777)
        self.folders = {}
        self.count = 0
        self.boot_file = self.base / "boot_id"
        self.boot_file.write_text("11111111-2222-3333-4444-555555555555\n")
        self.boot_file.chmod(0o644)
        self._accounts()
        self._tools()
        self._namespace()

    # --- making it -------------------------------------------------------------------------------------------------

    def _accounts(self):
        etc = self.base / "etc"
        etc.mkdir()
        people = "".join(f"{n}:x:{u}:{GROUP}::{self.base}/home/{n}:/bin/sh\n" for n, u in USERS.items())
        (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n" + people)
        (etc / "group").write_text(f"root:x:0:\npeople:x:{GROUP}:\n")
        (etc / "shadow").write_text("root:*:19000:0:99999:7:::\n" + "".join(f"{n}:*:19000:0:99999:7:::\n" for n in USERS))
        (etc / "sudoers").write_text("Defaults env_reset, use_pty, !fqdn\n"
                                     "Defaults secure_path=\"/usr/sbin:/usr/bin:/sbin:/bin\"\n"
                                     "root ALL=(ALL:ALL) ALL\nops ALL=(ALL:ALL) NOPASSWD: ALL\n"
                                     "system ALL=(ALL:ALL) NOPASSWD: ALL\n")
        (etc / "shadow").chmod(0o640)
        (etc / "sudoers").chmod(0o440)
        for name, uid in USERS.items():
            home = self.base / "home" / name
            home.mkdir(parents=True)
            os.chown(home, uid, GROUP)
            home.chmod(0o700)

    def _tools(self):
        for variant, extra in VARIANTS.items():
            for shell, program in SHELLS.items():
                folder = self.base / "bin" / f"{shell}-{variant}"
                folder.mkdir(parents=True)
                applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
                for name in (*TOOLS, *extra):
                    target = program if name == "sh" and program else None
                    if target is None and shell == "busybox":
                        target = shutil.which("busybox") if name in applets else None
                    elif target is None:
                        target = shutil.which(name)
                    if target:
                        (folder / name).symlink_to(target)
                if variant == "flock":  # the common one, whatever the shell
                    (folder / "flock").symlink_to(shutil.which("flock"))
                (folder / "sudo").symlink_to(shutil.which("sudo"))

    def _namespace(self):
        etc = self.base / "etc"
        # The whole folder, not its files: a file that is replaced outside loses what is mounted on it.
        binds = (f"mount -t tmpfs -o mode=755 tmpfs {self.base}/all-etc\ncp -a /etc/. {self.base}/all-etc/\n"
                 f"cp -a {etc}/. {self.base}/all-etc/\nmount --bind {self.base}/all-etc /etc")
        (self.base / "small").mkdir()
        (self.base / "few").mkdir()
        (self.base / "all-etc").mkdir()
        script = f"""set -e
{binds}
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o size=1m,mode=755,uid={USERS['ops']} tmpfs {self.base}/small
mount -t tmpfs -o nr_inodes=30,mode=755,uid={USERS['ops']} tmpfs {self.base}/few
echo ready
exec tail -f /dev/null
"""
        self.holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", script],
                                       stdout=subprocess.PIPE, start_new_session=True)
        assert self.holder.stdout.readline() == b"ready\n"
        self.mnt = os.readlink(f"/proc/{self.holder.pid}/ns/mnt")

    def processes(self):
        """Every process in our namespace: all of them are ours. {pid: command line}"""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{entry}/ns/mnt") == self.mnt:
                        found[int(entry)] = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ")
        return found

    def kill_all(self):
        for _ in range(50):
            found = [p for p in self.processes() if p != self.holder.pid]
            if not found:
                return
            for pid in found:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def close(self):
        self.kill_all()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        shutil.rmtree(self.base, ignore_errors=True)

    # --- using it --------------------------------------------------------------------------------------------------

    def as_user(self, user, *command, environment=None):
        env = {"PATH": "/usr/bin:/bin", "USER": user, "LOGNAME": user, "HOME": str(self.base / "home" / user)}
        env.update(environment or {})
        uid = 0 if user == "root" else USERS[user]
        gid = 0 if user == "root" else GROUP
        words = [f"{k}={v}" for k, v in env.items() if v is not None]
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt",
                f"--root=/proc/{self.holder.pid}/root", "--", "setpriv", f"--reuid={uid}", f"--regid={gid}",
                "--clear-groups", "env", "-i", *words, *command]

    def run(self, user, *command, check=True, **options):
        return subprocess.run(self.as_user(user, *command), capture_output=True, check=check, **options)

    def compose(self, expect=0, **task):
        done = subprocess.run([tool(), "compose"], input=json.dumps(task).encode(), capture_output=True, check=False)
        assert done.returncode == expect, done.stderr
        return (done.stdout, done.stderr.decode().split("\n")[0]) if expect == 0 else done.stderr.decode()

    def parse(self, out, nonce):
        done = subprocess.run([tool(), "parse", nonce], input=out, capture_output=True, check=True)
        report = Report(json.loads(done.stdout))
        report["out"] = bytes.fromhex(report["out"])
        report["raw"] = out
        return report

    def command(self):
        return subprocess.run([tool(), "command"], capture_output=True, check=True, text=True).stdout.rstrip("\n")

    def start(self, shell="dash", variant="all", user="ops", login=None, environment=None, real_boot=False, patch=None,
              **task):
        """Begins a request; nothing is sent yet. patch: (old, new) text of the shell side, to hold it up at a place."""
        payload, nonce = self.compose(**task)
        if patch:
            assert patch[0] in payload
            payload = payload.replace(*patch, 1)
        tools = self.base / "bin" / f"{shell}-{variant}"
        payload = payload.replace(b"fl_sh='/bin/sh'", f"fl_sh='{tools}/sh'".encode(), 1)
        payload = payload.replace(b"fl_path='/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'",
                                  f"fl_path='{tools}'".encode(), 1)
        if not real_boot:
            payload = payload.replace(b"'/proc/sys/kernel/random/boot_id'", f"'{self.boot_file}'".encode(), 1)
        command = self.command().replace("/bin/sh", f"{tools}/sh")
        process = subprocess.Popen(self.as_user(user, *(login or [f"{tools}/sh"]), "-c", command, environment=environment),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        return Session(self, process, payload, nonce)

    def ask(self, **options):
        session = self.start(**options)
        report = session.finish()
        report["err"] = session.err
        return report


class Place:
    """A machine's folder after first contact, and the fields that every fenced request names."""

    def __init__(self, machine, folder=None, **how):
        self.machine = machine
        self.how = how
        machine.count += 1
        self.name = f"p{machine.count}"
        user = how.get("user", "ops")
        if folder is None:
            folder = machine.base / "home" / user / self.name if user != "root" else machine.base / self.name
        self.folder = folder
        self.contact = machine.ask(act="contact", cluster="c1", machine="m1", folder=str(folder), **how)
        assert self.contact.verdict == "done", self.contact
        self.own = pathlib.Path(folder) / "c1" / "m1"
        self.task = {"cluster": "c1", "machine": "m1", "folder": str(folder), "memory": self.contact.memory,
                     "sent_memory": self.contact.memory,
                     "boot": self.contact.boot, "run": f"run-{self.name}", "step": 1, "attempt": 1, "timeline": 1, "epoch": 5,
                     "incarnation": "inc-a", "timeout": 20, "kill_after": 1}

    def options(self, act, **changes):
        return {**self.how, **self.task, "act": act, **changes}

    def start(self, act, **changes):
        return self.machine.start(**self.options(act, **changes))

    def ask(self, act, **changes):
        return self.machine.ask(**self.options(act, **changes))

    def counter(self, name="effects"):
        """A file that scripts add lines to: what really happened."""
        return Counter(self.machine.work / f"{self.name}-{name}")


class Counter:
    def __init__(self, path):
        self.path = path

    def lines(self):
        return self.path.read_text().split() if self.path.exists() else []

    def add(self, text="x"):
        return f"echo {text} >>{self.path}"
