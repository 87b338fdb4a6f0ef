# SPDX-License-Identifier: MIT
"""What every benchmark needs: rounds in pairs, CPU and memory of process trees, tables, evidence.

A benchmark is tests/bench/bench_NAME.py: its docstring's first line says what it measures, and measure(bench) does.
CPU is user and system time of a whole process tree, ended children by their parents' account.
"""

import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

from tests.kit import evidence, processes

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "release"
TICKS = os.sysconf("SC_CLK_TCK")


class Skip(Exception):
    """This machine cannot run it; the text says why."""


class Bench:
    """One benchmark's run. Use `with`: its scratch folder and the processes below us end with it."""

    def __init__(self, name, what, options):
        self.name = name
        self.what = what
        self.quick = options.quick
        self.rounds = options.rounds or (1 if options.quick else 7)
        self.seed = options.seed
        self.finished = options.finished
        self.chance = random.Random(f"{options.seed} {name}")
        self.began = time.time()
        self.document = {}
        self.goals = []
        self.scratch = None

    def __enter__(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="firstline-bench-", dir="/tmp"))
        self.scratch.chmod(0o755)
        return self

    def __exit__(self, *_):
        processes.end_all()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def count(self, full, quick):
        return quick if self.quick else full

    def say(self, text):
        print(f"  {text}", flush=True)

    def put(self, **what):
        """Into the evidence."""
        self.document.update(what)

    def table(self, title, rows):
        """Prints rows (dicts of the same keys) and keeps them as evidence under the title."""
        self.document[title] = rows
        keys = list(dict.fromkeys(key for row in rows for key in row))
        texts = [keys, *([cell(row.get(key)) for key in keys] for row in rows)]
        widths = [max(len(line[i]) for line in texts) for i in range(len(keys))]
        self.say(title)
        for line in texts:
            first, *rest = zip(line, widths)
            self.say("  " + "  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]))

    def pairs(self, sides, rounds=None):
        """Runs each side once a round, in turning order. sides: {name: function}, which returns {figure: number}. rounds: instead of
        all. Returns {name: [figures of each round]}."""
        names = list(sides)
        rows = {name: [] for name in names}
        rounds = rounds or self.rounds
        for number in range(rounds):
            for name in names[number % len(names):] + names[:number % len(names)]:
                rows[name].append(sides[name]())
            self.say(f"round {number + 1} of {rounds}")
        return rows

    def goal(self, what, word, wanted, reached):
        """A target, judged by the median: goal("rate over webhook's", "at least", 4, spread). Words: at least, at most, below."""
        value = reached["median"] if isinstance(reached, dict) else reached
        holds = {"at least": value >= wanted, "at most": value <= wanted, "below": value < wanted}[word]
        self.goals.append({"target": what, "wanted": f"{word} {cell(wanted)}", "reached": reached, "holds": "yes" if holds else "no"})

    def write(self):
        if self.goals:
            self.table("targets", self.goals)
        head = evidence.head(self.what, self.began, time.time(), "release")
        document = {**head, "seed": self.seed, "rounds": self.rounds, "quick": self.quick, **self.document}
        if self.quick:
            return evidence.write_to(ROOT / "build" / "bench" / f"{self.name}.json", document)
        return evidence.write(f"bench-{self.name}.json", document)


def cell(value):
    """A figure as a person reads it."""
    if isinstance(value, dict) and "min" in value:
        return f"{cell(value['median'])} ({cell(value['min'])} .. {cell(value['max'])})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {cell(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " .. ".join(cell(part) for part in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(rows, one, other, figure):
    """Of one side's figure over the other's, pair by pair."""
    return spread([a[figure] / b[figure] if b[figure] else float("inf") for a, b in zip(rows[one], rows[other])])


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


# --- processes ------------------------------------------------------------------------------------------------------

def run(command, watch=False, **options):
    """Runs a command to its end: {"wall_s", "cpu_s", "rss_kib", "status", "out", "err"}; CPU of it and all it waited for. rss_kib, where
    it is watched: the most that its whole tree was seen to hold, looked at four times a second."""
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        began = time.monotonic()
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)  # pylint: disable=consider-using-with
        held = Watch(child.pid) if watch else None
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "rss_kib": held.end() if held else None, "status": child.returncode,
                "out": out.read(), "err": err.read()}


class Watch:
    """The memory of a process tree, from a thread."""

    def __init__(self, pid):
        self.pid, self.most, self.over = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def _look(self):
        while not self.over.wait(0.25):
            self.most = max(self.most, peak_kib(self.pid))

    def end(self):
        self.over.set()
        self.thread.join()
        return self.most or None


def checked(command, **options):
    """As run; raises where the command fails."""
    done = run(command, **options)
    if done["status"] != 0:
        raise RuntimeError(f"{command[0]}: exit {done['status']}: {(done['out'] + done['err'])[-2000:]}")
    return done


def tree(pids):
    """The living processes of these and below."""
    found = set()
    for pid in pids:
        found |= {pid, *processes.descendants(pid)}
    return found


def cpu_s(*pids):
    """What these process trees have used so far. A child that ended unwaited, or was adopted, is not seen."""
    ticks = 0
    for pid in tree(pids):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def status_kib(pid, key):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def peak_kib(*pids):
    """The peak resident memory of each process of these trees, summed: an upper bound."""
    total = 0
    for pid in tree(pids):
        try:
            total += status_kib(pid, "VmHWM")
        except OSError:
            continue
    return total
