-- Takes runs of dead workers, in doubt first. Parameters: incarnation uuid, most int.
-- Columns: id uuid, epoch bigint, was text (the dead holder's name). Zero rows: no orphans. Not repeatable: each call
-- takes more. "= any(array(...))" because a LIMIT parameter in a joined CTE is planned 60 times slower.
with taken as (
    update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp()
     where id = any (array(
        select r.id from run r join node n on n.incarnation = r.holder
         where r.ended_at is null and n.dead
         order by r.doubt desc, r.urgency_rank, r.created_at
         limit $2 for update of r skip locked))
    returning id, epoch
)
select t.id, t.epoch, coalesce(n.name, '') as was
  from taken t join run r on r.id = t.id left join node n on n.incarnation = r.holder;
