-- Incidents that we take for open and PagerDuty's whole list does not have. Parameters: account text, listed jsonb (ids),
-- started timestamptz (what was seen later is left to the next round), most int. Columns: key text, opening_ms bigint,
-- runs boolean (it has one that is not over; these first), looked_ms bigint. Safe to repeat.
select key, opening_ms, runs, coalesce((extract(epoch from looked_at) * 1000)::bigint, 0) as looked_ms from (
    select i.key, (extract(epoch from i.opening) * 1000)::bigint as opening_ms, i.looked_at,
           exists (select from run r where r.incident = i.id and r.ended_at is null) as runs
      from incident i
     where i.account = $1 and i.status <> 'resolved' and i.seen_at < $3
       and not exists (select from jsonb_array_elements_text($2) l(k) where l.k = i.key)
) gone
 order by not runs, looked_at nulls first
 limit $4;
