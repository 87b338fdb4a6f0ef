-- Reads a set. Parameters: kind text, hash text. Columns: content bytea. Zero rows: no such set. Safe to repeat.
select content from version where kind = $1 and hash = $2;
