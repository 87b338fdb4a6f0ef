# SPDX-License-Identifier: MIT
"""Runs the suites for tests/run: builds, starts each runner, counts from its JUnit file, and closes with one line.

Does not install anything (tests/run does) and knows no test by name.
"""

import argparse
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.kit import processes  # noqa: E402  (found by the path of the line above)

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "test-logs"
SUITES = ["gates", "unit", "integration", "e2e", "asan", "tsan", "model", "twins", "cluster", "compilers", "bench", "fuzz"]
LEAVE_S = 20  # what a suite has told to end needs a moment on a busy machine; what it forgot stays longer
OUTPUT_LINES_MAX = 150  # of one failure, at the end of the run
PROGRESS_CHARS_MAX = 150
PYTHON = "/usr/bin/python3"
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
# In the suite `tsan` more than one thread runs: in libuv's pool keys and settings are read, names looked up and archives written.
# The others would only repeat there, slower, what one thread does. The end-to-end tests of it are marked `threads`.
THREADED = r"^(unit\.test_loop_threads|integration\.test_(resolve|http_client|http_client_tls))$"
THREADED_TARGETS = ["firstline", "unit_test_loop_threads", "integration_test_resolve", "integration_test_http_client",
                    "integration_test_http_client_tls"]
# Lines worth showing while a suite runs; the rest is in its log.
PROGRESS = re.compile(r"^\s*\d+/\d+ Test +#|\[ *\d+%\] (PASSED|FAILED|SKIPPED|ERROR) |^(PASS|FAIL|SKIP) |^fuzz ")


class Stopped(BaseException):
    """A person or the system asked us to end."""


class Case:
    def __init__(self, name, outcome, text=""):
        self.name = name
        self.outcome = outcome  # passed, failed, skipped
        self.text = text        # why it failed or was skipped


