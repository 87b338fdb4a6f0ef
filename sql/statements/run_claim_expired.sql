-- Takes runs whose give_up_at has passed, to hand them over: waiting ones at once, held ones after a grace in which their
-- holder does it itself (also those of the asker: it may have lost sight of one), and not again within the next grace.
-- Parameters: incarnation uuid, most int, grace_ms bigint. Columns: id uuid, epoch bigint.
-- Zero rows: none. Not repeatable.
update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp(),
       state = case when state = 'waiting' then 'starting' else state end -- else a claim of waiting ones takes it again
 where id = any (array(
    select r.id from run r
     where r.ended_at is null and r.give_up_at < statement_timestamp() -- not clock_timestamp(): it is volatile, and then no index condition
       and (r.holder is null
            or (r.give_up_at < clock_timestamp() - $3::bigint * interval '1 ms'
                and coalesce(r.claimed_at, '-infinity') < clock_timestamp() - $3::bigint * interval '1 ms'))
     order by r.give_up_at limit $2 for update skip locked))
returning id, epoch;
