-- Moves old events to history. Parameters: older_ms bigint, most int. Columns: id bigint. Safe to repeat.
-- They stay hot for more than 48 h, as long as PagerDuty may send a copy.
with gone as (
    delete from event where id = any (array(
        select e.id from event e where e.received_at < statement_timestamp() - $1::bigint * interval '1 ms'
         order by e.received_at limit $2 for update skip locked))
    returning *
), kept as (insert into event_history select * from gone returning 1)
select id from gone;
