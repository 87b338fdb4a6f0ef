-- A person gave the incident back (note `firstline go`). Parameters: account text, key text. Columns: id bigint.
-- Zero rows: nobody had taken it. Safe to repeat.
update incident set touched_at = null, touched_by = null, touched_how = null
 where account = $1 and key = $2 and touched_at is not null
returning id;
