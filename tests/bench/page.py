# SPDX-License-Identifier: MIT
"""docs/performance.md's tables, as the evidence files have them.

In the page a place for tables is

    <!-- tables bench-intake.json: as fast as it goes; targets -->
    <!-- end -->

Between the two lines stand the named tables of that file of docs/evidence/ (all of them, where none is named), below the command
that measured them. A table is a list of rows in the evidence, as Bench.table puts it there.
"""

import json
import re

from tests.bench.harness import cell

PLACE = re.compile(r"^<!-- tables ([\w.-]+)(?:: ([^\n]*))? -->\n(.*?)^<!-- end -->$", re.M | re.S)
NOT_MEASURED = "*There is no evidence file yet.*\n"


def tables_of(document):
    return {title: rows for title, rows in document.items() if isinstance(rows, list) and rows and isinstance(rows[0], dict)}


def table(rows):
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [keys, ["---"] + ["--:"] * (len(keys) - 1), *([cell(row.get(key)).replace("|", "\\|") for key in keys] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def head(name, document):
    told = [f"`{document['command']}`", f"commit {document['commit'][:12]}{'+' if document['commit'].endswith('+') else ''}",
            *(f"{key} {document[key]}" for key in ("seed", "rounds") if document.get(key) is not None),
            document["machine"], f"{document['start']}, {document['seconds']:g} s", f"load at the end {document['load_at_end'][0]:g}"]
    return f"[{name}](evidence/{name}): {'; '.join(told)}.\n"


def block(evidence, name, titles):
    """What stands between the markers. evidence: the folder; raises KeyError for a title that the file has not."""
    path = evidence / name
    if not path.exists():
        return NOT_MEASURED
    document = json.loads(path.read_text(encoding="utf-8"))
    found = tables_of(document)
    wanted = [title.strip() for title in titles.split(";")] if titles else list(found)
    return "\n".join([head(name, document), *(f"**{title}**\n\n{table(found[title])}" for title in wanted)])


def places(text):
    """(line, evidence file, titles or None, what stands there) of each place in the page."""
    return [(text.count("\n", 0, found.start()) + 1, *found.groups()) for found in PLACE.finditer(text)]


def filled(text, evidence):
    """The page with each place as the evidence has it."""
    def fill(found):
        first = found[0].split("\n", 1)[0]
        return f"{first}\n{block(evidence, found[1], found[2])}<!-- end -->"
    return PLACE.sub(fill, text)
