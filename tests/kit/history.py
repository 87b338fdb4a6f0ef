# SPDX-License-Identifier: MIT
"""Writes a history as tests/checker/README.md describes it: what was made, what was broken, and at the end the tables of each
database node and PagerDuty's own record. Judges nothing.

    history = History(folder)
    pd = Simulator(arguments=history.simulator_arguments())
    history.created(made, tag="t1", title=..., machine="web-machine-1", recover=True, expect=["resolved"])
    with history.fault("pause", "tokyo-1"):
        ...
    history.write_database("tokyo", postgres.query)
    history.write_pagerduty(pd)
    history.write_about("cluster", settled=True, databases=["tokyo", "osaka"], limits={...}, seed=7)
"""

import contextlib
import json
import pathlib
import threading
import time

# table: columns that are left out. A table TABLE_history is joined into it.
TABLES = {"event": ("body",), "incident": (), "run": (), "run_key": (), "step": (), "decision": (), "outbox": (), "machine": (),
          "control": ()}
# Run on the machine by the recover itself: it stands outside of the fence, its lock is the kernel's and its own. $1 machine,
# $2 tag, $3 step, $4 the command, which finds $tag. A start without an end was killed.
RECORDER = r"""#!/bin/bash
machine=$1 tag=$2 step=$3
record=/srv/record/$machine
stamp() { printf '{"at": %s, "event": "%s", "machine": "%s", "tag": "%s", "step": "%s", "pid": %s, %s}\n' \
    "$EPOCHREALTIME" "$1" "$machine" "$tag" "$step" $$ "$2" >>"$record.jsonl"; }
exec 9>>"$record.lock"
if flock -n 9; then alone=true; else alone=false; fi
stamp start "\"alone\": $alone, \"mark\": \"$FIRSTLINE_STEP\""
tag=$tag sh -c "$4"
status=$?
stamp end "\"status\": $status"
exit $status
"""


class History:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "hosts").mkdir(parents=True, exist_ok=True)
        self.began = time.time()
        self._lock = threading.Lock()
        self._add("load.jsonl")
        self._add("faults.jsonl")

    def _add(self, name, *lines):
        with self._lock, open(self.folder / name, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)

    def _write(self, name, value):
        with open(self.folder / name, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False)

    def simulator_arguments(self):
        return ["--record", str(self.folder / "load-pagerduty.jsonl")]

    # --- while it runs ---------------------------------------------------------------------------------------------

    def created(self, incident, **more):
        """more: tag, title, machine, recover, expect."""
        self._add("load.jsonl", {"at": time.time(), "event": "created", "incident": incident, **more})

    @contextlib.contextmanager
    def fault(self, event, target, **more):
        """The block is the time in which it is broken."""
        at = time.time()
        try:
            yield
        finally:
            self.broke(at, event, target, until=time.time(), **more)

    def broke(self, at, event, target, **more):
        self._add("faults.jsonl", {"at": at, "event": event, "target": target, **more})

    # --- at the end ------------------------------------------------------------------------------------------------

    def hosts_from(self, machine):
        """Takes what the recorder wrote on a machine of tests/kit/sshd.py."""
        for name in machine.sh("cd /srv/record && ls *.jsonl 2>/dev/null || true").split():
            (self.folder / "hosts" / name).write_text(machine.sh(f"cat /srv/record/{name}"), encoding="utf-8")

    def write_pagerduty(self, simulator):
        self._write("pagerduty.json", simulator.state())

    def write_database(self, name, query):
        """query(sql): rows of the node that is meant, be it a standby."""
        tables = {}
        for table, without in TABLES.items():
            old = query(f"select to_regclass('{table}_history')::text")[0][0]
            tables[table] = [row[0] for row in query(select(table, old, without))]
        self._write(f"database-{name}.json", {"name": name, "tables": tables})

    def write_about(self, what, settled, databases, limits, bots=("PBOT001",), **more):
        self._write("about.json", {"what": what, "began": self.began, "ended": time.time(), "settled": settled,
                                   "bots": list(bots), "databases": list(databases), "limits": limits, **more})


def select(table, old, without):
    """A statement whose rows are each one JSON value: the row and its digest."""
    source = f"select * from {table}" + (f" union all select * from {old}" if old else "")
    less = "".join(f" - '{column}'" for column in without)
    return f"select to_jsonb(t){less} || jsonb_build_object('md5', md5(t::text)) from ({source}) t"
