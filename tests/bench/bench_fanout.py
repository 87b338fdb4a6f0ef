# SPDX-License-Identifier: MIT
"""`df` on 1,000 machines at once, each name a connection of its own over several sshd, beside clush, pssh and ansible.

Rundeck's own published figure is 52 s for 1,000 nodes on 8 cores; it stands here for orientation, not for comparison: another
machine, other work.
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


def measure(bench):
    count, sshds = bench.count(1000, 12), bench.count(8, 2)
    if not bench.quick:
        bench.rounds = min(bench.rounds, 3)
    with Farm(bench.scratch / "farm", sshds, count) as farm:
        found = bench.pairs({name: with_servers(farm, client) for name, client in {
            "firstline": lambda: farm.ours(COMMAND, count, AT_ONCE, count),
            "clush": lambda: farm.clush(COMMAND, count, AT_ONCE),
            "clush, curve25519": lambda: farm.clush(COMMAND, count, AT_ONCE, CURVE),
            "pssh": lambda: farm.pssh(COMMAND, count, AT_ONCE),
            "ansible": lambda: farm.ansible(COMMAND, count, AT_ONCE)}.items()})
    bench.table(f"{COMMAND} on {count} machines, {AT_ONCE} at once", [
        {"client": name, "wall_s": spread([one["wall_s"] for one in figures]), "client_cpu_s": spread([one["cpu_s"] for one in figures]),
         "server_cpu_s": spread([one["server_cpu_s"] for one in figures]), "client_share": spread([one["our_share"] for one in figures]),
         "our_wall_over_its": ratios(found, "firstline", name, "wall_s"), "our_cpu_over_its": ratios(found, "firstline", name, "cpu_s")}
        for name, figures in found.items()])
    share = spread([one["our_share"] for one in found["firstline"]])
    bench.put(asked=count, reached=count, rundeck_published_s=RUNDECK_S, target_share=TARGET_SHARE, share=share,
              target_reached=share["median"] < TARGET_SHARE)
