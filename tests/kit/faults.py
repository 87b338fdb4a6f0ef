# SPDX-License-Identifier: MIT
"""The build that can be told to stop, die, fail or play a broken twin (lib/base/fault.h), and the search for its traces
in a program that must have none.

    tests/kit/faults.py PROGRAM      # a PASS or FAIL line
"""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ("lib", "executor", "coordinator", "cli")
NAMED = re.compile(r'\bfault_(?:point|fails|fails_for|twin)\("([^"]+)"[,)]')
VARIABLES = ("FIRSTLINE_FAULT", "FIRSTLINE_TWIN")


def binary():
    """The program of the preset `faults`, which tests/run builds for the end-to-end tests."""
    path = os.path.abspath(os.environ.get("FIRSTLINE_FAULTS_BINARY", ROOT / "build/faults/firstline"))
    if not pathlib.Path(path).exists():
        raise RuntimeError(f"{path} is not there: cmake --preset faults && cmake --build --preset faults --target firstline")
    return path


def names():
    """Every place and twin that the source names."""
    found = set()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.c"):
            found.update(NAMED.findall(path.read_text(encoding="utf-8")))
    return sorted(found)


def traces(program):
    """What of all this stands in the program as a text of its own: what is before it may be a jump table as well as another text."""
    data = pathlib.Path(program).read_bytes()
    return [name for name in (*VARIABLES, *names()) if re.search(rb"(?<![ -~])" + re.escape(name.encode()) + rb"\0", data)]


def main():
    found = traces(sys.argv[1])
    print(f"{'FAIL' if found else 'PASS'} {sys.argv[1]} has no faults on command" + (f"\n  found: {', '.join(found)}" if found else ""))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
