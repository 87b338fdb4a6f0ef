-- Drops incidents that were resolved long ago and that nothing hot refers to; their runs and keys tell of them further on.
-- Parameters: older_ms bigint, most int. Columns: id bigint. Safe to repeat.
delete from incident where id = any (array(
    select i.id from incident i
     where i.status = 'resolved' and i.resolved_at < statement_timestamp() - $1::bigint * interval '1 ms'
       and i.seen_at < statement_timestamp() - $1::bigint * interval '1 ms'
       and not exists (select from run r where r.incident = i.id)
       and not exists (select from outbox o where o.incident = i.id)
     order by i.resolved_at limit $2 for update skip locked))
returning id;
