-- Becomes the one sender of incidents that have something due, endings first. Parameters: incarnation uuid, most int.
-- Columns: incident bigint, send_epoch bigint. Zero rows: nothing is due. Not repeatable: each call takes more.
update incident set sender = $1, send_epoch = send_epoch + 1
 where id = any (array(
    select i.id from incident i
      join (select o.incident, min(case when o.kind in ('ending', 'ending_title', 'status', 'hand_over') then 0 else 1 end) as rank,
                   min(o.id) as oldest
              from outbox o where o.state in ('waiting', 'sending', 'unknown') and o.not_before <= clock_timestamp()
             group by o.incident) d on d.incident = i.id
     where i.sender is null or exists (select from node n where n.incarnation = i.sender and n.dead)
     order by d.rank, d.oldest limit $2 for update of i skip locked))
returning id as incident, send_epoch;