class Run:
    def __init__(self, options, scratch):
        self.options = options
        self.scratch = scratch
        self.cases = []
        self.times = []
        self.built = {}
        self.child = None
        self.starting = False
        self.prefix = []  # words before each command

    # --- processes -------------------------------------------------------------------------------------------------

    def command(self, command, log, environment=None, show=True):
        """Runs a command with its output in a log; returns (exit status, output)."""
        command = [*self.prefix, *command]
        LOGS.mkdir(parents=True, exist_ok=True)
        path = LOGS / f"{log}.log"
        lines = []
        env = dict(os.environ, TMPDIR=str(self.scratch), PYTHONUNBUFFERED="1", **(environment or {}))
        with open(path, "w", encoding="utf-8", errors="replace") as out:
            out.write(f"$ {' '.join(map(str, command))}\n")
            self.starting = True
            self.child = processes.start([str(w) for w in command], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            self.starting = False
            for line in self.child.stdout:
                out.write(line)
                lines.append(line)
                if self.options.verbose or (show and PROGRESS.search(line)):
                    print(f"  {line.rstrip()[:PROGRESS_CHARS_MAX]}", flush=True)
            status = self.child.wait()
            self.child = None
        return status, "".join(lines)

    def reap(self, *_):
        """On SIGCHLD: collects orphans that ended, as init would, so that no test waits for a zombie of theirs."""
        if not self.starting:
            processes.reap(but=(self.child.pid,) if self.child else ())

    def leftovers(self, suite):
        """Processes that a suite left behind are its fault: they are ended, and it fails."""
        processes.wait_until(lambda: processes.reap() or not processes.descendants(), LEAVE_S, quiet=True)
        found = processes.descendants()
        if found:
            processes.end_all()
            names = ", ".join(f"{name} ({pid})" for pid, name in sorted(found.items()))
            self.add(suite, Case("leaves no process behind", "failed", f"still running after the suite: {names}"))
        processes.reap()

    # --- results ---------------------------------------------------------------------------------------------------

    def add(self, suite, case):
        case.name = f"{suite}: {case.name}"
        self.cases.append(case)
        if case.outcome == "failed":
            print(f"  FAILED {case.name}", flush=True)
        elif case.outcome == "skipped":
            print(f"  skipped {case.name}: {case.text}", flush=True)

    def count(self, outcome):
        return sum(1 for case in self.cases if case.outcome == outcome)

    # --- building --------------------------------------------------------------------------------------------------

    def build(self, suite, preset, *defines, folder=None, targets=()):
        """Configures and builds once a preset; a failed build is one failed case."""
        key = folder or preset
        if key in self.built:
            return self.built[key]
        print(f"  building {key}", flush=True)
        where = ["-B", f"build/{folder}"] if folder else []
        launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        status, output = self.command(["cmake", "--preset", preset, *where, *launcher, *defines], f"configure-{key}")
        if status == 0:
            aim = [word for target in targets for word in ("--target", target)]
            status, output = self.command(["cmake", "--build", f"build/{key}", "-j", str(self.options.jobs), *aim],
                                          f"build-{key}")
        if status != 0:
            self.add(suite, Case(f"build {key}", "failed", output))
        self.built[key] = status == 0
        return status == 0

    # --- ctest -----------------------------------------------------------------------------------------------------

    def at_once(self, waits):
        """How many tests at once: one more than cores where they mostly wait for servers of their own."""
        return self.options.jobs + (1 if waits else 0)

    def ctest(self, suite, build, labels, environment=None, only=None):
        junit = LOGS / f"{suite}.xml"
        junit.unlink(missing_ok=True)
        command = ["ctest", "--test-dir", f"build/{build}", "-L", labels, "--output-on-failure", "--output-junit", junit,
                   "--test-output-size-passed", "4000000", "--test-output-size-failed", "4000000", "--no-tests=ignore",
                   "-j", self.at_once("integration" in labels)]
        if only or self.options.filter:
            command += ["-R", self.options.filter or only]
        status, output = self.command(command, suite, environment)
        if not junit.exists():
            self.add(suite, Case("ctest", "failed", output))
            return
        before = self.count("failed")
        for test in xml.parse(junit).getroot().iter("testcase"):
            for case in ctest_cases(test):
                self.add(suite, case)
        if status != 0 and self.count("failed") == before:
            self.add(suite, Case("ctest", "failed", output))

    # --- suites ----------------------------------------------------------------------------------------------------

    def gates(self, suite):
        for script in ("run", "selftest"):
            status, output = self.command([f"tests/gates/{script}"], f"gates-{script}")
            cases = line_cases(output)
            for case in cases:
                self.add(suite, case)
            if status != 0 and not any(case.outcome == "failed" for case in cases):
                self.add(suite, Case(script, "failed", output))

    def unit(self, suite):
        if self.build(suite, "dev"):
            self.ctest(suite, "dev", "^unit$")

    def integration(self, suite):
        if self.build(suite, "dev"):
            self.ctest(suite, "dev", "^integration$")

    def e2e(self, suite):
        if self.build(suite, "dev") and self.build(suite, "faults", targets=["firstline"]):
            self.pytest(suite, "build/dev/firstline", [])

    def asan(self, suite):
        if self.build(suite, "asan") and self.build(suite, "faults", targets=["firstline"]):
            self.ctest(suite, "asan", "^(unit|integration)$", SANITIZER_ENVIRONMENT)
            self.pytest(suite, "build/asan/firstline", ["-m", "short"], SANITIZER_ENVIRONMENT)

    def tsan(self, suite):
        """What of it meets in one place without a lock is in a report, whichever process wrote it and however its test went."""
        if not self.build(suite, "tsan", targets=THREADED_TARGETS):
            return
        reports = self.scratch / "tsan"
        reports.mkdir()
        reports.chmod(0o1777)  # some processes of the tests are other users
        environment = {"TSAN_OPTIONS": f"exitcode=66:log_path={reports}/report"}
        self.prefix = without_random_addresses()
        self.ctest(suite, "tsan", "^(unit|integration)$", environment, only=THREADED)
        self.pytest(suite, "build/tsan/firstline", ["-m", "threads"], environment)
        self.prefix = []
        found = sorted(reports.iterdir())
        for path in found:
            self.add(suite, Case(f"a race, {path.name}", "failed", path.read_text(errors="replace")))
        if not found:
            self.add(suite, Case("no process reported a race", "passed"))

    def compilers(self, suite):
        """What others see than the suites before: gcc with optimisation, which is what is released, and clang."""
        if self.build(suite, "release"):
            self.add(suite, Case("gcc builds the release without a warning", "passed"))
            _, output = self.command([PYTHON, "-B", "tests/kit/faults.py", "build/release/firstline"], "faults-release")
            for case in line_cases(output):
                self.add(suite, case)
        if self.build(suite, "clang"):
            self.add(suite, Case("clang builds without a warning", "passed"))
            self.ctest(suite, "clang", "^unit$")

    def lines(self, suite, command):
        """A command whose PASS, FAIL and SKIP lines are the cases."""
        status, output = self.command(command, suite)
        cases = line_cases(output)
        for case in cases:
            self.add(suite, case)
        if status != 0 and not any(case.outcome == "failed" for case in cases):
            self.add(suite, Case(suite, "failed", output))

    def twins(self, suite):
        self.lines(suite, [PYTHON, "-B", "tests/kit/twins.py", "--jobs", self.options.jobs])

    def cluster(self, suite):
        """The short form of the random faults. One seed, so that a failure can be told from the seed; by hand it is another each time."""
        if self.build(suite, "dev"):
            self.lines(suite, ["tests/cluster/run", "--seed", "77"])

    def model(self, suite):
        self.lines(suite, [PYTHON, "-B", "tests/model/check.py"])

    def bench(self, suite):
        """Each benchmark in its quick form: a case a benchmark."""
        if self.build(suite, "release"):
            self.lines(suite, ["tests/bench/run", "--quick", "--no-build", "--jobs", self.at_once(False)])

    def fuzz(self, suite):
        if not list((ROOT / "tests/fuzz").glob("fuzz_*.c")):
            self.add(suite, Case("targets", "skipped", "there is no tests/fuzz/fuzz_*.c yet"))
            return
        if not self.build(suite, "fuzz", targets=["fuzzers"]):
            return
        self.lines(suite, ["tests/fuzz/run", "--no-build", os.environ.get("FIRSTLINE_FUZZ_SECONDS", "10")])

    def pytest(self, suite, binary, words, environment=None):
        if not list((ROOT / "tests/e2e").glob("test_*.py")):
            return
        junit = LOGS / f"{suite}-e2e.xml"
        junit.unlink(missing_ok=True)
        command = [PYTHON, "-B", "-m", "pytest", "-v", "-p", "no:cacheprovider", "--color=no", f"--junitxml={junit}",
                   "-n", str(self.at_once(True)), *words, "tests/e2e"]
        if self.options.filter:
            command += ["-k", self.options.filter]
        status, output = self.command(command, f"{suite}-e2e", dict(environment or {}, FIRSTLINE_BINARY=str(ROOT / binary)))
        before = self.count("failed")
        if junit.exists():
            for test in xml.parse(junit).getroot().iter("testcase"):
                self.add(suite, pytest_case(test))
        if status not in (0, 5) and self.count("failed") == before:  # 5: no test was chosen
            self.add(suite, Case("pytest", "failed", output))


def without_random_addresses():
    """ThreadSanitizer stops at once where the kernel spreads addresses wider than it knows (vm.mmap_rnd_bits above 28). The words
    turn that off for one command and its children, where the kernel lets us."""
    words = ["setarch", "-R"]
    try:
        return words if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0 else []
    except FileNotFoundError:
        return []


def line_cases(output):
    """PASS, FAIL and SKIP lines; the indented lines after one belong to it."""
    cases = []
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("PASS", "FAIL", "SKIP"):
            outcome = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}[word]
            name, _, why = rest.partition(": ") if outcome == "skipped" else (rest, "", "")
            cases.append(Case(name, outcome, why))
        elif line.startswith(" ") and cases:
            cases[-1].text += line + "\n"
    return cases


