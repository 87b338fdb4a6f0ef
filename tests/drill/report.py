# SPDX-License-Identifier: MIT
"""The report of a round and of a mode, as text and as JSON. Decides nothing: figures.py and the checker do."""

import json
import time

from tests.drill import figures
from tests.kit import evidence
from tests.kit.node import build

SHOWN = 12


def of_round(result, verdict_text):
    orphans = result["orphans"]
    went_on = (f"{orphans['count']} went on after p50 {orphans['p50_s']} s, p99 {orphans['p99_s']} s, at most {orphans['max_s']} s "
               f"(limit {result['limit_s']} s)" if orphans["count"] else "none")
    doubt = ", ".join(f"{count} {what}" for what, count in result["in_doubt"].items()) or "none"
    rows = [
        ("incidents", result["incidents"]),
        ("events", f"{result['events_answered']} answered; {result['incidents_found']} incidents found, after at most "
                   f"{result['longest_until_found_s']} s; {result['runs_lost']} lost"),
        ("recovers", f"{result['recovers_started']} started; {result['recovers_doubled']} doubled, "
                     f"{result['recovers_overlapping']} overlapping"),
        ("notes", f"{result['notes_doubled']} doubled, {result['notes_mended']} mended, {result['notes_out_of_order']} out of order"),
        ("noticed after", f"{result['detected_s']} s" if result["detected_s"] is not None else "no worker was lost"),
        ("no write for", f"{result['writes_out_s']} s"),
        ("no claim for", f"{result['claims_out_s']} s"),
        ("orphaned runs", f"{went_on}; {result['orphans_lost']} lost; {result['ended_as_it_happened']} had just ended"),
        ("handed on", f"{result['handed_on']['count']} changes of holder, at most {result['handed_on'].get('max_s', 0)} s between their rows; "
                      f"the lost workers dropped {result['dropped_by_the_lost']} runs themselves"),
        ("recovers in doubt", doubt),
        ("primary", f"{result['primary']}, afterwards {result['primary_after']}"),
        ("rows compared", f"{result['rows_compared']} of both database nodes"),
        ("probe's rows", f"{sum(result['probe_rows'].values())} acknowledged; missing: {result['probe_rows_missing']}"),
    ]
    lines = [f"   {name:<18} {value}" for name, value in rows]
    lines += [f"   {line}" for line in verdict_text.splitlines()]
    lines += [f"   FAULT {fault}" for fault in result["faults"][:SHOWN]]
    lines.append(f"   {'PASSED' if not result['faults'] else 'FAILED'} in {result['seconds']} s")
    return "\n".join(lines)


def path_of(options, mode):
    return options.evidence or f"drill-{mode}.json"


def document(mode, rounds, options, began):
    """What all rounds show together; those of an earlier run first, if they are to be kept."""
    earlier = []
    path = evidence.ROOT / "docs/evidence" / path_of(options, mode.name)
    if options.append and options.evidence is not None and path.exists():
        earlier = [row for row in json.loads(path.read_text(encoding="utf-8"))["rounds"] if row not in rounds]
    every = [*earlier, *rounds]
    times = [time_s for row in every for time_s in row["orphan_times_s"]]
    return {
        **evidence.head(f"drill: {mode.about}", began, time.time(), build()),
        "mode": mode.name, "rounds_asked": len(earlier) + options.rounds, "rounds_reached": len(every),
        "passed": sum(not row["faults"] for row in every), "ttl": sorted({row["ttl"] for row in every}),
        "orphans": figures.spread(times), "writes_out_s": [row["writes_out_s"] for row in every],
        **{name: sum(row.get(name, 0) for row in every) for name in ("incidents", *figures.TOTALS)}, "rounds": every,
    }


def write(found, options):
    return evidence.write(path_of(options, found["mode"]), found)


def of_mode(found):
    orphans = found["orphans"]
    spread = f"; orphans {orphans}" if orphans["count"] else ""
    return (f"{found['mode']}: {found['passed']} of {len(found['rounds'])} rounds passed, {found['incidents']} incidents, "
            f"no write for at most {max(found['writes_out_s'])} s{spread}")
