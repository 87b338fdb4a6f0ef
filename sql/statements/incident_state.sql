-- What is known about hands on an incident, for a run at a step boundary. Parameters: run uuid, epoch bigint.
-- Columns: touched_by text, touched_how text, closed_by text, closed_how text, touched boolean, closed boolean.
-- Zero rows: taken over. Safe to repeat.
select coalesce(i.touched_by, '') as touched_by, coalesce(i.touched_how, '') as touched_how,
       coalesce(i.closed_by, '') as closed_by, coalesce(i.closed_how, '') as closed_how,
       i.touched_at is not null as touched, i.closed_at is not null as closed
  from run r join incident i on i.id = r.incident
 where r.id = $1 and r.epoch = $2 and r.ended_at is null;
