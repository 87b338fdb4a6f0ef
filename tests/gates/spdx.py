# SPDX-License-Identifier: MIT
"""Every C file opens with its licence and a sentence of purpose."""

import re

import gate

places = []
for path in gate.files(".c", ".h"):
    text = gate.read(path)
    first, _, rest = text.partition("\n")
    if "SPDX-License-Identifier:" not in first:
        places.append((gate.name(path), 1, "the first line has no SPDX-License-Identifier"))
    elif not re.search(r"\w", re.sub(r"^\s*/\*", "", rest).split("*/")[0] if "*/" not in first or
                       rest.lstrip().startswith("/*") else ""):
        places.append((gate.name(path), 2, "no sentence of purpose below the licence"))
gate.verdict("spdx: every C file opens with licence and purpose", places)
