# SPDX-License-Identifier: MIT
"""Drills of failover: two regions and a witness on this machine, under load, and something is taken away."""

import copy
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.drill import network, report  # noqa: E402  (found by the path of the line above)
from tests.drill.modes import MODES  # noqa: E402
from tests.drill.options import arguments  # noqa: E402
from tests.drill.round import Round  # noqa: E402
from tests.kit import processes, sshd  # noqa: E402

EVERY_S = 5  # of the progress lines that come often, where nobody watches
PREFIX = "firstline-drill-"


class Progress:
    """Lines as they come; those that come often, once in a while only, where they go to no terminal."""

    def __init__(self):
        self._last = 0.0
        self._every_s = 1 if sys.stdout.isatty() else EVERY_S

    def __call__(self, text, often=False):
        if often and time.monotonic() - self._last < self._every_s:
            return
        self._last = time.monotonic()
        print(text, flush=True)


def sweep():
    """Folders that a drill left which was killed: its processes and namespaces went with it."""
    for path in pathlib.Path("/tmp").glob(f"{PREFIX}*"):
        pid = path.name[len(PREFIX):].split("-")[0]
        if pid.isdigit() and not pathlib.Path(f"/proc/{pid}").exists() and not (path / "keep").exists():
            shutil.rmtree(path, ignore_errors=True)


def one_round(mode, options, number, say):
    options = copy.copy(options)
    options.seed += number
    if options.short and options.seconds is None:
        options.seconds = max(5, mode.hold_s // 10)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    folder.chmod(0o755)
    say(f"== {mode.name}, round {number + 1} of {options.rounds}, seed {options.seed}, ttl {options.ttl}")
    try:
        done = Round(folder, mode, options, say)
        try:
            result = done.run()
        except Exception as error:  # whatever it was, the round is one that did not pass, and the next one is made
            result = done.broke_off(error)
        print(report.of_round(result, done.verdict_text), flush=True)
        return result
    finally:
        processes.end_all()
        processes.reap()
        if options.keep:
            (folder / "keep").touch()
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def drill(options, say):
    """All rounds of all modes; the results so far are written after each."""
    passed, documents = True, []
    for mode in MODES.values() if options.mode == "all" else [MODES[options.mode]]:
        began, rounds = time.time(), []
        for number in range(options.rounds):
            rounds.append(one_round(mode, options, number, say))
            document = report.document(mode, rounds, options, began)
            if options.evidence is not None:
                say(f"written: {report.write(document, options)}")
        print(report.of_mode(document), flush=True)
        documents.append(document)
        passed = passed and document["passed"] == len(document["rounds"])
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(documents, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0 if passed else 1


def stop(number, _frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    options = arguments(sys.argv[1:])
    why_not = network.may_run() or sshd.may_run()
    if why_not:
        print(f"deploy/drill: {why_not}", file=sys.stderr)
        return 2
    processes.become_subreaper()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    sweep()
    try:
        return drill(options, Progress())
    finally:
        processes.end_all()
        processes.reap()


if __name__ == "__main__":
    sys.exit(main())
