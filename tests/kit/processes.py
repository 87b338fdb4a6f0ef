# SPDX-License-Identifier: MIT
"""Processes that end with us: started in a group of their own, told to die with their parent, and counted.

The kernel makes us the parent of every orphan below us (subreaper), so that a daemon which left its group is still
found; only our own descendants are ever signalled.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time

PATIENCE_S = 120  # for what comes at once on a quiet machine: a test that waits longer has failed
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    """Orphans among our descendants become our children."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(command, new_session=True, **options):
    """A subprocess in a session of its own that the kernel kills when we die."""
    return subprocess.Popen(command, start_new_session=new_session, preexec_fn=_die_with_parent, **options)


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return {"state": fields[0], "parent": int(fields[1]), "name": text[text.index("(") + 1:text.rindex(")")]}


def state(pid):
    """"R", "S", "T" (stopped), "Z", ...; "" when it is gone."""
    stat = _stat(pid)
    return stat["state"] if stat else ""


def descendants(of=None):
    """{pid: name} of the living processes below `of` (default: us), zombies not counted."""
    of = of or os.getpid()
    children = {}
    names = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        stat = _stat(int(entry))
        if stat is None:
            continue
        children.setdefault(stat["parent"], []).append(int(entry))
        if stat["state"] != "Z":
            names[int(entry)] = stat["name"]
    found = {}
    queue = list(children.get(of, []))
    while queue:
        pid = queue.pop()
        queue += children.get(pid, [])
        if pid in names:
            found[pid] = names[pid]
    return found


def connected(pid, port):
    """How many sockets of a process are connected to a port of this machine."""
    own = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            own.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" and f"socket:[{row[9]}]" in own for row in rows)


def unread_bytes(port):
    """What was sent to a server on this machine's port that it has not read yet (and connections that it has not accepted)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(f":{port:04X}"))


def reap(but=()):
    """Collects the ended orphans that fell to us, but for the named ones, whose Popen asks for them itself."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in but:
            continue
        stat = _stat(int(entry))
        if stat and stat["state"] == "Z" and stat["parent"] == os.getpid():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(entry), os.WNOHANG)


def end_all(of=None, grace_s=3.0):
    """Ends every process below `of`: SIGCONT and SIGTERM first, SIGKILL after the grace. Returns what was found."""
    found = descendants(of)
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not descendants(of), grace_s, every_s=0.05, quiet=True)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = descendants(of)
        if not left:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return found


def wait_until(true, longest_s=PATIENCE_S, what="the condition", every_s=0.05, quiet=False):
    """Waits for a condition, never for a time: returns its first true value, raises (or returns None) at the limit."""
    deadline = time.monotonic() + longest_s
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() >= deadline:
            if quiet:
                return None
            raise TimeoutError(f"waited {longest_s:g} s for {what}")
        time.sleep(every_s)
