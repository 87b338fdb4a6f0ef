# SPDX-License-Identifier: MIT
"""The figures of a round, and of many: what the report shows beside the checker's verdicts, and what the drill itself judges,
which is time and what Patroni did."""

import collections

from tests.drill.places import SITES

# ttl: every orphan of a region that dies goes on within this many seconds; of workers alone: within TAKEOVER_S.
REGION_S = {10: 25, 20: 45}
TAKEOVER_S = 10
DEAD = "select name, extract(epoch from dead_at)::float, dead_why from node where dead and dead_at >= to_timestamp(%s) order by dead_at"
JOURNAL = """
with j as (
    select run, epoch, started_at as at from step union all select run, epoch, started_at from step_history
    union all select run, epoch, ended_at from step where ended_at is not null
    union all select run, epoch, ended_at from step_history where ended_at is not null
    union all select run, epoch, at from decision union all select run, epoch, at from decision_history),
held as (select run, epoch, extract(epoch from min(at))::float as first, extract(epoch from max(at))::float as last from j group by run, epoch)
"""
FIRST_ROWS = JOURNAL + "select first from held order by 1"
# From the last row of one holder to the first of the next, for each change of holder in the time of the harm.
HANDED_ON = JOURNAL + """
select greatest(first - before, 0) from (
    select first, lag(last) over (partition by run order by epoch) as before from held) h where before is not null and first between %s and %s"""

def spread(times):
    """p50, p99 and the most, of times in seconds."""
    ordered = sorted(times)
    if not ordered:
        return {"count": 0}
    def at(share):
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)
    return {"count": len(ordered), "p50_s": at(0.5), "p99_s": at(0.99), "max_s": round(ordered[-1], 2)}


def claims_gap(database, at, until):
    """The longest time around the harm in which no run was begun or gone on with."""
    times = [row[0] for row in database.query(FIRST_ROWS)]
    gaps = [after - before for before, after in zip(times, times[1:]) if after >= at and before <= until]
    return round(max(gaps, default=0.0), 2)


# name: the checker's promise, and where in it: what was judged, what was counted, or how many judgements of these failed.
SUMMARY = {
    "events_answered": ("lost-nothing", "judged", ("events answered 2xx",)),
    "incidents_found": ("lost-nothing", "judged", ("incidents found",)),
    "longest_until_found_s": ("lost-nothing", "counts", ("longest until found, s",)),
    "runs_lost": ("lost-nothing", "failed", ("events answered 2xx", "incidents known", "openings with their run", "runs ended")),
    "recovers_started": ("at-most-once", "counts", ("starts",)),
    "recovers_doubled": ("at-most-once", "failed", ("marks", "steps of incidents")),
    "recovers_overlapping": ("at-most-once", "failed", ("starts on the machines",)),
    "notes_doubled": ("once-on-the-timeline", "counts", ("notes there twice",)),
    "notes_mended": ("once-on-the-timeline", "counts", ("doubles deleted again",)),
    "notes_out_of_order": ("once-on-the-timeline", "failed", ("notes in order", "start before ending", "endings after all else")),
    "rows_compared": ("same-everywhere", "judged", ("rows",)),
}

TOTALS = [name for name in SUMMARY if not name.endswith("_s")]
# Of a round that broke off.
NONE = {"incidents": 0, "detected_s": None, "writes_out_s": 0.0, "claims_out_s": 0.0, "orphans": {"count": 0}, "orphan_times_s": [],
        "orphans_lost": 0, "ended_as_it_happened": 0, "limit_s": 0, "handed_on": {"count": 0}, "dropped_by_the_lost": 0,
        **dict.fromkeys(SUMMARY, 0), "in_doubt": {}, "primary_after": "", "probe_rows": {}, "probe_rows_missing": {}}


