-- Whether a set is stored, so that its content need not be sent again. Parameters: kind text, hash text.
-- Columns: hash text. Zero rows: not stored. Writes, so that its own commit covers what it saw. Safe to repeat.
update version set loaded_at = clock_timestamp() where kind = $1 and hash = $2 returning hash;
