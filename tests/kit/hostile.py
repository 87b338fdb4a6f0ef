# SPDX-License-Identifier: MIT
"""Sends the hostile requests of hostile_kinds.py at a node and watches it: what each got, what good requests got meanwhile,
and how much memory the node has.

The same seed gives the same requests in the same order; which of them meet on the node is up to chance.
"""

import asyncio
import collections
import dataclasses
import logging
import random
import socket
import statistics
import struct
import time

from tests.kit import hostile_kinds as hk
from tests.kit import webhooks

AT_ONCE = 300           # of the quick ones, some of which wait for a time-out; the slow ones hold connections besides
SLOW_AT_ONCE = 200
ANSWER_LIMIT_S = 30
SLOW = (hk.SLOWLY, hk.SILENT, hk.GREEDY)
PROBE_EVERY_S = 0.5
SAMPLE_EVERY_S = 0.1
# A leak of 40 bytes a request is 2.4 MiB over the 60 % of 100,000 that lie between the two windows.
GROWTH_KIB_MAX = 2048


@dataclasses.dataclass
class Result:
    requests: int
    seed: int
    began: float = dataclasses.field(default_factory=time.time)
    ended: float = 0.0
    outcomes: dict = dataclasses.field(default_factory=lambda: collections.defaultdict(collections.Counter))
    unexpected: list = dataclasses.field(default_factory=list)
    memory: list = dataclasses.field(default_factory=list)   # (seconds, requests done, resident KiB)
    probes: list = dataclasses.field(default_factory=list)   # (what, status, seconds)

    def reached(self):
        return sum(sum(counts.values()) for counts in self.outcomes.values())

    def accepted(self):
        """Deliveries that were answered by 202."""
        return (sum(self.outcomes[kind.name][202] * (2 if kind.way == hk.TWICE else 1) for kind in hk.KINDS)
                + sum(1 for _, status, _ in self.probes if status == 202))

    def growth_kib(self):
        """Median of the last fifth (by requests done) less that of the second fifth: the first warms pools and caches."""
        def window(low, high):
            return [kib for _, done, kib in self.memory if low * self.requests <= done <= high * self.requests]
        early, late = window(0.2, 0.4), window(0.8, 1.0)
        return statistics.median(late) - statistics.median(early) if early and late else None


