-- Raises the epoch of a run that this incarnation holds, after a write of its own that may or may not be done: what of it is
-- still under way finds another epoch, and what is found next is final. By holder, since the answer to this may be lost, too.
-- Parameters: id uuid, incarnation uuid. Columns: epoch bigint. Zero rows: taken over, or ended. Safe to repeat.
update run set epoch = epoch + 1 where id = $1 and holder = $2 and ended_at is null returning epoch;