def ctest_cases(test):
    """One case a cmocka test where the output shows them, else one for the program."""
    name = test.get("name")
    output = test.findtext("system-out") or ""
    failed = test.find("failure") is not None or test.get("status") in ("fail", "notrun")
    shown = re.findall(r"^\[ +(OK|FAILED|SKIPPED) +\] (\S+)\s*$", output, re.M)
    cases = []
    for word, test_name in dict((pair[1], pair) for pair in shown if not pair[1].isdigit()).values():
        outcome = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[word]
        reason = ""
        if outcome == "skipped":
            why = re.search(r"\[ RUN +\] " + re.escape(test_name) + r"\s*\n(.*?)\[  SKIPPED \]", output, re.S)
            reason = " ".join(re.findall(r"^skip: (.*)$", why.group(1), re.M)) if why else ""
            if not reason:
                outcome, reason = "failed", "skipped without a reason: print a line `skip: WHY` (kit_skip)"
        cases.append(Case(f"{name}: {test_name}", outcome, output if outcome == "failed" and not reason else reason))
    if failed and not any(case.outcome == "failed" for case in cases):
        cases.append(Case(name, "failed", output or "did not run"))
    if not cases:
        cases.append(Case(name, "passed"))
    return cases


def pytest_case(test):
    name = f"{(test.get('classname') or '').split('.')[-1]}: {test.get('name')}"[:PROGRESS_CHARS_MAX]
    bad = [node for node in test if node.tag in ("failure", "error")]
    if bad:
        return Case(name, "failed", "\n".join((node.text or node.get("message") or "") for node in bad))
    skip = test.find("skipped")
    if skip is not None:
        return Case(name, "skipped", skip.get("message") or "no reason given")
    return Case(name, "passed")


