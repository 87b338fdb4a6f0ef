# SPDX-License-Identifier: MIT
"""A machine to be repaired: a real sshd (on 127.0.0.1, if not told otherwise) with users, sudo and an /etc of its own.

It lives in mount and process namespaces of its own: /etc is a copy in memory, /run, /srv, /var/tmp and /dev/shm are
empty and private. So tests may add users, fill a filesystem or stop what they started, and the machine below never
sees it. When the process that made it ends, the kernel ends all of it. Needs root.

    with Sshd(folder) as box:
        box.sh("echo broken >/srv/state")
        hosts = box.hosts(50)               # inventory entries, each a machine of its own
"""

import contextlib
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import subprocess
import time

from tests.kit import processes
from tests.kit.postgres import free_port

KEY_TYPES = ("ed25519", "ecdsa", "rsa")
# name: (uid, shell, may use sudo without a password)
USERS = {
    "ops": (2000, "/bin/bash", True),
    "dashuser": (2004, "/bin/sh", True),
    "plain": (2003, "/bin/sh", False),
    "tcshuser": (2001, "/usr/bin/tcsh", True),
    "fishuser": (2002, "/usr/bin/fish", True),
    "svc": (999, "/bin/sh", True),
    "slow": (2005, "/etc/slow-shell", True),
}
# A login shell on whose machine bytes may arrive late: it has all of a recover's request, and while there is a file
# /srv/hold/MACHINE it renames that to MACHINE.held and waits until it is gone; then the request begins, and MACHINE.done says
# that it has ended. Each other request, and each second recover, passes.
SLOW_SHELL = r"""#!/bin/sh
t=/dev/shm/slow.$$
cat >"$t"
m=$(sed -n "s/.*fl_machine='\([^']*\)'.*/\1/p" "$t" | head -n 1)
if grep -q "fl_act='recover'" "$t" && mv "/srv/hold/$m" "/srv/hold/$m.held" 2>/dev/null; then
    while test -e "/srv/hold/$m.held"; do sleep 0.1; done
    /bin/sh "$@" <"$t"
    touch "/srv/hold/$m.done"
    exit 0
fi
exec <"$t"
rm -f "$t"
exec /bin/sh "$@"
"""
# The first process of the machine: starts sshd, collects what has ended, stays when sshd goes.
INIT = """
import os, subprocess, sys
subprocess.Popen(sys.argv[1:])
while True:
    try:
        os.wait()
    except ChildProcessError:
        import time; time.sleep(0.1)
"""
MOUNTS = """
set -eu
mount -t tmpfs -o mode=755 tmpfs "$1/etc"
cp -a /etc/. "$1/etc/"
cp -a "$1/etc-add/." "$1/etc/"
mount --bind "$1/etc" /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/lock /run/sudo
mount -t tmpfs -o mode=755 tmpfs /srv
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
shift
exec /usr/bin/python3 -c "$@"
"""


