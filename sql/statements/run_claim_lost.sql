-- All runs that an incarnation holds, after a claim whose answer was lost. Writes, so that its own commit covers what it
-- saw. Parameters: incarnation uuid. Columns: id uuid, epoch bigint. Zero rows: none. Safe to repeat.
update run set claimed_at = clock_timestamp() where holder = $1 and ended_at is null returning id, epoch;
