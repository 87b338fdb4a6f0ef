-- A token is on its machine, or is owed no more: completes the journal of the run that ended in doubt, decides, and notes it.
-- Begins by the UPDATE that is the fence. Parameters: run uuid, epoch bigint, outcome text, sentence text, note text,
-- marker text, step jsonb (state, status, signal, outcome, why, output, cut, took_ms; null: the journal stays as it is).
-- Columns: run uuid. Zero rows: a later try has settled it, or will. Safe to repeat.
with settled as (
    update token_debt set settled_at = clock_timestamp(), outcome = $3, error = ''
     where run = $1 and epoch = $2 and settled_at is null
    returning run, incident, step, attempt, epoch
), sure as (
    update run r set doubt = false from settled s where r.id = s.run and $3 <> 'expired' returning r.id
), journal as (
    update step j set state = $7::jsonb ->> 'state', ended_at = clock_timestamp(), status = ($7::jsonb ->> 'status')::int,
           signal = $7::jsonb ->> 'signal', outcome = $7::jsonb ->> 'outcome', why = $7::jsonb ->> 'why',
           output = $7::jsonb ->> 'output', cut = coalesce(($7::jsonb ->> 'cut')::boolean, false),
           took_ms = ($7::jsonb ->> 'took_ms')::int, doubt = $4
      from settled s
     where $7::jsonb ? 'state' and j.run = s.run and j.step = s.step and j.attempt = s.attempt and j.state = 'started'
    returning 1
), decided as (
    insert into decision (run, epoch, kind, text) select s.run, s.epoch, 'token', $4 from settled s returning 1
), counted as (
    update incident i set outbox_sequence = i.outbox_sequence + 1 from settled s where i.id = s.incident
    returning i.id, i.account, i.key, i.outbox_sequence, i.opening
), written as (
    insert into outbox (channel, account, incident, target, sequence, run, opening, kind, body, marker)
    select 'pagerduty', c.account, c.id, c.key, c.outbox_sequence, s.run, c.opening, 'note', $5, $6 from counted c, settled s
    returning 1
)
select run from settled;
