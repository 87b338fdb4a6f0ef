# SPDX-License-Identifier: MIT
"""Places on one machine, a network namespace each, with wan.c between them: far places are 15 ms apart, and what is cut is
silent. Needs root and /dev/net/tun.

    with Network(PLACES) as network:
        with network.inside("tokyo-db"):        # what this thread starts or connects is there
            ...
        network.cut("tokyo-db", "osaka-db")

The namespaces have no name: they are held by this process and by those that run in them, so the last one to end takes
them away, however it ends.
"""

import contextlib
import ctypes
import fcntl
import os
import pathlib
import struct
import subprocess
import threading

from tests.kit import processes
from tests.kit.node import binary

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
NETWORK, DEVICE = "10.78", "wan"
FAR_US = 15000
# place: where it is. Between two of one site there is no delay; the site None is near to all and is never cut.
PLACES = {"tokyo-db": "tokyo", "osaka-db": "osaka", "witness": "witness", "tokyo-nodes": "tokyo", "osaka-nodes": "osaka",
          "pagerduty": "pagerduty", "customers": "customers", "observer": None}
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def may_run():
    """"" where such a network can be made here, else why not."""
    if os.geteuid() != 0:
        return "needs root for its namespaces"
    if not pathlib.Path("/dev/net/tun").exists():
        return "needs /dev/net/tun"
    return ""


class Network:
    """places: {name: site}. A place's address is network.address(name)."""

    def __init__(self, places=None):
        self.places = dict(places or PLACES)
        self.ports = {name: number for number, name in enumerate(self.places, 1)}
        self._lock = threading.Lock()
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._namespaces = {}
        tuns = []
        try:
            for name in self.places:
                self._namespaces[name] = self._make()
                with self.inside(name):
                    tuns.append(self._tun())
                    self._configure(self.address(name))
            self.wan = processes.start([pathlib.Path(binary()).parent / "tests/wan", *map(str, tuns)], pass_fds=tuns,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        finally:
            for fd in tuns:
                os.close(fd)
        for a, b in self._pairs():
            if self.places[a] != self.places[b] and None not in (self.places[a], self.places[b]):
                self.delay(a, b, FAR_US)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.wan.stdin.close()
        self.wan.stdout.close()
        self.wan.wait()
        for fd in [*self._namespaces.values(), self._home]:
            os.close(fd)

    # --- making ----------------------------------------------------------------------------------------------------

    def _make(self):
        """A new namespace's descriptor; this thread comes back out of it."""
        _checked(_libc.unshare(CLONE_NEWNET))
        try:
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            _checked(_libc.setns(self._home, CLONE_NEWNET))

    @staticmethod
    def _tun():
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        return fd

    @staticmethod
    def _configure(address):
        """The address stands on the loopback, so what is inside a place goes on whatever is cut."""
        for words in (f"address add {address}/32 dev lo", "link set lo up", f"link set {DEVICE} up",
                      f"route add {NETWORK}.0.0/16 dev {DEVICE} src {address}"):
            subprocess.run(["ip", *words.split()], check=True)

    # --- use -------------------------------------------------------------------------------------------------------

    def address(self, place):
        return f"{NETWORK}.{self.ports[place]}.1"

    @contextlib.contextmanager
    def inside(self, place):
        """This thread, and what it starts or connects meanwhile, is in the place. May be nested."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _checked(_libc.setns(self._namespaces[place], CLONE_NEWNET))
            yield
        finally:
            _checked(_libc.setns(before, CLONE_NEWNET))
            os.close(before)

    def delay(self, a, b, microseconds):
        self._command("delay", a, b, microseconds)

    def cut(self, a, b):
        self._command("cut", a, b)

    def heal(self, a, b):
        self._command("heal", a, b)

    def cut_site(self, site):
        """Silences all places of a site towards all others; inside, it goes on."""
        for a, b in self._border(site):
            self.cut(a, b)

    def heal_site(self, site):
        for a, b in self._border(site):
            self.heal(a, b)

    def counts(self):
        """Packets so far: delivered, swallowed by a cut, lost."""
        return dict(zip(("delivered", "swallowed", "lost"), self._command("count")))

    def of(self, site):
        return [name for name, where in self.places.items() if where == site]

    def _border(self, site):
        return [(a, b) for a in self.of(site) for b, where in self.places.items() if where not in (site, None)]

    def _pairs(self):
        names = list(self.places)
        return [(a, b) for n, a in enumerate(names) for b in names[n + 1:]]

    def _command(self, verb, *words):
        numbers = [str(self.ports.get(word, word)) for word in words]
        with self._lock:
            self.wan.stdin.write(" ".join([verb, *numbers]) + "\n")
            self.wan.stdin.flush()
            answer = self.wan.stdout.readline().split()
        if answer[:1] != ["ok"]:
            raise RuntimeError(f"the network refused {verb} {words}: {' '.join(answer) or 'it has ended'}")
        return [int(word) for word in answer[1:]]
