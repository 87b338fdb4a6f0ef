# SPDX-License-Identifier: MIT
"""What a process says over loopback, with the kernel's time of each packet: a trace that the program under test has no part in.

    with Wire({"sshd": 2222, "postgres": 5432}) as wire:
        ...
    for said in wire.said(): ...      # in order; see Said

Needs root. Reads Postgres' protocol and HTTP/1.1 far enough to name what was asked.
"""

import collections
import ctypes
import re
import socket
import struct
import threading

SO_TIMESTAMPNS, SO_ATTACH_FILTER, SO_RCVBUFFORCE = 35, 26, 33
SOL_PACKET, PACKET_STATISTICS, ETH_P_IP = 263, 6, 0x0800
BUFFER = 64 << 20
# at_ns: wall clock. peer: a name of the ports; to_peer: to it, else from it. local: the other side's port, host: the peer's address.
Said = collections.namedtuple("Said", "at_ns peer to_peer local host data")
# A transaction: when its last byte left and when its answer had come; the statements' names and the tags of their answers.
Transaction = collections.namedtuple("Transaction", "began_ns ended_ns statements tags")
Call = collections.namedtuple("Call", "began_ns ended_ns what")


def packet_filter(ports):
    """A classic BPF program: TCP to or from one of the ports; the kernel drops the rest before it costs us anything."""
    ports = list(ports)
    code = [(0x30, 0, 0, 9), (0x15, 0, 2 * len(ports) + 3, 6), (0xB1, 0, 0, 0), (0x48, 0, 0, 2)]
    code += [(0x15, 2 * len(ports) + 1 - i, 0, port) for i, port in enumerate(ports)]
    code += [(0x48, 0, 0, 0)] + [(0x15, len(ports) - i, 0, port) for i, port in enumerate(ports)]
    code += [(0x06, 0, 0, 0), (0x06, 0, 0, 0x40000)]
    return b"".join(struct.pack("HBBI", *one) for one in code), len(code)


class Wire:
    def __init__(self, peers):
        self.peers = {port: name for name, port in peers.items()}
        self._packets, self._over = [], threading.Event()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        program, count = packet_filter(self.peers)
        self._program = ctypes.create_string_buffer(program)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                struct.pack("HxxxxxxP", count, ctypes.addressof(self._program)))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(("lo", ETH_P_IP))  # as received: each packet once
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._collect, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        if dropped:
            raise RuntimeError(f"{dropped} packets were dropped: the trace is not whole")

    def _collect(self):
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(1 << 18, 256)
            except TimeoutError:
                if self._over.is_set():
                    return
                continue
            self._packets.append((extra, data))

    def said(self):
        """Every packet with data, in order."""
        return [one for one in (self._read(extra, data) for extra, data in list(self._packets)) if one]

    def _read(self, extra, data):
        stamp = next(value for level, kind, value in extra if kind == SO_TIMESTAMPNS)
        seconds, ns = struct.unpack("qq", stamp)
        head = (data[0] & 15) * 4
        source, target = struct.unpack_from("!HH", data, head)
        payload = data[head + (data[head + 12] >> 4) * 4:struct.unpack_from("!H", data, 2)[0] or None]
        if not payload:
            return None
        to_peer = target in self.peers
        peer, local = (target, source) if to_peer else (source, target)
        return Said(seconds * 10**9 + ns, self.peers[peer], to_peer, local, socket.inet_ntoa(data[16:20] if to_peer else data[12:16]), payload)


# --- Postgres -------------------------------------------------------------------------------------------------------

class _Messages:
    """Cuts one direction of a connection into messages (kind, body). Must begin at a message's first byte."""

    def __init__(self):
        self._kept = b""

    def feed(self, data):
        self._kept += data
        while len(self._kept) >= 5:
            length = struct.unpack_from("!I", self._kept, 1)[0]
            if len(self._kept) < 1 + length:
                return
            yield self._kept[:1], self._kept[5:1 + length]
            self._kept = self._kept[1 + length:]


class _Connection:
    def __init__(self):
        self.asked, self.answered = _Messages(), _Messages()
        self.open, self.waiting, self.tags = [], collections.deque(), []

    def take(self, said):
        if said.to_peer:
            for kind, body in self.asked.feed(said.data):
                if kind == b"B":
                    self.open.append(body.split(b"\0", 2)[1].decode())
                elif kind == b"S":
                    self.waiting.append((said.at_ns, self.open))
                    self.open = []
            return
        for kind, body in self.answered.feed(said.data):
            if kind == b"C":
                self.tags.append(body.rstrip(b"\0").decode())
            elif kind == b"Z" and self.waiting:
                began, names = self.waiting.popleft()
                tags, self.tags = self.tags, []
                yield Transaction(began, said.at_ns, names, tags)


def transactions(said, peer="postgres"):
    """Those of all connections to a Postgres, in the order of their answers."""
    connections = collections.defaultdict(_Connection)
    return [done for one in said if one.peer == peer for done in connections[one.local].take(one)]


# --- HTTP -----------------------------------------------------------------------------------------------------------

def calls(said, peer):
    """HTTP requests and when their answers began, in the order of the answers."""
    waiting, found = {}, []
    for one in said:
        if one.peer != peer:
            continue
        line = re.match(rb"(GET|PUT|POST|DELETE) (\S+) HTTP", one.data) if one.to_peer else re.match(rb"HTTP/1.1 (\d+)", one.data)
        if line and one.to_peer:
            waiting[one.local] = (one.at_ns, f"{line[1].decode()} {line[2].decode()}")
        elif line and one.local in waiting:
            began, what = waiting.pop(one.local)
            found.append(Call(began, one.at_ns, f"{what} {line[1].decode()}"))
    return found
