# SPDX-License-Identifier: MIT
"""Titles matched per second against 10, 1,000 and 10,000 scenarios, beside a loop of PCRE2 patterns, Hyperscan and RE2.

Of the scenarios 70 % match by keyword, 20 % by a phrase, 10 % by a pattern; of the titles 60 % belong to one, the rest to none.
The longest call of all is told by its CPU time, in which interrupts and cold caches count: a figure of the machine. What a title costs by
itself is the quickest of its calls, and the instructions of one call as callgrind counts them; the slowest title is judged by the former.
Titles of 4,096 bytes that somebody made to be slow have a table of their own, and are judged by the same limit. The peers get one pattern a scenario that finds the same titles, and do less: no NFKC, no limits, no reading of values.
"""

import json
import re

from tests.bench.harness import RELEASE, ROOT, checked, ratios, spread

SCENARIO = """\
scenario: {name}
about: For the benchmark.
match: {match}
target: {{ host: [alert.details.host] }}
steps:
  - check: it is there
    run: "true"
"""
WORDS = ("disk memory queue latency replica certificate backup login socket thread index cache node pod volume quota batch "
         "mail proxy kernel").split()
TARGET_MEAN_US, TARGET_MAX_US = 20, 1000
HOSTILE_BYTES = 4096  # more than is looked at


def kinds(count):
    """(name, scenario's match, peer's pattern, a title) of each scenario."""
    for i in range(count):
        word = WORDS[i % len(WORDS)]
        if i % 10 < 7:
            yield (f"s{i}", f"{{ keyword: {word}-{i} }}", rf"\[[A-Z][A-Z0-9]{{0,15}}:\s*{word}-{i}[\s\]]",
                   f"[AMS:{word}-{i} host=web{i} mount=/var] {word} alert on web{i}")
        elif i % 10 < 9:
            yield (f"s{i}", f'{{ title: ["{word} trouble number {i} "] }}', f"{word} trouble number {i} ",
                   f"PROBLEM web{i}: {word} trouble number {i} since noon")
        else:
            yield (f"s{i}", f"{{ title: ['re:{word}{i} (is|was) (down|slow)'] }}", f"{word}{i} (is|was) (down|slow)",
                   f"host web{i} says that {word}{i} was slow")


def prepare(bench, count, titles_count):
    folder = bench.scratch / f"set-{count}"
    folder.mkdir()
    made = list(kinds(count))
    for name, match, _, _ in made:
        (folder / f"{name}.yaml").write_text(SCENARIO.format(name=name, match=match))
    (folder / "order.yaml").write_text("order: [" + ", ".join(name for name, *_ in made) + "]\n")
    (bench.scratch / f"patterns-{count}").write_text("".join(pattern + "\n" for _, _, pattern, _ in made))
    titles = []
    for i in range(titles_count):
        if i % 10 < 6:
            titles.append(bench.chance.choice(made)[3])
        else:
            titles.append(f"[AMS:unknown-{bench.chance.randrange(10**6)} host=db{i}] something that nobody knows happened on db{i}")
    (bench.scratch / f"titles-{count}").write_text("".join(title + "\n" for title in titles))


