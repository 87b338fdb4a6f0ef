# SPDX-License-Identifier: MIT
"""Each table of docs/performance.md is what its evidence file says, and each benchmark's evidence has a place there."""

import pathlib
import sys

import gate

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.bench import page  # noqa: E402

PAGE, EVIDENCE = gate.ROOT / "docs/performance.md", gate.ROOT / "docs/evidence"
wrong = []
shown = set()
if PAGE.exists():
    for line, name, titles, text in page.places(gate.read(PAGE)):
        shown.add(name)
        try:
            if text != page.block(EVIDENCE, name, titles):
                wrong.append((gate.name(PAGE), line, f"differs from {name}: tests/bench/tables writes it anew"))
        except KeyError as title:
            wrong.append((gate.name(PAGE), line, f"{name} has no table {title}"))
for path in sorted(EVIDENCE.glob("bench-*.json")):
    if path.name not in shown:
        wrong.append((gate.name(path), 1, "has no place in docs/performance.md"))
gate.verdict("performance: the page's tables are the evidence's", wrong)
