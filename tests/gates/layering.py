# SPDX-License-Identifier: MIT
"""Includes go down only: base < io < store < executor, coordinator < cli; includes are written from the root."""

import re

import gate

MAY_INCLUDE = {
    "lib/base": ["lib/base"],
    "lib/io": ["lib/base", "lib/io"],
    "lib/store": ["lib/base", "lib/io", "lib/store"],
    "executor": ["lib/base", "lib/io", "lib/store", "executor"],
    "coordinator": ["lib/base", "lib/io", "lib/store", "coordinator"],
    "cli": ["lib/base", "lib/io", "lib/store", "executor", "coordinator", "cli"],
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)

places = []
for path in gate.files(".c", ".h", under=gate.PROGRAM):
    where = gate.name(path)
    layer = next((folder for folder in MAY_INCLUDE if where.startswith(folder + "/")), None)
    text = gate.code(gate.read(path), keep_strings=True)
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        target = match.group(1)
        if layer is None:
            places.append((where, line, "this folder has no place in the layers"))
        elif not any(target.startswith(folder + "/") for folder in MAY_INCLUDE[layer]):
            places.append((where, line, f'{layer} may not include "{target}"'))
        elif not (gate.ROOT / target).exists():
            places.append((where, line, f'there is no "{target}" below the root'))
gate.verdict("layering: includes go down only", places)
