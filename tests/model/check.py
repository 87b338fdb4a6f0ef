# SPDX-License-Identifier: MIT
"""Checks recover.pml with spin: the model as it is must hold in every state, and each mutation must break the promise that
it is there to break. Prints PASS or FAIL lines; docs/model.md tells how to read them.

    tests/model/check.py                  what the tests run
    tests/model/check.py --trail NAME     the steps that lead a mutation (or `model`) to its broken promise
    tests/model/check.py --unreached      lines that the search of the model never came to
    tests/model/check.py --faults 2       more faults in one history; --evidence writes docs/evidence/model.json
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from tests.kit import evidence  # noqa: E402  (found by the path of the line above)

DEPTH = 200000
MEMORY_MIB = 12000
TIME_LIMIT_S = 3600
# name: (the defines, what is wrong then, what must be said)
MUTATIONS = {
    "no-fence": ("NO_FENCE", "the machine starts whatever it is sent", "promise 2"),
    "look-without-token": ("LOOK_WITHOUT_TOKEN", "asking for a record leaves nothing behind", "promise 2"),
    "same-worker-retry": ("RETRY_BY_THE_SAME_WORKER", "a broken connection is answered by a new attempt", "promise 2"),
    "forgetful-machine": ("FORGETFUL_MACHINE", "memory id and boot id are not compared", "promise 2"),
    "insert-without-update": ("INSERT_WITHOUT_UPDATE", "rows are inserted by who only looked at the epoch", "promise [245]"),
    "read-again-only": ("READ_AGAIN_ONLY", "after a write without an answer the run is read, not held anew", "promise 4"),
    "wiped-while-it-runs": ("WIPED_WHILE_IT_RUNS ATTEMPTS=3", "the folder is emptied under a running script", "promise 2"),
}


class Model:
    """One build of the model in a folder of its own."""

    def __init__(self, folder, defines, quick):
        self.folder = pathlib.Path(folder)
        self.defines = [f"-D{name}" for name in defines]
        for path in HERE.glob("*.pml"):
            (self.folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        self.run(["spin", "-a", *self.defines, "recover.pml"])
        # -DSAFETY: assertions and end states. All states are kept whole: neither bitstate nor hash-compact is asked for.
        self.run(["gcc", "-O0" if quick else "-O1", "-w", "-DSAFETY", f"-DMEMLIM={MEMORY_MIB}", "-o", "pan", "pan.c"])

    def run(self, command):
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)
        if done.returncode != 0 and command[0] != "./pan":
            raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def search(self):
        self.output = self.run(["./pan", f"-m{DEPTH}"])
        self.states = int(re.search(r"^\s*(\d+) states, stored", self.output, re.M).group(1))
        self.errors = int(re.search(r"errors: (\d+)", self.output).group(1))

    def trail(self):
        return self.run(["spin", "-t", "-p", "-g", *self.defines, "recover.pml"])

    def broken(self):
        """The comment beside the assertion that failed: a promise in words."""
        found = re.search(r"([a-z]+\.pml):(\d+), Error: assertion violated", self.trail())
        if not found:
            return "no assertion failed: " + "; ".join(re.findall(r"^pan:.*", self.output, re.M))
        line = (self.folder / found.group(1)).read_text(encoding="utf-8").splitlines()[int(found.group(2)) - 1]
        return " ".join(re.findall(r"/\* (.*?) \*/", line)) or line.strip()

    def not_exhaustive(self):
        """Why the search did not see every state, or ""."""
        for words in ("max search depth too small", "out of memory", "Search not completed", "memory limit", "bit statespace",
                      "hash-compact"):
            if words in self.output:
                return words
        return "" if "Full statespace search" in self.output else "the search does not say that it was full"

    def unreached(self):
        return re.findall(r"^\t([a-z]+\.pml:\d+), state \d+, (\".*\")$", self.output, re.M)


def build(defines, faults, quick=False):
    with tempfile.TemporaryDirectory(prefix="firstline-model.") as folder:
        model = Model(folder, [f"FAULTS={faults}", *defines], quick)
        model.search()
        model.said = model.broken() if model.errors else ""
        model.steps = model.trail() if model.errors else ""
    return model


def judge_model(model):
    if model.errors:
        return f"{model.said}\n{model.steps}"
    return model.not_exhaustive()


def report(trouble, text):
    print(f"{'FAIL' if trouble else 'PASS'} {text}", flush=True)
    for line in trouble.splitlines():
        print("  " + line)
    return bool(trouble)


def check_all(faults):
    model = build([], faults)
    failed = report(judge_model(model),
                    f"recover: every state holds ({model.states} states, {faults} fault(s) and a promotion)")
    for name, (define, what, words) in MUTATIONS.items():
        mutant = build(define.split(), 1, quick=True)
        trouble = "" if mutant.errors and re.search(words, mutant.said) else mutant.said or "nothing was broken by it"
        failed |= report(trouble, f"mutation {name}: {what}; broken: {mutant.said}")
    return model, failed


def arguments():
    parser = argparse.ArgumentParser(description="checks the model of a recover with spin")
    parser.add_argument("--faults", type=int, default=1)
    parser.add_argument("--evidence", action="store_true")
    parser.add_argument("--trail", choices=["model", *MUTATIONS])
    parser.add_argument("--unreached", action="store_true")
    return parser.parse_args()


def main():
    options = arguments()
    if options.trail:
        define = MUTATIONS.get(options.trail, ("",))[0].split()
        print(build(define, options.faults, quick=True).steps or "nothing is broken")
        return 0
    if options.unreached:
        for place, what in build([], options.faults).unreached():
            print(place, what)
        return 0
    began = time.time()
    model, failed = check_all(options.faults)
    if options.evidence:
        head = evidence.head("every state of tests/model/recover.pml", began, time.time(), "spin, gcc -O1")
        print(evidence.write("model.json", head | {"faults": options.faults, "states": model.states, "errors": model.errors,
                                                   "exhaustive": not model.not_exhaustive(), "failed": failed}))
    return 1 if failed else 0


sys.exit(main())
