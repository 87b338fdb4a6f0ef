# SPDX-License-Identifier: MIT
"""Connect, run `true`, close, and run on a kept session: CPU of the client and rate, beside ssh, pssh, clush and ansible.

Each peer once with its default key exchange and once with curve25519, which is ours. 1 and 32 at once, on one sshd and on many.
The walls are bound by sshd (19 to 30 ms of CPU a connection on such a machine): compare the client's CPU.
"""

from tests.bench.harness import ratios, spread
from tests.bench.sshd_farm import CURVE, Farm

def connecting(farm, count, at_once):
    sides = {"firstline": lambda: farm.ours("true", count, at_once, count)}
    for kex, words in ((None, "default"), (CURVE, "curve25519")):
        sides[f"ssh, {words}"] = lambda k=kex: farm.ssh("true", count, at_once, k)
        sides[f"pssh, {words}"] = lambda k=kex: farm.pssh("true", count, at_once, k)
        sides[f"clush, {words}"] = lambda k=kex: farm.clush("true", count, at_once, k)
        sides[f"ansible, {words}"] = lambda k=kex: farm.ansible("true", count, at_once, k)
    return sides


def kept(bench, farm, count, at_once, sessions):
    return {"firstline": lambda: farm.ours("true", count, at_once, sessions),
            "ssh, ControlMaster": lambda: farm.ssh_kept("true", count, at_once, bench.scratch / "control", sessions)}


def rows_of(what, at_once, sshds, count, found):
    return [{"what": what, "client": name, "at_once": at_once, "sshd": sshds, "commands": count,
             "rate_per_s": spread([count / one["wall_s"] for one in figures]),
             "client_cpu_ms": spread([one["cpu_s"] * 1000 / count for one in figures]),
             "our_cpu_over_its": ratios(found, "firstline", name, "cpu_s"),
             "peak_kib": max((one["rss_kib"] or 0 for one in figures)) or None} for name, figures in found.items()]


def measure(bench):
    many = bench.count(32, 2)
    rows = []
    for sshds in (1, many):
        with Farm(bench.scratch / f"farm{sshds}", sshds, bench.count(64, 4)) as farm:
            for at_once, count in ((1, bench.count(16, 2)), (bench.count(32, 4), bench.count(64, 4))):
                found = bench.pairs(connecting(farm, count, at_once))
                rows += rows_of("connect", at_once, sshds, count, found)
                for peer in ("pssh", "clush") if at_once > 1 else ():
                    bench.goal(f"connect, {at_once} at once to {sshds} sshd: CPU over {peer}'s, same key exchange", "at most", 1 / 6,
                               ratios(found, "firstline", f"{peer}, curve25519", "cpu_s"))
            for at_once, count in ((1, bench.count(200, 4)), (bench.count(32, 4), bench.count(640, 4))):
                found = bench.pairs(kept(bench, farm, count, at_once, sshds))
                rows += rows_of("kept session", at_once, sshds, count, found)
                bench.goal(f"kept session, {at_once} at once to {sshds} sshd: CPU over ssh's with ControlMaster", "at most", 1 / 20,
                           ratios(found, "firstline", "ssh, ControlMaster", "cpu_s"))
    bench.table("commands over ssh", rows)
    bench.put(asked=bench.rounds, reached=bench.rounds)
