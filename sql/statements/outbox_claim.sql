-- Becomes the one sender of incidents whose next row is due, endings first. Parameters: incarnation uuid, most int,
-- active bigint[] (the incidents that this worker is sending for; another of its own is one whose claim's answer was lost).
-- Columns: incident bigint, send_epoch bigint. Zero rows: nothing is due. Not repeatable: each call takes more.
update incident set sender = $1, send_epoch = send_epoch + 1
 where id = any (array(
    select i.id from incident i
      join (select distinct on (o.incident) o.incident, o.not_before, o.id
              from outbox o where o.state in ('waiting', 'sending', 'unknown')
             order by o.incident, o.sequence) d on d.incident = i.id
     where d.not_before <= clock_timestamp()
       and (i.sender is null or (i.sender = $1 and i.id <> all ($3::bigint[])) or exists (select from node n where n.incarnation = i.sender and n.dead))
     order by not exists (select from outbox e where e.incident = i.id and e.state = 'waiting'
                             and e.kind in ('ending', 'ending_title', 'status', 'hand_over')), d.id
     limit $2 for update of i skip locked))
returning id as incident, send_epoch;
