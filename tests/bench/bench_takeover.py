# SPDX-License-Identifier: MIT
"""From the kill of a worker to its successor's next step: a few of the kills of tests/takeover/run, which makes a hundred.

Three nodes at default times (lease 6 s, renewed every 2 s) on a synchronous pair of Postgres servers; one that holds a run, in a look or
in a recover, is killed at a random moment of its renewals. What is measured is when its successor writes the first row of its own into
the run's journal. Most of it is waiting for the lease to end, so the machine's speed hardly shows.
"""

import json
import subprocess

from tests.bench.harness import ROOT, Skip, spread
from tests.kit import sshd

GOAL_S = 10


def measure(bench):
    why = sshd.may_run()
    if why:
        raise Skip(why)
    kills, path = bench.count(12, 1), bench.scratch / "takeover.json"
    done = subprocess.run([ROOT / "tests/takeover/run", "--kills", str(kills), "--seed", str(bench.seed), "--evidence", path],
                          capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise RuntimeError(f"tests/takeover/run: exit {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [{"killed in": verb, "kills": len(times), "until_the_next_step_s": spread(times)}
            for verb in ("collect", "recover") if (times := [kill["s"] for kill in found["kills"] if kill["in"] == verb])]
    bench.table("a killed worker's run goes on", rows)
    most = found["most_s"]
    bench.put(asked=kills, reached=found["reached"], lease_s=found["lease_s"], renew_s=found["renew_s"], goal_s=GOAL_S,
              most_s=most, target_reached=most <= GOAL_S, kills=found["kills"])
