-- What waits to be written, for /readyz and metrics; looks for doubled notes are no backlog. Parameters: none.
-- Columns: waiting bigint, unknown bigint, failed bigint (lately: a day back), oldest_ms bigint. Safe to repeat.
select count(*) filter (where state in ('waiting', 'sending')) as waiting, count(*) filter (where state = 'unknown') as unknown,
       count(*) filter (where state = 'failed')
           + (select count(*) from outbox_history where state = 'failed' and created_at > statement_timestamp() - interval '1 day')
           as failed,
       coalesce((extract(epoch from clock_timestamp() - min(created_at) filter (where state in ('waiting', 'sending', 'unknown'))) * 1000)::bigint, 0)
           as oldest_ms
  from outbox where kind <> 'mend';
