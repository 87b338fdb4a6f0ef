-- Stores a scenario or inventory set by its content hash. Parameters: kind text, hash text, content bytea.
-- Columns: hash text. One row, always. Safe to repeat.
insert into version (kind, hash, content) values ($1, $2, $3)
on conflict (kind, hash) do update set loaded_at = clock_timestamp()
returning hash;
