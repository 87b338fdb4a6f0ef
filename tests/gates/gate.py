# SPDX-License-Identifier: MIT
"""What the gates share: the files of the tree, C text without comments and literals, and the PASS and FAIL lines.

A gate is a script NAME.py in this folder: it takes the tree's root as its argument (default: this tree) and prints one
line, PASS or FAIL, with an indented line for each place. The run of all is tests/gates/run; that each one can fail is
shown by tests/gates/selftest.
"""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ("lib", "executor", "coordinator", "cli")
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__", ".pytest_cache", ".cache"}


def files(*suffixes, under=None):
    """Paths below the root (or below the folders `under`) with one of the suffixes, sorted."""
    found = []
    for top in under or ["."]:
        for folder, names, leaves in os.walk(ROOT / top):
            names[:] = sorted(n for n in names if n not in SKIPPED_FOLDERS)
            found += [pathlib.Path(folder, leaf) for leaf in sorted(leaves)
                      if not suffixes or leaf.endswith(suffixes)]
    return found


def name(path):
    return str(path.relative_to(ROOT))


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return "".join(c if c == "\n" else " " for c in text)


def code(text, keep_strings=False):
    """C text with its comments (and literals) blanked; every line keeps its number."""
    def swap(match):
        word = match.group(0)
        if word.startswith("/"):
            return _blank(word)
        return word if keep_strings else word[0] + _blank(word[1:-1]) + word[-1]
    return _TOKEN.sub(swap, text)


def tokens(text):
    """(line, word) of each comment and literal of C text."""
    for match in _TOKEN.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(0)


def verdict(what, places):
    """Prints the line of this gate and ends. places: (file name, line, sentence)."""
    if not places:
        print(f"PASS {what}")
        sys.exit(0)
    print(f"FAIL {what}")
    for where, line, sentence in places:
        print(f"  {where}:{line}: {sentence}")
    sys.exit(1)