class Sshd:
    """max_sessions, force_command, host_keys and extra (lines) go into sshd_config. host_keys: types it offers."""

    def __init__(self, folder, max_sessions=None, force_command=None, host_keys=KEY_TYPES, extra="", address="127.0.0.1"):
        if os.geteuid() != 0:
            raise RuntimeError("a private machine needs root, for its namespaces")
        self.folder = pathlib.Path(folder)
        self.address = address
        self.port = free_port()
        self.log = self.folder / "sshd.log"
        self.known_hosts = self.folder / "known_hosts"
        self.keys = {kind: self.folder / "keys" / kind for kind in KEY_TYPES}
        self.process = None
        self._make_files(max_sessions, force_command, host_keys, extra)
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- files -----------------------------------------------------------------------------------------------------

    def _make_files(self, max_sessions, force_command, host_keys, extra):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        for name in ("keys", "etc", "etc-add/sudoers.d", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for kind in KEY_TYPES:
            for path in (self.keys[kind], self.folder / f"host_{kind}"):
                bits = ["-b", "2048"] if kind == "rsa" else []
                subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-C", "test", "-f", str(path)], check=True)
        public = [self.keys[kind].with_suffix(".pub").read_text() for kind in KEY_TYPES]
        (self.folder / "authorized_keys").write_text("".join(public))
        self._make_users()
        self.write_known_hosts(host_keys)
        lines = [f"Port {self.port}", f"ListenAddress {self.address}", "UsePAM no", "StrictModes no", "PasswordAuthentication no",
                 "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "PidFile none", "UseDNS no",
                 "MaxStartups 1000", "LogLevel VERBOSE", f"AuthorizedKeysFile {self.folder}/authorized_keys",
                 "Subsystem sftp internal-sftp", *(f"HostKey {self.folder}/host_{kind}" for kind in host_keys)]
        if max_sessions:
            lines.append(f"MaxSessions {max_sessions}")
        if force_command:
            lines.append(f"ForceCommand {force_command}")
        (self.folder / "sshd_config").write_text("\n".join(lines) + "\n" + extra + "\n")

    def _make_users(self):
        """The machine's own users, less any that stand in the way, and ours."""
        add = self.folder / "etc-add"
        uids = {str(uid) for uid, _, _ in USERS.values()}
        passwd = [line for line in pathlib.Path("/etc/passwd").read_text().splitlines()
                  if line.split(":")[0] not in USERS and line.split(":")[2] not in uids]
        group = [line for line in pathlib.Path("/etc/group").read_text().splitlines()
                 if line.split(":")[0] not in USERS and line.split(":")[2] not in uids]
        shadow = [line for line in pathlib.Path("/etc/shadow").read_text().splitlines() if line.split(":")[0] not in USERS]
        sudoers = []
        for user, (uid, shell, sudo) in USERS.items():
            home = self.folder / "home" / user
            home.mkdir(exist_ok=True)
            os.chown(home, uid, uid)
            passwd.append(f"{user}:x:{uid}:{uid}:{user}:{home}:{shell}")
            group.append(f"{user}:x:{uid}:")
            shadow.append(f"{user}:*:19000:0:99999:7:::")
            if sudo:
                sudoers.append(f"{user} ALL=(ALL) NOPASSWD: ALL")
        for name, lines, mode in (("passwd", passwd, 0o644), ("group", group, 0o644), ("shadow", shadow, 0o640),
                                  ("sudoers.d/tests", sudoers, 0o440)):
            (add / name).write_text("\n".join(lines) + "\n")
            (add / name).chmod(mode)
        (add / "slow-shell").write_text(SLOW_SHELL)
        (add / "slow-shell").chmod(0o755)
        (add / "machine-id").write_text(os.urandom(16).hex() + "\n")
        hosts = pathlib.Path("/etc/hosts").read_text()  # sudo looks its own name up
        (add / "hosts").write_text(f"{hosts}\n127.0.0.1 {os.uname().nodename}\n")

    def write_known_hosts(self, kinds=KEY_TYPES, names=None):
        """Our known_hosts file: a line for each key type (and name; default: the address and port)."""
        names = names or [f"[{self.address}]:{self.port}"]
        lines = []
        for kind in kinds:
            key = " ".join((self.folder / f"host_{kind}.pub").read_text().split()[:2])
            lines += [f"{name} {key}" for name in names]
        self.known_hosts.write_text("\n".join(lines) + "\n")

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self):
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                   "sh", "-c", MOUNTS, "sh", str(self.folder), INIT, "/usr/sbin/sshd", "-D", "-f",
                   str(self.folder / "sshd_config"), "-E", str(self.log)]
        with open(self.folder / "machine.log", "ab") as log:
            self.process = processes.start(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        processes.wait_until(self._listens, processes.PATIENCE_S, "sshd to listen")

    def _listens(self):
        if self.process.poll() is not None:
            raise RuntimeError("the machine ended: " + (self.folder / "machine.log").read_text(errors="replace"))
        return self.log.exists() and f"Server listening on {self.address} port {self.port}" in self.read_log()

    def stop(self):
        """Ends the whole machine at once, whatever runs there."""
        if self.process is None:
            return
        self.resume()
        self.process.kill()
        self.process.wait()
        self.process = None
        processes.wait_until(lambda: not self._busy(), processes.PATIENCE_S, "the machine's processes to end")

    def _busy(self):
        """Whether a process of the machine still lives: found by its private home in the mount list."""
        mine = f" {self.folder}/etc "
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mine in (entry / "mounts").read_text():
                        return True
                except OSError:
                    continue
        return False

    def pids(self):
        """The machine's processes as seen from here, its first one excepted."""
        below = processes.descendants(self.process.pid)
        return {pid: name for pid, name in below.items() if pid != self._first()}

    def _first(self):
        for pid in processes.descendants(self.process.pid):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            if "\nNSpid:\t" in status and status.split("NSpid:\t")[1].split("\n")[0].split()[-1] == "1":
                return pid
        raise RuntimeError("the machine has no first process")

    def pause(self):
        """Everything on the machine stands still; its sockets stay open (SSH hangs)."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def cut(self):
        """Ends every SSH connection, not the listener and not what was started over them."""
        for pid, words in self._sshds():
            if words.startswith(b"sshd: ") and b"[listener]" not in words:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _sshds(self):
        """(pid, command line) of each that lives still."""
        for pid, name in self.pids().items():
            with contextlib.suppress(OSError):
                if name == "sshd":
                    yield pid, pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()

    def restart_sshd(self, away_s=0.0):
        """The listener ends and comes back; connections that are there stay."""
        for pid, words in self._sshds():
            if b"[listener]" in words:
                os.kill(pid, signal.SIGTERM)
        time.sleep(away_s)
        before = self.read_log().count("Server listening on")
        self.sh(f"/usr/sbin/sshd -f {self.folder}/sshd_config -E {self.log}")
        processes.wait_until(lambda: self.read_log().count("Server listening on") > before, processes.PATIENCE_S, "sshd to listen again")

    def reboot(self):
        """What a reboot leaves: no process but init and sshd, another boot id, files as they are."""
        for pid, name in self.pids().items():
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() if pathlib.Path(f"/proc/{pid}").exists() else b""
            if not (name == "sshd" and b"[listener]" in words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.sh("umount /proc/sys/kernel/random/boot_id 2>/dev/null; cat /proc/sys/kernel/random/uuid >/run/boot_id && "
                "chmod 644 /run/boot_id && mount --bind /run/boot_id /proc/sys/kernel/random/boot_id")

    def _signal(self, number):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    # --- use -------------------------------------------------------------------------------------------------------

    def sh(self, script, user="root", check=True):
        """Runs a script on the machine, not over SSH; its output."""
        command = ["nsenter", "-t", str(self._first()), "-m", "-p", "-r", "-w", "--", "runuser", "-u", user, "--", "sh", "-c", script]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, errors="replace", check=False,
                              stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise RuntimeError(f"on the machine: {shlex.join(command[-3:])}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path, text, mode=0o755):
        """A file on the machine (below /srv, /etc, /run or a home: elsewhere it would be the machine below)."""
        if not str(path).startswith(("/srv/", "/etc/", "/run/", str(self.folder))):
            raise ValueError(f"{path} is not private to the machine")
        self.sh(f"mkdir -p {shlex.quote(str(pathlib.Path(path).parent))}; cat >{shlex.quote(str(path))} <<'END-OF-FILE'\n"
                f"{text}\nEND-OF-FILE\nchmod {mode:o} {shlex.quote(str(path))}")

    def hosts(self, count, user="ops", prefix="web", apart=False, **more):
        """{name: inventory entry} of so many aliases of this sshd, each a machine of its own to firstline. apart: known by
        names of their own, so that no two share an SSH session."""
        if apart:
            names = [f"{prefix}{n}" for n in range(1, count + 1)]
            self.write_known_hosts(names=[f"[{name}]:{self.port}" for name in names])
            return {name: dict(entry, known_as=name) for name, entry in self.hosts(count, user, prefix, **more).items()}
        return {f"{prefix}{n}": dict({"address": self.address, "port": self.port, "user": user,
                                      "key": str(self.keys["ed25519"]), "machine": f"{prefix}-machine-{n}",
                                      "aliases": [f"{prefix}{n}.example"]}, **more) for n in range(1, count + 1)}

    def ssh(self, command, user="ops"):
        """Runs a command over SSH by the ssh program, to see what a real client sees; (status, output)."""
        done = subprocess.run(["ssh", "-F", "/dev/null", "-i", str(self.keys["ed25519"]), "-o", "IdentitiesOnly=yes",
                               "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.known_hosts}", "-p", str(self.port),
                               f"{user}@{self.address}", command], capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


def may_run():
    """"" where such a machine can be made here, else why not."""
    if os.geteuid() != 0:
        return "needs root for its namespaces"
    if not shutil.which("unshare") or not pathlib.Path("/usr/sbin/sshd").exists():
        return "needs util-linux and openssh-server"
    try:
        pwd.getpwnam("sshd")
    except KeyError:
        return "openssh-server has no user sshd here"
    return ""
