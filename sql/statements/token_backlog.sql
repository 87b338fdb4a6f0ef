-- Tokens that are owed to machines. Parameters: none. Columns: owed bigint, oldest_ms bigint. Safe to repeat.
select count(*) as owed, coalesce((extract(epoch from clock_timestamp() - min(created_at)) * 1000)::bigint, 0) as oldest_ms
  from token_debt where settled_at is null;
