# SPDX-License-Identifier: MIT
"""Many incidents posted at once to one node, each about a service of its own on one of many hosts, and whether each ended
as it should: one start note, one ending note, title, status, and one start of the recover on the machine.

    storm = Storm(world, incidents=200, hosts=50)      # before the node is started
    storm.post(node)
    storm.wait(600)
    faults = storm.faults()
"""

import collections
import datetime
import threading
import time

from tests.kit import processes, webhooks

SCENARIO = """\
scenario: {name}
about: A service is down. Starts it.
mode: auto
match: {{ keyword: {name} }}
target: {{ host: [keyword.host, alert.details.host] }}
values:
  service: {{ type: word, from: [keyword.service] }}
healthy: result == "up"
steps:
  - check: is it up
    run: test -e "/srv/$service.up" && echo up || echo down
    name: state
  - collect: its last log lines
    run: tail -n 5 "/srv/$service.log" 2>/dev/null || true
  - recover: start it
    run: echo started >>"/srv/$service.log"; {starts}
  - verify: is it up
    every: 1s
    within: 3s
healed: resolve
not_healed: {{ hand_over: {{ level: 2 }} }}
give_up_after: 1h
"""
Kind = collections.namedtuple("Kind", "keyword up ending status title starts")
HEALTHY = Kind("service-down", True, "self_healed", "resolved", "[firstline: healthy]", 0)
DOWN = Kind("service-down", False, "resolved", "resolved", "[firstline: recovered]", 1)
STUCK = Kind("service-stuck", False, "handed_over", "triggered", "[firstline: handed over]", 1)
# Two recovers of one scenario on one machine, and no third, which the recurrence guard would refuse.
KINDS = (HEALTHY, DOWN, STUCK, DOWN)
SENDERS = 16  # of a node: so many rows may be in its hands when an ending is queued
CLAIM_S = 2.0  # until an ending that was just queued is seen by all
START, ENDINGS = "firstline is checking", ("Recovered.", "Already healthy.", "Handed over.", "Stopped.", "Nothing to do.",
                                           "Not handled.")


