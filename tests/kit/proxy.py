# SPDX-License-Identifier: MIT
"""A relay on 127.0.0.1 before a server, which can lose what a network loses.

    with Proxy(server.port) as way:                       # way.port
        way.lose_answer(b"node_renew")                    # the next request that holds these bytes reaches the server, and
                                                          # its answer is lost with the connection; way.lost counts
        way.lose_answer(b"run_claim", matching=b"-4...-") # only an answer that matches this pattern; others pass
        way.lose_request(b"run_write")                    # likewise, and the request never reaches the server
        way.silence(); way.heal()                         # nothing passes, either way, though nothing is closed
        way.refuse(); way.admit()                         # every connection is closed, and each new one at once
        way.cut()                                         # closes every connection
        way.cancels                                       # Postgres cancel requests that came through
    Proxy(server.port, delay_s=0.015)                     # every byte arrives so much later, either way

Both directions of a connection are threads of their own; none of them outlives the proxy.
"""

import contextlib
import queue
import re
import select
import socket
import threading
import time

CANCEL = bytes.fromhex("04d2162e")  # 80877102, where a Postgres startup packet has its version
PIECE_BYTES = 65536


class _Way:
    """One connection through the proxy."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.asked = False  # the request whose answer is to be lost has passed
        self.closed = False
        for at in (self._requests, self._answers):
            threading.Thread(target=self._guarded, args=(at,), daemon=True).start()

    def _guarded(self, pump):
        with contextlib.suppress(OSError):
            pump()
        self.close()

    def _requests(self):
        first = True
        for piece in self.proxy.pieces(self.client, self):
            if first and piece[4:8] == CANCEL:
                self.proxy.cancels += 1
            first = False
            if self.proxy.drops(piece):
                return
            if self.proxy.word is not None and self.proxy.word in piece:
                self.asked = True
            self.server.sendall(piece)

    def _answers(self):
        for piece in self.proxy.pieces(self.server, self):
            if self.asked and self.proxy.is_to_be_lost(piece):
                return
            self.client.sendall(piece)

    def close(self):
        self.closed = True
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Proxy:
    def __init__(self, target, delay_s=0.0):
        self.target, self.delay_s = target, delay_s
        self.cancels = self.lost = 0
        self.word = self.matching = self.dropped = None
        self.refuses = False
        self._flows = threading.Event()
        self._flows.set()
        self._ways = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open = False
        self._listener.close()
        self._flows.set()
        self.cut()

    def _accept(self):
        while self._open:
            try:
                if not select.select([self._listener], [], [], 0.2)[0]:
                    continue
                client, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            if self.refuses:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):  # else a small piece waits here for the answer to the one before it, up to 40 ms
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ways = [way for way in self._ways if not way.closed]
                self._ways.append(_Way(self, client, server))

    def pieces(self, end, way):
        """What comes from one end, as long as the way is open and flows."""
        return self._late(end, way) if self.delay_s else self._read(end, way)

    def _late(self, end, way):
        """Each piece when it is due; read meanwhile, so that a delay is no narrowness."""
        came = queue.SimpleQueue()

        def read():
            with contextlib.suppress(OSError):
                for piece in self._read(end, way):
                    came.put((time.monotonic() + self.delay_s, piece))
            came.put((0, b""))
        threading.Thread(target=read, daemon=True).start()
        while True:
            due, piece = came.get()
            if not piece:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            yield piece

    def _read(self, end, way):
        while not way.closed:
            if not select.select([end], [], [], 0.2)[0]:
                continue
            piece = end.recv(PIECE_BYTES)
            if not piece:
                return
            self._flows.wait()
            yield piece

    def is_to_be_lost(self, piece):
        with self._lock:
            if self.word is None or not re.search(self.matching, piece, re.DOTALL):
                return False
            self.word = None
            self.lost += 1
            return True

    def drops(self, piece):
        with self._lock:
            if self.dropped is None or self.dropped not in piece:
                return False
            self.dropped = None
            self.lost += 1
            return True

    # --- what is done to it ----------------------------------------------------------------------------------------

    def lose_answer(self, word, matching=b""):
        self.matching = matching
        self.word = word

    def lose_request(self, word):
        self.dropped = word

    def refuse(self):
        self.refuses = True
        self.cut()

    def admit(self):
        self.refuses = False

    def silence(self):
        self._flows.clear()

    def heal(self):
        self._flows.set()

    def cut(self):
        with self._lock:
            ways, self._ways = self._ways, []
        for way in ways:
            way.close()
