-- Drops run keys that are older than any copy of an event can be. Parameters: older_ms bigint, most int.
-- Columns: run uuid. Safe to repeat.
delete from run_key where ctid = any (array(
    select k.ctid from run_key k
     where k.created_at < statement_timestamp() - $1::bigint * interval '1 ms'
     order by k.created_at limit $2 for update skip locked))
returning run;