class Storm:
    def __init__(self, world, incidents, hosts):
        self.world = world
        world.scenario("service-down", SCENARIO.format(name="service-down", starts='touch "/srv/$service.up"'))
        world.scenario("service-stuck", SCENARIO.format(name="service-stuck", starts="true"))
        world.inventory({"acme": world.machine.hosts(hosts)})
        self.kinds = [KINDS[(n + n // hosts) % len(KINDS)] for n in range(incidents)]
        up = " ".join(f"/srv/s{n}.up" for n, kind in enumerate(self.kinds) if kind.up)
        world.machine.sh(f"rm -rf /srv/*; chmod 777 /srv; touch {up}")
        titles = [f"[AMS:{kind.keyword} service=s{n}] web{n % hosts + 1}" for n, kind in enumerate(self.kinds)]
        self.made = webhooks.unannounced(world, [(title, {"host": title.split()[-1]}) for title in titles])
        self.memory = []
        self.times = {}
        self._over = threading.Event()

    def post(self, node):
        """All of them at once, as so many connections."""
        self.memory.append(node.memory_kib())
        threading.Thread(target=self._sample, args=(node,), daemon=True).start()
        self._began = time.monotonic()
        statuses = webhooks.post_all(node, [event for _, event in self.made], at_once=len(self.made))
        self.times["all_answered_s"] = round(time.monotonic() - self._began, 2)
        return statuses

    def _sample(self, node):
        while not self._over.wait(0.2):
            self.memory.append(node.memory_kib())

    def wait(self, longest_s):
        """Until all runs have ended and everything is written."""
        try:
            for what, statement in (("all_ended_s", "select count(*) from run where ended_at is null"),
                                    ("all_written_s", "select count(*) from outbox where settled_at is null and kind <> 'mend'")):
                processes.wait_until(lambda text=statement: self.world.database.one(text) == 0, longest_s, what, every_s=0.2)
                self.times[what] = round(time.monotonic() - self._began, 2)
        finally:
            self._over.set()

    def _fault_of(self, number, kind, incident, starts):
        seen = self.world.incident(incident)
        notes = [note["content"] for note in seen["notes"]]
        title = self.made[number][1]["event"]["data"]["title"]
        found = {
            "start notes": sum(START in note for note in notes),
            "ending notes": sum(any(word in note for word in ENDINGS) for note in notes),
            "notes that stand there twice": len(notes) - len(set(notes)),
            "title": seen["title"], "status": seen["status"], "starts on the machine": starts,
            "endings in the database": [row[0] for row in self.world.database.query(
                "select ending from run where incident_key = %s union all select ending from run_history "
                "where incident_key = %s", incident, incident)]}
        wanted = {"start notes": 1, "ending notes": 1, "notes that stand there twice": 0, "title": f"{kind.title} {title}",
                  "status": kind.status, "starts on the machine": kind.starts, "endings in the database": [kind.ending]}
        left_out = self.left_out.get(incident, 0)
        wanted["told how many progress notes were left out"] = left_out == 0 or any(
            f"Left out: {left_out} of the progress notes" in note for note in notes)
        found["told how many progress notes were left out"] = True
        wrong = [f"{incident} ({title}): {what}: {found[what]!r}, not {value!r}" for what, value in wanted.items()
                 if found[what] != value]
        return wrong + [f"{incident}: {note}" for note in notes if wrong]

    def faults(self):
        """What did not end as it should, a sentence each."""
        self.left_out = dict(self.world.database.query(
            "select target, sum(coalesce((about ->> 'notes')::int, 1))::int from (select target, about, kind, state from outbox union all "
            "select target, about, kind, state from outbox_history) o where kind = 'progress' and state = 'superseded' group by 1"))
        counted = self.world.machine.sh("cd /srv && grep -c started *.log /dev/null || true")
        starts = dict(line.rsplit(":", 1) for line in counted.splitlines())
        return [fault for number, kind in enumerate(self.kinds) for fault in self._fault_of(
            number, kind, self.made[number][0], int(starts.get(f"s{number}.log", 0)))]

    def busiest_minute(self):
        """The most requests that PagerDuty saw in any 60 s, wherever they begin."""
        stamps = [datetime.datetime.fromisoformat(request["at"].replace("Z", "+00:00")).timestamp()
                  for request in self.world.simulator.requests(limit=1_000_000) if not request["path"].startswith("/v2/")]
        most = first = 0
        for last, stamp in enumerate(stamps):
            while stamps[first] <= stamp - 60:
                first += 1
            most = max(most, last - first + 1)
        return most

    def overtaken(self):
        """(rows of incidents without an ending that were begun while another's ending waited for a sender, all such rows,
        the most endings that waited at once)."""
        rows = self.world.database.query(
            "select incident, kind, extract(epoch from created_at)::float, extract(epoch from claimed_at)::float from (select incident, "
            "kind, created_at, claimed_at from outbox union all select incident, kind, created_at, claimed_at from outbox_history) o "
            "where claimed_at is not null and kind <> 'mend'")
        ends = {incident: created for incident, kind, created, _ in rows if kind == "ending"}
        firsts = {}
        for incident, _, _, claimed in rows:
            if incident in ends and claimed > ends[incident]:
                firsts[incident] = min(claimed, firsts.get(incident, claimed))
        changes = sorted([(ends[i] + CLAIM_S, 1) for i in firsts if firsts[i] > ends[i] + CLAIM_S] +
                         [(firsts[i], -1) for i in firsts if firsts[i] > ends[i] + CLAIM_S])
        others = sorted(claimed for incident, _, _, claimed in rows if claimed <= ends.get(incident, 0))
        waiting = most = at = count = 0
        for claimed in others:
            while at < len(changes) and changes[at][0] < claimed:
                waiting, at = waiting + changes[at][1], at + 1
                most = max(most, waiting)
            count += waiting > 0
        for _, change in changes[at:]:
            waiting += change
            most = max(most, waiting)
        return count, len(others), most

    def rule_faults(self, rate):
        """Endings first between incidents, and the budget kept to the request."""
        count, _, _ = self.overtaken()
        wrong = [f"{count} rows went before an ending that waited"] if count > SENDERS else []
        if self.busiest_minute() > rate:
            wrong.append(f"{self.busiest_minute()} requests in a minute, and {rate} are allowed")
        return wrong

    def numbers(self):
        requests = self.world.simulator.control("GET", "counters")["requests"]
        return {"incidents": len(self.made), "endings": dict(collections.Counter(kind.ending for kind in self.kinds)),
                **self.times, "memory_kib": {"before": self.memory[0], "most": max(self.memory), "last": self.memory[-1]},
                "requests_to_pagerduty": requests, "busiest_minute": self.busiest_minute(),
                "refused_for_the_rate": sum(count for name, count in requests.items() if name.endswith(" 429")),
                **dict(zip(("begun_before_a_waiting_ending", "begun_without_ending", "endings_waiting_most"), self.overtaken())),
                "progress_notes_left_out": sum(self.left_out.values()), "endings_that_say_so": len(self.left_out),
                "sent": dict(self.world.database.query(
                    "select kind, count(*) from (select kind, state from outbox union all select kind, state from "
                    "outbox_history) o where state = 'sent' group by 1 order by 1")),
                "written_otherwise": dict(self.world.database.query(
                    "select state, count(*) from (select state from outbox union all select state from outbox_history) o "
                    "where state <> 'sent' group by 1 order by 1"))}
