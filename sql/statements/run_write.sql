-- Every change to a held run: begins by the UPDATE that is the fence; journal, decisions and outbox rows are inserted from
-- its RETURNING. Parameters: id uuid, epoch bigint, change jsonb:
--   {state, step, attempt, doubt, mode, scenario, scenario_set, inventory_set, host, machine, facts, give_up_ms, ending,
--    reason, language, steps: [...], decisions: [{kind, text}], outbox: [{channel, kind, body, about, marker, target}]};
-- absent keys stay as they are. steps rows: see table step; a row of a known (step, attempt) is completed. An ending while
-- a recover is in doubt leaves a row in token_debt; language is that of its notes. about.left_out of an ending is added to its
-- body when progress notes were superseded, {n} of them.
-- Columns: id uuid. Zero rows: the run was taken over; nothing was written. Not repeatable blindly: read first.
with held as (
    update run set
        state = coalesce($3::jsonb ->> 'state', state),
        step = coalesce(($3::jsonb ->> 'step')::int, step),
        attempt = coalesce(($3::jsonb ->> 'attempt')::int, attempt),
        doubt = coalesce(($3::jsonb ->> 'doubt')::boolean, doubt),
        mode = coalesce($3::jsonb ->> 'mode', mode),
        scenario = coalesce($3::jsonb ->> 'scenario', scenario),
        scenario_set = coalesce($3::jsonb ->> 'scenario_set', scenario_set),
        inventory_set = coalesce($3::jsonb ->> 'inventory_set', inventory_set),
        host = coalesce($3::jsonb ->> 'host', host),
        machine = coalesce($3::jsonb ->> 'machine', machine),
        facts = coalesce($3::jsonb -> 'facts', facts),
        give_up_at = coalesce(opened_at + ($3::jsonb ->> 'give_up_ms')::bigint * interval '1 ms', give_up_at),
        ending = $3::jsonb ->> 'ending',
        reason = $3::jsonb ->> 'reason',
        ended_at = case when $3::jsonb ? 'ending' then clock_timestamp() end
     where id = $1 and epoch = $2 and ended_at is null
    returning id, incident, account, incident_key, opening, customer, coalesce(scenario, '') as scenario, epoch,
              doubt and ended_at is not null as owes
), journal as (
    insert into step as s (run, step, attempt, verb, title, state, epoch, customer, scenario, host, machine, become, ended_at,
                           status, signal, outcome, why, output, cut, took_ms, doubt)
    select h.id, j.step, j.attempt, j.verb, j.title, j.state, h.epoch, h.customer, h.scenario, coalesce(j.host, ''),
           coalesce(j.machine, ''), coalesce(j.become, ''), case when j.state <> 'started' then clock_timestamp() end,
           j.status, j.signal, j.outcome, j.why, j.output, coalesce(j.cut, false), j.took_ms, j.doubt
      from held h, jsonb_to_recordset(coalesce($3::jsonb -> 'steps', '[]')) as j
           (step int, attempt int, verb text, title text, state text, host text, machine text, become text, status int,
            signal text, outcome text, why text, output text, cut boolean, took_ms int, doubt text)
    on conflict (run, step, attempt) do update set
        state = excluded.state, ended_at = excluded.ended_at, status = excluded.status, signal = excluded.signal,
        outcome = excluded.outcome, why = excluded.why, output = excluded.output, cut = excluded.cut,
        took_ms = excluded.took_ms, doubt = excluded.doubt
      where s.state = 'started'
    returning 1
), decided as (
    insert into decision (run, epoch, kind, text)
    select h.id, h.epoch, d.kind, d.text
      from held h, jsonb_to_recordset(coalesce($3::jsonb -> 'decisions', '[]')) as d (kind text, text text)
    returning 1
), owed as ( -- what the journal says of the recover in doubt
    insert into token_debt (run, incident, step, attempt, title, host, machine, become, memory, boot, language,
                            epoch)
    select h.id, h.incident, s.step, s.attempt, s.title, s.host, s.machine, s.become, s.memory, s.boot,
           coalesce($3::jsonb ->> 'language', 'en'), h.epoch
      from held h, step s
     where h.owes and s.run = h.id and s.verb = 'recover' and s.state = 'started'
     order by s.attempt desc limit 1
    returning 1
), turn as ( -- the incident before its outbox rows, as the sender locks them: else both wait for each other
    select h.*, exists (select from incident i where i.id = h.incident for no key update) as locked from held h
), superseded as (
    update outbox o set state = 'superseded', settled_at = clock_timestamp()
      from turn h
     where h.locked and $3::jsonb ? 'ending' and o.incident = h.incident and o.state = 'waiting'
       and o.kind in ('progress', 'progress_title', 'mend')
    returning o.kind, o.about
), left_out as ( -- a note that took others in counts for all of them
    select coalesce(sum(coalesce((about ->> 'notes')::int, 1)), 0) as notes from superseded where kind = 'progress'
), queued as (
    select o.row, o.row ->> 'kind' as kind, o.n from jsonb_array_elements(coalesce($3::jsonb -> 'outbox', '[]')) with ordinality as o (row, n)
), merged as (
    -- progress that still waits takes the newer in: one note instead of two, one title instead of two
    update outbox o set body = case when q.kind = 'progress' then o.body || E'\n\n' || (q.row ->> 'body') else q.row ->> 'body' end,
           about = o.about || jsonb_build_object('notes', coalesce((o.about ->> 'notes')::int, 1) + 1)
      from turn h, queued q
     where h.locked and not $3::jsonb ? 'ending' and o.incident = h.incident and o.state = 'waiting' and o.kind = q.kind
       and q.kind in ('progress', 'progress_title') and length(o.body) < 15000
    returning q.n
), fresh as (
    select q.row, row_number() over (order by q.n) as n, count(*) over () as total
      from queued q where q.n not in (select m.n from merged m)
), counted as (
    update incident i set outbox_sequence = i.outbox_sequence + (select max(total) from fresh)
      from held h, left_out -- named, so that those rows are locked through the incident's lock above, before this changes it
     where i.id = h.incident and exists (select from fresh)
    returning i.outbox_sequence as newest
), written as (
    insert into outbox (channel, account, incident, target, sequence, run, opening, kind, body, about, marker)
    select coalesce(f.row ->> 'channel', 'pagerduty'), h.account, h.incident, coalesce(f.row ->> 'target', h.incident_key),
           c.newest - f.total + f.n, h.id, h.opening, f.row ->> 'kind',
           coalesce(f.row ->> 'body', '') || case when f.row -> 'about' ? 'left_out' and l.notes > 0
               then E'\n' || replace(f.row #>> '{about,left_out}', '{n}', l.notes::text) else '' end,
           coalesce(f.row -> 'about', '{}') - 'left_out', f.row ->> 'marker'
      from held h, counted c, left_out l, fresh f
    returning channel, account, target, kind, sequence
), mend as ( -- looks for doubled notes when all is written, behind whatever may be queued meanwhile (docs/outbox.md)
    insert into outbox (channel, account, incident, target, sequence, run, opening, kind, marker)
    select w.channel, w.account, h.incident, w.target, 1000000000000 + w.sequence, h.id, h.opening, 'mend', ''
      from held h, written w where w.kind = 'ending'
    returning 1
)
select id from held;
