-- Asks the guards and, where none refuses, writes `started`: the transaction that lets a recover begin. Runs after
-- guard_lock in the same transaction. Parameters: id uuid, epoch bigint, region text, recurrence_most int,
-- recurrence_ms bigint, need_standby boolean, touch_known_ms bigint (in the last so many ms PagerDuty must have been asked, or
-- this opening have begun: an event since tells of no hand before it; 0: it may be longer ago), step jsonb (one row as in
-- run_write), incarnation uuid, beat bigint (the last renewal that was acknowledged: a database that does not know it has lost
-- acknowledged commits).
-- Columns: refusal text ('' = started; else stop, touched, closed, recurrence, standby, unknown_touch), detail text (its parts
-- between unit separators, chr(31)),
-- standby boolean (replication is in force). Zero rows: taken over, or this incarnation is over. Not repeatable: read the journal first.
with lock as (
    select r.*, i.touched_at, i.touched_by, i.touched_how, i.closed_at, i.closed_by, i.closed_how, i.read_at
      from run r join incident i on i.id = r.incident
     where r.id = $1 and r.epoch = $2 and r.ended_at is null
       and exists (select from node n where n.incarnation = $9 and not n.dead and n.beat >= $10)
), replication as (
    select current_setting('synchronous_standby_names') <> ''
           and exists (select from pg_stat_replication where sync_state in ('sync', 'quorum')) as in_force
), stop as (
    select c.scope, c.key, c.set_by, c.why from control c, lock l
     where c.scope in ('global', 'history-lost') or (c.scope = 'region' and c.key = $3)
        or (c.scope = 'customer' and c.key = l.customer) or (c.scope = 'scenario' and c.key = l.scenario)
     order by c.set_at limit 1
), again as ( -- statement_timestamp() may be an index condition and chooses partitions, clock_timestamp() may not
    select count(*) as n from (
        select 1 from step s, lock l
         where s.verb = 'recover' and s.state <> 'not_started' and s.machine = $8::jsonb ->> 'machine'
           and s.scenario = l.scenario and s.title = $8::jsonb ->> 'title' and s.run <> l.id
           and s.started_at > statement_timestamp() - $5::bigint * interval '1 ms'
        union all
        select 1 from step_history s, lock l
         where s.verb = 'recover' and s.state <> 'not_started' and s.machine = $8::jsonb ->> 'machine'
           and s.scenario = l.scenario and s.title = $8::jsonb ->> 'title' and s.run <> l.id
           and s.started_at > statement_timestamp() - $5::bigint * interval '1 ms') x
), verdict as (
    select case
        when exists (select from stop) then 'stop'
        when l.touched_at is not null then 'touched'
        when l.closed_at is not null then 'closed'
        when $6 and not (select in_force from replication) then 'standby'
        when $7::bigint > 0 and greatest(l.read_at, l.opening) < clock_timestamp() - $7::bigint * interval '1 ms'
            then 'unknown_touch'
        when $4 > 0 and (select n from again) >= $4 - 1 then 'recurrence'
        else '' end as refusal,
        case
        when exists (select from stop) then (select concat_ws(chr(31), scope, key, set_by, why) from stop)
        when l.touched_at is not null then coalesce(l.touched_by, '') || chr(31) || coalesce(l.touched_how, '')
        when l.closed_at is not null then coalesce(l.closed_by, '') || chr(31) || coalesce(l.closed_how, '')
        else (select n from again)::text end as detail
      from lock l
), held as (
    update run r set
        state = case when v.refusal = '' then 'recovering' else r.state end,
        doubt = v.refusal = '',
        step = case when v.refusal = '' then ($8::jsonb ->> 'step')::int else r.step end,
        attempt = case when v.refusal = '' then ($8::jsonb ->> 'attempt')::int else r.attempt end
      from verdict v
     where r.id = $1 and r.epoch = $2 and r.ended_at is null
    returning r.id, r.epoch, r.customer, coalesce(r.scenario, '') as scenario, v.refusal, v.detail
), journal as (
    insert into step (run, step, attempt, verb, title, state, epoch, customer, scenario, host, machine, memory, boot, become)
    select h.id, j.step, j.attempt, 'recover', j.title, 'started', h.epoch, h.customer, h.scenario, j.host, j.machine,
           coalesce(j.memory, ''), coalesce(j.boot, ''), coalesce(j.become, '')
      from held h, jsonb_to_record($8::jsonb) as j (step int, attempt int, title text, host text, machine text, memory text, boot text, become text)
     where h.refusal = ''
    returning 1
)
select h.refusal, h.detail, (select in_force from replication) as standby from held h;
