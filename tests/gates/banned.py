# SPDX-License-Identifier: MIT
"""Functions that are not used in the program, each with what to use instead."""

import re

import gate

INSTEAD = {
    "strcpy": "buf_add_text or snprintf", "strcat": "buf_add_text", "strncpy": "snprintf", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "strtok": "a loop over strcspn", "atoi": "a checked parse", "atol": "a checked parse",
    "atof": "a checked parse", "strtol": "a checked parse (strtoll with errno and its end)",
    "gmtime": "gmtime_r, by clock.h", "localtime": "clock.h", "system": "the loop's own processes",
    "popen": "the loop's own processes", "sleep": "a timer on the loop", "usleep": "a timer on the loop", "gets": "read",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")

places = []
for path in gate.files(".c", ".h", under=gate.PROGRAM):
    text = gate.code(gate.read(path))
    for match in CALL.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        word = match.group(1)
        places.append((gate.name(path), line, f"{word}() is banned; use {INSTEAD[word]}"))
gate.verdict("banned: no banned function", places)
