# SPDX-License-Identifier: MIT
"""Every statement file begins with a comment that names its parameters and the columns of its result."""

import re

import gate

places = []
for path in gate.files(".sql", under=["sql/statements"]):
    where = gate.name(path)
    text = gate.read(path)
    head = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        head.append(line)
    comment = "\n".join(head)
    if not head:
        places.append((where, 1, "begins without a comment"))
        continue
    if not re.search(r"\bparameters?\b", comment, re.I):
        places.append((where, 1, "its comment does not name the parameters (or: Parameters: none)"))
    if not re.search(r"\b(columns?|result)\b", comment, re.I):
        places.append((where, 1, "its comment does not name the columns of its result (or: Columns: none)"))
gate.verdict("statements: every SQL statement names its parameters and columns", places)
