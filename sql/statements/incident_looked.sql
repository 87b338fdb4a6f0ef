-- The reconciler has read an incident. Parameters: account text, key text, shown text (its fingerprint), gone boolean (PagerDuty
-- has no such incident any more). Columns: id bigint. Zero rows: unknown. Safe to repeat.
update incident set shown = $3, looked_at = clock_timestamp(),
       resolved_at = case when $4 and status <> 'resolved' then clock_timestamp() else resolved_at end,
       status = case when $4 then 'resolved' else status end
 where account = $1 and key = $2
returning id;
