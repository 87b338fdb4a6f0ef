-- Drops run keys that are older than any copy of an event can be. Parameters: older_ms bigint, most int.
-- Columns: run uuid. Safe to repeat.
delete from run_key where (account, incident_key, opening) in (
    select account, incident_key, opening from run_key k
     where k.created_at < clock_timestamp() - $1::bigint * interval '1 ms'
     order by k.created_at limit $2 for update skip locked)
returning run;
