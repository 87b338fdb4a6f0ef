-- A resolve or merge that is not ours. Parameters: account text, key text, at timestamptz, by text ('' for the monitor),
-- how text. Columns: id bigint. Zero rows: unknown, closed already, or from before this opening. Safe to repeat.
update incident set closed_at = $3, closed_by = $4, closed_how = $5
 where account = $1 and key = $2 and closed_at is null and $3 >= opening
returning id;
