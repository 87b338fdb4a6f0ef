# SPDX-License-Identifier: MIT
"""Drills of failover: two regions and a witness on this machine, under load, and something is taken away."""

# What may be asked of a drill. Needs nothing that is installed, so that deploy/drill can refuse what is wrong before it
# installs or builds anything; run as a program, it does only that.

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.drill.modes import MODES  # noqa: E402  (found by the path of the line above)

EXAMPLES = """\
Two regions with Postgres, Patroni, etcd and two nodes each, a witness, PagerDuty (the simulator) and 20 hosts are made in
network namespaces of this machine, 15 ms apart, and taken away again. docs/drill.md says more.

modes
{modes}
  all        every one of them

examples
  deploy/drill kill
  deploy/drill cut --rounds 10 --evidence
  deploy/drill webhooks --seconds 90
  deploy/drill all --ttl 20 --evidence

Exit: 0 all five promises held in every round, 1 not, 2 wrong use or not possible here, 130 interrupted.
"""


def at_least_one(word):
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def arguments(words):
    modes = "\n".join(f"  {mode.name:<10} {mode.about}" for mode in MODES.values())
    parser = argparse.ArgumentParser(prog="deploy/drill", usage="deploy/drill MODE [options]", description=__doc__,
                                     epilog=EXAMPLES.format(modes=modes), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=[*MODES, "all"], metavar="MODE")
    parser.add_argument("--ttl", type=int, choices=(10, 20), default=10, help="Patroni's ttl; 10 (quick) if absent")
    parser.add_argument("--seconds", type=int, help="how long the harm lasts at least; each mode has its own default")
    parser.add_argument("--short", action="store_true", help="a tenth of that time")
    parser.add_argument("--rate", type=float, default=1.0, help="incidents a second (1)")
    parser.add_argument("--seed", type=int, default=1, help="of the load; odd: the primary is in osaka (1); grows by one a round")
    parser.add_argument("--rounds", type=at_least_one, default=1, help="so many rounds, each with a site of its own (1)")
    parser.add_argument("--within", type=float, metavar="S", help="in this time every orphaned run must go on (25, with --ttl 20 45; "
                        "10 where the database stays)")
    parser.add_argument("--evidence", nargs="?", const="", metavar="FILE", help="write docs/evidence/drill-MODE.json, or FILE there; "
                        "rounds that are there already are kept with --append")
    parser.add_argument("--append", action="store_true", help="add to the rounds of that file")
    parser.add_argument("--keep", action="store_true", help="leave logs, histories and data in the folder that is named at the end")
    parser.add_argument("--json", metavar="PATH", help="write the report as JSON there")
    options = parser.parse_args(words)
    if options.mode == "all" and options.evidence:
        parser.error("all modes cannot go into one FILE: --evidence alone writes one for each")
    if options.append and options.evidence is None:
        parser.error("--append: to what? --evidence names the file")
    return options


if __name__ == "__main__":
    arguments(sys.argv[1:])
