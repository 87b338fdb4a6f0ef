# SPDX-License-Identifier: MIT
"""Checks the models of this folder with spin: each as it is must hold in every state, and each mutation must break the
promise that it is there to break. Prints PASS or FAIL lines; docs/model.md tells how to read them.

    tests/model/check.py                  what the tests run
    tests/model/check.py intake           one model with its mutations; --evidence writes docs/evidence/model.json
    tests/model/check.py --trail NAME     the steps that lead a mutation (or a model) to its broken promise
    tests/model/check.py --unreached      lines that the search of the models never came to
    tests/model/check.py --faults 2       other than the usual number of faults in one history
"""

import argparse
import concurrent.futures
import os
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
# name: faults in one history, at most
MODELS = {"recover": 1, "intake": 8, "timeline": 2}
# name: (the model, the defines, what is wrong then, what must be said)
MUTATIONS = {
    "no-fence": ("recover", "NO_FENCE", "the machine starts whatever it is sent", "promise 2"),
    "look-without-token": ("recover", "LOOK_WITHOUT_TOKEN", "asking for a record leaves nothing behind", "promise 2"),
    "same-worker-retry": ("recover", "RETRY_BY_THE_SAME_WORKER", "a broken connection is answered by a new attempt", "promise 2"),
    "forgetful-machine": ("recover", "FORGETFUL_MACHINE", "memory id and boot id are not compared", "promise 2"),
    "insert-without-update": ("recover", "INSERT_WITHOUT_UPDATE", "rows are inserted by who only looked at the epoch", "promise [245]"),
    "read-again-only": ("recover", "READ_AGAIN_ONLY", "after a write without an answer the run is read, not held anew", "promise 4"),
    "wiped-while-it-runs": ("recover", "WIPED_WHILE_IT_RUNS ATTEMPTS=3", "the folder is emptied under a running script", "promise 2"),
    "acknowledge-before-commit": ("intake", "ACKNOWLEDGE_BEFORE_COMMIT", "an event is answered before it is committed", "promise 1"),
    "duplicate-only-reads": ("intake", "DUPLICATE_ONLY_READS", "a copy of what is seen in the database is answered at once", "promise 1"),
    "believe-a-cancelled-wait": ("intake", "BELIEVE_A_CANCELLED_WAIT", "a wait for the standby that was ended counts as done", "promise 1"),
    "run-apart": ("intake", "RUN_APART", "event and run are two commits", "promise 1"),
    "no-reconciler": ("intake", "NO_RECONCILER", "nobody looks for what no webhook told", "promise 1"),
    "key-leaves-with-the-run": ("intake", "KEY_LEAVES_WITH_THE_RUN", "what has had its run is forgotten when that ends", "promise 2"),
    "resend-without-look": ("timeline", "RESEND_WITHOUT_LOOK", "a note in doubt is sent again unlooked for", "promise 4"),
    "look-once": ("timeline", "LOOK_ONCE", "it is looked for once, not twice", "promise 4"),
    "look-at-once": ("timeline", "LOOK_AT_ONCE", "it is looked for while its request may be under way", "promise 4"),
    "two-senders": ("timeline", "TWO_SENDERS", "an incident has two senders", "promise 4"),
    "begin-under-an-old-claim": ("timeline", "BEGIN_UNDER_AN_OLD_CLAIM", "a request begins later than a lease after its claim", "promise 4"),
    "no-mending": ("timeline", "NO_MENDING", "doubled notes are left", "promise 4"),
    "no-last-look": ("timeline", "NO_LAST_LOOK", "doubled notes are looked for once only", "promise 4"),
    "later-than-the-last-look": ("timeline", "LATER_THAN_THE_LAST_LOOK", "PagerDuty acts later than the last look", "promise 4"),
}


class Model:
    """One build of a model in a folder of its own."""

    def __init__(self, folder, name, defines, quick):
        self.folder = pathlib.Path(folder)
        self.file = f"{name}.pml"
        self.defines = [f"-D{name}" for name in defines]
        for path in HERE.glob("*.pml"):
            (self.folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        self.run(["spin", "-a", *self.defines, self.file])
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
        return self.run(["spin", "-t", "-p", "-g", *self.defines, self.file])

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


def build(name, defines, faults, quick=False):
    with tempfile.TemporaryDirectory(prefix="firstline-model.") as folder:
        model = Model(folder, name, [f"FAULTS={faults}", *defines], quick)
        model.search()
        model.said = model.broken() if model.errors else ""
        model.steps = model.trail() if model.errors else ""
    return model


def build_mutation(name, faults=None):
    of, defines, _, _ = MUTATIONS[name]
    return build(of, defines.split(), faults or MODELS[of], quick=True)


def judge_model(model):
    if model.errors:
        return f"{model.said}\n{model.steps}"
    return model.not_exhaustive()


def report(trouble, text):
    print(f"{'FAIL' if trouble else 'PASS'} {text}", flush=True)
    for line in trouble.splitlines():
        print("  " + line)
    return bool(trouble)


def check_all(names, faults):
    """(the models, whether anything failed)"""
    failed, models = False, {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        searches = {name: pool.submit(build, name, [], faults or MODELS[name]) for name in names}
        mutants = {name: pool.submit(build_mutation, name) for name, row in MUTATIONS.items() if row[0] in names}
        for name, search in searches.items():
            model = models[name] = search.result()
            failed |= report(judge_model(model), f"{name}: every state holds ({model.states} states, at most "
                                                 f"{faults or MODELS[name]} fault(s) in a history, and a promotion)")
        for name, search in mutants.items():
            mutant, (of, _, what, words) = search.result(), MUTATIONS[name]
            trouble = "" if mutant.errors and re.search(words, mutant.said) else mutant.said or "nothing was broken by it"
            failed |= report(trouble, f"{of}, mutation {name}: {what}; broken: {mutant.said}")
    return models, failed


def arguments():
    parser = argparse.ArgumentParser(description="checks the models with spin")
    parser.add_argument("models", nargs="*", choices=[[], *MODELS], default=[], metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--faults", type=int)
    parser.add_argument("--evidence", action="store_true")
    parser.add_argument("--trail", choices=[*MODELS, *MUTATIONS], metavar="NAME")
    parser.add_argument("--unreached", action="store_true")
    return parser.parse_args()


def trail_of(name, faults):
    mutant = build_mutation(name, faults) if name in MUTATIONS else build(name, [], faults or MODELS[name])
    return mutant.steps or "nothing is broken"


def main():
    options = arguments()
    names = options.models or list(MODELS)
    if options.trail:
        print(trail_of(options.trail, options.faults))
        return 0
    if options.unreached:
        for name in names:
            for place, what in build(name, [], options.faults or MODELS[name]).unreached():
                print(place, what)
        return 0
    began = time.time()
    models, failed = check_all(names, options.faults)
    if options.evidence:
        head = evidence.head("every state of the models in tests/model", began, time.time(), "spin, gcc -O1")
        found = [{"model": name, "faults": options.faults or MODELS[name], "states": model.states, "errors": model.errors,
                  "exhaustive": not model.not_exhaustive()} for name, model in models.items()]
        print(evidence.write("model.json", head | {"models": found, "mutations": len(MUTATIONS), "failed": failed}))
    return 1 if failed else 0


sys.exit(main())
