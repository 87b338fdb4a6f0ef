# SPDX-License-Identifier: MIT
"""`df` on 1,000 machines at once, each name a connection of its own over several sshd, beside clush, pssh and ansible.

Rundeck's own published figure is 52 s for `rpm -q` on 1,000 nodes, on 8 cores (docs.rundeck.com, "Tuning Rundeck"): another
machine, other work, so not for comparison.
"""

from tests.bench.harness import cpu_s, ratios, spread
from tests.bench.sshd_farm import CURVE, Farm

COMMAND, AT_ONCE, RUNDECK_S = "df", 64, 52
TARGET_SHARE = 0.15


def with_servers(farm, client):
    """Client's and servers' CPU."""
    def measured():
        pids = [box.process.pid for box in farm.boxes]
        before = cpu_s(*pids)
        figures = client()
        figures["server_cpu_s"] = cpu_s(*pids) - before
        figures["our_share"] = figures["cpu_s"] / (figures["cpu_s"] + figures["server_cpu_s"])
        return figures
    return measured


def rows_of(found, ours):
    return [{"client": name, "rounds": len(figures), "wall_s": spread([one["wall_s"] for one in figures]),
             "client_cpu_s": spread([one["cpu_s"] for one in figures]), "server_cpu_s": spread([one["server_cpu_s"] for one in figures]),
             "client_share": spread([one["our_share"] for one in figures]), "peak_kib": max((one["rss_kib"] or 0 for one in figures)) or None,
             "our_wall_over_its": ratios({"firstline": ours, name: figures}, "firstline", name, "wall_s"),
             "our_cpu_over_its": ratios({"firstline": ours, name: figures}, "firstline", name, "cpu_s")} for name, figures in found.items()]


def measure(bench):
    count, sshds = bench.count(1000, 12), bench.count(8, 2)
    with Farm(bench.scratch / "farm", sshds, count) as farm:
        found = bench.pairs({name: with_servers(farm, client) for name, client in {
            "firstline": lambda: farm.ours(COMMAND, count, AT_ONCE, count),
            "clush, curve25519": lambda: farm.clush(COMMAND, count, AT_ONCE, CURVE),
            "pssh, curve25519": lambda: farm.pssh(COMMAND, count, AT_ONCE, CURVE)}.items()})
        slow = bench.pairs({name: with_servers(farm, client) for name, client in {  # a minute and more each: once
            "clush, default": lambda: farm.clush(COMMAND, count, AT_ONCE),
            "pssh, default": lambda: farm.pssh(COMMAND, count, AT_ONCE),
            "ansible, default": lambda: farm.ansible(COMMAND, count, AT_ONCE)}.items()}, rounds=1)
    bench.table(f"{COMMAND} on {count} machines, {AT_ONCE} at once", rows_of({**found, **slow}, found["firstline"]))
    bench.goal("our own CPU of the total", "below", TARGET_SHARE, spread([one["our_share"] for one in found["firstline"]]))
    bench.put(asked=count, reached=count, rundeck_published_s=RUNDECK_S, rundeck_cores=8)
