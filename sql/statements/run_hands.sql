-- The held runs of this worker whose incident a person touched or somebody closed: they must notice. Parameters:
-- incarnation uuid. Columns: id uuid, touched_by text, touched_how text, closed_by text, closed_how text, touched boolean,
-- closed boolean. Safe to repeat.
select r.id, coalesce(i.touched_by, '') as touched_by, coalesce(i.touched_how, '') as touched_how,
       coalesce(i.closed_by, '') as closed_by, coalesce(i.closed_how, '') as closed_how,
       i.touched_at is not null as touched, i.closed_at is not null as closed
  from run r join incident i on i.id = r.incident
 where r.holder = $1 and r.ended_at is null and (i.touched_at is not null or i.closed_at is not null);
