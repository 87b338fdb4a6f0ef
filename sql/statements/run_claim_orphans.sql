-- Takes runs that lost their worker: those of dead nodes, and those that a leaving node has handed back. In doubt first.
-- Parameters: incarnation uuid, most int. Columns: id uuid, epoch bigint, was text (the lost holder's name, '' where it
-- handed back). Zero rows: no orphans. Not repeatable: each call takes more.
-- "= any(array(...))" because a LIMIT parameter in a joined CTE is planned 60 times slower. The epoch is compared again on
-- the locked row: another worker may have taken it since.
with orphan as (
    select r.id, r.epoch, r.doubt, r.urgency_rank, r.created_at
      from run r join node n on n.incarnation = r.holder
     where r.ended_at is null and n.dead
    union all
    select r.id, r.epoch, r.doubt, r.urgency_rank, r.created_at
      from run r where r.ended_at is null and r.holder is null and r.state <> 'waiting'
), taken as (
    update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp()
     where id = any (array(
        select r.id from orphan o join run r on r.id = o.id
         where r.epoch = o.epoch and r.ended_at is null
         order by o.doubt desc, o.urgency_rank, o.created_at
         limit $2 for update of r skip locked))
    returning id, epoch
)
select t.id, t.epoch, coalesce(n.name, '') as was
  from taken t join run r on r.id = t.id left join node n on n.incarnation = r.holder;
