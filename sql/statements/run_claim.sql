-- Takes waiting runs: customers by fewest running, then urgency, then age. Parameters: incarnation uuid, most int.
-- Columns: id uuid, epoch bigint. Zero rows: nothing waits. Not repeatable: each call takes more.
-- The customers are found by steps over the index, so the cost follows their number, not the number of waiting runs.
with recursive customer (name) as (
    (select r.customer from run r where r.state = 'waiting' order by r.customer limit 1)
    union all
    select (select r.customer from run r where r.state = 'waiting' and r.customer > c.name order by r.customer limit 1)
      from customer c where c.name is not null
), early as ( -- 64 customers are enough for any batch: each brings one run at least before any of the others'
    select c.name, h.running
      from customer c,
           lateral (select count(*) as running from run r
                     where r.customer = c.name and r.ended_at is null and r.holder is not null) h,
           lateral (select r.urgency_rank, r.created_at from run r where r.state = 'waiting' and r.customer = c.name
                     order by r.urgency_rank, r.created_at limit 1) f
     where c.name is not null
     order by h.running, f.urgency_rank, f.created_at limit 64
), first as (
    select f.id, row_number() over (order by f.n + e.running, f.urgency_rank, f.created_at) as n
      from early e,
           lateral (select r.id, r.urgency_rank, r.created_at, row_number() over (order by r.urgency_rank, r.created_at) as n
                      from run r where r.state = 'waiting' and r.customer = e.name
                     order by r.urgency_rank, r.created_at
                     limit (select greatest(8, 128 / count(*)) from early)) f
     order by n limit 128
)
update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp(), state = 'starting'
 where state = 'waiting' and id = any (array(
    select k.id from first f join run k on k.id = f.id
     where k.state = 'waiting'
     order by f.n limit $2 for update of k skip locked))
returning id, epoch;
