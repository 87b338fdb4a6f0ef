-- A planned stop: the row is marked dead, its runs can be taken at once. Parameters: incarnation uuid.
-- Columns: incarnation uuid. Zero rows: it was dead already. Safe to repeat.
update node set dead = true, dead_at = clock_timestamp(), dead_why = 'left'
 where incarnation = $1 and not dead
returning incarnation;
