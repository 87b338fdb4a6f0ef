# SPDX-License-Identifier: MIT
"""After the heal all database nodes hold the same: no commit that was acknowledged is on one side only."""

from verdict import Verdict


def check(history):
    verdict = Verdict("same-everywhere", "all database nodes hold the same rows")
    names = list(history.databases)
    for table in history.tables:
        rows = {name: {row["md5"]: row for row in history.databases[name][table]} for name in names}
        for name in names[1:]:
            first, other = rows[names[0]], rows[name]
            verdict.judged["rows"] += len({*first, *other})
            for digest in {*first} ^ {*other}:
                side = names[0] if digest in first else name
                row = {key: value for key, value in (first.get(digest) or other[digest]).items() if value not in (None, "", {})}
                verdict.violations.append(f"{table}: a row is only in {side}: {str(row)[:200]}")
    if len(names) > 1:
        verdict.need("rows")
    verdict.counts["nodes compared"] = len(names)
    return verdict
