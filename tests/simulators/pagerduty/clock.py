# SPDX-License-Identifier: MIT
"""The simulator's two clocks: wall time for stamps, policy time for time-outs.

Stamps (created_at, occurred_at) are always true wall time, because programs under test compare them with their own
clocks. Time-outs (escalation, acknowledgement, snooze, a disabled subscription) run on policy time, which can be sped
up, stopped or moved forward, so that a test need not wait half an hour for an escalation.
"""

import asyncio
import heapq
import itertools
import time
from datetime import datetime, timezone


def iso(seconds, millis=False):
    """Wall seconds as PagerDuty writes them: UTC with Z, whole seconds unless millis is set."""
    stamp = datetime.fromtimestamp(seconds, timezone.utc)
    if millis:
        return stamp.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.microsecond // 1000:03d}Z"
    return stamp.strftime("%Y-%m-%dT%H:%M:%SZ")


class Timer:
    """One thing that will happen at a moment of policy time; `cancel` is safe at any time."""

    __slots__ = ("due", "act", "cancelled", "clock")

    def __init__(self, due, act, clock):
        self.due, self.act, self.clock, self.cancelled = due, act, clock, False

    def cancel(self):
        if not self.cancelled and self.act is not None:
            self.cancelled = True
            self.clock.note_cancelled()


class Clock:
    """Wall time, scaled policy time, and the heap of timers on policy time."""

    IDLE_SLEEP_S = 0.5

    def __init__(self, speed=1.0):
        self.speed = speed
        self._base = 0.0
        self._since = time.monotonic()
        self._heap = []
        self._order = itertools.count()
        self._cancelled = 0
        self._wake = asyncio.Event()

    @staticmethod
    def wall():
        return time.time()

    def policy(self):
        return self._base + (time.monotonic() - self._since) * self.speed

    def set_speed(self, speed):
        self._base, self._since, self.speed = self.policy(), time.monotonic(), speed
        self._wake.set()

    def advance(self, seconds):
        self._base += seconds
        self._wake.set()

    def wall_of(self, due):
        """Wall time at which policy time `due` is reached at the present speed (far away when stopped)."""
        return self.wall() + (due - self.policy()) / max(self.speed, 1e-6)

    def after(self, seconds, act):
        timer = Timer(self.policy() + seconds, act, self)
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        self._wake.set()
        return timer

    def note_cancelled(self):
        self._cancelled += 1
        if self._cancelled > 1000 and self._cancelled * 2 > len(self._heap):
            self._heap = [item for item in self._heap if not item[2].cancelled]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _run_due(self):
        now = self.policy()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            act, timer.act = timer.act, None
            if timer.cancelled:
                self._cancelled = max(0, self._cancelled - 1)
            else:
                act()

    async def run(self):
        """Runs timers for ever; cancel the task to end."""
        while True:
            self._wake.clear()
            self._run_due()
            wait = self.IDLE_SLEEP_S
            if self._heap and self.speed > 0:
                wait = min(wait, max(0.0, (self._heap[0][0] - self.policy()) / self.speed))
            try:
                await asyncio.wait_for(self._wake.wait(), max(wait, 0.001))
            except asyncio.TimeoutError:
                pass