def arguments():
    parser = argparse.ArgumentParser(prog="tests/run", usage="tests/run [options] [SUITE...]; see tests/run --help",
                                     add_help=False)
    parser.add_argument("suites", nargs="*")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--filter")
    options = parser.parse_args()
    for suite in options.suites:
        if suite not in SUITES:
            parser.error(f"unknown suite \"{suite}\"; the suites are: {' '.join(SUITES)}")
    options.suites = options.suites or SUITES
    return options


def stop(number, _frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped(number)


def one_at_a_time():
    """Two runs would build over each other; the second waits."""
    LOGS.mkdir(parents=True, exist_ok=True)
    lock = open(LOGS / ".lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("tests/run: another tests/run works in build/; waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def run_suites(run):
    for suite in run.options.suites:
        print(f"== {suite}", flush=True)
        began = time.monotonic()
        first = len(run.cases)
        try:
            getattr(run, suite)(suite)
            run.leftovers(suite)
        finally:
            run.times.append((suite, time.monotonic() - began, run.cases[first:]))


def report(run):
    failed = [case for case in run.cases if case.outcome == "failed"]
    for case in failed:
        lines = case.text.rstrip().splitlines()
        print(f"\n-- FAILED {case.name}")
        if len(lines) > OUTPUT_LINES_MAX:
            print(f"   ({len(lines) - OUTPUT_LINES_MAX} lines before these are in {LOGS.relative_to(ROOT)}/)")
        print("\n".join("   " + line for line in lines[-OUTPUT_LINES_MAX:]))
    skipped = [case for case in run.cases if case.outcome == "skipped"]
    if skipped:
        print("\nskipped:")
        for case in skipped:
            print(f"  {case.name}: {case.text}")
    print("\nsuite          seconds  passed  failed  skipped")
    for suite, seconds, cases in run.times:
        counts = [sum(1 for case in cases if case.outcome == o) for o in ("passed", "failed", "skipped")]
        print(f"{suite:<14} {seconds:7.1f}  {counts[0]:6}  {counts[1]:6}  {counts[2]:7}")
    print(f"{'all':<14} {sum(seconds for _, seconds, _ in run.times):7.1f}")
    print(f"{run.count('passed')} passed, {len(failed)} failed, {len(skipped)} skipped", flush=True)
    return 1 if failed or not run.cases else 0


def main():
    options = arguments()
    processes.become_subreaper()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    status = 1
    scratch = None
    run = None
    try:
        lock = one_at_a_time()
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="firstline-tests.", dir="/tmp"))
        scratch.chmod(0o1777)  # the tests' postgres is another user; short, since socket paths end at 107 bytes
        run = Run(options, scratch)
        signal.signal(signal.SIGCHLD, run.reap)
        run_suites(run)
        status = report(run)
        lock.close()
    except Stopped as why:
        processes.end_all(grace_s=10)
        if run:
            run.cases.append(Case("interrupted", "failed", f"by signal {why.args[0]}"))
            report(run)
        status = 128 + int(why.args[0])
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        processes.end_all()
        processes.reap()
        if scratch:
            with contextlib.suppress(OSError):
                shutil.rmtree(scratch)
    return status


if __name__ == "__main__":
    sys.exit(main())
