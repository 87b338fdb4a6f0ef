# SPDX-License-Identifier: MIT
"""Faults on command: which requests go wrong, how, and how often."""

import itertools
import random
import re
from dataclasses import dataclass

from model import Problem

FAULTS_MAX = 200
LONGEST_MS = 600_000
TYPES = {"count": int, "skip": int, "ms": (int, float), "seconds": (int, float), "status": int, "text": str,
         "method": str, "path": str, "headers": bool, "body": bool, "reset": bool, "chance": (int, float), "seed": int}
SHOWN_LATE = ("show_late", "cut_after", "act_then_status")  # where `seconds` says so
KINDS = {
    "delay": "waits `ms` before it acts",
    "delay_after": "acts, then waits `ms` before it answers",
    "429": "answers 429 without acting (`headers`: false leaves the ratelimit headers out, `body`: false the body)",
    "500": "answers 500 without acting",
    "status": "answers `status` with `text` without acting",
    "act_then_status": "acts, then answers `status` with `text`",
    "cut_before": "closes the connection without acting",
    "cut_after": "acts, then closes the connection without an answer",
    "show_late": "acts and answers, but GETs show it only `seconds` later (cut_after and act_then_status take `seconds` too)",
}


@dataclass
class Fault:
    id: int
    kind: str
    method: str
    path: "re.Pattern"
    left: int              # -1: until cleared
    skip: int = 0
    token: str = None
    ms: float = 0
    seconds: float = 0
    status: int = 500
    text: str = ""
    headers: bool = True
    body: bool = True
    reset: bool = False    # cut with RST instead of FIN
    chance: float = 1      # of a request that fits; else it passes
    seed: int = 0          # of that chance: the same requests in the same order fare the same
    hits: int = 0

    def __post_init__(self):
        self._dice = random.Random(self.seed)

    def strikes(self):
        return self.chance >= 1 or self._dice.random() < self.chance

    def view(self):
        return {"id": self.id, "kind": self.kind, "method": self.method, "path": self.path.pattern,
                "left": self.left, "skip": self.skip, "hits": self.hits}


class Faults:
    """The faults in force, in the order in which they were asked for; the first that fits is taken."""

    def __init__(self):
        self.active = []
        self.done = []
        self._ids = itertools.count(1)

    def add(self, spec):
        """From JSON. Raises Problem on anything that is not understood."""
        known = {"kind", "method", "path", "count", "skip", "token", "ms", "seconds", "status", "text", "headers",
                 "body", "reset", "chance", "seed"}
        unknown = sorted(set(spec) - known)
        if unknown or str(spec.get("kind")) not in KINDS:
            raise Problem(400, 2001, "fault not understood", unknown or [f"{k}: {v}" for k, v in KINDS.items()])
        if len(self.active) >= FAULTS_MAX:
            raise Problem(400, 2001, f"more than {FAULTS_MAX} faults")
        try:
            pattern = re.compile(spec.get("path", ""))
        except re.error as err:
            raise Problem(400, 2001, f"path is not a regular expression: {err}") from err
        more = {k: spec[k] for k in ("skip", "token", "ms", "seconds", "status", "text", "headers", "body", "reset", "chance",
                                     "seed") if k in spec}
        wrong = [k for k, kinds in TYPES.items() if k in spec and not isinstance(spec[k], kinds)]
        if wrong or not 0 <= spec.get("ms", 0) <= LONGEST_MS or not 200 <= spec.get("status", 500) <= 599 \
                or not 0 < spec.get("chance", 1) <= 1:
            raise Problem(400, 2001, "fault not understood",
                          wrong or ["ms is 0 to 600000, status 200 to 599, chance over 0 and up to 1"])
        fault = Fault(next(self._ids), str(spec["kind"]), spec.get("method", "*").upper(), pattern,
                      int(spec.get("count", 1)), **more)
        self.active.append(fault)
        return fault

    def take(self, method, path, token):
        """The fault for this request, counted down; None for most."""
        for fault in self.active:
            if fault.method not in ("*", method) or not fault.path.search(path):
                continue
            if fault.token not in (None, token):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if not fault.strikes():
                continue
            fault.hits += 1
            if fault.left > 0:
                fault.left -= 1
                if fault.left == 0:
                    self.active.remove(fault)
                    self.done = (self.done + [fault])[-FAULTS_MAX:]
            return fault
        return None

    def clear(self, fault_id=None):
        gone = [f for f in self.active if fault_id in (None, f.id)]
        self.active = [f for f in self.active if f not in gone]
        self.done = (self.done + gone)[-FAULTS_MAX:]
        return len(gone)
