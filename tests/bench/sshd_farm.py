# SPDX-License-Identifier: MIT
"""Several sshd that stand for many machines, and the clients that are measured against them.

Every client connects to the names bench1, bench2, ...; name number n is on sshd number n modulo their count. For the peers this is
an ssh_config, for ours ports and a known_hosts file.
"""

import contextlib
import json

from tests.bench.harness import RELEASE, Skip, checked, run
from tests.kit import sshd

CURVE = "KexAlgorithms=curve25519-sha256"
USER = "plain"  # whose shell is /bin/sh


class Farm:
    def __init__(self, folder, sshds, names):
        why = sshd.may_run()
        if why:
            raise Skip(why)
        self.folder, self.names = folder, names
        folder.mkdir()
        self._stack = contextlib.ExitStack()
        self.boxes = [self._stack.enter_context(sshd.Sshd(folder / f"sshd{i}", max_sessions=1000)) for i in range(sshds)]
        self._share_one_key()
        self._write()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _share_one_key(self):
        """All sshd let the first one's user key in."""
        self.key = self.boxes[0].keys["ed25519"]
        public = self.key.with_suffix(".pub").read_text(encoding="utf-8")
        for box in self.boxes:
            (box.folder / "authorized_keys").write_text(public, encoding="utf-8")

    def _write(self):
        self.known_hosts, self.config = self.folder / "known_hosts", self.folder / "ssh_config"
        hosts, lines = [], []
        for number in range(self.names):
            box = self.boxes[number % len(self.boxes)]
            key = (box.folder / "host_ed25519.pub").read_text(encoding="utf-8").split()[:2]
            hosts.append(f"bench{number + 1} {' '.join(key)}\n")
            lines.append(f"Host bench{number + 1}\n  Port {box.port}\n  HostKeyAlias bench{number + 1}\n")
        self.known_hosts.write_text("".join(hosts), encoding="utf-8")
        common = (f"Host *\n  HostName 127.0.0.1\n  User {USER}\n  IdentityFile {self.key}\n  IdentitiesOnly yes\n  BatchMode yes\n"
                  f"  UserKnownHostsFile {self.known_hosts}\n  StrictHostKeyChecking yes\n  GlobalKnownHostsFile /dev/null\n")
        self.config.write_text("".join(lines) + common, encoding="utf-8")

    def hosts(self, count, **more):
        """{name: inventory entry}, each a machine and an SSH session of its own to firstline."""
        return {f"bench{n + 1}": {"address": "127.0.0.1", "port": self.boxes[n % len(self.boxes)].port, "user": USER, "key": str(self.key),
                                  "known_as": f"bench{n + 1}", "machine": f"bench-machine-{n + 1}", **more} for n in range(count)}

    def list_of(self, count):
        path = self.folder / f"hosts-{count}"
        path.write_text("".join(f"bench{i + 1}\n" for i in range(count)), encoding="utf-8")
        return path

    # --- clients ---------------------------------------------------------------------------------------------------

    def ours(self, command, count, at_once, names):
        ports = ",".join(str(box.port) for box in self.boxes)
        done = run([RELEASE / "tests/ssh_bench", ports, USER, self.key, self.known_hosts, command, count, at_once, names])
        if done["status"] != 0:
            raise RuntimeError(f"ssh_bench: {done['out']}{done['err']}")
        return json.loads(done["out"])

    def ssh(self, command, count, at_once, kex=None):
        """One ssh program a command."""
        words = " ".join(str(word) for word in ["-F", self.config, *(["-o", kex] if kex else [])])
        return checked(["sh", "-c", f"seq {count} | xargs -P {at_once} -I {{}} ssh -n {words} bench{{}} {command}"], watch=True)

    def ssh_kept(self, command, count, at_once, control, sessions):
        """The same over control sockets, whose masters are there before the clock starts; the masters' CPU is not counted."""
        options = ["-F", self.config, "-o", f"ControlPath={control}-%n"]
        names = [f"bench{i + 1}" for i in range(sessions)]
        for name in names:
            checked(["ssh", *options, "-M", "-f", "-N", name])
        words = " ".join(str(word) for word in options)
        try:
            return checked(["sh", "-c", f"seq {count} | awk '{{print ($1 - 1) % {sessions} + 1}}' | "
                                        f"xargs -P {at_once} -I {{}} ssh -n {words} bench{{}} {command}"], watch=True)
        finally:
            for name in names:
                checked(["ssh", *options, "-O", "exit", name])

    def pssh(self, command, count, at_once, kex=None):
        extra = ["-x", f"-F {self.config}" + (f" -o {kex}" if kex else "")]
        return checked(["parallel-ssh", "-h", self.list_of(count), "-p", at_once, "-t", 300, *extra, command], watch=True)

    def clush(self, command, count, at_once, kex=None):
        extra = f"-F {self.config}" + (f" -o {kex}" if kex else "")
        return checked(["clush", "-q", "-w", f"bench[1-{count}]", "-f", at_once, "-t", 60, "-o", extra, command], watch=True)

    def ansible(self, command, count, at_once, kex=None):
        arguments = f"-F {self.config} -o ControlMaster=no" + (f" -o {kex}" if kex else "")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "ANSIBLE_HOST_KEY_CHECKING": "True",
                       "ANSIBLE_SSH_ARGS": arguments, "ANSIBLE_LOCAL_TEMP": str(self.folder / "ansible"), "ANSIBLE_DEPRECATION_WARNINGS": "False"}
        return checked(["ansible", "all", "-i", self.list_of(count), "-m", "ansible.builtin.raw", "-a", command, "-f", at_once], watch=True, env=environment)
