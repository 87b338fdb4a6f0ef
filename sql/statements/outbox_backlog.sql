-- What waits to be written, for /readyz and metrics. Parameters: none. Columns: waiting bigint, unknown bigint,
-- failed bigint, oldest_ms bigint. Safe to repeat.
select count(*) filter (where state in ('waiting', 'sending')) as waiting, count(*) filter (where state = 'unknown') as unknown,
       count(*) filter (where state = 'failed') as failed,
       coalesce((extract(epoch from clock_timestamp() - min(created_at) filter (where state in ('waiting', 'sending', 'unknown'))) * 1000)::bigint, 0)
           as oldest_ms
  from outbox;
