# SPDX-License-Identifier: MIT
"""Connect, run `true`, close, and run on a kept session: CPU of the client and rate, beside ssh, pssh, clush and ansible.

Each peer once with its default key exchange and once with curve25519, which is ours. 1 and 32 at once, on one sshd and on many.
The walls are bound by sshd (19 to 30 ms of CPU a connection on such a machine): compare the client's CPU.
"""

from tests.bench.harness import ratios, spread
from tests.bench.sshd_farm import CURVE, Farm

TARGETS = {"connect: CPU over pssh, same key exchange": 1 / 6, "connect: CPU over clush, same key exchange": 1 / 6,
           "kept: CPU over ssh with ControlMaster": 1 / 20}


def connecting(farm, count, at_once):
    sides = {"firstline": lambda: farm.ours("true", count, at_once, count)}
    for kex, words in ((None, "default"), (CURVE, "curve25519")):
        sides[f"ssh, {words}"] = lambda k=kex: farm.ssh("true", count, at_once, k)
        sides[f"pssh, {words}"] = lambda k=kex: farm.pssh("true", count, at_once, k)
        sides[f"clush, {words}"] = lambda k=kex: farm.clush("true", count, at_once, k)
        sides[f"ansible, {words}"] = lambda k=kex: farm.ansible("true", count, at_once, k)
    return sides


def kept(bench, farm, count, at_once):
    return {"firstline": lambda: farm.ours("true", count, at_once, 1),
            "ssh, ControlMaster": lambda: farm.ssh("true", count, at_once, None, bench.scratch / "control")}


def rows_of(what, at_once, sshds, count, found):
    return [{"what": what, "client": name, "at_once": at_once, "sshd": sshds, "commands": count,
             "rate_per_s": spread([count / one["wall_s"] for one in figures]),
             "client_cpu_ms": spread([one["cpu_s"] * 1000 / count for one in figures]),
             "our_cpu_over_its": ratios(found, "firstline", name, "cpu_s")} for name, figures in found.items()]


def measure(bench):
    count = bench.count(100, 6)
    many = bench.count(32, 2)
    rows, reached = [], {}
    for sshds in (1, many):
        with Farm(bench.scratch / f"farm{sshds}", sshds, count) as farm:
            for at_once in (1, min(32, count)):
                found = bench.pairs(connecting(farm, count, at_once))
                rows += rows_of("connect", at_once, sshds, count, found)
                reached["connect: CPU over pssh, same key exchange"] = ratios(found, "firstline", "pssh, curve25519", "cpu_s")
                reached["connect: CPU over clush, same key exchange"] = ratios(found, "firstline", "clush, curve25519", "cpu_s")
            if sshds == 1:
                for at_once in (1, min(32, count)):
                    found = bench.pairs(kept(bench, farm, bench.count(500, 6), at_once))
                    rows += rows_of("kept session", at_once, 1, bench.count(500, 6), found)
                    reached["kept: CPU over ssh with ControlMaster"] = ratios(found, "firstline", "ssh, ControlMaster", "cpu_s")
    bench.table("commands over ssh", rows)
    bench.table("targets", [{"target": name, "wanted": TARGETS[name], "reached": value} for name, value in reached.items()])
    bench.put(asked=bench.rounds, reached=bench.rounds)
