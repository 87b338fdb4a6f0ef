-- The holder of a round is at work: the next is not due before half a period has gone by. Parameters: name text,
-- round bigint, every_ms bigint. Columns: round bigint. Zero rows: another has taken the next round. Safe to repeat.
update turn set due_at = greatest(due_at, clock_timestamp() + $3::bigint / 2 * interval '1 ms')
 where name = $1 and round = $2
returning round;
