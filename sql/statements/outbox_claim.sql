-- Becomes the one sender of incidents whose next row is due, endings first. Parameters: incarnation uuid, most int,
-- active bigint[] (the incidents that this worker is sending for; another of its own is one whose claim's answer was lost).
-- Columns: incident bigint, send_epoch bigint. Zero rows: nothing is due. Not repeatable: each call takes more.
-- Both lists are walked in an index's order and end at a constant limit, so the cost does not follow the backlog.
with free as not materialized (
    select i.id from incident i
     where i.sender is null or (i.sender = $1 and i.id <> all ($3::bigint[]))
        or exists (select from node n where n.incarnation = i.sender and n.dead)
), due as (
    (select 0 as rank, e.not_before as at, e.incident
       from outbox e
       join lateral (select o.not_before from outbox o
                      where o.incident = e.incident and o.state in ('waiting', 'sending', 'unknown')
                      order by o.sequence limit 1) head on head.not_before <= statement_timestamp()
       join free f on f.id = e.incident
      where e.state in ('waiting', 'unknown') and e.kind in ('ending', 'ending_title', 'status', 'hand_over')
      order by e.not_before limit 128)
    union all
    (select 1, o.not_before, o.incident
       from outbox o
       join free f on f.id = o.incident
      where o.state in ('waiting', 'sending', 'unknown') and o.not_before <= statement_timestamp()
        and not exists (select from outbox b where b.incident = o.incident and b.sequence < o.sequence
                                               and b.state in ('waiting', 'sending', 'unknown'))
      order by o.not_before limit 64)
), first as (
    select incident, min(rank) as rank, min(at) as at from due group by incident
)
update incident set sender = $1, send_epoch = send_epoch + 1
 where id = any (array(
    select i.id from first d join incident i on i.id = d.incident
     where i.sender is null or (i.sender = $1 and i.id <> all ($3::bigint[]))
        or exists (select from node n where n.incarnation = i.sender and n.dead)
     order by d.rank, d.at limit $2 for update of i skip locked))
returning id as incident, send_epoch;
