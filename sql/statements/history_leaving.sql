-- The partitions of history that are to leave, the oldest first. Parameters: older_ms bigint. Columns: name text, file bigint.
-- Safe to repeat.
select h.name, h.file::bigint as file
  from history_partition h
 where (h.month + interval '1 month') at time zone 'UTC' <= statement_timestamp() - $1::bigint * interval '1 ms'
 order by h.month, h.name;
