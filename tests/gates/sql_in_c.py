# SPDX-License-Identifier: MIT
"""No SQL text in C: statements live in sql/statements/, one a file, and only lib/store names them."""

import re

import gate

SQL = re.compile(
    r"\b(select\s.*\bfrom\s|select\s+(pg_\w+|set_config|current_setting|now|\d+)\b|insert\s+into\s|update\s+\w+\s+set\s"
    r"|delete\s+from\s|merge\s+into\s|(create|alter|drop)\s+(or\s+replace\s+)?(unlogged\s+)?(table|index|function|view"
    r"|schema|database|role|user|type|sequence|extension|trigger|database)\s|truncate\s+table)"
    r"|^\s*(begin|commit|rollback|savepoint\s+\w+)\s*;"
    r"|^\s*(set\s+(local\s+|session\s+)?\w+\s*(=|\bto\b)\s*|listen\s+\w+\s*;?$|unlisten\s|deallocate\s|prepare\s+\w+\s+as\s)", re.I | re.S)
SQL_UPPER = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|LISTEN \w+|NOTIFY \w+)\b\s*;?\s*$")
# Neighbouring literals are one text to the compiler, so they are joined here too.
LITERALS = re.compile(r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*')

places = []
for path in gate.files(".c", ".h", under=gate.PROGRAM):
    text = gate.code(gate.read(path), keep_strings=True)
    for match in LITERALS.finditer(text):
        joined = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', match.group(0)))
        joined = joined.replace("\\n", " ").replace("\\t", " ")
        if SQL.search(joined) or SQL_UPPER.search(joined):
            line = text.count("\n", 0, match.start()) + 1
            places.append((gate.name(path), line, f'SQL in C: "{joined[:60]}"; it belongs in sql/statements/'))
gate.verdict("sql_in_c: no SQL text in C", places)
