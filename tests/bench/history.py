# SPDX-License-Identifier: MIT
"""A past: runs that ended over the last months, with all that belongs to them, where a sweep would have put it.

Each run has three steps, two decisions, four writes and a webhook in the history tables, and its key among the hot ones. Hot as well
are, in their share, the incidents that were resolved and the webhooks that came in the last days. Made by `insert .. select
generate_series`, a month at a time, with the indexes of the history tables made afterwards.
"""

import concurrent.futures
import os

CUSTOMERS, HOSTS, SCENARIOS = 200, 5000, 40
MONTHS = 5  # younger than the keys' 180 days
HOT_INCIDENTS, HOT_EVENTS = 6 / 150, 3 / 150  # of all: those of the last 6 and 3 days

MAKE = """
create unlogged table past as
select n, gen_random_uuid() as id, 1000000 + n as incident, 'Q' || upper(substr(md5(n::text), 1, 13)) as key,
       now() - interval '{months} months' + (n - 1) * (interval '{months} months' - interval '1 day') / {count} as at,
       'customer' || n % {customers} as customer, 'host' || (n * 7919) % {hosts} as host, 'scenario' || n % {scenarios} as scenario
  from generate_series(1::bigint, {count}) n"""

FILL = """
insert into run_history (id, incident, account, incident_key, customer, service_id, title, opening, created_at, opened_at, give_up_at,
                         state, holder, epoch, claimed_at, step, attempt, mode, scenario, scenario_set, inventory_set, host, machine,
                         facts, ending, reason, ended_at)
select id, incident, 'main', key, customer, 'PSVC' || customer, '[AMS:' || scenario || ' mount=/var] ' || host || ' is full', at, at, at,
       at + interval '10 min', 'ended', gen_random_uuid(), 1, at, 2, 1, 'auto', scenario, repeat('a', 64), repeat('b', 64), host,
       md5(host), jsonb_build_object('mount', '/var', 'used', 60 + n % 30), 'resolved', 'disk use is 71, healthy is < 85',
       at + interval '40 s'
  from past;
insert into step_history (run, step, attempt, verb, title, state, epoch, customer, scenario, host, machine, started_at, ended_at,
                          status, outcome, why, output, took_ms)
select id, s.step, 1, s.verb, s.title, 'ended', 1, customer, scenario, host, md5(host), at + s.step * interval '10 s',
       at + (s.step + 1) * interval '10 s', 0, s.outcome, 'disk use is 71, healthy is < 85', substr(repeat(md5(key), 8), 1, s.bytes), 900
  from past, (values (0, 'check', 'disk use in percent', 'unhealthy', 3), (1, 'recover', 'rotate logs', 'done', 250),
                     (2, 'verify', 'disk use in percent', 'healthy', 3)) s (step, verb, title, outcome, bytes);
insert into decision_history (id, run, at, epoch, kind, text)
select 2 * n + d, id, at + d * interval '30 s', 1, case d when 0 then 'claim' else 'ending' end, 'resolved: disk use is 71' from past, generate_series(0, 1) d;
insert into outbox_history (id, channel, account, incident, target, sequence, run, opening, kind, body, marker, state, created_at,
                            claimed_at, tries, settled_at, remote)
select 4 * n + w.i, 'pagerduty', 'main', incident, key, w.i, id, at, w.kind, repeat(w.kind || ' ', 12), substr(md5(key), 1, 24), 'sent',
       at + w.i * interval '10 s', at, 1, at + w.i * interval '10 s', 'PN' || n
  from past, (values (0, 'start'), (1, 'progress'), (2, 'ending'), (3, 'status')) w (i, kind);
insert into event_history (id, account, key, type, incident_key, occurred_at, received_at, subscription, region, body)
select n, 'main', md5(key) || n, 'incident.triggered', key, at, at, 'PHOOKTY', 'tokyo', convert_to(repeat(md5(key), 16), 'UTF8') from past;
insert into run_key (account, incident_key, opening, run, created_at) select 'main', key, at, id, at from past;
insert into incident (account, key, number, title_triggered, title, status, service_id, service_name, created_at, opening, resolved_at, seen_at)
select 'main', key, n, host || ' is full', host || ' is full', 'resolved', 'PSVC' || customer, customer, now(), now(), now(), now()
  from past where n > {count} * (1 - {incidents});
insert into event (account, key, type, incident_key, occurred_at, received_at, subscription, region, body)
select 'main', md5(key) || 'hot' || n, 'incident.triggered', key, now(), now(), 'PHOOKTY', 'tokyo', convert_to(repeat(md5(key), 16), 'UTF8')
  from past where n > {count} * (1 - {events})"""

INDEXES = """
select replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON '), i.indexrelid::regclass::text
  from pg_index i join pg_class c on c.oid = i.indrelid where c.relkind = 'p' and c.relname like '%_history'"""


def fill(database, count):
    """Into a migrated, empty database, vacuumed and analyzed afterwards; how many ended runs there are then."""
    database.query(f"select history_month((current_date - i * interval '1 month')::date) from generate_series(0, {MONTHS}) i")
    database.setting("autovacuum", "off")
    indexes = database.query(INDEXES)
    for _, name in indexes:
        database.query(f"drop index {name}")
    database.query(MAKE.format(months=MONTHS, count=count, customers=CUSTOMERS, hosts=HOSTS, scenarios=SCENARIOS))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(database.query, FILL.format(count=count, incidents=HOT_INCIDENTS, events=HOT_EVENTS).split(";\n")))
        list(pool.map(database.query, [definition for definition, _ in indexes]))
    database.query("drop table past")
    database.query("vacuum analyze")
    database.setting("autovacuum", "on")
    database.query("checkpoint")
    return database.one("select count(*) from run_history")
