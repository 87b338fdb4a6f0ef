# SPDX-License-Identifier: MIT
"""Builds the deliberately broken twins and shows that the suites catch each: prints a PASS or FAIL line a twin.

A twin is one `fault_twin("name")` in the program (lib/base/fault.h): a build with FIRSTLINE_FAULTS=ON plays all of
them, one a process, chosen by FIRSTLINE_TWIN in the environment; no release has them.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# name: (what it breaks, the preset, the tests that must catch it, what they must say)
TWINS = {
    "overflow": ("a buffer is one byte too small", "asan", "unit_test_buf", ["unit_test_buf"],
                 r"AddressSanitizer: heap-buffer-overflow"),
}
TIME_LIMIT_S = 300


def run(command, **options):
    done = subprocess.run([str(w) for w in command], cwd=ROOT, capture_output=True, text=True, errors="replace",
                          timeout=TIME_LIMIT_S, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def try_twin(name, jobs):
    """The trouble, or "" when the twin was caught."""
    what, preset, target, tests, words = TWINS[name]
    folder = ROOT / "build" / f"{preset}-faults"
    launcher = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    for command in (["cmake", "--preset", preset, "-B", folder, "-DFIRSTLINE_FAULTS=ON", *launcher],
                    ["cmake", "--build", folder, "-j", jobs, "--target", target]):
        status, output = run(command)
        if status != 0:
            return f"could not be built: {output}"
    for test in tests:
        found = list(folder.rglob(test))
        if not found:
            return f"{test} was not built"
        status, output = run([found[0]], env=dict(os.environ, ASAN_OPTIONS="exitcode=99", FIRSTLINE_TWIN=name))
        if status != 0 and re.search(words, output):
            return ""
    return f"{what}, and nothing caught it: {output}"


def main():
    parser = argparse.ArgumentParser(description="builds the broken twins and shows that the suites catch them")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    failed = 0
    for name in options.names or sorted(TWINS):
        trouble = try_twin(name, options.jobs)
        failed += bool(trouble)
        print(f"{'FAIL' if trouble else 'PASS'} twin {name}: {TWINS[name][0]}, and the tests catch it", flush=True)
        for line in trouble.splitlines():
            print("  " + line)
    return 1 if failed else 0


sys.exit(main())
