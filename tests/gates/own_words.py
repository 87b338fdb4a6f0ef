# SPDX-License-Identifier: MIT
"""The project speaks of itself: not of the desk it was written at, nor of papers that do not come with it."""

import re

import gate

WORDS = [
    (r"(?<![\w.$}])/(work|workspace)/", "a path of the place where it was written"),
    (r"\b(DESIGN|STYLE)(\.md)?,? (section )?\d", "a paper that does not come with the project"),
    (r"\breference/(libraries|hazards|pagerduty|ha|expectations|c-models)\b", "a paper that does not come with the project"),
    (r"(?i)\b(this|the) (workplace|brief)\b", "the desk it was written at"),
    (r"(?i)\b(sub-?|co-?)?(helper|worker) session\b", "the desk it was written at"),
    (r"(?i)\b(language model|as an? (ai|assistant)\b|ai[- ](generated|assisted))", "the desk it was written at"),
    (r"(?i)^co-authored-by:", "the desk it was written at"),
]
BINARY = (".png", ".gz", ".ico", ".woff2", ".bin")

places = []
for path in gate.files():
    where = gate.name(path)
    if where == "tests/gates/own_words.py" or where.endswith(BINARY) or where.startswith("tests/fuzz/seeds/"):
        continue
    if where == ".git":
        continue
    for number, line in enumerate(gate.read(path).splitlines(), 1):
        for pattern, what in WORDS:
            found = re.search(pattern, line)
            if found:
                places.append((where, number, f"names {what}: {found.group(0).strip()}"))
gate.verdict("own_words: the project speaks of itself only", places)
