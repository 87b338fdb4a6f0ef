# SPDX-License-Identifier: MIT
"""Builds the deliberately broken twins and shows that the tests catch each: prints a PASS or FAIL line a twin.

A twin is one `fault_twin("name")` in the program (lib/base/fault.h): a build with FIRSTLINE_FAULTS=ON plays all of
them, one a process, chosen by FIRSTLINE_TWIN in the environment; no release has them. The test that guards a promise
runs twice: the same build without a twin must pass it, the twin must fail it, and with the words that name what broke.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
Twin = collections.namedtuple("Twin", "what preset test words")
SCENES = "tests/twins/test_scenes.py::"
# name: what it breaks, the preset, the test that must catch it (a program of the build, or a scene that the checker of histories
# judges), what it must say
TWINS = {
    "overflow": Twin("a buffer is one byte too small", "asan", "unit_test_buf", r"AddressSanitizer: heap-buffer-overflow"),
    "no-fence": Twin("the machine starts whatever it is sent", "faults", SCENES + "test_a_late_worker_after_the_takeover",
                     r"began 2 times on the machine for 1 attempts"),
    "look-without-token": Twin("who asks the machine leaves no token there", "faults", SCENES + "test_a_late_worker_after_a_look",
                               r"began 1 times on the machine for 0 attempts"),
    "same-worker-retry": Twin("a recover whose connection broke is sent again by the same worker", "faults",
                              SCENES + "test_the_connection_breaks_while_the_recover_runs", r"began 2 times on the machine for 1 attempts"),
    "resend-without-look": Twin("a note without an answer is sent again without looking for it", "faults",
                                SCENES + "test_a_note_whose_answer_was_lost", r"1 notes were written twice, the bound is 0"),
    "acknowledge-before-commit": Twin("an event is answered before it is committed", "faults",
                                      SCENES + "test_the_database_dies_as_an_event_comes", r"was answered 202 and is not in database"),
    "no-epoch": Twin("a run is written without asking for its epoch", "faults", "integration_test_store",
                     r"a_stale_epoch_writes_nothing_at_all"),
    "no-own-lease": Twin("a worker that cannot show a lease goes on as if it could", "faults",
                         "tests/e2e/test_degraded.py::test_the_database_away_briefly", r"tokyo to see it away"),
    "no-redaction": Twin("secrets go through as they are", "faults", "unit_test_redact", r"\[  FAILED  \]"),
}
TARGETS = {"asan": ["unit_test_buf"], "faults": ["firstline", "integration_test_store", "unit_test_redact"]}
TIME_LIMIT_S = 600
AT_ONCE = 2


def run(command, **options):
    done = subprocess.run([str(w) for w in command], cwd=ROOT, capture_output=True, text=True, errors="replace",
                          timeout=TIME_LIMIT_S, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def folder_of(preset):
    """The preset `faults` is built for the end-to-end tests, too."""
    return ROOT / "build" / (preset if preset == "faults" else f"{preset}-faults")


def build(preset, jobs):
    """What went wrong, or ""."""
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    for command in (["cmake", "--preset", preset, "-B", folder_of(preset), "-DFIRSTLINE_FAULTS=ON", *launcher],
                    ["cmake", "--build", folder_of(preset), "-j", jobs, "--target", *TARGETS[preset]]):
        status, output = run(command)
        if status != 0:
            return f"could not be built: {output}"
    return ""


def try_test(twin, name):
    """(status, output) of the test, with the twin of this name ("": healthy)."""
    binary = folder_of(twin.preset) / "firstline"
    environment = dict(os.environ, ASAN_OPTIONS="exitcode=99", FIRSTLINE_TWIN=name, FIRSTLINE_BINARY=str(binary),
                       FIRSTLINE_FAULTS_BINARY=str(binary))
    if twin.test.startswith("tests/"):
        return run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", twin.test], env=environment)
    return run([folder_of(twin.preset) / "tests" / twin.test], env=environment)


def try_twin(name):
    """The trouble, or "" when the healthy program passed and the twin was caught."""
    twin = TWINS[name]
    status, output = try_test(twin, "")
    if status != 0:
        return f"the healthy program fails {twin.test}: {output}"
    status, output = try_test(twin, name)
    if status == 0:
        return f"{twin.test} does not catch it: {output[-3000:]}"
    return "" if re.search(twin.words, output) else f"{twin.test} fails without the words {twin.words!r}: {output}"


def main():
    parser = argparse.ArgumentParser(description="builds the broken twins and shows that the tests catch them")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or list(TWINS)
    troubles = {preset: build(preset, options.jobs) for preset in {TWINS[name].preset for name in names}}
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        made = {name: pool.submit(try_twin, name) for name in names if not troubles[TWINS[name].preset]}
        for name in names:
            trouble = troubles[TWINS[name].preset] or made[name].result()
            failed += bool(trouble)
            print(f"{'FAIL' if trouble else 'PASS'} twin {name}: {TWINS[name].what}, and the tests catch it", flush=True)
            for line in trouble.splitlines():
                print("  " + line)
    return 1 if failed else 0


sys.exit(main())
