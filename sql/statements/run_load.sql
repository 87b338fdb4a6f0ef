-- Everything about a held run; where somebody may have held it before, in a statement after the claim, never the same one. Writes nothing, so nothing may be
-- concluded from it but what the next write under the epoch confirms. Parameters: id uuid, epoch bigint. Zero rows: taken over.
-- Columns: account text, incident_key text, customer text, service_id text, service_name text, title text, priority text,
-- urgency text, html_url text, state text, step int, attempt int, mode text, scenario text, scenario_set text,
-- inventory_set text, host text, machine text, facts text, doubt boolean, opening text, opened_ms bigint,
-- give_up_left_ms bigint, incident_number bigint, created_ms bigint, incident_status text, last_attempt int,
-- timeline bigint, now_ms bigint (the database's clock: by it all times of a run are told and counted).
select r.account, r.incident_key, r.customer, r.service_id, i.service_name, r.title, i.priority, i.urgency, i.html_url,
       r.state, r.step, r.attempt, coalesce(r.mode, '') as mode, coalesce(r.scenario, '') as scenario,
       coalesce(r.scenario_set, '') as scenario_set, coalesce(r.inventory_set, '') as inventory_set,
       coalesce(r.host, '') as host, coalesce(r.machine, '') as machine, r.facts::text as facts, r.doubt,
       to_char(r.opening at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opening,
       (extract(epoch from r.opened_at) * 1000)::bigint as opened_ms,
       (extract(epoch from r.give_up_at - clock_timestamp()) * 1000)::bigint as give_up_left_ms,
       coalesce(i.number, 0) as incident_number, (extract(epoch from r.created_at) * 1000)::bigint as created_ms,
       i.status as incident_status,
       coalesce((select max(s.attempt) from step s where s.run = r.id), 0) as last_attempt,
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint as timeline,
       (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms
  from run r join incident i on i.id = r.incident
 where r.id = $1 and r.epoch = $2 and r.ended_at is null;
