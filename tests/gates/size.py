# SPDX-License-Identifier: MIT
"""A function ends within 70 lines; a file of more than 600 lines says why at its top ("over 600 lines: ...").

Tables are not functions and are not counted.
"""

import re

import gate

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
REASON = re.compile(r"over 600 lines:", re.I)
REASON_WITHIN_LINES = 20


def without_directives(text):
    """Preprocessor lines, with their continuations, blanked: their braces are not the program's."""
    out = []
    going_on = False
    for line in text.split("\n"):
        directive = going_on or line.lstrip().startswith("#")
        going_on = directive and line.rstrip().endswith("\\")
        out.append("" if directive else line)
    return "\n".join(out)


def functions(text):
    """(name, first line, lines) of each function body at file level."""
    depth = 0
    start = None
    before = 0  # where the text since the last declaration begins
    line = 1
    for at, char in enumerate(text):
        if char == "\n":
            line += 1
        elif char == "{":
            if depth == 0:
                head = text[before:at].strip()
                named = re.match(r"[^=]*?(\w+)\s*\(", head, re.S)
                start = (named.group(1), line) if named and head.endswith(")") and "=" not in head else None
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                before = at + 1
                if start:
                    yield start[0], start[1], line - start[1] + 1
                start = None
        elif char == ";" and depth == 0:
            before = at + 1


places = []
for path in gate.files(".c", ".h"):
    body = without_directives(gate.code(gate.read(path)))
    for function, first, lines in functions(body):
        if lines > FUNCTION_LINES_MAX:
            places.append((gate.name(path), first, f"{function}() has {lines} lines, {FUNCTION_LINES_MAX} are allowed"))
scripts = [p for p in gate.files(under=["tests", "deploy"]) if p.suffix == "" and gate.read(p)[:2] == "#!"]
for path in gate.files(".c", ".h", ".py", ".sh") + scripts:
    lines = gate.read(path).splitlines()
    if len(lines) > FILE_LINES_MAX and not REASON.search("\n".join(lines[:REASON_WITHIN_LINES])):
        places.append((gate.name(path), 1, f'{len(lines)} lines; split it, or say at the top "over 600 lines: WHY"'))
gate.verdict("size: functions within 70 lines, files within 600", places)
