-- Takes waiting runs: customers by fewest running, then urgency, then age. Parameters: incarnation uuid, most int.
-- Columns: id uuid, epoch bigint. Zero rows: nothing waits. Not repeatable: each call takes more.
-- The customers are found by steps over the index, so the cost follows their number, not the number of waiting runs.
with recursive customer (name) as (
    (select r.customer from run r where r.state = 'waiting' order by r.customer limit 1)
    union all
    select (select r.customer from run r where r.state = 'waiting' and r.customer > c.name order by r.customer limit 1)
      from customer c where c.name is not null
)
update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp(), state = 'starting'
 where state = 'waiting' and id = any (array(
    select k.id from run k
      join (select w.id, row_number() over (order by w.place, w.urgency_rank, w.created_at) as n
              from (select f.id, f.urgency_rank, f.created_at,
                           f.n + (select count(*) from run h where h.customer = c.name and h.ended_at is null
                                                               and h.holder is not null) as place
                      from customer c,
                           lateral (select r.id, r.urgency_rank, r.created_at,
                                           row_number() over (order by r.urgency_rank, r.created_at) as n
                                      from run r where r.state = 'waiting' and r.customer = c.name
                                     order by r.urgency_rank, r.created_at limit 4 * $2) f
                     where c.name is not null) w) o on o.id = k.id
     where k.state = 'waiting'
     order by o.n limit $2 for update of k skip locked))
returning id, epoch;