def summary(verdicts, databases=len(SITES)):
    """The checker's figures by names of ours. An event is judged on each database node; here it counts once."""
    promises = {promise["name"]: promise for promise in verdicts["promises"]}
    found = {}
    for name, (promise, where, words) in SUMMARY.items():
        of = promises[promise]
        found[name] = (sum(text.startswith(f"{word}: ") for text in of["violations"] for word in words) if where == "failed"
                       else sum(of[where].get(word, 0) for word in words))
    found["events_answered"] //= databases
    return found


def of_round(drill, verdicts):
    database, orphans, mode = drill.site.database, drill.orphans, drill.mode
    dead = [{"name": name, "after_s": round(at - drill.at, 2), "why": why} for name, at, why in database.query(DEAD, drill.at)]
    limit = drill.options.within or (REGION_S[drill.options.ttl] if mode.region_dies else TAKEOVER_S)
    victims = drill.lost_nodes
    noticed = [row["after_s"] for row in dead if row["name"] in victims]
    probe = drill.probes[drill.away]
    dropped = sum(node.read_log().count('event="run dropped here"') for node in drill.site.nodes.values() if node.name in victims)
    missing = {f"{writer} in {site}": len(probe.missing(site)) for writer, probe in drill.probes.items() for site in SITES}
    counts = {promise["name"]: promise["counts"] for promise in verdicts["promises"]}
    found = {
        "detected_s": min(noticed, default=None),
        "writes_out_s": probe.longest_gap(drill.at, drill.healed_at),
        "claims_out_s": claims_gap(database, drill.at, drill.healed_at),
        "orphans": spread(orphans.times.values()), "orphan_times_s": [round(time, 2) for time in sorted(orphans.times.values())],
        "orphans_lost": len(orphans.lost()), "ended_as_it_happened": len(orphans.finished), "limit_s": limit,
        "handed_on": spread(row[0] for row in database.query(HANDED_ON, drill.at, drill.healed_at)), "dropped_by_the_lost": dropped,
        "in_doubt": collections.Counter(row["settled"] for row in orphans.in_doubt()),
        **summary(verdicts), "incidents": len(drill.load.made), "taken_for_dead": dead,
        "primary_after": database.primary(), "probe_rows": {name: len(probe.acknowledged) for name, probe in drill.probes.items()},
        "probe_rows_missing": missing, "packets": drill.site.network.counts(),
        "promises": {promise["name"]: promise["kept"] for promise in verdicts["promises"]},
        "judged": {promise["name"]: promise["judged"] for promise in verdicts["promises"]}, "counted": counts,
    }
    found["faults"] = faults(drill, found, verdicts)
    return found


def faults(drill, found, verdicts):
    """Everything that must not be, a sentence each; none: the round is passed."""
    broken = [f"{promise['name']}: {text}" for promise in verdicts["promises"] for text in promise["violations"]]
    if found["orphans_lost"]:
        broken.append(f"{found['orphans_lost']} runs never went on: {drill.orphans.lost()}")
    if found["orphans"].get("max_s", 0) > found["limit_s"]:
        broken.append(f"a run went on only {found['orphans']['max_s']} s after its worker was lost; the limit is {found['limit_s']} s")
    if drill.mode.name == "rolling" and found["handed_on"].get("max_s", 0) > found["limit_s"]:
        broken.append(f"a run was without a holder for {found['handed_on']['max_s']} s; the limit is {found['limit_s']} s")
    if drill.needs_orphans and not drill.orphans.held:
        broken.append("no run was held by what was lost: nothing was shown")
    for where, count in found["probe_rows_missing"].items():
        if count:
            broken.append(f"{count} acknowledged rows of the probe in {where} are missing")
    for row in found["taken_for_dead"]:
        if row["name"] not in drill.lost_nodes and row["why"] == "lease ended":
            broken.append(f"the worker {row['name']} was taken for dead after {row['after_s']} s, and lived")
    expected = drill.away if drill.mode.region_dies else drill.home
    if found["primary_after"] != expected:
        broken.append(f"the primary is in {found['primary_after'] or 'no region'}, not in {expected}")
    broken += [f"the load could not make an incident: {error}" for error in drill.load.failed]
    if not drill.settled:
        broken.append("not all runs and writes came to an end")
    return broken