def hostile(count):
    """(what, title) of titles that are made to be slow."""
    made = list(kinds(count))
    yield "openings of a token", "[A:" * (HOSTILE_BYTES // 3)
    yield "beginnings of keywords", "disk-" * (HOSTILE_BYTES // 5)
    yield "letters that NFKC makes 18 of", "\ufdfa" * (HOSTILE_BYTES // 3)
    yield "combining marks in disorder", "\u0301\u0316" * (HOSTILE_BYTES // 4)
    yield "keywords", " ".join(f"{WORDS[i % len(WORDS)]}-{i}" for i in range(count) if i % 10 < 7)[:HOSTILE_BYTES]
    yield "phrases that end otherwise", " ".join(pattern[:-1] + "x" for i, (_, _, pattern, _) in enumerate(made) if i % 10 in (7, 8))[:HOSTILE_BYTES]
    yield "what patterns need, none whole", " ".join(f"{WORDS[i % len(WORDS)]}{i} is" for i in range(9, count, 10))[:HOSTILE_BYTES]


def instructions(bench, count, titles):
    """Instructions of matching each title once, by callgrind: the same however busy the machine is. The first title stands there twice: in
    the first call of all, malloc puts in order what loading left."""
    file, out = bench.scratch / "counted", bench.scratch / "callgrind"
    file.write_text("".join(title + "\n" for title in [titles[0], *titles]))
    checked(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=match_title", "--dump-after=match_title",
             f"--callgrind-out-file={out}", RELEASE / "tests/match_bench", bench.scratch / f"set-{count}", file, 1])
    return [int(re.search(r"^summary: (\d+)", (bench.scratch / f"callgrind.{number + 2}").read_text(), re.MULTILINE)[1])
            for number in range(len(titles))]


def measure_hostile(bench, count):
    rows = []
    titles = dict(hostile(count))
    ordinary = (bench.scratch / f"titles-{count}").read_text().splitlines()[:bench.count(200, 20)]
    counted = instructions(bench, count, [*titles.values(), *ordinary])
    for (what, title), number in zip(titles.items(), counted):
        file = bench.scratch / "hostile"
        file.write_text(title + "\n")
        one = json.loads(checked([RELEASE / "tests/match_bench", bench.scratch / f"set-{count}", file, bench.count(200, 3)])["out"])
        rows.append({"4,096 bytes of": what, "scenarios": count, "slowest_us": one["slowest_ns"] / 1000, "mean_us": one["mean_ns"] / 1000,
                     "instructions": number})
    bench.table("titles made to be slow", rows)
    usual = counted[len(titles):]
    bench.table("instructions of a title", [{"scenarios": count, "titles": len(usual), "instructions": spread(usual)}])
    return max(row["slowest_us"] for row in rows)


def measure(bench):
    peers = ROOT / "build" / "bench" / "match_peers"
    peers.parent.mkdir(parents=True, exist_ok=True)
    checked(["cc", "-O2", "-c", "-o", f"{peers}.o", ROOT / "tests/bench/match_peers.c"])
    checked(["c++", "-O2", "-o", peers, f"{peers}.o", ROOT / "tests/bench/match_re2.cc", "-lpcre2-8", "-lhs", "-lre2"])
    rows = []
    for count in (10, 1000) if bench.quick else (10, 1000, 10_000):
        titles = bench.count(2000, 200)
        prepare(bench, count, titles)
        patterns, file = bench.scratch / f"patterns-{count}", bench.scratch / f"titles-{count}"

        def peer(kind, times, patterns=patterns, file=file):
            return lambda: json.loads(checked([peers, kind, patterns, file, times])["out"])

        def ours(folder=bench.scratch / f"set-{count}", file=file):
            return json.loads(checked([RELEASE / "tests/match_bench", folder, file, 5])["out"])

        sides = {"firstline": ours, "pcre2": peer("pcre2", 1), "pcre2-jit": peer("pcre2-jit", 1), "hyperscan": peer("hyperscan", 5),
                 "re2": peer("re2", 5)}
        found = bench.pairs(sides)
        want = sum(1 for line in file.read_text().splitlines() if "unknown-" not in line) / titles
        longest_cpu_us = max(one["max_cpu_ns"] for one in found["firstline"]) / 1000
        slowest_us = max(one["slowest_ns"] for one in found["firstline"]) / 1000
        for name, figures in found.items():
            for one in figures:
                if one["matched"] != want * one["titles"]:
                    raise RuntimeError(f"{name} matched {one['matched']} of {one['titles']} titles, not {want:.0%}")
            mean = spread([one["mean_ns"] / 1000 for one in figures])
            rows.append({"scenarios": count, "matcher": name, "titles": figures[0]["titles"], "mean_us": mean,
                         "titles_per_s": round(1e6 / mean["median"]), "max_us": max(one["max_ns"] for one in figures) / 1000,
                         "load_ms": spread([one["load_ms"] for one in figures])["median"],
                         "peak_kib": max(one["rss_kib"] for one in figures), "times_ours": ratios(found, name, "firstline", "mean_ns")})
    bench.table("matching", rows)
    hostile_us = measure_hostile(bench, rows[-1]["scenarios"])
    last = next(row for row in rows if row["matcher"] == "firstline" and row["scenarios"] == rows[-1]["scenarios"])
    bench.goal(f"mean us a title, {last['scenarios']} scenarios", "at most", TARGET_MEAN_US, last["mean_us"])
    bench.goal(f"us of CPU of the slowest title, {last['scenarios']} scenarios", "at most", TARGET_MAX_US, slowest_us)
    bench.goal(f"us of CPU of the slowest title made to be slow, {last['scenarios']} scenarios", "at most", TARGET_MAX_US, hostile_us)
    bench.put(longest_single_call_cpu_us=longest_cpu_us)
    bench.put(asked=bench.rounds, reached=bench.rounds)