def plan(requests, seed):
    """The kinds in the order in which they are sent: shares as in the table, each at least once."""
    chance = random.Random(seed)
    whole = sum(kind.weight for kind in hk.KINDS)
    order = [kind for kind in hk.KINDS for _ in range(max(1, requests * kind.weight // whole))]
    order += chance.choices([kind for kind in hk.KINDS if kind.way not in SLOW], k=max(0, requests - len(order)))
    chance.shuffle(order)
    return order[:requests]


async def connect(port, chance):
    """From one of many loopback addresses, so that neither ports nor a limit for each address run out."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((f"127.{chance.randrange(1, 200)}.{chance.randrange(1, 255)}.{chance.randrange(1, 255)}", 0))
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return await asyncio.open_connection(sock=sock, limit=1 << 20)
    except OSError:
        sock.close()
        raise


async def read_answer(reader):
    """The status of one whole answer; "closed" where the connection ended first."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            lowered = head.lower()
            at = lowered.find(b"\r\ncontent-length:")
            if at >= 0:
                await reader.readexactly(int(lowered[at + 17:lowered.index(b"\r\n", at + 2)]))
            if status != 100:
                return status
    except (asyncio.IncompleteReadError, OSError):
        return hk.CLOSED


async def send_slowly(reader, writer, data):
    """A byte now and then, until the node has had enough."""
    answer = asyncio.ensure_future(read_answer(reader))
    for at in range(len(data)):
        if answer.done():
            break
        writer.write(data[at:at + 1])
        await asyncio.wait([answer], timeout=0.1)
    return await asyncio.wait_for(answer, ANSWER_LIMIT_S)


async def send(kind, data, reader, writer):
    """One request in the kind's way; what came of it."""
    if kind.way == hk.SLOWLY:
        return await send_slowly(reader, writer, data)
    if kind.way == hk.PIECES:
        for at in range(0, len(data), 16):
            writer.write(data[at:at + 16])  # a segment each; no turn of the loop between, which under load would take too long
    else:
        writer.write(data)
    if kind.way in (hk.LEAVE, hk.RESET):
        if kind.way == hk.RESET:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return hk.LEFT
    if kind.way == hk.HALF_CLOSE:
        writer.write_eof()
    if kind.way == hk.GREEDY:
        await asyncio.sleep(3)
        return hk.LEFT
    first = await asyncio.wait_for(read_answer(reader), ANSWER_LIMIT_S)
    if kind.way == hk.TWICE and first == 202:
        return await asyncio.wait_for(read_answer(reader), ANSWER_LIMIT_S)
    return first


async def one(kind, number, port, result):
    chance = random.Random(f"{result.seed} {number}")
    data = kind.make(chance)
    writer = None
    try:
        reader, writer = await connect(port, chance)
        outcome = await send(kind, data, reader, writer)
    except (ConnectionError, BrokenPipeError):
        outcome = hk.CLOSED
    except asyncio.TimeoutError:
        outcome = "no answer"
    finally:
        if writer:
            writer.transport.abort() if kind.way == hk.RESET else writer.close()
    result.outcomes[kind.name][outcome] += 1
    if outcome not in kind.expected and len(result.unexpected) < 100:
        result.unexpected.append({"number": number, "kind": kind.name, "outcome": outcome, "begins": repr(data[:300])})


async def worker(queue, port, result):
    while queue:
        number, kind = queue.popleft()
        await one(kind, number, port, result)


async def probe(port, result, chance, within_s):
    """A good webhook and a health check, as PagerDuty and a balancer send them."""
    body = webhooks.raw(webhooks.event(webhooks.incident("QPROBE"), "incident.acknowledged", agent=hk.AGENT))
    for what, data in (("webhook", hk.delivery(body)), ("health", hk.request(b"GET", b"/healthz"))):
        began = time.monotonic()
        status = "no answer"
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await connect(port, chance)
                writer.write(data)
                status = await read_answer(reader)
                writer.close()
        except (OSError, TimeoutError) as error:
            status = type(error).__name__
        result.probes.append((what, status, round(time.monotonic() - began, 4)))


async def every(seconds, act):
    while True:
        await act()
        await asyncio.sleep(seconds)


async def run(node, requests, seed, tell=None, good_within_s=webhooks.PAGERDUTY_WAITS_S):
    """Sends them all; a Result. good_within_s: so soon good requests must be answered meanwhile, the time of this process included."""
    result = Result(requests, seed)
    chance = random.Random(seed + 1)
    order = list(enumerate(plan(requests, seed)))
    quick = collections.deque(pair for pair in order if pair[1].way not in SLOW)
    slow = collections.deque(pair for pair in order if pair[1].way in SLOW)
    began = time.monotonic()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of writes to what the node has closed

    async def sample():
        result.memory.append((round(time.monotonic() - began, 1), result.reached(), node.memory_kib()))
        if tell and len(result.memory) % 10 == 0:
            tell(*result.memory[-1])
    aside = [asyncio.ensure_future(every(SAMPLE_EVERY_S, sample)),
             asyncio.ensure_future(every(PROBE_EVERY_S, lambda: probe(node.port, result, chance, good_within_s)))]
    workers = [worker(quick, node.port, result) for _ in range(AT_ONCE)]
    workers += [worker(slow, node.port, result) for _ in range(min(SLOW_AT_ONCE, len(slow)))]
    try:
        await asyncio.gather(*workers)
        await probe(node.port, result, chance, good_within_s)
        await sample()
    finally:
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)
    result.ended = time.time()
    return result


def faults(result, stored, growth_kib_max=GROWTH_KIB_MAX):
    """What is not as it should be, a sentence each. stored: how many deliveries the database knows, copies counted."""
    found = []
    if stored < result.accepted():
        found.append(f"{result.accepted()} deliveries were answered by 202, {stored} are stored")
    if result.reached() != result.requests:
        found.append(f"{result.reached()} of {result.requests} requests were made")
    found += [f"{bad['kind']}: {bad['outcome']}: {bad['begins']}" for bad in result.unexpected[:10]]
    wanted = {"webhook": 202, "health": 200}
    found += [f"a good {what} was answered by {status} after {took} s" for what, status, took in result.probes
              if status != wanted[what]][:10]
    growth = result.growth_kib()
    if growth is None:
        found.append("memory was not sampled in both windows")
    elif growth > growth_kib_max:
        found.append(f"memory grew by {growth:g} KiB between the second and the last fifth of the requests")
    return found
