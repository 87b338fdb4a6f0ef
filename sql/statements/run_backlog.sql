-- Queue depth and oldest age. Parameters: none. Columns: waiting bigint, held bigint, oldest_ms bigint. Safe to repeat.
select count(*) filter (where holder is null) as waiting, count(*) filter (where holder is not null) as held,
       coalesce((extract(epoch from clock_timestamp() - min(created_at) filter (where holder is null)) * 1000)::bigint, 0) as oldest_ms
  from run where ended_at is null;
