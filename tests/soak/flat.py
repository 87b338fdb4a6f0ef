# SPDX-License-Identifier: MIT
"""When is a series of samples flat? Knows nothing of what was sampled.

A series is cut into four quarters of its time. The first is the start and is not judged. It is flat if
  - the median of the last quarter is above the median of the second by no more than the tolerance, and
  - the steady slope of the second to fourth quarter (the median of the slopes between all pairs of samples, Theil and Sen), over
    the time between the middles of those two quarters, comes to no more than the tolerance either.
The tolerance is a share of the second quarter's median and so much beside. What falls is flat.
"""

import collections
import itertools
import statistics

PAIRED_MOST = 200  # samples whose pairs are compared: of more, this many that lie evenly
LEAST = 8          # samples, two a quarter; fewer say nothing

Tolerance = collections.namedtuple("Tolerance", "share beside")


def quarters(samples):
    """[(second, value)] as four lists of values, by time."""
    first, last = samples[0][0], samples[-1][0]
    cut = [[], [], [], []]
    for at, value in samples:
        cut[min(3, int(4 * (at - first) / (last - first)))].append(value)
    return cut


def slope(samples):
    """Of a second: the median over all pairs."""
    step = max(1, len(samples) // PAIRED_MOST)
    pairs = itertools.combinations(samples[::step], 2)
    return statistics.median((later - earlier) / (at - before) for (before, earlier), (at, later) in pairs if at > before)


def judge(samples, tolerance):
    """{"second", "last", "grew", "slope_per_hour", "allowed", "flat"} of samples [(second, value)]."""
    if len(samples) < LEAST:
        return {"samples": len(samples), "flat": False, "why": f"fewer than {LEAST} samples"}
    cut = quarters(samples)
    if not all(cut):
        return {"samples": len(samples), "flat": False, "why": "a quarter without a sample"}
    span = samples[-1][0] - samples[0][0]
    second, last = statistics.median(cut[1]), statistics.median(cut[3])
    steady = slope([(at, value) for at, value in samples if at >= samples[0][0] + span / 4])
    allowed = tolerance.share * second + tolerance.beside
    grew = max(last - second, steady * span / 2)
    return {"samples": len(samples), "second": second, "last": last, "grew": round(grew, 2), "slope_per_hour": round(steady * 3600, 2),
            "allowed": round(allowed, 2), "flat": grew <= allowed}
